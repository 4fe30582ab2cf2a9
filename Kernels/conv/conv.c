#include "vz_conv.h"
#include "../winograd/winograd.h"
#include "window.h"
#include <assert.h>
#include <string.h>

enum { ROWS_CHANNELS = 8, LINE = 64 };

void vz_conv_shape_dense(vz_conv_shape *s) {
  if (!s->in_ld) s->in_ld = s->in_c;
  if (!s->in_row) s->in_row = s->in_w * s->in_ld;
  if (!s->in_batch) s->in_batch = s->in_h * s->in_row;
  if (!s->out_ld) s->out_ld = s->out_c;
  if (!s->out_row) s->out_row = s->out_w * s->out_ld;
  if (!s->out_batch) s->out_batch = s->out_h * s->out_row;
}

static vz_conv_algorithm without_transform(const vz_conv_shape *s) {
  bool rows = s->groups == 1 && s->in_c <= ROWS_CHANNELS && s->kernel_w > 1 && s->dilation_w == 1;
  return rows ? VZ_CONV_ROWS : VZ_CONV_DIRECT;
}

vz_conv_algorithm vz_conv_choose(const vz_conv_shape *s) {
  return vz_winograd_pays(s) ? VZ_CONV_WINOGRAD : without_transform(s);
}

/* -- packing ------------------------------------------------------------------------------------------------------- */

typedef struct weights {
  const vz_conv_shape *shape;
  const float *w, *scale;
} weights;

/* A kernel row is one tap, whose products run over (kx, channel). */
static vz_panel_row row_weights_at(const void *context, size_t group, size_t tap, size_t i) {
  (void)group;
  const weights *from = context;
  const vz_conv_shape *s = from->shape;
  size_t taps = s->kernel_h * s->kernel_w;
  return (vz_panel_row){.from = from->w + i % s->in_c * taps + tap * s->kernel_w + i / s->in_c,
                        .stride = s->in_c * taps,
                        .scale = from->scale};
}

static vz_panels layout(vz_cpu_level level, const vz_conv_shape *s, vz_conv_algorithm algorithm) {
  bool transforms = algorithm == VZ_CONV_WINOGRAD && vz_winograd_fits(s);
  if (algorithm != VZ_CONV_DIRECT && !transforms) algorithm = without_transform(s);
  vz_panels p;
  switch (algorithm) {
  case VZ_CONV_WINOGRAD:
    p = vz_winograd_layout(level, s);
    break;
  case VZ_CONV_ROWS:
    p = vz_panels_layout(level, 1, s->kernel_h, s->kernel_w * s->in_c, s->out_c);
    break;
  case VZ_CONV_AUTO:
  case VZ_CONV_DIRECT:
    p = vz_panels_layout(level, s->groups, s->kernel_h * s->kernel_w, s->in_c / s->groups, s->out_c / s->groups);
    break;
  }
  p.kind = algorithm;
  return p;
}

size_t vz_conv_pack_bytes(const vz_kernels *kernels, const vz_conv_shape *s, vz_conv_algorithm algorithm) {
  vz_panels p = layout(kernels->level, s, algorithm);
  return vz_panels_bytes(&p);
}

bool vz_conv_pack_fits(const vz_kernels *kernels, const vz_conv_shape *s, vz_conv_algorithm algorithm,
                       const void *packed) {
  vz_panels p = layout(kernels->level, s, algorithm);
  return memcmp(packed, &p, sizeof p) == 0;
}

void vz_conv_pack_f32(const vz_kernels *kernels, const vz_conv_shape *s, vz_conv_algorithm algorithm, const float *w,
                      const float *scale, void *packed) {
  vz_panels p = layout(kernels->level, s, algorithm);
  if (p.kind == VZ_CONV_WINOGRAD) {
    vz_winograd_pack(kernels, &p, w, scale, packed);
    return;
  }
  if (p.kind == VZ_CONV_ROWS) {
    weights from = {s, w, scale};
    vz_panels_pack(&p, row_weights_at, &from, packed);
  } else {
    vz_panels_pack_columns(&p, w, scale, packed);
  }
}

/* -- running ------------------------------------------------------------------------------------------------------- */

static vz_window window_of(const vz_conv_shape *s, const float *x, float *y) {
  return (vz_window){
      .in_h = s->in_h,
      .in_w = s->in_w,
      .in_ld = s->in_ld,
      .in_row = s->in_row,
      .in_batch = s->in_batch,
      .out_h = s->out_h,
      .out_w = s->out_w,
      .out_ld = s->out_ld,
      .out_row = s->out_row,
      .out_batch = s->out_batch,
      .taps_y = s->kernel_h,
      .taps_x = s->kernel_w,
      .step_y = (ptrdiff_t)s->stride_h,
      .step_x = (ptrdiff_t)s->stride_w,
      .first_y = -s->pad_top,
      .first_x = -s->pad_left,
      .tap_y = (ptrdiff_t)s->dilation_h,
      .tap_x = (ptrdiff_t)s->dilation_w,
      .in_group = s->in_c / s->groups,
      .out_group = s->out_c / s->groups,
      .x = x,
      .y = y,
  };
}

static void run(const vz_exec *exec, const vz_window *window, size_t pixels, const vz_panels *packed,
                const vz_epilogue *epilogue) {
  vz_igemm job = {.b = packed, .rows = pixels, .source = vz_window_rows, .context = window, .epilogue = epilogue};
  vz_igemm_run(exec, &job);
}

static void run_direct(const vz_exec *exec, const vz_conv_shape *s, const float *x, const vz_panels *packed,
                       const vz_epilogue *epilogue, float *y) {
  vz_window window = window_of(s, x, y);
  vz_window_residual(&window, epilogue);
  run(exec, &window, s->batch * s->out_h * s->out_w, packed, epilogue);
}

/* -- few channels: a padded, dense copy, in which each output pixel sees a kernel row as one run ---------------------
 */

typedef struct padded {
  const vz_conv_shape *shape;
  const float *x;
  float *copy;
  size_t h, w; /* of one padded image */
} padded;

static size_t span(size_t out, size_t stride, size_t kernel, size_t dilation) {
  return out ? (out - 1) * stride + (kernel - 1) * dilation + 1 : 0;
}

static padded padded_of(const vz_conv_shape *s) {
  return (padded){.shape = s,
                  .h = span(s->out_h, s->stride_h, s->kernel_h, s->dilation_h),
                  .w = span(s->out_w, s->stride_w, s->kernel_w, 1)};
}

static size_t padded_bytes(const padded *p) {
  return (p->shape->batch * p->h * p->w * p->shape->in_c * sizeof(float) + LINE - 1) / LINE * LINE;
}

/* Item = one row of the copy. */
static void pad_rows(void *context, size_t begin, size_t end, unsigned worker) {
  (void)worker;
  const padded *p = context;
  const vz_conv_shape *s = p->shape;
  size_t c = s->in_c;
  for (size_t item = begin; item < end; item++) {
    float *to = p->copy + item * p->w * c;
    ptrdiff_t y = (ptrdiff_t)(item % p->h) - s->pad_top;
    const float *from = p->x + item / p->h * s->in_batch + (y > 0 ? (size_t)y : 0) * s->in_row;
    bool inside = y >= 0 && y < (ptrdiff_t)s->in_h;
    for (size_t i = 0; i < p->w; i++, to += c) {
      ptrdiff_t x = (ptrdiff_t)i - s->pad_left;
      if (inside && x >= 0 && x < (ptrdiff_t)s->in_w) {
        for (size_t l = 0; l < c; l++) to[l] = from[(size_t)x * s->in_ld + l];
      } else {
        for (size_t l = 0; l < c; l++) to[l] = 0;
      }
    }
  }
}

static void run_rows(const vz_exec *exec, const vz_conv_shape *s, const float *x, const vz_panels *packed,
                     const vz_epilogue *epilogue, float *y) {
  padded p = padded_of(s);
  size_t bytes = padded_bytes(&p);
  assert(exec->scratch_bytes >= bytes);
  p.x = x;
  p.copy = exec->scratch;
  vz_pool_run(exec->pool, s->batch * p.h, 16, pad_rows, &p);

  vz_window window = window_of(s, p.copy, y);
  window.in_h = p.h;
  window.in_w = p.w;
  window.in_ld = s->in_c;
  window.in_row = p.w * s->in_c;
  window.in_batch = p.h * window.in_row;
  window.taps_x = 1;
  window.first_y = window.first_x = 0;
  vz_window_residual(&window, epilogue);
  vz_exec rest = *exec;
  rest.scratch = (char *)exec->scratch + bytes;
  rest.scratch_bytes -= bytes;
  run(&rest, &window, s->batch * s->out_h * s->out_w, packed, epilogue);
}

void vz_conv_f32(const vz_exec *exec, const vz_conv_shape *s, const float *x, const void *packed,
                 const vz_epilogue *epilogue, float *y) {
  const vz_panels *p = packed;
  if (p->kind == VZ_CONV_WINOGRAD) {
    assert(vz_winograd_fits(s) && vz_panels_fit(p, 1, VZ_WINOGRAD_TAPS, s->in_c, s->out_c));
    vz_winograd_run(exec, s, x, p, epilogue, y);
  } else if (p->kind == VZ_CONV_ROWS) {
    assert(vz_panels_fit(p, 1, s->kernel_h, s->kernel_w * s->in_c, s->out_c));
    run_rows(exec, s, x, p, epilogue, y);
  } else {
    assert(vz_panels_fit(p, s->groups, s->kernel_h * s->kernel_w, s->in_c / s->groups, s->out_c / s->groups));
    run_direct(exec, s, x, p, epilogue, y);
  }
}

size_t vz_conv_scratch_bytes(const vz_conv_shape *s, unsigned threads) {
  size_t most = vz_igemm_scratch_bytes(s->kernel_h * s->kernel_w, s->in_c / s->groups, threads);
  if (without_transform(s) == VZ_CONV_ROWS) {
    padded p = padded_of(s);
    size_t rows = padded_bytes(&p) + vz_igemm_scratch_bytes(s->kernel_h, s->kernel_w * s->in_c, threads);
    if (rows > most) most = rows;
  }
  if (vz_winograd_fits(s)) {
    size_t transformed = vz_winograd_scratch_bytes(s, threads);
    if (transformed > most) most = transformed;
  }
  return most;
}
