#pragma once
#include "vz_exec.h"
#include "vz_gemm.h"
#include <stdbool.h>
#include <stddef.h>

/* A convolution over channels-last images. All sizes are counts; strides of memory are in floats.

     y[b][oy][ox][m] = epilogue(sum over ky, kx, i of
         x[b][oy * stride_h + ky * dilation_h - pad_top][ox * stride_w + kx * dilation_w - pad_left][g * C/G + i]
         * w[m][i][ky][kx])            i < C/G, m in group g; pixels outside the input count as 0

   x[b][y][x][c] lies at b * in_batch + y * in_row + x * in_ld + c, the output likewise. Only channels 0 ..< in_c of a
   pixel are read and 0 ..< out_c written, so either side may be a slice of channels of a wider tensor. in_c and out_c
   are multiples of groups. The padding at the far ends follows from out_h and out_w. One-dimensional: height 1. */
typedef struct vz_conv_shape {
  size_t batch, in_h, in_w, in_c;
  size_t in_ld, in_row, in_batch;
  size_t out_h, out_w, out_c;
  size_t out_ld, out_row, out_batch;
  size_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
  ptrdiff_t pad_top, pad_left; /* negative: pixels to skip */
  size_t groups;
} vz_conv_shape;

/* Sets the memory strides that are 0 to those of dense tensors. */
void vz_conv_shape_dense(vz_conv_shape *shape);

/* How a convolution is computed. The packed weights remember it. An algorithm that does not fit a shape is taken as
   AUTO. */
typedef enum vz_conv_algorithm {
  VZ_CONV_AUTO = 0,
  VZ_CONV_DIRECT, /* one product per tap */
  VZ_CONV_ROWS,   /* few channels: taps of a kernel row are one run of memory in a padded copy of the input */
  VZ_CONV_WINOGRAD, /* 3 x 3 of stride 1: fewer products, between transforms; see vz_winograd.h */
} vz_conv_algorithm;

/* The fastest algorithm for a shape. Weights packed for AUTO are packed for DIRECT or ROWS, which depends on channels,
   kernel, dilation and groups only; those packed for WINOGRAD serve every size of image as well. */
vz_conv_algorithm vz_conv_choose(const vz_conv_shape *shape);

/* Packs w [M, C/G, kernel_h, kernel_w] for vz_conv_f32. `scale` [M] multiplies each output channel's weights, or is
   NULL. Of the shape, channels, kernel, dilation and groups count. `packed` is 64-byte aligned. */
size_t vz_conv_pack_bytes(const vz_kernels *kernels, const vz_conv_shape *shape, vz_conv_algorithm algorithm);
void vz_conv_pack_f32(const vz_kernels *kernels, const vz_conv_shape *shape, vz_conv_algorithm algorithm,
                      const float *w, const float *scale, void *packed);

/* Whether `packed`, which has vz_conv_pack_bytes, is laid out as vz_conv_pack_f32 does it: for bytes from a file. */
bool vz_conv_pack_fits(const vz_kernels *kernels, const vz_conv_shape *shape, vz_conv_algorithm algorithm,
                       const void *packed);

/* The convolution. x and y must not overlap; the epilogue's residual may be y. */
void vz_conv_f32(const vz_exec *exec, const vz_conv_shape *shape, const float *x, const void *packed,
                 const vz_epilogue *epilogue, float *y);

/* Enough for any algorithm. */
size_t vz_conv_scratch_bytes(const vz_conv_shape *shape, unsigned threads);
