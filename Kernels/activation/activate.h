/* The activations over the vector vocabulary; see vz_activation.def. Include inside a target region. */
#include "../common/vz_simd_math.h"

#define VZ_EACH(expression)                                                                                            \
  for (size_t r = 0; r < rows; r++, x += ld) {                                                                         \
    size_t c = 0;                                                                                                      \
    for (; c + VF <= cols; c += VF) {                                                                                  \
      vf v = vf_load(x + c);                                                                                           \
      vf_store(x + c, expression);                                                                                     \
    }                                                                                                                  \
    if (c < cols) {                                                                                                    \
      vf v = vf_load_n(x + c, cols - c);                                                                               \
      vf_store_n(x + c, cols - c, expression);                                                                         \
    }                                                                                                                  \
  }                                                                                                                    \
  return

void ISA(vz_activate_f32)(size_t rows, size_t cols, const vz_act *act, float *x, size_t ld) {
  vf alpha = vf_set(act->alpha), beta = vf_set(act->beta), zero = vf_zero(), one = vf_set(1);
  switch (act->kind) {
  case VZ_ACT_NONE:
    return;
  case VZ_ACT_RELU:
    VZ_EACH(vf_max(zero, v));
  case VZ_ACT_CLIP:
    VZ_EACH(vf_min(beta, vf_max(alpha, v)));
  case VZ_ACT_LEAKY:
    VZ_EACH(vf_select(vf_lt(v, zero), vf_mul(alpha, v), v));
  case VZ_ACT_PRELU:
    for (size_t r = 0; r < rows; r++, x += ld) {
      for (size_t c = 0; c < cols; c += VF) {
        size_t n = cols - c < VF ? cols - c : VF;
        vf v = vf_load_n(x + c, n);
        vf_store_n(x + c, n, vf_select(vf_lt(v, zero), vf_mul(vf_load_n(act->slope + c, n), v), v));
      }
    }
    return;
  case VZ_ACT_SIGMOID:
    VZ_EACH(vf_sigmoid(v));
  case VZ_ACT_TANH:
    VZ_EACH(vf_tanh(v));
  case VZ_ACT_SILU:
    VZ_EACH(vf_silu(v));
  case VZ_ACT_GELU:
    VZ_EACH(vf_gelu(v));
  case VZ_ACT_HARDSWISH:
    VZ_EACH(vf_mul(v, vf_min(one, vf_max(zero, vf_fma(v, vf_set(1.0f / 6), vf_set(0.5f))))));
  }
}
