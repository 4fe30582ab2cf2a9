#include "vz_norm.h"
#include "moments.h"
#include <math.h>
#include <stdint.h>

enum {
  ROW_CHUNK = 4096, /* elements whose moments are merged in double; a first-level cache holds them */
  TASK_ELEMENTS = 1 << 15,
};

static moments row_moments(const vz_kernels *kernels, size_t n, const float *x) {
  moments all = {0, 0, 0};
  for (size_t at = 0; at < n; at += ROW_CHUNK) {
    size_t m = n - at < ROW_CHUNK ? n - at : ROW_CHUNK;
    /* Differences from any one element are small where all are alike, and lose nothing in float. */
    double mean = x[at] + kernels->reduce_row_f32(VZ_STEP_SUM, m, x + at, x[at]) / (double)m;
    float shift = (float)mean;
    double squares = kernels->reduce_row_f32(VZ_STEP_SQUARE, m, x + at, shift);
    all = moments_merge(all, moments_of(m, mean, shift, squares));
  }
  return all;
}

static float inverse_deviation(moments m, float epsilon) {
  double variance = m.deviation > 0 ? m.deviation / m.count : m.deviation * 0;
  return (float)(1 / sqrt(variance + epsilon));
}

/* ---- layer norm, RMS norm ---- */

typedef struct row_plan {
  const vz_exec *exec;
  size_t cols;
  float epsilon;
  const float *x;
  ptrdiff_t x_stride;
  const float *scale, *bias;
  float *y;
  ptrdiff_t y_stride;
  float *mean, *inverse_std;
} row_plan;

static void layernorm_rows(void *context, size_t begin, size_t end, unsigned worker) {
  (void)worker;
  const row_plan *p = context;
  for (size_t r = begin; r < end; r++) {
    const float *x = p->x + (ptrdiff_t)r * p->x_stride;
    moments m = row_moments(p->exec->kernels, p->cols, x);
    float factor = inverse_deviation(m, p->epsilon);
    p->exec->kernels->norm_row_f32(p->cols, x, (float)m.mean, factor, p->scale, p->bias,
                                   p->y + (ptrdiff_t)r * p->y_stride);
    if (p->mean) p->mean[r] = (float)m.mean;
    if (p->inverse_std) p->inverse_std[r] = factor;
  }
}

void vz_layernorm_f32(const vz_exec *exec, size_t rows, size_t cols, float epsilon, const float *x, ptrdiff_t x_stride,
                      const float *scale, const float *bias, float *y, ptrdiff_t y_stride, float *mean,
                      float *inverse_std) {
  if (cols == 0) return;
  row_plan p = {.exec = exec,
                .cols = cols,
                .epsilon = epsilon,
                .x = x,
                .x_stride = x_stride,
                .scale = scale,
                .bias = bias,
                .y = y,
                .y_stride = y_stride,
                .mean = mean,
                .inverse_std = inverse_std};
  vz_pool_run(exec->pool, rows, TASK_ELEMENTS / cols + 1, layernorm_rows, &p);
}

static void rmsnorm_rows(void *context, size_t begin, size_t end, unsigned worker) {
  (void)worker;
  const row_plan *p = context;
  for (size_t r = begin; r < end; r++) {
    const float *x = p->x + (ptrdiff_t)r * p->x_stride;
    double squares = 0;
    for (size_t at = 0; at < p->cols; at += ROW_CHUNK) {
      size_t m = p->cols - at < ROW_CHUNK ? p->cols - at : ROW_CHUNK;
      squares += p->exec->kernels->reduce_row_f32(VZ_STEP_SQUARE, m, x + at, 0);
    }
    float factor = (float)(1 / sqrt(squares / (double)p->cols + p->epsilon));
    p->exec->kernels->norm_row_f32(p->cols, x, 0, factor, p->scale, NULL, p->y + (ptrdiff_t)r * p->y_stride);
  }
}

void vz_rmsnorm_f32(const vz_exec *exec, size_t rows, size_t cols, float epsilon, const float *x, ptrdiff_t x_stride,
                    const float *scale, float *y, ptrdiff_t y_stride) {
  if (cols == 0) return;
  row_plan p = {.exec = exec,
                .cols = cols,
                .epsilon = epsilon,
                .x = x,
                .x_stride = x_stride,
                .scale = scale,
                .y = y,
                .y_stride = y_stride};
  vz_pool_run(exec->pool, rows, TASK_ELEMENTS / cols + 1, rmsnorm_rows, &p);
}

/* ---- group norm, planes ---- */

typedef struct group_plan {
  const vz_exec *exec;
  size_t groups, channels_per_group, spatial;
  float epsilon;
  const float *x, *scale, *bias;
  const vz_act *act;
  float *y;
} group_plan;

static void normalize_groups(void *context, size_t begin, size_t end, unsigned worker) {
  (void)worker;
  const group_plan *p = context;
  size_t group_elements = p->channels_per_group * p->spatial;
  for (size_t k = begin; k < end; k++) {
    const float *x = p->x + k * group_elements;
    float *y = p->y + k * group_elements;
    moments m = row_moments(p->exec->kernels, group_elements, x);
    float inverse = inverse_deviation(m, p->epsilon);
    for (size_t j = 0; j < p->channels_per_group; j++) {
      size_t channel = k % p->groups * p->channels_per_group + j;
      float factor = p->scale ? inverse * p->scale[channel] : inverse, bias = p->bias ? p->bias[channel] : 0;
      p->exec->kernels->norm_plane_f32(p->spatial, x + j * p->spatial, (float)m.mean, factor, bias, y + j * p->spatial);
      if (p->act) p->exec->kernels->activate_f32(1, p->spatial, p->act, y + j * p->spatial, p->spatial);
    }
  }
}

void vz_groupnorm_nchw_f32(const vz_exec *exec, size_t batch, size_t groups, size_t channels, size_t spatial,
                           float epsilon, const float *x, const float *scale, const float *bias, const vz_act *act,
                           float *y) {
  if (channels == 0 || spatial == 0) return;
  group_plan p = {.exec = exec,
                  .groups = groups,
                  .channels_per_group = channels / groups,
                  .spatial = spatial,
                  .epsilon = epsilon,
                  .x = x,
                  .scale = scale,
                  .bias = bias,
                  .act = act,
                  .y = y};
  vz_pool_run(exec->pool, batch * groups, TASK_ELEMENTS / (p.channels_per_group * spatial) + 1, normalize_groups, &p);
}
