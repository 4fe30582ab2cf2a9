#pragma once
#include <stdbool.h>
#include <stddef.h>

/* y = f(x), the functions that end a layer. */
typedef enum vz_activation {
  VZ_ACT_NONE = 0,
  VZ_ACT_RELU,    /* max(x, 0) */
  VZ_ACT_CLIP,    /* min(max(x, alpha), beta) */
  VZ_ACT_LEAKY,   /* x < 0 ? alpha x : x */
  VZ_ACT_PRELU,   /* x < 0 ? slope[c] x : x */
  VZ_ACT_SIGMOID, /* 1 / (1 + exp(-x)) */
  VZ_ACT_TANH,
  VZ_ACT_SILU,      /* x / (1 + exp(-x)) */
  VZ_ACT_GELU,      /* x / 2 (1 + erf(x / sqrt 2)) */
  VZ_ACT_HARDSWISH, /* x min(max(x / 6 + 1/2, 0), 1) */
} vz_activation;

/* An activation and its parameters: alpha and beta as above, slope [cols] for PRELU. */
typedef struct vz_act {
  vz_activation kind;
  float alpha, beta;
  const float *slope;
} vz_act;

/* True if `act` only bounds its argument; then low and high are narrowed to the bounds. */
static inline bool vz_act_is_clamp(const vz_act *act, float *low, float *high) {
  switch (act->kind) {
  case VZ_ACT_NONE:
    return true;
  case VZ_ACT_RELU:
    *low = 0;
    return true;
  case VZ_ACT_CLIP:
    *low = act->alpha, *high = act->beta;
    return true;
  case VZ_ACT_LEAKY:
  case VZ_ACT_PRELU:
  case VZ_ACT_SIGMOID:
  case VZ_ACT_TANH:
  case VZ_ACT_SILU:
  case VZ_ACT_GELU:
  case VZ_ACT_HARDSWISH:
    return false;
  }
  return false;
}
