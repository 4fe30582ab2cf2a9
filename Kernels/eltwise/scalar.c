#include "vz_table.h"
#include <math.h>
#pragma STDC FP_CONTRACT OFF

/* Every operation as its definition reads, in double, rounded once. */

static double with_nan(double a, double b, double otherwise) { return isnan(a) || isnan(b) ? a + b : otherwise; }
static double minimum(double a, double b) { return with_nan(a, b, a < b ? a : b); }
static double maximum(double a, double b) { return with_nan(a, b, a > b ? a : b); }
static double sigmoid(double a) { return 1 / (1 + exp(-a)); }
static double softplus(double a) { return a > 40 ? a : log1p(exp(a)); }
/* a factor, where a factor of 0 means that the product tends to 0. */
static double times(double a, double factor) { return factor == 0 && isinf(a) ? 0 : a * factor; }

static double floor_mod(double a, double b) {
  double r = fmod(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static double evaluate(vz_eltwise_op op, double a, double b, double c, double i) {
  switch (op) {
  case VZ_ELTWISE_CONST:
    return i;
  case VZ_ELTWISE_COPY:
    return a;
  case VZ_ELTWISE_ADD:
    return a + b;
  case VZ_ELTWISE_SUB:
    return a - b;
  case VZ_ELTWISE_MUL:
    return a * b;
  case VZ_ELTWISE_DIV:
    return a / b;
  case VZ_ELTWISE_MIN:
    return minimum(a, b);
  case VZ_ELTWISE_MAX:
    return maximum(a, b);
  case VZ_ELTWISE_FMOD:
    return fmod(a, b);
  case VZ_ELTWISE_FLOORMOD:
    return floor_mod(a, b);
  case VZ_ELTWISE_POW:
    return pow(a, b);
  case VZ_ELTWISE_FMA:
    return (double)fmaf((float)a, (float)b, (float)c);
  case VZ_ELTWISE_LERP:
    return a + c * (b - a);
  case VZ_ELTWISE_CLIP:
    return minimum(maximum(a, b), c);
  case VZ_ELTWISE_SELECT:
    return a != 0 ? b : c;
  case VZ_ELTWISE_PRELU:
    return a < 0 ? a * b : a;
  case VZ_ELTWISE_LT:
    return a < b;
  case VZ_ELTWISE_LE:
    return a <= b;
  case VZ_ELTWISE_GT:
    return a > b;
  case VZ_ELTWISE_GE:
    return a >= b;
  case VZ_ELTWISE_EQ:
    return a == b;
  case VZ_ELTWISE_NE:
    return a != b;
  case VZ_ELTWISE_AND:
    return a != 0 && b != 0;
  case VZ_ELTWISE_OR:
    return a != 0 || b != 0;
  case VZ_ELTWISE_XOR:
    return (a != 0) != (b != 0);
  case VZ_ELTWISE_NOT:
    return a == 0;
  case VZ_ELTWISE_ISNAN:
    return isnan(a);
  case VZ_ELTWISE_ISINF:
    return isinf(a) && (i == 0 || (i > 0) == (a > 0));
  case VZ_ELTWISE_NEG:
    return -a;
  case VZ_ELTWISE_ABS:
    return fabs(a);
  case VZ_ELTWISE_SIGN:
    return isnan(a) ? a : (a > 0) - (a < 0);
  case VZ_ELTWISE_FLOOR:
    return floor(a);
  case VZ_ELTWISE_CEIL:
    return ceil(a);
  case VZ_ELTWISE_TRUNC:
    return trunc(a);
  case VZ_ELTWISE_ROUND:
    return rint(a);
  case VZ_ELTWISE_SQRT:
    return sqrt(a);
  case VZ_ELTWISE_RSQRT:
    return 1 / sqrt(a);
  case VZ_ELTWISE_RECIPROCAL:
    return 1 / a;
  case VZ_ELTWISE_EXP:
    return exp(a);
  case VZ_ELTWISE_EXPM1:
    return expm1(a);
  case VZ_ELTWISE_LOG:
    return log(a);
  case VZ_ELTWISE_LOG1P:
    return log1p(a);
  case VZ_ELTWISE_SIN:
    return sin(a);
  case VZ_ELTWISE_COS:
    return cos(a);
  case VZ_ELTWISE_TAN:
    return tan(a);
  case VZ_ELTWISE_ASIN:
    return asin(a);
  case VZ_ELTWISE_ACOS:
    return acos(a);
  case VZ_ELTWISE_ATAN:
    return atan(a);
  case VZ_ELTWISE_SINH:
    return sinh(a);
  case VZ_ELTWISE_COSH:
    return cosh(a);
  case VZ_ELTWISE_TANH:
    return tanh(a);
  case VZ_ELTWISE_ASINH:
    return asinh(a);
  case VZ_ELTWISE_ACOSH:
    return acosh(a);
  case VZ_ELTWISE_ATANH:
    return atanh(a);
  case VZ_ELTWISE_ERF:
    return erf(a);
  case VZ_ELTWISE_SIGMOID:
    return sigmoid(a);
  case VZ_ELTWISE_RELU:
    return a < 0 ? 0 : a;
  case VZ_ELTWISE_LEAKY:
    return a < 0 ? i * a : a;
  case VZ_ELTWISE_ELU:
    return a < 0 ? i * expm1(a) : a;
  case VZ_ELTWISE_SELU:
    return 1.0507009873554805 * (a < 0 ? 1.6732632423543772 * expm1(a) : a);
  case VZ_ELTWISE_CELU:
    return a < 0 ? i * expm1(a / i) : a;
  case VZ_ELTWISE_SOFTPLUS:
    return softplus(a);
  case VZ_ELTWISE_SOFTSIGN:
    return isinf(a) ? copysign(1, a) : a / (1 + fabs(a));
  case VZ_ELTWISE_HARDSIGMOID:
    return minimum(maximum(b * a + c, 0), 1);
  case VZ_ELTWISE_HARDSWISH:
    return times(a, minimum(maximum(a / 6 + 0.5, 0), 1));
  case VZ_ELTWISE_SILU:
    return times(a, sigmoid(a));
  case VZ_ELTWISE_GELU:
    return times(a, 0.5 * erfc(-a * 0.70710678118654752));
  case VZ_ELTWISE_GELU_TANH:
    return times(a, sigmoid(1.5957691216057308 * (a + 0.044715 * a * a * a)));
  case VZ_ELTWISE_MISH:
    return times(a, tanh(softplus(a)));
  case VZ_ELTWISE_OP_COUNT:
    break;
  }
  return 0;
}

void vz_eltwise_f32_scalar(const vz_eltwise_instruction *instructions, size_t count, size_t n,
                           float *const *registers) {
  for (const vz_eltwise_instruction *in = instructions; in < instructions + count; in++) {
    int operands = vz_eltwise_operand_count((vz_eltwise_op)in->op);
    const float *a = operands > 0 ? registers[in->a] : NULL;
    const float *b = operands > 1 ? registers[in->b] : NULL;
    const float *c = operands > 2 ? registers[in->c] : NULL;
    float *d = registers[in->dst];
    for (size_t k = 0; k < n; k++)
      d[k] = (float)evaluate((vz_eltwise_op)in->op, a ? a[k] : 0, b ? b[k] : 0, c ? c[k] : 0, in->imm);
  }
}
