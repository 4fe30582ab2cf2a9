#pragma once
#include "cm_status.h"
#include <stddef.h>
#include <stdint.h>

/* Reads the header only. */
cm_status cm_jpeg_size(const uint8_t *bytes, size_t count, uint32_t *width, uint32_t *height,
                       char message[CM_MESSAGE_BYTES]);

/* Decodes into rgb [height, width, 3]; width and height are those of cm_jpeg_size. Grey, YCbCr, RGB, CMYK and YCCK,
   baseline and progressive. Damaged entropy-coded data is an error, not a grey patch. */
cm_status cm_jpeg_decode(const uint8_t *bytes, size_t count, uint32_t width, uint32_t height, uint8_t *rgb,
                         char message[CM_MESSAGE_BYTES]);

/* A compressor for pictures of one size. After its first picture it allocates only when a picture needs more room than
   every one before it. */
typedef struct cm_jpeg_encoder cm_jpeg_encoder;

typedef struct cm_jpeg_settings {
  uint32_t width, height;      /* 1 ... 65500 */
  int quality;                 /* 1 ... 100 */
  int chroma_across, chroma_down; /* luma samples per chroma sample: 2 2 is 4:2:0, 2 1 is 4:2:2, 1 1 is 4:4:4 */
  const char *comment;         /* or NULL; copied */
} cm_jpeg_settings;

/* NULL when there is no memory. */
cm_jpeg_encoder *cm_jpeg_encoder_create(const cm_jpeg_settings *settings);
void cm_jpeg_encoder_destroy(cm_jpeg_encoder *encoder);

/* rgb [height, width, 3]. `jpeg` points into the encoder until its next call. */
cm_status cm_jpeg_encode(cm_jpeg_encoder *encoder, const uint8_t *rgb, const uint8_t **jpeg, size_t *count,
                         char message[CM_MESSAGE_BYTES]);
