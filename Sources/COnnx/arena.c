#include <stdlib.h>

#include "COnnx.h"

typedef struct block {
  struct block *previous;
  max_align_t payload[];
} block;

struct vz_onnx_arena {
  block *last;
  uint8_t *next;
  size_t left;
  size_t block_bytes;
  size_t budget;
  int exhausted;
};

enum { FIRST_BLOCK_BYTES = 64 << 10, LARGEST_BLOCK_BYTES = 4 << 20 };

vz_onnx_arena *vz_onnx_arena_create(size_t byte_limit) {
  vz_onnx_arena *arena = calloc(1, sizeof *arena);
  if (!arena) return NULL;
  arena->block_bytes = FIRST_BLOCK_BYTES;
  arena->budget = byte_limit;
  return arena;
}

void vz_onnx_arena_destroy(vz_onnx_arena *arena) {
  if (!arena) return;
  for (block *at = arena->last; at;) {
    block *previous = at->previous;
    free(at);
    at = previous;
  }
  free(arena);
}

int vz_onnx_arena_is_exhausted(const vz_onnx_arena *arena) { return arena->exhausted; }

static uint8_t *add_block(vz_onnx_arena *arena, size_t bytes) {
  block *added = bytes <= arena->budget ? malloc(sizeof *added + bytes) : NULL;
  if (!added) {
    arena->exhausted = 1;
    return NULL;
  }
  arena->budget -= bytes;
  added->previous = arena->last;
  arena->last = added;
  return (uint8_t *)added->payload;
}

static void *take(void *context, size_t bytes) {
  vz_onnx_arena *arena = context;
  if (bytes > SIZE_MAX / 2) {
    arena->exhausted = 1;
    return NULL;
  }
  size_t rounded = (bytes + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
  if (rounded > arena->left) {
    if (rounded > arena->block_bytes / 4) return add_block(arena, rounded);
    uint8_t *fresh = add_block(arena, arena->block_bytes);
    if (!fresh) return NULL;
    arena->next = fresh;
    arena->left = arena->block_bytes;
    if (arena->block_bytes < LARGEST_BLOCK_BYTES) arena->block_bytes *= 2;
  }
  void *piece = arena->next;
  arena->next += rounded;
  arena->left -= rounded;
  return piece;
}

static void keep(void *context, void *piece) {
  (void)context;
  (void)piece;
}

Onnx__ModelProto *vz_onnx_model_unpack(vz_onnx_arena *arena, size_t byte_count, const uint8_t *bytes) {
  ProtobufCAllocator allocator = {.alloc = take, .free = keep, .allocator_data = arena};
  return onnx__model_proto__unpack(&allocator, byte_count, bytes);
}

Onnx__TensorProto *vz_onnx_tensor_unpack(vz_onnx_arena *arena, size_t byte_count, const uint8_t *bytes) {
  ProtobufCAllocator allocator = {.alloc = take, .free = keep, .allocator_data = arena};
  return onnx__tensor_proto__unpack(&allocator, byte_count, bytes);
}

const ProtobufCMessageDescriptor *vz_onnx_model_descriptor(void) { return &onnx__model_proto__descriptor; }
