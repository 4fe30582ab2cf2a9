#include "vz_table.h"

void vz_transpose_b4_scalar(size_t rows, size_t cols, const uint32_t *src, ptrdiff_t src_row, uint32_t *dst,
                            ptrdiff_t dst_row) {
  for (size_t c = 0; c < cols; c++)
    for (size_t r = 0; r < rows; r++)
      dst[(ptrdiff_t)c * dst_row + (ptrdiff_t)r] = src[(ptrdiff_t)r * src_row + (ptrdiff_t)c];
}
