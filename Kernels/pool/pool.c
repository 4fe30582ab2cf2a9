#define _GNU_SOURCE
#include "vz_pool.h"
#include "vz_cores.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#endif

/* How work is claimed. A ticket is generation << 32 | next range. A claim is a compare-and-swap of the whole ticket,
   so a worker that slept through a job can neither take nor repeat a range of a later one. The ticket is CLOSED while
   the caller writes the fields of a new job. The caller waits until all ranges are done, not until all workers woke:
   a worker that never wakes costs nothing. */

enum { CLOSED = 0x7fffffff, SPINS = 200, LINE = 64 };

typedef struct worker {
  pthread_t thread;
  vz_pool *pool;
  unsigned index;
} worker;

struct vz_pool {
  _Alignas(LINE) _Atomic uint64_t ticket;
  _Alignas(LINE) _Atomic uint32_t done; /* ranges finished; the caller sleeps on it */
  _Atomic uint32_t caller_sleeps;
  _Alignas(LINE) _Atomic uint32_t signal; /* generation; workers sleep on it */
  _Atomic uint32_t sleepers;
  _Alignas(LINE) _Atomic(vz_task) task;
  _Atomic(void *) context;
  _Atomic size_t count, grain;
  _Atomic uint32_t ranges;
  _Alignas(LINE) atomic_bool busy;
  atomic_bool stop;
  unsigned threads, started;
  worker *workers;
#if !defined(__linux__)
  pthread_mutex_t lock;
  pthread_cond_t wake;
#endif
};

/* The pool this thread works for, and as which worker; NULL and 0 for callers. */
static _Thread_local const vz_pool *current_pool;
static _Thread_local unsigned current_worker;

static void pause_briefly(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb");
#endif
}

/* Sleeps while *word == seen (may wake early). */
static void sleep_on(vz_pool *pool, _Atomic uint32_t *word, uint32_t seen) {
#if defined(__linux__)
  (void)pool;
  syscall(SYS_futex, (uint32_t *)word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
#else
  pthread_mutex_lock(&pool->lock);
  while (atomic_load(word) == seen) pthread_cond_wait(&pool->wake, &pool->lock);
  pthread_mutex_unlock(&pool->lock);
#endif
}

static void wake_on(vz_pool *pool, _Atomic uint32_t *word, int count) {
#if defined(__linux__)
  (void)pool;
  syscall(SYS_futex, (uint32_t *)word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
#else
  (void)word, (void)count;
  pthread_mutex_lock(&pool->lock);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->lock);
#endif
}

static void finish_range(vz_pool *pool, uint32_t ranges) {
  if (atomic_fetch_add(&pool->done, 1) + 1 != ranges) return;
  if (atomic_load(&pool->caller_sleeps)) wake_on(pool, &pool->done, 1);
}

/* Claims and does ranges of `generation` until none is left. */
static void work(vz_pool *pool, uint32_t generation, unsigned index) {
  for (;;) {
    uint64_t ticket = atomic_load(&pool->ticket);
    vz_task task = atomic_load(&pool->task);
    void *context = atomic_load(&pool->context);
    size_t count = atomic_load(&pool->count), grain = atomic_load(&pool->grain);
    uint32_t ranges = atomic_load(&pool->ranges);
    uint32_t next = (uint32_t)ticket;
    if ((uint32_t)(ticket >> 32) != generation || next >= ranges) return;
    if (!atomic_compare_exchange_weak(&pool->ticket, &ticket, ticket + 1)) continue;
    size_t begin = next * grain, end = count - begin > grain ? begin + grain : count;
    task(context, begin, end, index);
    finish_range(pool, ranges);
  }
}

static void *worker_main(void *argument) {
  worker *self = argument;
  vz_pool *pool = self->pool;
  current_pool = pool;
  current_worker = self->index;
  uint32_t seen = 0;
  for (;;) {
    for (int spin = 0; spin < SPINS && atomic_load(&pool->signal) == seen; spin++) pause_briefly();
    while (atomic_load(&pool->signal) == seen) {
      atomic_fetch_add(&pool->sleepers, 1);
      sleep_on(pool, &pool->signal, seen);
      atomic_fetch_sub(&pool->sleepers, 1);
    }
    if (atomic_load(&pool->stop)) return NULL;
    seen = atomic_load(&pool->signal);
    work(pool, seen, self->index);
  }
}

static void run_inline(size_t count, size_t grain, vz_task task, void *context, unsigned index) {
  for (size_t begin = 0; begin < count; begin += grain) {
    size_t end = count - begin > grain ? begin + grain : count;
    task(context, begin, end, index);
    if (end == count) break;
  }
}

void vz_pool_run(vz_pool *pool, size_t count, size_t grain, vz_task task, void *context) {
  if (count == 0) return;
  if (grain == 0) grain = 1;
  size_t ranges = (count - 1) / grain + 1;
  if (!pool || pool->threads == 1 || ranges == 1 || ranges >= CLOSED || atomic_exchange(&pool->busy, true)) {
    run_inline(count, grain, task, context, pool == current_pool ? current_worker : 0);
    return;
  }

  uint32_t generation = atomic_load(&pool->signal) + 1;
  atomic_store(&pool->ticket, (uint64_t)generation << 32 | CLOSED);
  atomic_store(&pool->task, task);
  atomic_store(&pool->context, context);
  atomic_store(&pool->count, count);
  atomic_store(&pool->grain, grain);
  atomic_store(&pool->ranges, (uint32_t)ranges);
  atomic_store(&pool->done, 0);
  atomic_store(&pool->ticket, (uint64_t)generation << 32);
  atomic_store(&pool->signal, generation);
  uint32_t useful = ranges - 1 < pool->threads - 1 ? (uint32_t)ranges - 1 : pool->threads - 1;
  if (atomic_load(&pool->sleepers)) wake_on(pool, &pool->signal, (int)useful);

  work(pool, generation, 0);

  for (int spin = 0; spin < SPINS && atomic_load(&pool->done) != ranges; spin++) pause_briefly();
  atomic_store(&pool->caller_sleeps, 1);
  for (uint32_t done; (done = atomic_load(&pool->done)) != ranges;) sleep_on(pool, &pool->done, done);
  atomic_store(&pool->caller_sleeps, 0);
  atomic_store(&pool->busy, false);
}

vz_pool *vz_pool_create(unsigned threads) {
  if (threads == 0) threads = vz_pool_default_threads();
  void *memory = NULL;
  if (posix_memalign(&memory, LINE, sizeof(vz_pool))) return NULL;
  vz_pool *pool = memory;
  *pool = (vz_pool){.threads = threads};
  atomic_store(&pool->ticket, CLOSED);
#if !defined(__linux__)
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->wake, NULL);
#endif
  pool->workers = calloc(threads, sizeof(worker));
  for (unsigned i = 1; pool->workers && i < threads; i++) {
    worker *w = &pool->workers[i];
    *w = (worker){.pool = pool, .index = i};
    if (pthread_create(&w->thread, NULL, worker_main, w)) break;
    pool->started++;
  }
  if (pool->started + 1 == threads && pool->workers) return pool;
  vz_pool_destroy(pool);
  return NULL;
}

void vz_pool_destroy(vz_pool *pool) {
  if (!pool) return;
  atomic_store(&pool->stop, true);
  atomic_fetch_add(&pool->signal, 1);
  wake_on(pool, &pool->signal, (int)pool->threads);
  for (unsigned i = 1; i <= pool->started; i++) pthread_join(pool->workers[i].thread, NULL);
#if !defined(__linux__)
  pthread_mutex_destroy(&pool->lock);
  pthread_cond_destroy(&pool->wake);
#endif
  free(pool->workers);
  free(pool);
}

unsigned vz_pool_threads(const vz_pool *pool) { return pool ? pool->threads : 1; }

#if defined(__linux__)

unsigned vz_pool_default_threads(void) {
  vz_cores allowed = vz_cores_allowed(), big = vz_cores_big(&allowed, NULL);
  size_t cores = vz_cores_count(&big);
  return cores ? (unsigned)cores : 1;
}

#else

unsigned vz_pool_default_threads(void) {
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  return cores > 0 ? (unsigned)cores : 1;
}

#endif
