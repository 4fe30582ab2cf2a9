#include "matrices.h"
#include "vz_table.h"

#pragma STDC FP_CONTRACT OFF

void vz_winograd_in_f32_scalar(const vz_winograd_in *tile) {
  for (size_t c = 0; c < tile->channels; c++) {
    for (size_t i = 0; i < 6; i++) {
      for (size_t j = 0; j < 6; j++) {
        double sum = 0;
        for (size_t k = 0; k < 6; k++) {
          for (size_t l = 0; l < 6; l++) {
            sum += vz_winograd_bt[i][k] * (double)tile->pixels[6 * k + l][c] * vz_winograd_bt[j][l];
          }
        }
        tile->v[(6 * i + j) * tile->v_step + c] = (float)sum;
      }
    }
  }
}

static double output_at(const vz_winograd_out *tile, size_t i, size_t j, size_t n) {
  double sum = 0;
  for (size_t k = 0; k < 6; k++) {
    for (size_t l = 0; l < 6; l++) {
      sum += vz_winograd_at[i][k] * (double)tile->m[(6 * k + l) * tile->m_step + n] * vz_winograd_at[j][l];
    }
  }
  return sum;
}

void vz_winograd_out_f32_scalar(const vz_winograd_out *tile) {
  for (size_t i = 0; i < tile->rows; i++) {
    for (size_t j = 0; j < tile->cols; j++) {
      for (size_t n = 0; n < tile->n; n++) {
        double sum = output_at(tile, i, j, n) + (tile->bias ? (double)tile->bias[n] : 0);
        float residual = tile->residual ? tile->residual[i * tile->residual_row + j * tile->residual_col + n] : 0;
        float y = (float)(tile->residual_after ? sum : sum + (double)residual);
        if (tile->act) {
          vz_act act = *tile->act;
          if (act.slope) act.slope += n;
          vz_activate_f32_scalar(1, 1, &act, &y, 1);
        } else {
          y = y < tile->low ? tile->low : y > tile->high ? tile->high : y;
        }
        tile->y[i * tile->y_row + j * tile->y_col + n] = tile->residual_after ? y + residual : y;
      }
    }
  }
}

void vz_winograd_weights_f32_scalar(const vz_winograd_weights *filters) {
  for (size_t c = 0; c < filters->count; c++) {
    const float *g = filters->g + c * filters->g_step;
    for (size_t i = 0; i < 6; i++) {
      for (size_t j = 0; j < 6; j++) {
        double sum = 0;
        for (size_t k = 0; k < 3; k++) {
          for (size_t l = 0; l < 3; l++) sum += vz_winograd_g[i][k] * (double)g[3 * k + l] * vz_winograd_g[j][l];
        }
        filters->u[(6 * i + j) * filters->u_step + c] = (float)(filters->scale ? sum * (double)filters->scale[c] : sum);
      }
    }
  }
}
