#pragma once
/* Elementwise programs: one operator, or a whole chain of them, as data.
 *
 * A program is straight-line code over registers. Registers 0 ... input_count-1 start as the input values of one
 * element; every instruction computes dst = op(a, b, c; imm); the registers named by `outputs` are stored. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  VZ_ELTWISE_MAX_RANK = 8,
  VZ_ELTWISE_MAX_INPUTS = 16,
  VZ_ELTWISE_MAX_OUTPUTS = 4,
  VZ_ELTWISE_MAX_REGISTERS = 64,
  VZ_ELTWISE_MAX_INSTRUCTIONS = 64,
};

/* d = dst, a b c = operand registers, i = imm. Conditions are true when not 0; comparisons give 1 or 0.
 * "Exact" operations round once, as IEEE 754 asks. The others are within the stated ulps of the true value, and
 * follow C's libm for infinities, NaN and signed zero. Denormal inputs and results are kept. Activations without a
 * bound are within 4 ulp, but where the function dies out on the negative side (GELU, SILU, MISH) only within
 * 3e-7 min(|a|, 1) of the true value. */
typedef enum vz_eltwise_op {
  VZ_ELTWISE_CONST,       /* d = i */
  VZ_ELTWISE_COPY,        /* d = a */
  VZ_ELTWISE_ADD,         /* d = a + b */
  VZ_ELTWISE_SUB,         /* d = a - b */
  VZ_ELTWISE_MUL,         /* d = a b */
  VZ_ELTWISE_DIV,         /* d = a / b */
  VZ_ELTWISE_MIN,         /* d = min(a, b); NaN if either is */
  VZ_ELTWISE_MAX,         /* d = max(a, b); NaN if either is */
  VZ_ELTWISE_FMOD,        /* d = a - b trunc(a/b), sign of a: C's fmod, exact */
  VZ_ELTWISE_FLOORMOD,    /* d = a - b floor(a/b), sign of b: Python's %; fmod plus at most one correction */
  VZ_ELTWISE_POW,         /* d = a^b, 4 ulp */
  VZ_ELTWISE_FMA,         /* d = a b + c, rounded once at every level */
  VZ_ELTWISE_LERP,        /* d = a + c (b - a) */
  VZ_ELTWISE_CLIP,        /* d = min(max(a, b), c); NaN if any is */
  VZ_ELTWISE_SELECT,      /* d = a ? b : c */
  VZ_ELTWISE_PRELU,       /* d = a < 0 ? a b : a */
  VZ_ELTWISE_LT,          /* d = a < b */
  VZ_ELTWISE_LE,          /* d = a <= b */
  VZ_ELTWISE_GT,          /* d = a > b */
  VZ_ELTWISE_GE,          /* d = a >= b */
  VZ_ELTWISE_EQ,          /* d = a == b */
  VZ_ELTWISE_NE,          /* d = a != b; 1 if either is NaN */
  VZ_ELTWISE_AND,         /* d = a and b */
  VZ_ELTWISE_OR,          /* d = a or b */
  VZ_ELTWISE_XOR,         /* d = exactly one of a, b */
  VZ_ELTWISE_NOT,         /* d = not a */
  VZ_ELTWISE_ISNAN,       /* d = a is NaN */
  VZ_ELTWISE_ISINF,       /* d = a is infinite; i: 0 = either sign, 1 = +inf only, -1 = -inf only */
  VZ_ELTWISE_NEG,         /* d = -a */
  VZ_ELTWISE_ABS,         /* d = |a| */
  VZ_ELTWISE_SIGN,        /* d = -1, 0 or 1; NaN stays */
  VZ_ELTWISE_FLOOR,       /* exact */
  VZ_ELTWISE_CEIL,        /* exact */
  VZ_ELTWISE_TRUNC,       /* exact */
  VZ_ELTWISE_ROUND,       /* halves to even, exact */
  VZ_ELTWISE_SQRT,        /* exact */
  VZ_ELTWISE_RSQRT,       /* d = 1 / sqrt(a), 2 ulp */
  VZ_ELTWISE_RECIPROCAL,  /* d = 1 / a, exact */
  VZ_ELTWISE_EXP,         /* 2 ulp */
  VZ_ELTWISE_EXPM1,       /* d = e^a - 1, 3 ulp */
  VZ_ELTWISE_LOG,         /* 2 ulp */
  VZ_ELTWISE_LOG1P,       /* d = log(1 + a), 3 ulp */
  VZ_ELTWISE_SIN,         /* 3 ulp */
  VZ_ELTWISE_COS,         /* 3 ulp */
  VZ_ELTWISE_TAN,         /* 4 ulp */
  VZ_ELTWISE_ASIN,        /* 4 ulp */
  VZ_ELTWISE_ACOS,        /* 4 ulp */
  VZ_ELTWISE_ATAN,        /* 3 ulp */
  VZ_ELTWISE_SINH,        /* 4 ulp */
  VZ_ELTWISE_COSH,        /* 4 ulp */
  VZ_ELTWISE_TANH,        /* 4 ulp */
  VZ_ELTWISE_ASINH,       /* 4 ulp */
  VZ_ELTWISE_ACOSH,       /* 4 ulp */
  VZ_ELTWISE_ATANH,       /* 4 ulp */
  VZ_ELTWISE_ERF,         /* 4 ulp */
  VZ_ELTWISE_SIGMOID,     /* d = 1 / (1 + e^-a), 4 ulp */
  VZ_ELTWISE_RELU,        /* d = max(a, 0); NaN stays */
  VZ_ELTWISE_LEAKY,       /* d = a < 0 ? i a : a */
  VZ_ELTWISE_ELU,         /* d = a < 0 ? i (e^a - 1) : a */
  VZ_ELTWISE_SELU,        /* d = 1.0507 (a < 0 ? 1.6733 (e^a - 1) : a), the paper's constants */
  VZ_ELTWISE_CELU,        /* d = a < 0 ? i (e^(a/i) - 1) : a */
  VZ_ELTWISE_SOFTPLUS,    /* d = log(1 + e^a) */
  VZ_ELTWISE_SOFTSIGN,    /* d = a / (1 + |a|) */
  VZ_ELTWISE_HARDSIGMOID, /* d = clip(b a + c, 0, 1) */
  VZ_ELTWISE_HARDSWISH,   /* d = a clip(a/6 + 1/2, 0, 1) */
  VZ_ELTWISE_SILU,        /* d = a sigmoid(a) */
  VZ_ELTWISE_GELU,        /* d = a/2 (1 + erf(a / sqrt 2)) */
  VZ_ELTWISE_GELU_TANH,   /* d = a/2 (1 + tanh(sqrt(2/pi) (a + 0.044715 a^3))) */
  VZ_ELTWISE_MISH,        /* d = a tanh(log(1 + e^a)) */
  VZ_ELTWISE_OP_COUNT,
} vz_eltwise_op;

typedef struct vz_eltwise_instruction {
  uint8_t op; /* vz_eltwise_op */
  uint8_t dst, a, b, c;
  float imm;
} vz_eltwise_instruction;

/* Element types of the arrays; registers always hold floats. */
typedef enum vz_eltwise_type {
  VZ_ELTWISE_F32 = 0,
  /* Integers: stores round half to even and saturate; NaN becomes the smallest number. Booleans are 0 and 1. */
  VZ_ELTWISE_U8 = 1,
  VZ_ELTWISE_S8 = 2,
  VZ_ELTWISE_U16 = 3,
  VZ_ELTWISE_S16 = 4,
} vz_eltwise_type;

typedef struct vz_eltwise_program {
  const vz_eltwise_instruction *instructions;
  uint8_t instruction_count;
  uint8_t register_count; /* all registers, inputs included */
  uint8_t input_count;
  uint8_t output_count;
  uint8_t input_types[VZ_ELTWISE_MAX_INPUTS];   /* vz_eltwise_type */
  uint8_t output_types[VZ_ELTWISE_MAX_OUTPUTS]; /* vz_eltwise_type */
  uint8_t outputs[VZ_ELTWISE_MAX_OUTPUTS];      /* registers */
} vz_eltwise_program;

/* How many of a, b, c an operation reads: 0 ... 3. */
int vz_eltwise_operand_count(vz_eltwise_op op);

/* True when every count and register is in range, and no register is read before it is written. */
bool vz_eltwise_is_valid(const vz_eltwise_program *program);

#ifdef __cplusplus
}
#endif
