#!/usr/bin/env python3
"""Times `viseme talk` against the same pipeline on ONNX Runtime in Python (NumPy and OpenCV), one thread each.

Both turn the same speech and portrait into JPEG files in a folder. They run alternately, in pairs, and every ratio is
taken within a pair, so that a machine that is busy for a while does not favour either. Reported for each: frames per
second of the whole program and once it runs, time until the first file is there, processor time, peak memory.
"""

# Kept free of large imports: a child's peak memory counts from the size of the process that starts it.

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent))

from lib.machine import command_line, facts  # noqa: E402

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
CONTENDERS = ("viseme", "onnxruntime")
POLL_SECONDS = 0.001


class MeasurementError(Exception):
    """A program did not do its work; the message is for the user."""


@dataclass(frozen=True)
class Run:
    frames: int
    seconds: float
    first_frame_seconds: float
    cpu_seconds: float
    peak_mib: float

    @property
    def fps(self) -> float:
        return self.frames / self.seconds

    @property
    def steady_fps(self) -> float:
        """Frames per second after the first."""
        return (self.frames - 1) / max(self.seconds - self.first_frame_seconds, 1e-9)


def measure(command: list[str], out: Path) -> Run:
    """Runs a command that writes JPEG files into `out`."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               env={**os.environ, **ONE_THREAD})
    first, pid = None, 0
    while pid == 0:
        if first is None and out.is_dir() and any(name.endswith(".jpg") for name in os.listdir(out)):
            first = time.perf_counter() - started
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid == 0:
            time.sleep(POLL_SECONDS)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    errors = process.stderr.read().decode(errors="replace").strip()
    process.stderr.close()
    frames = len(list(out.glob("*.jpg"))) if out.is_dir() else 0
    if process.returncode != 0 or frames == 0:
        raise MeasurementError(f"status {process.returncode}, {frames} frames from: {shlex.join(command)}\n{errors}")
    return Run(frames, seconds, seconds if first is None else first, usage.ru_utime + usage.ru_stime,
               usage.ru_maxrss / 1024)


def commands(options: argparse.Namespace) -> dict[str, list[str]]:
    """What each contender is started with, without the folder for its frames."""
    shared = ["--head", str(options.head), "--seed", "0", "--quality", str(options.quality)]
    for name in ("portrait", "landmarks", "speech", "duration"):
        value = getattr(options, name)
        if value is not None:
            shared += [f"--{name}", str(value)]
    return {
        "viseme": [str(options.viseme), "talk", *shared, "--threads", "1", "--quiet"],
        "onnxruntime": [sys.executable, str(HERE.parent / "reference" / "ort_talk.py"), "--fast", *shared],
    }


def run_pairs(programs: dict[str, list[str]], pairs: int) -> list[dict[str, Run]]:
    """Each pair in the order opposite to the one before; a first one warms the files and is not counted."""
    results = []
    for index in range(-1, pairs):
        pair = {}
        for name in CONTENDERS if index % 2 == 0 else CONTENDERS[::-1]:
            with tempfile.TemporaryDirectory() as scratch:
                out = Path(scratch) / "frames"
                pair[name] = measure([*programs[name], "-o", str(out)], out)
        if len({run.frames for run in pair.values()}) != 1:
            raise MeasurementError(f"the contenders wrote different numbers of frames: {pair}")
        if index >= 0:
            results.append(pair)
            print(f"pair {index + 1} of {pairs}: " + ", ".join(f"{name} {run.fps:.1f} frames/s"
                                                               for name, run in pair.items()), file=sys.stderr)
    return results


# How many times better viseme is, within one pair.
RATIOS = {
    "frames per second": lambda ours, theirs: ours.fps / theirs.fps,
    "frames per second, running": lambda ours, theirs: ours.steady_fps / theirs.steady_fps,
    "time to first frame": lambda ours, theirs: theirs.first_frame_seconds / ours.first_frame_seconds,
    "processor time": lambda ours, theirs: theirs.cpu_seconds / ours.cpu_seconds,
    "peak memory": lambda ours, theirs: theirs.peak_mib / ours.peak_mib,
}


def spread(values: list[float]) -> dict[str, float]:
    return {"median": round(statistics.median(values), 3), "least": round(min(values), 3),
            "most": round(max(values), 3)}


def summary(results: list[dict[str, Run]]) -> dict:
    def of(name: str, key) -> dict[str, float]:
        return spread([key(pair[name]) for pair in results])

    return {
        "pairs": len(results),
        "frames": results[0]["viseme"].frames,
        "programs": {
            name: {
                "frames per second": of(name, lambda run: run.fps),
                "frames per second, running": of(name, lambda run: run.steady_fps),
                "time to first frame, s": of(name, lambda run: run.first_frame_seconds),
                "processor time, s": of(name, lambda run: run.cpu_seconds),
                "peak memory, MiB": of(name, lambda run: run.peak_mib),
            } for name in CONTENDERS
        },
        "times better": {name: spread([ratio(pair["viseme"], pair["onnxruntime"]) for pair in results])
                         for name, ratio in RATIOS.items()},
    }


def table(result: dict) -> str:
    ours, theirs = (result["programs"][name] for name in CONTENDERS)
    lines = [f"{'':28}{'viseme':>10}{'ORT':>10}   times better (least … most)"]
    for (label, mine), other, ratio in zip(ours.items(), theirs.values(), result["times better"].values()):
        lines.append(f"{label:28}{mine['median']:10.2f}{other['median']:10.2f}   {ratio['median']:.2f} "
                     f"({ratio['least']:.2f} … {ratio['most']:.2f})")
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="Tools/compare speed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  Tools/compare speed --pairs 7 --json Tools/bench/results/talk.json\n",
    )
    parser.add_argument("--head", type=Path, default=ROOT / "Graphs" / "default", metavar="DIR")
    parser.add_argument("--viseme", type=Path, default=ROOT / ".build" / "release" / "viseme", metavar="PROGRAM")
    parser.add_argument("--portrait", type=Path, metavar="FILE", help="default: the head's own")
    parser.add_argument("--landmarks", type=Path, metavar="FILE", help="of a portrait that is given")
    parser.add_argument("--speech", type=Path, metavar="FILE", help="16 kHz; default: the head's own")
    parser.add_argument("--duration", type=float, metavar="SECONDS")
    parser.add_argument("--quality", type=int, default=90, help="of the JPEG files (default: 90)")
    parser.add_argument("--pairs", type=int, default=5, help="runs of each (default: 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    return parser


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    if options.pairs < 1:
        parser().error("--pairs must be at least 1")
    programs = commands(options)
    try:
        results = run_pairs(programs, options.pairs)
    except (MeasurementError, OSError) as error:
        print(f"talk_vs_onnxruntime.py: {error}", file=sys.stderr)
        return 1
    result = summary(results)
    print(table(result))
    if options.json:
        report = {
            "commands": {name: command_line(command) for name, command in programs.items()},
            **facts("numpy", "onnxruntime", "opencv-python-headless"), **result,
            "runs": [{name: asdict(run) for name, run in pair.items()} for pair in results],
        }
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
