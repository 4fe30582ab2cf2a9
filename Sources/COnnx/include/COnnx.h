#pragma once

#include <stddef.h>
#include <stdint.h>

#include "onnx.pb-c.h"

/* Memory that is handed out in pieces and given back as a whole. */
typedef struct vz_onnx_arena vz_onnx_arena;

/* An arena that refuses to grow beyond byte_limit; NULL when there is no memory at all. */
vz_onnx_arena *vz_onnx_arena_create(size_t byte_limit);
void vz_onnx_arena_destroy(vz_onnx_arena *arena);

/* The message encoded in bytes, living in the arena; NULL when it is malformed or exceeds the arena's limit. */
Onnx__ModelProto *vz_onnx_model_unpack(vz_onnx_arena *arena, size_t byte_count, const uint8_t *bytes);
Onnx__TensorProto *vz_onnx_tensor_unpack(vz_onnx_arena *arena, size_t byte_count, const uint8_t *bytes);

/* True when the arena has refused a request. */
int vz_onnx_arena_is_exhausted(const vz_onnx_arena *arena);

const ProtobufCMessageDescriptor *vz_onnx_model_descriptor(void);
