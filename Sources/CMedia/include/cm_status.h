#pragma once

/* How a call ended; `message` holds the library's own words unless CM_OK. */
typedef enum cm_status {
  CM_OK = 0,
  CM_TRUNCATED,   /* the data ends before the picture does */
  CM_CORRUPT,     /* the data contradicts itself */
  CM_UNSUPPORTED, /* well formed, but not something these shims decode */
  CM_NO_MEMORY,
} cm_status;

enum { CM_MESSAGE_BYTES = 256 };
