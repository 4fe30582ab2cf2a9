#pragma once
/* CKernels: everything that Swift and the kernel check may call. */
#include "vz_cpu.h"
#include "vz_pool.h"
#include "vz_activation.h"
#include "vz_table.h"
#include "vz_exec.h"
#include "vz_gemm.h"
#include "vz_conv.h"
#include "vz_conv_transpose.h"
