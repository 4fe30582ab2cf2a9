/* The pass of vz_fft.def for REAL under the name PASS; include inside a target region. The loops are plain, so that the
   compiler turns them into vectors of either type. */
#pragma clang fp contract(fast)

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define LOCAL(name) JOIN(JOIN(name, _), PASS)
#define HELPER static inline __attribute__((always_inline))

HELPER void LOCAL(dft2)(const REAL *restrict root, REAL *restrict r, REAL *restrict i) {
  (void)root;
  REAL ar = r[0], ai = i[0], br = r[1], bi = i[1];
  r[0] = ar + br, i[0] = ai + bi;
  r[1] = ar - br, i[1] = ai - bi;
}

HELPER void LOCAL(dft4)(const REAL *restrict root, REAL *restrict r, REAL *restrict i) {
  (void)root;
  REAL ar = r[0] + r[2], ai = i[0] + i[2], br = r[0] - r[2], bi = i[0] - i[2];
  REAL cr = r[1] + r[3], ci = i[1] + i[3], dr = i[1] - i[3], di = r[3] - r[1];
  r[0] = ar + cr, i[0] = ai + ci;
  r[1] = br + dr, i[1] = bi + di;
  r[2] = ar - cr, i[2] = ai - ci;
  r[3] = br - dr, i[3] = bi - di;
}

/* Odd n: points j and n - j enter as their sum and difference. */
HELPER void LOCAL(dft_odd)(size_t n, const REAL *restrict root, REAL *restrict r, REAL *restrict i) {
  REAL sr[16], si[16], dr[16], di[16];
  REAL zr = r[0], zi = i[0];
  size_t half = n / 2;
  for (size_t j = 1; j <= half; j++) {
    sr[j] = r[j] + r[n - j], si[j] = i[j] + i[n - j];
    dr[j] = r[j] - r[n - j], di[j] = i[j] - i[n - j];
  }
  for (size_t j = 1; j <= half; j++) r[0] += sr[j], i[0] += si[j];
  for (size_t k = 1; k <= half; k++) {
    REAL ar = zr, ai = zi, br = 0, bi = 0;
    for (size_t j = 1; j <= half; j++) {
      REAL c = root[j * k % n], d = root[n + j * k % n];
      ar += c * sr[j], ai += c * si[j];
      br -= d * di[j], bi += d * dr[j];
    }
    r[k] = ar + br, i[k] = ai + bi;
    r[n - k] = ar - br, i[n - k] = ai - bi;
  }
}

HELPER void LOCAL(dft3)(const REAL *restrict root, REAL *restrict r, REAL *restrict i) { LOCAL(dft_odd)(3, root, r, i); }
HELPER void LOCAL(dft5)(const REAL *restrict root, REAL *restrict r, REAL *restrict i) { LOCAL(dft_odd)(5, root, r, i); }
HELPER void LOCAL(dft7)(const REAL *restrict root, REAL *restrict r, REAL *restrict i) { LOCAL(dft_odd)(7, root, r, i); }

/* One point of every sub-sequence: read, transform, turn, write. `at` is q + s p, `to` is q + s r p. */
#define POINT(RADIX, dft)                                                                                              \
  REAL br[RADIX], bi[RADIX];                                                                                           \
  _Pragma("clang loop unroll(full)") for (size_t j = 0; j < RADIX; j++) br[j] = xr[at + s * m * j],                    \
                                                                        bi[j] = xi[at + s * m * j];                    \
  dft(root, br, bi);                                                                                                   \
  yr[to] = br[0], yi[to] = bi[0];                                                                                      \
  _Pragma("clang loop unroll(full)") for (size_t k = 1; k < RADIX; k++) {                                              \
    REAL c = wr[(k - 1) * m + p], d = wi[(k - 1) * m + p];                                                             \
    yr[to + s * k] = br[k] * c - bi[k] * d;                                                                            \
    yi[to + s * k] = br[k] * d + bi[k] * c;                                                                            \
  }

/* A first pass (s = 1) runs along p, later ones along q. */
#define RADIX_PASS(RADIX, dft)                                                                                         \
  static void LOCAL(JOIN(radix, RADIX))(size_t m, size_t s, const REAL *restrict table, const REAL *restrict xr,       \
                                        const REAL *restrict xi, REAL *restrict yr, REAL *restrict yi) {               \
    const REAL *restrict wr = table, *restrict wi = table + (RADIX - 1) * m;                                           \
    REAL root[2 * RADIX];                                                                                              \
    for (size_t k = 0; k < 2 * RADIX; k++) root[k] = table[2 * (RADIX - 1) * m + k];                                   \
    if (s == 1) {                                                                                                      \
      for (size_t p = 0; p < m; p++) {                                                                                 \
        size_t at = p, to = RADIX * p;                                                                                 \
        const size_t s = 1;                                                                                            \
        POINT(RADIX, dft)                                                                                              \
      }                                                                                                                \
      return;                                                                                                          \
    }                                                                                                                  \
    for (size_t p = 0; p < m; p++) {                                                                                   \
      _Pragma("clang loop vectorize(enable) interleave(disable)") for (size_t q = 0; q < s; q++) {                     \
        size_t at = q + s * p, to = q + s * RADIX * p;                                                                 \
        POINT(RADIX, dft)                                                                                              \
      }                                                                                                                \
    }                                                                                                                  \
  }

RADIX_PASS(2, LOCAL(dft2))
RADIX_PASS(3, LOCAL(dft3))
RADIX_PASS(4, LOCAL(dft4))
RADIX_PASS(5, LOCAL(dft5))
RADIX_PASS(7, LOCAL(dft7))

static void LOCAL(any_odd)(size_t r, size_t m, size_t s, const REAL *restrict table, const REAL *restrict xr,
                           const REAL *restrict xi, REAL *restrict yr, REAL *restrict yi) {
  const REAL *wr = table, *wi = table + (r - 1) * m, *root = table + 2 * (r - 1) * m;
  for (size_t p = 0; p < m; p++) {
    for (size_t q = 0; q < s; q++) {
      REAL br[32], bi[32];
      for (size_t j = 0; j < r; j++) br[j] = xr[q + s * (p + m * j)], bi[j] = xi[q + s * (p + m * j)];
      LOCAL(dft_odd)(r, root, br, bi);
      size_t to = q + s * r * p;
      yr[to] = br[0], yi[to] = bi[0];
      for (size_t k = 1; k < r; k++) {
        REAL c = wr[(k - 1) * m + p], d = wi[(k - 1) * m + p];
        yr[to + s * k] = br[k] * c - bi[k] * d;
        yi[to + s * k] = br[k] * d + bi[k] * c;
      }
    }
  }
}

void PASS(size_t r, size_t m, size_t s, const REAL *table, const REAL *xr, const REAL *xi, REAL *yr, REAL *yi) {
  switch (r) {
  case 2: LOCAL(radix2)(m, s, table, xr, xi, yr, yi); return;
  case 3: LOCAL(radix3)(m, s, table, xr, xi, yr, yi); return;
  case 4: LOCAL(radix4)(m, s, table, xr, xi, yr, yi); return;
  case 5: LOCAL(radix5)(m, s, table, xr, xi, yr, yi); return;
  case 7: LOCAL(radix7)(m, s, table, xr, xi, yr, yi); return;
  default: LOCAL(any_odd)(r, m, s, table, xr, xi, yr, yi);
  }
}

#undef RADIX_PASS
#undef POINT
#undef HELPER
#undef LOCAL
#undef JOIN
#undef JOIN_
#undef PASS
#undef REAL
