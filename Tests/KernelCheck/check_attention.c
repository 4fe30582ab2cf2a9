#include "check_driver.h"
#include <math.h>
#include <stdio.h>

static ptrdiff_t at(const vz_attention_operand *o, size_t b, size_t h, size_t row) {
  return (ptrdiff_t)b * o->batch + (ptrdiff_t)h * o->head + (ptrdiff_t)row * o->row;
}

/* Rows of heads side by side, or heads one behind the other, with some space between. */
static vz_attention_operand random_place(check_env *env, size_t heads, size_t rows, size_t width) {
  vz_attention_operand o;
  if (check_random(env) % 2) {
    o.row = (ptrdiff_t)(heads * width + check_range(env, 0, 2));
    o.head = (ptrdiff_t)width;
    o.batch = (ptrdiff_t)rows * o.row;
  } else {
    o.row = (ptrdiff_t)(width + check_range(env, 0, 2));
    o.head = (ptrdiff_t)rows * o.row;
    o.batch = (ptrdiff_t)heads * o.head;
  }
  return o;
}

static size_t floats(const vz_attention_operand *o, size_t batch, size_t heads, size_t rows, size_t width) {
  return (size_t)at(o, batch - 1, heads - 1, rows - 1) + width;
}

CHECK_DRIVER(attention) {
  vz_attention s = {.batch = check_range(env, 1, 2), .heads = check_range(env, 1, 4), .scale = 0.5f};
  s.queries = check_size(env, 70);
  s.keys = check_size(env, 90);
  s.width = check_size(env, 40);
  s.value_width = check_size(env, 40);
  s.q = random_place(env, s.heads, s.queries, s.width);
  s.k = random_place(env, s.heads, s.keys, s.width);
  s.v = random_place(env, s.heads, s.keys, s.value_width);
  s.y = random_place(env, s.heads, s.queries, s.value_width);
  s.mask = random_place(env, s.heads, s.queries, s.keys);
  switch (check_random(env) % 4) {
  case 0:
    s.mask.head = 0;
    break;
  case 1:
    s.mask.head = s.mask.row = 0;
    break;
  case 2:
    s.k.head = s.v.head = 0;
    break;
  }
  check_note(env, "batch=%zu heads=%zu queries=%zu keys=%zu width=%zu/%zu", s.batch, s.heads, s.queries, s.keys,
             s.width, s.value_width);
  float *q = check_f32(env, floats(&s.q, s.batch, s.heads, s.queries, s.width)),
        *k = check_f32(env, floats(&s.k, s.batch, s.heads, s.keys, s.width)),
        *v = check_f32(env, floats(&s.v, s.batch, s.heads, s.keys, s.value_width)),
        *y = check_f32(env, floats(&s.y, s.batch, s.heads, s.queries, s.value_width));
  float *mask = check_random(env) % 2 ? check_f32(env, floats(&s.mask, s.batch, s.heads, s.queries, s.keys)) : NULL;
  vz_exec exec = check_exec(env, vz_attention_scratch_bytes(env->kernels, &s, 3));
  vz_attention_f32(&exec, &s, q, k, v, mask, y);
  double *weight = check_bytes(env, s.keys * sizeof(double), 8);
  for (size_t b = 0; b < s.batch; b++) {
    for (size_t h = 0; h < s.heads; h++) {
      for (size_t i = 0; i < s.queries; i++) {
        double total = 0;
        for (size_t j = 0; j < s.keys; j++) {
          double score = 0;
          for (size_t c = 0; c < s.width; c++) {
            score += (double)q[at(&s.q, b, h, i) + (ptrdiff_t)c] * (double)k[at(&s.k, b, h, j) + (ptrdiff_t)c];
          }
          score *= (double)s.scale;
          if (mask) score += (double)mask[at(&s.mask, b, h, i) + (ptrdiff_t)j];
          total += weight[j] = exp(score);
        }
        for (size_t c = 0; c < s.value_width; c++) {
          double want = 0;
          for (size_t j = 0; j < s.keys; j++) {
            want += weight[j] / total * (double)v[at(&s.v, b, h, j) + (ptrdiff_t)c];
          }
          check_near_f64(env, 1, y + at(&s.y, b, h, i) + c, &want, 1e-5, 0);
        }
      }
    }
  }
}

BENCH_DRIVER(attention) {
  static const size_t shapes[][3] = {{8, 1024, 16}, {8, 256, 32}, {8, 1024, 64}, {12, 50, 64}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    size_t heads = shapes[i][0], rows = shapes[i][1], width = shapes[i][2];
    vz_attention_operand place = {0, (ptrdiff_t)width, (ptrdiff_t)(heads * width)};
    vz_attention s = {1, heads, rows, rows, width, width, place, place, place, place, {0, 0, 0}, 0.25f};
    float *q = check_f32(env, heads * rows * width), *y = check_f32(env, heads * rows * width);
    size_t bytes = vz_attention_scratch_bytes(env->kernels, &s, 1);
    vz_exec exec = {.kernels = env->kernels, .scratch = check_aligned(env, bytes), .scratch_bytes = bytes};
    char label[48];
    snprintf(label, sizeof label, "%zu heads, %zu x %zu", heads, rows, width);
    CHECK_TIME(env, label, 4.0 * (double)(heads * rows * rows * width))
    vz_attention_f32(&exec, &s, q, q, q, NULL, y);
  }
}
