#pragma once
#include "vz_conv.h"
#include "vz_resize.h"

/* An inverted residual block: 1 x 1, depthwise, 1 x 1, a few rows at a time, so that the many channels between never
   leave the second-level cache.

     h = act(x W1 + bias1 + up(low))            [batch, in_h, in_w, hidden]
     d = act(depthwise(h, w2) + bias2)          [batch, out_h, out_w, hidden]
     y = epilogue(d W3)                         [batch, out_h, out_w, out_c]

   up(low)[i][j] = sum_t sum_u up_w.weight[j][u] (sum over t of up_h.weight[i][t] low[up_h.index[i][t]][..u..]), or
   nothing if low is NULL. */
enum { VZ_INVERTED_TAPS = 4 };

typedef struct vz_inverted {
  vz_conv_shape middle; /* the depthwise convolution: in_c = out_c = groups = hidden; its memory strides do not count */
  size_t in_c, in_ld;   /* of x: pixels in_ld floats apart, rows and images without gaps */
  size_t out_c, out_ld; /* of y, likewise */
  const void *w1;       /* [in_c, hidden], packed by vz_gemm_pack_b_f32, or by vz_conv_pack_f32 for 1 x 1 */
  const void *w2;       /* packed by vz_depthwise_pack_f32 */
  const void *w3;       /* [hidden, out_c], packed like w1 */
  const float *bias1, *bias2; /* [hidden] or NULL */
  vz_act act1, act2;
  vz_resize_axis up_h, up_w; /* from low, dense [batch, up_h.in, up_w.in, hidden]; at most VZ_INVERTED_TAPS taps */
} vz_inverted;

/* The residual of `epilogue` is dense but for residual_ld. */
void vz_inverted_f32(const vz_exec *exec, const vz_inverted *block, const float *x, const float *low,
                     const vz_epilogue *epilogue, float *y);
size_t vz_inverted_scratch_bytes(const vz_inverted *block, bool has_low, unsigned threads);

/* Bytes of the rows that are kept between the products: the block pays if they stay in cache. */
size_t vz_inverted_rows_bytes(const vz_inverted *block, bool has_low);
