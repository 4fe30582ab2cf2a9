"""Tools/bench/spills.py: the kernels that were built keep their sums in registers, and a kernel that does not is found."""

import platform
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, TOOLS

OBJECTS = ROOT / ".build" / "release" / "CKernels.build"
SCRIPT = TOOLS / "bench" / "spills.py"

# Forty sums in sixteen registers.
GREEDY = """
#include <immintrin.h>
__attribute__((target("avx2,fma"))) void greedy(const float *a, const float *b, float *c, long n) {
  __m256 sum[40];
#pragma clang loop unroll(full)
  for (int i = 0; i < 40; i++) sum[i] = _mm256_setzero_ps();
#pragma clang loop unroll(disable)
  for (; n; n--, a += 40) {
    __m256 w = _mm256_loadu_ps(b + 8 * n);
#pragma clang loop unroll(full)
    for (int i = 0; i < 40; i++) sum[i] = _mm256_fmadd_ps(w, _mm256_set1_ps(a[i]), sum[i]);
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 40; i++) _mm256_storeu_ps(c + 8 * i, sum[i]);
}
"""


def spills(*arguments):
    return subprocess.run([sys.executable, str(SCRIPT), *map(str, arguments)], capture_output=True, text=True, timeout=60)


@pytest.mark.skipif(not shutil.which("llvm-objdump"), reason="llvm-objdump is not installed")
@pytest.mark.skipif(not (OBJECTS / "gemm").exists(), reason="no release build of the kernels")
def test_the_kernels_do_not_spill():
    done = spills("--objects", OBJECTS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.split()[0]) > 20


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the kernel is written for x86-64")
@pytest.mark.skipif(not shutil.which("llvm-objdump") or not shutil.which("clang"), reason="clang is not installed")
def test_a_kernel_that_spills_is_found(tmp_path):
    (tmp_path / "greedy").mkdir()
    source = tmp_path / "greedy.c"
    source.write_text(GREEDY)
    subprocess.run(["clang", "-O2", "-c", source, "-o", tmp_path / "greedy" / "greedy.o"], check=True, timeout=60)
    done = spills("--objects", tmp_path, "--families", "greedy")
    assert done.returncode == 1 and "greedy" in done.stdout and "on the stack" in done.stdout
