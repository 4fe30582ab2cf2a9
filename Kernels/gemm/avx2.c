#if defined(__x86_64__)
#include "vz_table.h"
#include "../common/vz_simd_avx2.h"
#define ISA(name) name##_avx2
#include "tile.h"
#include "vecmat.h"
TILE_KERNEL(vz_tile_f32_n8_avx2, 1, 12)
TILE_KERNEL(vz_tile_f32_n16_avx2, 2, 6)
#include "../common/vz_simd_end.h"
#endif
