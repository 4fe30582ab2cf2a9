#pragma once
#include <stddef.h>

/* Writes all `count` bytes, however often the descriptor takes only some of them, is interrupted, or is not ready.
   A reader that has gone away is EPIPE, never a SIGPIPE. Returns 0 or an errno. */
int cm_write_all(int descriptor, const void *bytes, size_t count);
