#pragma once
#include <stddef.h>

/* A fixed set of threads that share out the items of one loop at a time.

   One caller uses a pool at a time. A run that starts while the pool is busy (from inside a task, or by mistake from
   another thread) is executed inline by its caller. Running allocates nothing. */
typedef struct vz_pool vz_pool;

/* Does items begin ..< end. `worker` is below vz_pool_threads and no two tasks that run at once share it, so it may
   index scratch memory. */
typedef void (*vz_task)(void *context, size_t begin, size_t end, unsigned worker);

/* A pool of `threads` threads, the caller's included; 0 means vz_pool_default_threads. NULL if threads cannot start. */
vz_pool *vz_pool_create(unsigned threads);

/* Stops and joins the workers. NULL is ignored. */
void vz_pool_destroy(vz_pool *pool);

/* Threads that may run tasks, the caller's included; 1 for NULL. */
unsigned vz_pool_threads(const vz_pool *pool);

/* Cores this process may use; where cores differ, only the big ones. */
unsigned vz_pool_default_threads(void);

/* Calls `task` on [0, grain), [grain, 2 grain), ... up to `count`, each range whole and exactly once, and returns when
   all are done. The ranges do not depend on the number of threads nor on timing. pool NULL: inline, in order.
   `grain` 0 counts as 1. */
void vz_pool_run(vz_pool *pool, size_t count, size_t grain, vz_task task, void *context);
