"""The runtimes that cases run on: each turns a model and inputs into outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx


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
        plain = all(isinstance(x, np.ndarray) and x.dtype.isbuiltin == 1 for x in inputs)
        narrow = any(not _is_plain(arg.type) for arg in [*session.get_inputs(), *session.get_outputs()])
        if plain and not narrow:
            return session.run(None, feeds)
        if any(not isinstance(x, np.ndarray) for x in inputs):
            return session.run(None, feeds)
        values = {name: self._value(x) for name, x in feeds.items()}
        return [self._array(x) for x in session.run_with_ort_values(None, values)]

    def _value(self, array: np.ndarray):
        if array.dtype.isbuiltin == 1:
            return self._runtime.OrtValue.ortvalue_from_numpy(array)
        bits = _bits(array)
        number = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
        if number in _PACKED:
            from onnx.numpy_helper import _pack_4bitx2 as pack  # the package has no public name for it

            bits = np.asarray(pack(array), np.uint8)
        return self._runtime.OrtValue.ortvalue_from_numpy_with_onnx_type(bits, number)

    @staticmethod
    def _array(value) -> Any:
        if not value.is_tensor():
            raise Unsupported("the runtime's Python API does not hand out this value")
        kind = value.element_type()
        array = value.numpy()
        wanted = onnx.helper.tensor_dtype_to_np_dtype(kind)
        return array if wanted == array.dtype or array.dtype == object else array.view(wanted)


_PACKED = {onnx.TensorProto.INT4, onnx.TensorProto.UINT4, onnx.TensorProto.FLOAT4E2M1}


def _bits(array: np.ndarray) -> np.ndarray:
    return array.view(np.uint16 if array.dtype.itemsize == 2 else np.uint8)


def _is_plain(kind: str) -> bool:
    return not any(name in kind for name in ("float8", "bfloat16", "int4", "float4", "int2"))


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
