#!/usr/bin/env python3
"""Converts a TensorFlow Lite network of convolutions to ONNX.

Images become NCHW at the graph's edges and inside; weights are stored as float32. What is not supported is an error
that names the operator: nothing is approximated. The result is opset 17 and depends on the file's content alone.
"""

from __future__ import annotations

import argparse
import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import tflite
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8
TO_NCHW = (0, 3, 1, 2)
TO_NHWC = (0, 2, 3, 1)

ELEMENT_TYPES = {
    tflite.TensorType.FLOAT32: np.dtype(np.float32),
    tflite.TensorType.FLOAT16: np.dtype(np.float16),
    tflite.TensorType.INT32: np.dtype(np.int32),
    tflite.TensorType.INT64: np.dtype(np.int64),
}


def names_in(enumeration: type) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


OPERATOR_NAMES = names_in(tflite.BuiltinOperator)
ACTIVATION_NAMES = names_in(tflite.ActivationFunctionType)
TYPE_NAMES = names_in(tflite.TensorType)


class ConversionError(Exception):
    """The network cannot be converted; the message says which operator or tensor is in the way."""


@dataclass(frozen=True)
class Output:
    """What a graph output is called, and the shape it is given when that differs from the network's own."""

    name: str
    shape: tuple[int, ...] | None = None

    @staticmethod
    def parse(text: str) -> Output:
        """Reads `name` or `name:468x3`."""
        name, _, shape = text.partition(":")
        return Output(name, tuple(int(size) for size in shape.split("x")) if shape else None)


def convert(data: bytes, inputs: Sequence[str], outputs: Sequence[Output], name: str = "network") -> onnx.ModelProto:
    """Returns the network in `data` (a .tflite file) as an ONNX model.

    `inputs` and `outputs` name the graph's edges in the network's order.
    """
    if data[4:8] != b"TFL3":
        raise ConversionError("not a TensorFlow Lite file (its identifier is not TFL3)")
    try:
        return Converter(tflite.Model.GetRootAsModel(data, 0)).convert(inputs, outputs, name)
    except (IndexError, struct.error) as error:
        raise ConversionError(f"the file is damaged ({error})") from error


class Converter:
    """One conversion: reads the first subgraph of `model` in order and collects ONNX nodes.

    Tensors of four dimensions are images, NHWC in TensorFlow Lite and NCHW in ONNX; all others keep their layout.
    """

    def __init__(self, model: tflite.Model):
        if model.SubgraphsLength() != 1:
            raise ConversionError(f"expected one subgraph, found {model.SubgraphsLength()}")
        self.model = model
        self.graph = model.Subgraphs(0)
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.names: dict[int, str] = {}                      # tensor -> value in the ONNX graph
        self.constants: dict[int, np.ndarray] = {}           # tensors made constant by an operator
        self.handlers: dict[str, Callable[[tflite.Operator, str], None]] = {
            "ADD": self.add,
            "CONCATENATION": self.concatenation,
            "CONV_2D": self.convolution,
            "DEPTHWISE_CONV_2D": self.depthwise_convolution,
            "DEQUANTIZE": self.dequantize,
            "MAX_POOL_2D": self.max_pool,
            "PAD": self.pad,
            "PRELU": self.prelu,
            "RELU": self.relu,
            "RESHAPE": self.reshape,
        }

    def convert(self, inputs: Sequence[str], outputs: Sequence[Output], name: str) -> onnx.ModelProto:
        sources = self.edges("input", self.graph.InputsAsNumpy(), inputs)
        results = self.edges("output", self.graph.OutputsAsNumpy(), outputs)
        taken = {*inputs, *(output.name for output in outputs)}
        if len(taken) != len(inputs) + len(outputs):
            raise ConversionError("the names of inputs and outputs must differ")

        for tensor, given in sources:
            self.names[tensor] = given
        for index in range(self.graph.OperatorsLength()):
            self.operator(index, self.graph.Operators(index))
        for tensor, output in results:
            self.finish(tensor, output)

        graph = helper.make_graph(
            self.nodes, name,
            [float_value(given, self.image_shape(tensor)) for tensor, given in sources],
            [float_value(output.name, output.shape or self.image_shape(tensor)) for tensor, output in results],
            self.initializers,
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="viseme",
        )
        onnx.checker.check_model(model, full_check=True)
        return model

    @staticmethod
    def edges(role: str, tensors: Sequence[int], given: Sequence) -> list[tuple[int, object]]:
        if len(tensors) != len(given):
            raise ConversionError(f"the network has {len(tensors)} {role}s, {len(given)} were named")
        return [(int(tensor), each) for tensor, each in zip(tensors, given)]

    # Tensors

    def shape(self, tensor: int) -> tuple[int, ...]:
        return tuple(int(size) for size in self.graph.Tensors(tensor).ShapeAsNumpy())

    def image_shape(self, tensor: int) -> tuple[int, ...]:
        shape = self.shape(tensor)
        return tuple(shape[axis] for axis in TO_NCHW) if len(shape) == 4 else shape

    def constant(self, tensor: int) -> np.ndarray | None:
        """The value of a tensor that is part of the file, in TensorFlow Lite's layout; None for computed ones."""
        if tensor in self.constants:
            return self.constants[tensor]
        description = self.graph.Tensors(tensor)
        buffer = self.model.Buffers(description.Buffer())
        if buffer.DataLength() == 0:
            return None
        element = ELEMENT_TYPES.get(description.Type())
        if element is None:
            raise ConversionError(f"tensor {tensor}: element type {TYPE_NAMES[description.Type()]} is not supported")
        shape = self.shape(tensor)
        if buffer.DataLength() != element.itemsize * int(np.prod(shape)):
            raise ConversionError(f"tensor {tensor}: {buffer.DataLength()} bytes do not fill the shape {shape}")
        return np.frombuffer(buffer.DataAsNumpy().tobytes(), element).reshape(shape)

    def required_constant(self, tensor: int, role: str) -> np.ndarray:
        value = self.constant(tensor)
        if value is None:
            raise ConversionError(f"{role} must be constant")
        return value

    def value(self, tensor: int) -> str:
        """The ONNX value that holds a tensor."""
        if tensor not in self.names:
            constant = self.constant(tensor)
            if constant is None:
                raise ConversionError(f"tensor {tensor} is used before it is computed")
            if constant.ndim == 4:
                constant = constant.transpose(TO_NCHW)
            self.names[tensor] = self.initializer(constant, f"t{tensor}")
        return self.names[tensor]

    def initializer(self, value: np.ndarray, name: str) -> str:
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    # Nodes

    def operator(self, index: int, operator: tflite.Operator) -> None:
        code = self.model.OperatorCodes(operator.OpcodeIndex())
        name = OPERATOR_NAMES[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        handler = self.handlers.get(name)
        if handler is None:
            raise ConversionError(f"operator {index}: {name} is not supported")
        try:
            handler(operator, f"{name.lower()}_{index}")
        except ConversionError as error:
            raise ConversionError(f"operator {index} ({name}): {error}") from error

    def emit(self, kind: str, inputs: Sequence[str], name: str, **attributes) -> str:
        """Adds a node with one output, named like the node."""
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def define(self, operator: tflite.Operator, value: str, activation: int = 0) -> None:
        """Makes `value`, after a fused activation, the operator's output."""
        if activation == tflite.ActivationFunctionType.RELU:
            value = self.emit("Relu", [value], f"{value}_relu")
        elif activation != tflite.ActivationFunctionType.NONE:
            raise ConversionError(f"the fused activation {ACTIVATION_NAMES[activation]} is not supported")
        self.names[operator.Outputs(0)] = value

    def finish(self, tensor: int, output: Output) -> None:
        """Gives a result its public name and shape."""
        value, shape = self.value(tensor), self.image_shape(tensor)
        if output.shape is None or output.shape == shape:
            self.nodes.append(helper.make_node("Identity", [value], [output.name], name=f"{output.name}_result"))
            return
        if np.prod(output.shape) != np.prod(shape):
            raise ConversionError(f"output {output.name}: {shape} cannot take the shape {output.shape}")
        if len(shape) == 4 and shape[2:] != (1, 1):
            raise ConversionError(f"output {output.name}: an image of {shape} cannot be reshaped without reordering")
        target = self.initializer(np.array(output.shape, np.int64), f"{output.name}_shape")
        self.nodes.append(helper.make_node("Reshape", [value, target], [output.name], name=f"{output.name}_result"))

    # Operators

    def convolution(self, operator: tflite.Operator, name: str) -> None:
        options = options_of(operator, tflite.Conv2DOptions)
        weights = self.required_constant(operator.Inputs(1), "the weights")          # [out, height, width, in]
        self.emit_convolution(operator, name, options, weights.transpose(TO_NCHW), groups=1)

    def depthwise_convolution(self, operator: tflite.Operator, name: str) -> None:
        options = options_of(operator, tflite.DepthwiseConv2DOptions)
        weights = self.required_constant(operator.Inputs(1), "the weights")          # [1, height, width, out]
        channels = self.shape(operator.Inputs(0))[3]
        self.emit_convolution(operator, name, options, weights.transpose(3, 0, 1, 2), groups=channels)

    def emit_convolution(self, operator, name: str, options, weights: np.ndarray, groups: int) -> None:
        inputs = [self.value(operator.Inputs(0)), self.initializer(weights.astype(np.float32), f"{name}_weights")]
        if operator.InputsLength() > 2 and operator.Inputs(2) >= 0:
            bias = self.required_constant(operator.Inputs(2), "the bias").astype(np.float32)
            inputs.append(self.initializer(bias, f"{name}_bias"))
        kernel = weights.shape[2:]
        dilations = (options.DilationHFactor(), options.DilationWFactor())
        value = self.emit(
            "Conv", inputs, name, kernel_shape=kernel, dilations=dilations, group=groups,
            **self.placement(operator, options, kernel, dilations),
        )
        self.define(operator, value, options.FusedActivationFunction())

    def max_pool(self, operator: tflite.Operator, name: str) -> None:
        options = options_of(operator, tflite.Pool2DOptions)
        kernel = (options.FilterHeight(), options.FilterWidth())
        value = self.emit(
            "MaxPool", [self.value(operator.Inputs(0))], name, kernel_shape=kernel,
            **self.placement(operator, options, kernel, (1, 1)),
        )
        self.define(operator, value, options.FusedActivationFunction())

    def placement(self, operator, options, kernel: Sequence[int], dilations: Sequence[int]) -> dict[str, list[int]]:
        """Strides and pads. SAME padding covers ceil(size / stride) outputs; what is odd goes after."""
        strides = [options.StrideH(), options.StrideW()]
        before, after = [0, 0], [0, 0]
        if options.Padding() == tflite.Padding.SAME:
            for axis, size in enumerate(self.shape(operator.Inputs(0))[1:3]):
                reach = (kernel[axis] - 1) * dilations[axis] + 1
                missing = max((-(-size // strides[axis]) - 1) * strides[axis] + reach - size, 0)
                before[axis], after[axis] = missing // 2, missing - missing // 2
        return {"strides": strides, "pads": before + after}

    def add(self, operator: tflite.Operator, name: str) -> None:
        options = options_of(operator, tflite.AddOptions)
        ranks = {len(self.shape(operator.Inputs(i))) for i in range(2)}
        if len(ranks) != 1:
            raise ConversionError("operands of different rank are not supported")
        value = self.emit("Add", [self.value(operator.Inputs(i)) for i in range(2)], name)
        self.define(operator, value, options.FusedActivationFunction())

    def relu(self, operator: tflite.Operator, name: str) -> None:
        self.define(operator, self.emit("Relu", [self.value(operator.Inputs(0))], name))

    def prelu(self, operator: tflite.Operator, name: str) -> None:
        slope = self.required_constant(operator.Inputs(1), "the slope").astype(np.float32)     # [1, 1, channels]
        if slope.ndim != 3 or slope.shape[:2] != (1, 1):
            raise ConversionError(f"a slope of shape {slope.shape} is not supported, only one for each channel")
        slopes = self.initializer(slope.reshape(-1, 1, 1), f"{name}_slope")
        self.define(operator, self.emit("PRelu", [self.value(operator.Inputs(0)), slopes], name))

    def pad(self, operator: tflite.Operator, name: str) -> None:
        amounts = self.required_constant(operator.Inputs(1), "the padding").astype(np.int64)   # [rank, before/after]
        if len(amounts) == 4:
            amounts = amounts[list(TO_NCHW)]
        pads = self.initializer(amounts.T.reshape(-1), f"{name}_pads")
        self.define(operator, self.emit("Pad", [self.value(operator.Inputs(0)), pads], name))

    def concatenation(self, operator: tflite.Operator, name: str) -> None:
        options = options_of(operator, tflite.ConcatenationOptions)
        rank = len(self.shape(operator.Outputs(0)))
        axis = options.Axis() % rank
        if rank == 4:
            axis = TO_NCHW.index(axis)
        parts = [self.value(operator.Inputs(i)) for i in range(operator.InputsLength())]
        self.define(operator, self.emit("Concat", parts, name, axis=axis), options.FusedActivationFunction())

    def reshape(self, operator: tflite.Operator, name: str) -> None:
        """The order of elements is that of NHWC, so that images are turned around the reshape."""
        value = self.value(operator.Inputs(0))
        if len(self.shape(operator.Inputs(0))) == 4:
            value = self.emit("Transpose", [value], f"{name}_nhwc", perm=TO_NHWC)
        shape = self.shape(operator.Outputs(0))
        target = self.initializer(np.array(shape, np.int64), f"{name}_shape")
        value = self.emit("Reshape", [value, target], name)
        if len(shape) == 4:
            value = self.emit("Transpose", [value], f"{name}_nchw", perm=TO_NCHW)
        self.define(operator, value)

    def dequantize(self, operator: tflite.Operator, name: str) -> None:
        """Half-precision weights are widened here and now; real quantization is not supported."""
        value = self.required_constant(operator.Inputs(0), "the operand")
        if value.dtype != np.float16:
            raise ConversionError(f"quantized weights ({value.dtype}) are not supported")
        self.constants[operator.Outputs(0)] = value.astype(np.float32)


def options_of(operator: tflite.Operator, kind: type):
    table = operator.BuiltinOptions()
    if table is None:
        raise ConversionError("its options are missing")
    options = kind()
    options.Init(table.Bytes, table.Pos)
    return options


def float_value(name: str, shape: Sequence[int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="tflite_to_onnx.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  tflite_to_onnx.py face_landmark.tflite landmark.onnx --inputs face "
               "--outputs landmarks:468x3,presence:1x1",
    )
    parser.add_argument("source", type=Path, help="the .tflite file")
    parser.add_argument("target", type=Path, help="the .onnx file to write")
    parser.add_argument("--inputs", required=True, metavar="NAME,…", help="names of the graph's inputs, in order")
    parser.add_argument("--outputs", required=True, metavar="NAME[:SHAPE],…", help="names of its outputs, in order")
    options = parser.parse_args(arguments)
    try:
        outputs = [Output.parse(text) for text in options.outputs.split(",")]
        model = convert(options.source.read_bytes(), options.inputs.split(","), outputs, options.target.stem)
        options.target.write_bytes(model.SerializeToString(deterministic=True))
    except (ConversionError, OSError, ValueError) as error:
        print(f"tflite_to_onnx.py: {options.source}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
