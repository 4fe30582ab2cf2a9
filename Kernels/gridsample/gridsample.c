#include "gridsample_position.h"
#include "vz_gridsample.h"

enum {
  BLOCK = 128,       /* points of one step */
  CHANNEL_BLOCK = 8, /* channels buffered on their way to a strided output */
  TASK_SAMPLES = 1 << 13,
  TAPS_MAX = 16,
};

typedef struct plan {
  const vz_exec *exec;
  vz_gridsample_shape shape;
  size_t axes; /* 2 or 3 */
  const float *x, *grid;
  float *y;
  size_t blocks; /* per output row */
} plan;

static const float *grid_at(const plan *p, size_t n, size_t d, size_t h, size_t w) {
  const vz_gridsample_shape *s = &p->shape;
  return p->grid + (ptrdiff_t)n * s->grid_batch + (ptrdiff_t)d * s->grid_axis[0] + (ptrdiff_t)h * s->grid_axis[1] +
         (ptrdiff_t)w * s->grid_axis[2];
}

static float *output_at(const plan *p, size_t n, size_t d, size_t h, size_t w) {
  const vz_gridsample_shape *s = &p->shape;
  return p->y + (ptrdiff_t)n * s->y_batch + (ptrdiff_t)d * s->y_axis[0] + (ptrdiff_t)h * s->y_axis[1] +
         (ptrdiff_t)w * s->y_axis[2];
}

/* ---- bilinear images, many points at a time ---- */

static const float *contiguous(size_t n, const float *from, ptrdiff_t step, float *buffer) {
  if (step == 1) return from;
  for (size_t k = 0; k < n; k++) buffer[k] = from[(ptrdiff_t)k * step];
  return buffer;
}

static void sample_planes(const plan *p, size_t n, const float *x, const int32_t *offset, const float *weight,
                          float *y) {
  const vz_gridsample_shape *s = &p->shape;
  if (s->y_axis[2] == 1) {
    p->exec->kernels->gridsample_planes_f32(n, s->channels, x, s->x_channel, s->x_axis[1], offset, weight, BLOCK, y,
                                            s->y_channel);
    return;
  }
  float buffer[CHANNEL_BLOCK * BLOCK];
  for (size_t c = 0; c < s->channels; c += CHANNEL_BLOCK) {
    size_t channels = s->channels - c < CHANNEL_BLOCK ? s->channels - c : CHANNEL_BLOCK;
    p->exec->kernels->gridsample_planes_f32(n, channels, x + (ptrdiff_t)c * s->x_channel, s->x_channel, s->x_axis[1],
                                            offset, weight, BLOCK, buffer, BLOCK);
    for (size_t i = 0; i < n; i++)
      for (size_t k = 0; k < channels; k++)
        y[(ptrdiff_t)i * s->y_axis[2] + (ptrdiff_t)(c + k) * s->y_channel] = buffer[k * BLOCK + i];
  }
}

static void sample_pixels(const plan *p, size_t n, const float *x, const int32_t *offset, const float *weight,
                          float *y) {
  const vz_gridsample_shape *s = &p->shape;
  if (s->y_channel == 1) {
    p->exec->kernels->gridsample_pixels_f32(n, s->channels, x, s->x_axis[1], s->x_axis[2], offset, weight, BLOCK, y,
                                            s->y_axis[2]);
    return;
  }
  float buffer[BLOCK * CHANNEL_BLOCK];
  for (size_t c = 0; c < s->channels; c += CHANNEL_BLOCK) {
    size_t channels = s->channels - c < CHANNEL_BLOCK ? s->channels - c : CHANNEL_BLOCK;
    p->exec->kernels->gridsample_pixels_f32(n, channels, x + c, s->x_axis[1], s->x_axis[2], offset, weight, BLOCK,
                                            buffer, (ptrdiff_t)channels);
    for (size_t k = 0; k < channels; k++)
      for (size_t i = 0; i < n; i++)
        y[(ptrdiff_t)i * s->y_axis[2] + (ptrdiff_t)(c + k) * s->y_channel] = buffer[i * channels + k];
  }
}

/* Items are blocks of points within an output row. */
static void bilinear_blocks(void *context, size_t begin, size_t end, unsigned worker) {
  (void)worker;
  const plan *p = context;
  const vz_gridsample_shape *s = &p->shape;
  int32_t offset[BLOCK];
  float weight[4 * BLOCK], gx_buffer[BLOCK], gy_buffer[BLOCK];
  for (size_t item = begin; item < end; item++) {
    size_t w = item % p->blocks * BLOCK, h = item / p->blocks % s->out[1], n = item / p->blocks / s->out[1];
    size_t count = s->out[2] - w < BLOCK ? s->out[2] - w : BLOCK;
    const float *g = grid_at(p, n, 0, h, w);
    const float *gx = contiguous(count, g, s->grid_axis[2], gx_buffer);
    const float *gy = contiguous(count, g + s->grid_coordinate, s->grid_axis[2], gy_buffer);
    p->exec->kernels->gridsample_points_f32(count, gx, gy, s->in[1], s->in[2], s->padding, s->align_corners,
                                            s->x_axis[1], s->x_axis[2], offset, weight, BLOCK);
    const float *x = p->x + (ptrdiff_t)n * s->x_batch;
    if (s->x_axis[2] == 1)
      sample_planes(p, count, x, offset, weight, output_at(p, n, 0, h, w));
    else
      sample_pixels(p, count, x, offset, weight, output_at(p, n, 0, h, w));
  }
}

static bool is_fast(const vz_gridsample_shape *s) {
  if (s->mode != VZ_GRIDSAMPLE_LINEAR || s->in[1] < 2 || s->in[2] < 2) return false;
  if (s->x_axis[2] != 1 && s->x_channel != 1) return false;
  if (s->x_axis[1] < 0 || s->x_axis[2] < 0) return false;
  return s->in[1] * (size_t)s->x_axis[1] + s->in[2] * (size_t)s->x_axis[2] <= INT32_MAX;
}

/* ---- any mode, one point at a time ---- */

/* The pixels that one axis contributes to a sample: where they start in x, and their weights. */
typedef struct axis_taps {
  size_t count;
  ptrdiff_t offset[4];
  float weight[4];
} axis_taps;

static void add_tap(axis_taps *taps, float position, float weight, size_t size, ptrdiff_t stride) {
  if (!(position >= 0 && position < (float)size)) return;
  taps->offset[taps->count] = (ptrdiff_t)position * stride;
  taps->weight[taps->count++] = weight;
}

/* Keys' kernel at distance 1 + t, t, 1 - t, 2 - t. */
static void cubic_weights(float t, float weight[4]) {
  const float a = -0.75f;
  float u = 1 + t, v = 1 - t, w = 2 - t;
  weight[0] = ((a * u - 5 * a) * u + 8 * a) * u - 4 * a;
  weight[1] = ((a + 2) * t - (a + 3)) * t * t + 1;
  weight[2] = ((a + 2) * v - (a + 3)) * v * v + 1;
  weight[3] = ((a * w - 5 * a) * w + 8 * a) * w - 4 * a;
}

static axis_taps take_taps(const vz_gridsample_shape *s, size_t axis, float g) {
  size_t size = s->in[axis];
  ptrdiff_t stride = s->x_axis[axis];
  float p = vz_gridsample_pixel(g, size, s->align_corners);
  axis_taps taps = {.count = 0};
  if (s->mode == VZ_GRIDSAMPLE_CUBIC) {
    /* Far outside, and at NaN, the taps need only be far outside too. */
    const float far = 1 << 22;
    p = fminf(fmaxf(p, -far), far);
    float below = floorf(p), weight[4];
    cubic_weights(p - below, weight);
    for (int k = 0; k < 4; k++)
      add_tap(&taps, rintf(vz_gridsample_pad(below - 1 + (float)k, size, s->padding, s->align_corners)), weight[k],
              size, stride);
    return taps;
  }
  if (s->mode == VZ_GRIDSAMPLE_NEAREST) p = rintf(p);
  p = vz_gridsample_pad(p, size, s->padding, s->align_corners);
  if (s->mode == VZ_GRIDSAMPLE_NEAREST) {
    add_tap(&taps, rintf(p), 1, size, stride);
    return taps;
  }
  float below = floorf(p);
  add_tap(&taps, below, 1 - (p - below), size, stride);
  if (p > below) add_tap(&taps, below + 1, p - below, size, stride);
  return taps;
}

static void sample_point(const plan *p, size_t n, const float *g, float *y) {
  const vz_gridsample_shape *s = &p->shape;
  axis_taps z = {.count = 1, .weight = {1}};
  if (p->axes == 3) z = take_taps(s, 0, g[2 * s->grid_coordinate]);
  axis_taps h = take_taps(s, 1, g[s->grid_coordinate]), w = take_taps(s, 2, *g);
  const float *tap[TAPS_MAX];
  float weight[TAPS_MAX];
  size_t taps = 0;
  for (size_t i = 0; i < z.count; i++)
    for (size_t j = 0; j < h.count; j++)
      for (size_t k = 0; k < w.count; k++) {
        tap[taps] = p->x + (ptrdiff_t)n * s->x_batch + z.offset[i] + h.offset[j] + w.offset[k];
        weight[taps++] = z.weight[i] * h.weight[j] * w.weight[k];
      }
  if (taps && s->x_channel == 1 && s->y_channel == 1) {
    p->exec->kernels->resize_blend_f32(s->channels, taps, weight, tap, y);
    return;
  }
  for (size_t c = 0; c < s->channels; c++) {
    float sum = 0;
    for (size_t t = 0; t < taps; t++) sum += weight[t] * tap[t][(ptrdiff_t)c * s->x_channel];
    y[(ptrdiff_t)c * s->y_channel] = sum;
  }
}

/* Items are output rows. */
static void sample_rows(void *context, size_t begin, size_t end, unsigned worker) {
  (void)worker;
  const plan *p = context;
  const vz_gridsample_shape *s = &p->shape;
  for (size_t item = begin; item < end; item++) {
    size_t h = item % s->out[1], d = item / s->out[1] % s->out[0], n = item / s->out[1] / s->out[0];
    for (size_t w = 0; w < s->out[2]; w++) sample_point(p, n, grid_at(p, n, d, h, w), output_at(p, n, d, h, w));
  }
}

/* Rows that follow each other in the grid and in the output become one long row. */
static void merge_rows(vz_gridsample_shape *s) {
  ptrdiff_t columns = (ptrdiff_t)s->out[2];
  if (s->grid_axis[1] != columns * s->grid_axis[2] || s->y_axis[1] != columns * s->y_axis[2]) return;
  s->out[2] *= s->out[1];
  s->out[1] = 1;
}

static void run(const vz_exec *exec, size_t axes, const vz_gridsample_shape *shape, const float *x, const float *grid,
                float *y) {
  plan p = {.exec = exec, .shape = *shape, .axes = axes, .x = x, .grid = grid, .y = y};
  vz_gridsample_shape *s = &p.shape;
  if (axes == 2) s->out[0] = 1;
  if (s->batch * s->channels * s->out[0] * s->out[1] * s->out[2] == 0) return;
  if (axes == 2 && is_fast(s)) {
    merge_rows(s);
    p.blocks = (s->out[2] + BLOCK - 1) / BLOCK;
    size_t block = (s->out[2] < BLOCK ? s->out[2] : BLOCK) * (s->channels + 1);
    vz_pool_run(exec->pool, s->batch * s->out[1] * p.blocks, TASK_SAMPLES / block + 1, bilinear_blocks, &p);
    return;
  }
  size_t row = s->out[2] * (s->channels + 4);
  vz_pool_run(exec->pool, s->batch * s->out[0] * s->out[1], TASK_SAMPLES / 8 / row + 1, sample_rows, &p);
}

void vz_gridsample2d_f32(const vz_exec *exec, const vz_gridsample_shape *shape, const float *x, const float *grid,
                         float *y) {
  run(exec, 2, shape, x, grid, y);
}

void vz_gridsample3d_f32(const vz_exec *exec, const vz_gridsample_shape *shape, const float *x, const float *grid,
                         float *y) {
  run(exec, 3, shape, x, grid, y);
}
