/* Closes the target region that a vz_simd_<isa>.h opened. */
#pragma clang attribute pop
