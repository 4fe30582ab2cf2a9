#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Processor cores as Linux numbers them: which there are, how fast, and on which of them a thread may run. */

enum { VZ_CORES = 1024 };

/* A set of cores; core c is bit c % 64 of bits[c / 64]. */
typedef struct vz_cores {
  uint64_t bits[VZ_CORES / 64];
} vz_cores;

bool vz_cores_has(const vz_cores *cores, size_t core);

/* A `core` of VZ_CORES or above is ignored. */
void vz_cores_add(vz_cores *cores, size_t core);

size_t vz_cores_count(const vz_cores *cores);

/* The cores that the calling thread may run on. Empty where the system does not tell. */
vz_cores vz_cores_allowed(void);

/* Lets the calling thread, and the threads it starts from now on, run on `cores` only. False, and nothing changed, if
   none of them can be used or the system has no such call. */
bool vz_cores_pin(const vz_cores *cores);

/* The fast ones of `cores`: at least two thirds of the speed of the fastest. All of them where the system does not tell
   them apart. `folder` is Linux's /sys/devices/system/cpu, which NULL stands for. */
vz_cores vz_cores_big(const vz_cores *cores, const char *folder);
