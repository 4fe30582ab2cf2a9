#pragma once
/* Products and convolutions of 8-bit integers with zero points, exact in 32 bits (sums wrap).

   Elements are widened to 16 bits and their zero points taken off before they are multiplied. Right-hand sides are
   packed in panels of 16 columns, two terms of the sum beside each other. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "vz_exec.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of a packed [k, n] matrix. */
size_t vz_int_packed_bytes(size_t k, size_t n);

/* Packs b[l][j] - zero[j * zero_step]   b: [k, n], element (l, j) at l row_stride + j col_stride; packed: 64-byte
   aligned. */
void vz_int_pack(size_t k, size_t n, const void *b, bool is_signed, size_t row_stride, size_t col_stride,
                 const int16_t *zero, size_t zero_step, int16_t *packed);

/* c[i][j] = sum over l of (a[i][l] - a_zero[i * a_zero_step]) * packed[l][j]   a: [m, k] dense; c: [m, n] dense */
typedef struct vz_int_product {
  size_t m, n, k;
  bool a_signed;
  size_t a_zero_step; /* 0: one zero point; 1: one for each row */
} vz_int_product;

size_t vz_int_product_scratch_bytes(const vz_int_product *job, unsigned threads);
void vz_int_product_run(const vz_exec *exec, const vz_int_product *job, const void *a, const int16_t *a_zero,
                        const int16_t *packed, int32_t *c);

/* Convolution over three spatial axes (leading ones of extent 1 where there are fewer).

   x: [batch, groups * channels, in...]; weights: [groups * filters, k] in rows of an even number of elements
   (vz_int_conv_row), k = channels * taps, zero points taken off; y: [batch, groups * filters, out...] */
typedef struct vz_int_conv {
  size_t batch, groups, channels, filters; /* the latter two for each group */
  size_t in[3], out[3], kernel[3], stride[3], dilation[3], pad[3];
  bool x_signed, y_signed;
} vz_int_conv;

/* What becomes of the sums: stored as they are if `scale` is NULL, otherwise requantized. */
typedef struct vz_int_conv_ending {
  const float *scale;  /* [groups * filters] or NULL */
  const int32_t *bias; /* [groups * filters] or NULL */
  int zero;
} vz_int_conv_ending;

size_t vz_int_conv_row(const vz_int_conv *job);
size_t vz_int_conv_scratch_bytes(const vz_int_conv *job, unsigned threads);
void vz_int_conv_run(const vz_exec *exec, const vz_int_conv *job, const void *x, int x_zero, const int16_t *weights,
                     const vz_int_conv_ending *ending, void *y);

#ifdef __cplusplus
}
#endif
