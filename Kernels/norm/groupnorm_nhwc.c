#include "vz_norm.h"
#include "moments.h"
#include <math.h>

enum {
  CHUNKS_MAX = 32, /* stretches of pixels whose moments are kept apart until the merge */
  BLOCK_ROWS = 64,
  TILE = 256, /* channels gathered side by side; BLOCK_ROWS x TILE floats stay in a second-level cache */
  TASK_ELEMENTS = 1 << 14,
};

typedef struct plan {
  const vz_exec *exec;
  size_t batch, groups, channels, spatial, chunk_rows, chunks, apply_rows, apply_chunks;
  float epsilon;
  const float *x;
  ptrdiff_t x_ld;
  const float *scale, *bias;
  const vz_act *act;
  float *y;
  ptrdiff_t y_ld;
  moments *partial;              /* [batch, chunks, channels] */
  float *mean, *factor, *offset; /* [batch, channels] each */
} plan;

static size_t rows_per_chunk(size_t spatial) {
  size_t rows = (spatial + CHUNKS_MAX - 1) / CHUNKS_MAX;
  return (rows + BLOCK_ROWS - 1) / BLOCK_ROWS * BLOCK_ROWS;
}

static void gather(void *context, size_t begin, size_t end, unsigned worker) {
  (void)worker;
  const plan *p = context;
  for (size_t k = begin; k < end; k++) {
    size_t n = k / p->chunks, first = k % p->chunks * p->chunk_rows;
    size_t last = first + p->chunk_rows < p->spatial ? first + p->chunk_rows : p->spatial;
    moments *partial = p->partial + k * p->channels;
    for (size_t c = 0; c < p->channels; c++) partial[c] = (moments){0, 0, 0};
    for (size_t row = first; row < last; row += BLOCK_ROWS) {
      size_t rows = last - row < BLOCK_ROWS ? last - row : BLOCK_ROWS;
      for (size_t c = 0; c < p->channels; c += TILE) {
        size_t cols = p->channels - c < TILE ? p->channels - c : TILE;
        const float *x = p->x + (ptrdiff_t)(n * p->spatial + row) * p->x_ld + c;
        double sum[TILE] = {0}, squares[TILE] = {0}, mean[TILE];
        float shift[TILE];
        /* The first pixel is near the mean where all pixels are alike; differences from it lose nothing in float. */
        p->exec->kernels->reduce_columns_f32(VZ_STEP_SUM, rows, cols, x, p->x_ld, x, sum);
        for (size_t j = 0; j < cols; j++) {
          mean[j] = x[j] + sum[j] / (double)rows;
          shift[j] = (float)mean[j];
        }
        p->exec->kernels->reduce_columns_f32(VZ_STEP_SQUARE, rows, cols, x, p->x_ld, shift, squares);
        for (size_t j = 0; j < cols; j++)
          partial[c + j] = moments_merge(partial[c + j], moments_of(rows, mean[j], shift[j], squares[j]));
      }
    }
  }
}

static void merge(plan *p) {
  size_t width = p->channels / p->groups;
  for (size_t n = 0; n < p->batch; n++)
    for (size_t g = 0; g < p->groups; g++) {
      moments all = {0, 0, 0};
      for (size_t k = 0; k < p->chunks; k++)
        for (size_t c = g * width; c < (g + 1) * width; c++)
          all = moments_merge(all, p->partial[(n * p->chunks + k) * p->channels + c]);
      double variance = all.deviation > 0 ? all.deviation / all.count : all.deviation * 0;
      float inverse = (float)(1 / sqrt(variance + p->epsilon));
      for (size_t c = g * width; c < (g + 1) * width; c++) {
        p->mean[n * p->channels + c] = (float)all.mean;
        p->factor[n * p->channels + c] = p->scale ? inverse * p->scale[c] : inverse;
        p->offset[n * p->channels + c] = p->bias ? p->bias[c] : 0;
      }
    }
}

static void apply(void *context, size_t begin, size_t end, unsigned worker) {
  (void)worker;
  const plan *p = context;
  for (size_t k = begin; k < end; k++) {
    size_t n = k / p->apply_chunks, row = k % p->apply_chunks * p->apply_rows;
    size_t rows = p->spatial - row < p->apply_rows ? p->spatial - row : p->apply_rows;
    size_t at = n * p->spatial + row, c = n * p->channels;
    p->exec->kernels->norm_columns_f32(rows, p->channels, p->x + (ptrdiff_t)at * p->x_ld, p->x_ld, p->mean + c,
                                       p->factor + c, p->offset + c, p->y + (ptrdiff_t)at * p->y_ld, p->y_ld);
    if (p->act) p->exec->kernels->activate_f32(rows, p->channels, p->act, p->y + (ptrdiff_t)at * p->y_ld, (size_t)p->y_ld);
  }
}

size_t vz_groupnorm_nhwc_scratch_bytes(size_t batch, size_t channels, size_t spatial, size_t threads) {
  (void)threads;
  if (channels == 0 || spatial == 0) return 0;
  size_t chunks = (spatial + rows_per_chunk(spatial) - 1) / rows_per_chunk(spatial);
  return batch * channels * (chunks * sizeof(moments) + 3 * sizeof(float));
}

void vz_groupnorm_nhwc_f32(const vz_exec *exec, size_t batch, size_t groups, size_t channels, size_t spatial,
                           float epsilon, const float *x, ptrdiff_t x_ld, const float *scale, const float *bias,
                           const vz_act *act, float *y, ptrdiff_t y_ld) {
  if (channels == 0 || spatial == 0) return;
  plan p = {.exec = exec,
            .batch = batch,
            .groups = groups,
            .channels = channels,
            .spatial = spatial,
            .chunk_rows = rows_per_chunk(spatial),
            .epsilon = epsilon,
            .x = x,
            .x_ld = x_ld,
            .scale = scale,
            .bias = bias,
            .act = act,
            .y = y,
            .y_ld = y_ld};
  p.chunks = (spatial + p.chunk_rows - 1) / p.chunk_rows;
  p.apply_rows = TASK_ELEMENTS / channels + 1;
  p.apply_chunks = (spatial + p.apply_rows - 1) / p.apply_rows;
  p.partial = exec->scratch;
  p.mean = (float *)(p.partial + batch * p.chunks * channels);
  p.factor = p.mean + batch * channels;
  p.offset = p.factor + batch * channels;
  vz_pool_run(exec->pool, batch * p.chunks, TASK_ELEMENTS / (p.chunk_rows * channels) + 1, gather, &p);
  merge(&p);
  vz_pool_run(exec->pool, batch * p.apply_chunks, 1, apply, &p);
}
