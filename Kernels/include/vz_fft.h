#pragma once
#include "vz_table.h"
#include <stdbool.h>
#include <stddef.h>

/* Discrete Fourier transforms of any length: X[k] = sum_j x[j] e^(-2 pi i j k / n); the inverse has +i and no 1 / n.

   Lengths made of primes up to 31 take passes of radix 4, 2, 3, 5, 7, ...; others go through Bluestein's convolution.
   Tables are computed in double. A plan does not change once made: threads may share it, each with its own scratch. */

#define VZ_FFT_DECLARE(type, suffix)                                                                                   \
  typedef struct vz_fft_##suffix vz_fft_##suffix;                                                                      \
  /* A plan for n > 0 complex or real points. NULL when n is 0 or there is no memory. */                               \
  vz_fft_##suffix *vz_fft_create_##suffix(size_t n, bool real);                                                        \
  void vz_fft_destroy_##suffix(vz_fft_##suffix *plan);                                                                 \
  /* Bytes of scratch, aligned to 64, that each of the calls below needs. */                                           \
  size_t vz_fft_scratch_bytes_##suffix(const vz_fft_##suffix *plan);                                                   \
  /* Plan for complex points. x, y: [n, 2], real part first; they may be the same. */                                  \
  void vz_fft_complex_##suffix(const vz_kernels *kernels, const vz_fft_##suffix *plan, bool inverse, const type *x,    \
                               type *y, void *scratch);                                                                \
  /* Plan for real points. x: [n]; y: [n / 2 + 1, 2], the rest being its mirror image. */                              \
  void vz_fft_real_##suffix(const vz_kernels *kernels, const vz_fft_##suffix *plan, const type *x, type *y,            \
                            void *scratch);                                                                            \
  /* Plan for real points. The inverse of a spectrum with that symmetry: x: [n / 2 + 1, 2]; y: [n]. Imaginary parts    \
     of x[0], and of x[n / 2] for even n, are taken as 0. */                                                           \
  void vz_fft_real_inverse_##suffix(const vz_kernels *kernels, const vz_fft_##suffix *plan, const type *x, type *y,    \
                                    void *scratch);

VZ_FFT_DECLARE(float, f32)
VZ_FFT_DECLARE(double, f64)
#undef VZ_FFT_DECLARE
