#include "viseme_kernels.h"
