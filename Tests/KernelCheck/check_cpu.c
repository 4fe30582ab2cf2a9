#include "check.h"
#include <string.h>

CHECK_DRIVER(cpu) {
  vz_cpu_level levels[VZ_CPU_LEVELS], level = VZ_CPU_SCALAR;
  size_t count = vz_cpu_levels(levels);
  CHECK(count >= 1 && levels[0] == VZ_CPU_SCALAR && levels[count - 1] == vz_cpu_best());
  CHECK(vz_cpu_has(vz_cpu_default()));
  for (size_t i = 0; i < count; i++) {
    CHECK(vz_cpu_parse(vz_cpu_name(levels[i]), &level) && level == levels[i]);
    CHECK(vz_cpu_has(vz_cpu_below(levels[i])));
    CHECK(vz_kernels_at(levels[i])->level == levels[i]);
  }
  CHECK(!vz_cpu_parse("z80", &level));
  CHECK(vz_cpu_has(vz_kernels_at(VZ_CPU_I8MM)->level));
  CHECK(strcmp(vz_cpu_name((vz_cpu_level)99), "unknown") == 0);
}
