#define _GNU_SOURCE
#include "check.h"
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#if !defined(MAP_ANONYMOUS)
#define MAP_ANONYMOUS MAP_ANON
#endif

enum { POISON = 0xa5, MAX_BUFFERS = 2048, MAX_MESSAGES = 3 };

typedef struct buffer {
  unsigned char *map, *begin;
  size_t map_bytes, page, bytes;
} buffer;

static check_entry *entries;
static buffer buffers[MAX_BUFFERS];
static size_t buffer_count;
static char note[512];
static int failures;
static bool failed;
static const char *running;
static vz_cpu_level running_level;
static sigjmp_buf crash;
static pthread_t main_thread;

/* Keeps the list in order of name, checks before benches, so that runs read the same whatever the link order. */
void check_register(check_entry *entry) {
  check_entry **at = &entries;
  while (*at && strcmp((*at)->name, entry->name) <= 0) at = &(*at)->next;
  entry->next = *at;
  *at = entry;
}

/* -- randomness ---------------------------------------------------------------------------------------------------- */

uint64_t check_random(check_env *env) {
  uint64_t z = env->random += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

size_t check_range(check_env *env, size_t low, size_t high) {
  return low >= high ? low : low + check_random(env) % (high - low + 1);
}

double check_uniform(check_env *env, double low, double high) {
  return low + (high - low) * ((double)(check_random(env) >> 11) * 0x1p-53);
}

size_t check_size(check_env *env, size_t high) {
  static const size_t tiles[] = {4, 6, 8, 12, 14, 16, 24, 32, 48, 64, 96, 128};
  static const size_t primes[] = {2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 61, 67, 79, 97, 101, 131};
  size_t n = 1;
  switch (check_random(env) % 8) {
  case 0:
    n = 1;
    break;
  case 1:
  case 2:
    n = primes[check_random(env) % (sizeof primes / sizeof *primes)];
    break;
  case 3:
  case 4:
  case 5:
    n = tiles[check_random(env) % (sizeof tiles / sizeof *tiles)] * check_range(env, 1, 3) + check_random(env) % 3 - 1;
    break;
  default:
    n = check_range(env, 1, high);
  }
  return n <= high ? n : 1 + n % high;
}

/* -- memory -------------------------------------------------------------------------------------------------------- */

void *check_bytes(check_env *env, size_t bytes, size_t alignment) {
  if (buffer_count == MAX_BUFFERS) {
    fprintf(stderr, "%s: more than %d buffers\n", running, MAX_BUFFERS);
    abort();
  }
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  size_t inner = (bytes + page - 1) / page * page;
  if (inner == 0) inner = page;
  buffer b = {.map_bytes = inner + 2 * page, .page = page, .bytes = bytes};
  b.map = mmap(NULL, b.map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (b.map == MAP_FAILED) {
    perror("mmap");
    abort();
  }
  mprotect(b.map, page, PROT_NONE);
  mprotect(b.map + page + inner, page, PROT_NONE);
  memset(b.map + page, POISON, inner);
  bool at_start = check_random(env) % 4 == 0;
  b.begin = at_start ? b.map + page : b.map + page + (inner - bytes) / alignment * alignment;
  buffers[buffer_count++] = b;
  return b.begin;
}

void *check_aligned(check_env *env, size_t bytes) { return check_bytes(env, bytes, 64); }

float *check_f32_in(check_env *env, size_t count, double low, double high) {
  float *x = check_bytes(env, count * sizeof *x, sizeof *x);
  for (size_t i = 0; i < count; i++) x[i] = (float)check_uniform(env, low, high);
  return x;
}

float *check_f32(check_env *env, size_t count) { return check_f32_in(env, count, -1, 1); }

float *check_f32_raw(check_env *env, size_t count) {
  float *x = check_bytes(env, count * sizeof *x, sizeof *x);
  memset(x, 0xff, count * sizeof *x);
  return x;
}

void *check_copy(check_env *env, size_t bytes, const void *source) {
  void *copy = check_bytes(env, bytes, 4);
  memcpy(copy, source, bytes);
  return copy;
}

static bool poisoned(const unsigned char *begin, const unsigned char *end) {
  for (; begin < end; begin++) {
    if (*begin != POISON) return false;
  }
  return true;
}

static void release_buffers(check_env *env) {
  for (size_t i = 0; i < buffer_count; i++) {
    buffer b = buffers[i];
    if (!poisoned(b.map + b.page, b.begin)) check_fail(env, "bytes before a buffer of %zu were written", b.bytes);
    if (!poisoned(b.begin + b.bytes, b.map + b.map_bytes - b.page)) {
      check_fail(env, "bytes after a buffer of %zu were written", b.bytes);
    }
    munmap(b.map, b.map_bytes);
  }
  buffer_count = 0;
}

/* -- verdicts ------------------------------------------------------------------------------------------------------ */

void check_note(check_env *env, const char *format, ...) {
  (void)env;
  va_list list;
  va_start(list, format);
  vsnprintf(note, sizeof note, format, list);
  va_end(list);
}

void check_fail(check_env *env, const char *format, ...) {
  failed = true;
  if (failures++ >= MAX_MESSAGES) return;
  fprintf(stderr, "%s %s round %zu [%s]: ", running, vz_cpu_name(running_level), env->round, note);
  va_list list;
  va_start(list, format);
  vfprintf(stderr, format, list);
  va_end(list);
  fputc('\n', stderr);
}

static bool near(double got, double want, double absolute, double relative) {
  if (isnan(want)) return isnan(got);
  if (isinf(want)) return got == want;
  return fabs(got - want) <= absolute + relative * fabs(want);
}

void check_near(check_env *env, size_t count, const float *got, const float *want, double absolute, double relative) {
  for (size_t i = 0; i < count; i++) {
    if (near(got[i], want[i], absolute, relative)) continue;
    check_fail(env, "[%zu] of %zu: got %.9g, want %.9g", i, count, (double)got[i], (double)want[i]);
    return;
  }
}

void check_near_f64(check_env *env, size_t count, const float *got, const double *want, double absolute,
                    double relative) {
  for (size_t i = 0; i < count; i++) {
    if (near(got[i], want[i], absolute, relative)) continue;
    check_fail(env, "[%zu] of %zu: got %.9g, want %.17g", i, count, (double)got[i], want[i]);
    return;
  }
}

void check_same(check_env *env, size_t bytes, const void *got, const void *want) {
  const unsigned char *a = got, *b = want;
  for (size_t i = 0; i < bytes; i++) {
    if (a[i] == b[i]) continue;
    check_fail(env, "byte %zu of %zu: got %02x, want %02x", i, bytes, a[i], b[i]);
    return;
  }
}

/* -- timing -------------------------------------------------------------------------------------------------------- */

enum { TIMING_ROUNDS = 7 };

static double cpu_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

typedef struct baseline {
  char key[120];
  double seconds;
} baseline;

static baseline baselines[512];
static size_t baseline_count;

/* Seconds that SCALAR took for the same name and label; remembers them when called at SCALAR. */
static double scalar_seconds(check_env *env, const char *label, double seconds) {
  char key[sizeof baselines->key];
  snprintf(key, sizeof key, "%s %s", running, label);
  for (size_t i = 0; i < baseline_count; i++) {
    if (!strcmp(baselines[i].key, key)) return baselines[i].seconds;
  }
  if (env->level != VZ_CPU_SCALAR || baseline_count == sizeof baselines / sizeof *baselines) return 0;
  memcpy(baselines[baseline_count].key, key, sizeof key);
  baselines[baseline_count++].seconds = seconds;
  return seconds;
}

check_timer check_timer_start(check_env *env, double work, const char *label) {
  (void)env;
  return (check_timer){.label = label, .work = work, .best = 1e30, .rounds = -1, .calls = 1};
}

/* First doubles the calls until a round takes 5 ms, then takes the best of a few rounds. */
bool check_timer_next(check_env *env, check_timer *timer) {
  if (timer->left > 0) {
    timer->left--;
    return true;
  }
  double now = cpu_seconds();
  if (timer->start != 0) {
    double round = now - timer->start;
    if (timer->rounds < 0 && round < 5e-3) {
      timer->calls *= 2;
    } else {
      timer->rounds++;
      if (round / (double)timer->calls < timer->best) timer->best = round / (double)timer->calls;
    }
  }
  if (timer->rounds >= TIMING_ROUNDS || (timer->rounds >= 1 && timer->best > 0.3)) {
    double scalar = scalar_seconds(env, timer->label, timer->best);
    printf("%-26s %-11s %-34s %10.2f us %8.2f G/s", running, vz_cpu_name(env->level), timer->label, timer->best * 1e6,
           timer->work / timer->best * 1e-9);
    if (scalar > 0) printf(" %7.2fx", scalar / timer->best);
    putchar('\n');
    fflush(stdout);
    return false;
  }
  timer->left = timer->calls - 1;
  timer->start = cpu_seconds();
  return true;
}

/* -- running ------------------------------------------------------------------------------------------------------- */

static void on_crash(int signal_number) {
  if (!pthread_equal(pthread_self(), main_thread)) {
    fprintf(stderr, "%s %s [%s]: signal %d on a worker thread\n", running, vz_cpu_name(running_level), note,
            signal_number);
    _exit(1);
  }
  siglongjmp(crash, signal_number);
}

static void catch_crashes(void) {
  static char stack[1 << 16];
  stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack};
  sigaltstack(&alternative, NULL);
  struct sigaction action = {.sa_handler = on_crash, .sa_flags = SA_ONSTACK | SA_NODEFER};
  const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &action, NULL);
}

static uint64_t hash(const char *text, uint64_t value) {
  for (; *text; text++) value = (value ^ (unsigned char)*text) * 0x100000001b3u;
  return value;
}

static bool run(const check_entry *entry, vz_cpu_level level, uint64_t seed) {
  check_env env = {.level = level, .kernels = vz_kernels_at(level), .reference = vz_kernels_at(VZ_CPU_SCALAR)};
  failed = false;
  failures = 0;
  running = entry->name;
  running_level = level;
  for (env.round = 0; env.round < entry->rounds && !failed; env.round++) {
    env.random = hash(entry->name, seed + env.round * 0x632be59bd9b4e019u);
    note[0] = 0;
    int signal_number = sigsetjmp(crash, 1);
    if (signal_number == 0) {
      entry->body(&env);
    } else {
      check_fail(&env, "signal %d", signal_number);
    }
    release_buffers(&env);
  }
  return !failed;
}

static const void *row_pointer(const vz_kernels *table, ptrdiff_t row) {
  const void *pointer;
  memcpy(&pointer, (const char *)table + row, sizeof pointer);
  return pointer;
}

/* True if `level` has an implementation that no lower level has. */
static bool is_own(const check_entry *entry, vz_cpu_level level) {
  if (entry->row < 0 || level == VZ_CPU_SCALAR) return true;
  return row_pointer(vz_kernels_at(level), entry->row) != row_pointer(vz_kernels_at(vz_cpu_below(level)), entry->row);
}

static bool has_check(const char *name) {
  for (const check_entry *e = entries; e; e = e->next) {
    if (!e->bench && !strcmp(e->name, name)) return true;
  }
  return false;
}

int check_run_all(uint64_t seed, const char *filter, const vz_cpu_level *only, bool bench) {
  main_thread = pthread_self();
  catch_crashes();
  vz_cpu_level levels[VZ_CPU_LEVELS];
  size_t level_count = vz_cpu_levels(levels);
  printf("seed %llu\n", (unsigned long long)seed);
  fflush(stdout);

  size_t passes = 0, fails = 0;
  for (const check_entry *entry = entries; entry; entry = entry->next) {
    if (entry->bench != bench || !strstr(entry->name, filter)) continue;
    for (size_t i = 0; i < level_count; i++) {
      if (only && levels[i] != *only) continue;
      if (!is_own(entry, levels[i])) continue;
      if (run(entry, levels[i], seed)) {
        passes++;
      } else {
        fails++;
        fprintf(stderr, "FAILED %s %s\n", entry->name, vz_cpu_name(levels[i]));
      }
    }
  }
  static const char *const rows[] = {
#define VZ_KERNEL(name, result, arguments) #name,
#include "vz_kernels.def"
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows && !bench && !*filter; i++) {
    if (has_check(rows[i])) continue;
    fails++;
    fprintf(stderr, "FAILED %s: the row has no check\n", rows[i]);
  }
  fflush(stderr);
  printf("%zu passed, %zu failed\n", passes, fails);
  return fails ? 1 : 0;
}
