#pragma once
#include "cm_status.h"
#include <stddef.h>
#include <stdint.h>

/* Reads the header only. */
cm_status cm_png_size(const uint8_t *bytes, size_t count, uint32_t *width, uint32_t *height,
                      char message[CM_MESSAGE_BYTES]);

/* Decodes any PNG into sRGB rgb [height, width, 3], transparent parts composed over white; width and height are those
   of cm_png_size. */
cm_status cm_png_decode(const uint8_t *bytes, size_t count, uint32_t width, uint32_t height, uint8_t *rgb,
                        char message[CM_MESSAGE_BYTES]);
