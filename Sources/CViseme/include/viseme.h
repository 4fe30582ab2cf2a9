/* The C interface of Viseme, an embedded ONNX runtime. Link with -lviseme (pkg-config: viseme).
 *
 *     viseme_model *model;
 *     viseme_session *session;
 *     if (viseme_model_open("model.onnx", NULL, &model)) puts(viseme_last_error()->message);
 *     viseme_session_create(model, NULL, &session);
 *     viseme_value *x, *y = NULL;
 *     viseme_tensor_wrap(VISEME_FLOAT, 2, (int64_t[]){1, 4}, pixels, sizeof pixels, &x);
 *     viseme_session_run(session, NULL, 1, (const char *[]){"x"}, &x, 1, (const char *[]){"y"}, &y);
 *
 * Handles. A handle is made by a function with `out` as its last parameter and given back with its `_destroy`, which
 * takes NULL as well. Order does not matter: a session keeps its model alive, a binding its session and values, a
 * sequence its elements. On failure `*out` is NULL.
 *
 * Errors. Functions that can fail return a status, 0 for success; `viseme_last_error` then says more.
 *
 * Threads. A model is immutable: any number of threads may use one at the same time, each with a session of its own. A
 * session, with its bindings, is used by one thread at a time; only `viseme_session_cancel` may be called from any
 * thread at any time while the session lives. A value may be read by any number of threads while nobody writes its
 * bytes. Errors are kept for each thread. No function installs signal handlers or changes the locale, the environment
 * or the floating-point mode.
 *
 * Structures that callers fill start with `struct_size`; set it with the `_INIT` macro. Fields may be added at the end
 * of structures, and functions and constants be added, without a new VISEME_ABI_VERSION.
 */
#ifndef VISEME_H
#define VISEME_H

#include <stddef.h>
#include <stdint.h>

#define VISEME_VERSION_MAJOR 0
#define VISEME_VERSION_MINOR 1
#define VISEME_VERSION_PATCH 0
/* Grows when a caller compiled with an older header would no longer work. */
#define VISEME_ABI_VERSION 1

#if defined(__GNUC__) || defined(__clang__)
#define VISEME_API __attribute__((visibility("default")))
#else
#define VISEME_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library that is loaded, as in "0.1.0", and the VISEME_ABI_VERSION it was built with. */
VISEME_API const char *viseme_version(void);
VISEME_API uint32_t viseme_abi_version(void);

/* ------------------------------------------------------------------------------------------------------- errors */

typedef int32_t viseme_status;
enum {
  VISEME_OK = 0,
  VISEME_UNSUPPORTED = 1,      /* correct ONNX that Viseme does not implement */
  VISEME_INVALID_MODEL = 2,    /* not an ONNX model, or not a correct one */
  VISEME_INVALID_INPUT = 3,    /* inputs that do not fit the model, or whose contents it cannot take */
  VISEME_INVALID_ARGUMENT = 4, /* a call that breaks this interface's rules: a null pointer, an unknown name */
  VISEME_MEMORY = 5,           /* more memory than the limit allows */
  VISEME_CANCELLED = 6,        /* viseme_session_cancel was called */
  VISEME_TIME = 7,             /* the run took longer than its limit */
  VISEME_SYSTEM = 8            /* a file that cannot be read or written */
};

/* What went wrong. No string is NULL; those that do not apply are empty. */
typedef struct viseme_error {
  size_t struct_size;
  viseme_status status;
  const char *message;       /* one line: file, node, reason, what to do */
  const char *node;          /* the node that failed, as its label: its name, or operator and first output */
  const char *operator_name; /* "Conv"; with the domain in front where it is not ONNX's own: "com.microsoft.FusedConv" */
  const char *reason;        /* the message without its place */
} viseme_error;

/* The error of the last call on this thread that failed; never NULL. Valid until the next one fails. */
VISEME_API const viseme_error *viseme_last_error(void);
/* The name of a status, such as "unsupported". */
VISEME_API const char *viseme_status_name(viseme_status status);

/* -------------------------------------------------------------------------------------------------------- values */

/* Element types, numbered as in onnx.TensorProto.DataType. Types below 8 bits are packed, the first element in the
   lowest bits; bool takes a byte that is 0 or 1. */
typedef int32_t viseme_element_type;
enum {
  VISEME_UNDEFINED = 0,
  VISEME_FLOAT = 1,
  VISEME_UINT8 = 2,
  VISEME_INT8 = 3,
  VISEME_UINT16 = 4,
  VISEME_INT16 = 5,
  VISEME_INT32 = 6,
  VISEME_INT64 = 7,
  VISEME_STRING = 8,
  VISEME_BOOL = 9,
  VISEME_FLOAT16 = 10,
  VISEME_DOUBLE = 11,
  VISEME_UINT32 = 12,
  VISEME_UINT64 = 13,
  VISEME_COMPLEX64 = 14,
  VISEME_COMPLEX128 = 15,
  VISEME_BFLOAT16 = 16,
  VISEME_FLOAT8E4M3FN = 17,
  VISEME_FLOAT8E4M3FNUZ = 18,
  VISEME_FLOAT8E5M2 = 19,
  VISEME_FLOAT8E5M2FNUZ = 20,
  VISEME_UINT4 = 21,
  VISEME_INT4 = 22,
  VISEME_FLOAT4E2M1 = 23,
  VISEME_FLOAT8E8M0 = 24,
  VISEME_UINT2 = 25,
  VISEME_INT2 = 26
};

typedef int32_t viseme_kind;
enum { VISEME_UNKNOWN = 0, VISEME_TENSOR = 1, VISEME_SEQUENCE = 2, VISEME_OPTIONAL = 3 };

/* A tensor, a sequence or an optional. */
typedef struct viseme_value viseme_value;

typedef struct viseme_tensor_info {
  size_t struct_size;
  viseme_element_type element_type;
  size_t rank;
  const int64_t *dims; /* [rank], outermost first */
  size_t count;        /* elements */
  void *data;          /* row-major and dense; NULL for strings */
  size_t byte_count;
} viseme_tensor_info;
#define VISEME_TENSOR_INFO_INIT {sizeof(viseme_tensor_info), 0, 0, NULL, 0, NULL, 0}

/* A tensor over the caller's memory, which is not copied and must stay until the value is destroyed. It may be an input
   and, where it is writable, an output. Alignment to the element's size is enough; to 64 bytes is best. */
VISEME_API viseme_status viseme_tensor_wrap(viseme_element_type type, size_t rank, const int64_t *dims, void *data,
                                            size_t byte_count, viseme_value **out);
/* A tensor of zeros with memory of its own, aligned to 64 bytes. */
VISEME_API viseme_status viseme_tensor_create(viseme_element_type type, size_t rank, const int64_t *dims,
                                              viseme_value **out);
/* A tensor of strings, which are copied: UTF-8, `lengths[i]` bytes each, or up to their zero where `lengths` is NULL. */
VISEME_API viseme_status viseme_tensor_create_strings(size_t rank, const int64_t *dims, const char *const *strings,
                                                      const size_t *lengths, viseme_value **out);
/* A sequence of `count` values, which it shares. `element_type` is that of its tensors; it matters when `count` is 0. */
VISEME_API viseme_status viseme_sequence_create(viseme_element_type element_type, size_t count,
                                                viseme_value *const *elements, viseme_value **out);
/* An optional that holds `element`, or nothing where that is NULL; then `kind` and `element_type` say of what. */
VISEME_API viseme_status viseme_optional_create(viseme_value *element, viseme_kind kind,
                                                viseme_element_type element_type, viseme_value **out);
VISEME_API void viseme_value_destroy(viseme_value *value);

VISEME_API viseme_kind viseme_value_kind(const viseme_value *value);
/* Describes a tensor. Pointers stay valid while the value lives; `data` may be written unless a run is using it. */
VISEME_API viseme_status viseme_tensor_describe(viseme_value *value, viseme_tensor_info *info);
/* Element `index` of a tensor of strings: UTF-8, followed by a zero. Valid while the value lives. */
VISEME_API viseme_status viseme_tensor_string(viseme_value *value, size_t index, const char **text, size_t *length);
/* The elements of a sequence, or 0 or 1 for an optional. 0 for a tensor. */
VISEME_API size_t viseme_value_count(const viseme_value *value);
/* Element `index` of a sequence or optional, as a handle of its own that shares the contents. */
VISEME_API viseme_status viseme_value_element(const viseme_value *value, size_t index, viseme_value **out);

/* -------------------------------------------------------------------------------------------------------- models */

typedef struct viseme_model viseme_model;

typedef struct viseme_model_options {
  size_t struct_size;
  int32_t threads;      /* of each session, the caller's included; 0: one for each core (big cores, where they differ) */
  int32_t is_reference; /* not 0: every operator by its scalar reference, without optimization */
  uint64_t memory_limit_bytes; /* for weights and one session's values together; 0: three quarters of the machine's */
  /* A folder that keeps packed weights, so that the next process opens the model sooner; "auto": the user's own
     ($XDG_CACHE_HOME/viseme or ~/.cache/viseme); "": none; NULL: what the environment's VISEME_CACHE says, or none.
     Files in it that are damaged or of another model are packed anew; what cannot be written is left. */
  const char *cache_directory;
  int32_t is_low_memory; /* not 0: packs weights into no more memory than the model's, even if more would be faster */
} viseme_model_options;
#define VISEME_MODEL_OPTIONS_INIT {sizeof(viseme_model_options), 1, 0, 0, NULL, 0}

/* What a model says of an input or output. */
typedef struct viseme_value_info {
  size_t struct_size;
  const char *name;
  const char *type; /* as in "tensor(float)", "seq(tensor(int64))", "optional(seq(tensor(bool)))" */
  viseme_kind kind;
  viseme_element_type element_type; /* of the tensor inside, or VISEME_UNDEFINED where the model does not say */
  int32_t rank;                     /* of the tensor inside; -1 where the model does not say */
  const int64_t *dims;              /* [rank]; -1 where an extent is open */
  const char *const *dim_names;     /* [rank]; the name of an open extent, or NULL */
} viseme_value_info;
#define VISEME_VALUE_INFO_INIT {sizeof(viseme_value_info), NULL, NULL, 0, 0, 0, NULL, NULL}

/* Opens an .onnx file; its weights stay in the mapped file until they are packed. `options` may be NULL. */
VISEME_API viseme_status viseme_model_open(const char *path, const viseme_model_options *options, viseme_model **out);
/* Reads an encoded model, which is copied. Without `base_directory` it must not have external data. */
VISEME_API viseme_status viseme_model_read(const void *bytes, size_t byte_count, const char *base_directory,
                                           const viseme_model_options *options, viseme_model **out);
VISEME_API void viseme_model_destroy(viseme_model *model);

VISEME_API size_t viseme_model_input_count(const viseme_model *model);
VISEME_API size_t viseme_model_output_count(const viseme_model *model);
/* Describes an input or output; pointers stay valid while the model lives. */
VISEME_API viseme_status viseme_model_input(const viseme_model *model, size_t index, viseme_value_info *info);
VISEME_API viseme_status viseme_model_output(const viseme_model *model, size_t index, viseme_value_info *info);

/* ------------------------------------------------------------------------------------------------------ sessions */

typedef struct viseme_session viseme_session;

typedef struct viseme_session_options {
  size_t struct_size;
} viseme_session_options;
#define VISEME_SESSION_OPTIONS_INIT {sizeof(viseme_session_options)}

typedef struct viseme_run_options {
  size_t struct_size;
  double time_limit_seconds; /* 0: none */
} viseme_run_options;
#define VISEME_RUN_OPTIONS_INIT {sizeof(viseme_run_options), 0}

/* Starts the session's threads. `options` may be NULL. */
VISEME_API viseme_status viseme_session_create(viseme_model *model, const viseme_session_options *options,
                                               viseme_session **out);
VISEME_API void viseme_session_destroy(viseme_session *session);

/* Runs the model. Inputs are found by name; a NULL input is one that is left out, where the model allows it.
 *
 * Where `outputs[i]` is NULL, the run makes a value and stores it there, to be destroyed by the caller. Otherwise it must
 * be a tensor of the right type and shape that overlaps no input and no other output, and the result is written to it.
 * When the run fails, values it would have made stay NULL, and what given tensors hold is undefined.
 */
VISEME_API viseme_status viseme_session_run(viseme_session *session, const viseme_run_options *options,
                                            size_t input_count, const char *const *input_names,
                                            viseme_value *const *inputs, size_t output_count,
                                            const char *const *output_names, viseme_value **outputs);

/* Ends the run that is under way, which then returns VISEME_CANCELLED; without effect when there is none. From any
   thread. */
VISEME_API void viseme_session_cancel(viseme_session *session);

/* ------------------------------------------------------------------------------------------------------ bindings */

/* Inputs and outputs of a session that stay where they are: for loops that must not allocate. */
typedef struct viseme_binding viseme_binding;

/* Prepares runs from these inputs into these outputs, all of them tensors: `inputs` in the model's order, `outputs` in
   the model's order too, NULL where the binding shall make the tensor itself. VISEME_UNSUPPORTED for a model with shapes
   that depend on the contents of its inputs, or with values that are not tensors of numbers: use viseme_session_run. */
VISEME_API viseme_status viseme_binding_create(viseme_session *session, size_t input_count, viseme_value *const *inputs,
                                               size_t output_count, viseme_value *const *outputs, viseme_binding **out);
VISEME_API void viseme_binding_destroy(viseme_binding *binding);
/* Computes the outputs from what the inputs hold now. Allocates nothing unless there is a time limit. */
VISEME_API viseme_status viseme_binding_run(viseme_binding *binding, const viseme_run_options *options);
/* Output `index` of the binding, as a handle of its own that shares the memory the runs write to. */
VISEME_API viseme_status viseme_binding_output(viseme_binding *binding, size_t index, viseme_value **out);

#ifdef __cplusplus
}
#endif

#endif
