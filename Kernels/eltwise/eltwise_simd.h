/* Elementwise programs over the vector vocabulary: one loop per operation. What is not here runs as the scalar twin. */
#include "../common/vz_simd_math.h"
#include "eltwise_math.h"

typedef vf (*operation)(vf a, vf b, vf c, vf i);

/* d[k] = f(a[k], b[k], c[k]; i); inlined, so that each use is a loop of its own. */
VZ_SIMD_INLINE void map(operation f, size_t n, const float *a, const float *b, const float *c, vf i, float *d) {
  size_t k = 0;
  for (; k + 2 * VF <= n; k += 2 * VF) {
    vf first = f(vf_load(a + k), vf_load(b + k), vf_load(c + k), i);
    vf second = f(vf_load(a + k + VF), vf_load(b + k + VF), vf_load(c + k + VF), i);
    vf_store(d + k, first);
    vf_store(d + k + VF, second);
  }
  for (; k < n; k += VF) {
    size_t m = n - k < VF ? n - k : VF;
    vf_store_n(d + k, m, f(vf_load_n(a + k, m), vf_load_n(b + k, m), vf_load_n(c + k, m), i));
  }
}

#define OPERATION(name)                                                                                                \
  VZ_SIMD_INLINE vf name(__attribute__((unused)) vf a, __attribute__((unused)) vf b, __attribute__((unused)) vf c,     \
                         __attribute__((unused)) vf i)

VZ_SIMD_INLINE vf truth(vm m) { return vf_select(m, vf_set(1), vf_zero()); }
VZ_SIMD_INLINE vf is_true(vf a) { return vf_select(vf_eq(a, vf_zero()), vf_zero(), vf_set(1)); }
VZ_SIMD_INLINE vf with_nan(vf a, vf result) { return vf_select(vf_nan(a), a, result); }

OPERATION(op_const) { return i; }
OPERATION(op_copy) { return a; }
OPERATION(op_add) { return vf_add(a, b); }
OPERATION(op_sub) { return vf_sub(a, b); }
OPERATION(op_mul) { return vf_mul(a, b); }
OPERATION(op_div) { return vf_div(a, b); }
OPERATION(op_min) { return with_nan(a, vf_min(a, b)); }
OPERATION(op_max) { return with_nan(a, vf_max(a, b)); }
OPERATION(op_fma) { return vf_fma(a, b, c); }
OPERATION(op_lerp) { return vf_fma(c, vf_sub(b, a), a); }
OPERATION(op_clip) { return with_nan(a, with_nan(b, vf_min(with_nan(b, vf_max(b, a)), c))); }
OPERATION(op_select) { return vf_select(vf_eq(a, vf_zero()), c, b); }
OPERATION(op_prelu) { return vf_select(vf_lt(a, vf_zero()), vf_mul(a, b), a); }
OPERATION(op_lt) { return truth(vf_lt(a, b)); }
OPERATION(op_le) { return truth(vf_le(a, b)); }
OPERATION(op_gt) { return truth(vf_lt(b, a)); }
OPERATION(op_ge) { return truth(vf_le(b, a)); }
OPERATION(op_eq) { return truth(vf_eq(a, b)); }
OPERATION(op_ne) { return vf_select(vf_eq(a, b), vf_zero(), vf_set(1)); }
OPERATION(op_and) { return vf_mul(is_true(a), is_true(b)); }
OPERATION(op_or) { return vf_max(is_true(a), is_true(b)); }
OPERATION(op_xor) { return vf_abs(vf_sub(is_true(a), is_true(b))); }
OPERATION(op_not) { return truth(vf_eq(a, vf_zero())); }
OPERATION(op_isnan) { return truth(vf_nan(a)); }
OPERATION(op_isinf) { /* i 0: |a|, 1: a, -1: -a compared with infinity */
  vf seen = vf_select(vf_eq(i, vf_zero()), vf_abs(a), vf_select(vf_lt(i, vf_zero()), vf_neg(a), a));
  return truth(vf_eq(seen, vf_set(__builtin_inff())));
}
OPERATION(op_neg) { return vf_neg(a); }
OPERATION(op_abs) { return vf_abs(a); }
OPERATION(op_sign) {
  vf one = vf_set(1), zero = vf_zero();
  return with_nan(a, vf_select(vf_lt(a, zero), vf_set(-1), vf_select(vf_lt(zero, a), one, zero)));
}
OPERATION(op_floor) { return vf_floor(a); }
OPERATION(op_ceil) { return vf_ceil(a); }
OPERATION(op_trunc) { return vf_trunc(a); }
OPERATION(op_round) { return vf_round(a); }
OPERATION(op_sqrt) { return vf_sqrt(a); }
OPERATION(op_rsqrt) { return vf_div(vf_set(1), vf_sqrt(a)); }
OPERATION(op_reciprocal) { return vf_div(vf_set(1), a); }
OPERATION(op_exp) { return vf_exp(a); }
OPERATION(op_expm1) { return vf_expm1(a); }
OPERATION(op_log) { return vf_log(a); }
OPERATION(op_log1p) { return vf_log1p(a); }
OPERATION(op_tanh) { return vf_tanh(a); }
OPERATION(op_erf) { return precise_erf(a); }
OPERATION(op_sigmoid) { return precise_sigmoid(a); }
OPERATION(op_relu) { return vf_max(vf_zero(), a); }
OPERATION(op_leaky) { return vf_select(vf_lt(a, vf_zero()), vf_mul(i, a), a); }
OPERATION(op_elu) { return vf_select(vf_lt(a, vf_zero()), vf_mul(i, vf_expm1(a)), a); }
OPERATION(op_selu) {
  vf below = vf_mul(vf_set(1.75809934f), vf_expm1(a));
  return vf_select(vf_lt(a, vf_zero()), below, vf_mul(vf_set(1.05070099f), a));
}
OPERATION(op_celu) { return vf_select(vf_lt(a, vf_zero()), vf_mul(i, vf_expm1(vf_div(a, i))), a); }
OPERATION(op_softplus) { return vf_add(vf_max(vf_zero(), a), vf_log1p(vf_exp(vf_neg(vf_abs(a))))); }
OPERATION(op_softsign) {
  vf x = vf_min(vf_set(3e38f), vf_not_below(a, -3e38f));
  return vf_div(x, vf_add(vf_set(1), vf_abs(x)));
}
OPERATION(op_hardsigmoid) { return vf_min(vf_set(1), vf_not_below(vf_fma(b, a, c), 0)); }
OPERATION(op_hardswish) {
  vf x = vf_not_below(a, -3e38f);
  return vf_mul(x, vf_min(vf_set(1), vf_not_below(vf_fma(x, vf_set(1 / 6.0f), vf_set(0.5f)), 0)));
}
OPERATION(op_silu) { return vf_mul(vf_not_below(a, -3e38f), precise_sigmoid(a)); }
OPERATION(op_gelu) {
  vf half = vf_mul(vf_set(0.5f), vf_not_below(a, -3e38f));
  return vf_fma(half, precise_erf(vf_mul(a, vf_set(0.70710678f))), half);
}
OPERATION(op_gelu_tanh) {
  vf x = vf_not_below(a, -3e38f), cube = vf_mul(vf_mul(x, x), x);
  return vf_mul(x, precise_sigmoid(vf_mul(vf_set(1.59576912f), vf_fma(vf_set(0.044715f), cube, x))));
}
OPERATION(op_mish) { /* tanh(log(1 + e^x)) = m / (m + 2) with m = e^x (e^x + 2) */
  vf x = vf_not_below(a, -3e38f), e = vf_exp(vf_min(vf_set(20), x)), m = vf_mul(e, vf_add(e, vf_set(2)));
  return vf_mul(x, vf_div(m, vf_add(m, vf_set(2))));
}
OPERATION(op_sin) { return near_sin(a); }
OPERATION(op_cos) { return near_cos(a); }
OPERATION(op_tan) { return near_tan(a); }

/* True when all of x is within the range of quarter_turn. */
static bool is_near(size_t n, const float *x) {
  vf top = vf_zero(), limit = vf_set(1e5f);
  for (size_t k = 0; k < n; k += VF) {
    vf a = vf_abs(n - k < VF ? vf_load_n(x + k, n - k) : vf_load(x + k));
    top = vf_max(top, vf_select(vf_lt(a, limit), vf_zero(), vf_set(1)));
  }
  return vf_top(top) == 0;
}

static void run(const vz_eltwise_instruction *in, size_t n, float *const *registers) {
  float *d = registers[in->dst];
  int operands = vz_eltwise_operand_count((vz_eltwise_op)in->op);
  const float *a = operands > 0 ? registers[in->a] : d, *b = operands > 1 ? registers[in->b] : d;
  const float *c = operands > 2 ? registers[in->c] : d;
  vf i = vf_set(in->imm);
#define CASE(op, f)                                                                                                    \
  case op:                                                                                                             \
    map(f, n, a, b, c, i, d);                                                                                          \
    return
#define CASE_NEAR(op, f)                                                                                               \
  case op:                                                                                                             \
    if (!is_near(n, a)) break;                                                                                         \
    map(f, n, a, b, c, i, d);                                                                                          \
    return
  switch ((vz_eltwise_op)in->op) {
    CASE(VZ_ELTWISE_CONST, op_const);
    CASE(VZ_ELTWISE_COPY, op_copy);
    CASE(VZ_ELTWISE_ADD, op_add);
    CASE(VZ_ELTWISE_SUB, op_sub);
    CASE(VZ_ELTWISE_MUL, op_mul);
    CASE(VZ_ELTWISE_DIV, op_div);
    CASE(VZ_ELTWISE_MIN, op_min);
    CASE(VZ_ELTWISE_MAX, op_max);
    CASE(VZ_ELTWISE_FMA, op_fma);
    CASE(VZ_ELTWISE_LERP, op_lerp);
    CASE(VZ_ELTWISE_CLIP, op_clip);
    CASE(VZ_ELTWISE_SELECT, op_select);
    CASE(VZ_ELTWISE_PRELU, op_prelu);
    CASE(VZ_ELTWISE_LT, op_lt);
    CASE(VZ_ELTWISE_LE, op_le);
    CASE(VZ_ELTWISE_GT, op_gt);
    CASE(VZ_ELTWISE_GE, op_ge);
    CASE(VZ_ELTWISE_EQ, op_eq);
    CASE(VZ_ELTWISE_NE, op_ne);
    CASE(VZ_ELTWISE_AND, op_and);
    CASE(VZ_ELTWISE_OR, op_or);
    CASE(VZ_ELTWISE_XOR, op_xor);
    CASE(VZ_ELTWISE_NOT, op_not);
    CASE(VZ_ELTWISE_ISNAN, op_isnan);
    CASE(VZ_ELTWISE_ISINF, op_isinf);
    CASE(VZ_ELTWISE_NEG, op_neg);
    CASE(VZ_ELTWISE_ABS, op_abs);
    CASE(VZ_ELTWISE_SIGN, op_sign);
    CASE(VZ_ELTWISE_FLOOR, op_floor);
    CASE(VZ_ELTWISE_CEIL, op_ceil);
    CASE(VZ_ELTWISE_TRUNC, op_trunc);
    CASE(VZ_ELTWISE_ROUND, op_round);
    CASE(VZ_ELTWISE_SQRT, op_sqrt);
    CASE(VZ_ELTWISE_RSQRT, op_rsqrt);
    CASE(VZ_ELTWISE_RECIPROCAL, op_reciprocal);
    CASE(VZ_ELTWISE_EXP, op_exp);
    CASE(VZ_ELTWISE_EXPM1, op_expm1);
    CASE(VZ_ELTWISE_LOG, op_log);
    CASE(VZ_ELTWISE_LOG1P, op_log1p);
    CASE_NEAR(VZ_ELTWISE_SIN, op_sin);
    CASE_NEAR(VZ_ELTWISE_COS, op_cos);
    CASE_NEAR(VZ_ELTWISE_TAN, op_tan);
    CASE(VZ_ELTWISE_TANH, op_tanh);
    CASE(VZ_ELTWISE_ERF, op_erf);
    CASE(VZ_ELTWISE_SIGMOID, op_sigmoid);
    CASE(VZ_ELTWISE_RELU, op_relu);
    CASE(VZ_ELTWISE_LEAKY, op_leaky);
    CASE(VZ_ELTWISE_ELU, op_elu);
    CASE(VZ_ELTWISE_SELU, op_selu);
    CASE(VZ_ELTWISE_CELU, op_celu);
    CASE(VZ_ELTWISE_SOFTPLUS, op_softplus);
    CASE(VZ_ELTWISE_SOFTSIGN, op_softsign);
    CASE(VZ_ELTWISE_HARDSIGMOID, op_hardsigmoid);
    CASE(VZ_ELTWISE_HARDSWISH, op_hardswish);
    CASE(VZ_ELTWISE_SILU, op_silu);
    CASE(VZ_ELTWISE_GELU, op_gelu);
    CASE(VZ_ELTWISE_GELU_TANH, op_gelu_tanh);
    CASE(VZ_ELTWISE_MISH, op_mish);
  case VZ_ELTWISE_FMOD:
  case VZ_ELTWISE_FLOORMOD:
  case VZ_ELTWISE_POW:
  case VZ_ELTWISE_ASIN:
  case VZ_ELTWISE_ACOS:
  case VZ_ELTWISE_ATAN:
  case VZ_ELTWISE_SINH:
  case VZ_ELTWISE_COSH:
  case VZ_ELTWISE_ASINH:
  case VZ_ELTWISE_ACOSH:
  case VZ_ELTWISE_ATANH:
  case VZ_ELTWISE_OP_COUNT:
    break;
  }
  vz_eltwise_f32_scalar(in, 1, n, registers);
}

void ISA(vz_eltwise_f32)(const vz_eltwise_instruction *instructions, size_t count, size_t n, float *const *registers) {
  for (size_t k = 0; k < count; k++) run(&instructions[k], n, registers);
}
