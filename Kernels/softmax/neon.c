#if defined(__aarch64__)
#include "vz_table.h"
#include <math.h>
#include "../common/vz_simd_neon.h"
#define ISA(name) name##_neon
#include "softmax_simd.h"
#include "../common/vz_simd_end.h"
#endif
