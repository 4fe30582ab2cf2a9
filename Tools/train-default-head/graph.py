"""Writes ONNX graphs as formulas: values with operators, opset 17, no exporter in between."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8


class Value:
    """A tensor of a graph that is being written."""

    __array_ufunc__ = None      # so that `array - value` asks the value

    def __init__(self, graph, name):
        self.graph, self.name = graph, name

    def _binary(self, operator, other, swapped=False):
        other = self.graph.value(other, self)
        return self.graph.node(operator, *((other, self) if swapped else (self, other)))

    def __add__(self, other):
        return self._binary("Add", other)

    def __radd__(self, other):
        return self._binary("Add", other, True)

    def __sub__(self, other):
        return self._binary("Sub", other)

    def __rsub__(self, other):
        return self._binary("Sub", other, True)

    def __mul__(self, other):
        return self._binary("Mul", other)

    def __rmul__(self, other):
        return self._binary("Mul", other, True)

    def __truediv__(self, other):
        return self._binary("Div", other)

    def __rtruediv__(self, other):
        return self._binary("Div", other, True)

    def __matmul__(self, other):
        return self._binary("MatMul", other)

    def __neg__(self):
        return self.graph.node("Neg", self)

    def slice(self, axis, start, end):
        """Elements start … end of an axis; the bounds are numbers or one-element integer values."""
        bounds = [self.graph.integers(b) for b in (start, end)]
        return self.graph.node("Slice", self, *bounds, self.graph.integers(axis))

    def take(self, indices, axis=0):
        """A number drops the axis, a list keeps it."""
        return self.graph.node("Gather", self, self.graph.constant(np.array(indices, np.int64)), axis=axis)

    def split(self, count, axis=0):
        """Equal parts of one element each."""
        sizes = self.graph.integers([1] * count)
        return self.graph.node("Split", self, sizes, outputs=count, axis=axis)

    def reshape(self, *shape):
        return self.graph.node("Reshape", self, self.graph.integers(list(shape)))

    def transpose(self, *order):
        return self.graph.node("Transpose", self, perm=order)

    def clip(self, low=None, high=None):
        bounds = [self.graph.empty if b is None else self.graph.value(b, self) for b in (low, high)]
        return self.graph.node("Clip", self, *bounds)

    def sum(self, axis):
        return self.graph.node("ReduceSum", self, self.graph.integers(axis), keepdims=1)

    def mean(self, *axes):
        return self.graph.node("ReduceMean", self, axes=axes, keepdims=1)

    def sqrt(self):
        return self.graph.node("Sqrt", self)

    def sigmoid(self):
        return self.graph.node("Sigmoid", self)

    def resize(self, sizes):
        """Bilinear; pixels are areas, so that halves of a picture can be resized apart."""
        return self.graph.node("Resize", self, self.graph.empty, self.graph.empty, sizes, mode="linear",
                               coordinate_transformation_mode="half_pixel")

    def sample(self, grid, outside="border"):
        """GridSample: self [n, c, h, w] at grid [n, h', w', 2] of (x, y) in -1 … 1."""
        return self.graph.node("GridSample", self, grid, mode="bilinear", padding_mode=outside, align_corners=0)


class Graph:
    def __init__(self, name):
        self.name, self.nodes, self.constants, self.inputs, self.outputs = name, [], {}, [], []
        self.written = {}
        self.empty = Value(self, "")

    def input(self, name, shape):
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return Value(self, name)

    def output(self, value, name, shape):
        self.nodes.append(helper.make_node("Identity", [value.name], [name]))
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def constant(self, array):
        array = np.ascontiguousarray(array)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.constants:
            self.constants[key] = numpy_helper.from_array(array, f"c{len(self.constants)}")
        return Value(self, self.constants[key].name)

    def integers(self, value):
        return value if isinstance(value, Value) else self.constant(np.array(value, np.int64).reshape(-1))

    def value(self, other, like=None):
        return other if isinstance(other, Value) else self.constant(np.array(other, np.float32))

    def node(self, operator, *inputs, outputs=1, **attributes):
        """The result, or results, of an operator; the same operator on the same inputs is written once."""
        key = (operator, *(value.name for value in inputs), outputs, str(sorted(attributes.items())))
        if key not in self.written:
            self.written[key] = self._new_node(operator, inputs, outputs, attributes)
        return self.written[key]

    def _new_node(self, operator, inputs, outputs, attributes):
        names = [f"v{len(self.nodes)}" + (f"_{i}" if outputs > 1 else "") for i in range(outputs)]
        self.nodes.append(helper.make_node(operator, [value.name for value in inputs], names, **attributes))
        values = [Value(self, name) for name in names]
        return values if outputs > 1 else values[0]

    def concat(self, values, axis):
        return self.node("Concat", *values, axis=axis)

    def minimum(self, a, b):
        return self.node("Min", self.value(a), self.value(b))

    def save(self, path):
        """Writes the model, each output produced by the node that computes it."""
        renamed = {node.input[0]: node.output[0] for node in self.nodes if node.op_type == "Identity"}
        nodes = [node for node in self.nodes if node.op_type != "Identity"]
        for node in nodes:
            for names in (node.input, node.output):
                names[:] = [renamed.get(name, name) for name in names]
        graph = helper.make_graph(nodes, self.name, self.inputs, self.outputs, list(self.constants.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION,
                                  producer_name="viseme")
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, path)
