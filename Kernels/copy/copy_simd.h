/* Transposing 4-byte elements in blocks of registers, over the vector vocabulary. */

/* rows [VF] of VF columns become columns: dst[c][r] = src[r][c] */
VZ_SIMD_INLINE void square(const float *src, ptrdiff_t src_row, float *dst, ptrdiff_t dst_row) {
  vf row[VF];
  for (size_t r = 0; r < VF; r++) row[r] = vf_load(src + (ptrdiff_t)r * src_row);
  vf_transpose(row);
  for (size_t c = 0; c < VF; c++) vf_store(dst + (ptrdiff_t)c * dst_row, row[c]);
}

/* The same for a block of rows x cols, neither above VF. */
VZ_SIMD_INLINE void corner(size_t rows, size_t cols, const float *src, ptrdiff_t src_row, float *dst,
                           ptrdiff_t dst_row) {
  vf row[VF];
  for (size_t r = 0; r < VF; r++) row[r] = r < rows ? vf_load_n(src + (ptrdiff_t)r * src_row, cols) : vf_zero();
  vf_transpose(row);
  for (size_t c = 0; c < cols; c++) vf_store_n(dst + (ptrdiff_t)c * dst_row, rows, row[c]);
}

/* Four floats at any alignment. */
typedef float quad __attribute__((vector_size(16), aligned(4), may_alias));

VZ_SIMD_INLINE void transpose_quads(quad *a, quad *b, quad *c, quad *d) {
  quad p = __builtin_shufflevector(*a, *b, 0, 4, 1, 5), q = __builtin_shufflevector(*a, *b, 2, 6, 3, 7);
  quad r = __builtin_shufflevector(*c, *d, 0, 4, 1, 5), s = __builtin_shufflevector(*c, *d, 2, 6, 3, 7);
  *a = __builtin_shufflevector(p, r, 0, 1, 4, 5);
  *b = __builtin_shufflevector(p, r, 2, 3, 6, 7);
  *c = __builtin_shufflevector(q, s, 0, 1, 4, 5);
  *d = __builtin_shufflevector(q, s, 2, 3, 6, 7);
}

/* Three or four planes become pixels that follow each other. Each store of three ends in the next pixel's first float,
   which the next store puts right. */
VZ_SIMD_INLINE void interleave(size_t rows, size_t cols, const float *x, ptrdiff_t x_row, float *y) {
  size_t c = 0;
  for (; c + 4 < cols; c += 4, y += 4 * rows) {
    quad p = *(const quad *)(x + c), q = *(const quad *)(x + x_row + c), r = *(const quad *)(x + 2 * x_row + c);
    quad s = rows == 4 ? *(const quad *)(x + 3 * x_row + c) : r;
    transpose_quads(&p, &q, &r, &s);
    *(quad *)y = p;
    *(quad *)(y + rows) = q;
    *(quad *)(y + 2 * rows) = r;
    *(quad *)(y + 3 * rows) = s;
  }
  for (; c < cols; c++, y += rows)
    for (size_t r = 0; r < rows; r++) y[r] = x[(ptrdiff_t)r * x_row + (ptrdiff_t)c];
}

/* Pixels of three or four floats become planes. */
VZ_SIMD_INLINE void separate(size_t rows, size_t cols, const float *x, float *y, ptrdiff_t y_row) {
  size_t r = 0;
  for (; r + 4 < rows; r += 4, x += 4 * cols) {
    quad p = *(const quad *)x, q = *(const quad *)(x + cols), s = *(const quad *)(x + 2 * cols);
    quad t = *(const quad *)(x + 3 * cols);
    transpose_quads(&p, &q, &s, &t);
    *(quad *)(y + r) = p;
    *(quad *)(y + y_row + r) = q;
    *(quad *)(y + 2 * y_row + r) = s;
    if (cols == 4) *(quad *)(y + 3 * y_row + r) = t;
  }
  for (; r < rows; r++, x += cols)
    for (size_t c = 0; c < cols; c++) y[(ptrdiff_t)c * y_row + (ptrdiff_t)r] = x[c];
}

void ISA(vz_transpose_b4)(size_t rows, size_t cols, const uint32_t *src, ptrdiff_t src_row, uint32_t *dst,
                          ptrdiff_t dst_row) {
  const float *x = (const float *)(const void *)src;
  float *y = (float *)(void *)dst;
  if ((rows == 3 || rows == 4) && dst_row == (ptrdiff_t)rows) {
    if (rows == 3)
      interleave(3, cols, x, src_row, y);
    else
      interleave(4, cols, x, src_row, y);
    return;
  }
  if ((cols == 3 || cols == 4) && src_row == (ptrdiff_t)cols) {
    if (cols == 3)
      separate(rows, 3, x, y, dst_row);
    else
      separate(rows, 4, x, y, dst_row);
    return;
  }
  for (size_t r = 0; r < rows; r += VF)
    for (size_t c = 0; c < cols; c += VF) {
      size_t m = rows - r < VF ? rows - r : VF, n = cols - c < VF ? cols - c : VF;
      const float *from = x + (ptrdiff_t)r * src_row + (ptrdiff_t)c;
      float *to = y + (ptrdiff_t)c * dst_row + (ptrdiff_t)r;
      if (m == VF && n == VF)
        square(from, src_row, to, dst_row);
      else
        corner(m, n, from, src_row, to, dst_row);
    }
}
