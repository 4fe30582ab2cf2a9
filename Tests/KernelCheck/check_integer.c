#include "check_driver.h"
#include "vz_integer.h"
#include <math.h>
#include <string.h>

static int16_t *words(check_env *env, size_t count, int reach, bool aligned) {
  int16_t *x = aligned ? check_aligned(env, count * 2) : check_bytes(env, count * 2, 2);
  for (size_t i = 0; i < count; i++) x[i] = (int16_t)((int)check_range(env, 0, 2 * (size_t)reach) - reach);
  return x;
}

static uint8_t *octets(check_env *env, size_t count) {
  uint8_t *x = check_bytes(env, count, 1);
  for (size_t i = 0; i < count; i++) x[i] = (uint8_t)check_range(env, 0, 255);
  return x;
}

CHECK_KERNEL(itile_s16_n16) {
  size_t rows = check_range(env, 1, 11), pairs = check_size(env, 100), row = 2 * pairs + check_range(env, 0, 3);
  size_t c_row = 16 + check_range(env, 0, 3), bytes = ((rows - 1) * c_row + 16) * 4;
  int16_t *a = words(env, (rows - 1) * row + 2 * pairs, env->round % 4 ? 255 : 1 << 14, false);
  int16_t *b = words(env, pairs * 32, env->round % 4 ? 255 : 1 << 14, true);
  int32_t *got = check_bytes(env, bytes, 4), *want = check_copy(env, bytes, got);
  check_note(env, "rows=%zu pairs=%zu", rows, pairs);
  env->kernels->itile_s16_n16(rows, pairs, a, row, b, got, c_row);
  env->reference->itile_s16_n16(rows, pairs, a, row, b, want, c_row);
  check_same(env, bytes, got, want);
}

CHECK_KERNEL(widen_u8_s16) {
  size_t n = check_size(env, 300);
  uint8_t *x = octets(env, n);
  int zero = (int)check_range(env, 0, 255);
  int16_t *got = check_bytes(env, n * 2, 2);
  env->kernels->widen_u8_s16(n, x, zero, got);
  for (size_t i = 0; i < n; i++) CHECK(got[i] == x[i] - zero);
}

CHECK_KERNEL(widen_s8_s16) {
  size_t n = check_size(env, 300);
  int8_t *x = (int8_t *)octets(env, n);
  int zero = (int)check_range(env, 0, 255) - 128;
  int16_t *got = check_bytes(env, n * 2, 2);
  env->kernels->widen_s8_s16(n, x, zero, got);
  for (size_t i = 0; i < n; i++) CHECK(got[i] == x[i] - zero);
}

/* What a quantized number must be: computed in double from the float quotient. */
static int quantized(float quotient, int zero, int low, int high) {
  double value = isnan(quotient) ? -INFINITY : rint((double)quotient) + zero;
  return value < low ? low : value > high ? high : (int)value;
}

static float *reals(check_env *env, size_t n) {
  float *x = check_f32_in(env, n, -3, 3);
  for (size_t i = 0; i < n; i += 3) x[i] = (float)rint(x[i] * 8) / 16; /* halves */
  if (env->round % 4 == 1) x[n / 2] = INFINITY;
  if (env->round % 4 == 2) x[n / 2] = NAN;
  if (env->round % 4 == 3) x[n / 2] = -3e38f;
  return x;
}

CHECK_KERNEL(quantize_f32_u8) {
  size_t n = check_size(env, 300);
  float *x = reals(env, n), scale = env->round % 2 ? 0.125f : 0.017f;
  int zero = (int)check_range(env, 0, 255);
  uint8_t *got = check_bytes(env, n, 1);
  env->kernels->quantize_f32_u8(n, x, scale, zero, got);
  for (size_t i = 0; i < n; i++) CHECK(got[i] == quantized(x[i] / scale, zero, 0, 255));
}

CHECK_KERNEL(quantize_f32_s8) {
  size_t n = check_size(env, 300);
  float *x = reals(env, n), scale = env->round % 2 ? 0.125f : 0.017f;
  int zero = (int)check_range(env, 0, 255) - 128;
  int8_t *got = check_bytes(env, n, 1);
  env->kernels->quantize_f32_s8(n, x, scale, zero, got);
  for (size_t i = 0; i < n; i++) CHECK(got[i] == quantized(x[i] / scale, zero, -128, 127));
}

static int32_t *sums(check_env *env, size_t n) {
  int32_t *x = check_bytes(env, n * 4, 4);
  for (size_t i = 0; i < n; i++) x[i] = (int32_t)check_random(env) >> check_range(env, 0, 24);
  return x;
}

CHECK_KERNEL(requantize_s32_u8) {
  size_t n = check_size(env, 300);
  int32_t *x = sums(env, n), bias = (int32_t)check_range(env, 0, 2000) - 1000;
  int zero = (int)check_range(env, 0, 255);
  float scale = 0.0078125f;
  uint8_t *got = check_bytes(env, n, 1);
  env->kernels->requantize_s32_u8(n, x, bias, scale, zero, got);
  for (size_t i = 0; i < n; i++) {
    float sum = (float)(int32_t)((uint32_t)x[i] + (uint32_t)bias);
    CHECK(got[i] == quantized(sum * scale, zero, 0, 255));
  }
}

CHECK_KERNEL(requantize_s32_s8) {
  size_t n = check_size(env, 300);
  int32_t *x = sums(env, n), bias = (int32_t)check_range(env, 0, 2000) - 1000;
  int zero = (int)check_range(env, 0, 255) - 128;
  float scale = 0.0078125f;
  int8_t *got = check_bytes(env, n, 1);
  env->kernels->requantize_s32_s8(n, x, bias, scale, zero, got);
  for (size_t i = 0; i < n; i++) {
    float sum = (float)(int32_t)((uint32_t)x[i] + (uint32_t)bias);
    CHECK(got[i] == quantized(sum * scale, zero, -128, 127));
  }
}

CHECK_KERNEL(dequantize_u8_f32) {
  size_t n = check_size(env, 300);
  uint8_t *x = octets(env, n);
  int zero = (int)check_range(env, 0, 255);
  float *got = check_f32_raw(env, n);
  env->kernels->dequantize_u8_f32(n, x, 0.3f, zero, got);
  for (size_t i = 0; i < n; i++) CHECK(got[i] == (float)(x[i] - zero) * 0.3f);
}

CHECK_KERNEL(dequantize_s8_f32) {
  size_t n = check_size(env, 300);
  int8_t *x = (int8_t *)octets(env, n);
  int zero = (int)check_range(env, 0, 255) - 128;
  float *got = check_f32_raw(env, n);
  env->kernels->dequantize_s8_f32(n, x, 0.3f, zero, got);
  for (size_t i = 0; i < n; i++) CHECK(got[i] == (float)(x[i] - zero) * 0.3f);
}

CHECK_KERNEL(range_f32) {
  size_t n = check_size(env, 300);
  float *x = check_f32_in(env, n, env->round % 3 ? -3 : 1, 3), low, high, least = 0, greatest = 0;
  if (env->round % 4 == 2) x[n / 2] = NAN;
  env->kernels->range_f32(n, x, &low, &high);
  for (size_t i = 0; i < n; i++) {
    if (x[i] < least) least = x[i];
    if (x[i] > greatest) greatest = x[i];
  }
  CHECK(low == least && high == greatest);
}

static int byte_at(const uint8_t *x, size_t at, bool is_signed) { return is_signed ? (int8_t)x[at] : x[at]; }

CHECK_DRIVER(int_product) {
  size_t m = check_size(env, 70), n = check_size(env, 70), k = check_size(env, 90);
  bool transposed = env->round % 3 == 1, b_signed = env->round % 2, per_column = env->round % 5 < 2;
  vz_int_product job = {.m = m, .n = n, .k = k, .a_signed = env->round % 4 < 2, .a_zero_step = env->round % 3 == 0};
  uint8_t *a = octets(env, m * k), *b = octets(env, k * n);
  int16_t *a_zero = words(env, m, 100, false), *b_zero = words(env, n, 100, false);
  int16_t *packed = check_aligned(env, vz_int_packed_bytes(k, n));
  int32_t *c = check_bytes(env, m * n * 4, 4);
  size_t row = transposed ? 1 : n, col = transposed ? k : 1;
  check_note(env, "m=%zu n=%zu k=%zu", m, n, k);
  vz_int_pack(k, n, b, b_signed, row, col, b_zero, per_column, packed);
  vz_exec exec = check_exec(env, vz_int_product_scratch_bytes(&job, 3));
  vz_int_product_run(&exec, &job, a, a_zero, packed, c);
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < n; j++) {
      int64_t sum = 0;
      for (size_t l = 0; l < k; l++)
        sum += (byte_at(a, i * k + l, job.a_signed) - a_zero[i * job.a_zero_step])
               * (byte_at(b, l * row + j * col, b_signed) - b_zero[j * per_column]);
      CHECK(c[i * n + j] == sum);
    }
}

static int64_t conv_sum(const vz_int_conv *job, const uint8_t *x, int zero, const int16_t *weights, size_t batch,
                        size_t filter, const size_t *place) {
  size_t group = filter / job->filters, term = 0;
  int64_t sum = 0;
  for (size_t c = 0; c < job->channels; c++)
    for (size_t d = 0; d < job->kernel[0]; d++)
      for (size_t h = 0; h < job->kernel[1]; h++)
        for (size_t w = 0; w < job->kernel[2]; w++, term++) {
          size_t tap[3] = {d, h, w}, at = (batch * job->groups + group) * job->channels + c;
          bool inside = true;
          for (size_t axis = 0; axis < 3; axis++) {
            size_t position = place[axis] * job->stride[axis] + tap[axis] * job->dilation[axis] - job->pad[axis];
            inside &= position < job->in[axis]; /* negative ones wrap to huge ones */
            at = at * job->in[axis] + position;
          }
          if (inside)
            sum += (byte_at(x, at, job->x_signed) - zero) * weights[filter * vz_int_conv_row(job) + term];
        }
  return sum;
}

CHECK_DRIVER(int_conv) {
  vz_int_conv job = {.batch = check_range(env, 1, 2),
                     .groups = check_range(env, 1, 3),
                     .channels = check_range(env, 1, 5),
                     .filters = check_range(env, 1, 6),
                     .x_signed = env->round % 2,
                     .y_signed = env->round % 4 < 2};
  for (size_t axis = 0; axis < 3; axis++) {
    bool flat = axis == 0 && env->round % 3;
    job.kernel[axis] = flat ? 1 : check_range(env, 1, 3);
    job.dilation[axis] = check_range(env, 1, 2);
    job.stride[axis] = check_range(env, 1, 2);
    job.pad[axis] = flat ? 0 : check_range(env, 0, job.kernel[axis] - 1);
    size_t reach = (job.kernel[axis] - 1) * job.dilation[axis] + 1;
    job.in[axis] = flat ? 1 : reach + check_range(env, 0, 8);
    job.out[axis] = (job.in[axis] + 2 * job.pad[axis] - reach) / job.stride[axis] + 1;
  }
  size_t plane = job.in[0] * job.in[1] * job.in[2], total = job.out[0] * job.out[1] * job.out[2];
  size_t filters = job.groups * job.filters, row = vz_int_conv_row(&job), k = row;
  while (k > job.channels * job.kernel[0] * job.kernel[1] * job.kernel[2]) k--;
  uint8_t *x = octets(env, job.batch * job.groups * job.channels * plane);
  int16_t *weights = words(env, filters * row, 255, false);
  for (size_t f = 0; f < filters && k < row; f++) weights[f * row + k] = 0;
  int zero = job.x_signed ? -7 : 131;
  vz_exec exec = check_exec(env, vz_int_conv_scratch_bytes(&job, 3));
  check_note(env, "groups=%zu channels=%zu filters=%zu kernel=%zux%zux%zu out=%zu", job.groups, job.channels,
             job.filters, job.kernel[0], job.kernel[1], job.kernel[2], total);

  int32_t *sum = check_bytes(env, job.batch * filters * total * 4, 4), *bias = sums(env, filters);
  uint8_t *small = check_bytes(env, job.batch * filters * total, 1);
  float *scale = check_f32_in(env, filters, 1e-4, 1e-3);
  for (size_t f = 0; f < filters; f++) bias[f] %= 10000;
  vz_int_conv_ending plain = {0}, ending = {.scale = scale, .bias = bias, .zero = 3};
  vz_int_conv_run(&exec, &job, x, zero, weights, &plain, sum);
  vz_int_conv_run(&exec, &job, x, zero, weights, &ending, small);
  for (size_t b = 0; b < job.batch; b++)
    for (size_t f = 0; f < filters; f++)
      for (size_t pixel = 0; pixel < total; pixel++) {
        size_t place[3] = {pixel / job.out[2] / job.out[1], pixel / job.out[2] % job.out[1], pixel % job.out[2]};
        size_t at = (b * filters + f) * total + pixel;
        CHECK(sum[at] == conv_sum(&job, x, zero, weights, b, f, place));
        int low = job.y_signed ? -128 : 0;
        CHECK(byte_at(small, at, job.y_signed)
              == quantized((float)(sum[at] + bias[f]) * scale[f], 3, low, low + 255));
      }
}

BENCH_DRIVER(int_product) {
  vz_int_product job = {.m = 256, .n = 768, .k = 768};
  uint8_t *a = octets(env, job.m * job.k), *b = octets(env, job.k * job.n);
  int16_t zero = 3, *packed = check_aligned(env, vz_int_packed_bytes(job.k, job.n));
  int32_t *c = check_bytes(env, job.m * job.n * 4, 4);
  vz_int_pack(job.k, job.n, b, true, job.n, 1, &zero, 0, packed);
  vz_exec exec = check_exec(env, vz_int_product_scratch_bytes(&job, 3));
  exec.pool = NULL;
  CHECK_TIME(env, "256x768x768", 2.0 * 256 * 768 * 768) vz_int_product_run(&exec, &job, a, &zero, packed, c);
}

BENCH_DRIVER(int_conv) {
  vz_int_conv job = {.batch = 1, .groups = 1, .channels = 64, .filters = 64, .in = {1, 56, 56}, .out = {1, 56, 56},
                     .kernel = {1, 3, 3}, .stride = {1, 1, 1}, .dilation = {1, 1, 1}, .pad = {0, 1, 1}};
  uint8_t *x = octets(env, 64 * 56 * 56);
  int16_t *weights = words(env, 64 * vz_int_conv_row(&job), 127, false);
  int32_t *y = check_bytes(env, 64 * 56 * 56 * 4, 4);
  vz_int_conv_ending plain = {0};
  vz_exec exec = check_exec(env, vz_int_conv_scratch_bytes(&job, 3));
  exec.pool = NULL;
  CHECK_TIME(env, "64x64x56x56 3x3", 2.0 * 64 * 64 * 9 * 56 * 56)
  vz_int_conv_run(&exec, &job, x, 128, weights, &plain, y);
}
