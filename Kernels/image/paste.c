#include "vz_image.h"
#include <string.h>

/* Scratch: the packed frame with its border; when the frame is blurred also the blurred planes and what that needs. */

static size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

static size_t packed_bytes(const vz_paste *paste) {
  return aligned((paste->side + 4) * (paste->side + 4) * 4 * sizeof(float));
}

static size_t planar_bytes(const vz_paste *paste) {
  return aligned(3 * paste->side * paste->side * sizeof(float));
}

size_t vz_paste_scratch_bytes(const vz_paste *paste, unsigned threads) {
  size_t bytes = packed_bytes(paste);
  if (!paste->blur) return bytes;
  return bytes + planar_bytes(paste) + vz_blur_scratch_bytes(3, paste->side, paste->side, paste->blur_radius, threads);
}

typedef struct job {
  const vz_exec *exec;
  const vz_paste *paste;
  const float *frame;
  float *packed;
  uint8_t *rgb;
} job;

/* Rows of the frame, into the packed frame 2 pixels further on; outer rows are repeated by whoever has them. */
static void pack(void *context, size_t begin, size_t end, unsigned worker) {
  (void)worker;
  const job *self = context;
  size_t side = self->paste->side, plane = side * side, stride = 4 * (side + 4);
  for (size_t y = begin; y < end; y++) {
    const float *x = self->frame + y * side;
    float *row = self->packed + (y + 2) * stride;
    self->exec->kernels->image_pack_f32(side, x, x + plane, x + 2 * plane, row + 8);
    for (size_t i = 0; i < 2; i++) {
      memcpy(row + 4 * i, row + 8, 16);
      memcpy(row + 4 * (side + 2 + i), row + 4 * (side + 1), 16);
    }
    for (size_t i = 1; i <= 2; i++) {
      if (y == 0) memcpy(row - i * stride, row, stride * sizeof *row);
      if (y == side - 1) memcpy(row + i * stride, row, stride * sizeof *row);
    }
  }
}

static void rows(void *context, size_t begin, size_t end, unsigned worker) {
  (void)worker;
  const job *self = context;
  const vz_paste *paste = self->paste;
  const vz_affine *map = &paste->map;
  for (size_t row = begin; row < end; row++) {
    size_t first = paste->spans[2 * row], count = paste->spans[2 * row + 1] - first;
    if (count == 0) continue;
    double x = (double)(paste->left + first), y = (double)(paste->top + row);
    size_t at = 3 * ((paste->top + row) * paste->picture_width + paste->left + first);
    memcpy(self->rgb + at, paste->portrait + at, 3 * count);
    self->exec->kernels->image_paste_row(count, paste->side, self->packed, map->xx * x + map->xy * y + map->x0,
                                         map->yx * x + map->yy * y + map->y0, map->xx, map->yx,
                                         paste->mask + row * paste->width + first, self->rgb + at);
  }
}

void vz_paste_run(const vz_exec *exec, const vz_paste *paste, const float *frame, uint8_t *rgb) {
  job context = {exec, paste, frame, exec->scratch, rgb};
  if (paste->blur) {
    float *blurred = (float *)((char *)exec->scratch + packed_bytes(paste));
    vz_exec inner = *exec;
    inner.scratch = (char *)blurred + planar_bytes(paste);
    vz_blur_run(&inner, 3, paste->side, paste->side, paste->blur_radius, paste->blur, frame, blurred);
    context.frame = blurred;
  }
  vz_pool_run(exec->pool, paste->side, 32, pack, &context);
  vz_pool_run(exec->pool, paste->height, 8, rows, &context);
}
