#if defined(__x86_64__)
#include "vz_table.h"
#include "../common/vz_simd_avx512.h"
#define REAL float
#define PASS vz_fft_pass_f32_avx512
#include "pass.h"
#define REAL double
#define PASS vz_fft_pass_f64_avx512
#include "pass.h"
#include "../common/vz_simd_end.h"
#endif
