#include "check_driver.h"
#include <string.h>

CHECK_KERNEL(transpose_b4) {
  size_t rows = check_size(env, 80), cols = check_size(env, 80);
  if (env->round % 4 == 1) rows = check_range(env, 2, 4); /* planes to pixels */
  if (env->round % 4 == 2) cols = check_range(env, 2, 4); /* pixels to planes */
  size_t src_row = cols + (env->round % 3 ? 0 : check_range(env, 0, 3));
  size_t dst_row = rows + (env->round % 3 ? 0 : check_range(env, 0, 3));
  uint32_t *src = (uint32_t *)(void *)check_f32(env, (rows - 1) * src_row + cols);
  size_t count = (cols - 1) * dst_row + rows;
  uint32_t *got = (uint32_t *)(void *)check_f32_raw(env, count), *want = (uint32_t *)(void *)check_f32_raw(env, count);
  check_note(env, "rows=%zu cols=%zu", rows, cols);
  env->kernels->transpose_b4(rows, cols, src, (ptrdiff_t)src_row, got, (ptrdiff_t)dst_row);
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < cols; c++) want[c * dst_row + r] = src[r * src_row + c];
  check_same(env, count * 4, got, want);
}

/* Strides of a dense array whose axes lie in memory in a random order, `gap` elements apart; returns its extent. */
static size_t random_layout(check_env *env, size_t rank, const size_t *shape, size_t gap, ptrdiff_t *strides) {
  size_t order[6] = {0, 1, 2, 3, 4, 5}, extent = gap;
  for (size_t d = rank; d-- > 1;) {
    size_t other = check_range(env, 0, d), held = order[d];
    order[d] = order[other];
    order[other] = held;
  }
  for (size_t d = 0; d < rank; d++) {
    strides[order[d]] = (ptrdiff_t)extent;
    extent *= shape[order[d]];
  }
  return extent;
}

static void copy_check(check_env *env, bool fill) {
  size_t rank = check_range(env, 0, 5), shape[6], total = 1, element_bytes = (size_t)1 << check_range(env, 0, 4);
  for (size_t d = 0; d < rank; d++) {
    shape[d] = check_size(env, rank < 3 ? 200 : rank < 5 ? 20 : 8);
    total *= shape[d];
  }
  ptrdiff_t src_strides[6] = {0}, dst_strides[6] = {0};
  size_t src_extent = random_layout(env, rank, shape, check_range(env, 1, 3) / 2 + 1, src_strides);
  size_t dst_extent = random_layout(env, rank, shape, check_range(env, 1, 3) / 2 + 1, dst_strides);
  if (env->round % 2) memcpy(dst_strides, src_strides, sizeof dst_strides), dst_extent = src_extent;
  if (rank > 1 && env->round % 5 == 0) src_strides[check_range(env, 0, rank - 1)] = 0;
  if (rank == 0 || fill) src_extent = 1;
  uint8_t *src = check_bytes(env, src_extent * element_bytes, element_bytes);
  for (size_t k = 0; k < src_extent * element_bytes; k++) src[k] = (uint8_t)check_random(env);
  uint8_t *got = check_bytes(env, dst_extent * element_bytes, element_bytes);
  uint8_t *want = check_bytes(env, dst_extent * element_bytes, element_bytes);
  check_note(env, "rank=%zu total=%zu element=%zu", rank, total, element_bytes);
  for (size_t i = 0; i < total; i++) {
    size_t rest = i;
    ptrdiff_t from = 0, to = 0;
    for (size_t d = rank; d-- > 0; rest /= shape[d]) {
      from += (ptrdiff_t)(rest % shape[d]) * (fill ? 0 : src_strides[d]);
      to += (ptrdiff_t)(rest % shape[d]) * dst_strides[d];
    }
    memcpy(want + (size_t)to * element_bytes, src + (size_t)from * element_bytes, element_bytes);
  }
  vz_exec exec = check_exec(env, 0);
  if (fill)
    vz_fill_strided(&exec, element_bytes, rank, shape, src, got, dst_strides);
  else
    vz_copy_strided(&exec, element_bytes, rank, shape, src, src_strides, got, dst_strides);
  check_same(env, dst_extent * element_bytes, got, want);
}

CHECK_DRIVER(copy_strided) { copy_check(env, false); }
CHECK_DRIVER(fill_strided) { copy_check(env, true); }

CHECK_DRIVER(copy_backwards) {
  uint16_t *src = check_bytes(env, 200, 2), *dst = check_bytes(env, 200, 2);
  for (uint16_t k = 0; k < 100; k++) src[k] = k;
  vz_exec exec = check_exec(env, 0);
  vz_copy_strided(&exec, 2, 1, (size_t[]){100}, src + 99, (ptrdiff_t[]){-1}, dst, (ptrdiff_t[]){1});
  for (uint16_t k = 0; k < 100; k++) CHECK(dst[k] == 99 - k);
}

BENCH_DRIVER(copy_strided) {
  enum { PLANE = 256 * 256 };
  vz_exec exec = check_exec(env, 0);
  exec.pool = NULL;
  float *x = check_f32(env, 64 * PLANE / 16), *y = check_f32(env, 64 * PLANE / 16);
  CHECK_TIME(env, "nchw->nhwc 3x256x256", 3 * PLANE * 4)
  vz_copy_strided(&exec, 4, 2, (size_t[]){PLANE, 3}, x, (ptrdiff_t[]){1, PLANE}, y, (ptrdiff_t[]){3, 1});
  CHECK_TIME(env, "nhwc->nchw 3x256x256", 3 * PLANE * 4)
  vz_copy_strided(&exec, 4, 2, (size_t[]){3, PLANE}, x, (ptrdiff_t[]){1, 3}, y, (ptrdiff_t[]){PLANE, 1});
  CHECK_TIME(env, "nchw->nhwc 64x64x64", PLANE * 4 * 4)
  vz_copy_strided(&exec, 4, 2, (size_t[]){4096, 64}, x, (ptrdiff_t[]){1, 4096}, y, (ptrdiff_t[]){64, 1});
  CHECK_TIME(env, "heads 256x8x64 -> 8x256x64", PLANE * 2 * 4)
  vz_copy_strided(&exec, 4, 3, (size_t[]){8, 256, 64}, x, (ptrdiff_t[]){64, 512, 1}, y, (ptrdiff_t[]){16384, 64, 1});
}
