#if defined(__aarch64__)
#include "vz_table.h"
#include "../common/vz_simd_neon.h"
#define ISA(name) name##_neon
#include "tile.h"
#include "vecmat.h"
TILE_KERNEL(vz_tile_f32_n8_neon, 2, 8)
TILE_KERNEL(vz_tile_f32_n16_neon, 4, 6)
#include "../common/vz_simd_end.h"
#endif
