"""The runtimes that cases run on: each turns a model and inputs into outputs."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from viseme import _dtypes


class Unsupported(Exception):
    """The runtime says that it does not implement something in the model."""


class Viseme:
    name = "viseme"

    def __init__(self) -> None:
        import viseme

        self._viseme = viseme
        self.version = viseme.version()

    def run(self, model: bytes, inputs: list[Any]) -> list[Any]:
        try:
            session = self._viseme.InferenceSession(model)
            names = [argument.name for argument in session.get_inputs()]
            return session.run(None, dict(zip(names, inputs, strict=False)))
        except self._viseme.UnsupportedOperator as error:
            raise Unsupported(str(error)) from error


class OnnxRuntime:
    name = "onnxruntime"

    def __init__(self) -> None:
        import onnxruntime

        self._runtime = onnxruntime
        onnxruntime.set_default_logger_severity(4)
        self.version = onnxruntime.__version__

    def run(self, model: bytes, inputs: list[Any]) -> list[Any]:
        options = self._runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            session = self._runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            if "NOT_IMPLEMENTED" in str(error) or "is not a registered" in str(error) or "till opset" in str(error):
                raise Unsupported(str(error)) from error
            raise
        feeds = {arg.name: x for arg, x in zip(session.get_inputs(), inputs, strict=False)}
        narrow = any(_is_narrow(arg.type) for arg in [*session.get_inputs(), *session.get_outputs()])
        if not narrow or any(not isinstance(x, np.ndarray) for x in inputs):
            return session.run(None, feeds)
        values = {name: self._value(x) for name, x in feeds.items()}
        return [self._array(x) for x in session.run_with_ort_values(None, values)]

    def _value(self, array: np.ndarray):
        """A typed value; its Python package has no way from an array to most of them."""
        number = _dtypes.number(array.dtype)
        make = self._runtime.OrtValue
        if number == _dtypes.STRING:
            return make.ortvalue_from_numpy(array)
        value = make.ortvalue_from_shape_and_type(list(array.shape), number, "cpu")
        width = _dtypes.bits(number)
        data = np.ascontiguousarray(array) if width is None else _dtypes.pack(np.ascontiguousarray(array), width)
        if data.nbytes:
            ctypes.memmove(value.data_ptr(), data.ctypes.data, data.nbytes)
        return value

    @staticmethod
    def _array(value) -> Any:
        number = value.element_type() if value.is_tensor() else 0
        if not number or number == _dtypes.STRING:
            return value.numpy()
        shape, width = tuple(value.shape()), _dtypes.bits(number)
        count = int(np.prod(shape))
        size = -(-count * width // 8) if width else count * _dtypes.dtype(number).itemsize
        memory = np.frombuffer(ctypes.string_at(value.data_ptr(), size), np.uint8) if size else np.empty(0, np.uint8)
        if width:
            return _dtypes.unpack(memory, width, number, shape)
        return memory.view(_dtypes.dtype(number)).reshape(shape)


def _is_narrow(kind: str) -> bool:
    return any(name in kind for name in ("float8", "bfloat16", "int4", "float4", "int2"))


class OpenVINO:
    name = "openvino"

    def __init__(self) -> None:
        import openvino

        self._openvino = openvino
        self._core = openvino.Core()
        self._core.set_property("CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1})
        self.version = openvino.__version__

    def run(self, model: bytes, inputs: list[Any]) -> list[Any]:
        import io

        try:
            network = self._core.read_model(io.BytesIO(model))
        except Exception as error:
            if "is not supported" in str(error) or "not implemented" in str(error).lower():
                raise Unsupported(str(error)) from error
            raise
        compiled = self._core.compile_model(network, "CPU")
        result = compiled([self._tensor(x) for x in inputs])
        return [result[output] for output in compiled.outputs]

    def _tensor(self, value: Any) -> Any:
        return self._openvino.Tensor(np.ascontiguousarray(value)) if isinstance(value, np.ndarray) else value


RUNTIMES = {runtime.name: runtime for runtime in (Viseme, OnnxRuntime, OpenVINO)}
