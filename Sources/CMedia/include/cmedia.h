#pragma once
/* CMedia: what Swift cannot say to libjpeg and libpng, because they report errors by longjmp and configure by macro.
   libsndfile and libsamplerate are plain C and are used as they are. */
#include <samplerate.h>
#include <sndfile.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cm_jpeg.h"
#include "cm_png.h"
#include "cm_write.h"
