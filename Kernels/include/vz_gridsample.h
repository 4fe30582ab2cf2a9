#pragma once
/* Sampling of images and volumes at the positions of a grid. */
#include <stdbool.h>
#include <stddef.h>
#include "vz_exec.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum vz_gridsample_mode {
  VZ_GRIDSAMPLE_LINEAR,
  VZ_GRIDSAMPLE_NEAREST, /* halves to even */
  VZ_GRIDSAMPLE_CUBIC,   /* Keys' kernel, a = -0.75; 2-D only */
} vz_gridsample_mode;

typedef enum vz_gridsample_padding {
  VZ_GRIDSAMPLE_ZEROS,      /* pixels outside are 0 */
  VZ_GRIDSAMPLE_BORDER,     /* the nearest pixel inside */
  VZ_GRIDSAMPLE_REFLECTION, /* mirrored at the image's edge (pixel centres if align_corners, else pixel borders) */
} vz_gridsample_padding;

/* Axes are (depth, height, width); images have depth 1 and no z in the grid. */
typedef struct vz_gridsample_shape {
  size_t batch, channels;
  size_t in[3], out[3];
  ptrdiff_t x_batch, x_channel, x_axis[3];
  ptrdiff_t grid_batch, grid_axis[3];
  ptrdiff_t grid_coordinate; /* from x to y to z of one grid point: 1 when interleaved, a plane when planar */
  ptrdiff_t y_batch, y_channel, y_axis[3];
  vz_gridsample_mode mode;
  vz_gridsample_padding padding;
  bool align_corners;
} vz_gridsample_shape;

/* y[n][c][p] = x[n][c] sampled at the grid point (gx, gy) of output pixel p, or (gx, gy, gz) for volumes
 *
 * gx = -1 and 1 are the centres of the first and last column if align_corners, else their outer borders; so gy for rows
 * and gz for slices. All strides in elements; a batch stride of 0 shares x or the grid. Any grid value is safe; NaN is
 * taken as -infinity. A neighbour of weight 0 may still be multiplied, so an infinity in x can spread NaN. Fast when
 * x_axis[2] == 1 (planes) or x_channel == 1 (channels last) and the mode is linear. */
void vz_gridsample2d_f32(const vz_exec *exec, const vz_gridsample_shape *shape, const float *x, const float *grid,
                         float *y);
void vz_gridsample3d_f32(const vz_exec *exec, const vz_gridsample_shape *shape, const float *x, const float *grid,
                         float *y);

#ifdef __cplusplus
}
#endif
