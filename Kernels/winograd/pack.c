#include "vz_winograd.h"
#include "winograd.h"
#include <string.h>

enum { TAPS = VZ_WINOGRAD_TAPS, DEEP = 4, WIDE = 64 };

/* Rows first ..< first + count of every matrix of a panel. They are gathered in a block that stays in the cache: the
   matrices lie a power of two apart, so that a line of each at a time would push the others out. */
static void pack_rows(const vz_kernels *kernels, const vz_panels *p, size_t column, size_t used, size_t width,
                      size_t first, size_t count, const float *w, const float *scale, float *to) {
  _Alignas(64) float block[TAPS * DEEP * WIDE];
  if (used < width) memset(block, 0, sizeof block);
  for (size_t i = 0; i < count; i++) {
    vz_winograd_weights filters = {.count = used,
                                   .g = w + (column * p->k + first + i) * 9,
                                   .g_step = p->k * 9,
                                   .scale = scale ? scale + column : NULL,
                                   .u = block + i * width,
                                   .u_step = count * width};
    kernels->winograd_weights_f32(&filters);
  }
  for (size_t tap = 0; tap < TAPS; tap++) {
    memcpy(to + (tap * p->k + first) * width, block + tap * count * width, count * width * sizeof *to);
  }
}

void vz_winograd_pack(const vz_kernels *kernels, const vz_panels *layout, const float *w, const float *scale,
                      void *packed) {
  memcpy(packed, layout, sizeof *layout);
  const vz_panels *p = packed;
  for (size_t panel = 0; panel < vz_panels_count(p); panel++) {
    size_t width = vz_panels_width(p, panel), column = panel * p->width;
    size_t used = p->n - column < width ? p->n - column : width;
    for (size_t i = 0; i < p->k; i += DEEP) {
      size_t count = p->k - i < DEEP ? p->k - i : DEEP;
      pack_rows(kernels, p, column, used, width, i, count, w, scale, (float *)vz_panels_at(p, 0, panel));
    }
  }
}
