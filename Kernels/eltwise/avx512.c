#if defined(__x86_64__)
#include <stdbool.h>
#include "vz_table.h"
#include "../common/vz_simd_avx512.h"
#define ISA(name) name##_avx512
#include "eltwise_simd.h"
#include "../common/vz_simd_end.h"
#endif
