#!/usr/bin/env python3
"""Compares the frames of `viseme talk` with those of ONNX Runtime and a NumPy host (ort_talk.py), pixel by pixel.

Both render the same head, portrait, speech and seed. viseme writes JPEG at quality 100 without chroma subsampling; the
reference stays uncompressed. Every frame must reach the PSNR asked for. Exit status: 0 if all do, 1 if not, 2 if the
comparison could not be made.
"""

from __future__ import annotations

import argparse
import json
import math
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent)]

from lib.machine import command_line, facts  # noqa: E402
from ort_talk import Talk  # noqa: E402

LOSSLESS = 99.0           # decibels reported for identical frames


class ComparisonError(Exception):
    """The two cannot be compared; the message is for the user."""


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Of two pictures of bytes, in decibels."""
    error = np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2)
    return LOSSLESS if error == 0 else min(LOSSLESS, 10 * math.log10(255**2 / error))


def talk_command(options: argparse.Namespace, out: Path) -> list[str]:
    command = [str(options.viseme), "talk", "--head", str(options.head), "-o", str(out), "--quality", "100",
               "--chroma", "444", "--seed", str(options.seed), "--threads", str(options.threads), "--quiet"]
    for name in ("portrait", "landmarks", "speech", "fps", "duration"):
        value = getattr(options, name)
        if value is not None:
            command += [f"--{name}", str(value)]
    return command


def compare(talk: Talk, files: list[Path], show=lambda done, total: None) -> list[dict]:
    """One row for each frame; fails when there are not as many files as frames."""
    if len(files) != talk.count:
        raise ComparisonError(f"viseme wrote {len(files)} frames, the reference has {talk.count}")
    rows = []
    for index, (path, expected) in enumerate(zip(files, talk.frames())):
        with Image.open(path) as image:
            actual = np.asarray(image.convert("RGB"))
        if actual.shape != expected.shape:
            raise ComparisonError(f"{path.name} is {actual.shape[1]} x {actual.shape[0]}, the reference "
                                  f"{expected.shape[1]} x {expected.shape[0]}")
        difference = np.abs(actual.astype(int) - expected)
        rows.append({"frame": index, "psnr": round(psnr(actual, expected), 3), "largest": int(difference.max())})
        show(index + 1, len(files))
    return rows


def summary(rows: list[dict], required: float) -> dict:
    values = [row["psnr"] for row in rows]
    return {
        "frames": len(rows),
        "psnr": {"least": min(values), "mean": round(sum(values) / len(values), 3), "required": required},
        "largest": max(row["largest"] for row in rows),
        "below": [row["frame"] for row in rows if row["psnr"] < required],
    }


class Progress:
    def __init__(self):
        self.last = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() - self.last > 5 or done == total:
            self.last = time.monotonic()
            print(f"compared {done} of {total} frames", file=sys.stderr)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="Tools/compare frames", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="examples:\n  Tools/compare frames\n  Tools/compare frames --head Graphs/wav2lip --duration 2 --json result.json\n",
    )
    parser.add_argument("--head", type=Path, default=ROOT / "Graphs" / "default", metavar="DIR")
    parser.add_argument("--viseme", type=Path, default=ROOT / ".build" / "release" / "viseme", metavar="PROGRAM")
    parser.add_argument("--portrait", type=Path, metavar="FILE", help="default: the head's own")
    parser.add_argument("--landmarks", type=Path, metavar="FILE", help="of a portrait that is given")
    parser.add_argument("--speech", type=Path, metavar="FILE", help="16 kHz; default: the head's own")
    parser.add_argument("--fps", type=float)
    parser.add_argument("--duration", type=float, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--required", type=float, default=45.0, metavar="DB", help="PSNR of every frame (default: 45)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep viseme's frames there")
    return parser


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            out = options.keep or Path(scratch) / "frames"
            if any(out.glob("*.jpg")):
                raise ComparisonError(f"there are frames in {out} already")
            command = talk_command(options, out)
            if subprocess.run(command, stdin=subprocess.DEVNULL).returncode != 0:
                raise ComparisonError(f"viseme failed: {shlex.join(command)}")
            talk = Talk(options.head, options.portrait, options.landmarks, options.speech, options.fps, options.seed,
                        options.duration)
            rows = compare(talk, sorted(out.glob("*.jpg")), Progress())
    except (ComparisonError, OSError, ValueError, KeyError) as error:
        print(f"compare_frames.py: {error}", file=sys.stderr)
        return 2
    result = summary(rows, options.required)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        report = {"command": command_line(command), **facts("numpy", "onnxruntime", "pillow"), **result, "rows": rows}
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf8")
    print(f"{result['frames']} frames: PSNR at least {result['psnr']['least']:.2f} dB, on average "
          f"{result['psnr']['mean']:.2f} dB; largest difference {result['largest']}")
    if result["below"]:
        print(f"{len(result['below'])} frames are below {options.required:g} dB, the first is {result['below'][0]}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
