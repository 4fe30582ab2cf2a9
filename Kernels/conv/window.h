#pragma once
#include "../gemm/igemm.h"

/* How the pixels of an output see those of an input: output (b, oy, ox) reads, at tap (ty, tx), input pixel
   (b, oy * step_y + first_y + ty * tap_y, ox * step_x + first_x + tx * tap_x), or zeros outside. */
typedef struct vz_window {
  size_t in_h, in_w, in_ld, in_row, in_batch;
  size_t out_h, out_w, out_ld, out_row, out_batch;
  size_t residual_ld, residual_row, residual_batch;
  size_t taps_y, taps_x;
  ptrdiff_t step_y, step_x, first_y, first_x, tap_y, tap_x;
  size_t in_group, out_group; /* floats from one group's channels to the next */
  const float *x, *residual;
  float *y;
} vz_window;

/* A vz_row_source: rows are output pixels, context is a vz_window. */
void vz_window_rows(const void *context, size_t group, size_t first, size_t count, size_t stride, const float *zeros,
                    const float **a, float **c, const float **residual);

/* Fills in the residual's pointer and strides; strides of 0 mean dense over out_h x out_w pixels. */
void vz_window_residual(vz_window *window, const vz_epilogue *epilogue);
