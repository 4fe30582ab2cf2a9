#if defined(__x86_64__)
#include "vz_table.h"
#include <string.h>
#include "../common/vz_simd_avx512.h"
#define ISA(name) name##_avx512
#include "transform.h"
#include "weights.h"
#include "../common/vz_simd_end.h"
#endif
