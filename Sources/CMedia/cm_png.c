#include "include/cm_png.h"
#include <png.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cm_status fail(png_image *image, char *message) {
  snprintf(message, CM_MESSAGE_BYTES, "%s", image->message);
  png_image_free(image);
  if (strstr(message, "beyond end") || strstr(message, "Not enough") || strstr(message, "Read Error"))
    return CM_TRUNCATED;
  if (strstr(message, "memory")) return CM_NO_MEMORY;
  return CM_CORRUPT;
}

static bool begin(png_image *image, const uint8_t *bytes, size_t count) {
  memset(image, 0, sizeof *image);
  image->version = PNG_IMAGE_VERSION;
  return png_image_begin_read_from_memory(image, bytes, count) && !PNG_IMAGE_FAILED(*image);
}

cm_status cm_png_size(const uint8_t *bytes, size_t count, uint32_t *width, uint32_t *height, char *message) {
  png_image image;
  if (!begin(&image, bytes, count)) return fail(&image, message);
  *width = image.width;
  *height = image.height;
  png_image_free(&image);
  return CM_OK;
}

/* On the stored values, as browsers do, not in linear light. */
static void compose_over_white(size_t count, const uint8_t *rgba, uint8_t *rgb) {
  for (size_t i = 0; i < count; i++) {
    unsigned alpha = rgba[4 * i + 3];
    for (size_t c = 0; c < 3; c++) rgb[3 * i + c] = (uint8_t)((rgba[4 * i + c] * alpha + 255 * (255 - alpha) + 127) / 255);
  }
}

cm_status cm_png_decode(const uint8_t *bytes, size_t count, uint32_t width, uint32_t height, uint8_t *rgb,
                        char *message) {
  png_image image;
  if (!begin(&image, bytes, count)) return fail(&image, message);
  if (image.width != width || image.height != height) {
    png_image_free(&image);
    snprintf(message, CM_MESSAGE_BYTES, "size changed");
    return CM_CORRUPT;
  }
  image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB; /* without gAMA, 16-bit files are sRGB like any other */
  bool transparent = image.format & PNG_FORMAT_FLAG_ALPHA;
  image.format = transparent ? PNG_FORMAT_RGBA : PNG_FORMAT_RGB;
  uint8_t *pixels = transparent ? malloc((size_t)width * height * 4) : rgb;
  if (!pixels) {
    png_image_free(&image);
    return CM_NO_MEMORY;
  }
  cm_status status = CM_OK;
  if (!png_image_finish_read(&image, NULL, pixels, 0, NULL) || PNG_IMAGE_FAILED(image)) status = fail(&image, message);
  if (transparent && status == CM_OK) compose_over_white((size_t)width * height, pixels, rgb);
  if (transparent) free(pixels);
  png_image_free(&image);
  return status;
}
