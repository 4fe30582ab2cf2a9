#include "vz_table.h"

#pragma STDC FP_CONTRACT OFF

/* The equation of vz_fft.def, term by term. */
#define PASS(type, name)                                                                                               \
  void name(size_t r, size_t m, size_t s, const type *table, const type *xr, const type *xi, type *yr, type *yi) {     \
    const type *wr = table, *wi = table + (r - 1) * m;                                                                 \
    const type *rr = table + 2 * (r - 1) * m, *ri = rr + r;                                                            \
    for (size_t p = 0; p < m; p++) {                                                                                   \
      for (size_t q = 0; q < s; q++) {                                                                                 \
        for (size_t k = 0; k < r; k++) {                                                                               \
          double re = 0, im = 0;                                                                                       \
          for (size_t j = 0; j < r; j++) {                                                                             \
            size_t at = q + s * (p + m * j), root = j * k % r;                                                         \
            re += (double)xr[at] * rr[root] - (double)xi[at] * ri[root];                                               \
            im += (double)xr[at] * ri[root] + (double)xi[at] * rr[root];                                               \
          }                                                                                                            \
          double c = k ? wr[(k - 1) * m + p] : 1, d = k ? wi[(k - 1) * m + p] : 0;                                     \
          yr[q + s * (r * p + k)] = (type)(re * c - im * d);                                                           \
          yi[q + s * (r * p + k)] = (type)(re * d + im * c);                                                           \
        }                                                                                                              \
      }                                                                                                                \
    }                                                                                                                  \
  }

PASS(float, vz_fft_pass_f32_scalar)
PASS(double, vz_fft_pass_f64_scalar)
