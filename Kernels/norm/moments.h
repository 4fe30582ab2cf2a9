#pragma once
#include <stddef.h>

/* Count, mean and sum of squared deviations of a set of numbers. */
typedef struct moments {
  double count, mean, deviation;
} moments;

/* The moments of n numbers from their mean and from sum (x - shift)^2, with a shift near the mean. */
static inline moments moments_of(size_t n, double mean, double shift, double squares) {
  return (moments){(double)n, mean, squares - (double)n * (mean - shift) * (mean - shift)};
}

/* The moments of the union of two disjoint sets. */
static inline moments moments_merge(moments a, moments b) {
  if (a.count == 0) return b;
  double count = a.count + b.count, delta = b.mean - a.mean;
  return (moments){count, a.mean + delta * b.count / count,
                   a.deviation + b.deviation + delta * delta * a.count * b.count / count};
}
