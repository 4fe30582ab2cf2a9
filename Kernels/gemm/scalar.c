#include "vz_table.h"

#pragma STDC FP_CONTRACT OFF

static double product(const vz_tile *t, size_t r, size_t j, size_t NR) {
  double sum = 0;
  for (size_t tap = 0; tap < t->taps; tap++) {
    const float *a = t->a[tap * t->a_stride + r] + t->a_offset;
    const float *b = t->b + tap * t->k * NR + j;
    for (size_t i = 0; i < t->k; i++) sum += (double)a[i] * (double)b[i * NR];
  }
  return sum;
}

static void tile_run(size_t rows, const vz_tile *t, size_t NR) {
  for (size_t r = 0; r < rows; r++) {
    for (size_t j = 0; j < t->n; j++) {
      double sum = product(t, r, j, NR);
      if (!t->first) sum += t->partial[r * NR + j];
      if (t->first && t->bias) sum += t->bias[j];
      if (!t->last) {
        t->partial[r * NR + j] = (float)sum;
        continue;
      }
      float residual = t->residual ? t->residual[r][t->column + j] : 0;
      float y = (float)(t->residual_after ? sum : sum + residual);
      if (t->act) {
        vz_act act = *t->act;
        if (act.slope) act.slope += j;
        vz_activate_f32_scalar(1, 1, &act, &y, 1);
      } else {
        y = y < t->low ? t->low : y > t->high ? t->high : y;
      }
      t->c[r][t->column + j] = t->residual_after ? y + residual : y;
    }
  }
}

void vz_tile_f32_n8_scalar(size_t rows, const vz_tile *tile) { tile_run(rows, tile, 8); }
void vz_tile_f32_n16_scalar(size_t rows, const vz_tile *tile) { tile_run(rows, tile, 16); }
void vz_tile_f32_n32_scalar(size_t rows, const vz_tile *tile) { tile_run(rows, tile, 32); }
void vz_tile_f32_n48_scalar(size_t rows, const vz_tile *tile) { tile_run(rows, tile, 48); }
void vz_tile_f32_n64_scalar(size_t rows, const vz_tile *tile) { tile_run(rows, tile, 64); }

void vz_product_f32_scalar(size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_col, const float *b,
                           size_t b_row, size_t b_col, float *c, size_t ldc) {
  for (size_t i = 0; i < m; i++) {
    for (size_t j = 0; j < n; j++) {
      double sum = 0;
      for (size_t l = 0; l < k; l++) sum += (double)a[i * a_row + l * a_col] * (double)b[l * b_row + j * b_col];
      c[i * ldc + j] = (float)sum;
    }
  }
}

void vz_vecmat_f32_scalar(size_t n, size_t k, const float *a, const float *b, size_t ldb, float *c) {
  for (size_t j = 0; j < n; j++) {
    double sum = 0;
    for (size_t l = 0; l < k; l++) sum += (double)a[l] * (double)b[l * ldb + j];
    c[j] = (float)sum;
  }
}
