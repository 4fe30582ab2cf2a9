#pragma once
#include "vz_exec.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pictures: sampling through affine maps, blurring, pasting back. Pixel (x, y) is the point (x, y): centres are whole
   numbers. Pictures of bytes are [height, width, 3], planar ones [3, height, width] of floats. */

/* u = xx x + xy y + x0, v = yx x + yy y + y0 */
typedef struct vz_affine {
  double xx, xy, x0, yx, yy, y0;
} vz_affine;

typedef enum vz_filter {
  VZ_FILTER_LINEAR,
  VZ_FILTER_CUBIC, /* Keys, a = -0.75 */
} vz_filter;

typedef enum vz_border {
  VZ_BORDER_REPEAT, /* the nearest pixel of the picture */
  VZ_BORDER_ZERO,
} vz_border;

/* Reads a picture of bytes at the points map(x, y) of an output picture. */
typedef struct vz_sample {
  size_t width, height;         /* of the source */
  const uint8_t *rgb;           /* [height, width, 3] */
  size_t out_width, out_height;
  vz_affine map;                /* output pixel -> source point */
  vz_filter filter;
  vz_border border;
  size_t blur_radius;           /* the source is first blurred with these weights, its border repeated */
  const float *blur;            /* [2 blur_radius + 1], or NULL */
  float scale, offset;          /* result = clip(scale * value + offset, low, high), value in 0 ... 255 */
  float low, high;
} vz_sample;

size_t vz_sample_scratch_bytes(const vz_sample *sample, unsigned threads);

/* out: [3, out_height, out_width] */
void vz_sample_run(const vz_exec *exec, const vz_sample *sample, float *out);

/* Blurs each of `planes` pictures [height, width] with the same weights across and down, borders repeated.
   weights: [2 radius + 1]; x, y: [planes, height, width], they may be the same. */
size_t vz_blur_scratch_bytes(size_t planes, size_t width, size_t height, size_t radius, unsigned threads);
void vz_blur_run(const vz_exec *exec, size_t planes, size_t width, size_t height, size_t radius, const float *weights,
                 const float *x, float *y);

/* Puts a square planar frame back into a picture: inside the box, every pixel whose mask is not 0 becomes
   round(portrait + mask (frame(map(x, y)) - portrait)). */
typedef struct vz_paste {
  size_t side;                     /* of the frame */
  size_t left, top, width, height; /* of the box in the picture */
  vz_affine map;                   /* picture pixel -> frame point */
  const float *mask;               /* [height, width] */
  const uint32_t *spans;           /* [height, 2]: first and end column of the box where mask > 0 */
  size_t blur_radius;              /* the frame is first blurred */
  const float *blur;               /* [2 blur_radius + 1], or NULL */
  const uint8_t *portrait;         /* [picture height, picture_width, 3] */
  size_t picture_width;
} vz_paste;

size_t vz_paste_scratch_bytes(const vz_paste *paste, unsigned threads);

/* Rewrites the box of `rgb`, a picture of the portrait's size. frame: [3, side, side], 0 ... 1 */
void vz_paste_run(const vz_exec *exec, const vz_paste *paste, const float *frame, uint8_t *rgb);
