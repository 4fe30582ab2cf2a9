#pragma once
/* From grid coordinates to pixel coordinates, one at a time. Positions are float and operations are not fused, so that
   every level, and every other runtime that follows the definition, finds the same pixel. */
#include "vz_gridsample.h"
#include <math.h>
#pragma STDC FP_CONTRACT OFF

/* The pixel coordinate of grid coordinate g: -1 and 1 are the centres (aligned) or the outer borders of the first and
   last of `size` pixels. */
static inline float vz_gridsample_pixel(float g, size_t size, bool align_corners) {
  if (align_corners) return (g + 1) / 2 * (float)(size - 1);
  return ((g + 1) * (float)size - 1) / 2;
}

/* The coordinate mirrored into the image, then held inside it. */
static inline float vz_gridsample_reflect(float p, size_t size, bool align_corners) {
  float low = align_corners ? 0 : -0.5f;
  float span = align_corners ? (float)(size - 1) : (float)size;
  if (span == 0) return 0;
  float distance = fabsf(p - low);
  float flips = floorf(distance / span);
  float rest = distance - flips * span;
  bool odd = flips != 2 * floorf(flips / 2);
  return low + (odd ? span - rest : rest);
}

/* The coordinate after padding; NaN and -infinity end at the low side. Zeros: held where every pixel is outside. */
static inline float vz_gridsample_pad(float p, size_t size, int padding, bool align_corners) {
  if (padding == VZ_GRIDSAMPLE_REFLECTION) p = vz_gridsample_reflect(p, size, align_corners);
  float low = padding == VZ_GRIDSAMPLE_ZEROS ? -2 : 0;
  float high = padding == VZ_GRIDSAMPLE_ZEROS ? (float)size + 1 : (float)(size - 1);
  return fminf(fmaxf(p, low), high);
}
