#include "vz_conv_transpose.h"
#include "../conv/window.h"
#include "../gemm/transpose.h"
#include <assert.h>
#include <string.h>

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

/* Where the weights of one tap begin: its rows for every input channel, in the panels of its phase. */
typedef struct place {
  const vz_panels *panels;
  size_t tap;
} place;

static place place_of(const vz_kernels *kernels, const vz_conv_shape *s, size_t ky, size_t kx, char *packed) {
  size_t phase_y = ky * s->dilation_h % s->stride_h, phase_x = kx * s->dilation_w % s->stride_w;
  for (size_t py = 0; py < s->stride_h; py++) {
    for (size_t px = 0; px < s->stride_w; px++) {
      taps y = taps_of(py, s->stride_h, s->dilation_h, s->kernel_h);
      taps x = taps_of(px, s->stride_w, s->dilation_w, s->kernel_w);
      if (py == phase_y && px == phase_x) {
        size_t tap = (ky - y.first) / y.step * x.count + (kx - x.first) / x.step;
        return (place){(const vz_panels *)packed, tap};
      }
      vz_panels p = layout(kernels->level, s, y, x);
      packed += slot_bytes(&p);
    }
  }
  return (place){NULL, 0};
}

bool vz_conv_transpose_pack_fits(const vz_kernels *kernels, const vz_conv_shape *s, const void *packed) {
  const char *at = packed;
  for (size_t py = 0; py < s->stride_h; py++) {
    for (size_t px = 0; px < s->stride_w; px++) {
      vz_panels p = layout(kernels->level, s, taps_of(py, s->stride_h, s->dilation_h, s->kernel_h),
                           taps_of(px, s->stride_w, s->dilation_w, s->kernel_w));
      if (memcmp(at, &p, sizeof p) != 0) return false;
      at += slot_bytes(&p);
    }
  }
  return true;
}

/* Headers, and zeros between the slots: packed weights go into files as they are. */
static void write_headers(const vz_kernels *kernels, const vz_conv_shape *s, char *to) {
  for (size_t py = 0; py < s->stride_h; py++) {
    for (size_t px = 0; px < s->stride_w; px++) {
      vz_panels p = layout(kernels->level, s, taps_of(py, s->stride_h, s->dilation_h, s->kernel_h),
                           taps_of(px, s->stride_w, s->dilation_w, s->kernel_w));
      memcpy(to, &p, sizeof p);
      memset(to + vz_panels_bytes(&p), 0, slot_bytes(&p) - vz_panels_bytes(&p));
      to += slot_bytes(&p);
    }
  }
}

/* All phases at once, because the taps of a channel lie side by side in the model: every cache line is read once. */
void vz_conv_transpose_pack_f32(const vz_kernels *kernels, const vz_conv_shape *s, const float *w, const float *scale,
                                void *packed) {
  write_headers(kernels, s, packed);
  size_t all = s->kernel_h * s->kernel_w, in = s->in_c / s->groups, out = s->out_c / s->groups;
  for (size_t e = 0; e < all; e += VZ_TRANSPOSE_ROWS) {
    size_t count = all - e < VZ_TRANSPOSE_ROWS ? all - e : VZ_TRANSPOSE_ROWS;
    place places[VZ_TRANSPOSE_ROWS];
    for (size_t r = 0; r < count; r++) {
      places[r] = place_of(kernels, s, (e + r) / s->kernel_w, (e + r) % s->kernel_w, packed);
    }
    for (size_t channel = 0; channel < s->in_c; channel++) {
      size_t group = channel / in, i = channel % in;
      const float *from = w + channel * out * all + e;
      for (size_t panel = 0; panel < vz_panels_count(places[0].panels); panel++) {
        const vz_panels *p = places[0].panels;
        size_t width = vz_panels_width(p, panel), first = panel * p->width;
        size_t used = out - first < width ? out - first : width;
        float *rows[VZ_TRANSPOSE_ROWS];
        for (size_t r = 0; r < count; r++) {
          rows[r] = (float *)vz_panels_at(places[r].panels, group, panel) + (places[r].tap * in + i) * width;
        }
        vz_transpose(from + first * all, all, used, count, scale ? scale + group * out + first : NULL, rows);
        for (size_t r = 0; r < count; r++) memset(rows[r] + used, 0, (width - used) * sizeof(float));
      }
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
