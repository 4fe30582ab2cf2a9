#include "cviseme_error.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local viseme_error last = {sizeof(viseme_error), VISEME_OK, "", "", "", ""};
/* The one block that holds the strings of `last`. */
static _Thread_local char *strings;

/* Frees `strings` when a thread ends. */
static pthread_key_t key;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static void make_key(void) { pthread_key_create(&key, free); }

static const char *append(char **end, const char *text) {
  size_t bytes = strlen(text) + 1;
  char *start = memcpy(*end, text, bytes);
  *end += bytes;
  return start;
}

viseme_status cviseme_set_error(viseme_status status, const char *message, const char *node, const char *operator_name,
                                const char *reason) {
  const char *texts[] = {message ? message : "", node ? node : "", operator_name ? operator_name : "",
                         reason ? reason : ""};
  size_t bytes = 0;
  for (size_t i = 0; i < 4; i++) bytes += strlen(texts[i]) + 1;
  char *block = malloc(bytes);
  last = (viseme_error){sizeof(viseme_error), status, "out of memory while reporting an error", "", "", ""};
  pthread_once(&key_once, make_key);
  if (block) {
    char *end = block;
    last.message = append(&end, texts[0]);
    last.node = append(&end, texts[1]);
    last.operator_name = append(&end, texts[2]);
    last.reason = append(&end, texts[3]);
  }
  free(strings);
  strings = block;
  pthread_setspecific(key, block);
  return status;
}

const viseme_error *viseme_last_error(void) { return &last; }

const char *viseme_status_name(viseme_status status) {
  switch (status) {
    case VISEME_OK: return "ok";
    case VISEME_UNSUPPORTED: return "unsupported";
    case VISEME_INVALID_MODEL: return "invalid model";
    case VISEME_INVALID_INPUT: return "invalid input";
    case VISEME_INVALID_ARGUMENT: return "invalid argument";
    case VISEME_MEMORY: return "memory";
    case VISEME_CANCELLED: return "cancelled";
    case VISEME_TIME: return "time";
    case VISEME_SYSTEM: return "system";
    default: return "unknown";
  }
}

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
const char *viseme_version(void) {
  return TEXT(VISEME_VERSION_MAJOR) "." TEXT(VISEME_VERSION_MINOR) "." TEXT(VISEME_VERSION_PATCH);
}

uint32_t viseme_abi_version(void) { return VISEME_ABI_VERSION; }
