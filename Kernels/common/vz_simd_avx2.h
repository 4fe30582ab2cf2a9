/* The vector vocabulary for AVX2 + FMA: see vz_simd.md. Opens a target region; close it with vz_simd_end.h. */
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define VZ_SIMD_INLINE static inline __attribute__((always_inline, unused))

enum { VF = 8 };
typedef __m256 vf;
typedef __m256i vi;
typedef __m256 vm;

VZ_SIMD_INLINE __m256i vf_head_(size_t n) {
  static const int32_t ramp[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
  return _mm256_loadu_si256((const __m256i *)(ramp + 8 - n));
}

VZ_SIMD_INLINE vf vf_zero(void) { return _mm256_setzero_ps(); }
VZ_SIMD_INLINE vf vf_set(float x) { return _mm256_set1_ps(x); }
VZ_SIMD_INLINE vf vf_load(const float *p) { return _mm256_loadu_ps(p); }
VZ_SIMD_INLINE vf vf_splat(const float *p) { return _mm256_broadcast_ss(p); }
VZ_SIMD_INLINE void vf_store(float *p, vf x) { _mm256_storeu_ps(p, x); }
VZ_SIMD_INLINE vf vf_load_n(const float *p, size_t n) { return _mm256_maskload_ps(p, vf_head_(n)); }
VZ_SIMD_INLINE void vf_store_n(float *p, size_t n, vf x) { _mm256_maskstore_ps(p, vf_head_(n), x); }

VZ_SIMD_INLINE vf vf_add(vf a, vf b) { return _mm256_add_ps(a, b); }
VZ_SIMD_INLINE vf vf_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
VZ_SIMD_INLINE vf vf_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
VZ_SIMD_INLINE vf vf_div(vf a, vf b) { return _mm256_div_ps(a, b); }
VZ_SIMD_INLINE vf vf_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
VZ_SIMD_INLINE vf vf_fnma(vf a, vf b, vf c) { return _mm256_fnmadd_ps(a, b, c); }
VZ_SIMD_INLINE vf vf_min(vf a, vf b) { return _mm256_min_ps(a, b); }
VZ_SIMD_INLINE vf vf_max(vf a, vf b) { return _mm256_max_ps(a, b); }
VZ_SIMD_INLINE vf vf_sqrt(vf a) { return _mm256_sqrt_ps(a); }
VZ_SIMD_INLINE vf vf_abs(vf a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
VZ_SIMD_INLINE vf vf_neg(vf a) { return _mm256_xor_ps(_mm256_set1_ps(-0.0f), a); }
VZ_SIMD_INLINE vf vf_copysign(vf a, vf s) {
  vf sign = _mm256_set1_ps(-0.0f);
  return _mm256_or_ps(_mm256_andnot_ps(sign, a), _mm256_and_ps(sign, s));
}
VZ_SIMD_INLINE vf vf_round(vf a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
VZ_SIMD_INLINE vf vf_floor(vf a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
VZ_SIMD_INLINE vf vf_ceil(vf a) { return _mm256_round_ps(a, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC); }
VZ_SIMD_INLINE vf vf_trunc(vf a) { return _mm256_round_ps(a, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); }

VZ_SIMD_INLINE vm vf_lt(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
VZ_SIMD_INLINE vm vf_le(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
VZ_SIMD_INLINE vm vf_eq(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
VZ_SIMD_INLINE vm vf_nan(vf a) { return _mm256_cmp_ps(a, a, _CMP_UNORD_Q); }
VZ_SIMD_INLINE vf vf_select(vm m, vf yes, vf no) { return _mm256_blendv_ps(no, yes, m); }

VZ_SIMD_INLINE vi vi_set(int32_t x) { return _mm256_set1_epi32(x); }
VZ_SIMD_INLINE vi vi_load(const int32_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
VZ_SIMD_INLINE void vi_store(int32_t *p, vi x) { _mm256_storeu_si256((__m256i *)p, x); }
VZ_SIMD_INLINE vi vi_add(vi a, vi b) { return _mm256_add_epi32(a, b); }
VZ_SIMD_INLINE vi vi_sub(vi a, vi b) { return _mm256_sub_epi32(a, b); }
VZ_SIMD_INLINE vi vi_and(vi a, vi b) { return _mm256_and_si256(a, b); }
VZ_SIMD_INLINE vi vi_or(vi a, vi b) { return _mm256_or_si256(a, b); }
VZ_SIMD_INLINE vi vi_xor(vi a, vi b) { return _mm256_xor_si256(a, b); }
#define vi_shl(a, bits) _mm256_slli_epi32(a, bits)
#define vi_shr(a, bits) _mm256_srai_epi32(a, bits)
VZ_SIMD_INLINE vi vf_to_int(vf a) { return _mm256_cvtps_epi32(a); }
VZ_SIMD_INLINE vf vf_from_int(vi a) { return _mm256_cvtepi32_ps(a); }
VZ_SIMD_INLINE vi vf_bits(vf a) { return _mm256_castps_si256(a); }
VZ_SIMD_INLINE vf vf_from_bits(vi a) { return _mm256_castsi256_ps(a); }

VZ_SIMD_INLINE float vf_sum(vf a) {
  __m128 x = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  x = _mm_add_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
}
VZ_SIMD_INLINE float vf_top(vf a) {
  __m128 x = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  x = _mm_max_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}
VZ_SIMD_INLINE float vf_bottom(vf a) {
  __m128 x = _mm_min_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  x = _mm_min_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_min_ss(x, _mm_movehdup_ps(x)));
}

VZ_SIMD_INLINE vi vi_mul(vi a, vi b) { return _mm256_mullo_epi32(a, b); }
VZ_SIMD_INLINE vf vf_gather(const float *p, vi at) { return _mm256_i32gather_ps(p, at, 4); }
VZ_SIMD_INLINE void vf_split(const float *p, vf *even, vf *odd) {
  __m256 a = _mm256_loadu_ps(p), b = _mm256_loadu_ps(p + 8);
  __m256 low = _mm256_permute2f128_ps(a, b, 0x20), high = _mm256_permute2f128_ps(a, b, 0x31);
  *even = _mm256_shuffle_ps(low, high, 0x88);
  *odd = _mm256_shuffle_ps(low, high, 0xdd);
}
/* Broadcast loads and blends: hardware gathers are slow where speculation is fenced, insertions crowd one port. */
VZ_SIMD_INLINE __m256 vf_four_pairs_(const float *p, int32_t a, int32_t b, int32_t c, int32_t d) {
  __m256d ab =
      _mm256_blend_pd(_mm256_broadcast_sd((const double *)(p + a)), _mm256_broadcast_sd((const double *)(p + b)), 2);
  __m256d cd =
      _mm256_blend_pd(_mm256_broadcast_sd((const double *)(p + c)), _mm256_broadcast_sd((const double *)(p + d)), 8);
  return _mm256_castpd_ps(_mm256_blend_pd(ab, cd, 12));
}
VZ_SIMD_INLINE void vf_gather_pairs(const float *p, const int32_t *at, vf *first, vf *second) {
  __m256 low = vf_four_pairs_(p, at[0], at[1], at[4], at[5]), high = vf_four_pairs_(p, at[2], at[3], at[6], at[7]);
  *first = _mm256_shuffle_ps(low, high, 0x88);
  *second = _mm256_shuffle_ps(low, high, 0xdd);
}

VZ_SIMD_INLINE void vf_transpose(vf row[8]) {
  __m256 pair[8], quad[8];
  for (int k = 0; k < 8; k += 2) {
    pair[k] = _mm256_unpacklo_ps(row[k], row[k + 1]);
    pair[k + 1] = _mm256_unpackhi_ps(row[k], row[k + 1]);
  }
  for (int k = 0; k < 8; k += 4)
    for (int j = 0; j < 2; j++) {
      quad[k + 2 * j] = _mm256_shuffle_ps(pair[k + j], pair[k + j + 2], 0x44);
      quad[k + 2 * j + 1] = _mm256_shuffle_ps(pair[k + j], pair[k + j + 2], 0xee);
    }
  for (int k = 0; k < 4; k++) {
    row[k] = _mm256_permute2f128_ps(quad[k], quad[k + 4], 0x20);
    row[k + 4] = _mm256_permute2f128_ps(quad[k], quad[k + 4], 0x31);
  }
}
