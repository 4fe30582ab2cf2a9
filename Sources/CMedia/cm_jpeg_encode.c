#include "include/cm_jpeg.h"
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

/* libjpeg takes its working memory anew for every picture. Here that memory comes from blocks that are kept: freeing
   the picture's pool only starts again at the first block. */
typedef struct block {
  struct block *next;
  size_t bytes, used;
  uint8_t *data; /* aligned to 64 */
} block;

enum { BLOCK_BYTES = 1 << 18, ALIGNMENT = 64 };

struct cm_jpeg_encoder {
  struct jpeg_compress_struct jpeg;
  struct jpeg_error_mgr errors;
  struct jpeg_destination_mgr destination;
  struct jpeg_memory_mgr own; /* libjpeg's methods, for all but the picture's pool */
  block *blocks;
  uint8_t *output;
  size_t output_bytes, output_count;
  char *comment;
  jmp_buf escape;
  cm_status status;
  char *message;
  bool created;
};

static cm_jpeg_encoder *of(j_common_ptr common) { return (cm_jpeg_encoder *)common->client_data; }

static void leave(cm_jpeg_encoder *self, cm_status status) {
  self->status = status;
  char text[JMSG_LENGTH_MAX];
  self->errors.format_message((j_common_ptr)&self->jpeg, text);
  if (self->message) snprintf(self->message, CM_MESSAGE_BYTES, "%s", text);
  longjmp(self->escape, 1);
}

static void on_error(j_common_ptr common) {
  cm_jpeg_encoder *self = of(common);
  leave(self, self->errors.msg_code == JERR_OUT_OF_MEMORY ? CM_NO_MEMORY : CM_UNSUPPORTED);
}

static void on_message(j_common_ptr common, int level) { (void)common, (void)level; }
static void on_output(j_common_ptr common) { (void)common; }

/* ---- memory ---- */

static block *block_create(size_t bytes) {
  block *made = malloc(sizeof *made);
  if (!made) return NULL;
  *made = (block){.bytes = bytes};
  if (posix_memalign((void **)&made->data, ALIGNMENT, bytes) == 0) return made;
  free(made);
  return NULL;
}

static void *picture_alloc(j_common_ptr common, size_t bytes) {
  cm_jpeg_encoder *self = of(common);
  bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  block **at = &self->blocks;
  for (; *at; at = &(*at)->next) {
    if ((*at)->bytes - (*at)->used < bytes) continue;
    void *found = (*at)->data + (*at)->used;
    (*at)->used += bytes;
    return found;
  }
  *at = block_create(bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES);
  if (!*at) ERREXIT1(common, JERR_OUT_OF_MEMORY, 0);
  (*at)->used = bytes;
  return (*at)->data;
}

static void *alloc_small(j_common_ptr common, int pool, size_t bytes) {
  return pool == JPOOL_IMAGE ? picture_alloc(common, bytes) : of(common)->own.alloc_small(common, pool, bytes);
}

static void *alloc_large(j_common_ptr common, int pool, size_t bytes) {
  return pool == JPOOL_IMAGE ? picture_alloc(common, bytes) : of(common)->own.alloc_large(common, pool, bytes);
}

/* rows [count] of `bytes` each, padded so that SIMD may run past the end of one */
static void **alloc_rows(j_common_ptr common, size_t bytes, size_t count) {
  size_t stride = (bytes + 2 * ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  void **rows = picture_alloc(common, count * sizeof *rows);
  uint8_t *data = picture_alloc(common, count * stride);
  for (size_t i = 0; i < count; i++) rows[i] = data + i * stride;
  return rows;
}

static JSAMPARRAY alloc_samples(j_common_ptr common, int pool, JDIMENSION samples, JDIMENSION rows) {
  if (pool != JPOOL_IMAGE) return of(common)->own.alloc_sarray(common, pool, samples, rows);
  return (JSAMPARRAY)alloc_rows(common, samples * sizeof(JSAMPLE), rows);
}

static JBLOCKARRAY alloc_blocks(j_common_ptr common, int pool, JDIMENSION blocks, JDIMENSION rows) {
  if (pool != JPOOL_IMAGE) return of(common)->own.alloc_barray(common, pool, blocks, rows);
  return (JBLOCKARRAY)alloc_rows(common, blocks * sizeof(JBLOCK), rows);
}

static void free_pool(j_common_ptr common, int pool) {
  cm_jpeg_encoder *self = of(common);
  if (pool == JPOOL_IMAGE)
    for (block *at = self->blocks; at; at = at->next) at->used = 0;
  self->own.free_pool(common, pool);
}

static void keep_picture_memory(cm_jpeg_encoder *self) {
  struct jpeg_memory_mgr *memory = self->jpeg.mem;
  self->own = *memory;
  memory->alloc_small = alloc_small;
  memory->alloc_large = alloc_large;
  memory->alloc_sarray = alloc_samples;
  memory->alloc_barray = alloc_blocks;
  memory->free_pool = free_pool;
}

/* ---- output ---- */

static void output_start(j_compress_ptr jpeg) {
  cm_jpeg_encoder *self = of((j_common_ptr)jpeg);
  jpeg->dest->next_output_byte = self->output;
  jpeg->dest->free_in_buffer = self->output_bytes;
}

static boolean output_full(j_compress_ptr jpeg) {
  cm_jpeg_encoder *self = of((j_common_ptr)jpeg);
  uint8_t *larger = realloc(self->output, 2 * self->output_bytes);
  if (!larger) ERREXIT1(jpeg, JERR_OUT_OF_MEMORY, 0);
  self->output = larger;
  jpeg->dest->next_output_byte = larger + self->output_bytes;
  jpeg->dest->free_in_buffer = self->output_bytes;
  self->output_bytes *= 2;
  return TRUE;
}

static void output_end(j_compress_ptr jpeg) {
  cm_jpeg_encoder *self = of((j_common_ptr)jpeg);
  self->output_count = self->output_bytes - jpeg->dest->free_in_buffer;
}

/* ---- encoder ---- */

static void configure(cm_jpeg_encoder *self, const cm_jpeg_settings *settings) {
  j_compress_ptr jpeg = &self->jpeg;
  jpeg_create_compress(jpeg);
  self->created = true;
  keep_picture_memory(self);
  self->destination.init_destination = output_start;
  self->destination.empty_output_buffer = output_full;
  self->destination.term_destination = output_end;
  jpeg->dest = &self->destination;
  jpeg->image_width = settings->width;
  jpeg->image_height = settings->height;
  jpeg->input_components = 3;
  jpeg->in_color_space = JCS_RGB;
  jpeg_set_defaults(jpeg);
  jpeg_set_quality(jpeg, settings->quality, TRUE);
  jpeg->comp_info[0].h_samp_factor = settings->chroma_across;
  jpeg->comp_info[0].v_samp_factor = settings->chroma_down;
}

cm_jpeg_encoder *cm_jpeg_encoder_create(const cm_jpeg_settings *settings) {
  cm_jpeg_encoder *self = calloc(1, sizeof *self);
  if (!self) return NULL;
  self->jpeg.err = jpeg_std_error(&self->errors);
  self->jpeg.client_data = self;
  self->errors.error_exit = on_error;
  self->errors.emit_message = on_message;
  self->errors.output_message = on_output;
  self->output_bytes = (size_t)settings->width * settings->height / 2 + 4096;
  self->output = malloc(self->output_bytes);
  self->comment = settings->comment ? strdup(settings->comment) : NULL;
  if (self->output && (self->comment || !settings->comment)) {
    if (setjmp(self->escape) == 0) {
      configure(self, settings);
      return self;
    }
  }
  cm_jpeg_encoder_destroy(self);
  return NULL;
}

void cm_jpeg_encoder_destroy(cm_jpeg_encoder *self) {
  if (!self) return;
  if (self->created) jpeg_destroy_compress(&self->jpeg);
  for (block *at = self->blocks, *next; at; at = next) {
    next = at->next;
    free(at->data);
    free(at);
  }
  free(self->output);
  free(self->comment);
  free(self);
}

static void encode(cm_jpeg_encoder *self, const uint8_t *rgb) {
  j_compress_ptr jpeg = &self->jpeg;
  jpeg_start_compress(jpeg, TRUE);
  if (self->comment)
    jpeg_write_marker(jpeg, JPEG_COM, (const JOCTET *)self->comment, (unsigned)strlen(self->comment));
  size_t stride = 3 * (size_t)jpeg->image_width;
  while (jpeg->next_scanline < jpeg->image_height) {
    JSAMPROW rows[16];
    JDIMENSION count = jpeg->image_height - jpeg->next_scanline;
    if (count > 16) count = 16;
    for (JDIMENSION i = 0; i < count; i++) rows[i] = (JSAMPROW)(rgb + stride * (jpeg->next_scanline + i));
    jpeg_write_scanlines(jpeg, rows, count);
  }
  jpeg_finish_compress(jpeg);
}

cm_status cm_jpeg_encode(cm_jpeg_encoder *self, const uint8_t *rgb, const uint8_t **jpeg, size_t *count,
                         char *message) {
  self->status = CM_OK;
  self->message = message;
  if (setjmp(self->escape) == 0) encode(self, rgb);
  self->message = NULL;
  if (self->status != CM_OK) {
    jpeg_abort_compress(&self->jpeg);
    return self->status;
  }
  *jpeg = self->output;
  *count = self->output_count;
  return CM_OK;
}
