/* vz_winograd_weights in vectors of doubles, because sums of u are sums of products. Include behind transform.h. */

enum { LANES = VF / 2 };
typedef double lanes __attribute__((vector_size(8 * LANES)));
typedef float half_lanes __attribute__((vector_size(4 * LANES)));

/* to[i * step] = sum over k of G[i][k] g[k * apart], with what the rows of G share computed once. */
VZ_SIMD_INLINE void winograd_weights_3(const lanes *g, size_t apart, lanes *to, size_t step) {
  lanes g0 = g[0], g1 = g[apart], g2 = g[2 * apart];
  lanes even = (g0 + g2) * (1.0 / 3), odd = g1 * (1.0 / 3);
  lanes near = (4 * g0 + g2) * (-4.0 / 15), far = (g0 + 4 * g2) * (1.0 / 15);
  to[0] = g0;
  to[step] = even + odd;
  to[2 * step] = odd - even;
  to[3 * step] = near - g1 * (8.0 / 15);
  to[4 * step] = far - g1 * (2.0 / 15);
  to[5 * step] = g2;
}

VZ_SIMD_INLINE void winograd_weights_lanes(const vz_winograd_weights *f, size_t c, const bool whole, size_t n) {
  const float *g = f->g + c * f->g_step;
  lanes scale = {0}, in[9], rows[6 * 3];
  UNROLLED(l, LANES) {
    if (whole || l < n) scale[l] = f->scale ? (double)f->scale[c + l] : 1;
  }
  UNROLLED(t, 9) {
    half_lanes one = {0};
    UNROLLED(l, LANES) {
      if (whole || l < n) one[l] = g[l * f->g_step + t];
    }
    in[t] = __builtin_convertvector(one, lanes) * scale;
  }
  UNROLLED(j, 3) { winograd_weights_3(in + j, 3, rows + j, 3); }
  float *u = f->u + c;
  UNROLLED(i, 6) {
    lanes row[6];
    winograd_weights_3(rows + 3 * i, 1, row, 1);
    UNROLLED(j, 6) {
      half_lanes one = __builtin_convertvector(row[j], half_lanes);
      memcpy(u + (6 * i + j) * f->u_step, &one, whole ? sizeof one : n * sizeof(float));
    }
  }
}

void ISA(vz_winograd_weights_f32)(const vz_winograd_weights *filters) {
  size_t c = 0;
  for (; c + LANES <= filters->count; c += LANES) winograd_weights_lanes(filters, c, true, LANES);
  if (c < filters->count) winograd_weights_lanes(filters, c, false, filters->count - c);
}
