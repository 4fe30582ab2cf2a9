#include "vz_table.h"

#pragma STDC FP_CONTRACT OFF

static double sum_at(const vz_strip *s, size_t p, size_t c) {
  double sum = s->bias ? s->bias[c] : 0;
  for (size_t t = 0; t < s->rows; t++) {
    for (size_t u = 0; u < s->cols; u++) {
      double x = s->x[t][s->x_first + u * s->x_col + p * s->x_step + c];
      sum += x * (double)s->w[t * s->w_row + u * s->w_col + c];
    }
  }
  return sum;
}

void vz_strip_f32_scalar(const vz_strip *s) {
  for (size_t p = 0; p < s->pixels; p++) {
    for (size_t c = 0; c < s->channels; c++) {
      double sum = sum_at(s, p, c);
      float residual = s->residual ? s->residual[p * s->residual_step + c] : 0;
      float y = (float)(s->residual_after ? sum : sum + (double)residual);
      if (s->act) {
        vz_act act = *s->act;
        if (act.slope) act.slope += c;
        vz_activate_f32_scalar(1, 1, &act, &y, 1);
      } else {
        y = y < s->low ? s->low : y > s->high ? s->high : y;
      }
      s->y[p * s->y_step + c] = s->residual_after ? y + residual : y;
    }
  }
}
