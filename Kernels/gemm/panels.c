#include "panels.h"
#include "transpose.h"
#include <string.h>

enum { MAGIC = 0x314e5056 /* "VPN1" */, STREAMS = 16 };

/* Widest first. */
static const uint16_t widths_avx512[] = {64, 48, 32, 16, 8, 0}, widths_128[] = {16, 8, 0};

static const uint16_t *widths_at(vz_cpu_level level) {
  switch (level) {
  case VZ_CPU_AVX512:
  case VZ_CPU_AVX512VNNI:
    return widths_avx512;
  case VZ_CPU_SCALAR:
  case VZ_CPU_AVX2:
  case VZ_CPU_NEON:
  case VZ_CPU_DOTPROD:
  case VZ_CPU_I8MM:
    return widths_128;
  }
  return widths_128;
}

static uint32_t narrowest(const uint16_t *widths, size_t n) {
  uint32_t best = widths[0];
  for (; *widths; widths++) {
    if (*widths >= n) best = *widths;
  }
  return best;
}

/* The widest panel, unless the columns come out even with the next one only. */
static uint32_t main_width(const uint16_t *widths, size_t n) {
  if (n <= widths[0]) return narrowest(widths, n);
  if (widths[0] == 64 && n % 48 == 0 && n % 64 != 0) return 48;
  return widths[0];
}

vz_panels vz_panels_layout(vz_cpu_level level, size_t groups, size_t taps, size_t k, size_t n) {
  const uint16_t *widths = widths_at(level);
  vz_panels p = {.magic = MAGIC, .taps = taps, .k = k, .n = n, .groups = groups};
  p.width = main_width(widths, n ? n : 1);
  p.tail = n ? narrowest(widths, (n - 1) % p.width + 1) : p.width;
  if (p.tail > p.width) p.tail = p.width;
  return p;
}

size_t vz_panels_bytes(const vz_panels *p) { return sizeof *p + p->groups * vz_panels_group(p) * sizeof(float); }

bool vz_panels_fit(const vz_panels *p, size_t groups, size_t taps, size_t k, size_t n) {
  return p->magic == MAGIC && p->groups == groups && p->taps == taps && p->k == k && p->n == n;
}

static void pack_row(vz_panel_row row, size_t first, size_t used, size_t width, float *to) {
  const float *from = row.from + first * row.stride;
  for (size_t j = 0; j < used; j++) to[j] = from[j * row.stride];
  for (size_t j = 0; row.scale && j < used; j++) to[j] *= row.scale[first + j];
  for (size_t j = used; j < width; j++) to[j] = 0;
}

/* Taps inside, because models store the taps of a channel side by side: every cache line is read once. */
void vz_panels_pack(const vz_panels *layout, vz_panel_source source, const void *context, void *out) {
  memcpy(out, layout, sizeof *layout);
  const vz_panels *p = out;
  for (size_t group = 0; group < p->groups; group++) {
    for (size_t panel = 0; panel < vz_panels_count(p); panel++) {
      float *to = (float *)vz_panels_at(p, group, panel);
      size_t width = vz_panels_width(p, panel), first = panel * p->width;
      size_t used = p->n - first < width ? p->n - first : width;
      for (size_t i = 0; i < p->k; i++) {
        for (size_t tap = 0; tap < p->taps; tap++) {
          pack_row(source(context, group, tap, i), first, used, width, to + (tap * p->k + i) * width);
        }
      }
    }
  }
}

/* A few columns at a time, along all that they hold: each is a stream of memory, and many would be lost sight of. */
static void pack_columns(const vz_panels *p, size_t panel, const float *from, const float *scale, float *to) {
  size_t width = vz_panels_width(p, panel), first = panel * p->width, run = p->k * p->taps;
  size_t used = p->n - first < width ? p->n - first : width;
  from += first * run;
  for (size_t j = 0; j < width; j += STREAMS) {
    size_t columns = width - j < STREAMS ? width - j : STREAMS, valid = j >= used ? 0 : used - j;
    if (valid > columns) valid = columns;
    size_t tap = 0, i = 0;
    for (size_t e = 0; e < run; e += VZ_TRANSPOSE_ROWS) {
      size_t count = run - e < VZ_TRANSPOSE_ROWS ? run - e : VZ_TRANSPOSE_ROWS;
      float *rows[VZ_TRANSPOSE_ROWS];
      for (size_t r = 0; r < count; r++) {
        rows[r] = to + (tap * p->k + i) * width + j;
        if (++tap == p->taps) tap = 0, i++;
      }
      vz_transpose(from + j * run + e, run, valid, count, scale ? scale + first + j : NULL, rows);
      for (size_t r = 0; r < count && valid < columns; r++) {
        memset(rows[r] + valid, 0, (columns - valid) * sizeof(float));
      }
    }
  }
}

void vz_panels_pack_columns(const vz_panels *layout, const float *from, const float *scale, void *out) {
  memcpy(out, layout, sizeof *layout);
  const vz_panels *p = out;
  for (size_t group = 0; group < p->groups; group++) {
    for (size_t panel = 0; panel < vz_panels_count(p); panel++) {
      pack_columns(p, panel, from + group * p->n * p->k * p->taps, scale ? scale + group * p->n : NULL,
                   (float *)vz_panels_at(p, group, panel));
    }
  }
}
