#define _GNU_SOURCE
#include "vz_cores.h"
#include <stdio.h>
#include <string.h>

#if defined(__linux__)
#include <sched.h>
#endif

bool vz_cores_has(const vz_cores *cores, size_t core) {
  return core < VZ_CORES && (cores->bits[core / 64] >> core % 64 & 1) != 0;
}

void vz_cores_add(vz_cores *cores, size_t core) {
  if (core < VZ_CORES) cores->bits[core / 64] |= (uint64_t)1 << core % 64;
}

size_t vz_cores_count(const vz_cores *cores) {
  size_t count = 0;
  for (size_t word = 0; word < VZ_CORES / 64; word++) count += (size_t)__builtin_popcountll(cores->bits[word]);
  return count;
}

#if defined(__linux__)

vz_cores vz_cores_allowed(void) {
  vz_cores cores = {{0}};
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set)) return cores;
  for (size_t core = 0; core < CPU_SETSIZE && core < VZ_CORES; core++) {
    if (CPU_ISSET(core, &set)) vz_cores_add(&cores, core);
  }
  return cores;
}

bool vz_cores_pin(const vz_cores *cores) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (size_t core = 0; core < CPU_SETSIZE && core < VZ_CORES; core++) {
    if (vz_cores_has(cores, core)) CPU_SET(core, &set);
  }
  return sched_setaffinity(0, sizeof set, &set) == 0;
}

#else

vz_cores vz_cores_allowed(void) { return (vz_cores){{0}}; }

bool vz_cores_pin(const vz_cores *cores) {
  (void)cores;
  return false;
}

#endif

/* The number in a file of a core's folder; 0 if there is none. */
static long number(const char *folder, size_t core, const char *name) {
  char path[4096];
  int length = snprintf(path, sizeof path, "%s/cpu%zu/%s", folder, core, name);
  if (length < 0 || (size_t)length >= sizeof path) return 0;
  FILE *file = fopen(path, "r");
  if (!file) return 0;
  long value = 0;
  if (fscanf(file, "%ld", &value) != 1 || value < 0) value = 0;
  fclose(file);
  return value;
}

/* Finds, by one measure of speed, the fast ones. False if a core does not publish it. */
static bool big_by(const vz_cores *cores, const char *folder, const char *name, vz_cores *big) {
  long speeds[VZ_CORES], most = 0;
  for (size_t core = 0; core < VZ_CORES; core++) {
    if (!vz_cores_has(cores, core)) continue;
    speeds[core] = number(folder, core, name);
    if (!speeds[core]) return false;
    if (speeds[core] > most) most = speeds[core];
  }
  /* Prime and big cores differ by a few per cent of capacity, little cores by half or more. */
  for (size_t core = 0; core < VZ_CORES; core++) {
    if (vz_cores_has(cores, core) && speeds[core] >= most - most / 3) vz_cores_add(big, core);
  }
  return true;
}

vz_cores vz_cores_big(const vz_cores *cores, const char *folder) {
  if (!folder) folder = "/sys/devices/system/cpu";
  vz_cores big = {{0}};
  if (big_by(cores, folder, "cpu_capacity", &big)) return big;
  /* x86-64 and older boards publish no capacity. Frequency alone calls a little core big that is clocked nearly as high. */
  if (big_by(cores, folder, "cpufreq/cpuinfo_max_freq", &big)) return big;
  return *cores;
}
