"""Viseme behind ONNX's backend interface, for its own test runner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx
from onnx import ModelProto, NodeProto
from onnx.backend.base import Backend, BackendRep, namedtupledict

from ._session import InferenceSession


class VisemeBackendRep(BackendRep):
    """A model that is ready to run."""

    def __init__(self, session: InferenceSession) -> None:
        self.session = session

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Runs on inputs in the model's order, or by name; returns a named tuple of outputs."""
        names = [argument.name for argument in self.session.get_inputs()]
        outputs = [argument.name for argument in self.session.get_outputs()]
        feeds = inputs if isinstance(inputs, dict) else dict(zip(names, _as_list(inputs), strict=False))
        return namedtupledict("Outputs", outputs)(*self.session.run(None, feeds, **kwargs))


class VisemeBackend(Backend):
    """ONNX's backend interface on `viseme.InferenceSession`."""

    @classmethod
    def supports_device(cls, device: str) -> bool:
        return device.split(":")[0] == "CPU"

    @classmethod
    def prepare(cls, model: ModelProto, device: str = "CPU", **kwargs: Any) -> VisemeBackendRep:
        if not cls.supports_device(device):
            raise ValueError(f"Viseme runs on the CPU, not on {device}")
        options = {key: kwargs[key] for key in ("threads", "reference", "memory_limit") if key in kwargs}
        return VisemeBackendRep(InferenceSession(model.SerializeToString(), **options))

    @classmethod
    def run_node(
        cls, node: NodeProto, inputs: Any, device: str = "CPU", outputs_info: Sequence[Any] | None = None,
        **kwargs: Any,
    ) -> tuple[Any, ...]:
        opset = kwargs.pop("opset_version", onnx.defs.onnx_opset_version())
        arrays = [None if value is None else _array(value) for value in _as_list(inputs)]
        given = [(name, value) for name, value in zip(node.input, arrays, strict=False) if name]
        make = onnx.helper.make_tensor_value_info
        graph = onnx.helper.make_graph(
            [node], "node",
            [make(name, onnx.helper.np_dtype_to_tensor_dtype(value.dtype), value.shape) for name, value in given],
            [onnx.ValueInfoProto(name=name) for name in node.output if name],
        )
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid(node.domain, opset)])
        return cls.prepare(model, device, **kwargs).run([value for _, value in given])


def _array(value: Any) -> Any:
    import numpy as np

    return np.asarray(value)


def _as_list(inputs: Any) -> list[Any]:
    return list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]


is_compatible = VisemeBackend.is_compatible
prepare = VisemeBackend.prepare
run = VisemeBackend.run_model
run_node = VisemeBackend.run_node
supports_device = VisemeBackend.supports_device
