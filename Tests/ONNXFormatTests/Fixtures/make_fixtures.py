#!/usr/bin/env python3
"""Writes the models that ONNXFormatTests reads, with ONNX's own Python package (onnx 1.23.2, numpy).

Run it after a change; the files are committed, and the same script writes the same bytes.
"""
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FOLDER = pathlib.Path(__file__).parent
SHAPE = (7, 10)
COUNT = SHAPE[0] * SHAPE[1]

# Type, bits of an element, field of TensorProto, bytes that one entry of the field stands for.
TYPES = [
    ("FLOAT", 32, "float_data", 4), ("COMPLEX64", 64, "float_data", 4),
    ("DOUBLE", 64, "double_data", 8), ("COMPLEX128", 128, "double_data", 8),
    ("INT64", 64, "int64_data", 8), ("UINT32", 32, "uint64_data", 4), ("UINT64", 64, "uint64_data", 8),
    ("INT32", 32, "int32_data", 4), ("INT16", 16, "int32_data", 2), ("UINT16", 16, "int32_data", 2),
    ("INT8", 8, "int32_data", 1), ("UINT8", 8, "int32_data", 1), ("BOOL", 8, "int32_data", 1),
    ("FLOAT16", 16, "int32_data", 2), ("BFLOAT16", 16, "int32_data", 2),
    ("FLOAT8E4M3FN", 8, "int32_data", 1), ("FLOAT8E4M3FNUZ", 8, "int32_data", 1),
    ("FLOAT8E5M2", 8, "int32_data", 1), ("FLOAT8E5M2FNUZ", 8, "int32_data", 1), ("FLOAT8E8M0", 8, "int32_data", 1),
    ("UINT4", 4, "int32_data", 1), ("INT4", 4, "int32_data", 1), ("FLOAT4E2M1", 4, "int32_data", 1),
    ("UINT2", 2, "int32_data", 1), ("INT2", 2, "int32_data", 1),
]  # fmt: skip

ENTRY_TYPES = {
    "float_data": {4: np.float32}, "double_data": {8: np.float64}, "int64_data": {8: np.int64},
    "uint64_data": {4: np.uint32, 8: np.uint64},
}  # fmt: skip
SIGNED = {"INT32": np.int32, "INT16": np.int16, "INT8": np.int8}
UNSIGNED = {1: np.uint8, 2: np.uint16}


def payload(name, bits, random):
    """Bytes of COUNT elements: any bits for integers, plain numbers for floats."""
    if name in ("FLOAT", "COMPLEX64"):
        return random.standard_normal(COUNT * bits // 32).astype(np.float32).tobytes()
    if name in ("DOUBLE", "COMPLEX128"):
        return random.standard_normal(COUNT * bits // 64).tobytes()
    if name == "BOOL":
        return random.integers(0, 2, COUNT).astype(np.uint8).tobytes()
    return random.integers(0, 256, (COUNT * bits + 7) // 8).astype(np.uint8).tobytes()


def typed_fields():
    """Every element type twice, as raw bytes and in its typed field, of 70 elements and of 3."""
    random = np.random.default_rng(1)
    initializers = []
    for name, bits, field, entry_bytes in TYPES:
        whole = payload(name, bits, random)
        for size, shape, data in (
            ("many", SHAPE, whole),
            ("few", (3,), whole[: (3 * bits + 7) // 8]),
        ):
            raw = TensorProto(name=f"{name}_{size}_raw", data_type=getattr(TensorProto, name), dims=shape)
            raw.raw_data = data
            typed = TensorProto(name=f"{name}_{size}_typed", data_type=getattr(TensorProto, name), dims=shape)
            entry = ENTRY_TYPES.get(field, {}).get(entry_bytes) or SIGNED.get(name) or UNSIGNED[entry_bytes]
            getattr(typed, field).extend(np.frombuffer(data, entry).tolist())
            initializers += [raw, typed]
    words = ["", "héllo", "日本", "a" * 300]
    initializers.append(helper.make_tensor("STRING", TensorProto.STRING, [4], [w.encode() for w in words]))
    graph = helper.make_graph(
        [helper.make_node("Identity", ["STRING"], ["y"])], "typed", [],
        [helper.make_tensor_value_info("y", TensorProto.STRING, [4])], initializers,
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 25)], ir_version=13)


def structure():
    """Optional operands, captures through two levels, a sparse constant, containers, symbolic extents, unused domains."""
    scale = helper.make_node("Mul", ["x", "factor"], ["deep"])
    innermost = helper.make_graph([scale], "innermost", [], [helper.make_tensor_value_info("deep", 1, None)])
    other = helper.make_graph(
        [helper.make_node("Neg", ["clipped"], ["negated"])], "other", [],
        [helper.make_tensor_value_info("negated", 1, None)],
    )  # fmt: skip
    nested = helper.make_node("If", ["flag"], ["inner"], then_branch=innermost, else_branch=other)
    then = helper.make_graph([nested], "then", [], [helper.make_tensor_value_info("inner", 1, None)])
    orelse = helper.make_graph(
        [helper.make_node("Identity", ["clipped"], ["same"])], "else", [],
        [helper.make_tensor_value_info("same", 1, None)],
    )  # fmt: skip
    nodes = [
        helper.make_node("Clip", ["x", "", "factor"], ["clipped"], name="limit"),
        helper.make_node("If", ["flag"], ["chosen"], then_branch=then, else_branch=orelse),
        helper.make_node("Dropout", ["chosen"], ["kept", ""], name="limit"),
        helper.make_node("Add", ["kept", "sparse"], ["y"]),
        helper.make_node("SequenceConstruct", ["y"], ["list"]),
        helper.make_node("Constant", [], ["unused"], value=numpy_helper.from_array(np.arange(3, dtype=np.int64))),
    ]
    sparse = helper.make_sparse_tensor(
        helper.make_tensor("sparse", TensorProto.FLOAT, [2], [1.5, -2.5]),
        helper.make_tensor("positions", TensorProto.INT64, [2, 2], [0, 1, 1, 2]), [2, 3],
    )  # fmt: skip
    graph = helper.make_graph(
        nodes, "structure",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 3]),
         helper.make_tensor_value_info("flag", TensorProto.BOOL, [])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 3]),
         helper.make_tensor_sequence_value_info("list", TensorProto.FLOAT, None)],
        [helper.make_tensor("factor", TensorProto.FLOAT, [], [2.0])],
        value_info=[helper.make_tensor_value_info("clipped", TensorProto.FLOAT, ["rows", None])],
        sparse_initializer=[sparse], doc_string="not read",
    )  # fmt: skip
    imports = [helper.make_opsetid("ai.onnx", 21), helper.make_opsetid("com.example.unused", 7)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=10, producer_name="fixtures")
    helper.set_model_props(model, {"author": "viseme", "note": "two\nlines"})
    return model


def functions():
    """A function with an attribute, a default, an optional input, a captured operand and a call of another function."""
    square = helper.make_function(
        "example", "Square", ["a"], ["b"], [helper.make_node("Mul", ["a", "a"], ["b"])],
        [helper.make_opsetid("", 18)],
    )  # fmt: skip
    alpha = helper.make_node("LeakyRelu", ["squared"], ["leaky"])
    alpha.attribute.append(onnx.AttributeProto(name="alpha", type=onnx.AttributeProto.FLOAT, ref_attr_name="slope"))
    value = helper.make_node("Constant", [], ["bias"])
    value.attribute.append(onnx.AttributeProto(name="value_float", type=onnx.AttributeProto.FLOAT, ref_attr_name="bias"))
    then = helper.make_graph(
        [helper.make_node("Add", ["leaky", "bias"], ["sum"])], "then", [], [helper.make_tensor_value_info("sum", 1, None)]
    )
    orelse = helper.make_graph(
        [helper.make_node("Clip", ["leaky", "low"], ["low_clipped"])], "else", [],
        [helper.make_tensor_value_info("low_clipped", 1, None)],
    )  # fmt: skip
    body = [
        helper.make_node("Square", ["input"], ["squared"], domain="example"),
        alpha, value,
        helper.make_node("If", ["flag"], ["result"], then_branch=then, else_branch=orelse),
    ]  # fmt: skip
    shaped = helper.make_function(
        "example", "Shaped", ["input", "flag", "low"], ["result", "input"], body,
        [helper.make_opsetid("", 18), helper.make_opsetid("example", 1)], attributes=["slope"],
        attribute_protos=[helper.make_attribute("bias", 0.25)],
    )  # fmt: skip
    shaped.overload = "full"
    nodes = [
        helper.make_node("Shaped", ["x", "flag"], ["y", "copy"], name="first", domain="example", slope=0.125),
        helper.make_node("Shaped", ["y", "flag", "floor"], ["z"], domain="example", slope=0.5, bias=2.0),
    ]
    for node in nodes:
        node.overload = "full"
    graph = helper.make_graph(
        nodes, "functions",
        [helper.make_tensor_value_info("x", 1, [2]), helper.make_tensor_value_info("flag", TensorProto.BOOL, [])],
        [helper.make_tensor_value_info(name, 1, [2]) for name in ("z", "copy")],
        [helper.make_tensor("floor", TensorProto.FLOAT, [], [-1.0])],
    )  # fmt: skip
    imports = [helper.make_opsetid("", 18), helper.make_opsetid("example", 1)]
    return helper.make_model(graph, opset_imports=imports, functions=[square, shaped], ir_version=10)


def old():
    """IR version 3: initializers are listed as inputs, attributes may lack a type, nodes stand out of order."""
    axis = helper.make_node("Concat", ["half", "weight"], ["y"])
    axis.attribute.append(onnx.AttributeProto(name="axis", i=1))
    nodes = [axis, helper.make_node("Mul", ["x", "scale"], ["half"])]
    graph = helper.make_graph(
        nodes, "old",
        [helper.make_tensor_value_info(name, 1, [1, 2]) for name in ("weight", "x", "scale")],
        [helper.make_tensor_value_info("y", 1, [1, 4])],
        [helper.make_tensor(name, TensorProto.FLOAT, [1, 2], [0.5, 0.5]) for name in ("scale", "weight")],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 7)], ir_version=3)


def external():
    """Two tensors in one file of a subfolder, at offsets."""
    weights = np.arange(24, dtype=np.float32)
    table = np.arange(-8, 8, dtype=np.int16)
    (FOLDER / "weights").mkdir(exist_ok=True)
    (FOLDER / "weights" / "external.data").write_bytes(bytes(64) + weights.tobytes() + table.tobytes())
    entries = (("w", TensorProto.FLOAT, [4, 6], 64, 96), ("t", TensorProto.INT16, [16], 160, 32))
    initializers = []
    for name, kind, dims, offset, length in entries:
        tensor = TensorProto(name=name, data_type=kind, dims=dims, data_location=TensorProto.EXTERNAL)
        for key, value in (("location", "weights/external.data"), ("offset", offset), ("length", length)):
            tensor.external_data.add(key=key, value=str(value))
        initializers.append(tensor)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "external", [helper.make_tensor_value_info("x", 1, [1, 4])],
        [helper.make_tensor_value_info("y", 1, [1, 6])], initializers,
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


if __name__ == "__main__":
    for build in (typed_fields, structure, functions, old, external):
        path = FOLDER / f"{build.__name__}.onnx"
        model = build()
        path.write_bytes(model.SerializeToString(deterministic=True))
        if build is not old:
            onnx.checker.check_model(str(path))
        print(f"{path.name}: {path.stat().st_size} bytes")
