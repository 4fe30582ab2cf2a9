#include "vz_table.h"
#include <math.h>
#pragma STDC FP_CONTRACT OFF

static double neutral(vz_reduce_step step) {
  switch (step) {
  case VZ_STEP_PROD:
    return 1;
  case VZ_STEP_MIN:
    return INFINITY;
  case VZ_STEP_MAX:
    return -INFINITY;
  case VZ_STEP_SUM:
  case VZ_STEP_ABS:
  case VZ_STEP_SQUARE:
  case VZ_STEP_EXP:
    return 0;
  }
  return 0;
}

static double fold(vz_reduce_step step, double acc, double x, double shift) {
  switch (step) {
  case VZ_STEP_SUM:
    return acc + (x - shift);
  case VZ_STEP_ABS:
    return acc + fabs(x);
  case VZ_STEP_SQUARE:
    return acc + (x - shift) * (x - shift);
  case VZ_STEP_EXP:
    return acc + exp(x - shift);
  case VZ_STEP_PROD:
    return acc * x;
  case VZ_STEP_MIN:
    return isnan(acc) || isnan(x) ? NAN : fmin(acc, x);
  case VZ_STEP_MAX:
    return isnan(acc) || isnan(x) ? NAN : fmax(acc, x);
  }
  return acc;
}

double vz_reduce_row_f32_scalar(vz_reduce_step step, size_t n, const float *x, float shift) {
  double acc = neutral(step);
  for (size_t k = 0; k < n; k++) acc = fold(step, acc, x[k], shift);
  return acc;
}

void vz_reduce_columns_f32_scalar(vz_reduce_step step, size_t rows, size_t cols, const float *x, ptrdiff_t x_row,
                                  const float *shift, double *into) {
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < cols; c++)
      into[c] = fold(step, into[c], x[(ptrdiff_t)r * x_row + (ptrdiff_t)c], shift ? shift[c] : 0);
}
