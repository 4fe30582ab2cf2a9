#pragma once
#include "vz_conv.h"

/* A transposed convolution over channels-last images.

     y[b][oy][ox][m] = epilogue(sum over iy, ix, ky, kx, i of x[b][iy][ix][g * C/G + i] * w[g * C/G + i][m'][ky][kx])
                       over all  oy + pad_top  = iy * stride_h + ky * dilation_h
                       and       ox + pad_left = ix * stride_w + kx * dilation_w          m' = m within group g

   The shape reads as for vz_conv_f32: in_* is the tensor given, out_* the (larger) tensor made. Output padding and the
   far pads follow from out_h and out_w. It is computed as one dense product per phase (oy mod stride, ox mod stride),
   written in place. */
void vz_conv_transpose_f32(const vz_exec *exec, const vz_conv_shape *shape, const float *x, const void *packed,
                           const vz_epilogue *epilogue, float *y);

/* Packs w [C, M/G, kernel_h, kernel_w]. `scale` [M] multiplies each output channel's weights, or is NULL. Of the shape,
   channels, kernel, strides, dilation and groups count. `packed` is 64-byte aligned. */
size_t vz_conv_transpose_pack_bytes(const vz_kernels *kernels, const vz_conv_shape *shape);
void vz_conv_transpose_pack_f32(const vz_kernels *kernels, const vz_conv_shape *shape, const float *w,
                                const float *scale, void *packed);
/* Whether `packed` is laid out as that does it: for bytes from a file. */
bool vz_conv_transpose_pack_fits(const vz_kernels *kernels, const vz_conv_shape *shape, const void *packed);


size_t vz_conv_transpose_scratch_bytes(const vz_conv_shape *shape, unsigned threads);
