#include "vz_integer.h"
#include <assert.h>
#include <string.h>

enum { PANEL = 16, ROWS = 4, LINE = 64, PACKED_LIMIT = 1 << 18, SMALL_PRODUCTS = 1 << 18 };

static size_t ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }
static size_t lines(size_t bytes) { return ceil_div(bytes, LINE) * LINE; }
static size_t taps(const vz_int_conv *job) { return job->kernel[0] * job->kernel[1] * job->kernel[2]; }
static size_t pixels(const vz_int_conv *job) { return job->out[0] * job->out[1] * job->out[2]; }
static size_t image(const vz_int_conv *job) { return job->in[0] * job->in[1] * job->in[2]; }

size_t vz_int_conv_row(const vz_int_conv *job) {
  size_t k = job->channels * taps(job);
  return k + (k & 1);
}

/* Panels of 16 pixels that one task packs and multiplies together. */
static size_t task_panels(const vz_int_conv *job) {
  size_t panel = vz_int_conv_row(job) * PANEL * sizeof(int16_t), count = panel ? PACKED_LIMIT / panel : 4;
  return count < 1 ? 1 : count > 4 ? 4 : count;
}

static size_t table_bytes(const vz_int_conv *job) { return lines(taps(job) * PANEL * sizeof(ptrdiff_t)); }

static size_t worker_bytes(const vz_int_conv *job) {
  return task_panels(job) * (table_bytes(job) + lines(vz_int_conv_row(job) * PANEL * sizeof(int16_t)))
         + ROWS * PANEL * sizeof(int32_t);
}

size_t vz_int_conv_scratch_bytes(const vz_int_conv *job, unsigned threads) { return threads * worker_bytes(job); }

typedef struct run {
  const vz_exec *exec;
  const vz_int_conv *job;
  const uint8_t *x;
  int x_zero;
  const int16_t *weights;
  const vz_int_conv_ending *ending;
  void *y;
  size_t tasks; /* for one image of the batch */
} run;

/* Where each tap of 16 pixels from `first` lies in a channel's plane; -1 outside. */
static void find(const vz_int_conv *job, size_t first, ptrdiff_t *at) {
  size_t count = pixels(job) - first < PANEL ? pixels(job) - first : PANEL, tap = 0;
  ptrdiff_t start[3][PANEL];
  for (size_t j = 0; j < count; j++) {
    size_t pixel = first + j, column = pixel % job->out[2], row = pixel / job->out[2];
    start[0][j] = (ptrdiff_t)(row / job->out[1] * job->stride[0]) - (ptrdiff_t)job->pad[0];
    start[1][j] = (ptrdiff_t)(row % job->out[1] * job->stride[1]) - (ptrdiff_t)job->pad[1];
    start[2][j] = (ptrdiff_t)(column * job->stride[2]) - (ptrdiff_t)job->pad[2];
  }
  for (size_t d = 0; d < job->kernel[0]; d++)
    for (size_t h = 0; h < job->kernel[1]; h++)
      for (size_t w = 0; w < job->kernel[2]; w++, tap++)
        for (size_t j = 0; j < PANEL; j++) {
          if (j >= count) {
            at[tap * PANEL + j] = -1;
            continue;
          }
          ptrdiff_t z = start[0][j] + (ptrdiff_t)(d * job->dilation[0]);
          ptrdiff_t y = start[1][j] + (ptrdiff_t)(h * job->dilation[1]);
          ptrdiff_t x = start[2][j] + (ptrdiff_t)(w * job->dilation[2]);
          bool inside = z >= 0 && z < (ptrdiff_t)job->in[0] && y >= 0 && y < (ptrdiff_t)job->in[1] && x >= 0
                        && x < (ptrdiff_t)job->in[2];
          at[tap * PANEL + j] =
              inside ? (z * (ptrdiff_t)job->in[1] + y) * (ptrdiff_t)job->in[2] + x : -1;
        }
}

/* The terms of 16 pixels for one group: [k / 2, 16, 2]. What lies outside is 0, that is the zero point. */
static void gather(const run *r, const uint8_t *x, const ptrdiff_t *at, int16_t *packed) {
  const vz_int_conv *job = r->job;
  size_t count = taps(job), plane = image(job), term = 0;
  int zero = r->x_zero, flip = job->x_signed ? 128 : 0; /* a signed byte is its bits with the highest flipped, - 128 */
  for (size_t c = 0; c < job->channels; c++)
    for (size_t tap = 0; tap < count; tap++, term++) {
      int16_t *to = packed + term / 2 * 2 * PANEL + term % 2;
      const uint8_t *from = x + c * plane;
      const ptrdiff_t *places = at + tap * PANEL;
      for (size_t j = 0; j < PANEL; j++)
        to[2 * j] = places[j] < 0 ? 0 : (int16_t)((from[places[j]] ^ flip) - flip - zero);
    }
  if (term % 2)
    for (size_t j = 0; j < PANEL; j++) packed[term / 2 * 2 * PANEL + 2 * j + 1] = 0;
}

static void store(const run *r, size_t filter, size_t offset, size_t count, const int32_t *sums) {
  const vz_int_conv_ending *ending = r->ending;
  int32_t bias = ending->bias ? ending->bias[filter] : 0;
  if (!ending->scale) {
    memcpy((int32_t *)r->y + offset, sums, count * sizeof(int32_t));
  } else if (r->job->y_signed) {
    r->exec->kernels->requantize_s32_s8(count, sums, bias, ending->scale[filter], ending->zero,
                                        (int8_t *)r->y + offset);
  } else {
    r->exec->kernels->requantize_s32_u8(count, sums, bias, ending->scale[filter], ending->zero,
                                        (uint8_t *)r->y + offset);
  }
}

static void run_task(const run *r, size_t item, unsigned worker) {
  const vz_int_conv *job = r->job;
  size_t panels = task_panels(job), width = vz_int_conv_row(job), total = pixels(job), plane = image(job);
  size_t batch = item / r->tasks, first = item % r->tasks * panels * PANEL;
  size_t table = table_bytes(job), packed_bytes = lines(width * PANEL * sizeof(int16_t));
  char *memory = (char *)r->exec->scratch + worker * worker_bytes(job);
  char *packed = memory + panels * table;
  int32_t *sums = (int32_t *)(packed + panels * packed_bytes);
  size_t count = 0;
  for (; count < panels && first + count * PANEL < total; count++)
    find(job, first + count * PANEL, (ptrdiff_t *)(memory + count * table));
  for (size_t group = 0; group < job->groups; group++) {
    const uint8_t *x = r->x + (batch * job->groups + group) * job->channels * plane;
    for (size_t p = 0; p < count; p++)
      gather(r, x, (const ptrdiff_t *)(memory + p * table), (int16_t *)(packed + p * packed_bytes));
    for (size_t m = 0; m < job->filters; m += ROWS) {
      size_t rows = job->filters - m < ROWS ? job->filters - m : ROWS, filter = group * job->filters + m;
      for (size_t p = 0; p < count; p++) {
        size_t pixel = first + p * PANEL, columns = total - pixel < PANEL ? total - pixel : PANEL;
        r->exec->kernels->itile_s16_n16(rows, width / 2, r->weights + filter * width, width,
                                        (const int16_t *)(packed + p * packed_bytes), sums, PANEL);
        for (size_t i = 0; i < rows; i++)
          store(r, filter + i, (batch * job->groups * job->filters + filter + i) * total + pixel, columns,
                sums + i * PANEL);
      }
    }
  }
}

static void run_tasks(void *context, size_t begin, size_t end, unsigned worker) {
  for (size_t item = begin; item < end; item++) run_task(context, item, worker);
}

void vz_int_conv_run(const vz_exec *exec, const vz_int_conv *job, const void *x, int x_zero, const int16_t *weights,
                     const vz_int_conv_ending *ending, void *y) {
  if (job->batch == 0 || pixels(job) == 0 || job->filters == 0) return;
  assert(exec->scratch_bytes >= vz_int_conv_scratch_bytes(job, vz_pool_threads(exec->pool)));
  run r = {.exec = exec, .job = job, .x = x, .x_zero = x_zero, .weights = weights, .ending = ending, .y = y};
  r.tasks = ceil_div(pixels(job), task_panels(job) * PANEL);
  double work = (double)job->batch * (double)pixels(job) * (double)(job->groups * job->filters);
  bool small = work * (double)vz_int_conv_row(job) < SMALL_PRODUCTS;
  vz_pool_run(small ? NULL : exec->pool, job->batch * r.tasks, 1, run_tasks, &r);
}
