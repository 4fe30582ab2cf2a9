"""Exports the blocks by PyTorch's exporters and compares their results with PyTorch's.

Run by Tools/conformance --torch; needs Tools/suite/requirements-torch.txt.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import logging
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lib.machine import facts

from .blocks import BLOCKS

#: What each exporter is asked for.
EXPORTERS = (("legacy", 17), ("legacy", 20), ("dynamo", 18), ("dynamo", 20), ("dynamo", 23))
TOLERANCE = 1e-4


def flattened(value: Any) -> list[np.ndarray]:
    if isinstance(value, (list, tuple)):
        return [array for item in value for array in flattened(item)]
    return [value.detach().numpy()]


def export(name: str, exporter: str, opset: int, folder: Path):
    """The exported file, the inputs, and PyTorch's outputs; the same weights and inputs for all exporters."""
    torch.manual_seed(7)
    network, inputs = BLOCKS[name]()
    network.eval()
    with torch.no_grad():
        wanted = flattened(network(*inputs))
    path = folder / f"{name}-{exporter}-{opset}.onnx"
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), torch.no_grad():
        torch.onnx.export(network, inputs, str(path), opset_version=opset, dynamo=exporter == "dynamo")
    return path, [x.numpy() for x in inputs], wanted


def deviation(wanted: list[np.ndarray], given: list[np.ndarray]) -> float:
    """The largest difference of an output, relative to the largest of its elements; infinite for another shape."""
    if len(wanted) != len(given):
        return float("inf")
    worst = 0.0
    for want, have in zip(wanted, given, strict=True):
        if want.shape != have.shape or want.dtype != have.dtype:
            return float("inf")
        want, have = want.astype(np.float64), have.astype(np.float64)
        if want.size:
            worst = max(worst, float(np.max(np.abs(want - have)) / max(np.max(np.abs(want)), 1e-6)))
    return worst


def tolerance(wanted: list[np.ndarray]) -> float:
    """Half-precision results are as right as their type allows."""
    return 2e-3 if any(array.dtype == np.float16 for array in wanted) else TOLERANCE


def run_on(runtime: str, path: Path, inputs: list[np.ndarray]) -> list[np.ndarray]:
    if runtime == "viseme":
        from viseme import InferenceSession

        session = InferenceSession(path)
    else:
        import onnxruntime

        onnxruntime.set_default_logger_severity(4)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    # An exporter may leave out an input that is not used.
    names = [argument.name for argument in session.get_inputs()]
    return session.run(None, dict(zip(names, inputs, strict=False)))


def outcome(runtime: str, path: Path, inputs, wanted) -> dict:
    try:
        worst = deviation(wanted, run_on(runtime, path, inputs))
    except Exception as error:  # noqa: BLE001
        return {"status": "failed", "reason": " ".join(str(error).split())[:200].replace(str(path), path.name)}
    status = "passed" if worst <= tolerance(wanted) else "failed"
    return {"status": status, "deviation": float(f"{worst:.3g}")}


def main() -> int:
    parser = argparse.ArgumentParser(prog="Tools/conformance --torch", description=__doc__)
    parser.add_argument("--filter", default="", help="only blocks whose name has this in it")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--peer", action="store_true", help="run ONNX Runtime on the same files")
    parser.add_argument("--no-build", action="store_true", help="run the library that is there")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    runtimes = ["viseme", *(["onnxruntime"] if options.peer else [])]

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in BLOCKS:
            if options.filter not in name:
                continue
            for exporter, opset in EXPORTERS:
                row = {"block": name, "exporter": f"{exporter} {opset}"}
                rows.append(row)
                try:
                    path, inputs, wanted = export(name, exporter, opset, Path(folder))
                except Exception as error:  # noqa: BLE001
                    row["export"] = f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"
                    continue
                for runtime in runtimes:
                    row[runtime] = outcome(runtime, path, inputs, wanted)
                line = ", ".join(f"{r} {row[r]['status']} {row[r].get('deviation', row[r].get('reason'))}" for r in runtimes)
                print(f"{name} {exporter} {opset}: {line}", flush=True)

    exported = [row for row in rows if "export" not in row]
    print()
    for runtime in runtimes:
        passed = sum(row[runtime]["status"] == "passed" for row in exported)
        print(f"{runtime}: {passed} of {len(exported)} exports agree with PyTorch ({len(rows)} tried)")
    if options.json:
        document = {**facts("torch", "onnx", "onnxscript"), "tolerance": TOLERANCE, "exports": rows}
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    return 0 if all(row["viseme"]["status"] == "passed" for row in exported) else 1


if __name__ == "__main__":
    sys.exit(main())
