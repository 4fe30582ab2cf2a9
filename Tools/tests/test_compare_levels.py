"""The comparison between processors, on a program that only pretends to render."""

import subprocess
import sys

import pytest
from PIL import Image

from conftest import TOOLS

# Writes two grey frames, brighter by what the rules say for the processor or level; "next" is another grey every time.
PROGRAM = """#!/bin/sh
if [ "$1" = -cpu ]; then key=$2; else key=$VISEME_CPU; fi
while [ $# -gt 1 ]; do shift; [ "$1" != -o ] || out=$2; done
value=$(sed -n "s/^$key=//p" rules)
case ${value:=0} in
  crash) exit 3 ;;
  next) echo >>count; value=$(wc -l <count) ;;
esac
mkdir -p "$out"
cp "$value.jpg" "$out/frame_000001.jpg"
cp "$value.jpg" "$out/frame_000002.jpg"
"""


@pytest.fixture
def compare(tmp_path):
    program = tmp_path / "viseme"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    for value in range(10):
        Image.new("RGB", (16, 16), (100 + value,) * 3).save(tmp_path / f"{value}.jpg", quality=100)

    def run(**values: str) -> subprocess.CompletedProcess:
        rules = (f"{key.replace('_', '-')}={value}\n" for key, value in values.items())
        (tmp_path / "rules").write_text("".join(rules))
        return subprocess.run(
            [sys.executable, TOOLS / "reference" / "compare_levels.py", "--viseme", program, "--arm64", program,
             "--emulator", str(program), "--cpus", "cortex-a53", "max"],
            cwd=tmp_path, text=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=100)

    return run


def test_levels_that_agree_pass(compare):
    result = compare(max="1")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "x86 scalar: 2 frames, the same bytes again" in result.stdout
    assert "x86 scalar and arm64 max: PSNR at least 48.13 dB" in result.stdout
    assert result.stdout.splitlines()[-1].endswith(" passed, 0 failed")


def test_a_level_that_is_too_far_off_fails(compare):
    result = compare(max="9")
    assert result.returncode == 1 and "FAIL x86 scalar and arm64 max" in result.stdout, result.stdout


def test_a_level_that_changes_from_run_to_run_fails(compare):
    result = compare(scalar="next")
    assert result.returncode == 1 and "FAIL x86 scalar: 2 frames, the same bytes again" in result.stdout, result.stdout


def test_a_level_that_cannot_render_is_no_result(compare):
    result = compare(cortex_a53="crash")
    assert result.returncode == 2 and "arm64 scalar" in result.stderr, result.stderr
