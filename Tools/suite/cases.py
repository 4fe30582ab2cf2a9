"""The cases of ONNX's backend suite, made once and kept on disk.

Making them takes most of a minute, because the package computes the node cases when it is imported; a kept case is read
in a millisecond by the process that runs it.
"""

from __future__ import annotations

import json
import pickle
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

# What the format of kept cases is called; change it to make them anew.
FORMAT = 2


@dataclass
class Case:
    """One model with inputs and what its outputs must be."""

    name: str
    category: str
    model: bytes
    #: Inputs and outputs of each run: arrays, lists for sequences, None for empty optionals.
    runs: list[tuple[list[Any], list[Any]]]
    rtol: float = 1e-3
    atol: float = 1e-7
    #: Outputs that are random: only their type, shape and range say whether they are right.
    is_random: bool = False
    #: Operators of the graph and its subgraphs, domain in front where it is not ONNX's own.
    operators: list[str] = field(default_factory=list)
    opset: int = 0

    @property
    def key(self) -> str:
        return f"{self.category}/{self.name}"


class Store:
    """The kept cases of this release of ONNX."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / f"onnx-{onnx.__version__}-{FORMAT}"

    def keys(self) -> list[str]:
        """All cases, made first if they are not there yet."""
        index = self.folder / "index.json"
        if not index.exists():
            self._make(index)
        return json.loads(index.read_text())

    def path(self, key: str) -> Path:
        return self.folder / f"{key}.pickle"

    @staticmethod
    def read(path: Path) -> Case:
        with path.open("rb") as file:
            return pickle.load(file)

    def _make(self, index: Path) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        keys = []
        for case in all_cases():
            path = self.path(case.key)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                pickle.dump(case, file, pickle.HIGHEST_PROTOCOL)
            keys.append(case.key)
        partial = index.with_suffix(".partial")
        partial.write_text(json.dumps(sorted(keys)))
        partial.rename(index)


def all_cases() -> Iterator[Case]:
    """Every case of the installed `onnx` package."""
    from onnx.backend.test.loader import load_model_tests

    for test in load_model_tests(kind="node"):
        runs = [([_plain(x) for x in inputs], [_plain(x) for x in outputs]) for inputs, outputs in test.data_sets]
        yield _case(test.name, _node_category(test.name, test.model), test.model, runs, test.rtol, test.atol)
    for kind in ("simple", "pytorch-converted", "pytorch-operator"):
        for test in load_model_tests(kind=kind):
            model = onnx.load(Path(test.model_dir) / "model.onnx")
            folders = sorted(Path(test.model_dir).glob("test_data_set*"))
            yield _case(test.name, kind, model, [_recorded(model, x) for x in folders], test.rtol, test.atol)
    for test in load_model_tests(kind="real"):
        yield _real(test)


def _case(name: str, category: str, model: onnx.ModelProto, runs, rtol: float, atol: float) -> Case:
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    return Case(
        name.removeprefix("test_"), category, model.SerializeToString(), runs, rtol, atol, _is_random(name),
        sorted(_operators(model.graph)), opsets.get("", opsets.get("ai.onnx", 0)),
    )


def _is_random(name: str) -> bool:
    """Cases whose outputs are NumPy's random numbers, which no other generator makes."""
    return bool(re.match(r"test_bernoulli|test_training_dropout(?!_zero_ratio)", name))


def _node_category(name: str, model: onnx.ModelProto) -> str:
    domains = {node.domain for node in model.graph.node}
    if "_expanded" in name:
        return "node-expanded"
    if "ai.onnx.ml" in domains:
        return "node-ml"
    return "node-training" if "ai.onnx.preview.training" in domains else "node"


def _operators(graph: onnx.GraphProto) -> set[str]:
    found = set()
    for node in graph.node:
        found.add(f"{node.domain}.{node.op_type}" if node.domain else node.op_type)
        for attribute in node.attribute:
            for inner in [attribute.g, *attribute.graphs]:
                found |= _operators(inner)
    return found


def _plain(value: Any) -> Any:
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def _recorded(model: onnx.ModelProto, folder: Path) -> tuple[list[Any], list[Any]]:
    def read(kind: str, infos) -> list[Any]:
        count = len(list(folder.glob(f"{kind}_*.pb")))
        return [_message(folder / f"{kind}_{index}.pb", infos[index].type) for index in range(count)]

    return read("input", model.graph.input), read("output", model.graph.output)


def _message(path: Path, kind: onnx.TypeProto) -> Any:
    for name, message, convert in (
        ("sequence_type", onnx.SequenceProto, numpy_helper.to_list),
        ("optional_type", onnx.OptionalProto, numpy_helper.to_optional),
        ("tensor_type", onnx.TensorProto, numpy_helper.to_array),
    ):
        if kind.HasField(name):
            return convert(message.FromString(path.read_bytes()))
    raise ValueError(f"{path}: a value that is no tensor, sequence or optional")


def _real(test) -> Case:
    """One of the networks whose weights the model itself makes; its input is a ramp from 0 to 1."""
    path = Path(onnx.__file__).parent.parent / test.url
    model = onnx.load(path)
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = []
    for value in model.graph.input:
        if value.name not in weights:
            shape = [dim.dim_value or 1 for dim in value.type.tensor_type.shape.dim]
            count = int(np.prod(shape))
            inputs.append((np.arange(count).reshape(shape) / count).astype(np.float32))
    outputs = [
        numpy_helper.to_array(onnx.load_tensor(path.with_name(f"{path.stem}_output_{index}.pb")))
        for index in range(len(model.graph.output))
    ]
    return _case(test.name, "real", model, [(inputs, outputs)], test.rtol, test.atol)
