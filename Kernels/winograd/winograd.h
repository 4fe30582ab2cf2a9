#pragma once
#include "../gemm/panels.h"
#include "vz_conv.h"

/* vz_conv_f32 by Winograd's F(4 x 4, 3 x 3); see vz_winograd.h. */

/* Whether the method computes this shape at all: 3 x 3, stride and dilation 1, one group. */
bool vz_winograd_fits(const vz_conv_shape *shape);

/* Whether it is expected to take less time than one product per tap. */
bool vz_winograd_pays(const vz_conv_shape *shape);

vz_panels vz_winograd_layout(vz_cpu_level level, const vz_conv_shape *shape);
void vz_winograd_pack(const vz_kernels *kernels, const vz_panels *layout, const float *w, const float *scale,
                      void *packed);
void vz_winograd_run(const vz_exec *exec, const vz_conv_shape *shape, const float *x, const vz_panels *packed,
                     const vz_epilogue *epilogue, float *y);
size_t vz_winograd_scratch_bytes(const vz_conv_shape *shape, unsigned threads);
