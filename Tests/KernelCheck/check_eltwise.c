#include "check_driver.h"
#include <float.h>
#include <math.h>
#include <string.h>

/* Largest error in units in the last place; 0 is exact. */
static double ulps(vz_eltwise_op op) {
  switch (op) {
  case VZ_ELTWISE_POW:
    return 4;
  case VZ_ELTWISE_LERP:
    return 0; /* compared against its own scale instead */
  case VZ_ELTWISE_RSQRT:
    return 2;
  case VZ_ELTWISE_EXP:
  case VZ_ELTWISE_LOG:
    return 2;
  case VZ_ELTWISE_EXPM1:
  case VZ_ELTWISE_LOG1P:
  case VZ_ELTWISE_SIN:
  case VZ_ELTWISE_COS:
  case VZ_ELTWISE_ATAN:
    return 3;
  case VZ_ELTWISE_SOFTSIGN:
  case VZ_ELTWISE_SELU:
    return 4;
  case VZ_ELTWISE_LEAKY:
  case VZ_ELTWISE_PRELU:
  case VZ_ELTWISE_ADD:
  case VZ_ELTWISE_RELU:
    return 0;
  case VZ_ELTWISE_GELU:
  case VZ_ELTWISE_GELU_TANH:
  case VZ_ELTWISE_MISH:
    return 16;
  default:
    return op >= VZ_ELTWISE_TAN ? 4.5 : 0;
  }
}

/* Errors below this are allowed whatever the result: where operands cancel, or the tail has left float's precision. */
static double slack(vz_eltwise_op op, double a, double b, double c) {
  switch (op) {
  case VZ_ELTWISE_LERP: { /* b - a, or the step from a, may overflow where the result does not */
    double way = fabs(a) + fabs(b);
    return way * fmax(1, fabs(c)) > FLT_MAX ? INFINITY : 4e-7 * (fabs(a) + fabs(c) * way);
  }
  case VZ_ELTWISE_HARDSIGMOID:
    return 4e-7 * (fabs(a * b) + fabs(c));
  case VZ_ELTWISE_HARDSWISH:
    return 4e-7 * fabs(a);
  case VZ_ELTWISE_GELU:
  case VZ_ELTWISE_GELU_TANH:
    return 3e-7 * fmin(fabs(a), 1);
  case VZ_ELTWISE_SILU:
  case VZ_ELTWISE_MISH: /* a times a rounded denormal */
    return 3e-45 * (1 + fabs(a));
  default:
    return 1e-44;
  }
}

static float any_value(check_env *env) {
  static const float specials[] = {
      0.0f,       -0.0f,      1.0f,       -1.0f,      0.5f,        -0.5f,    INFINITY,        -INFINITY,
      NAN,        1e-40f,     -1e-45f,    2.0f,       3.4e38f,     -3.4e38f, 88.7f,           88.8f,
      -87.4f,     -103.9f,    1.5f,       2.5f,       -2.5f,       0.1f,     1.17549435e-38f, 0.99999994f,
      1.0000001f, 3.1415927f, 1.5707964f, 8388609.0f, -8388607.5f, 1e10f};
  float x;
  switch (check_random(env) % 8) {
  case 0:
    return specials[check_random(env) % (sizeof specials / sizeof *specials)];
  case 1: {
    uint32_t bits = (uint32_t)check_random(env);
    memcpy(&x, &bits, 4);
    return x;
  }
  case 2:
    return (float)check_uniform(env, -1e4, 1e4);
  case 3:
    return (float)check_uniform(env, -1, 1);
  case 4:
    return (float)check_range(env, 0, 20) - 10;
  default:
    return (float)check_uniform(env, -10, 10);
  }
}

static bool agrees(vz_eltwise_op op, float got, float want, const float *operand) {
  if (isnan(want)) return isnan(got);
  if (got == want) return true;
  double ulp = fmax(fabs((double)nextafterf(fabsf(want), INFINITY) - fabs((double)want)), 1.5e-45);
  double allowed = ulps(op) * ulp + slack(op, operand[0], operand[1], operand[2]);
  if (isinf(allowed)) return true;
  if (isinf(want) || isinf(got)) return ulps(op) > 0 && fabs((double)(isinf(want) ? got : want)) > 3.4028e38;
  return fabs((double)got - want) <= allowed;
}

CHECK_KERNEL(eltwise_f32) {
  size_t n = check_size(env, 600);
  float *a = check_f32_raw(env, n), *b = check_f32_raw(env, n), *c = check_f32_raw(env, n);
  for (size_t k = 0; k < n; k++) a[k] = any_value(env), b[k] = any_value(env), c[k] = any_value(env);
  float *got = check_f32_raw(env, n), *want = check_f32_raw(env, n);
  float *const got_registers[] = {a, b, c, got}, *const want_registers[] = {a, b, c, want};
  for (int op = 0; op < VZ_ELTWISE_OP_COUNT; op++) {
    vz_eltwise_instruction in = {.op = (uint8_t)op, .dst = 3, .a = 0, .b = 1, .c = 2, .imm = 0.75f};
    if (op == VZ_ELTWISE_ISINF) in.imm = (float)(env->round % 3) - 1;
    check_note(env, "op=%d n=%zu", op, n);
    env->kernels->eltwise_f32(&in, 1, n, got_registers);
    env->reference->eltwise_f32(&in, 1, n, want_registers);
    for (size_t k = 0; k < n; k++) {
      float operand[3] = {a[k], b[k], c[k]};
      if (agrees((vz_eltwise_op)op, got[k], want[k], operand)) continue;
      check_fail(env, "op %d (%.9g, %.9g, %.9g): got %.9g, want %.9g", op, (double)a[k], (double)b[k], (double)c[k],
                 (double)got[k], (double)want[k]);
      break;
    }
  }
}

/* Exact operations only, so that results can be compared byte by byte. */
static const uint8_t exact_ops[] = {VZ_ELTWISE_ADD,  VZ_ELTWISE_SUB,   VZ_ELTWISE_MUL,  VZ_ELTWISE_MIN,
                                    VZ_ELTWISE_MAX,  VZ_ELTWISE_FMA,   VZ_ELTWISE_LT,   VZ_ELTWISE_SELECT,
                                    VZ_ELTWISE_NEG,  VZ_ELTWISE_FLOOR, VZ_ELTWISE_RELU, VZ_ELTWISE_CONST,
                                    VZ_ELTWISE_COPY, VZ_ELTWISE_DIV};

static float load(const void *array, uint8_t type, ptrdiff_t at) {
  switch ((vz_eltwise_type)type) {
  case VZ_ELTWISE_F32:
    return ((const float *)array)[at];
  case VZ_ELTWISE_U8:
    return ((const uint8_t *)array)[at];
  case VZ_ELTWISE_S8:
    return ((const int8_t *)array)[at];
  case VZ_ELTWISE_U16:
    return ((const uint16_t *)array)[at];
  case VZ_ELTWISE_S16:
    return ((const int16_t *)array)[at];
  }
  return 0;
}

static const float lowest[] = {0, 0, -128, 0, -32768}, highest[] = {0, 255, 127, 65535, 32767};
static const size_t widths[] = {4, 1, 1, 2, 2};

static float saturate(float x, uint8_t type) {
  return rintf(!(x > lowest[type]) ? lowest[type] : x < highest[type] ? x : highest[type]);
}

static uint8_t any_type(check_env *env) {
  return check_range(env, 0, 3) ? VZ_ELTWISE_F32 : (uint8_t)check_range(env, VZ_ELTWISE_U8, VZ_ELTWISE_S16);
}

CHECK_DRIVER(eltwise_run) {
  size_t rank = check_range(env, 0, 4), shape[4], total = 1;
  for (size_t d = 0; d < rank; d++) {
    shape[d] = check_range(env, 0, 2) ? check_range(env, 1, 9) : check_size(env, rank < 3 ? 900 : 40);
    total *= shape[d];
  }
  vz_eltwise_instruction code[20];
  vz_eltwise_program program = {.instructions = code};
  program.input_count = (uint8_t)check_range(env, 1, 5);
  program.output_count = (uint8_t)check_range(env, 1, 3);
  program.instruction_count = (uint8_t)check_range(env, 0, 20);
  uint8_t written = program.input_count;
  for (size_t k = 0; k < program.instruction_count; k++) {
    code[k].op = exact_ops[check_random(env) % sizeof exact_ops];
    code[k].a = (uint8_t)(check_random(env) % written);
    code[k].b = (uint8_t)(check_random(env) % written);
    code[k].c = (uint8_t)(check_random(env) % written);
    code[k].imm = (float)check_range(env, 0, 9);
    code[k].dst = (uint8_t)check_range(env, 0, written);
    if (code[k].dst == written) written++;
  }
  program.register_count = written;

  const void *inputs[5];
  void *outputs[3];
  ptrdiff_t input_strides[20] = {0}, output_strides[12] = {0};
  for (size_t k = 0; k < program.input_count; k++) {
    program.input_types[k] = any_type(env);
    size_t extent = 1, gap = check_range(env, 0, 3) ? 1 : 2;
    for (size_t d = rank; d-- > 0;) {
      bool broadcast = check_range(env, 0, 3) == 0;
      input_strides[k * rank + d] = broadcast ? 0 : (ptrdiff_t)(extent * gap);
      if (!broadcast) extent *= shape[d];
    }
    extent = (extent - 1) * gap + 1;
    float *floats = check_f32_in(env, program.input_types[k] ? 1 : extent, -100, 100);
    size_t byte_count = program.input_types[k] ? extent * widths[program.input_types[k]] : 1;
    uint8_t *bytes = check_bytes(env, byte_count, 2);
    for (size_t i = 0; program.input_types[k] && i < byte_count; i++) bytes[i] = (uint8_t)check_random(env);
    inputs[k] = program.input_types[k] ? (void *)bytes : (void *)floats;
  }
  size_t order[4] = {0, 1, 2, 3};
  for (size_t k = 0; k < program.output_count; k++) {
    program.output_types[k] = any_type(env);
    program.outputs[k] = (uint8_t)(check_random(env) % written);
    if (rank > 1 && check_range(env, 0, 2) == 0) order[0] = 1, order[1] = 0;
    ptrdiff_t extent = check_range(env, 0, 3) ? 1 : 3;
    for (size_t d = rank; d-- > 0;) {
      output_strides[k * rank + order[d]] = extent;
      extent *= (ptrdiff_t)shape[order[d]];
    }
    outputs[k] = check_bytes(env, (size_t)extent * widths[program.output_types[k]], 4);
  }
  /* Sometimes the first output takes the place of an input. */
  bool same_type = program.input_types[0] == program.output_types[0];
  if (same_type && !memcmp(input_strides, output_strides, rank * sizeof *output_strides) && env->round % 3)
    inputs[0] = outputs[0], memset(outputs[0], 1, total * widths[program.output_types[0]]);

  check_note(env, "rank=%zu total=%zu instructions=%d", rank, total, program.instruction_count);
  CHECK(vz_eltwise_is_valid(&program));
  float *want = check_bytes(env, total * program.output_count * sizeof *want, 4);
  for (size_t i = 0; i < total; i++) {
    float values[32];
    float *registers[32];
    for (size_t r = 0; r < written; r++) registers[r] = values + r;
    size_t index[4], rest = i;
    for (size_t d = rank; d-- > 0; rest /= shape[d]) index[d] = rest % shape[d];
    for (size_t k = 0; k < program.input_count; k++) {
      ptrdiff_t at = 0;
      for (size_t d = 0; d < rank; d++) at += (ptrdiff_t)index[d] * input_strides[k * rank + d];
      values[k] = load(inputs[k], program.input_types[k], at);
    }
    env->reference->eltwise_f32(code, program.instruction_count, 1, registers);
    for (size_t k = 0; k < program.output_count; k++) want[i * program.output_count + k] = values[program.outputs[k]];
  }
  vz_exec exec = check_exec(env, 0);
  vz_eltwise_run(&exec, &program, rank, shape, inputs, input_strides, outputs, output_strides);
  for (size_t i = 0; i < total; i++)
    for (size_t k = 0; k < program.output_count; k++) {
      ptrdiff_t at = 0;
      size_t rest = i;
      for (size_t d = rank; d-- > 0; rest /= shape[d])
        at += (ptrdiff_t)(rest % shape[d]) * output_strides[k * rank + d];
      float got = load(outputs[k], program.output_types[k], at), expected = want[i * program.output_count + k];
      if (program.output_types[k]) expected = saturate(expected, program.output_types[k]);
      if (got == expected || (isnan(got) && isnan(expected))) continue;
      check_fail(env, "output %zu element %zu: got %.9g, want %.9g", k, i, (double)got, (double)expected);
      return;
    }
}

static void time_op(check_env *env, const char *name, vz_eltwise_op op) {
  enum { N = 512 };
  float *a = check_f32_in(env, N, 0.1, 4), *b = check_f32_in(env, N, 0.1, 4), *c = check_f32_in(env, N, 0.1, 4);
  float *d = check_f32(env, N);
  float *const registers[] = {a, b, c, d};
  vz_eltwise_instruction in = {.op = (uint8_t)op, .dst = 3, .a = 0, .b = 1, .c = 2, .imm = 0.5f};
  CHECK_TIME(env, name, N) env->kernels->eltwise_f32(&in, 1, N, registers);
}

BENCH_KERNEL(eltwise_f32) {
  time_op(env, "add", VZ_ELTWISE_ADD);
  time_op(env, "div", VZ_ELTWISE_DIV);
  time_op(env, "select", VZ_ELTWISE_SELECT);
  time_op(env, "exp", VZ_ELTWISE_EXP);
  time_op(env, "log", VZ_ELTWISE_LOG);
  time_op(env, "pow", VZ_ELTWISE_POW);
  time_op(env, "sin", VZ_ELTWISE_SIN);
  time_op(env, "tanh", VZ_ELTWISE_TANH);
  time_op(env, "sigmoid", VZ_ELTWISE_SIGMOID);
  time_op(env, "erf", VZ_ELTWISE_ERF);
  time_op(env, "gelu", VZ_ELTWISE_GELU);
  time_op(env, "silu", VZ_ELTWISE_SILU);
}

/* out = w a + (1 - w) (v b + (1 - v) c) over an image: the blend at the end of a renderer. */
BENCH_DRIVER(eltwise_run) {
  enum { PLANE = 256 * 256 };
  vz_eltwise_instruction code[] = {{VZ_ELTWISE_CONST, 5, 0, 0, 0, 1}, {VZ_ELTWISE_SUB, 6, 5, 4, 0, 0},
                                   {VZ_ELTWISE_MUL, 7, 4, 1, 0, 0},   {VZ_ELTWISE_FMA, 7, 6, 2, 7, 0},
                                   {VZ_ELTWISE_SUB, 6, 5, 3, 0, 0},   {VZ_ELTWISE_MUL, 8, 3, 0, 0, 0},
                                   {VZ_ELTWISE_FMA, 8, 6, 7, 8, 0}};
  vz_eltwise_program program = {.instructions = code,
                                .instruction_count = 7,
                                .register_count = 9,
                                .input_count = 5,
                                .output_count = 1,
                                .outputs = {8}};
  float *y = check_f32(env, 3 * PLANE), *plane = check_f32(env, PLANE);
  const void *inputs[] = {check_f32(env, 3 * PLANE), check_f32(env, 3 * PLANE), check_f32(env, 3 * PLANE), plane,
                          plane};
  void *outputs[] = {y};
  const size_t shape[] = {3, PLANE};
  const ptrdiff_t strides[] = {PLANE, 1, PLANE, 1, PLANE, 1, 0, 1, 0, 1}, output_strides[] = {PLANE, 1};
  vz_exec exec = check_exec(env, 0);
  exec.pool = NULL;
  CHECK_TIME(env, "blend 3x256x256", 3 * PLANE)
  vz_eltwise_run(&exec, &program, 2, shape, inputs, strides, outputs, output_strides);
}
