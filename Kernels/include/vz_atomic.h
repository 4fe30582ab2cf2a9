#pragma once
#include <stdint.h>

/* Counters that several threads read and write; for Swift, which does not see C's atomic types. */

/* Adds `amount` and returns the sum. */
static inline int64_t vz_atomic_add(int64_t *counter, int64_t amount) {
  return __atomic_add_fetch(counter, amount, __ATOMIC_ACQ_REL);
}

static inline int64_t vz_atomic_load(const int64_t *counter) { return __atomic_load_n(counter, __ATOMIC_ACQUIRE); }

static inline void vz_atomic_store(int64_t *counter, int64_t value) {
  __atomic_store_n(counter, value, __ATOMIC_RELEASE);
}
