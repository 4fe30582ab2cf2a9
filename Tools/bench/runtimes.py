#!/usr/bin/env python3
"""Times whole models in Viseme and in other runtimes: the same ONNX files, interleaved, one process each.

Every runtime opens the model once and waits on a pipe while the others run, so that they share no threads and no
allocator. Rounds visit them in random order; each visit repeats the model for a fraction of a second. Reported are the
least processor time (robust on a machine that others use as well), the least and the median wall time, the time to open
the model and run it once (ncnn and MNN: converted before), peak memory, and the largest difference from ONNX Runtime's
output relative to its largest magnitude.

Viseme is used through its Python package: build the library first (swift build -c release --product VisemeC), or name
one in VISEME_LIBRARY.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import shlex
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent))

from lib.machine import facts  # noqa: E402

GRAPHS = ("w2l_b1", "w2l_b16", "mobile160", "lp256_dec", "lp256", "unet32", "w2v_1s", "nerf64k")
PEERS = ("onnxruntime", "openvino", "ncnn", "mnn")
PACKAGES = {"onnxruntime": "onnxruntime", "openvino": "openvino", "ncnn": "ncnn", "mnn": "MNN"}


class Worker:
    """A process that has a model open; `failure` says why it has not."""

    def __init__(self, name: str, command: list[str]):
        self.name, self.wall, self.processor, self.failure = name, [], [], None
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        first = self.process.stdout.readline().split(maxsplit=1)
        if first and first[0] == "ready":
            self.opening_ms = float(first[1])
        else:
            self.failure = first[1].strip() if len(first) > 1 else "ended at start"

    def ask(self, question: str) -> str:
        try:
            self.process.stdin.write(question + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline().strip()
        except BrokenPipeError:
            answer = ""
        if not answer or answer.startswith("fail"):
            self.failure = answer[5:] or "ended while running"
        return answer

    def run(self, count: int) -> None:
        answer = self.ask(f"run {count}")
        if self.failure is None:
            for pair in answer.split():
                wall, processor = pair.split("/")
                self.wall.append(float(wall))
                self.processor.append(float(processor))

    def close(self) -> None:
        if self.process.poll() is None:
            try:
                self.process.stdin.write("quit\n")
                self.process.stdin.close()
            except BrokenPipeError:
                pass
        self.process.wait()


def convert(peer: str, model: Path, inputs: dict[str, np.ndarray], folder: Path) -> str | None:
    """Converts a model for peers that do not read ONNX; returns why that failed."""
    if peer == "ncnn" and not (folder / f"{model.stem}.ncnn.param").exists():
        found = importlib.util.find_spec("pnnx")
        if found is None:
            return "pnnx is not installed"
        link = folder / model.name
        if not link.exists():
            link.symlink_to(model.resolve())
        shapes = ",".join(f"[{','.join(map(str, value.shape))}]f32" for value in inputs.values())
        # Its package imports PyTorch; the program beside it does not.
        program = Path(found.origin).parent / "pnnx"
        log = subprocess.run([program, model.name, f"inputshape={shapes}", "fp16=0"], cwd=folder, capture_output=True)
        if not (folder / f"{model.stem}.ncnn.param").exists():
            return f"pnnx ended with status {log.returncode}"
    if peer == "mnn" and not (folder / f"{model.stem}.mnn").exists():
        # The native module: the package's console programs install and call telemetry.
        code = "import sys, MNN, _tools; _tools.mnnconvert(sys.argv)"
        log = subprocess.run([sys.executable, "-c", code, "-f", "ONNX", "--modelFile", str(model), "--MNNModel",
                              str(folder / f"{model.stem}.mnn"), "--bizCode", "bench"], capture_output=True)
        if not (folder / f"{model.stem}.mnn").exists():
            return f"the converter ended with status {log.returncode}"
    return None


def start(name: str, model: Path, inputs: Path, threads: int, options: argparse.Namespace) -> Worker:
    return Worker(name, [sys.executable, str(HERE / "runtime_workers.py"), name, str(model), str(inputs),
                         str(options.work), str(threads)])


def measure(model: Path, threads: int, options: argparse.Namespace) -> list[dict]:
    archive = model.with_suffix(".npz")
    with np.load(archive) as values:
        inputs = {name: np.ascontiguousarray(values[name], np.float32) for name in values.files}
    rows, workers, reference = [], [], None
    for name in options.runtimes:
        failure = convert(name, model, inputs, options.work)
        worker = None if failure else start(name, model, archive, threads, options)
        if failure is None and worker.failure is None:
            workers.append(worker)
        else:
            rows.append({"graph": model.stem, "threads": threads, "runtime": name, "failure": failure or worker.failure})
    for worker in workers:
        target = options.work / f"{model.stem}.{worker.name}.out"
        worker.ask(f"out {target}")
        worker.run(2)
    for worker in workers:
        worker.count = max(1, int(options.turn * 1e3 / min(worker.wall or [1e9])))
        worker.wall, worker.processor = [], []
    for _ in range(options.rounds):
        for worker in random.sample(workers, len(workers)):
            if worker.failure is None:
                worker.run(worker.count)
    if any(worker.name == "onnxruntime" for worker in workers):
        reference = np.fromfile(options.work / f"{model.stem}.onnxruntime.out", np.float32)
    for worker in workers:
        row = {"graph": model.stem, "threads": threads, "runtime": worker.name}
        if worker.failure is not None or not worker.wall:
            rows.append({**row, "failure": worker.failure})
            continue
        output = np.fromfile(options.work / f"{model.stem}.{worker.name}.out", np.float32)
        error = None
        if reference is not None and output.size == reference.size:
            error = float(np.abs(output - reference).max() / max(np.abs(reference).max(), 1e-30))
        rows.append({**row, "processor ms": round(min(worker.processor), 3), "wall ms": round(min(worker.wall), 3),
                     "median wall ms": round(statistics.median(worker.wall), 3), "runs": len(worker.wall),
                     "opening ms": round(worker.opening_ms, 1), "peak MiB": float(worker.ask("rss") or "nan"),
                     "error": error})
    for worker in workers:
        worker.close()
    return rows


def figure(row: dict) -> float | None:
    """What a row is judged by: processor time of one thread, wall time of several."""
    return row.get("processor ms" if row["threads"] == 1 else "wall ms")


def table(rows: list[dict], runtimes: list[str]) -> str:
    """Milliseconds by graph and runtime, and ours divided by the best of the others."""
    lines = ["| graph | threads | " + " | ".join(runtimes) + " | ours / best | error |",
             "|---" * (len(runtimes) + 4) + "|"]
    for graph, threads in dict.fromkeys((row["graph"], row["threads"]) for row in rows):
        known = {row["runtime"]: row for row in rows if (row["graph"], row["threads"]) == (graph, threads)}
        cells = []
        for name in runtimes:
            value = figure(known[name]) if name in known else None
            cells.append("–" if value is None else f"{value:.1f}")
        ours = figure(known["viseme"]) if "viseme" in known else None
        others = [figure(row) for name, row in known.items() if name != "viseme" and figure(row) is not None]
        ratio = f"{ours / min(others):.2f}" if ours is not None and others else "–"
        error = known.get("viseme", {}).get("error")
        lines.append(f"| {graph} | {threads} | " + " | ".join(cells) + f" | {ratio} | "
                     + (f"{error:.0e}" if error is not None else "–") + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", type=Path, default=ROOT / "out" / "graphs",
                        help="folder with NAME.onnx and NAME.npz, made by graphs.py (default: %(default)s)")
    parser.add_argument("--work", type=Path, default=ROOT / "out" / "runtimes",
                        help="folder for converted models and outputs (default: %(default)s)")
    parser.add_argument("--only", default=",".join(GRAPHS), help="graphs, separated by commas (default: all)")
    parser.add_argument("--runtimes", default="viseme," + ",".join(PEERS), help="default: %(default)s")
    parser.add_argument("--threads", default="1", help="numbers, separated by commas (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=8, help="visits to every runtime (default: %(default)s)")
    parser.add_argument("--turn", type=float, default=0.25, help="seconds of one visit (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="also write everything to this file")
    options = parser.parse_args()
    options.runtimes = options.runtimes.split(",")
    options.work.mkdir(parents=True, exist_ok=True)
    rows = []
    for graph in options.only.split(","):
        model = options.graphs / f"{graph}.onnx"
        if not model.exists():
            sys.exit(f"{model} does not exist; make it with: python Tools/bench/graphs.py --out {options.graphs}")
        for threads in map(int, options.threads.split(",")):
            found = measure(model, threads, options)
            for row in found:
                print(json.dumps(row), file=sys.stderr, flush=True)
            rows += found
    print(table(rows, options.runtimes))
    if options.json:
        packages = [PACKAGES[name] for name in options.runtimes if name in PACKAGES]
        known = [name for name in packages if importlib.util.find_spec(name) is not None]
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps({
            "what": __doc__.split("\n", 1)[0], "command": shlex.join(["Tools/bench/runtimes.py", *sys.argv[1:]]),
            **facts(*known), "load during the runs": [round(value, 2) for value in os.getloadavg()],
            "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
