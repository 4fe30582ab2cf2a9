#include "vz_image.h"
#include <string.h>

/* Per thread: a row with its repeated border, and the rows that a result mixes. */
typedef struct layout {
  size_t row, pointers, bytes; /* offsets, and the size, in bytes */
} layout;

static size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

static layout per_thread(size_t width, size_t radius) {
  layout at = {.row = 0, .pointers = aligned((width + 2 * radius) * sizeof(float))};
  at.bytes = at.pointers + aligned((2 * radius + 1) * sizeof(float *));
  return at;
}

static size_t picture_bytes(size_t planes, size_t width, size_t height) {
  return aligned(planes * width * height * sizeof(float));
}

size_t vz_blur_scratch_bytes(size_t planes, size_t width, size_t height, size_t radius, unsigned threads) {
  return picture_bytes(planes, width, height) + threads * per_thread(width, radius).bytes;
}

typedef struct job {
  const vz_exec *exec;
  size_t width, height, radius;
  const float *weights, *x;
  float *middle, *y;
  char *threads;
} job;

/* Rows of all planes, one after another. */
static void across(void *context, size_t begin, size_t end, unsigned worker) {
  const job *self = context;
  layout at = per_thread(self->width, self->radius);
  float *row = (float *)(self->threads + worker * at.bytes + at.row);
  const float **rows = (const float **)(self->threads + worker * at.bytes + at.pointers);
  for (size_t t = 0; t <= 2 * self->radius; t++) rows[t] = row + t;
  for (size_t r = begin; r < end; r++) {
    const float *x = self->x + r * self->width;
    for (size_t i = 0; i < self->radius; i++) {
      row[i] = x[0];
      row[self->radius + self->width + i] = x[self->width - 1];
    }
    memcpy(row + self->radius, x, self->width * sizeof *x);
    self->exec->kernels->image_blend_f32(self->width, 2 * self->radius + 1, self->weights, rows,
                                         self->middle + r * self->width);
  }
}

static void down(void *context, size_t begin, size_t end, unsigned worker) {
  const job *self = context;
  layout at = per_thread(self->width, self->radius);
  const float **rows = (const float **)(self->threads + worker * at.bytes + at.pointers);
  for (size_t r = begin; r < end; r++) {
    const float *plane = self->middle + r / self->height * self->height * self->width;
    for (size_t t = 0; t <= 2 * self->radius; t++) {
      size_t line = r % self->height + t;
      line = line < self->radius ? 0 : line - self->radius;
      if (line >= self->height) line = self->height - 1;
      rows[t] = plane + line * self->width;
    }
    self->exec->kernels->image_blend_f32(self->width, 2 * self->radius + 1, self->weights, rows,
                                         self->y + r * self->width);
  }
}

void vz_blur_run(const vz_exec *exec, size_t planes, size_t width, size_t height, size_t radius, const float *weights,
                 const float *x, float *y) {
  job context = {.exec = exec, .width = width, .height = height, .radius = radius, .weights = weights, .x = x, .y = y};
  context.middle = exec->scratch;
  context.threads = (char *)exec->scratch + picture_bytes(planes, width, height);
  vz_pool_run(exec->pool, planes * height, 16, across, &context);
  vz_pool_run(exec->pool, planes * height, 16, down, &context);
}
