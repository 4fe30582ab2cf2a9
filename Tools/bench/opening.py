#!/usr/bin/env python3
"""Measures what opening a model and running it once costs: without a cache, from a warm one, and with --low-memory.

Each figure is of a process of its own, through the Python package: wall and processor time from the call that opens the
model to its first output, processor time of a later run (what the first would cost without opening), and peak memory
above what the process took before. Build the library first (swift build -c release --product VisemeC), or name one in
VISEME_LIBRARY.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "python")]

WAYS = {"no cache": {"cache_dir": ""}, "warm cache": {}, "low memory": {"cache_dir": "", "low_memory": True}}


def status(field: str) -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def open_once(model: str, threads: int, options: dict) -> dict:
    import numpy as np
    import viseme

    with np.load(Path(model).with_suffix(".npz")) as values:
        inputs = {name: np.ascontiguousarray(values[name], np.float32) for name in values.files}
    before, wall, processor = status("VmHWM"), time.perf_counter(), time.process_time()
    session = viseme.InferenceSession(model, threads=threads, **options)
    first = session.run(None, inputs)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    peak = status("VmHWM") - before
    outputs = [np.array(value) for value in first]
    again = []
    for _ in range(5):
        start = time.process_time()
        session.run(None, inputs, outputs)
        again.append(time.process_time() - start)
    return {"wall ms": round(1e3 * wall, 1), "processor ms": round(1e3 * processor, 1),
            "later run, processor ms": round(1e3 * min(again), 1), "peak MiB": round(peak, 1)}


def measure(model: Path, way: str, threads: int, cache: str) -> dict:
    options = {"cache_dir": cache, **WAYS[way]}
    done = subprocess.run([sys.executable, __file__, "--one", json.dumps([str(model), threads, options])],
                          capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="*", help="NAME.onnx, with NAME.npz beside it (graphs.py makes them)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3, help="processes for each figure; the least counts (default: 3)")
    parser.add_argument("--json", type=Path, help="also write everything to this file")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(open_once(*json.loads(options.one))))
        return
    from lib.machine import facts

    rows = []
    print("| graph | way | wall ms | processor ms | later run ms | peak MiB |\n|---|---|---|---|---|---|")
    for model in options.models:
        with tempfile.TemporaryDirectory() as cache:
            measure(model, "warm cache", options.threads, cache)  # writes it
            found = {way: [] for way in WAYS}
            for _ in range(options.rounds):
                for way in WAYS:
                    found[way].append(measure(model, way, options.threads, cache))
        for way, figures in found.items():
            row = {name: min(figure[name] for figure in figures) for name in figures[0]}
            rows.append({"graph": model.stem, "way": way, "threads": options.threads, **row})
            print(f"| {model.stem} | {way} | " + " | ".join(f"{value:.0f}" for value in row.values()) + " |", flush=True)
    if options.json:
        options.json.write_text(json.dumps({
            "what": __doc__.split("\n", 1)[0], **facts(),
            "load during the runs": [round(value, 2) for value in os.getloadavg()], "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
