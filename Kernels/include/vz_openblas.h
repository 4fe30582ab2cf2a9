#pragma once
#include <stdbool.h>

/* True if the row product_f32 may use OpenBLAS: the library is installed and gave right answers to small products. It
   is looked for once, at the first use, and held to one thread: the threads are the pool's. */
bool vz_openblas_present(void);

/* Why OpenBLAS is not used: a static string, or NULL if it is. */
const char *vz_openblas_warning(void);
