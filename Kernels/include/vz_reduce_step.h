#pragma once

/* The folds that reductions are built of: acc' = step(acc, x), from a neutral value. */
typedef enum vz_reduce_step {
  VZ_STEP_SUM,    /* acc + (x - shift)       from 0 */
  VZ_STEP_ABS,    /* acc + |x|               from 0 */
  VZ_STEP_SQUARE, /* acc + (x - shift)^2     from 0 */
  VZ_STEP_EXP,    /* acc + e^(x - shift)     from 0 */
  VZ_STEP_PROD,   /* acc x                   from 1 */
  VZ_STEP_MIN,    /* min, NaN if either is   from +infinity */
  VZ_STEP_MAX,    /* max, NaN if either is   from -infinity */
} vz_reduce_step;
