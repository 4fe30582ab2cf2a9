#include "check_driver.h"
#include "vz_gridsample.h"
#include <math.h>

/* Grid coordinates in and around the image, with a few that no image has. */
static float *random_grid(check_env *env, size_t count) {
  static const float wild[] = {NAN, INFINITY, -INFINITY, 1e30f, -1e30f, 3e9f, -3e9f, 1.0f, -1.0f, 0.0f};
  double reach = env->round % 3 ? 1.2 : 4;
  float *grid = check_f32_in(env, count, -reach, reach);
  for (size_t k = 0; k < count; k += 1 + check_range(env, 0, 40)) grid[k] = wild[check_random(env) % 10];
  return grid;
}

CHECK_KERNEL(gridsample_points_f32) {
  size_t n = check_size(env, 128), height = check_range(env, 2, 30), width = check_range(env, 2, 30), ld = 128;
  int padding = (int)(env->round % 3);
  bool align = env->round / 3 % 2;
  ptrdiff_t column = (ptrdiff_t)check_range(env, 1, 5), row = column * (ptrdiff_t)width;
  float *gx = random_grid(env, n), *gy = random_grid(env, n);
  float *got_weight = check_f32_raw(env, 4 * ld), *want_weight = check_f32_raw(env, 4 * ld);
  int32_t *got = check_bytes(env, n * 4, 4), *want = check_bytes(env, n * 4, 4);
  check_note(env, "n=%zu %zux%zu padding=%d align=%d", n, height, width, padding, align);
  env->kernels->gridsample_points_f32(n, gx, gy, height, width, padding, align, row, column, got, got_weight, ld);
  env->reference->gridsample_points_f32(n, gx, gy, height, width, padding, align, row, column, want, want_weight, ld);
  check_same(env, n * 4, got, want);
  for (size_t k = 0; k < 4; k++) check_near(env, n, got_weight + k * ld, want_weight + k * ld, 1e-7, 1e-6);
}

static void apply_check(check_env *env, bool planes) {
  size_t n = check_size(env, 128), channels = check_size(env, 40), height = check_range(env, 2, 20);
  size_t width = check_range(env, 2, 20), ld = n;
  ptrdiff_t column = planes ? 1 : (ptrdiff_t)(channels + check_range(env, 0, 2));
  ptrdiff_t row = column * (ptrdiff_t)width + (planes ? (ptrdiff_t)check_range(env, 0, 2) : 0);
  ptrdiff_t plane = row * (ptrdiff_t)height;
  size_t extent = planes ? (channels - 1) * (size_t)plane + (height - 1) * (size_t)row + width
                         : ((height - 1) * width + width - 1) * (size_t)column + channels;
  float *x = check_f32(env, extent), *weight = check_f32(env, 4 * ld);
  int32_t *offset = check_bytes(env, n * 4, 4);
  for (size_t i = 0; i < n; i++)
    offset[i] =
        (int32_t)(check_range(env, 0, height - 2) * (size_t)row + check_range(env, 0, width - 2) * (size_t)column);
  float *got = check_f32_raw(env, n * channels), *want = check_f32_raw(env, n * channels);
  check_note(env, "n=%zu channels=%zu %zux%zu", n, channels, height, width);
  if (planes) {
    env->kernels->gridsample_planes_f32(n, channels, x, plane, row, offset, weight, ld, got, (ptrdiff_t)n);
    env->reference->gridsample_planes_f32(n, channels, x, plane, row, offset, weight, ld, want, (ptrdiff_t)n);
  } else {
    env->kernels->gridsample_pixels_f32(n, channels, x, row, column, offset, weight, ld, got, (ptrdiff_t)channels);
    env->reference->gridsample_pixels_f32(n, channels, x, row, column, offset, weight, ld, want, (ptrdiff_t)channels);
  }
  check_near(env, n * channels, got, want, 1e-6, 0);
}

CHECK_KERNEL(gridsample_planes_f32) { apply_check(env, true); }
CHECK_KERNEL(gridsample_pixels_f32) { apply_check(env, false); }

/* ---- the definition, in double ---- */

static double mirror(double p, double low, double high) {
  if (high <= low) return low;
  double span = high - low, distance = fabs(p - low), flips = floor(distance / span), rest = distance - flips * span;
  return fmod(flips, 2) == 0 ? low + rest : high - rest;
}

/* Pixel i of an axis after padding; -1: outside, counts as 0. */
static ptrdiff_t padded(double i, size_t size, const vz_gridsample_shape *s) {
  double last = (double)size - 1;
  if (s->padding == VZ_GRIDSAMPLE_REFLECTION) i = s->align_corners ? mirror(i, 0, last) : mirror(i, -0.5, last + 0.5);
  if (s->padding == VZ_GRIDSAMPLE_ZEROS) return i >= 0 && i <= last ? (ptrdiff_t)i : -1;
  return (ptrdiff_t)rint(fmin(fmax(i, 0), last));
}

static double cubic(double t) {
  const double a = -0.75;
  t = fabs(t);
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

static double weight_of(const vz_gridsample_shape *s, double distance) {
  if (s->mode == VZ_GRIDSAMPLE_CUBIC) return cubic(distance);
  return fmax(0, 1 - fabs(distance));
}

static double sample(const vz_gridsample_shape *s, size_t axes, const float *x, const float *g) {
  double at[3] = {0, 0, 0}, sum = 0;
  for (size_t a = 3 - axes; a < 3; a++) {
    float c = g[(ptrdiff_t)(2 - a) * s->grid_coordinate], size = (float)s->in[a];
    at[a] = s->align_corners ? (c + 1) / 2 * (size - 1) : ((c + 1) * size - 1) / 2;
    if (s->mode == VZ_GRIDSAMPLE_NEAREST) at[a] = rint(at[a]);
  }
  int low = s->mode == VZ_GRIDSAMPLE_CUBIC ? -1 : 0, high = s->mode == VZ_GRIDSAMPLE_CUBIC ? 2 : 1;
  for (int i = axes == 3 ? low : 0; i <= (axes == 3 ? high : 0); i++)
    for (int j = low; j <= high; j++)
      for (int k = low; k <= high; k++) {
        const int step[3] = {i, j, k};
        double weight = 1;
        ptrdiff_t offset = 0;
        bool inside = true;
        for (size_t a = 3 - axes; a < 3; a++) {
          double pixel = floor(at[a]) + step[a];
          weight *= weight_of(s, at[a] - pixel);
          ptrdiff_t index = padded(pixel, s->in[a], s);
          inside &= index >= 0;
          offset += index * s->x_axis[a];
        }
        if (inside && weight != 0) sum += weight * x[offset];
      }
  return sum;
}

static void driver_check(check_env *env, size_t axes) {
  vz_gridsample_shape s = {.batch = check_range(env, 1, 2), .channels = check_size(env, 12)};
  s.mode = (vz_gridsample_mode)(check_range(env, 0, 1) ? 0 : check_range(env, 0, axes == 3 ? 1 : 2));
  s.padding = (vz_gridsample_padding)check_range(env, 0, 2);
  s.align_corners = check_range(env, 0, 1);
  for (size_t a = 0; a < 3; a++) {
    s.in[a] = a + axes < 3 ? 1 : check_range(env, 1, 12);
    s.out[a] = a + axes < 3 ? 1 : check_size(env, a == 2 ? 200 : 8);
  }
  bool x_last = check_range(env, 0, 1), y_last = check_range(env, 0, 1), interleaved = check_range(env, 0, 1);
  s.x_axis[2] = x_last ? (ptrdiff_t)s.channels : 1, s.y_axis[2] = y_last ? (ptrdiff_t)s.channels : 1;
  s.grid_axis[2] = interleaved ? (ptrdiff_t)axes : 1;
  for (size_t a = 2; a-- > 0;) {
    s.x_axis[a] = s.x_axis[a + 1] * (ptrdiff_t)s.in[a + 1];
    s.y_axis[a] = s.y_axis[a + 1] * (ptrdiff_t)s.out[a + 1];
    s.grid_axis[a] = s.grid_axis[a + 1] * (ptrdiff_t)s.out[a + 1];
  }
  ptrdiff_t x_plane = s.x_axis[0] * (ptrdiff_t)s.in[0], y_plane = s.y_axis[0] * (ptrdiff_t)s.out[0];
  ptrdiff_t grid_plane = s.grid_axis[0] * (ptrdiff_t)s.out[0];
  s.x_channel = x_last ? 1 : x_plane, s.x_batch = x_last ? x_plane : x_plane * (ptrdiff_t)s.channels;
  s.y_channel = y_last ? 1 : y_plane, s.y_batch = y_last ? y_plane : y_plane * (ptrdiff_t)s.channels;
  s.grid_coordinate = interleaved ? 1 : grid_plane;
  s.grid_batch = interleaved ? grid_plane : grid_plane * (ptrdiff_t)axes;
  size_t points = s.out[0] * s.out[1] * s.out[2];
  float *x = check_f32(env, s.batch * (size_t)s.x_batch), *y = check_f32_raw(env, s.batch * (size_t)s.y_batch);
  float *grid = random_grid(env, s.batch * points * axes);
  vz_exec exec = check_exec(env, 0);
  check_note(env, "axes=%zu mode=%d padding=%d align=%d in=%zux%zux%zu out=%zux%zux%zu channels=%zu last=%d,%d", axes,
             s.mode, s.padding, s.align_corners, s.in[0], s.in[1], s.in[2], s.out[0], s.out[1], s.out[2], s.channels,
             x_last, y_last);
  (axes == 2 ? vz_gridsample2d_f32 : vz_gridsample3d_f32)(&exec, &s, x, grid, y);
  for (size_t k = 0; k < s.batch * points; k++) {
    size_t w = k % s.out[2], h = k / s.out[2] % s.out[1], d = k / s.out[2] / s.out[1] % s.out[0], n = k / points;
    const float *g = grid + (ptrdiff_t)n * s.grid_batch + (ptrdiff_t)d * s.grid_axis[0] +
                     (ptrdiff_t)h * s.grid_axis[1] + (ptrdiff_t)w * s.grid_axis[2];
    bool tame = true; /* beyond this floats cannot tell pixels apart */
    for (size_t a = 0; a < axes; a++) tame &= fabsf(g[(ptrdiff_t)a * s.grid_coordinate]) < 100;
    ptrdiff_t at =
        (ptrdiff_t)n * s.y_batch + (ptrdiff_t)d * s.y_axis[0] + (ptrdiff_t)h * s.y_axis[1] + (ptrdiff_t)w * s.y_axis[2];
    for (size_t c = 0; c < s.channels; c++) {
      float got = y[at + (ptrdiff_t)c * s.y_channel];
      CHECK(got >= -4 && got <= 4);
      if (!tame) continue;
      double want = sample(&s, axes, x + (ptrdiff_t)n * s.x_batch + (ptrdiff_t)c * s.x_channel, g);
      check_near_f64(env, 1, &got, &want, 4e-5, 0);
    }
  }
}

CHECK_DRIVER(gridsample2d) { driver_check(env, 2); }
CHECK_DRIVER(gridsample3d) { driver_check(env, 3); }

BENCH_DRIVER(gridsample2d) {
  enum { S = 256, C = 4 };
  vz_gridsample_shape s = {.batch = 1,
                           .channels = C,
                           .in = {1, S, S},
                           .out = {1, S, S},
                           .x_channel = S * S,
                           .x_axis = {0, S, 1},
                           .grid_axis = {0, S, 1},
                           .grid_coordinate = S * S,
                           .y_channel = S * S,
                           .y_axis = {0, S, 1},
                           .padding = VZ_GRIDSAMPLE_BORDER,
                           .align_corners = true};
  float *x = check_f32(env, C * S * S), *y = check_f32(env, C * S * S), *grid = check_f32(env, 2 * S * S);
  for (size_t k = 0; k < S * S; k++) { /* a gentle warp */
    double px = (double)(k % S) / (S - 1) * 2 - 1, py = (double)(k / S) / (S - 1) * 2 - 1;
    grid[k] = (float)(px + 0.02 * sin(5 * py));
    grid[S * S + k] = (float)(py + 0.02 * sin(4 * px));
  }
  vz_exec exec = check_exec(env, 0);
  exec.pool = NULL;
  CHECK_TIME(env, "linear border 4x256x256 nchw", S * S) vz_gridsample2d_f32(&exec, &s, x, grid, y);
  s.x_channel = 1, s.x_axis[1] = S * C, s.x_axis[2] = C;
  CHECK_TIME(env, "linear border 4x256x256 nhwc->nchw", S * S) vz_gridsample2d_f32(&exec, &s, x, grid, y);
  s.y_channel = 1, s.y_axis[1] = S * C, s.y_axis[2] = C;
  CHECK_TIME(env, "linear border 4x256x256 nhwc", S * S) vz_gridsample2d_f32(&exec, &s, x, grid, y);
}
