#if defined(__aarch64__)
#include "vz_table.h"
#include <string.h>
#include "../common/vz_simd_neon.h"
#define ISA(name) name##_neon
#include "transform.h"
#include "weights.h"
#include "../common/vz_simd_end.h"
#endif
