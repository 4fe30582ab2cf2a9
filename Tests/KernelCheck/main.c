#include "check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int check_run_all(uint64_t seed, const char *filter, const vz_cpu_level *only, bool bench);

static void usage(void) {
  puts("usage: KernelCheck [--seed N] [--level NAME] [--filter TEXT] [--bench]\n"
       "  --seed N       repeat a run\n"
       "  --level NAME   scalar, avx2, avx512, avx512vnni, neon, dotprod or i8mm only\n"
       "  --filter TEXT  only checks whose name contains TEXT\n"
       "  --bench        time kernels instead of checking them");
}

int main(int argc, char **argv) {
  uint64_t seed = (uint64_t)time(NULL);
  const char *filter = "";
  vz_cpu_level level, *only = NULL;
  bool bench = false;
  for (int i = 1; i < argc; i++) {
    const char *value = i + 1 < argc ? argv[i + 1] : NULL;
    if (!strcmp(argv[i], "--bench")) {
      bench = true;
    } else if (!strcmp(argv[i], "--seed") && value) {
      seed = strtoull(argv[++i], NULL, 0);
    } else if (!strcmp(argv[i], "--filter") && value) {
      filter = argv[++i];
    } else if (!strcmp(argv[i], "--level") && value && vz_cpu_parse(value, &level)) {
      only = &level;
      i++;
    } else {
      usage();
      return 2;
    }
  }
  if (only && !vz_cpu_has(*only)) {
    fprintf(stderr, "this processor lacks %s\n", vz_cpu_name(*only));
    return 2;
  }
  return check_run_all(seed, filter, only, bench);
}
