/* Elementary functions that vz_simd_math.h lacks or has with less accuracy. Include after it, inside a target region.
   Polynomials are minimax in relative error on the stated interval. */

VZ_SIMD_INLINE vf vf_not_below(vf x, float low) { return vf_max(vf_set(low), x); } /* NaN stays */

/* 1 / (1 + e^-x), from e^-|x|, so that the small side keeps its relative accuracy. */
VZ_SIMD_INLINE vf precise_sigmoid(vf x) {
  vf e = vf_exp(vf_neg(vf_abs(x))), one = vf_set(1);
  return vf_div(vf_select(vf_lt(x, vf_zero()), e, one), vf_add(one, e));
}

/* e^x - 1. On |x| <= 1/2: x + x^2/2 + x^3 p(x). */
VZ_SIMD_INLINE vf vf_expm1(vf x) {
  vf p = vf_set(2.49622772e-05f);
  p = vf_fma(p, x, vf_set(1.99736096e-04f));
  p = vf_fma(p, x, vf_set(1.388859e-03f));
  p = vf_fma(p, x, vf_set(8.33314192e-03f));
  p = vf_fma(p, x, vf_set(4.16666679e-02f));
  p = vf_fma(p, x, vf_set(1.66666672e-01f));
  p = vf_fma(p, x, vf_set(0.5f));
  vf small = vf_fma(vf_mul(x, x), p, x);
  return vf_select(vf_le(vf_abs(x), vf_set(0.5f)), small, vf_sub(vf_exp(x), vf_set(1)));
}

/* log(1 + x): log of the rounded sum u, plus what rounding lost, (x - (u - 1)) / u. */
VZ_SIMD_INLINE vf vf_log1p(vf x) {
  vf one = vf_set(1), u = vf_add(x, one);
  vf lost = vf_sub(x, vf_sub(u, one));
  vf y = vf_add(vf_log(u), vf_div(lost, u));
  vm plain = vf_lt(vf_abs(u), vf_set(1e10f));
  y = vf_select(plain, y, vf_log(u));
  y = vf_select(vf_eq(u, vf_zero()), vf_log(u), y);
  return vf_select(vf_eq(u, one), x, y);
}

/* The quarter turn that x lies in (n) and the rest of x, in three parts of pi/2: good to |x| = 1e5. */
VZ_SIMD_INLINE vf quarter_turn(vf x, vi *n) {
  vf turns = vf_round(vf_mul(x, vf_set(0.636619772f)));
  vf r = vf_fnma(turns, vf_set(1.57079637f), x);
  r = vf_fnma(turns, vf_set(-4.37113883e-08f), r);
  r = vf_fnma(turns, vf_set(-1.71512451e-15f), r);
  *n = vf_to_int(turns);
  return r;
}

VZ_SIMD_INLINE vf quarter_sin(vf r) { /* |r| <= 0.795 */
  vf z = vf_mul(r, r);
  vf p = vf_set(2.71739714e-06f);
  p = vf_fma(p, z, vf_set(-1.98392387e-04f));
  p = vf_fma(p, z, vf_set(8.33332911e-03f));
  p = vf_fma(p, z, vf_set(-1.66666672e-01f));
  return vf_fma(vf_mul(p, z), r, r);
}

VZ_SIMD_INLINE vf quarter_cos(vf r) { /* |r| <= 0.795 */
  vf z = vf_mul(r, r);
  vf p = vf_set(-2.7201753e-07f);
  p = vf_fma(p, z, vf_set(2.47994176e-05f));
  p = vf_fma(p, z, vf_set(-1.38888834e-03f));
  p = vf_fma(p, z, vf_set(4.16666679e-02f));
  p = vf_fma(p, z, vf_set(-0.5f));
  return vf_fma(p, z, vf_set(1));
}

VZ_SIMD_INLINE vf odd_turn_sign(vi n, int bit) { /* the sign bit where bit `bit` of n is set */
  vi sign = bit == 0 ? vi_shl(n, 31) : vi_shl(n, 30);
  return vf_from_bits(vi_and(sign, vi_set((int32_t)0x80000000u)));
}

VZ_SIMD_INLINE vm is_odd(vi n) { return vf_lt(vf_zero(), vf_from_int(vi_and(n, vi_set(1)))); }

VZ_SIMD_INLINE vf flip(vf x, vf sign) { return vf_from_bits(vi_xor(vf_bits(x), vf_bits(sign))); }

VZ_SIMD_INLINE vf near_sin(vf x) {
  vi n;
  vf r = quarter_turn(x, &n);
  return flip(vf_select(is_odd(n), quarter_cos(r), quarter_sin(r)), odd_turn_sign(n, 1));
}

VZ_SIMD_INLINE vf near_cos(vf x) {
  vi n;
  vf r = quarter_turn(x, &n);
  return flip(vf_select(is_odd(n), quarter_sin(r), quarter_cos(r)), odd_turn_sign(vi_add(n, vi_set(1)), 1));
}

VZ_SIMD_INLINE vf near_tan(vf x) {
  vi n;
  vf r = quarter_turn(x, &n), s = quarter_sin(r), c = quarter_cos(r);
  vm odd = is_odd(n);
  return flip(vf_div(vf_select(odd, c, s), vf_select(odd, s, c)), odd_turn_sign(n, 0));
}

/* Error function: an odd polynomial to |x| = 1, then 1 - e^-g(|x|). */
VZ_SIMD_INLINE vf precise_erf(vf x) {
  vf z = vf_mul(x, x);
  vf p = vf_set(7.85386073e-05f);
  p = vf_fma(p, z, vf_set(-8.01019371e-04f));
  p = vf_fma(p, z, vf_set(5.18832775e-03f));
  p = vf_fma(p, z, vf_set(-2.68538129e-02f));
  p = vf_fma(p, z, vf_set(1.12835854e-01f));
  p = vf_fma(p, z, vf_set(-3.7612626e-01f));
  p = vf_fma(p, z, vf_set(1.28379166e-01f));
  vf small = vf_fma(p, x, x);
  vf a = vf_abs(x), t = vf_min(vf_set(4), a);
  vf g = vf_set(2.16976714e-05f);
  g = vf_fma(g, t, vf_set(-4.41473327e-04f));
  g = vf_fma(g, t, vf_set(4.2052879e-03f));
  g = vf_fma(g, t, vf_set(-2.52103489e-02f));
  g = vf_fma(g, t, vf_set(1.08422115e-01f));
  g = vf_fma(g, t, vf_set(6.33216381e-01f));
  g = vf_fma(g, t, vf_set(1.12958026f));
  g = vf_fma(g, t, vf_set(-1.8846897e-04f));
  vf large = vf_sub(vf_set(1), vf_exp(vf_neg(g)));
  return vf_select(vf_lt(a, vf_set(1)), small, vf_copysign(large, x));
}
