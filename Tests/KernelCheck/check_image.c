#include "check.h"
#include <math.h>
#include <string.h>

static uint8_t *random_bytes(check_env *env, size_t count) {
  uint8_t *bytes = check_bytes(env, count, 1);
  for (size_t i = 0; i < count; i++) bytes[i] = (uint8_t)check_random(env);
  return bytes;
}

CHECK_KERNEL(image_add_u8) {
  size_t n = check_size(env, 300);
  uint8_t *x = random_bytes(env, n);
  float *got = check_f32(env, n), *want = check_copy(env, n * sizeof *want, got);
  float w = (float)check_uniform(env, -1, 1);
  check_note(env, "n=%zu", n);
  env->kernels->image_add_u8(n, w, x, got);
  env->reference->image_add_u8(n, w, x, want);
  check_near(env, n, got, want, 3e-5, 1e-6);
}

CHECK_KERNEL(image_blend_f32) {
  size_t n = check_size(env, 300), taps = check_size(env, 40);
  float *w = check_f32(env, taps), *got = check_f32_raw(env, n), *want = check_f32_raw(env, n);
  const float **x = check_aligned(env, taps * sizeof *x);
  for (size_t t = 0; t < taps; t++) x[t] = check_f32(env, n);
  check_note(env, "n=%zu taps=%zu", n, taps);
  env->kernels->image_blend_f32(n, taps, w, x, got);
  env->reference->image_blend_f32(n, taps, w, x, want);
  check_near(env, n, got, want, 1e-6 * (double)taps, 1e-6);
}

CHECK_KERNEL(image_window_rgb8) {
  size_t rows = check_size(env, 20), cols = check_size(env, 90), stride = 3 * cols + check_range(env, 0, 9);
  uint8_t *x = random_bytes(env, (rows - 1) * stride + 3 * cols);
  float *wy = check_f32(env, rows), *wx = check_f32(env, 3 * cols), got[3], want[3];
  check_note(env, "rows=%zu cols=%zu stride=%zu", rows, cols, stride);
  env->kernels->image_window_rgb8(rows, cols, x, stride, wy, wx, got);
  env->reference->image_window_rgb8(rows, cols, x, stride, wy, wx, want);
  check_near(env, 3, got, want, 3e-5 * (double)(rows * cols), 1e-6);
}

CHECK_KERNEL(image_pack_f32) {
  size_t n = check_size(env, 300);
  float *r = check_f32(env, n), *g = check_f32(env, n), *b = check_f32(env, n);
  float *got = check_f32_raw(env, 4 * n), *want = check_f32_raw(env, 4 * n);
  check_note(env, "n=%zu", n);
  env->kernels->image_pack_f32(n, r, g, b, got);
  env->reference->image_pack_f32(n, r, g, b, want);
  check_near(env, 4 * n, got, want, 0, 1e-7);
}

/* Bytes may differ by one where a rounding falls on the other side. */
static void near_bytes(check_env *env, size_t count, const uint8_t *got, const uint8_t *want) {
  for (size_t i = 0; i < count; i++)
    if (got[i] > want[i] + 1 || want[i] > got[i] + 1) check_fail(env, "[%zu] %d, wanted %d", i, got[i], want[i]);
}

CHECK_KERNEL(image_paste_row) {
  size_t side = check_size(env, 60), n = check_size(env, 200);
  float *x = check_f32_in(env, (side + 4) * (side + 4) * 4, -20, 280), *mask = check_f32_in(env, n, 0, 1);
  double reach = (double)side + 0.999, u = -1, v = -1 + reach, du = reach / (double)n, dv = -du;
  if (env->round % 2) u = check_uniform(env, -1, 0), v = check_uniform(env, -1, (double)side - 0.001), dv = 0;
  if (env->round % 2) du = ((double)side - 0.001 - u) / (double)n;
  uint8_t *got = random_bytes(env, 3 * n), *want = check_copy(env, 3 * n, got);
  mask[n / 2] = 0;
  uint8_t kept[3];
  memcpy(kept, got + 3 * (n / 2), 3);
  check_note(env, "side=%zu n=%zu u=%g v=%g du=%g dv=%g", side, n, u, v, du, dv);
  env->kernels->image_paste_row(n, side, x, u, v, du, dv, mask, got);
  env->reference->image_paste_row(n, side, x, u, v, du, dv, mask, want);
  near_bytes(env, 3 * n, got, want);
  check_same(env, 3, got + 3 * (n / 2), kept);
}

BENCH_KERNEL(image_paste_row) {
  size_t side = 256, n = 300;
  float *x = check_f32(env, (side + 4) * (side + 4) * 4), *mask = check_f32_in(env, n, 0.5, 1);
  uint8_t *rgb = random_bytes(env, 3 * n);
  CHECK_TIME(env, "pixels n=300", 300)
    env->kernels->image_paste_row(n, side, x, 3, 90, 0.8, 0.05, mask, rgb);
}

static vz_exec exec_for(check_env *env, size_t scratch_bytes) {
  return (vz_exec){env->kernels, NULL, check_aligned(env, scratch_bytes), scratch_bytes};
}

static double clamped(const uint8_t *rgb, long width, long height, long x, long y, size_t c) {
  x = x < 0 ? 0 : x >= width ? width - 1 : x;
  y = y < 0 ? 0 : y >= height ? height - 1 : y;
  return rgb[3 * (y * width + x) + (long)c];
}

static double keys(double x) {
  x = fabs(x);
  if (x <= 1) return (1.25 * x - 2.25) * x * x + 1;
  return x < 2 ? ((-0.75 * x + 3.75) * x - 6) * x + 3 : 0;
}

/* Each output pixel by the definition: blur, then filter, both of them over the whole neighbourhood. */
CHECK_DRIVER(image_sample) {
  size_t width = check_size(env, 30), height = check_size(env, 30);
  size_t radius = env->round % 3 ? 0 : check_range(env, 1, 3);
  float blur[7];
  double total = 0;
  for (size_t i = 0; i <= 2 * radius; i++) total += blur[i] = (float)check_uniform(env, 0.1, 1);
  for (size_t i = 0; i <= 2 * radius; i++) blur[i] /= (float)total;
  vz_sample s = {.width = width, .height = height, .rgb = random_bytes(env, 3 * width * height)};
  s.out_width = check_size(env, 12), s.out_height = check_size(env, 12);
  s.map = (vz_affine){check_uniform(env, -2, 2), check_uniform(env, -2, 2), check_uniform(env, -5, 30),
                      check_uniform(env, -2, 2), check_uniform(env, -2, 2), check_uniform(env, -5, 30)};
  s.filter = env->round % 2 ? VZ_FILTER_CUBIC : VZ_FILTER_LINEAR;
  s.border = env->round / 2 % 2 ? VZ_BORDER_REPEAT : VZ_BORDER_ZERO;
  s.blur = radius ? blur : NULL, s.blur_radius = radius;
  s.scale = 1 / 255.0f, s.low = -1, s.high = 2;
  size_t plane = s.out_width * s.out_height;
  float *got = check_f32_raw(env, 3 * plane);
  check_note(env, "%zux%zu to %zux%zu filter=%d border=%d radius=%zu", width, height, s.out_width, s.out_height,
             s.filter, s.border, radius);
  vz_exec exec = exec_for(env, vz_sample_scratch_bytes(&s, 1));
  vz_sample_run(&exec, &s, got);
  double *want = check_aligned(env, 3 * plane * sizeof *want);
  for (size_t i = 0; i < 3 * plane; i++) {
    size_t c = i / plane, x = i % plane % s.out_width, y = i % plane / s.out_width;
    double u = s.map.xx * (double)x + s.map.xy * (double)y + s.map.x0;
    double v = s.map.yx * (double)x + s.map.yy * (double)y + s.map.y0, sum = 0;
    for (long q = -1; q <= 2; q++) {
      for (long p = -1; p <= 2; p++) {
        long at = (long)floor(u) + p, row = (long)floor(v) + q;
        double du = fabs(u - (double)at), dv = fabs(v - (double)row);
        double weight = s.filter == VZ_FILTER_CUBIC ? keys(du) * keys(dv) : fmax(0, 1 - du) * fmax(0, 1 - dv);
        bool outside = at < 0 || row < 0 || at >= (long)width || row >= (long)height;
        if (outside && s.border == VZ_BORDER_ZERO) continue;
        at = at < 0 ? 0 : at >= (long)width ? (long)width - 1 : at;
        row = row < 0 ? 0 : row >= (long)height ? (long)height - 1 : row;
        double value = 0;
        for (long b = -(long)radius; b <= (long)radius; b++)
          for (long a = -(long)radius; a <= (long)radius; a++)
            value += (radius ? (double)blur[a + (long)radius] * blur[b + (long)radius] : 1) *
                     clamped(s.rgb, (long)width, (long)height, at + a, row + b, c);
        sum += weight * value;
      }
    }
    want[i] = fmin(fmax(sum / 255, -1), 2);
  }
  check_near_f64(env, 3 * plane, got, want, 1e-5, 1e-5);
}

CHECK_DRIVER(image_blur) {
  size_t planes = check_range(env, 1, 3), width = check_size(env, 40), height = check_size(env, 40);
  size_t radius = check_range(env, 1, 5), plane = width * height;
  float weights[11], *x = check_f32(env, planes * plane), *got = check_f32_raw(env, planes * plane);
  for (size_t i = 0; i <= 2 * radius; i++) weights[i] = (float)check_uniform(env, -1, 1);
  check_note(env, "planes=%zu %zux%zu radius=%zu", planes, width, height, radius);
  vz_exec exec = exec_for(env, vz_blur_scratch_bytes(planes, width, height, radius, 1));
  vz_blur_run(&exec, planes, width, height, radius, weights, x, got);
  double *want = check_aligned(env, planes * plane * sizeof *want);
  for (size_t i = 0; i < planes * plane; i++) {
    long column = (long)(i % width), row = (long)(i / width % height), r = (long)radius;
    const float *from = x + i / plane * plane;
    want[i] = 0;
    for (long b = -r; b <= r; b++) {
      for (long a = -r; a <= r; a++) {
        long u = column + a, v = row + b;
        u = u < 0 ? 0 : u >= (long)width ? (long)width - 1 : u;
        v = v < 0 ? 0 : v >= (long)height ? (long)height - 1 : v;
        want[i] += (double)weights[a + r] * weights[b + r] * from[v * (long)width + u];
      }
    }
  }
  check_near_f64(env, planes * plane, got, want, 2e-5, 1e-5);
}
