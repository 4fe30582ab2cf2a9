#pragma once
#include "vz_conv.h"

enum { VZ_DEPTHWISE_ROWS = 32 };

/* A depthwise convolution: vz_conv_f32 with in_c = out_c = groups, one filter per channel.

     y[b][oy][ox][c] = epilogue(sum over ky, kx of
         x[b][oy * stride_h + ky * dilation_h - pad_top][ox * stride_w + kx * dilation_w - pad_left][c] * w[c][ky][kx])

   kernel_h is at most VZ_DEPTHWISE_ROWS. Needs no scratch. Several filters per channel (out_c > groups) are a grouped vz_conv_f32. */
void vz_depthwise_f32(const vz_exec *exec, const vz_conv_shape *shape, const float *x, const void *packed,
                      const vz_epilogue *epilogue, float *y);

/* Packs w [C, 1, kernel_h, kernel_w]. `scale` [C] multiplies each channel's filter, or is NULL. */
size_t vz_depthwise_pack_bytes(const vz_kernels *kernels, const vz_conv_shape *shape);
void vz_depthwise_pack_f32(const vz_kernels *kernels, const vz_conv_shape *shape, const float *w, const float *scale,
                           void *packed);
