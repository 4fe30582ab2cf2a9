#include "window.h"

/* The first index at which position >= 0 resp. >= limit, when position = start + index * step. */
static ptrdiff_t first_at(ptrdiff_t start, ptrdiff_t step, ptrdiff_t limit) {
  return start >= limit ? 0 : (limit - start + step - 1) / step;
}

static size_t clamp(ptrdiff_t value, size_t high) {
  return value < 0 ? 0 : (size_t)value > high ? high : (size_t)value;
}

/* One run of output pixels along a row, under one tap. */
static void fill_tap(const vz_window *w, const float *row, ptrdiff_t x, size_t count, const float *zeros,
                     const float **a) {
  size_t begin = clamp(first_at(x, w->step_x, 0), count);
  size_t end = clamp(first_at(x, w->step_x, (ptrdiff_t)w->in_w), count);
  if (end < begin) end = begin;
  size_t i = 0;
  for (; i < begin; i++) a[i] = zeros;
  const float *pixel = row + (x + (ptrdiff_t)begin * w->step_x) * (ptrdiff_t)w->in_ld;
  ptrdiff_t step = w->step_x * (ptrdiff_t)w->in_ld;
  for (; i < end; i++) a[i] = pixel + (ptrdiff_t)(i - begin) * step;
  for (; i < count; i++) a[i] = zeros;
}

void vz_window_rows(const void *context, size_t group, size_t first, size_t count, size_t stride, const float *zeros,
                    const float **a, float **c, const float **residual) {
  const vz_window *w = context;
  size_t ox = first % w->out_w, oy = first / w->out_w % w->out_h, b = first / w->out_w / w->out_h;
  for (size_t done = 0; done < count; ox = 0, oy++) {
    if (oy == w->out_h) oy = 0, b++;
    size_t run = w->out_w - ox < count - done ? w->out_w - ox : count - done;
    const float *image = w->x + b * w->in_batch + group * w->in_group;
    for (size_t ty = 0; ty < w->taps_y; ty++) {
      ptrdiff_t y = (ptrdiff_t)oy * w->step_y + w->first_y + (ptrdiff_t)ty * w->tap_y;
      bool inside = y >= 0 && y < (ptrdiff_t)w->in_h;
      for (size_t tx = 0; tx < w->taps_x; tx++) {
        const float **at = a + (ty * w->taps_x + tx) * stride + done;
        if (inside) {
          ptrdiff_t x = (ptrdiff_t)ox * w->step_x + w->first_x + (ptrdiff_t)tx * w->tap_x;
          fill_tap(w, image + (size_t)y * w->in_row, x, run, zeros, at);
        } else {
          for (size_t i = 0; i < run; i++) at[i] = zeros;
        }
      }
    }
    float *to = w->y + b * w->out_batch + oy * w->out_row + ox * w->out_ld + group * w->out_group;
    for (size_t i = 0; i < run; i++) c[done + i] = to + i * w->out_ld;
    if (residual) {
      const float *from =
          w->residual + b * w->residual_batch + oy * w->residual_row + ox * w->residual_ld + group * w->out_group;
      for (size_t i = 0; i < run; i++) residual[done + i] = from + i * w->residual_ld;
    }
    done += run;
  }
}

void vz_window_residual(vz_window *w, const vz_epilogue *e) {
  if (!e || !e->residual) return;
  w->residual = e->residual;
  w->residual_ld = e->residual_ld;
  w->residual_row = e->residual_row ? e->residual_row : w->out_w * w->residual_ld;
  w->residual_batch = e->residual_batch ? e->residual_batch : w->out_h * w->residual_row;
}
