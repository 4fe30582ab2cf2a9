#!/usr/bin/env python3
"""Compares the frames of `viseme talk` between processors: every level of this x86-64 machine, and emulated ARM.

Every level renders the same few frames of the bundled head twice. The two renderings must be the same bytes, and the
frames of any two levels must reach the PSNR asked for. The last line is "N passed, N failed"; exit status 0 if none
failed, 2 if a level could not be rendered.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from compare_frames import psnr

# The flags in /proc/cpuinfo that a level stands for; see vz_cpu.h.
X86_LEVELS = {
    "scalar": set(),
    "avx2": {"avx2", "fma", "f16c"},
    "avx512": {"avx512f", "avx512bw", "avx512dq", "avx512vl"},
    "avx512vnni": {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni"},
}


class RenderingError(Exception):
    """A level has no frames; the message is for the user."""


@dataclass(frozen=True)
class Level:
    name: str
    command: tuple[str, ...]
    narrowed_to: str | None = None

    def render(self, arguments: list[str], out: Path) -> list[Path]:
        environment = {name: value for name, value in os.environ.items() if name != "VISEME_CPU"}
        if self.narrowed_to:
            environment["VISEME_CPU"] = self.narrowed_to
        command = [*self.command, "talk", *arguments, "-o", str(out)]
        if subprocess.run(command, env=environment, stdin=subprocess.DEVNULL).returncode != 0:
            raise RenderingError(f"{self.name}: this failed: {shlex.join(command)}")
        frames = sorted(out.glob("*.jpg"))
        if not frames:
            raise RenderingError(f"{self.name}: no frames were written")
        return frames


def cpu_flags() -> set[str]:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            return set(line.partition(":")[2].split())
    return set()


def levels(options: argparse.Namespace) -> list[Level]:
    flags = cpu_flags()
    here = [Level(f"x86 {name}", (str(options.viseme),), name)
            for name, needed in X86_LEVELS.items() if needed <= flags]
    emulator = shlex.split(options.emulator)
    boards = [Level(f"arm64 {cpu}", (*emulator, "-cpu", cpu, str(options.arm64))) for cpu in options.cpus]
    scalar = Level("arm64 scalar", (*emulator, "-cpu", options.cpus[0], str(options.arm64)), "scalar")
    return [*here, scalar, *boards]


def pictures(files: list[Path]) -> list[np.ndarray]:
    result = []
    for path in files:
        with Image.open(path) as image:
            result.append(np.asarray(image.convert("RGB")))
    return result


def least_psnr(a: list[np.ndarray], b: list[np.ndarray]) -> float:
    if len(a) != len(b):
        raise RenderingError(f"one level wrote {len(a)} frames, another {len(b)}")
    return min(psnr(one, other) for one, other in zip(a, b))


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="compare_levels.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viseme", type=Path, required=True, help="the program for this machine")
    parser.add_argument("--arm64", type=Path, required=True, help="the program for ARM")
    parser.add_argument("--emulator", required=True, help="what runs the program for ARM, as one word")
    parser.add_argument("--cpus", nargs="+", required=True, help="the processors that the emulator pretends to be")
    parser.add_argument("--start", type=float, default=1.0, help="seconds of the speech to skip (default: 1)")
    parser.add_argument("--duration", type=float, default=1.5, help="seconds of the speech to render (default: 1.5)")
    parser.add_argument("--fps", default="2", help="frames of each of them (default: 2)")
    parser.add_argument("--required", type=float, default=45.0, help="PSNR in decibels (default: 45)")
    return parser


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    talk = ["--start", str(options.start), "--duration", str(options.duration), "--fps", options.fps,
            "--quality", "100", "--chroma", "444", "--quiet"]
    passed = failed = 0

    def verdict(good: bool, what: str) -> None:
        nonlocal passed, failed
        passed, failed = passed + good, failed + (not good)
        print(f"{'ok  ' if good else 'FAIL'} {what}", flush=True)

    rendered: dict[str, list[np.ndarray]] = {}
    try:
        with tempfile.TemporaryDirectory() as scratch:
            for index, level in enumerate(levels(options)):
                first = level.render(talk, Path(scratch) / f"{index}a")
                second = level.render(talk, Path(scratch) / f"{index}b")
                same = [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
                verdict(same, f"{level.name}: {len(first)} frames, the same bytes again")
                rendered[level.name] = pictures(first)
        for one, other in itertools.combinations(rendered, 2):
            value = least_psnr(rendered[one], rendered[other])
            verdict(value >= options.required, f"{one} and {other}: PSNR at least {value:.2f} dB")
    except (RenderingError, OSError) as error:
        print(f"compare_levels.py: {error}", file=sys.stderr)
        return 2
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
