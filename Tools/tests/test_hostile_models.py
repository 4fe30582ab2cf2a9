"""Models that are small and ask for much, contradict themselves, or reach for files: answered by typed errors."""

import os

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import viseme
from test_python_package import model

LIMIT = 64 << 20
FLOAT, INT32, INT64 = TensorProto.FLOAT, TensorProto.INT32, TensorProto.INT64
X4 = np.arange(4, dtype=np.float32)


def run(encoded, **feeds):
    session = viseme.InferenceSession(encoded, memory_limit=LIMIT)
    return session.run(None, feeds, time_limit=5)


@pytest.mark.parametrize("is_constant", [False, True], ids=["input", "constant"])
@pytest.mark.parametrize("operator", ["Concat", "Tile", "Expand", "Pad", "ConstantOfShape", "Range"])
def test_what_doubles_without_end_meets_the_memory_limit(operator, is_constant):
    nodes, graph = [], {}
    if is_constant:
        graph["initializer"] = [helper.make_tensor("x", FLOAT, [4], X4)]
    for step in range(60):
        before, after = f"v{step}" if step else "x", f"v{step + 1}"
        if operator == "Concat":
            nodes.append(helper.make_node("Concat", [before, before], [after], axis=0))
        elif operator == "Tile":
            nodes.append(helper.make_node("Tile", [before, "two"], [after]))
        else:
            break
    if not nodes:
        feeds = {"Expand": ["x", "huge"], "Pad": ["x", "huge2"], "ConstantOfShape": ["huge"], "Range": ["zero", "far", "one"]}
        nodes = [helper.make_node(operator, feeds[operator], ["v60"])]
    graph["initializer"] = graph.get("initializer", []) + [
        helper.make_tensor("two", INT64, [1], [2]), helper.make_tensor("huge", INT64, [2], [1 << 40, 4]),
        helper.make_tensor("huge2", INT64, [2], [1 << 50, 1 << 50]), helper.make_tensor("zero", INT64, [], [0]),
        helper.make_tensor("far", INT64, [], [1 << 62]), helper.make_tensor("one", INT64, [], [1]),
    ]
    inputs = [] if is_constant else [("x", FLOAT, ["n"])]
    encoded = model(nodes, inputs, [("v60", INT64 if operator == "Range" else FLOAT, None)], **graph)
    with pytest.raises((viseme.MemoryLimitExceeded, viseme.InvalidModel, viseme.InvalidInput)):
        run(encoded, **({} if is_constant else {"x": X4}))


@pytest.mark.parametrize(("kind", "dtype"), [(INT32, np.int32), (INT64, np.int64)])
@pytest.mark.parametrize("operator", ["Div", "Mod"])
def test_the_least_integer_by_minus_one_and_by_zero_ends_well(operator, kind, dtype):
    encoded = model([helper.make_node(operator, ["a", "b"], ["y"])], [("a", kind, [2]), ("b", kind, [2])], [("y", kind, [2])])
    least = np.iinfo(dtype).min
    y, = run(encoded, a=np.array([least, 7], dtype), b=np.array([-1, -2], dtype))
    assert y[0] == (least if operator == "Div" else 0) and y[1] == (-3 if operator == "Div" else -1)
    try:
        run(encoded, a=np.array([least, 7], dtype), b=np.zeros(2, dtype))
    except viseme.VisemeError:
        pass


@pytest.mark.parametrize("equation", ["", ",", "->", "ij", "ij,jk->", "ii->ijk", "ij->ii", "i...j...->ij", "i.j->ij", "ij,jk->il", "1->1"])
def test_equations_without_meaning_are_refused(equation):
    encoded = model(
        [helper.make_node("Einsum", ["a", "b"], ["y"], equation=equation)], [("a", FLOAT, [2, 3]), ("b", FLOAT, [3, 4])],
        [("y", FLOAT, None)])
    feeds = {"a": np.ones((2, 3), np.float32), "b": np.ones((3, 4), np.float32)}
    if equation == "ij,jk->":
        assert run(encoded, **feeds)[0] == 24
        return
    with pytest.raises((viseme.InvalidModel, viseme.InvalidInput, viseme.UnsupportedOperator)):
        run(encoded, **feeds)


def test_functions_that_call_functions_tenfold_are_bounded():
    domain, functions = "bombs", []
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid(domain, 1)]
    for level in range(12):
        name = f"f{level - 1}" if level else "Neg"
        body = [
            helper.make_node(name, [f"t{i}" if i else "x"], [f"t{i + 1}"], domain=domain if level else "") for i in range(10)
        ]
        functions.append(helper.make_function(domain, f"f{level}", ["x"], ["t10"], body, opsets))
    graph = helper.make_graph(
        [helper.make_node("f11", ["x"], ["y"], domain=domain)], "g", [helper.make_tensor_value_info("x", FLOAT, [1])],
        [helper.make_tensor_value_info("y", FLOAT, [1])])
    encoded = helper.make_model(graph, opset_imports=opsets, functions=functions).SerializeToString()
    with pytest.raises(viseme.VisemeError):
        run(encoded, x=np.ones(1, np.float32))


def test_functions_that_call_themselves_are_refused():
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("d", 1)]
    functions = [
        helper.make_function("d", name, ["x"], ["y"], [helper.make_node(other, ["x"], ["y"], domain="d")], opsets)
        for name, other in (("f", "g"), ("g", "f"))
    ]
    graph = helper.make_graph(
        [helper.make_node("f", ["x"], ["y"], domain="d")], "g", [helper.make_tensor_value_info("x", FLOAT, [1])],
        [helper.make_tensor_value_info("y", FLOAT, [1])])
    with pytest.raises(viseme.VisemeError):
        run(helper.make_model(graph, opset_imports=opsets, functions=functions).SerializeToString(), x=np.ones(1, np.float32))


def external(location, offset=None, length=None):
    tensor = onnx.TensorProto(name="w", data_type=FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        if value is not None:
            tensor.external_data.add(key=key, value=str(value))
    return model([helper.make_node("Neg", ["w"], ["y"])], [], [("y", FLOAT, [4])], initializer=[tensor])


@pytest.mark.parametrize(
    ("location", "offset", "length"),
    [
        ("../outside.bin", None, None), ("folder/../../outside.bin", None, None), ("/etc/passwd", None, None),
        ("link.bin", None, None), ("linked/outside.bin", None, None), ("missing.bin", None, None), ("folder", None, None),
        ("fifo", None, None), ("", None, None), (None, None, None), ("inside.bin", 16, 16), ("inside.bin", -4, 16),
        ("inside.bin", 1 << 63, 16), ("inside.bin", 0, 1 << 62), ("inside.bin", "x", 16), ("inside.bin", 0, 8),
    ],
)
def test_external_data_stays_in_its_folder_and_file(tmp_path, location, offset, length):
    folder = tmp_path / "models"
    (folder / "folder").mkdir(parents=True)
    (tmp_path / "outside.bin").write_bytes(X4.tobytes())
    (folder / "inside.bin").write_bytes(X4.tobytes())
    (folder / "link.bin").symlink_to(tmp_path / "outside.bin")
    (folder / "linked").symlink_to(tmp_path)
    os.mkfifo(folder / "fifo")
    path = folder / "model.onnx"
    path.write_bytes(external("inside.bin", 0, 16))
    np.testing.assert_array_equal(viseme.InferenceSession(path).run(None, {})[0], -X4)
    path.write_bytes(external(location, offset, length))
    with pytest.raises(viseme.VisemeError):
        viseme.InferenceSession(path).run(None, {})


def test_twenty_thousand_nodes_are_read_and_run():
    nodes = [helper.make_node("Neg", [f"v{i}" if i else "x"], [f"v{i + 1}"]) for i in range(20_000)]
    graph = helper.make_graph(
        nodes, "long", [helper.make_tensor_value_info("x", FLOAT, [1])], [helper.make_tensor_value_info("v20000", FLOAT, [1])])
    encoded = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]).SerializeToString()
    y, = viseme.InferenceSession(encoded).run(None, {"x": np.ones(1, np.float32)})
    assert y[0] == 1


@pytest.mark.parametrize(
    ("operator", "shape", "attributes", "weight"),
    [
        ("Conv", (0, 3, 5, 5), {}, (2, 3, 3, 3)), ("Conv", (1, 3, 2, 2), {}, (2, 3, 3, 3)), ("Conv", (1, 0, 5, 5), {}, (2, 0, 3, 3)),
        ("ConvTranspose", (0, 3, 5, 5), {}, (3, 2, 3, 3)), ("MaxPool", (0, 3, 5, 5), {"kernel_shape": [3, 3]}, None),
        ("MaxPool", (1, 3, 2, 2), {"kernel_shape": [3, 3]}, None), ("AveragePool", (1, 3, 0, 5), {"kernel_shape": [1, 1]}, None),
        ("GlobalAveragePool", (1, 3, 0, 0), {}, None), ("Softmax", (3, 0), {}, None), ("ReduceMean", (3, 0), {}, None),
        ("ReduceMax", (3, 0), {}, None), ("MatMul", (0, 3), {}, (3, 4)), ("MatMul", (2, 0), {}, (0, 4)),
        ("LayerNormalization", (2, 0), {}, (0,)), ("ArgMax", (2, 0), {"axis": 1}, None), ("CumSum", (0,), {}, "axis"),
    ],
)
def test_empty_batches_windows_and_axes_end_well(operator, shape, attributes, weight):
    names, inputs, initializer = ["x"], [("x", FLOAT, shape)], []
    if weight == "axis":
        names.append("w")
        initializer.append(helper.make_tensor("w", INT64, [], [0]))
    elif weight is not None:
        names.append("w")
        initializer.append(helper.make_tensor("w", FLOAT, weight, np.ones(int(np.prod(weight)), np.float32)))
    kind = INT64 if operator == "ArgMax" else FLOAT
    encoded = model([helper.make_node(operator, names, ["y"], **attributes)], inputs, [("y", kind, None)], initializer=initializer)
    try:
        y, = run(encoded, x=np.zeros(shape, np.float32))
    except (viseme.InvalidModel, viseme.InvalidInput):
        return
    assert isinstance(y, np.ndarray)
