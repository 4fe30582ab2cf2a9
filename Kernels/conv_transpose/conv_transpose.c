#include "vz_conv_transpose.h"
#include "../conv/window.h"
#include <assert.h>

enum { LINE = 64 };

/* The taps of one axis that meet output positions p with (p + pad) mod stride == phase:
   tap_first, tap_first + tap_step, ...; none if count is 0. */
typedef struct taps {
  size_t first, step, count;
} taps;

static size_t gcd(size_t a, size_t b) {
  while (b) {
    size_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

static taps taps_of(size_t phase, size_t stride, size_t dilation, size_t kernel) {
  taps t = {.step = stride / gcd(stride, dilation)};
  for (t.first = 0; t.first < kernel && t.first < t.step; t.first++) {
    if (t.first * dilation % stride != phase) continue;
    t.count = (kernel - t.first - 1) / t.step + 1;
    return t;
  }
  return t;
}

/* -- packing: the panels of all phases, one after the other ----------------------------------------------------------
 */

typedef struct weights {
  const vz_conv_shape *shape;
  const float *w, *scale;
  taps y, x;
} weights;

static vz_panel_row weights_at(const void *context, size_t group, size_t tap, size_t i) {
  const weights *from = context;
  const vz_conv_shape *s = from->shape;
  size_t ky = from->y.first + tap / from->x.count * from->y.step;
  size_t kx = from->x.first + tap % from->x.count * from->x.step;
  size_t in = s->in_c / s->groups, out = s->out_c / s->groups;
  return (vz_panel_row){.from = from->w + ((group * in + i) * out * s->kernel_h + ky) * s->kernel_w + kx,
                        .stride = s->kernel_h * s->kernel_w,
                        .scale = from->scale ? from->scale + group * out : NULL};
}

static vz_panels layout(vz_cpu_level level, const vz_conv_shape *s, taps y, taps x) {
  return vz_panels_layout(level, s->groups, y.count * x.count, s->in_c / s->groups, s->out_c / s->groups);
}

static size_t slot_bytes(const vz_panels *p) { return (vz_panels_bytes(p) + LINE - 1) / LINE * LINE; }

size_t vz_conv_transpose_pack_bytes(const vz_kernels *kernels, const vz_conv_shape *s) {
  size_t bytes = 0;
  for (size_t py = 0; py < s->stride_h; py++) {
    for (size_t px = 0; px < s->stride_w; px++) {
      vz_panels p = layout(kernels->level, s, taps_of(py, s->stride_h, s->dilation_h, s->kernel_h),
                           taps_of(px, s->stride_w, s->dilation_w, s->kernel_w));
      bytes += slot_bytes(&p);
    }
  }
  return bytes;
}

void vz_conv_transpose_pack_f32(const vz_kernels *kernels, const vz_conv_shape *s, const float *w, const float *scale,
                                void *packed) {
  char *to = packed;
  for (size_t py = 0; py < s->stride_h; py++) {
    for (size_t px = 0; px < s->stride_w; px++) {
      weights from = {s, w, scale, taps_of(py, s->stride_h, s->dilation_h, s->kernel_h),
                      taps_of(px, s->stride_w, s->dilation_w, s->kernel_w)};
      vz_panels p = layout(kernels->level, s, from.y, from.x);
      vz_panels_pack(&p, weights_at, &from, to);
      to += slot_bytes(&p);
    }
  }
}

/* -- running ------------------------------------------------------------------------------------------------------- */

/* One axis of one phase: output positions first, first + stride, ... (count of them), and, for the j-th of them, the
   input position origin + j - tap * tap_step. */
typedef struct axis {
  size_t first, count;
  ptrdiff_t origin, tap_step;
} axis;

static axis axis_of(size_t phase, taps t, size_t stride, size_t dilation, ptrdiff_t pad, size_t out) {
  ptrdiff_t s = (ptrdiff_t)stride, first = ((ptrdiff_t)phase - pad) % s;
  if (first < 0) first += s;
  axis a = {.first = (size_t)first, .tap_step = (ptrdiff_t)(t.step * dilation / stride)};
  a.count = a.first < out ? (out - a.first - 1) / stride + 1 : 0;
  /* Exact: the numerator is a multiple of the stride, of either sign. */
  if (t.count) a.origin = (first + pad - (ptrdiff_t)(t.first * dilation)) / s;
  return a;
}

static void run_phase(const vz_exec *exec, const vz_conv_shape *s, const float *x, const vz_panels *packed,
                      const vz_epilogue *epilogue, float *y, taps ty, taps tx, axis ay, axis ax) {
  vz_window whole = {.out_h = s->out_h, .out_w = s->out_w};
  vz_window_residual(&whole, epilogue);
  vz_window window = {
      .in_h = s->in_h,
      .in_w = s->in_w,
      .in_ld = s->in_ld,
      .in_row = s->in_row,
      .in_batch = s->in_batch,
      .out_h = ay.count,
      .out_w = ax.count,
      .out_ld = s->out_ld * s->stride_w,
      .out_row = s->out_row * s->stride_h,
      .out_batch = s->out_batch,
      .residual_ld = whole.residual_ld * s->stride_w,
      .residual_row = whole.residual_row * s->stride_h,
      .residual_batch = whole.residual_batch,
      .taps_y = ty.count,
      .taps_x = tx.count,
      .step_y = 1,
      .step_x = 1,
      .first_y = ay.origin,
      .first_x = ax.origin,
      .tap_y = -ay.tap_step,
      .tap_x = -ax.tap_step,
      .in_group = s->in_c / s->groups,
      .out_group = s->out_c / s->groups,
      .x = x,
      .y = y + ay.first * s->out_row + ax.first * s->out_ld,
  };
  if (whole.residual) {
    window.residual = whole.residual + ay.first * whole.residual_row + ax.first * whole.residual_ld;
  }
  vz_igemm job = {.b = packed,
                  .rows = s->batch * ay.count * ax.count,
                  .source = vz_window_rows,
                  .context = &window,
                  .epilogue = epilogue};
  vz_igemm_run(exec, &job);
}

void vz_conv_transpose_f32(const vz_exec *exec, const vz_conv_shape *s, const float *x, const void *packed,
                           const vz_epilogue *epilogue, float *y) {
  const char *at = packed;
  for (size_t py = 0; py < s->stride_h; py++) {
    taps ty = taps_of(py, s->stride_h, s->dilation_h, s->kernel_h);
    axis ay = axis_of(py, ty, s->stride_h, s->dilation_h, s->pad_top, s->out_h);
    for (size_t px = 0; px < s->stride_w; px++) {
      taps tx = taps_of(px, s->stride_w, s->dilation_w, s->kernel_w);
      axis ax = axis_of(px, tx, s->stride_w, s->dilation_w, s->pad_left, s->out_w);
      const vz_panels *p = (const vz_panels *)at;
      assert(vz_panels_fit(p, s->groups, ty.count * tx.count, s->in_c / s->groups, s->out_c / s->groups));
      at += slot_bytes(p);
      if (ay.count && ax.count) run_phase(exec, s, x, p, epilogue, y, ty, tx, ay, ax);
    }
  }
}

size_t vz_conv_transpose_scratch_bytes(const vz_conv_shape *s, unsigned threads) {
  size_t most = 0;
  for (size_t py = 0; py < s->stride_h; py++) {
    for (size_t px = 0; px < s->stride_w; px++) {
      size_t count = taps_of(py, s->stride_h, s->dilation_h, s->kernel_h).count *
                     taps_of(px, s->stride_w, s->dilation_w, s->kernel_w).count;
      size_t bytes = vz_igemm_scratch_bytes(count, s->in_c / s->groups, threads);
      if (bytes > most) most = bytes;
    }
  }
  return most;
}
