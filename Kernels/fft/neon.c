#if defined(__aarch64__)
#include "vz_table.h"
#include "../common/vz_simd_neon.h"
#define REAL float
#define PASS vz_fft_pass_f32_neon
#include "pass.h"
#define REAL double
#define PASS vz_fft_pass_f64_neon
#include "pass.h"
#include "../common/vz_simd_end.h"
#endif
