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
import onnx
import torch

from lib.machine import facts

from . import functions, networks, vision  # noqa: F401
from .blocks import BLOCKS

#: What each exporter is asked for.
EXPORTERS = (("legacy", 17), ("legacy", 20), ("dynamo", 18), ("dynamo", 20), ("dynamo", 23))
#: The newest opset, which no exporter writes: the exports of this one, taken there by onnx's version converter.
RAISED = ("dynamo", 23)
NEWEST = 28
TOLERANCE = 1e-4


def flattened(value: Any) -> list[np.ndarray]:
    if isinstance(value, (list, tuple)):
        return [array for item in value for array in flattened(item)]
    return [value.detach().numpy()]


def export(name: str, exporter: str, opset: int, path: Path) -> dict[str, np.ndarray]:
    """Exports a block to `path` and returns its inputs and PyTorch's outputs: the same for all exporters."""
    torch.manual_seed(7)
    network, inputs = BLOCKS[name]()
    network.eval()
    with torch.no_grad():
        wanted = flattened(network(*inputs))
    options = {"custom_translation_table": network.translations(opset)} if isinstance(network, vision.Vision) and exporter == "dynamo" else {}
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), torch.no_grad():
        torch.onnx.export(network, inputs, str(path), opset_version=opset, dynamo=exporter == "dynamo", **options)
    recorded = {f"input_{index}": x.numpy() for index, x in enumerate(inputs)}
    return recorded | {f"output_{index}": x for index, x in enumerate(wanted)}


def exported(name: str, exporter: str, opset: int, folder: Path) -> tuple[Path, list[np.ndarray], list[np.ndarray]]:
    """The file, made unless `folder` has it, the inputs, and PyTorch's outputs; raises where the exporter refuses."""
    path = folder / f"{name}-{exporter}-{opset}.onnx"
    record, refusal = path.with_suffix(".npz"), path.with_suffix(".txt")
    if not record.exists() and not refusal.exists():
        try:
            np.savez(record, **export(name, exporter, opset, path))
        except Exception as error:  # noqa: BLE001
            refusal.write_text(f"{type(error).__name__}: {' '.join(str(error).split())[:120]}")
    if refusal.exists():
        raise RuntimeError(refusal.read_text())
    with np.load(record) as arrays:
        counts = {kind: sum(key.startswith(kind) for key in arrays.files) for kind in ("input", "output")}
        inputs, wanted = ([arrays[f"{kind}_{index}"] for index in range(count)] for kind, count in counts.items())
    return path, inputs, wanted


def raised(path: Path) -> Path:
    """The same model in the newest opset."""
    result = path.with_name(f"{path.stem}-to-{NEWEST}.onnx")
    if not result.exists():
        onnx.save(onnx.version_converter.convert_version(onnx.load(path), NEWEST), result)
    return result


def deviation(wanted: list[np.ndarray], given: list[np.ndarray]) -> float:
    """The largest difference of an output, relative to the largest of its elements; infinite for another shape."""
    if len(wanted) != len(given):
        return float("inf")
    worst = 0.0
    for want, have in zip(wanted, given, strict=True):
        if want.shape != have.shape or want.dtype != have.dtype:
            return float("inf")
        want, have = want.astype(np.float64), have.astype(np.float64)
        same = (want == have) | (np.isnan(want) & np.isnan(have))
        if same.all():
            continue
        finite = np.abs(want[np.isfinite(want)])
        error = np.max(np.abs(want - have)[~same])
        worst = max(worst, float(error / max(np.max(finite, initial=0), 1e-6)) if np.isfinite(error) else float("inf"))
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
    # JSON has no infinity.
    return {"status": status, "deviation": float(f"{worst:.3g}") if np.isfinite(worst) else "another shape, type or infinity"}


def variants(name: str, folder: Path):
    """Every export of a block: its title, and its file with inputs and outputs or why there is none."""
    for exporter, opset in EXPORTERS:
        try:
            made = exported(name, exporter, opset, folder)
        except Exception as error:  # noqa: BLE001
            yield f"{exporter} {opset}", None, str(error)
            continue
        yield f"{exporter} {opset}", made, ""
        if (exporter, opset) == RAISED:
            title = f"{exporter} {opset} as {NEWEST}"
            try:
                yield title, (raised(made[0]), *made[1:]), ""
            except Exception as error:  # noqa: BLE001
                yield title, None, f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="Tools/conformance --torch", description=__doc__)
    parser.add_argument("--filter", default="", help="only blocks whose name has this in it")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--peer", action="store_true", help="run ONNX Runtime on the same files")
    parser.add_argument("--keep", type=Path, metavar="FOLDER",
                        help="keep the exports there, and use those that are; empty it when a block changes")
    parser.add_argument("--no-build", action="store_true", help="run the library that is there")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    runtimes = ["viseme", *(["onnxruntime"] if options.peer else [])]

    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name in BLOCKS:
            if options.filter not in name:
                continue
            for title, made, refusal in variants(name, folder):
                row = {"block": name, "exporter": title}
                rows.append(row)
                if made is None:
                    row["export"] = refusal
                    print(f"{name} {title}: not exported: {refusal}", flush=True)
                    continue
                for runtime in runtimes:
                    row[runtime] = outcome(runtime, *made)
                line = ", ".join(f"{r} {row[r]['status']} {row[r].get('deviation', row[r].get('reason'))}" for r in runtimes)
                print(f"{name} {title}: {line}", flush=True)

    done = [row for row in rows if "export" not in row]
    print()
    for runtime in runtimes:
        passed = sum(row[runtime]["status"] == "passed" for row in done)
        print(f"{runtime}: {passed} of {len(done)} exports agree with PyTorch ({len(rows)} tried)")
    if options.json:
        blocks = {"blocks": len({row["block"] for row in rows}), "tried": len(rows), "exported": len(done)}
        for runtime in runtimes:
            blocks[f"{runtime}_agree"] = sum(row[runtime]["status"] == "passed" for row in done)
        document = {**facts("torch", "onnx", "onnxscript"), "tolerance": TOLERANCE, **blocks, "exports": rows}
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    return 0 if all(row["viseme"]["status"] == "passed" for row in done) else 1


if __name__ == "__main__":
    sys.exit(main())
