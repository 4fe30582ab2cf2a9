#include "check.h"
#include "vz_conv_transpose.h"
#include "vz_gemm.h"
#include <stdlib.h>

/* Packed weights are kept in files, which other builds of Viseme read. When this check fails, weights are packed in
   another form than before: raise ModelIdentity.packingVersion (Sources/WeightStore), so that old files are not
   believed, and put the printed numbers here. */

static uint64_t fnv(size_t bytes, const void *data, uint64_t hash) {
  const unsigned char *p = data;
  for (size_t i = 0; i < bytes; i++) hash = (hash ^ p[i]) * 0x100000001b3;
  return hash;
}

/* Numbers that every machine computes alike. */
static float *numbers(check_env *env, size_t count) {
  float *values = check_bytes(env, count * sizeof *values, sizeof *values);
  for (size_t i = 0; i < count; i++) values[i] = (float)(i * 7919 % 1024) / 1024 - 0.5f;
  return values;
}

CHECK_DRIVER(packed_form) {
  if (env->round > 0) return;
  enum { IN = 20, OUT = 70 };
  vz_conv_shape s = {.batch = 1, .in_h = 8, .in_w = 8, .in_c = IN, .out_h = 8, .out_w = 8, .out_c = OUT, .kernel_h = 3,
                     .kernel_w = 3, .stride_h = 1, .stride_w = 1, .dilation_h = 1, .dilation_w = 1, .groups = 1};
  float *w = numbers(env, IN * OUT * 9), *scale = numbers(env, OUT);
  uint64_t hash = 0xcbf29ce484222325;
  /* The transforms of the other levels round otherwise. */
  for (vz_conv_algorithm a = VZ_CONV_DIRECT; a <= (env->level == VZ_CPU_SCALAR ? VZ_CONV_WINOGRAD : VZ_CONV_DIRECT); a++) {
    size_t bytes = vz_conv_pack_bytes(env->kernels, &s, a);
    void *packed = check_aligned(env, bytes);
    vz_conv_pack_f32(env->kernels, &s, a, w, scale, packed);
    CHECK(vz_conv_pack_fits(env->kernels, &s, a, packed));
    hash = fnv(bytes, packed, hash);
  }
  s.stride_h = s.stride_w = 2;
  size_t bytes = vz_conv_transpose_pack_bytes(env->kernels, &s);
  void *packed = check_aligned(env, bytes);
  vz_conv_transpose_pack_f32(env->kernels, &s, w, scale, packed);
  CHECK(vz_conv_transpose_pack_fits(env->kernels, &s, packed));
  ((char *)packed)[0] ^= 1;
  CHECK(!vz_conv_transpose_pack_fits(env->kernels, &s, packed));
  ((char *)packed)[0] ^= 1;
  hash = fnv(bytes, packed, hash);
  bytes = vz_gemm_pack_b_bytes(env->kernels, 9 * IN, OUT);
  packed = check_aligned(env, bytes);
  vz_gemm_pack_b_f32(env->kernels, 9 * IN, OUT, w, 1, 9 * IN, packed);
  CHECK(vz_gemm_pack_b_fits(env->kernels, 9 * IN, OUT, packed));
  hash = fnv(bytes, packed, hash);

  uint64_t known = env->level == VZ_CPU_SCALAR ? 0x0699c684a1a2025b
                   : env->level == VZ_CPU_AVX512 || env->level == VZ_CPU_AVX512VNNI ? 0x414381d62476443c
                                                                                    : 0x952df06da8a1ca80;
  if (hash != known) check_fail(env, "the packed form is 0x%016llx", (unsigned long long)hash);
}
