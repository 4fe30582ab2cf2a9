/* Loops that need no intrinsics: plain C that each level compiles for itself. NAME(f) is the level's name for f. */
#include <math.h>
#include <stdint.h>
#include "vz_table.h"

void NAME(vz_widen_u8_s16)(size_t n, const uint8_t *x, int zero, int16_t *y) {
  for (size_t i = 0; i < n; i++) y[i] = (int16_t)(x[i] - zero);
}

void NAME(vz_widen_s8_s16)(size_t n, const int8_t *x, int zero, int16_t *y) {
  for (size_t i = 0; i < n; i++) y[i] = (int16_t)(x[i] - zero);
}

/* `value` between the two bounds, rounded halves to even; NaN gives `low`. |low|, |high| < 2^22. */
static inline int NAME(nearest)(float value, float low, float high) {
  float x = value > low ? value : low;
  x = (x < high ? x : high) + 12582912.0f; /* 1.5 2^23: adding it rounds */
  return (int)(x - 12582912.0f);
}

void NAME(vz_quantize_f32_u8)(size_t n, const float *x, float scale, int zero, uint8_t *y) {
  float low = (float)(0 - zero), high = (float)(255 - zero);
  for (size_t i = 0; i < n; i++) y[i] = (uint8_t)(NAME(nearest)(x[i] / scale, low, high) + zero);
}

void NAME(vz_quantize_f32_s8)(size_t n, const float *x, float scale, int zero, int8_t *y) {
  float low = (float)(-128 - zero), high = (float)(127 - zero);
  for (size_t i = 0; i < n; i++) y[i] = (int8_t)(NAME(nearest)(x[i] / scale, low, high) + zero);
}

static inline float NAME(shifted)(int32_t x, int32_t bias) { return (float)(int32_t)((uint32_t)x + (uint32_t)bias); }

void NAME(vz_requantize_s32_u8)(size_t n, const int32_t *x, int32_t bias, float scale, int zero, uint8_t *y) {
  float low = (float)(0 - zero), high = (float)(255 - zero);
  for (size_t i = 0; i < n; i++) y[i] = (uint8_t)(NAME(nearest)(NAME(shifted)(x[i], bias) * scale, low, high) + zero);
}

void NAME(vz_requantize_s32_s8)(size_t n, const int32_t *x, int32_t bias, float scale, int zero, int8_t *y) {
  float low = (float)(-128 - zero), high = (float)(127 - zero);
  for (size_t i = 0; i < n; i++) y[i] = (int8_t)(NAME(nearest)(NAME(shifted)(x[i], bias) * scale, low, high) + zero);
}

void NAME(vz_dequantize_u8_f32)(size_t n, const uint8_t *x, float scale, int zero, float *y) {
  for (size_t i = 0; i < n; i++) y[i] = (float)(x[i] - zero) * scale;
}

void NAME(vz_dequantize_s8_f32)(size_t n, const int8_t *x, float scale, int zero, float *y) {
  for (size_t i = 0; i < n; i++) y[i] = (float)(x[i] - zero) * scale;
}

void NAME(vz_range_f32)(size_t n, const float *x, float *low, float *high) {
  enum { LANES = 16 };
  float least[LANES] = {0}, greatest[LANES] = {0};
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (size_t k = 0; k < LANES; k++) {
      least[k] = x[i + k] < least[k] ? x[i + k] : least[k];
      greatest[k] = x[i + k] > greatest[k] ? x[i + k] : greatest[k];
    }
  for (; i < n; i++) {
    least[0] = x[i] < least[0] ? x[i] : least[0];
    greatest[0] = x[i] > greatest[0] ? x[i] : greatest[0];
  }
  for (size_t k = 1; k < LANES; k++) {
    least[0] = least[k] < least[0] ? least[k] : least[0];
    greatest[0] = greatest[k] > greatest[0] ? greatest[k] : greatest[0];
  }
  *low = least[0];
  *high = greatest[0];
}
