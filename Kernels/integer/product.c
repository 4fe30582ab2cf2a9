#include "vz_integer.h"
#include <assert.h>
#include <string.h>

enum { PANEL = 16, CHUNK_ROWS = 32, LINE = 64, SMALL_PRODUCTS = 1 << 18 };

static size_t ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }
static size_t even(size_t k) { return k + (k & 1); }
static size_t lines(size_t bytes) { return ceil_div(bytes, LINE) * LINE; }

size_t vz_int_packed_bytes(size_t k, size_t n) { return ceil_div(n, PANEL) * PANEL * even(k) * sizeof(int16_t); }

void vz_int_pack(size_t k, size_t n, const void *b, bool is_signed, size_t row_stride, size_t col_stride,
                 const int16_t *zero, size_t zero_step, int16_t *packed) {
  memset(packed, 0, vz_int_packed_bytes(k, n));
  for (size_t first = 0; first < n; first += PANEL) {
    size_t columns = n - first < PANEL ? n - first : PANEL;
    int16_t *panel = packed + first * even(k);
    for (size_t l = 0; l < k; l++) {
      const uint8_t *from = (const uint8_t *)b + l * row_stride + first * col_stride;
      int16_t *to = panel + (l / 2) * 2 * PANEL + l % 2;
      for (size_t j = 0; j < columns; j++) {
        int value = is_signed ? (int8_t)from[j * col_stride] : from[j * col_stride];
        to[2 * j] = (int16_t)(value - zero[(first + j) * zero_step]);
      }
    }
  }
}

typedef struct run {
  const vz_exec *exec;
  const vz_int_product *job;
  const uint8_t *a;
  const int16_t *a_zero, *packed;
  int32_t *c;
  size_t slices, slice_panels;
} run;

static size_t worker_bytes(const vz_int_product *job) {
  return lines(CHUNK_ROWS * even(job->k) * sizeof(int16_t)) + CHUNK_ROWS * PANEL * sizeof(int32_t);
}

size_t vz_int_product_scratch_bytes(const vz_int_product *job, unsigned threads) {
  return threads * worker_bytes(job);
}

static void run_task(const run *r, size_t item, unsigned worker) {
  const vz_int_product *job = r->job;
  const vz_kernels *kernels = r->exec->kernels;
  size_t first = item / r->slices * CHUNK_ROWS, slice = item % r->slices, width = even(job->k);
  size_t rows = job->m - first < CHUNK_ROWS ? job->m - first : CHUNK_ROWS;
  char *memory = (char *)r->exec->scratch + worker * worker_bytes(job);
  int16_t *a = (int16_t *)memory;
  int32_t *edge = (int32_t *)(memory + lines(CHUNK_ROWS * width * sizeof(int16_t)));
  for (size_t i = 0; i < rows; i++) {
    const uint8_t *from = r->a + (first + i) * job->k;
    int zero = r->a_zero[(first + i) * job->a_zero_step];
    if (job->a_signed)
      kernels->widen_s8_s16(job->k, (const int8_t *)from, zero, a + i * width);
    else
      kernels->widen_u8_s16(job->k, from, zero, a + i * width);
    if (job->k != width) a[i * width + job->k] = 0;
  }
  size_t panels = ceil_div(job->n, PANEL), end = (slice + 1) * r->slice_panels;
  for (size_t panel = slice * r->slice_panels; panel < end && panel < panels; panel++) {
    size_t column = panel * PANEL, columns = job->n - column < PANEL ? job->n - column : PANEL;
    const int16_t *b = r->packed + column * width;
    int32_t *c = r->c + first * job->n + column;
    if (columns == PANEL) {
      kernels->itile_s16_n16(rows, width / 2, a, width, b, c, job->n);
      continue;
    }
    kernels->itile_s16_n16(rows, width / 2, a, width, b, edge, PANEL);
    for (size_t i = 0; i < rows; i++) memcpy(c + i * job->n, edge + i * PANEL, columns * sizeof(int32_t));
  }
}

static void run_tasks(void *context, size_t begin, size_t end, unsigned worker) {
  for (size_t item = begin; item < end; item++) run_task(context, item, worker);
}

void vz_int_product_run(const vz_exec *exec, const vz_int_product *job, const void *a, const int16_t *a_zero,
                        const int16_t *packed, int32_t *c) {
  if (job->m == 0 || job->n == 0) return;
  assert(exec->scratch_bytes >= vz_int_product_scratch_bytes(job, vz_pool_threads(exec->pool)));
  run r = {.exec = exec, .job = job, .a = a, .a_zero = a_zero, .packed = packed, .c = c};
  size_t chunks = ceil_div(job->m, CHUNK_ROWS), panels = ceil_div(job->n, PANEL);
  /* Few rows: the panels are shared out too. */
  r.slices = chunks < 8 ? ceil_div(8, chunks) : 1;
  if (r.slices > panels) r.slices = panels;
  r.slice_panels = ceil_div(panels, r.slices);
  r.slices = ceil_div(panels, r.slice_panels);
  bool small = (double)job->m * (double)job->n * (double)job->k < SMALL_PRODUCTS;
  vz_pool_run(small ? NULL : exec->pool, chunks * r.slices, 1, run_tasks, &r);
}
