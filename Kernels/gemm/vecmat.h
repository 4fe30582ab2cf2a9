/* vecmat_f32 for the level whose vocabulary is open: see vz_gemm.def. */
void ISA(vz_vecmat_f32)(size_t n, size_t k, const float *a, const float *b, size_t ldb, float *c) {
  size_t j = 0;
  for (; j + 4 * VF <= n; j += 4 * VF) {
    vf s0 = vf_zero(), s1 = s0, s2 = s0, s3 = s0;
    const float *row = b + j;
    for (size_t l = 0; l < k; l++, row += ldb) {
      vf x = vf_splat(a + l);
      s0 = vf_fma(x, vf_load(row), s0);
      s1 = vf_fma(x, vf_load(row + VF), s1);
      s2 = vf_fma(x, vf_load(row + 2 * VF), s2);
      s3 = vf_fma(x, vf_load(row + 3 * VF), s3);
    }
    vf_store(c + j, s0);
    vf_store(c + j + VF, s1);
    vf_store(c + j + 2 * VF, s2);
    vf_store(c + j + 3 * VF, s3);
  }
  for (; j < n; j += VF) {
    size_t lanes = n - j < VF ? n - j : VF;
    vf sum = vf_zero();
    for (size_t l = 0; l < k; l++) sum = vf_fma(vf_splat(a + l), vf_load_n(b + l * ldb + j, lanes), sum);
    vf_store_n(c + j, lanes, sum);
  }
}
