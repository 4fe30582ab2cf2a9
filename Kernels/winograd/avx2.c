#if defined(__x86_64__)
#include "vz_table.h"
#include <string.h>
#include "../common/vz_simd_avx2.h"
#define ISA(name) name##_avx2
#include "transform.h"
#include "weights.h"
#include "../common/vz_simd_end.h"
#endif
