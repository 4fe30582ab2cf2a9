/* allocations MODEL THREADS RUNS EXTENT: counts what the runs of a binding allocate, from any thread.

   Inputs are zeros; open extents are EXTENT. Prints allocations before the runs, allocations during the runs, and frees
   during the runs. Needs glibc, whose allocator it stands before. */
#include "viseme.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static atomic_long allocations, frees;

void *malloc(size_t n) { return atomic_fetch_add(&allocations, 1), __libc_malloc(n); }
void *calloc(size_t n, size_t size) { return atomic_fetch_add(&allocations, 1), __libc_calloc(n, size); }
void *realloc(void *p, size_t n) { return atomic_fetch_add(&allocations, 1), __libc_realloc(p, n); }
void *memalign(size_t a, size_t n) { return atomic_fetch_add(&allocations, 1), __libc_memalign(a, n); }
void *aligned_alloc(size_t a, size_t n) { return memalign(a, n); }
int posix_memalign(void **out, size_t a, size_t n) { return (*out = memalign(a, n)) ? 0 : ENOMEM; }
void free(void *p) {
  if (p) atomic_fetch_add(&frees, 1);
  __libc_free(p);
}

static void check(viseme_status status) {
  if (status == VISEME_OK) return;
  fprintf(stderr, "%s\n", viseme_last_error()->message);
  exit(1);
}

int main(int count, char **words) {
  if (count != 5) return 2;
  viseme_model_options options = VISEME_MODEL_OPTIONS_INIT;
  options.threads = atoi(words[2]);
  viseme_model *model;
  viseme_session *session;
  check(viseme_model_open(words[1], &options, &model));
  check(viseme_session_create(model, NULL, &session));
  size_t inputs = viseme_model_input_count(model), outputs = viseme_model_output_count(model);
  viseme_value **given = calloc(inputs, sizeof *given), **made = calloc(outputs, sizeof *made);
  for (size_t i = 0; i < inputs; i++) {
    viseme_value_info info = VISEME_VALUE_INFO_INIT;
    check(viseme_model_input(model, i, &info));
    int64_t dims[16];
    for (int32_t axis = 0; axis < info.rank && axis < 16; axis++) {
      dims[axis] = info.dims[axis] < 0 ? atol(words[4]) : info.dims[axis];
    }
    check(viseme_tensor_create(info.element_type, (size_t)info.rank, dims, &given[i]));
  }
  viseme_binding *binding;
  check(viseme_binding_create(session, inputs, given, outputs, made, &binding));
  for (int i = 0; i < 3; i++) check(viseme_binding_run(binding, NULL));
  long before = atomic_exchange(&allocations, 0);
  atomic_store(&frees, 0);
  for (int i = 0; i < atoi(words[3]); i++) check(viseme_binding_run(binding, NULL));
  long made_count = atomic_load(&allocations), freed_count = atomic_load(&frees);
  printf("%ld %ld %ld\n", before, made_count, freed_count);
  return 0;
}
