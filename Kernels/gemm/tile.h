/* vz_tile over the vector vocabulary. Include inside a target region, then instantiate with TILE_KERNEL. */

/* A loop that is gone after compilation: `acc` must live in registers, and only constant indices allow that. */
#define UNROLLED(i, count) _Pragma("clang loop unroll(full)") for (size_t i = 0; i < (count); i++)

enum { TILE_ROWS = 12, TILE_VECTORS = 4 };

#if defined(__aarch64__)

/* acc[r][v] += lane `lane` of x[r] times one vector of b, for all r and v; b moves on. */
#define TILE_STEP(lane)                                                                                                \
  UNROLLED(v, NV) {                                                                                                    \
    vf w = vf_load(b + v * VF);                                                                                        \
    UNROLLED(r, MR) { acc[r][v] = vfmaq_laneq_f32(acc[r][v], w, x[r], lane); }                                         \
  }                                                                                                                    \
  b += NV * VF

VZ_SIMD_INLINE void tile_products(const size_t MR, const size_t NV, const vz_tile *t, vf acc[TILE_ROWS][TILE_VECTORS]) {
  const float *b = t->b;
  for (size_t tap = 0; tap < t->taps; tap++) {
    const float *row[TILE_ROWS];
    UNROLLED(r, MR) { row[r] = t->a[tap * t->a_stride + r] + t->a_offset; }
    size_t i = t->k;
#pragma clang loop unroll(disable)
    for (; i >= 4; i -= 4) {
      vf x[TILE_ROWS];
      UNROLLED(r, MR) {
        x[r] = vf_load(row[r]);
        row[r] += 4;
      }
      TILE_STEP(0);
      TILE_STEP(1);
      TILE_STEP(2);
      TILE_STEP(3);
    }
#pragma clang loop unroll(disable)
    for (; i > 0; i--) {
      vf x[TILE_ROWS];
      UNROLLED(r, MR) { x[r] = vf_splat(row[r]++); }
      TILE_STEP(0);
    }
  }
}

#else

VZ_SIMD_INLINE void tile_products(const size_t MR, const size_t NV, const vz_tile *t, vf acc[TILE_ROWS][TILE_VECTORS]) {
  const float *b = t->b;
  ptrdiff_t prefetch = t->prefetch;
  for (size_t tap = 0; tap < t->taps; tap++) {
    const float *row[TILE_ROWS];
    UNROLLED(r, MR) { row[r] = t->a[tap * t->a_stride + r] + t->a_offset + t->k; }
    ptrdiff_t i = -(ptrdiff_t)t->k;
#pragma clang loop unroll(disable)
    do {
      /* Opaque, or clang turns one index and MR rows into MR moving pointers and spills them. */
      __asm__ volatile("" : "+r"(i));
      vf w[TILE_VECTORS];
      UNROLLED(v, NV) { w[v] = vf_load(b + v * VF); }
      /* Wide panels only: with 12 rows no register is left for the distance. */
      if (NV >= 3) __builtin_prefetch((const char *)b + prefetch, 0, 2);
      b += NV * VF;
      UNROLLED(r, MR) {
        vf x = vf_splat(row[r] + i);
        UNROLLED(v, NV) { acc[r][v] = vf_fma(x, w[v], acc[r][v]); }
      }
    } while (++i);
  }
}

#endif

/* The end of any tile, from memory: of those whose activation is more than a clamp. sum: [rows][NR]. */
static __attribute__((noinline)) void tile_finish(size_t rows, size_t NR, const vz_tile *t, float *sum) {
  vf low = vf_set(t->low), high = vf_set(t->high);
  if (t->residual && !t->residual_after) {
    for (size_t r = 0; r < rows; r++) {
      for (size_t j = 0; j < t->n; j += VF) {
        size_t n = t->n - j < VF ? t->n - j : VF;
        vf_store(sum + r * NR + j, vf_add(vf_load(sum + r * NR + j), vf_load_n(t->residual[r] + t->column + j, n)));
      }
    }
  }
  if (t->act) ISA(vz_activate_f32)(rows, t->n, t->act, sum, NR);
  for (size_t r = 0; r < rows; r++) {
    for (size_t j = 0; j < t->n; j += VF) {
      size_t n = t->n - j < VF ? t->n - j : VF;
      vf x = vf_load(sum + r * NR + j);
      if (!t->act) x = vf_min(high, vf_max(low, x));
      if (t->residual && t->residual_after) x = vf_add(x, vf_load_n(t->residual[r] + t->column + j, n));
      vf_store_n(t->c[r] + t->column + j, n, x);
    }
  }
}

/* Lanes of vector v that hold columns of the tile. */
VZ_SIMD_INLINE size_t tile_lanes(const vz_tile *t, size_t v) {
  size_t left = t->n > v * VF ? t->n - v * VF : 0;
  return left < VF ? left : VF;
}

VZ_SIMD_INLINE void tile_start(const size_t MR, const size_t NV, const bool whole, const vz_tile *t,
                               vf acc[TILE_ROWS][TILE_VECTORS]) {
  if (!t->first) {
    UNROLLED(r, MR) {
      UNROLLED(v, NV) { acc[r][v] = vf_load(t->partial + (r * NV + v) * VF); }
    }
    return;
  }
  UNROLLED(v, NV) {
    vf bias = vf_zero();
    if (t->bias) bias = whole ? vf_load(t->bias + v * VF) : vf_load_n(t->bias + v * VF, tile_lanes(t, v));
    UNROLLED(r, MR) { acc[r][v] = bias; }
  }
}

/* Asks for the lines that the end of the tile will read and write, while there is time. */
VZ_SIMD_INLINE void tile_expect(const size_t MR, const size_t NV, const vz_tile *t) {
  enum { LINE = 64 / sizeof(float) };
  UNROLLED(r, MR) {
    UNROLLED(line, (NV * VF + LINE - 1) / LINE) { __builtin_prefetch(t->c[r] + t->column + line * LINE, 1, 3); }
  }
  if (!t->residual) return;
  UNROLLED(r, MR) {
    UNROLLED(line, (NV * VF + LINE - 1) / LINE) { __builtin_prefetch(t->residual[r] + t->column + line * LINE, 0, 3); }
  }
}

VZ_SIMD_INLINE void tile_add_residual(const size_t MR, const size_t NV, const bool whole, const vz_tile *t,
                                      vf acc[TILE_ROWS][TILE_VECTORS]) {
  UNROLLED(r, MR) {
    const float *from = t->residual[r] + t->column;
    UNROLLED(v, NV) {
      vf x = whole ? vf_load(from + v * VF) : vf_load_n(from + v * VF, tile_lanes(t, v));
      acc[r][v] = vf_add(acc[r][v], x);
    }
  }
}

/* The end of a tile whose activation is a clamp. */
VZ_SIMD_INLINE void tile_clamp(const size_t MR, const size_t NV, const bool whole, const vz_tile *t,
                               vf acc[TILE_ROWS][TILE_VECTORS]) {
  if (t->residual && !t->residual_after) tile_add_residual(MR, NV, whole, t, acc);
  vf low = vf_set(t->low), high = vf_set(t->high);
  UNROLLED(r, MR) {
    UNROLLED(v, NV) { acc[r][v] = vf_min(high, vf_max(low, acc[r][v])); }
  }
  if (t->residual && t->residual_after) tile_add_residual(MR, NV, whole, t, acc);
  UNROLLED(r, MR) {
    float *to = t->c[r] + t->column;
    UNROLLED(v, NV) {
      if (whole) {
        vf_store(to + v * VF, acc[r][v]);
      } else {
        vf_store_n(to + v * VF, tile_lanes(t, v), acc[r][v]);
      }
    }
  }
}

/* Code for whole tiles, for tiles cut off at the right, or for both. Where masks are free one serves both; where a
   vector is cut off by branches, tile_finish does it. */
#if defined(__aarch64__)
enum { TILE_WHOLE = true, TILE_CUT = false };
#else
enum { TILE_WHOLE = VF < 16, TILE_CUT = true };
#endif

VZ_SIMD_INLINE void tile_run(const size_t MR, const size_t NV, const vz_tile *t) {
  const size_t NR = NV * VF;
  const bool whole = TILE_WHOLE && t->n == NR;
  vf acc[TILE_ROWS][TILE_VECTORS];
  if (t->last) tile_expect(MR, NV, t);
  if (whole) {
    tile_start(MR, NV, true, t, acc);
  } else {
    tile_start(MR, NV, false, t, acc);
  }
  tile_products(MR, NV, t, acc);
  if (!t->last) {
    UNROLLED(r, MR) {
      UNROLLED(v, NV) { vf_store(t->partial + r * NR + v * VF, acc[r][v]); }
    }
  } else if (t->act || (!whole && !TILE_CUT)) {
    float sum[TILE_ROWS * TILE_VECTORS * VF];
    UNROLLED(r, MR) {
      UNROLLED(v, NV) { vf_store(sum + r * NR + v * VF, acc[r][v]); }
    }
    tile_finish(MR, NR, t, sum);
  } else if (whole) {
    tile_clamp(MR, NV, true, t, acc);
  } else {
    tile_clamp(MR, NV, false, t, acc);
  }
}

#define TILE_CASE(rows, vectors)                                                                                       \
  case rows:                                                                                                           \
    tile_run(rows, vectors, tile);                                                                                     \
    return;
#define TILE_CASES_6(vectors)                                                                                          \
  TILE_CASE(1, vectors)                                                                                                \
  TILE_CASE(2, vectors) TILE_CASE(3, vectors) TILE_CASE(4, vectors) TILE_CASE(5, vectors) TILE_CASE(6, vectors)
#define TILE_CASES_8(vectors) TILE_CASES_6(vectors) TILE_CASE(7, vectors) TILE_CASE(8, vectors)
#define TILE_CASES_12(vectors)                                                                                         \
  TILE_CASES_8(vectors)                                                                                                \
  TILE_CASE(9, vectors) TILE_CASE(10, vectors) TILE_CASE(11, vectors) TILE_CASE(12, vectors)

/* Defines the kernel of a width, in vectors, for 1 to 6, 8 or 12 rows. */
#define TILE_KERNEL(name, vectors, most_rows)                                                                          \
  void name(size_t rows, const vz_tile *tile) {                                                                        \
    switch (rows) { TILE_CASES_##most_rows(vectors) }                                                                  \
  }
