/* The vector vocabulary for NEON: see vz_simd.md. Close it with vz_simd_end.h. */
#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>
#pragma clang attribute push(__attribute__((target("neon"))), apply_to = function)
#define VZ_SIMD_INLINE static inline __attribute__((always_inline, unused))

enum { VF = 4 };
typedef float32x4_t vf;
typedef int32x4_t vi;
typedef uint32x4_t vm;

VZ_SIMD_INLINE vf vf_zero(void) { return vdupq_n_f32(0); }
VZ_SIMD_INLINE vf vf_set(float x) { return vdupq_n_f32(x); }
VZ_SIMD_INLINE vf vf_load(const float *p) { return vld1q_f32(p); }
VZ_SIMD_INLINE vf vf_splat(const float *p) { return vld1q_dup_f32(p); }
VZ_SIMD_INLINE void vf_store(float *p, vf x) { vst1q_f32(p, x); }
VZ_SIMD_INLINE vf vf_load_n(const float *p, size_t n) {
  vf x = vdupq_n_f32(0);
  if (n == 4) return vld1q_f32(p);
  if (n & 2) {
    x = vcombine_f32(vld1_f32(p), vdup_n_f32(0));
    return n & 1 ? vld1q_lane_f32(p + 2, x, 2) : x;
  }
  return n & 1 ? vld1q_lane_f32(p, x, 0) : x;
}
VZ_SIMD_INLINE void vf_store_n(float *p, size_t n, vf x) {
  if (n == 4) {
    vst1q_f32(p, x);
    return;
  }
  if (n & 2) {
    vst1_f32(p, vget_low_f32(x));
    if (n & 1) vst1q_lane_f32(p + 2, x, 2);
    return;
  }
  if (n & 1) vst1q_lane_f32(p, x, 0);
}

VZ_SIMD_INLINE vf vf_add(vf a, vf b) { return vaddq_f32(a, b); }
VZ_SIMD_INLINE vf vf_sub(vf a, vf b) { return vsubq_f32(a, b); }
VZ_SIMD_INLINE vf vf_mul(vf a, vf b) { return vmulq_f32(a, b); }
VZ_SIMD_INLINE vf vf_div(vf a, vf b) { return vdivq_f32(a, b); }
VZ_SIMD_INLINE vf vf_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
VZ_SIMD_INLINE vf vf_fnma(vf a, vf b, vf c) { return vfmsq_f32(c, a, b); }
VZ_SIMD_INLINE vf vf_min(vf a, vf b) { return vminq_f32(a, b); }
VZ_SIMD_INLINE vf vf_max(vf a, vf b) { return vmaxq_f32(a, b); }
VZ_SIMD_INLINE vf vf_sqrt(vf a) { return vsqrtq_f32(a); }
VZ_SIMD_INLINE vf vf_abs(vf a) { return vabsq_f32(a); }
VZ_SIMD_INLINE vf vf_neg(vf a) { return vnegq_f32(a); }
VZ_SIMD_INLINE vf vf_copysign(vf a, vf s) { return vbslq_f32(vdupq_n_u32(0x80000000u), s, a); }
VZ_SIMD_INLINE vf vf_round(vf a) { return vrndnq_f32(a); }
VZ_SIMD_INLINE vf vf_floor(vf a) { return vrndmq_f32(a); }
VZ_SIMD_INLINE vf vf_ceil(vf a) { return vrndpq_f32(a); }
VZ_SIMD_INLINE vf vf_trunc(vf a) { return vrndq_f32(a); }

VZ_SIMD_INLINE vm vf_lt(vf a, vf b) { return vcltq_f32(a, b); }
VZ_SIMD_INLINE vm vf_le(vf a, vf b) { return vcleq_f32(a, b); }
VZ_SIMD_INLINE vm vf_eq(vf a, vf b) { return vceqq_f32(a, b); }
VZ_SIMD_INLINE vm vf_nan(vf a) { return vmvnq_u32(vceqq_f32(a, a)); }
VZ_SIMD_INLINE vf vf_select(vm m, vf yes, vf no) { return vbslq_f32(m, yes, no); }

VZ_SIMD_INLINE vi vi_set(int32_t x) { return vdupq_n_s32(x); }
VZ_SIMD_INLINE vi vi_load(const int32_t *p) { return vld1q_s32(p); }
VZ_SIMD_INLINE void vi_store(int32_t *p, vi x) { vst1q_s32(p, x); }
VZ_SIMD_INLINE vi vi_add(vi a, vi b) { return vaddq_s32(a, b); }
VZ_SIMD_INLINE vi vi_sub(vi a, vi b) { return vsubq_s32(a, b); }
VZ_SIMD_INLINE vi vi_and(vi a, vi b) { return vandq_s32(a, b); }
VZ_SIMD_INLINE vi vi_or(vi a, vi b) { return vorrq_s32(a, b); }
VZ_SIMD_INLINE vi vi_xor(vi a, vi b) { return veorq_s32(a, b); }
#define vi_shl(a, bits) vshlq_n_s32(a, bits)
#define vi_shr(a, bits) vshrq_n_s32(a, bits)
VZ_SIMD_INLINE vi vf_to_int(vf a) { return vcvtnq_s32_f32(a); }
VZ_SIMD_INLINE vf vf_from_int(vi a) { return vcvtq_f32_s32(a); }
VZ_SIMD_INLINE vi vf_bits(vf a) { return vreinterpretq_s32_f32(a); }
VZ_SIMD_INLINE vf vf_from_bits(vi a) { return vreinterpretq_f32_s32(a); }

VZ_SIMD_INLINE float vf_sum(vf a) { return vaddvq_f32(a); }
VZ_SIMD_INLINE float vf_top(vf a) { return vmaxvq_f32(a); }
VZ_SIMD_INLINE float vf_bottom(vf a) { return vminvq_f32(a); }

VZ_SIMD_INLINE vi vi_mul(vi a, vi b) { return vmulq_s32(a, b); }
VZ_SIMD_INLINE vf vf_gather(const float *p, vi at) {
  vf x = vld1q_dup_f32(p + vgetq_lane_s32(at, 0));
  x = vld1q_lane_f32(p + vgetq_lane_s32(at, 1), x, 1);
  x = vld1q_lane_f32(p + vgetq_lane_s32(at, 2), x, 2);
  return vld1q_lane_f32(p + vgetq_lane_s32(at, 3), x, 3);
}
VZ_SIMD_INLINE void vf_split(const float *p, vf *even, vf *odd) {
  float32x4x2_t both = vld2q_f32(p);
  *even = both.val[0];
  *odd = both.val[1];
}
VZ_SIMD_INLINE void vf_gather_pairs(const float *p, const int32_t *at, vf *first, vf *second) {
  float32x4_t low = vcombine_f32(vld1_f32(p + at[0]), vld1_f32(p + at[1]));
  float32x4_t high = vcombine_f32(vld1_f32(p + at[2]), vld1_f32(p + at[3]));
  *first = vuzp1q_f32(low, high);
  *second = vuzp2q_f32(low, high);
}

VZ_SIMD_INLINE void vf_transpose(vf row[4]) {
  float32x4_t a = vzip1q_f32(row[0], row[2]), b = vzip2q_f32(row[0], row[2]);
  float32x4_t c = vzip1q_f32(row[1], row[3]), d = vzip2q_f32(row[1], row[3]);
  row[0] = vzip1q_f32(a, c);
  row[1] = vzip2q_f32(a, c);
  row[2] = vzip1q_f32(b, d);
  row[3] = vzip2q_f32(b, d);
}
