"""`viseme convert`: what it writes is standard ONNX that computes the same in other runtimes."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from models import convolution, floats, save
from program import refuses, viseme

X = np.random.default_rng(1).standard_normal((1, 3, 12, 10)).astype(np.float32)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return convolution(tmp_path_factory.mktemp("model") / "conv.onnx")


def run(path, feeds, outputs=None):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options).run(outputs, feeds)


def converted(source, target, *flags, feeds=None, rtol=1e-4, outputs=None):
    """The converted model, after ONNX's checker and ONNX Runtime have had their say."""
    viseme("convert", source, target, *flags, status=0)
    onnx.checker.check_model(str(target), full_check=True)
    feeds = {"x": X} if feeds is None else feeds
    for expected, actual in zip(run(source, feeds, outputs), run(target, feeds, outputs), strict=True):
        assert expected.dtype == actual.dtype
        np.testing.assert_allclose(actual, expected, rtol=rtol, atol=rtol * np.abs(expected).max())
    viseme("validate", target, "--against", source, "--tolerance", rtol, "--random", 3, status=0) if not outputs else None
    return onnx.load(target)


def kinds(model):
    return [node.op_type for node in model.graph.node]


def test_optimization_stays_onnx(model, tmp_path):
    result = converted(model, tmp_path / "out.onnx")
    assert kinds(result) == ["Conv", "Relu", "Conv", "Add", "Sigmoid", "Mul", "GlobalAveragePool", "Flatten"]
    assert result.producer_name == "viseme" and result.opset_import[0].version == 17


def test_without_optimization_nodes_stay(model, tmp_path):
    assert kinds(converted(model, tmp_path / "out.onnx", "--no-optimize")) == kinds(onnx.load(model))


def test_a_file_may_be_converted_in_place(tmp_path):
    path = convolution(tmp_path / "m.onnx")
    viseme("convert", path, path, status=0)
    assert "BatchNormalization" not in kinds(onnx.load(path)) and len(list(tmp_path.iterdir())) == 1


def test_normalization_goes_into_every_kind_of_convolution(tmp_path):
    random = np.random.default_rng(2)
    for groups in (1, 2):
        for kind, shape in (("Conv", (6, 4 // groups, 3, 3)), ("ConvTranspose", (4, 6 // groups, 3, 3))):
            vectors = [(name, random.uniform(0.5, 1.5, 6).astype(np.float32)) for name in "bgsmv"]
            path = save(
                tmp_path / "m.onnx",
                [helper.make_node(kind, ["x", "w", "b"], ["c"], group=groups, strides=[2, 2]),
                 helper.make_node("BatchNormalization", ["c", "g", "s", "m", "v"], ["y"], epsilon=1e-3)],
                [floats("x", 1, 4, 7, 7)], [floats("y", "n", "c", "h", "w")],
                [("w", random.standard_normal(shape).astype(np.float32)), *vectors])
            x = random.standard_normal((1, 4, 7, 7)).astype(np.float32)
            assert kinds(converted(path, tmp_path / "out.onnx", feeds={"x": x})) == [kind]


def test_halves(model, tmp_path):
    result = converted(model, tmp_path / "out.onnx", "--fp16", rtol=2e-3)
    halves = [t for t in result.graph.initializer if t.data_type == TensorProto.FLOAT16]
    assert len(halves) == 1 and kinds(result)[0] == "Cast" and result.graph.node[0].input[0] == halves[0].name


def test_halves_leave_what_is_out_of_range(tmp_path):
    path = convolution(tmp_path / "m.onnx", scale=1e6)
    done = viseme("convert", path, tmp_path / "out.onnx", "--fp16", "--no-optimize", status=0)
    assert "float16: 1 constants" in done.stdout or "float16: 0 constants" in done.stdout
    for tensor in onnx.load(tmp_path / "out.onnx").graph.initializer:
        assert np.isfinite(onnx.numpy_helper.to_array(tensor)).all()


def test_external_data(model, tmp_path):
    converted(model, tmp_path / "out.onnx", "--external-data")
    assert {entry.name for entry in tmp_path.iterdir()} == {"out.onnx", "out.onnx.data"}
    assert (tmp_path / "out.onnx").stat().st_size < model.stat().st_size


def test_shapes_become_fixed_and_shape_arithmetic_goes(tmp_path):
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]), helper.make_node("Gather", ["s", "zero"], ["n"]),
        helper.make_node("Concat", ["n", "rest"], ["target"], axis=0), helper.make_node("Reshape", ["x", "target"], ["y"])]
    path = save(tmp_path / "m.onnx", nodes, [floats("x", "n", 6)], [floats("y", "n", 2, 3)],
                [("zero", np.array([0])), ("rest", np.array([2, 3]))])
    x = np.arange(24, dtype=np.float32).reshape(4, 6)
    result = converted(path, tmp_path / "out.onnx", "--shape", "n=4", feeds={"x": x})
    assert kinds(result) == ["Reshape"]
    assert [d.dim_value for d in result.graph.input[0].type.tensor_type.shape.dim] == [4, 6]
    assert [d.dim_value for d in result.graph.output[0].type.tensor_type.shape.dim] == [4, 2, 3]
    refuses(viseme("convert", path, tmp_path / "no.onnx", "--shape", "x=4,7"), "cannot become", r"m\.onnx")
    refuses(viseme("convert", path, tmp_path / "no.onnx", "--shape", "q=4"), "neither an input nor an extent")
    assert not (tmp_path / "no.onnx").exists()


def test_parts(model, tmp_path):
    viseme("convert", model, tmp_path / "head.onnx", "--extract", "x:relu,conv2", status=0)
    viseme("convert", model, tmp_path / "tail.onnx", "--extract", "conv2:y", status=0)
    for name in ("head", "tail"):
        onnx.checker.check_model(str(tmp_path / f"{name}.onnx"), full_check=True)
    middle = run(tmp_path / "head.onnx", {"x": X})
    y = run(tmp_path / "tail.onnx", {"conv2": middle[1]})[0]
    np.testing.assert_allclose(y, run(model, {"x": X})[0], rtol=1e-4, atol=1e-5)
    refuses(viseme("convert", model, tmp_path / "no.onnx", "--extract", "relu:nothing"), "“nothing”, which the graph has not")
    refuses(viseme("convert", model, tmp_path / "no.onnx", "--extract", "gate:y"), "also depend on the input “x”")
    assert viseme("convert", model, tmp_path / "no.onnx", "--extract", "x").returncode == 64


# Opsets


@pytest.mark.parametrize("opset", [7, 9, 11, 13, 15, 18, 20, 22])
@pytest.mark.parametrize("flags", [[], ["--no-optimize"]])
def test_a_network_goes_to_every_opset(model, tmp_path, opset, flags):
    result = converted(model, tmp_path / "out.onnx", "--opset", opset, *flags)
    assert result.opset_import[0].version == opset


def one(tmp_path, kind, opset, inputs, outputs=1, constants=(), **attributes):
    """A model of one node: inputs by name and shape, outputs of unknown shape, constants as further inputs."""
    names = [*inputs, *(name for name, _ in constants)]
    made = [f"y{i}" for i in range(outputs)]
    graph = [helper.make_node(kind, names, made, "the node", **attributes)]
    return save(tmp_path / "m.onnx", graph, [floats(name, *shape) for name, shape in inputs.items()],
                [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in made], constants, opset)


I64 = lambda *values: np.array(values, np.int64)
F32 = lambda value: np.array(value, np.float32)
CHANGES = {
    "clip up": ("Clip", 7, 13, {"x": (2, 3)}, (), {"min": -0.5, "max": 0.25}),
    "clip down": ("Clip", 13, 7, {"x": (2, 3)}, (("a", F32(-0.5)), ("b", F32(0.25))), {}),
    "softmax up": ("Softmax", 11, 17, {"x": (2, 3)}, (), {}),
    "softmax down": ("Softmax", 17, 11, {"x": (2, 3, 4)}, (), {}),
    "squeeze up": ("Squeeze", 11, 17, {"x": (2, 1, 3)}, (), {"axes": [1]}),
    "squeeze down": ("Squeeze", 17, 11, {"x": (2, 1, 3)}, (("a", I64(1)),), {}),
    "unsqueeze up": ("Unsqueeze", 11, 17, {"x": (2, 3)}, (), {"axes": [0, 3]}),
    "unsqueeze down": ("Unsqueeze", 17, 11, {"x": (2, 3)}, (("a", I64(0, 3)),), {}),
    "sum up": ("ReduceSum", 11, 18, {"x": (2, 3)}, (), {"axes": [1], "keepdims": 0}),
    "mean up": ("ReduceMean", 11, 18, {"x": (2, 3)}, (), {"axes": [-1]}),
    "mean of all up": ("ReduceMean", 11, 18, {"x": (2, 3)}, (), {}),
    "mean down": ("ReduceMean", 18, 13, {"x": (2, 3)}, (("a", I64(0)),), {}),
    "pad up": ("Pad", 7, 13, {"x": (2, 3)}, (), {"pads": [0, 1, 2, 0], "value": 1.5}),
    "pad down": ("Pad", 13, 7, {"x": (2, 3)}, (("p", I64(0, 1, 2, 0)), ("v", F32(1.5))), {}),
    "slice up": ("Slice", 9, 13, {"x": (4, 5)}, (), {"starts": [1], "ends": [4], "axes": [1]}),
    "slice down": ("Slice", 13, 9, {"x": (4, 5)}, (("s", I64(1)), ("e", I64(4)), ("a", I64(1))), {}),
    "average up": ("AveragePool", 7, 19, {"x": (1, 2, 6, 6)}, (), {"kernel_shape": [2, 2]}),
    "resize up": ("Resize", 10, 19, {"x": (1, 1, 3, 4)}, (("s", F32([1, 1, 2, 2])),), {"mode": "linear"}),
    "nearest up": ("Resize", 10, 13, {"x": (1, 1, 3, 4)}, (("s", F32([1, 1, 1.5, 2])),), {"mode": "nearest"}),
    "upsample up": ("Upsample", 9, 13, {"x": (1, 1, 3, 4)}, (("s", F32([1, 1, 2, 3])),), {"mode": "nearest"}),
    "grid up": ("GridSample", 16, 20, {"x": (1, 2, 4, 5), "g": (1, 3, 3, 2)}, (), {"mode": "bilinear"}),
    "grid down": ("GridSample", 20, 16, {"x": (1, 2, 4, 5), "g": (1, 3, 3, 2)}, (), {"mode": "cubic"}),
    "gemm down": ("Gemm", 13, 9, {"x": (2, 3), "b": (3, 4), "c": (4,)}, (), {"alpha": 0.5}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_operators_that_changed(tmp_path, change):
    kind, opset, target, inputs, constants, attributes = CHANGES[change]
    path = one(tmp_path, kind, opset, inputs, 1, constants, **attributes)
    random = np.random.default_rng(4)
    feeds = {name: random.uniform(-1, 1, shape).astype(np.float32) for name, shape in inputs.items()}
    result = converted(path, tmp_path / "out.onnx", "--opset", target, "--no-optimize", feeds=feeds)
    assert result.opset_import[0].version == target


def test_splits(tmp_path):
    x = {"x": np.arange(12, dtype=np.float32).reshape(2, 6)}
    equal = one(tmp_path, "Split", 13, {"x": (2, 6)}, 3, axis=1)
    result = converted(equal, tmp_path / "out.onnx", "--opset", 18, "--no-optimize", feeds=x)
    assert result.graph.node[0].attribute[-1].name == "num_outputs"
    converted(tmp_path / "out.onnx", tmp_path / "back.onnx", "--opset", 11, "--no-optimize", feeds=x)
    parts = one(tmp_path, "Split", 11, {"x": (2, 6)}, 2, axis=1, split=[1, 5])
    converted(parts, tmp_path / "out.onnx", "--opset", 18, "--no-optimize", feeds=x)


def test_what_cannot_be_converted_is_refused(tmp_path):
    cases = [
        (one(tmp_path, "GroupNormalization", 18, {"x": (1, 4, 2)}, 1, (("s", F32([1, 1])), ("b", F32([0, 0]))), num_groups=2),
         21, "changed with opset 21"),
        (one(tmp_path / ".." / tmp_path.name, "GroupNormalization", 18, {"x": (1, 4, 2)}, 1,
             (("s", F32([1, 1])), ("b", F32([0, 0]))), num_groups=2), 17, "exists from opset 18 on"),
    ]
    for path, opset, reason in cases:
        refuses(viseme("convert", path, tmp_path / "no.onnx", "--opset", opset, "--no-optimize"), reason, "the node", "GroupNormalization")
    path = one(tmp_path, "Softmax", 11, {"x": (2, 3, 4)}, 1, axis=1)
    refuses(viseme("convert", path, tmp_path / "no.onnx", "--opset", 13), "flattens from axis 1", "the node")
    path = one(tmp_path, "ReduceSum", 13, {"x": (2, 3)}, 1, noop_with_empty_axes=1)
    refuses(viseme("convert", path, tmp_path / "no.onnx", "--opset", 11, "--no-optimize"), "ReduceSum changed with opset 13")
    path = one(tmp_path, "Reshape", 14, {"x": (2, 3)}, 1, (("s", I64(3, 2)),), allowzero=1)
    refuses(viseme("convert", path, tmp_path / "no.onnx", "--opset", 13, "--no-optimize"), "“allowzero”", "opset 14")
    assert not (tmp_path / "no.onnx").exists()


def test_unsupported_operators_can_still_be_written(tmp_path):
    node = helper.make_node("Frobnicate", ["x"], ["y"], "strange", domain="org.example")
    model = helper.make_model(
        helper.make_graph([node], "g", [floats("x", 1)], [floats("y", 1)]),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("org.example", 1)], ir_version=8)
    onnx.save(model, tmp_path / "m.onnx")
    refuses(viseme("convert", tmp_path / "m.onnx", tmp_path / "out.onnx"), "--no-optimize", status=3)
    viseme("convert", tmp_path / "m.onnx", tmp_path / "out.onnx", "--no-optimize", status=0)
    assert kinds(onnx.load(tmp_path / "out.onnx")) == ["Frobnicate"]


def test_damaged_models_are_refused(model, tmp_path):
    (tmp_path / "m.onnx").write_bytes(model.read_bytes()[:200])
    refuses(viseme("convert", tmp_path / "m.onnx", tmp_path / "out.onnx"), r"m\.onnx", "damaged")
    refuses(viseme("convert", model, tmp_path / "no" / "out.onnx"), "cannot be written")
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.onnx"]


def test_the_table_of_changes_is_that_of_the_installed_onnx():
    """Every operator of the schemas is listed; the file is made by a script and not edited."""
    import subprocess
    import sys

    from conftest import ROOT
    made = subprocess.run(
        [sys.executable, str(ROOT / "Tools/convert/operator_history.py")], capture_output=True, text=True, check=True).stdout
    assert made == (ROOT / "Sources/Conversion/OperatorHistory+Table.swift").read_text()


def test_old_broadcasting(tmp_path):
    """Before opset 7, `axis` said where the smaller side stands. ONNX Runtime runs 7 and newer, so it is compared by hand."""
    path = save(
        tmp_path / "m.onnx", [helper.make_node("Add", ["x", "b"], ["y"], "sum", broadcast=1, axis=1, consumed_inputs=[0, 0])],
        [floats("x", 2, 3, 4)], [floats("y", 2, 3, 4)], [("b", F32([10, 20, 30]))], opset=1)
    viseme("convert", path, tmp_path / "out.onnx", "--opset", 13, "--no-optimize", status=0)
    onnx.checker.check_model(str(tmp_path / "out.onnx"), full_check=True)
    x = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32)
    np.testing.assert_allclose(run(tmp_path / "out.onnx", {"x": x})[0], x + F32([[10], [20], [30]]), rtol=1e-6)
