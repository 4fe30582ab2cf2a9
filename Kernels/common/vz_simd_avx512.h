/* The vector vocabulary for AVX-512 F, BW, DQ, VL: see vz_simd.md. Opens a target region; close it with
   vz_simd_end.h. */
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl"))),              \
                             apply_to = function)
#define VZ_SIMD_INLINE static inline __attribute__((always_inline, unused))

enum { VF = 16 };
typedef __m512 vf;
typedef __m512i vi;
typedef __mmask16 vm;

VZ_SIMD_INLINE __mmask16 vf_head_(size_t n) { return (__mmask16)((1u << n) - 1); }

VZ_SIMD_INLINE vf vf_zero(void) { return _mm512_setzero_ps(); }
VZ_SIMD_INLINE vf vf_set(float x) { return _mm512_set1_ps(x); }
VZ_SIMD_INLINE vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
VZ_SIMD_INLINE vf vf_splat(const float *p) { return _mm512_set1_ps(*p); }
VZ_SIMD_INLINE void vf_store(float *p, vf x) { _mm512_storeu_ps(p, x); }
VZ_SIMD_INLINE vf vf_load_n(const float *p, size_t n) { return _mm512_maskz_loadu_ps(vf_head_(n), p); }
VZ_SIMD_INLINE void vf_store_n(float *p, size_t n, vf x) { _mm512_mask_storeu_ps(p, vf_head_(n), x); }

VZ_SIMD_INLINE vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
VZ_SIMD_INLINE vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
VZ_SIMD_INLINE vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
VZ_SIMD_INLINE vf vf_div(vf a, vf b) { return _mm512_div_ps(a, b); }
VZ_SIMD_INLINE vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
VZ_SIMD_INLINE vf vf_fnma(vf a, vf b, vf c) { return _mm512_fnmadd_ps(a, b, c); }
VZ_SIMD_INLINE vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
VZ_SIMD_INLINE vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
VZ_SIMD_INLINE vf vf_sqrt(vf a) { return _mm512_sqrt_ps(a); }
VZ_SIMD_INLINE vf vf_abs(vf a) { return _mm512_abs_ps(a); }
VZ_SIMD_INLINE vf vf_neg(vf a) { return _mm512_xor_ps(_mm512_set1_ps(-0.0f), a); }
VZ_SIMD_INLINE vf vf_copysign(vf a, vf s) {
  vf sign = _mm512_set1_ps(-0.0f);
  return _mm512_or_ps(_mm512_andnot_ps(sign, a), _mm512_and_ps(sign, s));
}
VZ_SIMD_INLINE vf vf_round(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
VZ_SIMD_INLINE vf vf_floor(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
VZ_SIMD_INLINE vf vf_ceil(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC); }
VZ_SIMD_INLINE vf vf_trunc(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); }

/* a 2^n for whole n. */
#define VZ_SIMD_SCALES
VZ_SIMD_INLINE vf vf_scale(vf a, vf n) { return _mm512_scalef_ps(a, n); }

VZ_SIMD_INLINE vm vf_lt(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
VZ_SIMD_INLINE vm vf_le(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
VZ_SIMD_INLINE vm vf_eq(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
VZ_SIMD_INLINE vm vf_nan(vf a) { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q); }
VZ_SIMD_INLINE vf vf_select(vm m, vf yes, vf no) { return _mm512_mask_blend_ps(m, no, yes); }

VZ_SIMD_INLINE vi vi_set(int32_t x) { return _mm512_set1_epi32(x); }
VZ_SIMD_INLINE vi vi_load(const int32_t *p) { return _mm512_loadu_si512(p); }
VZ_SIMD_INLINE void vi_store(int32_t *p, vi x) { _mm512_storeu_si512(p, x); }
VZ_SIMD_INLINE vi vi_add(vi a, vi b) { return _mm512_add_epi32(a, b); }
VZ_SIMD_INLINE vi vi_sub(vi a, vi b) { return _mm512_sub_epi32(a, b); }
VZ_SIMD_INLINE vi vi_and(vi a, vi b) { return _mm512_and_si512(a, b); }
VZ_SIMD_INLINE vi vi_or(vi a, vi b) { return _mm512_or_si512(a, b); }
VZ_SIMD_INLINE vi vi_xor(vi a, vi b) { return _mm512_xor_si512(a, b); }
#define vi_shl(a, bits) _mm512_slli_epi32(a, bits)
#define vi_shr(a, bits) _mm512_srai_epi32(a, bits)
VZ_SIMD_INLINE vi vf_to_int(vf a) { return _mm512_cvtps_epi32(a); }
VZ_SIMD_INLINE vf vf_from_int(vi a) { return _mm512_cvtepi32_ps(a); }
VZ_SIMD_INLINE vi vf_bits(vf a) { return _mm512_castps_si512(a); }
VZ_SIMD_INLINE vf vf_from_bits(vi a) { return _mm512_castsi512_ps(a); }

VZ_SIMD_INLINE float vf_sum(vf a) { return _mm512_reduce_add_ps(a); }
VZ_SIMD_INLINE float vf_top(vf a) { return _mm512_reduce_max_ps(a); }
VZ_SIMD_INLINE float vf_bottom(vf a) { return _mm512_reduce_min_ps(a); }

VZ_SIMD_INLINE vi vi_mul(vi a, vi b) { return _mm512_mullo_epi32(a, b); }
VZ_SIMD_INLINE vf vf_gather(const float *p, vi at) { return _mm512_i32gather_ps(at, p, 4); }
VZ_SIMD_INLINE __m512i vf_evens_(void) {
  return _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
}
VZ_SIMD_INLINE void vf_split(const float *p, vf *even, vf *odd) {
  __m512 a = _mm512_loadu_ps(p), b = _mm512_loadu_ps(p + 16);
  *even = _mm512_permutex2var_ps(a, vf_evens_(), b);
  *odd = _mm512_permutex2var_ps(a, _mm512_or_si512(vf_evens_(), _mm512_set1_epi32(1)), b);
}
/* Broadcast loads merged by masks: hardware gathers are slow where speculation is fenced. */
VZ_SIMD_INLINE __m512 vf_eight_pairs_(const float *p, const int32_t *at) {
  __m512d x = _mm512_broadcastsd_pd(_mm_load_sd((const double *)(p + at[0])));
  x = _mm512_mask_broadcastsd_pd(x, 0x02, _mm_load_sd((const double *)(p + at[1])));
  x = _mm512_mask_broadcastsd_pd(x, 0x04, _mm_load_sd((const double *)(p + at[2])));
  x = _mm512_mask_broadcastsd_pd(x, 0x08, _mm_load_sd((const double *)(p + at[3])));
  __m512d y = _mm512_broadcastsd_pd(_mm_load_sd((const double *)(p + at[4])));
  y = _mm512_mask_broadcastsd_pd(y, 0x20, _mm_load_sd((const double *)(p + at[5])));
  y = _mm512_mask_broadcastsd_pd(y, 0x40, _mm_load_sd((const double *)(p + at[6])));
  y = _mm512_mask_broadcastsd_pd(y, 0x80, _mm_load_sd((const double *)(p + at[7])));
  return _mm512_castpd_ps(_mm512_mask_blend_pd(0xf0, x, y));
}
VZ_SIMD_INLINE void vf_gather_pairs(const float *p, const int32_t *at, vf *first, vf *second) {
  __m512 low = vf_eight_pairs_(p, at), high = vf_eight_pairs_(p, at + 8);
  *first = _mm512_permutex2var_ps(low, vf_evens_(), high);
  *second = _mm512_permutex2var_ps(low, _mm512_or_si512(vf_evens_(), _mm512_set1_epi32(1)), high);
}
