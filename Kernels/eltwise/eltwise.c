#include "vz_eltwise.h"
#include "../common/loops.h"
#include <string.h>

enum {
  TILE_MAX = 512,
  STORAGE_FLOATS = 8192,   /* registers of one task, in its stack: half of a first-level cache */
  TASK_ELEMENTS = 1 << 16, /* cheap operations worth a task of their own */
  OUTPUT_LIMIT = VZ_ELTWISE_MAX_OUTPUTS,
};

/* Where a register's values live while a tile runs. */
typedef enum place {
  IN_STORAGE, /* loaded or computed into the task's own memory */
  IN_ARRAY,   /* the caller's array itself */
} place;

typedef struct plan {
  const vz_exec *exec;
  vz_eltwise_program program;
  vz_eltwise_instruction constants[VZ_ELTWISE_MAX_INSTRUCTIONS];
  vz_eltwise_instruction body[VZ_ELTWISE_MAX_INSTRUCTIONS];
  size_t constant_count, body_count;
  const char *inputs[VZ_ELTWISE_MAX_INPUTS];
  char *outputs[OUTPUT_LIMIT];
  place input_place[VZ_ELTWISE_MAX_INPUTS], output_place[OUTPUT_LIMIT];
  /* A tile is `rows` x `cols` elements of the two innermost loops; rows > 1 only with whole rows. */
  vz_loops loops;
  size_t outer_rank, row_total, col_total;
  size_t tile_rows, tile_cols, row_tiles, col_tiles;
  size_t register_floats;
} plan;

static size_t element_bytes(uint8_t type) {
  switch ((vz_eltwise_type)type) {
  case VZ_ELTWISE_F32:
    return 4;
  case VZ_ELTWISE_U8:
  case VZ_ELTWISE_S8:
    return 1;
  case VZ_ELTWISE_U16:
  case VZ_ELTWISE_S16:
    return 2;
  }
  return 4;
}

static size_t cost(vz_eltwise_op op) {
  if (op >= VZ_ELTWISE_EXP || op == VZ_ELTWISE_POW || op == VZ_ELTWISE_FMOD || op == VZ_ELTWISE_FLOORMOD)
    return op == VZ_ELTWISE_RELU || op == VZ_ELTWISE_LEAKY ? 1 : 10;
  return 1;
}

/* Constants that nothing else overwrites are filled once per task, not once per tile. */
static void split_constants(plan *p) {
  for (size_t k = 0; k < p->program.instruction_count; k++) {
    const vz_eltwise_instruction *in = &p->program.instructions[k];
    size_t writes = in->dst < p->program.input_count;
    for (size_t j = 0; j < p->program.instruction_count; j++) writes += p->program.instructions[j].dst == in->dst;
    if (in->op == VZ_ELTWISE_CONST && writes == 1)
      p->constants[p->constant_count++] = *in;
    else
      p->body[p->body_count++] = *in;
  }
}

static void shape_loops(plan *p, size_t rank, const size_t *shape, const ptrdiff_t *input_strides,
                        const ptrdiff_t *output_strides) {
  size_t inputs = p->program.input_count, outputs = p->program.output_count;
  p->loops.arrays = inputs + outputs;
  for (size_t d = 0; d < rank; d++) {
    for (size_t k = 0; k < inputs; k++) p->loops.strides[k][d] = input_strides[k * rank + d];
    for (size_t k = 0; k < outputs; k++) p->loops.strides[inputs + k][d] = output_strides[k * rank + d];
    vz_loops_append(&p->loops, shape[d]);
  }
  vz_loops_simplify(&p->loops, inputs);
  while (p->loops.rank < 2) { /* an outer loop of one */
    for (size_t k = 0; k < p->loops.arrays; k++) {
      p->loops.strides[k][1] = p->loops.rank ? p->loops.strides[k][0] : 0;
      p->loops.strides[k][0] = 0;
    }
    p->loops.shape[1] = p->loops.rank ? p->loops.shape[0] : 1;
    p->loops.shape[0] = 1;
    p->loops.rank = 2;
  }
  p->outer_rank = p->loops.rank - 2;
  p->row_total = p->loops.shape[p->outer_rank];
  p->col_total = p->loops.shape[p->outer_rank + 1];

  p->register_floats = STORAGE_FLOATS / (p->program.register_count ? p->program.register_count : 1) / 16 * 16;
  if (p->register_floats > TILE_MAX) p->register_floats = TILE_MAX;
  p->tile_cols = p->col_total < p->register_floats ? p->col_total : p->register_floats;
  p->tile_rows = p->tile_cols < p->col_total ? 1 : p->register_floats / p->tile_cols;
  if (p->tile_rows > p->row_total) p->tile_rows = p->row_total;
  p->row_tiles = (p->row_total + p->tile_rows - 1) / p->tile_rows;
  p->col_tiles = (p->col_total + p->tile_cols - 1) / p->tile_cols;
}

/* True when a tile of this array is one run of floats. */
static bool is_run(const plan *p, size_t array, uint8_t type) {
  const ptrdiff_t *strides = p->loops.strides[array] + p->outer_rank;
  return type == VZ_ELTWISE_F32 && (strides[1] == 1 || p->col_total == 1) &&
         (p->tile_rows == 1 || strides[0] == (ptrdiff_t)p->col_total);
}

static void place_arrays(plan *p) {
  const vz_eltwise_program *program = &p->program;
  bool in_place = false;
  for (size_t k = 0; k < program->input_count; k++) {
    bool own_copy = false; /* changed by the program, or stored after another output took its place */
    for (size_t j = 0; j < p->body_count; j++) own_copy |= p->body[j].dst == k;
    for (size_t o = 0; o < program->output_count; o++) {
      own_copy |= program->outputs[o] == k;
      in_place |= p->inputs[k] == p->outputs[o];
    }
    p->input_place[k] = is_run(p, k, program->input_types[k]) && !own_copy ? IN_ARRAY : IN_STORAGE;
  }
  for (size_t o = 0; o < program->output_count; o++) {
    size_t reg = program->outputs[o];
    bool computed = false, shared = false;
    for (size_t j = 0; j < p->body_count; j++) computed |= p->body[j].dst == reg;
    for (size_t q = 0; q < o; q++) shared |= program->outputs[q] == reg;
    /* Writing early would spoil an input that is still to be read, unless it is the last thing done. */
    bool late = p->body_count && p->body[p->body_count - 1].dst == reg;
    for (size_t j = 0; j + 1 < p->body_count; j++) late &= p->body[j].dst != reg;
    bool direct = reg >= program->input_count && computed && !shared && (late || !in_place);
    p->output_place[o] =
        direct && is_run(p, program->input_count + o, program->output_types[o]) ? IN_ARRAY : IN_STORAGE;
  }
}

static void load_run(float *to, const char *from, uint8_t type, ptrdiff_t stride, size_t n) {
  switch ((vz_eltwise_type)type) {
  case VZ_ELTWISE_U8:
    for (size_t k = 0; k < n; k++) to[k] = (float)((const uint8_t *)from)[(ptrdiff_t)k * stride];
    return;
  case VZ_ELTWISE_S8:
    for (size_t k = 0; k < n; k++) to[k] = (float)((const int8_t *)from)[(ptrdiff_t)k * stride];
    return;
  case VZ_ELTWISE_U16:
    for (size_t k = 0; k < n; k++) to[k] = (float)((const uint16_t *)from)[(ptrdiff_t)k * stride];
    return;
  case VZ_ELTWISE_S16:
    for (size_t k = 0; k < n; k++) to[k] = (float)((const int16_t *)from)[(ptrdiff_t)k * stride];
    return;
  case VZ_ELTWISE_F32:
    break;
  }
  const float *floats = (const float *)from;
  if (stride == 1)
    memcpy(to, floats, n * sizeof(float));
  else if (stride == 0)
    for (size_t k = 0; k < n; k++) to[k] = *floats;
  else
    for (size_t k = 0; k < n; k++) to[k] = floats[(ptrdiff_t)k * stride];
}

/* `x` between the bounds, rounded halves to even; NaN gives `low`. */
static int32_t nearest(float x, float low, float high) {
  x = x > low ? x : low;
  x = (x < high ? x : high) + 12582912.0f; /* 1.5 2^23: adding it rounds halves to even */
  return (int32_t)(x - 12582912.0f);
}

static void store_run(char *to, const float *from, uint8_t type, ptrdiff_t stride, size_t n) {
  switch ((vz_eltwise_type)type) {
  case VZ_ELTWISE_U8:
    for (size_t k = 0; k < n; k++) ((uint8_t *)to)[(ptrdiff_t)k * stride] = (uint8_t)nearest(from[k], 0, 255);
    return;
  case VZ_ELTWISE_S8:
    for (size_t k = 0; k < n; k++) ((int8_t *)to)[(ptrdiff_t)k * stride] = (int8_t)nearest(from[k], -128, 127);
    return;
  case VZ_ELTWISE_U16:
    for (size_t k = 0; k < n; k++) ((uint16_t *)to)[(ptrdiff_t)k * stride] = (uint16_t)nearest(from[k], 0, 65535);
    return;
  case VZ_ELTWISE_S16:
    for (size_t k = 0; k < n; k++) ((int16_t *)to)[(ptrdiff_t)k * stride] = (int16_t)nearest(from[k], -32768, 32767);
    return;
  case VZ_ELTWISE_F32:
    break;
  }
  float *floats = (float *)to;
  if (stride == 1)
    memcpy(floats, from, n * sizeof(float));
  else
    for (size_t k = 0; k < n; k++) floats[(ptrdiff_t)k * stride] = from[k];
}

static void load_tile(float *to, const char *from, uint8_t type, const ptrdiff_t *strides, size_t rows, size_t cols) {
  ptrdiff_t bytes = (ptrdiff_t)element_bytes(type);
  if (cols < 8 && rows > cols) { /* few columns: walk down each */
    for (size_t c = 0; c < cols; c++)
      for (size_t r = 0; r < rows; r++) {
        const char *at = from + ((ptrdiff_t)r * strides[0] + (ptrdiff_t)c * strides[1]) * bytes;
        load_run(to + r * cols + c, at, type, 0, 1);
      }
    return;
  }
  for (size_t r = 0; r < rows; r++)
    load_run(to + r * cols, from + (ptrdiff_t)r * strides[0] * bytes, type, strides[1], cols);
}

static void store_tile(char *to, const float *from, uint8_t type, const ptrdiff_t *strides, size_t rows, size_t cols) {
  for (size_t r = 0; r < rows; r++)
    store_run(to + (ptrdiff_t)r * strides[0] * (ptrdiff_t)element_bytes(type), from + r * cols, type, strides[1], cols);
}

static void run_tiles(void *context, size_t begin, size_t end, unsigned worker) {
  (void)worker;
  const plan *p = context;
  const vz_eltwise_program *program = &p->program;
  _Alignas(64) float storage[STORAGE_FLOATS];
  float *registers[VZ_ELTWISE_MAX_REGISTERS];
  for (size_t r = 0; r < program->register_count; r++) registers[r] = storage + r * p->register_floats;
  p->exec->kernels->eltwise_f32(p->constants, p->constant_count, p->register_floats, registers);
  const char *loaded[VZ_ELTWISE_MAX_INPUTS] = {NULL}; /* what a stored input register holds, to load it once */
  size_t loaded_count[VZ_ELTWISE_MAX_INPUTS] = {0};

  for (size_t tile = begin; tile < end; tile++) {
    size_t col = tile % p->col_tiles * p->tile_cols, row = tile / p->col_tiles % p->row_tiles * p->tile_rows;
    size_t cols = p->col_total - col < p->tile_cols ? p->col_total - col : p->tile_cols;
    size_t rows = p->row_total - row < p->tile_rows ? p->row_total - row : p->tile_rows;
    ptrdiff_t offsets[VZ_LOOPS_MAX_ARRAYS];
    vz_loops_offsets(&p->loops, p->outer_rank, tile / p->col_tiles / p->row_tiles, offsets);
    for (size_t k = 0; k < p->loops.arrays; k++)
      offsets[k] +=
          (ptrdiff_t)row * p->loops.strides[k][p->outer_rank] + (ptrdiff_t)col * p->loops.strides[k][p->outer_rank + 1];

    for (size_t k = 0; k < program->input_count; k++) {
      const ptrdiff_t *strides = p->loops.strides[k] + p->outer_rank;
      const char *from = p->inputs[k] + offsets[k] * (ptrdiff_t)element_bytes(program->input_types[k]);
      if (p->input_place[k] == IN_ARRAY) {
        registers[k] = (float *)(uintptr_t)from;
        continue;
      }
      bool held = loaded[k] == from && loaded_count[k] >= rows * cols;
      for (size_t j = 0; held && j < p->body_count; j++) held = p->body[j].dst != k;
      if (held) continue;
      load_tile(registers[k], from, program->input_types[k], strides, rows, cols);
      loaded[k] = from;
      loaded_count[k] = rows * cols;
    }
    for (size_t o = 0; o < program->output_count; o++) {
      if (p->output_place[o] == IN_ARRAY)
        registers[program->outputs[o]] = (float *)(void *)p->outputs[o] + offsets[program->input_count + o];
    }
    p->exec->kernels->eltwise_f32(p->body, p->body_count, rows * cols, registers);
    for (size_t o = 0; o < program->output_count; o++) {
      if (p->output_place[o] == IN_ARRAY) continue;
      size_t array = program->input_count + o;
      uint8_t type = program->output_types[o];
      store_tile(p->outputs[o] + offsets[array] * (ptrdiff_t)element_bytes(type), registers[program->outputs[o]], type,
                 p->loops.strides[array] + p->outer_rank, rows, cols);
    }
  }
}

void vz_eltwise_run(const vz_exec *exec, const vz_eltwise_program *program, size_t rank, const size_t *shape,
                    const void *const *inputs, const ptrdiff_t *input_strides, void *const *outputs,
                    const ptrdiff_t *output_strides) {
  for (size_t d = 0; d < rank; d++)
    if (shape[d] == 0) return;
  if (program->output_count == 0) return;
  plan p = {.exec = exec, .program = *program};
  for (size_t k = 0; k < program->input_count; k++) p.inputs[k] = inputs[k];
  for (size_t k = 0; k < program->output_count; k++) p.outputs[k] = outputs[k];
  split_constants(&p);
  shape_loops(&p, rank, shape, input_strides, output_strides);
  place_arrays(&p);

  size_t tiles = p.row_tiles * p.col_tiles;
  for (size_t d = 0; d < p.outer_rank; d++) tiles *= p.loops.shape[d];
  size_t work = program->input_count + program->output_count;
  for (size_t k = 0; k < p.body_count; k++) work += cost((vz_eltwise_op)p.body[k].op);
  size_t grain = TASK_ELEMENTS * 4 / (work * p.tile_rows * p.tile_cols) + 1;
  vz_pool_run(exec->pool, tiles, grain, run_tiles, &p);
}
