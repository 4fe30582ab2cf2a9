#include "vz_cpu.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

static struct {
  bool has[VZ_CPU_LEVELS];
  bool fp16, bf16;
  vz_cpu_level best, fallback;
  const char *warning;
} cpu;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static const char *const names[VZ_CPU_LEVELS] = {"scalar", "avx2", "avx512", "avx512vnni", "neon", "dotprod", "i8mm"};

#if defined(__x86_64__)

static unsigned long long xgetbv0(void) {
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (unsigned long long)high << 32 | low;
}

static bool all(unsigned word, unsigned bits) { return (word & bits) == bits; }

static void detect(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return;
  if (!all(c, bit_OSXSAVE | bit_AVX | bit_FMA | bit_F16C)) return;
  unsigned long long saved = xgetbv0();
  if ((saved & 0x6) != 0x6) return;

  unsigned a7, b7, c7, d7;
  if (!__get_cpuid_count(7, 0, &a7, &b7, &c7, &d7)) return;
  if (!(b7 & bit_AVX2)) return;
  cpu.has[VZ_CPU_AVX2] = true;

  if ((saved & 0xe6) != 0xe6) return;
  if (!all(b7, bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL)) return;
  cpu.has[VZ_CPU_AVX512] = true;
  cpu.has[VZ_CPU_AVX512VNNI] = (c7 & bit_AVX512VNNI) != 0;
  cpu.fp16 = (d7 & 1u << 23) != 0;
  if (a7 >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d)) cpu.bf16 = (a & 1u << 5) != 0;
}

#elif defined(__aarch64__) && defined(__linux__)

static void detect(void) {
  unsigned long caps = getauxval(AT_HWCAP), caps2 = getauxval(AT_HWCAP2);
  cpu.has[VZ_CPU_NEON] = (caps & 1ul << 1) != 0;                              /* HWCAP_ASIMD */
  cpu.has[VZ_CPU_DOTPROD] = cpu.has[VZ_CPU_NEON] && (caps & 1ul << 20) != 0;  /* HWCAP_ASIMDDP */
  cpu.has[VZ_CPU_I8MM] = cpu.has[VZ_CPU_DOTPROD] && (caps2 & 1ul << 13) != 0; /* HWCAP2_I8MM */
  cpu.fp16 = (caps & 1ul << 10) != 0;                                         /* HWCAP_ASIMDHP */
  cpu.bf16 = (caps2 & 1ul << 14) != 0;                                        /* HWCAP2_BF16 */
}

#elif defined(__aarch64__) && defined(__APPLE__)

static bool flag(const char *name) {
  int value = 0;
  size_t bytes = sizeof value;
  return sysctlbyname(name, &value, &bytes, NULL, 0) == 0 && value != 0;
}

static void detect(void) {
  cpu.has[VZ_CPU_NEON] = true;
  cpu.has[VZ_CPU_DOTPROD] = flag("hw.optional.arm.FEAT_DotProd");
  cpu.has[VZ_CPU_I8MM] = cpu.has[VZ_CPU_DOTPROD] && flag("hw.optional.arm.FEAT_I8MM");
  cpu.fp16 = flag("hw.optional.arm.FEAT_FP16");
  cpu.bf16 = flag("hw.optional.arm.FEAT_BF16");
}

#else

static void detect(void) {}

#endif

static void start(void) {
  cpu.has[VZ_CPU_SCALAR] = true;
  detect();
  for (int level = 0; level < VZ_CPU_LEVELS; level++) {
    if (cpu.has[level]) cpu.best = (vz_cpu_level)level;
  }
  cpu.fallback = cpu.best;

  const char *wish = getenv("VISEME_CPU");
  if (!wish || !*wish) return;
  vz_cpu_level level;
  if (!vz_cpu_parse(wish, &level)) {
    cpu.warning = "VISEME_CPU names no known CPU level; using the best one";
    return;
  }
  if (!cpu.has[level]) cpu.warning = "VISEME_CPU names a level that this CPU lacks; using the best one below it";
  while (!cpu.has[level]) level = vz_cpu_below(level);
  cpu.fallback = level;
}

bool vz_cpu_has(vz_cpu_level level) {
  pthread_once(&once, start);
  return (unsigned)level < VZ_CPU_LEVELS && cpu.has[level];
}

vz_cpu_level vz_cpu_best(void) {
  pthread_once(&once, start);
  return cpu.best;
}

vz_cpu_level vz_cpu_default(void) {
  pthread_once(&once, start);
  return cpu.fallback;
}

const char *vz_cpu_warning(void) {
  pthread_once(&once, start);
  return cpu.warning;
}

bool vz_cpu_has_fp16(void) {
  pthread_once(&once, start);
  return cpu.fp16;
}

bool vz_cpu_has_bf16(void) {
  pthread_once(&once, start);
  return cpu.bf16;
}

const char *vz_cpu_name(vz_cpu_level level) { return (unsigned)level < VZ_CPU_LEVELS ? names[level] : "unknown"; }

bool vz_cpu_parse(const char *name, vz_cpu_level *level) {
  for (int i = 0; i < VZ_CPU_LEVELS; i++) {
    if (strcmp(name, names[i]) != 0) continue;
    *level = (vz_cpu_level)i;
    return true;
  }
  return false;
}

vz_cpu_level vz_cpu_below(vz_cpu_level level) {
  switch (level) {
  case VZ_CPU_SCALAR:
  case VZ_CPU_AVX2:
  case VZ_CPU_NEON:
    return VZ_CPU_SCALAR;
  case VZ_CPU_AVX512:
    return VZ_CPU_AVX2;
  case VZ_CPU_AVX512VNNI:
    return VZ_CPU_AVX512;
  case VZ_CPU_DOTPROD:
    return VZ_CPU_NEON;
  case VZ_CPU_I8MM:
    return VZ_CPU_DOTPROD;
  }
  return VZ_CPU_SCALAR;
}

size_t vz_cpu_levels(vz_cpu_level out[VZ_CPU_LEVELS]) {
  size_t count = 0;
  for (int level = 0; level < VZ_CPU_LEVELS; level++) {
    if (vz_cpu_has((vz_cpu_level)level)) out[count++] = (vz_cpu_level)level;
  }
  return count;
}
