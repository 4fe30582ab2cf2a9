#include "vz_copy.h"
#include "../common/loops.h"
#include <stdint.h>
#include <string.h>

enum {
  TASK_BYTES = 1 << 17,
  BLOCK = 64, /* side of the squares that a transposed copy moves at a time, in elements */
};

typedef struct __attribute__((may_alias)) bytes16 {
  uint64_t half[2];
} bytes16;

/* A copy as loops over blocks of a matrix; array 0 is dst, 1 is src.
   Blocks are `block_rows` x `block_cols` of the two innermost loops; dst walks forwards along the columns. */
typedef struct plan {
  const vz_exec *exec;
  char *dst;
  const char *src;
  size_t element_bytes;
  vz_loops loops;
  size_t outer_rank, rows, cols;
  size_t block_rows, block_cols, row_blocks, col_blocks;
} plan;

/* y[k] = x[k] along two strides, for one element type. */
#define STRIDED_RUN(type)                                                                                              \
  static void copy_run_##type(size_t n, const void *from, ptrdiff_t from_step, void *to, ptrdiff_t to_step) {          \
    typedef type __attribute__((may_alias, aligned(1))) element;                                                       \
    const element *x = from;                                                                                           \
    element *y = to;                                                                                                   \
    if (to_step == 1 && from_step == 0) {                                                                              \
      const type value = *x;                                                                                           \
      for (size_t k = 0; k < n; k++) y[k] = value;                                                                     \
    } else {                                                                                                           \
      for (size_t k = 0; k < n; k++) y[(ptrdiff_t)k * to_step] = x[(ptrdiff_t)k * from_step];                          \
    }                                                                                                                  \
  }
STRIDED_RUN(uint8_t)
STRIDED_RUN(uint16_t)
STRIDED_RUN(uint32_t)
STRIDED_RUN(uint64_t)
STRIDED_RUN(bytes16)

static void copy_run(size_t element_bytes, size_t n, const void *from, ptrdiff_t from_step, void *to,
                     ptrdiff_t to_step) {
  if (from_step == 1 && to_step == 1) {
    memcpy(to, from, n * element_bytes);
    return;
  }
  switch (element_bytes) {
  case 1:
    copy_run_uint8_t(n, from, from_step, to, to_step);
    return;
  case 2:
    copy_run_uint16_t(n, from, from_step, to, to_step);
    return;
  case 4:
    copy_run_uint32_t(n, from, from_step, to, to_step);
    return;
  case 8:
    copy_run_uint64_t(n, from, from_step, to, to_step);
    return;
  default:
    copy_run_bytes16(n, from, from_step, to, to_step);
    return;
  }
}

static void copy_block(const plan *p, size_t rows, size_t cols, const char *src, char *dst) {
  const ptrdiff_t *to = p->loops.strides[0] + p->outer_rank, *from = p->loops.strides[1] + p->outer_rank;
  size_t bytes = p->element_bytes;
  if (from[0] == 1 && to[1] == 1 && bytes == 4) {
    p->exec->kernels->transpose_b4(cols, rows, (const uint32_t *)(const void *)src, from[1], (uint32_t *)(void *)dst,
                                   to[0]);
    return;
  }
  if (cols < rows && cols < 8 && !(from[1] == 1 && to[1] == 1 && cols * bytes >= 16)) {
    for (size_t c = 0; c < cols; c++)
      copy_run(bytes, rows, src + (ptrdiff_t)c * from[1] * (ptrdiff_t)bytes, from[0],
               dst + (ptrdiff_t)c * to[1] * (ptrdiff_t)bytes, to[0]);
    return;
  }
  for (size_t r = 0; r < rows; r++)
    copy_run(bytes, cols, src + (ptrdiff_t)r * from[0] * (ptrdiff_t)bytes, from[1],
             dst + (ptrdiff_t)r * to[0] * (ptrdiff_t)bytes, to[1]);
}

static void copy_blocks(void *context, size_t begin, size_t end, unsigned worker) {
  (void)worker;
  const plan *p = context;
  for (size_t block = begin; block < end; block++) {
    size_t col = block % p->col_blocks * p->block_cols, row = block / p->col_blocks % p->row_blocks * p->block_rows;
    size_t cols = p->cols - col < p->block_cols ? p->cols - col : p->block_cols;
    size_t rows = p->rows - row < p->block_rows ? p->rows - row : p->block_rows;
    ptrdiff_t offsets[2];
    vz_loops_offsets(&p->loops, p->outer_rank, block / p->col_blocks / p->row_blocks, offsets);
    for (size_t k = 0; k < 2; k++)
      offsets[k] +=
          (ptrdiff_t)row * p->loops.strides[k][p->outer_rank] + (ptrdiff_t)col * p->loops.strides[k][p->outer_rank + 1];
    copy_block(p, rows, cols, p->src + offsets[1] * (ptrdiff_t)p->element_bytes,
               p->dst + offsets[0] * (ptrdiff_t)p->element_bytes);
  }
}

/* Puts the loop along which src walks forwards next to the innermost, where the block copy can transpose. */
static void bring_source_inside(vz_loops *loops) {
  if (loops->rank < 3 || loops->strides[1][loops->rank - 1] == 1) return;
  for (size_t d = 0; d + 2 < loops->rank; d++)
    if (loops->strides[1][d] == 1) {
      for (size_t e = d; e + 2 < loops->rank; e++) vz_loops_swap(loops, e, e + 1);
      return;
    }
}

static void run(const vz_exec *exec, size_t element_bytes, size_t rank, const size_t *shape, const void *src,
                const ptrdiff_t *src_strides, void *dst, const ptrdiff_t *dst_strides) {
  plan p = {.exec = exec, .dst = dst, .src = src, .element_bytes = element_bytes, .loops = {.arrays = 2}};
  for (size_t d = 0; d < rank; d++) {
    if (shape[d] == 0) return;
    p.loops.strides[0][d] = dst_strides[d];
    p.loops.strides[1][d] = src_strides ? src_strides[d] : 0;
    vz_loops_append(&p.loops, shape[d]);
  }
  vz_loops_simplify(&p.loops, 0);
  while (p.loops.rank < 2) {
    for (size_t k = 0; k < 2; k++) {
      p.loops.strides[k][1] = p.loops.rank ? p.loops.strides[k][0] : 1;
      p.loops.strides[k][0] = 0;
    }
    p.loops.shape[1] = p.loops.rank ? p.loops.shape[0] : 1;
    p.loops.shape[0] = 1;
    p.loops.rank = 2;
  }
  bring_source_inside(&p.loops);
  p.outer_rank = p.loops.rank - 2;
  p.rows = p.loops.shape[p.outer_rank];
  p.cols = p.loops.shape[p.outer_rank + 1];
  const ptrdiff_t *from = p.loops.strides[1] + p.outer_rank;
  size_t task_elements = TASK_BYTES / element_bytes;
  if (from[1] == 1 || from[1] == 0 || p.rows == 1) {
    p.block_cols = p.cols < task_elements ? p.cols : task_elements;
    p.block_rows = task_elements / p.block_cols;
  } else {
    /* Squares, but a narrow side leaves its room to the other. */
    p.block_cols = p.cols < BLOCK ? p.cols : BLOCK;
    p.block_rows = p.rows < BLOCK ? p.rows : BLOCK;
    if (p.cols < BLOCK) p.block_rows = BLOCK * BLOCK / p.cols;
    if (p.rows < BLOCK) p.block_cols = BLOCK * BLOCK / p.rows;
  }
  if (p.block_rows > p.rows) p.block_rows = p.rows;
  if (p.block_cols > p.cols) p.block_cols = p.cols;
  p.row_blocks = (p.rows + p.block_rows - 1) / p.block_rows;
  p.col_blocks = (p.cols + p.block_cols - 1) / p.block_cols;
  size_t blocks = p.row_blocks * p.col_blocks;
  for (size_t d = 0; d < p.outer_rank; d++) blocks *= p.loops.shape[d];
  size_t grain = TASK_BYTES / (p.block_rows * p.block_cols * element_bytes);
  vz_pool_run(exec->pool, blocks, grain ? grain : 1, copy_blocks, &p);
}

void vz_copy_strided(const vz_exec *exec, size_t element_bytes, size_t rank, const size_t *shape, const void *src,
                     const ptrdiff_t *src_strides, void *dst, const ptrdiff_t *dst_strides) {
  run(exec, element_bytes, rank, shape, src, src_strides, dst, dst_strides);
}

void vz_fill_strided(const vz_exec *exec, size_t element_bytes, size_t rank, const size_t *shape, const void *value,
                     void *dst, const ptrdiff_t *dst_strides) {
  run(exec, element_bytes, rank, shape, value, NULL, dst, dst_strides);
}
