#include "include/cm_jpeg.h"
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

/* A hostile progressive file can ask for any number of passes over the same picture; encoders write about ten. */
enum { MAXIMUM_SCANS = 100 };

typedef struct decoder {
  struct jpeg_decompress_struct jpeg;
  struct jpeg_error_mgr errors;
  struct jpeg_source_mgr source;
  struct jpeg_progress_mgr progress;
  jmp_buf escape;
  cm_status status;
  char *message;
  bool ran_out; /* the source was asked for bytes past its end */
} decoder;

static decoder *of(j_common_ptr common) { return (decoder *)common->client_data; }

static void leave(decoder *self, cm_status status) {
  self->status = status;
  char text[JMSG_LENGTH_MAX];
  self->errors.format_message((j_common_ptr)&self->jpeg, text);
  snprintf(self->message, CM_MESSAGE_BYTES, "%s", text);
  longjmp(self->escape, 1);
}

static void on_error(j_common_ptr common) {
  decoder *self = of(common);
  switch (self->errors.msg_code) {
  case JERR_OUT_OF_MEMORY: leave(self, CM_NO_MEMORY); break;
  case JERR_ARITH_NOTIMPL:
  case JERR_BAD_PRECISION:
  case JERR_CONVERSION_NOTIMPL:
  case JERR_CCIR601_NOTIMPL:
  case JERR_FRACT_SAMPLE_NOTIMPL:
  case JERR_SOF_UNSUPPORTED: leave(self, CM_UNSUPPORTED); break;
  default: leave(self, self->ran_out ? CM_TRUNCATED : CM_CORRUPT);
  }
}

/* Warnings that mean lost picture data are errors here; those about untidy markers are not. */
static void on_message(j_common_ptr common, int level) {
  if (level >= 0) return;
  decoder *self = of(common);
  switch (self->errors.msg_code) {
  case JWRN_EXTRANEOUS_DATA:
  case JWRN_ADOBE_XFORM:
  case JWRN_JFIF_MAJOR:
  case JWRN_TOO_MUCH_DATA: return;
  default: leave(self, self->ran_out ? CM_TRUNCATED : CM_CORRUPT);
  }
}

static void on_output(j_common_ptr common) { (void)common; }

static void on_progress(j_common_ptr common) {
  decoder *self = of(common);
  if (self->jpeg.input_scan_number <= MAXIMUM_SCANS) return;
  self->status = CM_CORRUPT;
  snprintf(self->message, CM_MESSAGE_BYTES, "more than %d scans", MAXIMUM_SCANS);
  longjmp(self->escape, 1);
}

static void source_nothing(j_decompress_ptr jpeg) { (void)jpeg; }

/* An end-of-image marker stands in for what is missing; the entropy decoders warn if they needed more. */
static boolean source_fill(j_decompress_ptr jpeg) {
  static const JOCTET end[2] = {0xFF, JPEG_EOI};
  of((j_common_ptr)jpeg)->ran_out = true;
  jpeg->src->next_input_byte = end;
  jpeg->src->bytes_in_buffer = sizeof end;
  return TRUE;
}

static void source_skip(j_decompress_ptr jpeg, long count) {
  if (count <= 0) return;
  if ((size_t)count > jpeg->src->bytes_in_buffer) {
    source_fill(jpeg);
    return;
  }
  jpeg->src->next_input_byte += count;
  jpeg->src->bytes_in_buffer -= (size_t)count;
}

/* Must be followed by setjmp(self->escape) before any libjpeg call. */
static void prepare(decoder *self, const uint8_t *bytes, size_t count, char *message) {
  memset(self, 0, sizeof *self);
  self->message = message;
  self->jpeg.err = jpeg_std_error(&self->errors);
  self->jpeg.client_data = self;
  self->errors.error_exit = on_error;
  self->errors.emit_message = on_message;
  self->errors.output_message = on_output;
  self->progress.progress_monitor = on_progress;
  self->source.next_input_byte = bytes;
  self->source.bytes_in_buffer = count;
  self->source.init_source = source_nothing;
  self->source.fill_input_buffer = source_fill;
  self->source.skip_input_data = source_skip;
  self->source.resync_to_restart = jpeg_resync_to_restart;
  self->source.term_source = source_nothing;
}

static void open_header(decoder *self) {
  jpeg_create_decompress(&self->jpeg);
  self->jpeg.src = &self->source;
  self->jpeg.progress = &self->progress;
  jpeg_read_header(&self->jpeg, TRUE);
}

cm_status cm_jpeg_size(const uint8_t *bytes, size_t count, uint32_t *width, uint32_t *height, char *message) {
  decoder self;
  prepare(&self, bytes, count, message);
  if (setjmp(self.escape) == 0) {
    open_header(&self);
    *width = self.jpeg.image_width;
    *height = self.jpeg.image_height;
  }
  jpeg_destroy_decompress(&self.jpeg);
  return self.status;
}

/* Ink to light. Adobe writers store ink inverted, so that 255 is none. */
static void row_from_cmyk(size_t width, const uint8_t *cmyk, bool inverted, uint8_t *rgb) {
  unsigned flip = inverted ? 0 : 255;
  for (size_t x = 0; x < width; x++) {
    unsigned light = cmyk[4 * x + 3] ^ flip;
    for (size_t c = 0; c < 3; c++) rgb[3 * x + c] = (uint8_t)(((cmyk[4 * x + c] ^ flip) * light + 127) / 255);
  }
}

static void read_rows(decoder *self, uint8_t *rgb) {
  j_decompress_ptr jpeg = &self->jpeg;
  size_t width = jpeg->output_width;
  bool cmyk = jpeg->out_color_space == JCS_CMYK;
  JSAMPARRAY ink = cmyk ? jpeg->mem->alloc_sarray((j_common_ptr)jpeg, JPOOL_IMAGE, (JDIMENSION)(4 * width), 1) : NULL;
  while (jpeg->output_scanline < jpeg->output_height) {
    uint8_t *row = rgb + 3 * width * jpeg->output_scanline;
    JSAMPROW rows[1] = {row};
    jpeg_read_scanlines(jpeg, cmyk ? ink : rows, 1);
    if (cmyk) row_from_cmyk(width, ink[0], jpeg->saw_Adobe_marker, row);
  }
}

static void decode(decoder *self, uint32_t width, uint32_t height, uint8_t *rgb) {
  j_decompress_ptr jpeg = &self->jpeg;
  open_header(self);
  bool ink = jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK;
  jpeg->out_color_space = ink ? JCS_CMYK : JCS_RGB;
  jpeg_start_decompress(jpeg);
  if (jpeg->output_width != width || jpeg->output_height != height) {
    self->status = CM_CORRUPT;
    snprintf(self->message, CM_MESSAGE_BYTES, "size changed");
    return;
  }
  read_rows(self, rgb);
  /* One scan holds the whole picture, so it is all here; of several scans some may be missing. */
  if (self->ran_out && jpeg_has_multiple_scans(jpeg)) {
    self->status = CM_TRUNCATED;
    snprintf(self->message, CM_MESSAGE_BYTES, "scans are missing");
  }
}

cm_status cm_jpeg_decode(const uint8_t *bytes, size_t count, uint32_t width, uint32_t height, uint8_t *rgb,
                         char *message) {
  decoder self;
  prepare(&self, bytes, count, message);
  if (setjmp(self.escape) == 0) decode(&self, width, height, rgb);
  jpeg_destroy_decompress(&self.jpeg);
  return self.status;
}
