#include "vz_fft.h"
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

/* 4 is taken first, then 2, so 64 passes hold any length that fits in memory. */
enum { MAXIMUM_PASSES = 64, LARGEST_RADIX = 31 };

/* cos and -sin of 2 pi k / n, exact at the eighths of a turn: the angle is folded into 0 ... pi / 4. */
static void vz_fft_root(size_t k, size_t n, double *c, double *d) {
  size_t eighth = (size_t)((unsigned __int128)k * 8 / n);
  if (k > n - k) { /* the lower half mirrors the upper */
    vz_fft_root(n - k, n, c, d);
    *d = -*d;
    return;
  }
  double two_pi = 6.283185307179586476925;
  if (eighth == 0) {
    double angle = two_pi * (double)k / (double)n;
    *c = cos(angle), *d = -sin(angle);
  } else if (eighth < 3) {
    /* from a quarter turn: (4k - n) / 4n may be negative */
    double angle = two_pi * ((double)k * 4 - (double)n) / (4 * (double)n);
    *c = -sin(angle), *d = -cos(angle);
  } else {
    double angle = two_pi * ((double)n - 2 * (double)k) / (2 * (double)n);
    *c = -cos(angle), *d = -sin(angle);
  }
}

/* Factors of n, or SIZE_MAX if one is too large for a pass. */
static size_t vz_fft_radices(size_t n, size_t radices[MAXIMUM_PASSES]) {
  size_t count = 0;
  while (n % 4 == 0) radices[count++] = 4, n /= 4;
  if (n % 2 == 0) radices[count++] = 2, n /= 2;
  for (size_t r = 3; r <= LARGEST_RADIX; r += 2)
    while (n % r == 0) radices[count++] = r, n /= r;
  return n == 1 ? count : SIZE_MAX;
}

#define REAL float
#define SUFFIX f32
#include "plan.h"

#define REAL double
#define SUFFIX f64
#include "plan.h"
