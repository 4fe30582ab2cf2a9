#pragma once
#include "vz_table.h"
#include <stddef.h>
#include <stdint.h>

/* The right-hand side of every implicit product, cut into panels of columns: a header, then for each group its panels
   [taps][k][width]. All panels are `width` wide but the last, which is `tail` wide; columns past n are zero. */
typedef struct vz_panels {
  uint32_t magic, kind; /* kind: the algorithm it was packed for, 0 for a plain product */
  uint32_t width, tail;
  uint64_t taps, k, n, groups;
  uint64_t reserved[2];
} vz_panels;

_Static_assert(sizeof(vz_panels) == 64, "panels must stay aligned behind their header");

/* Where the weights of (group, tap, i) lie: column j at from[j * stride], to be multiplied by scale[j] unless NULL. */
typedef struct vz_panel_row {
  const float *from;
  size_t stride;
  const float *scale;
} vz_panel_row;

/* context as given to vz_panels_pack. */
typedef vz_panel_row (*vz_panel_source)(const void *context, size_t group, size_t tap, size_t i);

/* The header for a product of these sizes at `level`. */
vz_panels vz_panels_layout(vz_cpu_level level, size_t groups, size_t taps, size_t k, size_t n);

/* Bytes of header and panels. */
size_t vz_panels_bytes(const vz_panels *panels);

static inline size_t vz_panels_count(const vz_panels *p) { return p->n ? (p->n - 1) / p->width + 1 : 0; }

static inline size_t vz_panels_width(const vz_panels *p, size_t panel) {
  return panel + 1 == vz_panels_count(p) ? p->tail : p->width;
}

/* Floats of one group. */
static inline size_t vz_panels_group(const vz_panels *p) {
  size_t count = vz_panels_count(p);
  return count ? ((count - 1) * p->width + p->tail) * p->taps * p->k : 0;
}

static inline const float *vz_panels_at(const vz_panels *p, size_t group, size_t panel) {
  return (const float *)(p + 1) + group * vz_panels_group(p) + panel * p->width * p->taps * p->k;
}

/* Writes header and panels to `out`. */
void vz_panels_pack(const vz_panels *layout, vz_panel_source source, const void *context, void *out);

/* The same for weights [n][k][taps] of each group, which lie side by side from `from` on: column j of the group's columns
   is multiplied by scale[j] unless `scale` is NULL; the next group's scales follow. */
void vz_panels_pack_columns(const vz_panels *layout, const float *from, const float *scale, void *out);

/* True if `packed` begins with a header that fits these sizes. */
bool vz_panels_fit(const vz_panels *packed, size_t groups, size_t taps, size_t k, size_t n);
