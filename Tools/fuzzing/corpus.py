"""The cases that mutations start from: ONNX's backend suite, the importer's fixtures, and ONNX Runtime's operators.

Tests/Fuzz/Case.swift says what the bytes of a case mean.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from suite.cases import Case, Store

from .contributed import contributed_models

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "Tests" / "ONNXFormatTests" / "Fixtures"
#: Larger ones are slow to run and to mutate, and have nothing in them that small ones do not.
BYTE_LIMIT = 16 << 10

# Values of an input's field `kind`.
TENSOR, SEQUENCE, OPTIONAL, EMPTY_SEQUENCE = range(4)
# The bit of a case's field `mode` that says to use its inputs.
RECORDED_INPUTS = 32


def make(folder: Path, store: Store) -> int:
    """Fills a folder with cases and returns their number. The same releases make the same files."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    count = 0
    for content in _all(store):
        if len(content) <= BYTE_LIMIT:
            (folder / hashlib.sha256(content).hexdigest()[:16]).write_bytes(content)
            count += 1
    return count


def _all(store: Store) -> Iterator[bytes]:
    for key in store.keys():
        case = store.read(store.path(key))
        if len(case.model) > BYTE_LIMIT:
            continue
        yield encode(case.model, case.runs[0][0])
        constant = _with_constant_inputs(case)
        if constant:
            yield encode(constant, [])
    for path in sorted(FIXTURES.glob("*.onnx")):
        yield encode(path.read_bytes(), [])
    for model, inputs in contributed_models():
        yield encode(model.SerializeToString(), inputs)


def _with_constant_inputs(case: Case) -> bytes | None:
    """The model with its inputs as constants, which takes other paths than values that are known only when it runs."""
    model = onnx.ModelProto.FromString(case.model)
    inputs = case.runs[0][0]
    if not inputs or len(inputs) != len(model.graph.input) or not all(isinstance(x, np.ndarray | np.generic) for x in inputs):
        return None
    for value, array in zip(model.graph.input, inputs, strict=True):
        model.graph.initializer.append(_tensor(array, value.name))
    del model.graph.input[:]
    return model.SerializeToString()


def encode(model: bytes, inputs: Iterable[Any], mode: int = RECORDED_INPUTS) -> bytes:
    parts = [_data(1, model)]
    parts += [_data(2, _input(value)) for value in inputs]
    return b"".join(parts) + b"\x18" + _varint(mode)


def _input(value: Any) -> bytes:
    if value is None:
        return b"\x08" + bytes([OPTIONAL])
    if isinstance(value, list):
        elements = [x for x in value if isinstance(x, np.ndarray | np.generic)]
        kind = SEQUENCE if elements else EMPTY_SEQUENCE
        return b"\x08" + bytes([kind]) + b"".join(_data(2, _tensor(x).SerializeToString()) for x in elements)
    return b"\x08" + bytes([TENSOR]) + _data(2, _tensor(value).SerializeToString())


def _tensor(value: Any, name: str | None = None) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(value), name)


def _data(field: int, content: bytes) -> bytes:
    return bytes([field << 3 | 2]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(encoded + bytes([value]))
