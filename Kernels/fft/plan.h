/* Plans and drivers of vz_fft.h for REAL, under names that end in SUFFIX. */

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define NAME(name) JOIN(name, SUFFIX)
#define PLAN NAME(vz_fft_)

typedef struct NAME(pass_) {
  size_t radix, m, s;
  const REAL *table;
} NAME(pass_);

struct PLAN {
  size_t n;      /* points that the caller sees */
  size_t points; /* complex points that are transformed: n, or n / 2 for an even number of real ones */
  bool real;
  REAL *tables;
  size_t pass_count;
  NAME(pass_) passes[MAXIMUM_PASSES];
  REAL *turn;          /* even real n: cos then -sin of 2 pi k / n, [2, points + 1] */
  struct PLAN *inner;  /* Bluestein: the plan of the convolution */
  REAL *chirp;         /* Bluestein: cos then -sin of pi k^2 / points, [2, points] */
  REAL *spectrum;      /* Bluestein: transformed conjugate chirp over inner->points, [2, inner->points] */
};

/* Two buffers of separate real and imaginary parts; a transform ends in one of them. */
typedef struct NAME(pair_) {
  REAL *re[2], *im[2];
} NAME(pair_);

static size_t NAME(stride_)(size_t points) { return (points * sizeof(REAL) + 63) / 64 * 64 / sizeof(REAL); }

static NAME(pair_) NAME(pair_at_)(void *scratch, size_t points) {
  size_t stride = NAME(stride_)(points);
  REAL *at = scratch;
  return (NAME(pair_)){{at, at + 2 * stride}, {at + stride, at + 3 * stride}};
}

static bool NAME(make_passes_)(struct PLAN *plan, const size_t *radices, size_t count) {
  size_t floats = 0, left = plan->points;
  for (size_t i = 0; i < count; i++) {
    left /= radices[i];
    floats += 2 * (radices[i] - 1) * left + 2 * radices[i];
  }
  REAL *at = plan->tables = malloc((floats ? floats : 1) * sizeof(REAL));
  if (!at) return false;
  size_t s = 1, length = plan->points;
  for (size_t i = 0; i < count; i++) {
    size_t r = radices[i], m = length / r;
    plan->passes[i] = (NAME(pass_)){r, m, s, at};
    REAL *wr = at, *wi = at + (r - 1) * m, *rr = wi + (r - 1) * m, *ri = rr + r;
    for (size_t k = 1; k < r; k++) {
      for (size_t p = 0; p < m; p++) {
        double c, d;
        vz_fft_root((unsigned __int128)p * k % length, length, &c, &d);
        wr[(k - 1) * m + p] = (REAL)c, wi[(k - 1) * m + p] = (REAL)d;
      }
    }
    for (size_t k = 0; k < r; k++) {
      double c, d;
      vz_fft_root(k, r, &c, &d);
      rr[k] = (REAL)c, ri[k] = (REAL)d;
    }
    at = ri + r;
    s *= r;
    length = m;
  }
  plan->pass_count = count;
  return true;
}

/* Returns which buffer of `pair` holds the transform of what was in buffer 0. */
static size_t NAME(run_passes_)(const vz_kernels *kernels, const struct PLAN *plan, NAME(pair_) pair) {
  size_t in = 0;
  for (size_t i = 0; i < plan->pass_count; i++, in ^= 1) {
    const NAME(pass_) *pass = &plan->passes[i];
    kernels->NAME(fft_pass_)(pass->radix, pass->m, pass->s, pass->table, pair.re[in], pair.im[in], pair.re[in ^ 1],
                             pair.im[in ^ 1]);
  }
  return in;
}

/* X[k] = c[k] sum_j (x[j] c[j]) conj(c[k - j]) with c[k] = e^(-pi i k^2 / n): a convolution, done by the inner plan. */
static size_t NAME(bluestein_)(const vz_kernels *kernels, const struct PLAN *plan, NAME(pair_) pair, void *scratch) {
  const struct PLAN *inner = plan->inner;
  size_t n = plan->points, length = inner->points;
  const REAL *cr = plan->chirp, *ci = cr + n, *sr = plan->spectrum, *si = sr + length;
  NAME(pair_) wide = NAME(pair_at_)(scratch, length);
  for (size_t k = 0; k < n; k++) {
    wide.re[0][k] = pair.re[0][k] * cr[k] - pair.im[0][k] * ci[k];
    wide.im[0][k] = pair.re[0][k] * ci[k] + pair.im[0][k] * cr[k];
  }
  for (size_t k = n; k < length; k++) wide.re[0][k] = wide.im[0][k] = 0;
  size_t at = NAME(run_passes_)(kernels, inner, wide);
  REAL *ar = wide.re[at], *ai = wide.im[at];
  for (size_t k = 0; k < length; k++) {
    REAL re = ar[k] * sr[k] - ai[k] * si[k];
    ai[k] = ar[k] * si[k] + ai[k] * sr[k];
    ar[k] = re;
  }
  /* With the parts exchanged a forward transform is an inverse one. */
  NAME(pair_) back = {{wide.im[at], wide.im[at ^ 1]}, {wide.re[at], wide.re[at ^ 1]}};
  at = NAME(run_passes_)(kernels, inner, back);
  for (size_t k = 0; k < n; k++) {
    REAL re = back.im[at][k], im = back.re[at][k];
    pair.re[1][k] = re * cr[k] - im * ci[k];
    pair.im[1][k] = re * ci[k] + im * cr[k];
  }
  return 1;
}

static size_t NAME(transform_)(const vz_kernels *kernels, const struct PLAN *plan, NAME(pair_) pair, void *scratch) {
  if (!plan->inner) return NAME(run_passes_)(kernels, plan, pair);
  return NAME(bluestein_)(kernels, plan, pair, (REAL *)scratch + 4 * NAME(stride_)(plan->points));
}

static bool NAME(make_bluestein_)(struct PLAN *plan) {
  size_t n = plan->points, length = 1;
  if (n > SIZE_MAX / 256) return false;
  while (length < 2 * n - 1) length *= 2;
  plan->inner = NAME(vz_fft_create_)(length, false);
  plan->chirp = malloc(2 * n * sizeof(REAL));
  plan->spectrum = malloc(2 * length * sizeof(REAL));
  void *scratch = NULL;
  if (!plan->inner || !plan->chirp || !plan->spectrum ||
      posix_memalign(&scratch, 64, NAME(vz_fft_scratch_bytes_)(plan->inner)))
    return false;
  NAME(pair_) pair = NAME(pair_at_)(scratch, length);
  for (size_t k = 0; k < length; k++) pair.re[0][k] = pair.im[0][k] = 0;
  for (size_t k = 0; k < n; k++) {
    double c, d;
    vz_fft_root((unsigned __int128)k * k % (2 * n), 2 * n, &c, &d);
    plan->chirp[k] = (REAL)c, plan->chirp[n + k] = (REAL)d;
    size_t mirror = (length - k) % length;
    pair.re[0][k] = pair.re[0][mirror] = (REAL)c;
    pair.im[0][k] = pair.im[0][mirror] = (REAL)-d;
  }
  size_t at = NAME(run_passes_)(vz_kernels_at(VZ_CPU_SCALAR), plan->inner, pair);
  for (size_t k = 0; k < length; k++) {
    plan->spectrum[k] = pair.re[at][k] / (REAL)length;
    plan->spectrum[length + k] = pair.im[at][k] / (REAL)length;
  }
  free(scratch);
  return true;
}

static bool NAME(make_turn_)(struct PLAN *plan) {
  if (!plan->real || plan->n % 2) return true;
  size_t count = plan->points + 1;
  plan->turn = malloc(2 * count * sizeof(REAL));
  if (!plan->turn) return false;
  for (size_t k = 0; k < count; k++) {
    double c, d;
    vz_fft_root(k, plan->n, &c, &d);
    plan->turn[k] = (REAL)c, plan->turn[count + k] = (REAL)d;
  }
  return true;
}

struct PLAN *NAME(vz_fft_create_)(size_t n, bool real) {
  if (n == 0 || n > SIZE_MAX / 1024) return NULL;
  struct PLAN *plan = calloc(1, sizeof *plan);
  if (!plan) return NULL;
  plan->n = n;
  plan->real = real;
  plan->points = real && n % 2 == 0 ? n / 2 : n;
  size_t radices[MAXIMUM_PASSES], count = vz_fft_radices(plan->points, radices);
  bool direct = count != SIZE_MAX;
  if ((direct ? NAME(make_passes_)(plan, radices, count) : NAME(make_bluestein_)(plan)) && NAME(make_turn_)(plan))
    return plan;
  NAME(vz_fft_destroy_)(plan);
  return NULL;
}

void NAME(vz_fft_destroy_)(struct PLAN *plan) {
  if (!plan) return;
  NAME(vz_fft_destroy_)(plan->inner);
  free(plan->tables);
  free(plan->turn);
  free(plan->chirp);
  free(plan->spectrum);
  free(plan);
}

size_t NAME(vz_fft_scratch_bytes_)(const struct PLAN *plan) {
  size_t own = 4 * NAME(stride_)(plan->points) * sizeof(REAL);
  return own + (plan->inner ? NAME(vz_fft_scratch_bytes_)(plan->inner) : 0);
}

void NAME(vz_fft_complex_)(const vz_kernels *kernels, const struct PLAN *plan, bool inverse, const REAL *x, REAL *y,
                           void *scratch) {
  NAME(pair_) pair = NAME(pair_at_)(scratch, plan->points);
  REAL *first = inverse ? pair.im[0] : pair.re[0], *second = inverse ? pair.re[0] : pair.im[0];
  for (size_t k = 0; k < plan->n; k++) first[k] = x[2 * k], second[k] = x[2 * k + 1];
  size_t at = NAME(transform_)(kernels, plan, pair, scratch);
  first = inverse ? pair.im[at] : pair.re[at], second = inverse ? pair.re[at] : pair.im[at];
  for (size_t k = 0; k < plan->n; k++) y[2 * k] = first[k], y[2 * k + 1] = second[k];
}

/* Even n: Z is the transform of x[2 k] + i x[2 k + 1]; X[k] = (Z[k] + conj Z[h - k]) / 2
   - i/2 e^(-2 pi i k / n) (Z[k] - conj Z[h - k]). */
void NAME(vz_fft_real_)(const vz_kernels *kernels, const struct PLAN *plan, const REAL *x, REAL *y, void *scratch) {
  size_t h = plan->points;
  NAME(pair_) pair = NAME(pair_at_)(scratch, h);
  if (plan->n % 2) {
    for (size_t k = 0; k < h; k++) pair.re[0][k] = x[k], pair.im[0][k] = 0;
    size_t at = NAME(transform_)(kernels, plan, pair, scratch);
    for (size_t k = 0; k <= h / 2; k++) y[2 * k] = pair.re[at][k], y[2 * k + 1] = pair.im[at][k];
    return;
  }
  for (size_t k = 0; k < h; k++) pair.re[0][k] = x[2 * k], pair.im[0][k] = x[2 * k + 1];
  size_t at = NAME(transform_)(kernels, plan, pair, scratch);
  const REAL *zr = pair.re[at], *zi = pair.im[at], *c = plan->turn, *d = plan->turn + h + 1;
  y[0] = zr[0] + zi[0], y[1] = 0;
  y[2 * h] = zr[0] - zi[0], y[2 * h + 1] = 0;
  for (size_t k = 1; k < h; k++) {
    REAL er = (zr[k] + zr[h - k]) / 2, ei = (zi[k] - zi[h - k]) / 2;
    REAL tr = (zi[k] + zi[h - k]) / 2, ti = (zr[h - k] - zr[k]) / 2;
    y[2 * k] = er + tr * c[k] - ti * d[k];
    y[2 * k + 1] = ei + tr * d[k] + ti * c[k];
  }
}

void NAME(vz_fft_real_inverse_)(const vz_kernels *kernels, const struct PLAN *plan, const REAL *x, REAL *y,
                                void *scratch) {
  size_t h = plan->points, n = plan->n;
  NAME(pair_) pair = NAME(pair_at_)(scratch, h);
  /* The parts go in, and come out, exchanged: that makes the transform an inverse one. */
  REAL *re = pair.im[0], *im = pair.re[0];
  if (n % 2) {
    re[0] = x[0], im[0] = 0;
    for (size_t k = 1; k <= h / 2; k++) {
      re[k] = re[h - k] = x[2 * k];
      im[k] = x[2 * k + 1], im[h - k] = -x[2 * k + 1];
    }
    size_t at = NAME(transform_)(kernels, plan, pair, scratch);
    for (size_t k = 0; k < n; k++) y[k] = pair.im[at][k];
    return;
  }
  const REAL *c = plan->turn, *d = plan->turn + h + 1;
  re[0] = x[0] + x[2 * h], im[0] = x[0] - x[2 * h];
  for (size_t k = 1; k < h; k++) {
    REAL ar = x[2 * k], ai = x[2 * k + 1], br = x[2 * (h - k)], bi = -x[2 * (h - k) + 1];
    REAL er = ar + br, ei = ai + bi, tr = ar - br, ti = ai - bi;
    re[k] = er - (ti * c[k] - tr * d[k]);
    im[k] = ei + (tr * c[k] + ti * d[k]);
  }
  size_t at = NAME(transform_)(kernels, plan, pair, scratch);
  for (size_t k = 0; k < h; k++) y[2 * k] = pair.im[at][k], y[2 * k + 1] = pair.re[at][k];
}

#undef PLAN
#undef NAME
#undef JOIN
#undef JOIN_
#undef REAL
#undef SUFFIX
