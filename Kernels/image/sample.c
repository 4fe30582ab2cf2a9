#include "vz_image.h"
#include <math.h>
#include <string.h>

/* The pixels that one output value reads along one axis: [first, first + count) with their weights. */
typedef struct window {
  size_t first, count;
  float *weights;
} window;

static size_t taps_of(const vz_sample *sample) { return 4 + 2 * (sample->blur ? sample->blur_radius : 0); }

/* Per thread: weights down, weights across, and the latter three times. */
static size_t floats_per_thread(const vz_sample *sample) { return (5 * taps_of(sample) + 15) / 16 * 16; }

size_t vz_sample_scratch_bytes(const vz_sample *sample, unsigned threads) {
  return threads * floats_per_thread(sample) * sizeof(float);
}

static double keys(double x) {
  const double a = -0.75;
  x = fabs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

static ptrdiff_t clamp(ptrdiff_t at, ptrdiff_t length) { return at < 0 ? 0 : at >= length ? length - 1 : at; }

/* The weights of the filter's taps, each spread by the blur. Where the filter leaves the picture its border says what
   it reads; where the blur leaves it, the nearest pixel. */
static void place(const vz_sample *sample, double position, size_t length, window *result) {
  ptrdiff_t extent = (ptrdiff_t)length, radius = sample->blur ? (ptrdiff_t)sample->blur_radius : 0;
  position = fmin(fmax(position, -4), (double)extent + 4);
  ptrdiff_t base = (ptrdiff_t)floor(position);
  double part = position - (double)base;
  bool cubic = sample->filter == VZ_FILTER_CUBIC;
  ptrdiff_t low = cubic ? -1 : 0, high = cubic ? 2 : 1;
  ptrdiff_t first = clamp(clamp(base + low, extent) - radius, extent);
  ptrdiff_t last = clamp(clamp(base + high, extent) + radius, extent);
  result->first = (size_t)first;
  result->count = (size_t)(last - first + 1);
  memset(result->weights, 0, result->count * sizeof(float));
  for (ptrdiff_t tap = low; tap <= high; tap++) {
    ptrdiff_t at = base + tap;
    if (sample->border == VZ_BORDER_ZERO && (at < 0 || at >= extent)) continue;
    double weight = cubic ? keys(part - (double)tap) : tap ? part : 1 - part;
    at = clamp(at, extent);
    if (radius == 0) {
      result->weights[at - first] += (float)weight;
      continue;
    }
    for (ptrdiff_t g = -radius; g <= radius; g++)
      result->weights[clamp(at + g, extent) - first] += (float)(weight * sample->blur[g + radius]);
  }
}

typedef struct job {
  const vz_exec *exec;
  const vz_sample *sample;
  float *out;
} job;

static void rows(void *context, size_t begin, size_t end, unsigned worker) {
  const job *self = context;
  const vz_sample *s = self->sample;
  const vz_affine *map = &s->map;
  float *scratch = (float *)self->exec->scratch + worker * floats_per_thread(s);
  window down = {.weights = scratch}, across = {.weights = scratch + taps_of(s)};
  float *thrice = scratch + 2 * taps_of(s);
  size_t plane = s->out_width * s->out_height;
  for (size_t y = begin; y < end; y++) {
    for (size_t x = 0; x < s->out_width; x++) {
      place(s, map->xx * (double)x + map->xy * (double)y + map->x0, s->width, &across);
      place(s, map->yx * (double)x + map->yy * (double)y + map->y0, s->height, &down);
      for (size_t i = 0; i < across.count; i++)
        thrice[3 * i] = thrice[3 * i + 1] = thrice[3 * i + 2] = across.weights[i];
      float value[3];
      self->exec->kernels->image_window_rgb8(down.count, across.count,
                                             s->rgb + 3 * (down.first * s->width + across.first), 3 * s->width,
                                             down.weights, thrice, value);
      for (size_t c = 0; c < 3; c++)
        self->out[c * plane + y * s->out_width + x] = fminf(fmaxf(s->scale * value[c] + s->offset, s->low), s->high);
    }
  }
}

void vz_sample_run(const vz_exec *exec, const vz_sample *sample, float *out) {
  job context = {exec, sample, out};
  vz_pool_run(exec->pool, sample->out_height, 4, rows, &context);
}
