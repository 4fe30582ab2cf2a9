#include "check.h"
#include <stdatomic.h>
#include <string.h>

typedef struct job {
  check_env *env;
  vz_pool *pool;
  size_t count, grain;
  unsigned threads;
  bool nested;
  _Atomic unsigned char *hits;
  atomic_bool wrong;
} job;

static void hit(void *context, size_t begin, size_t end, unsigned worker) {
  job *j = context;
  if (worker >= j->threads || begin % j->grain || end > j->count || (end - begin != j->grain && end != j->count)) {
    j->wrong = true;
  }
  for (size_t i = begin; i < end; i++) atomic_fetch_add(&j->hits[i], 1);
}

static void hit_nested(void *context, size_t begin, size_t end, unsigned worker) {
  job *j = context;
  for (size_t i = begin; i < end; i++) {
    unsigned char inner[7] = {0};
    job k = {.pool = j->pool, .count = 7, .grain = 2, .threads = j->threads, .hits = (_Atomic unsigned char *)inner};
    vz_pool_run(j->pool, 7, 2, hit, &k);
    for (int n = 0; n < 7; n++) j->wrong |= k.hits[n] != 1;
    j->wrong |= k.wrong;
  }
  hit(context, begin, end, worker);
}

CHECK_DRIVER(pool) {
  unsigned threads = (unsigned)check_range(env, 1, 6);
  vz_pool *pool = env->round % 5 ? vz_pool_create(threads) : NULL;
  threads = vz_pool_threads(pool);
  for (int repeat = 0; repeat < 200; repeat++) {
    _Atomic unsigned char hits[300] = {0};
    job j = {.env = env, .pool = pool, .threads = threads, .hits = hits};
    j.count = check_range(env, 0, repeat % 2 ? 300 : 4);
    j.grain = check_range(env, 1, 9);
    j.nested = repeat % 7 == 0;
    check_note(env, "threads=%u count=%zu grain=%zu nested=%d", threads, j.count, j.grain, j.nested);
    vz_pool_run(pool, j.count, j.grain, j.nested ? hit_nested : hit, &j);
    CHECK(!j.wrong);
    for (size_t i = 0; i < 300; i++) CHECK(hits[i] == (i < j.count));
  }
  vz_pool_destroy(pool);
}

static void nothing(void *context, size_t begin, size_t end, unsigned worker) {
  (void)context, (void)begin, (void)end, (void)worker;
}

BENCH_DRIVER(pool) {
  vz_pool *pool = vz_pool_create(2);
  CHECK_TIME(env, "fork and join, 2 threads", 1) vz_pool_run(pool, 2, 1, nothing, NULL);
  vz_pool_destroy(pool);
}
