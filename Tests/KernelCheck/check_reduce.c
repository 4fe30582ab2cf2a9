#include "check_driver.h"
#include <math.h>

static const char *const steps[] = {"sum", "abs", "square", "exp", "prod", "min", "max"};

CHECK_KERNEL(reduce_row_f32) {
  size_t n = check_size(env, 5000);
  vz_reduce_step step = (vz_reduce_step)(env->round % 7);
  float *x = check_f32_in(env, n, -2, 2), shift = step == VZ_STEP_EXP ? 2 : 0.5f;
  if (env->round % 11 == 10) x[n / 2] = NAN;
  check_note(env, "%s n=%zu", steps[step], n);
  float got = (float)env->kernels->reduce_row_f32(step, n, x, shift);
  float want = (float)env->reference->reduce_row_f32(step, n, x, shift);
  check_near(env, 1, &got, &want, step == VZ_STEP_SUM ? 1e-7 * (double)n : 0, 1e-6);
}

CHECK_KERNEL(reduce_columns_f32) {
  size_t rows = check_size(env, 200), cols = check_size(env, 300), ld = cols + check_range(env, 0, 3);
  vz_reduce_step step = (vz_reduce_step)(env->round % 7);
  float *x = check_f32_in(env, (rows - 1) * ld + cols, -2, 2), *shift = check_f32_in(env, cols, 0, 2);
  if (env->round % 5 == 0) shift = NULL;
  if (env->round % 11 == 10) x[cols / 2] = NAN;
  double *got = check_bytes(env, cols * sizeof *got, sizeof *got), *want = check_bytes(env, cols * 8, 8);
  for (size_t c = 0; c < cols; c++) got[c] = want[c] = check_uniform(env, 0, 1);
  check_note(env, "%s rows=%zu cols=%zu", steps[step], rows, cols);
  env->kernels->reduce_columns_f32(step, rows, cols, x, (ptrdiff_t)ld, shift, got);
  env->reference->reduce_columns_f32(step, rows, cols, x, (ptrdiff_t)ld, shift, want);
  float *rounded = check_f32_raw(env, cols);
  for (size_t c = 0; c < cols; c++) rounded[c] = (float)got[c];
  check_near_f64(env, cols, rounded, want, step == VZ_STEP_SUM ? 1e-7 * (double)rows : 1e-38, 1e-6);
}

static double reference(vz_reduce_op op, size_t n, const double *x) {
  double sum = 0, absolute = 0, square = 0, exponential = 0, product = 1, low = INFINITY, high = -INFINITY;
  for (size_t k = 0; k < n; k++) {
    sum += x[k];
    absolute += fabs(x[k]);
    square += x[k] * x[k];
    exponential += exp(x[k]);
    product *= x[k];
    low = fmin(low, x[k]);
    high = fmax(high, x[k]);
  }
  const double results[] = {sum,      sum / (double)n, low,    high,     product,
                            absolute, sqrt(square),    square, log(sum), log(exponential)};
  return results[op];
}

CHECK_DRIVER(reduce) {
  size_t rank = check_range(env, 0, 4), shape[4], total = 1, results = 1;
  ptrdiff_t strides[4];
  uint32_t axes = (uint32_t)check_range(env, 0, 15);
  vz_reduce_op op = (vz_reduce_op)(env->round % VZ_REDUCE_OP_COUNT);
  for (size_t d = 0; d < rank; d++) {
    shape[d] = check_size(env, rank < 3 ? 300 : 20);
    total *= shape[d];
    if (!(axes >> d & 1)) results *= shape[d];
  }
  size_t extent = check_range(env, 0, 2) ? 1 : 2, gap = extent;
  for (size_t d = rank; d-- > 0;) {
    strides[d] = (ptrdiff_t)extent;
    extent *= shape[d];
  }
  if (rank > 1 && env->round % 3 == 0) { /* a transposed view */
    strides[rank - 2] = (ptrdiff_t)gap;
    strides[rank - 1] = (ptrdiff_t)(gap * shape[rank - 2]);
  }
  float *x = check_f32_in(env, extent, op == VZ_REDUCE_LOGSUM ? 0.1 : -2, 2), *y = check_f32_raw(env, results);
  check_note(env, "op=%d rank=%zu axes=%x total=%zu results=%zu", op, rank, axes, total, results);
  vz_exec exec = check_exec(env, 0);
  vz_reduce_f32(&exec, op, rank, shape, axes, x, strides, y);
  size_t count = total / results;
  double *values = check_bytes(env, total * sizeof *values, sizeof *values), *want = check_bytes(env, results * 8, 8);
  for (size_t i = 0; i < total; i++) {
    size_t rest = i, result = 0, inside = 0, result_step = 1, inside_step = 1;
    ptrdiff_t at = 0;
    for (size_t d = rank; d-- > 0; rest /= shape[d]) {
      size_t index = rest % shape[d];
      at += (ptrdiff_t)index * strides[d];
      if (axes >> d & 1)
        inside += index * inside_step, inside_step *= shape[d];
      else
        result += index * result_step, result_step *= shape[d];
    }
    values[result * count + inside] = x[at];
  }
  for (size_t r = 0; r < results; r++) want[r] = reference(op, count, values + r * count);
  double absolute = op <= VZ_REDUCE_MEAN ? 4e-7 * sqrt((double)count) : op >= VZ_REDUCE_LOGSUM ? 1e-6 : 1e-38;
  if (op == VZ_REDUCE_MEAN) absolute /= (double)count;
  check_near_f64(env, results, y, want, absolute, 1e-6);
}

CHECK_DRIVER(reduce_nothing) {
  static const float want[] = {0, NAN, INFINITY, -INFINITY, 1, 0, 0, 0, -INFINITY, -INFINITY};
  vz_exec exec = check_exec(env, 0);
  for (int op = 0; op < VZ_REDUCE_OP_COUNT; op++) {
    float *y = check_f32_raw(env, 3), x = 1;
    vz_reduce_f32(&exec, (vz_reduce_op)op, 2, (size_t[]){3, 0}, 2, &x, (ptrdiff_t[]){0, 1}, y);
    for (size_t k = 0; k < 3; k++) check_near(env, 1, y + k, &want[op], 0, 0);
  }
}

CHECK_DRIVER(argmax) {
  size_t outer = check_size(env, 10), length = check_size(env, 50), inner = check_size(env, 10);
  float *x = check_f32(env, outer * length * inner);
  for (size_t k = 0; k < outer * length * inner; k++) x[k] = rintf(x[k] * 4);
  if (env->round % 4 == 0) x[0] = NAN, x[outer * length * inner - 1] = NAN;
  int64_t *high = check_bytes(env, outer * inner * 8, 8), *low = check_bytes(env, outer * inner * 8, 8);
  bool last = env->round % 2;
  vz_exec exec = check_exec(env, 0);
  vz_argmax_f32(&exec, last, outer, length, inner, x, high);
  vz_argmin_f32(&exec, last, outer, length, inner, x, low);
  for (size_t o = 0; o < outer; o++)
    for (size_t i = 0; i < inner; i++) {
      size_t up = 0, down = 0;
      const float *column = x + o * length * inner + i;
      for (size_t k = 1; k < length; k++) {
        float v = column[k * inner], u = column[up * inner], d = column[down * inner];
        if (isnan(v) ? last || !isnan(u) : v > u || (last && v == u)) up = k;
        if (isnan(v) ? last || !isnan(d) : v < d || (last && v == d)) down = k;
      }
      CHECK(high[o * inner + i] == (int64_t)up);
      CHECK(low[o * inner + i] == (int64_t)down);
    }
}

CHECK_DRIVER(cumsum) {
  size_t outer = check_size(env, 8), length = check_size(env, 60), inner = check_size(env, 8);
  bool exclusive = env->round % 2, reverse = env->round / 2 % 2;
  float *x = check_f32(env, outer * length * inner), *y = check_f32_raw(env, outer * length * inner);
  vz_exec exec = check_exec(env, 0);
  vz_cumsum_f32(&exec, exclusive, reverse, outer, length, inner, x, y);
  for (size_t o = 0; o < outer; o++)
    for (size_t k = 0; k < length; k++)
      for (size_t i = 0; i < inner; i++) {
        double sum = 0;
        for (size_t j = 0; j < length; j++) {
          bool counts = reverse ? j > k : j < k;
          if (counts || (j == k && !exclusive)) sum += x[(o * length + j) * inner + i];
        }
        check_near_f64(env, 1, y + (o * length + k) * inner + i, &sum, 1e-6, 1e-6);
      }
}

BENCH_DRIVER(reduce) {
  vz_exec exec = check_exec(env, 0);
  exec.pool = NULL;
  float *x = check_f32(env, 1 << 20), *y = check_f32(env, 1 << 20);
  CHECK_TIME(env, "sum rows 256x1024", 1 << 18)
  vz_reduce_f32(&exec, VZ_REDUCE_SUM, 2, (size_t[]){256, 1024}, 2, x, (ptrdiff_t[]){1024, 1}, y);
  CHECK_TIME(env, "sum columns 256x1024", 1 << 18)
  vz_reduce_f32(&exec, VZ_REDUCE_SUM, 2, (size_t[]){256, 1024}, 1, x, (ptrdiff_t[]){1024, 1}, y);
  CHECK_TIME(env, "max rows 65536x3", 3 << 16)
  vz_reduce_f32(&exec, VZ_REDUCE_MAX, 2, (size_t[]){65536, 3}, 2, x, (ptrdiff_t[]){3, 1}, y);
  CHECK_TIME(env, "sum middle 2x13x18432", 2 * 13 * 18432)
  vz_reduce_f32(&exec, VZ_REDUCE_SUM, 3, (size_t[]){2, 13, 18432}, 2, x, (ptrdiff_t[]){13 * 18432, 18432, 1}, y);
}
