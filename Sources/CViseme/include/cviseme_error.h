/* Where each thread keeps its last error. Not part of the interface. */
#ifndef CVISEME_ERROR_H
#define CVISEME_ERROR_H

#include "viseme.h"

/* Copies the strings; NULL stands for an empty one. Returns `status`. */
viseme_status cviseme_set_error(viseme_status status, const char *message, const char *node, const char *operator_name,
                                const char *reason);

#endif
