"""Small models for the tests of the commands that take one."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def save(path: Path, nodes, inputs, outputs, constants=(), opset=17, **options) -> Path:
    """Writes a model; `constants` are pairs of a name and an array."""
    graph = helper.make_graph(
        nodes, "test", inputs, outputs, [numpy_helper.from_array(np.asarray(array), name) for name, array in constants])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, path, **options)
    return path


def floats(name: str, *shape) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def convolution(path: Path, batch=1, seed=0, scale=1.0, opset=17, **options) -> Path:
    """x: [batch, 3, 12, 10] → Conv → BatchNormalization → Relu → Conv → Add → mean over space → y: [batch, 5]."""
    random = np.random.default_rng(seed)

    def weights(*shape):
        return (random.standard_normal(shape) * 0.3).astype(np.float32)

    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["conv1"], "first", pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["conv1", "gain", "shift", "mean", "variance"], ["normal"], "norm"),
        helper.make_node("Relu", ["normal"], ["relu"], "relu"),
        helper.make_node("Identity", ["relu"], ["copy"], "copy"),
        helper.make_node("Conv", ["copy", "w2", "b2"], ["conv2"], "second"),
        helper.make_node("Add", ["conv2", "offset"], ["sum"], "sum"),
        helper.make_node("Sigmoid", ["sum"], ["gate"], "gate"),
        helper.make_node("Mul", ["sum", "gate"], ["swish"], "swish"),
        helper.make_node("GlobalAveragePool", ["swish"], ["pooled"], "pool"),
        helper.make_node("Flatten", ["pooled"], ["y"], "flat"),
    ]
    constants = [
        ("w1", weights(8, 3, 3, 3) * np.float32(scale)), ("gain", 1 + weights(8)), ("shift", weights(8)),
        ("mean", weights(8)), ("variance", 1 + weights(8) ** 2), ("w2", weights(5, 8, 3, 3)), ("b2", weights(5)),
        ("offset", weights(1, 5, 1, 1)),
    ]
    return save(path, nodes, [floats("x", batch, 3, 12, 10)], [floats("y", batch, 5)], constants, opset, **options)


def write_tensor(path: Path, array, name="") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(numpy_helper.from_array(np.asarray(array), name).SerializeToString())
    return path


def read_tensor(path: Path) -> np.ndarray:
    return numpy_helper.to_array(onnx.load_tensor(path))
