/* Elementary functions over the vector vocabulary. Include inside a target region. Relative error a few ulp unless
   stated; NaN stays NaN. */

/* e^x; 0 below -104, infinity above 88.73. */
VZ_SIMD_INLINE vf vf_exp(vf x) {
  vf y = vf_min(vf_set(89.0f), vf_max(vf_set(-105.0f), x));
  vf n = vf_round(vf_mul(y, vf_set(1.44269504f)));
  vf r = vf_fnma(n, vf_set(0.693359375f), y);
  r = vf_fnma(n, vf_set(-2.12194440e-4f), r);
  vf p = vf_set(1.9875691500e-4f);
  p = vf_fma(p, r, vf_set(1.3981999507e-3f));
  p = vf_fma(p, r, vf_set(8.3334519073e-3f));
  p = vf_fma(p, r, vf_set(4.1665795894e-2f));
  p = vf_fma(p, r, vf_set(1.6666665459e-1f));
  p = vf_fma(p, r, vf_set(5.0000001201e-1f));
  p = vf_fma(p, vf_mul(r, r), vf_add(r, vf_set(1.0f)));
#if defined(VZ_SIMD_SCALES)
  return vf_scale(p, n);
#else
  /* 2^n in two factors, so that the ends of the range neither overflow early nor skip the denormals. */
  vi k = vf_to_int(n);
  vi half = vi_shr(k, 1);
  vf a = vf_from_bits(vi_shl(vi_add(half, vi_set(127)), 23));
  vf b = vf_from_bits(vi_shl(vi_add(vi_sub(k, half), vi_set(127)), 23));
  return vf_mul(vf_mul(p, a), b);
#endif
}

/* ln x; -infinity at 0, NaN below. Denormals are exact to scaling. */
VZ_SIMD_INLINE vf vf_log(vf x) {
  vm tiny = vf_lt(x, vf_set(1.17549435e-38f));
  vf y = vf_select(tiny, vf_mul(x, vf_set(8388608.0f)), x);
  vf shift = vf_select(tiny, vf_set(23.0f), vf_zero());
  vi bits = vf_bits(y);
  vf e = vf_from_int(vi_sub(vi_and(vi_shr(bits, 23), vi_set(255)), vi_set(126)));
  vf m = vf_from_bits(vi_or(vi_and(bits, vi_set(0x007fffff)), vi_set(0x3f000000)));
  vm low = vf_lt(m, vf_set(0.707106781f));
  e = vf_sub(vf_sub(e, shift), vf_select(low, vf_set(1.0f), vf_zero()));
  m = vf_sub(vf_add(m, vf_select(low, m, vf_zero())), vf_set(1.0f));
  vf z = vf_mul(m, m);
  vf p = vf_set(7.0376836292e-2f);
  p = vf_fma(p, m, vf_set(-1.1514610310e-1f));
  p = vf_fma(p, m, vf_set(1.1676998740e-1f));
  p = vf_fma(p, m, vf_set(-1.2420140846e-1f));
  p = vf_fma(p, m, vf_set(1.4249322787e-1f));
  p = vf_fma(p, m, vf_set(-1.6668057665e-1f));
  p = vf_fma(p, m, vf_set(2.0000714765e-1f));
  p = vf_fma(p, m, vf_set(-2.4999993993e-1f));
  p = vf_fma(p, m, vf_set(3.3333331174e-1f));
  p = vf_mul(vf_mul(p, m), z);
  p = vf_fma(e, vf_set(-2.12194440e-4f), p);
  p = vf_fnma(z, vf_set(0.5f), p);
  vf r = vf_fma(e, vf_set(0.693359375f), vf_add(m, p));
  vf infinity = vf_set(__builtin_inff());
  r = vf_select(vf_eq(x, infinity), infinity, r);
  r = vf_select(vf_eq(x, vf_zero()), vf_neg(infinity), r);
  r = vf_select(vf_lt(x, vf_zero()), vf_set(__builtin_nanf("")), r);
  return vf_select(vf_nan(x), x, r);
}

/* 1 / (1 + e^-x). */
VZ_SIMD_INLINE vf vf_sigmoid(vf x) {
  vf one = vf_set(1.0f);
  return vf_div(one, vf_add(one, vf_exp(vf_neg(x))));
}

/* x / (1 + e^-x). */
VZ_SIMD_INLINE vf vf_silu(vf x) {
  /* Below -88 the quotient would be x / infinity; the limit is 0 either way, but -infinity must not make a NaN. */
  vf y = vf_max(vf_set(-3.0e38f), x);
  return vf_div(y, vf_add(vf_set(1.0f), vf_exp(vf_neg(y))));
}

/* Hyperbolic tangent: a polynomial near 0, where 1 - 2 / (e^2x + 1) would cancel. */
VZ_SIMD_INLINE vf vf_tanh(vf x) {
  vf a = vf_abs(x);
  vf z = vf_mul(x, x);
  vf p = vf_set(-5.70498872745e-3f);
  p = vf_fma(p, z, vf_set(2.06390887954e-2f));
  p = vf_fma(p, z, vf_set(-5.37397155531e-2f));
  p = vf_fma(p, z, vf_set(1.33314422036e-1f));
  p = vf_fma(p, z, vf_set(-3.33332819422e-1f));
  vf small = vf_fma(vf_mul(p, z), x, x);
  vf two = vf_set(2.0f);
  vf big = vf_sub(vf_set(1.0f), vf_div(two, vf_add(vf_exp(vf_mul(two, a)), vf_set(1.0f))));
  return vf_select(vf_lt(a, vf_set(0.625f)), small, vf_copysign(big, x));
}

/* Error function; absolute error below 4e-7 (rational approximation on [-4, 4], odd over even polynomial in x). */
VZ_SIMD_INLINE vf vf_erf(vf x) {
  vf y = vf_min(vf_set(4.0f), vf_max(vf_set(-4.0f), x));
  vf z = vf_mul(y, y);
  vf p = vf_set(-2.72614225801306e-10f);
  p = vf_fma(p, z, vf_set(2.77068142495902e-08f));
  p = vf_fma(p, z, vf_set(-2.10102402082508e-06f));
  p = vf_fma(p, z, vf_set(-5.69250639462346e-05f));
  p = vf_fma(p, z, vf_set(-7.34990630326855e-04f));
  p = vf_fma(p, z, vf_set(-2.95459980854025e-03f));
  p = vf_fma(p, z, vf_set(-1.60960333262415e-02f));
  vf q = vf_set(-1.45660718464996e-05f);
  q = vf_fma(q, z, vf_set(-2.13374055278905e-04f));
  q = vf_fma(q, z, vf_set(-1.68282697438203e-03f));
  q = vf_fma(q, z, vf_set(-7.37332916720468e-03f));
  q = vf_fma(q, z, vf_set(-1.42647390514189e-02f));
  return vf_div(vf_mul(y, p), q);
}

/* x / 2 (1 + erf(x / sqrt 2)). */
VZ_SIMD_INLINE vf vf_gelu(vf x) {
  vf half = vf_mul(vf_set(0.5f), vf_max(vf_set(-3.0e38f), x));
  return vf_fma(half, vf_erf(vf_mul(x, vf_set(0.70710678f))), half);
}
