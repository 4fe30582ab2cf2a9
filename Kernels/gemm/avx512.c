#if defined(__x86_64__)
#include "vz_table.h"
#include "../common/vz_simd_avx512.h"
#define ISA(name) name##_avx512
#include "tile.h"
#include "vecmat.h"
TILE_KERNEL(vz_tile_f32_n16_avx512, 1, 12)
TILE_KERNEL(vz_tile_f32_n32_avx512, 2, 12)
TILE_KERNEL(vz_tile_f32_n48_avx512, 3, 8)
TILE_KERNEL(vz_tile_f32_n64_avx512, 4, 6)
#include "../common/vz_simd_end.h"
#endif
