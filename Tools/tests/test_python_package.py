"""The Python package, on the library that the build made."""

import gc
import threading

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import viseme
from viseme import _dtypes


def model(nodes, inputs, outputs, opset=21, **graph):
    """An encoded model; inputs and outputs are (name, element type, shape)."""
    values = [[helper.make_tensor_value_info(*value) for value in group] for group in (inputs, outputs)]
    made = helper.make_graph(nodes, "g", *values, **graph)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)]).SerializeToString()


def one(operator, inputs, outputs, **attributes):
    names = [[value[0] for value in group] for group in (inputs, outputs)]
    return model([helper.make_node(operator, *names, name="it", **attributes)], inputs, outputs)


ADD = one("Add", [("x", 1, ["n", 2]), ("y", 1, [2])], [("z", 1, ["n", 2])])
X = np.float32([[1, 2], [3, 4], [5, 6]])
Y = np.float32([10, 20])


@pytest.fixture
def add():
    return viseme.InferenceSession(ADD)


def test_a_session_says_what_the_model_declares(add):
    assert add.get_inputs() == [
        viseme.NodeArg("x", "tensor(float)", ["n", 2]), viseme.NodeArg("y", "tensor(float)", [2])
    ]
    assert add.get_outputs() == [viseme.NodeArg("z", "tensor(float)", ["n", 2])]
    assert viseme.version().count(".") == 2


def test_a_model_is_opened_from_a_path_as_from_bytes(tmp_path):
    path = tmp_path / "add.onnx"
    path.write_bytes(ADD)
    for source in (path, str(path), ADD, bytearray(ADD)):
        result, = viseme.InferenceSession(source, threads=2).run(None, {"x": X, "y": Y})
        np.testing.assert_array_equal(result, X + Y)


def test_shapes_may_change_from_run_to_run(add):
    for rows in (3, 0, 1, 3):
        x = np.ones((rows, 2), np.float32)
        np.testing.assert_array_equal(add.run(["z"], {"x": x, "y": Y})[0], x + Y)


def test_results_go_into_given_arrays(add):
    z = np.zeros((3, 2), np.float32)
    for outputs in ({"z": z}, [z]):
        z[:] = 0
        result, = add.run(["z"], {"x": X, "y": Y}, outputs=outputs)
        assert result is z
        np.testing.assert_array_equal(z, X + Y)


def test_results_outlive_their_session_and_later_runs():
    session = viseme.InferenceSession(ADD)
    first, = session.run(None, {"x": X, "y": Y})
    session.run(None, {"x": -X, "y": Y})
    del session
    gc.collect()
    np.testing.assert_array_equal(first, X + Y)


def test_inputs_need_not_be_contiguous(add):
    wide = np.arange(12, dtype=np.float32).reshape(3, 4)
    np.testing.assert_array_equal(add.run(None, {"x": wide[:, ::2], "y": Y})[0], wide[:, ::2] + Y)


def test_a_binding_reads_and_writes_arrays_that_stay(add):
    x, z = X.copy(), np.zeros((3, 2), np.float32)
    bound, free = add.bind({"x": x, "y": Y}, {"z": z}), add.bind({"x": x, "y": Y})
    assert bound.outputs["z"] is z
    for step in range(3):
        x += step
        bound.run()
        free.run()
        np.testing.assert_array_equal(z, x + Y)
        np.testing.assert_array_equal(free.outputs["z"], x + Y)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda s: s.run(None, {"x": X}), viseme.InvalidInput),
        (lambda s: s.run(None, {"x": X, "y": Y, "w": Y}), viseme.InvalidArgument),
        (lambda s: s.run(["w"], {"x": X, "y": Y}), viseme.InvalidArgument),
        (lambda s: s.run(None, {"x": X.astype(np.float64), "y": Y}), viseme.InvalidInput),
        (lambda s: s.run(None, {"x": X[0], "y": Y}), viseme.InvalidInput),
        (lambda s: s.run(None, {"x": X, "y": Y[:1]}), viseme.InvalidInput),
        (lambda s: s.run(["z"], {"x": X, "y": Y}, outputs=[np.zeros((2, 2), np.float32)]), viseme.InvalidArgument),
        (lambda s: s.run(["z"], {"x": X, "y": Y}, outputs=[np.zeros((3, 4), np.float32)[:, ::2]]),
         viseme.InvalidArgument),
        (lambda s: s.run(["z"], {"x": X, "y": Y}, outputs=[X]), viseme.InvalidArgument),
        (lambda s: s.bind({"x": X}), viseme.InvalidInput),
    ],
)
def test_what_does_not_fit_is_refused(add, call, error):
    with pytest.raises(error):
        call(add)
    np.testing.assert_array_equal(add.run(None, {"x": X, "y": Y})[0], X + Y)


def test_an_unsupported_operator_is_named():
    with pytest.raises(viseme.UnsupportedOperator) as caught:
        viseme.InferenceSession(one("NoSuchThing", [("x", 1, [1])], [("y", 1, [1])]))
    assert caught.value.operator == "NoSuchThing"
    assert "it" in caught.value.node
    assert "NoSuchThing" in caught.value.reason
    assert isinstance(caught.value, NotImplementedError)


@pytest.mark.parametrize("data", [b"", b"hello", ADD[: len(ADD) // 2], b"\xff" * 1000])
def test_what_is_no_model_is_refused(data):
    with pytest.raises(viseme.InvalidModel):
        viseme.InferenceSession(data)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(viseme.FileError):
        viseme.InferenceSession(tmp_path / "none.onnx")


def test_external_data_is_read_from_the_folder_that_is_given(tmp_path):
    weights = np.arange(2, dtype=np.float32)
    (tmp_path / "weights").write_bytes(weights.tobytes())
    tensor = TensorProto(name="y", data_type=1, dims=[2], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="weights")
    data = model(
        [helper.make_node("Add", ["x", "y"], ["z"])], [("x", 1, [3, 2])], [("z", 1, [3, 2])], initializer=[tensor]
    )
    session = viseme.InferenceSession(data, base_directory=tmp_path)
    np.testing.assert_array_equal(session.run(None, {"x": X})[0], X + weights)
    with pytest.raises(viseme.InvalidModel):
        viseme.InferenceSession(data)


def test_more_memory_than_the_limit_is_refused():
    wide = one("Expand", [("x", 1, [1]), ("shape", 7, [2])], [("y", 1, ["a", "b"])])
    with pytest.raises(viseme.MemoryLimitExceeded):
        session = viseme.InferenceSession(wide, memory_limit=1 << 20)
        session.run(None, {"x": np.float32([1]), "shape": np.int64([1 << 16, 1 << 16])})


def test_strings_go_in_and_out():
    session = viseme.InferenceSession(
        one("StringConcat", [("a", 8, ["n"]), ("b", 8, ["n"])], [("c", 8, ["n"])])
    )
    a, b = np.array(["", "grüß ", "a\0b"], object), np.array(["x", "dich", "c"])
    result, = session.run(None, {"a": a, "b": b})
    assert result.dtype == object and result.tolist() == ["x", "grüß dich", "a\0bc"]


def sequence_model(operator, *outputs):
    sequence = helper.make_tensor_sequence_value_info("s", 1, None)
    graph = helper.make_graph([operator], "g", [sequence, helper.make_tensor_value_info("i", 7, [])], list(outputs))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()


def test_sequences_are_lists():
    made = helper.make_tensor_sequence_value_info("t", 1, None)
    session = viseme.InferenceSession(sequence_model(helper.make_node("SequenceErase", ["s", "i"], ["t"]), made))
    assert session.get_inputs()[0].type == "seq(tensor(float))"
    given = [np.float32([1, 2]), np.float32([[3]]), np.float32([])]
    result, = session.run(None, {"s": given, "i": np.int64(0)})
    assert [x.tolist() for x in result] == [[[3]], []]
    with pytest.raises(viseme.VisemeError):
        session.run(None, {"s": given, "i": np.int64(3)})


def test_results_do_not_share_memory_with_inputs():
    info = helper.make_tensor_value_info("t", 1, None)
    session = viseme.InferenceSession(sequence_model(helper.make_node("SequenceAt", ["s", "i"], ["t"]), info))
    given = [np.float32([1, 2]), np.float32([3])]
    result, = session.run(None, {"s": given, "i": np.int64(0)})
    given[0][:] = 9
    assert result.tolist() == [1, 2]


def test_an_optional_is_a_value_or_none():
    inner = helper.make_tensor_type_proto(1, [2])
    kind = helper.make_optional_type_proto(inner)
    graph = helper.make_graph(
        [helper.make_node("OptionalHasElement", ["o"], ["b"])], "g", [helper.make_value_info("o", kind)],
        [helper.make_tensor_value_info("b", 9, [])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    session = viseme.InferenceSession(model.SerializeToString())
    assert session.get_inputs()[0].type == "optional(tensor(float))"
    assert session.run(None, {"o": np.float32([1, 2])}) == [True]
    assert session.run(None, {"o": None}) == [False]


def endless():
    """A loop that ends when its condition does, which it never does."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["d"]), helper.make_node("Add", ["v", "v"], ["w"])], "body",
        [helper.make_tensor_value_info("n", 7, []), helper.make_tensor_value_info("c", 9, []),
         helper.make_tensor_value_info("v", 1, [1])],
        [helper.make_tensor_value_info("d", 9, []), helper.make_tensor_value_info("w", 1, [1])],
    )
    loop = helper.make_node("Loop", ["", "go", "x"], ["y"], body=body)
    return viseme.InferenceSession(model([loop], [("go", 9, []), ("x", 1, [1])], [("y", 1, [1])]))


def test_a_time_limit_ends_a_run_and_the_session_goes_on():
    session = endless()
    with pytest.raises(viseme.TimeLimitExceeded):
        session.run(None, {"go": np.array(True), "x": np.float32([1])}, time_limit=0.2)
    assert session.run(None, {"go": np.array(False), "x": np.float32([1])}, time_limit=60)[0].tolist() == [1]


def test_another_thread_cancels_a_run_and_the_session_goes_on():
    session = endless()
    session.cancel()  # nothing is under way: without effect
    timer = threading.Timer(0.2, session.cancel)
    timer.start()
    with pytest.raises(viseme.Cancelled):
        session.run(None, {"go": np.array(True), "x": np.float32([1])}, time_limit=60)
    timer.join()
    assert session.run(None, {"go": np.array(False), "x": np.float32([1])})[0].tolist() == [1]


def test_results_of_a_shape_that_depends_on_contents_go_into_given_arrays():
    session = viseme.InferenceSession(one("NonZero", [("x", 1, ["n"])], [("y", 7, [1, "m"])]))
    y = np.zeros((1, 2), np.int64)
    session.run(["y"], {"x": np.float32([0, 1, 1])}, outputs=[y])
    assert y.tolist() == [[1, 2]]
    with pytest.raises(viseme.InvalidArgument):
        session.run(["y"], {"x": np.float32([1, 1, 1])}, outputs=[y])


PLAIN = ["float32", "float64", "float16", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool"]
NARROW = ["bfloat16", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "int4", "uint4",
          "float4_e2m1fn", "int2", "uint2"]


@pytest.mark.parametrize("name", PLAIN + NARROW)
@pytest.mark.parametrize("shape", [(3, 5), (), (0, 2)], ids=str)
def test_every_element_type_goes_in_and_out(name, shape):
    dtype = np.dtype(getattr(ml_dtypes, name) if name in NARROW else name)
    count = int(np.prod(shape))
    values = (np.arange(count) % 2).astype(np.float32).reshape(shape).astype(dtype)
    number = helper.np_dtype_to_tensor_dtype(dtype)
    session = viseme.InferenceSession(
        helper.make_model(
            helper.make_graph(
                [helper.make_node("Identity", ["x"], ["y"])], "g",
                [helper.make_tensor_value_info("x", number, shape)], [helper.make_tensor_value_info("y", number, shape)],
            ),
            opset_imports=[helper.make_opsetid("", 25)],
        ).SerializeToString()
    )
    result, = session.run(None, {"x": values})
    assert result.dtype == dtype and result.shape == shape
    np.testing.assert_array_equal(result.astype(np.float32), values.astype(np.float32))


@pytest.mark.parametrize(("name", "width"), [("int4", 4), ("uint4", 4), ("int2", 2), ("uint2", 2), ("float4_e2m1fn", 4)])
def test_packing_is_onnx_packing_and_back(name, width):
    dtype = np.dtype(getattr(ml_dtypes, name))
    number = _dtypes.number(dtype)
    every = np.arange(1 << width, dtype=np.uint8)
    values = every.view(dtype) if "float" in name else _dtypes.unpack(_dtypes.pack(every, width), width, number, every.shape)
    values = np.concatenate([values, values[:3]])
    packed = _dtypes.pack(values, width)
    assert packed.tobytes() == onnx.numpy_helper.from_array(values).raw_data
    back = _dtypes.unpack(packed, width, number, values.shape)
    np.testing.assert_array_equal(back.astype(np.float32), values.astype(np.float32))


def test_sessions_run_side_by_side_on_threads():
    problems = []

    def work(seed):
        session = viseme.InferenceSession(ADD)
        random = np.random.default_rng(seed)
        for _ in range(50):
            x = random.random((int(random.integers(1, 5)), 2), np.float32)
            if not np.array_equal(session.run(None, {"x": x, "y": Y})[0], x + Y):
                problems.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems


def test_the_backend_runs_models_and_nodes():
    from viseme import backend

    assert backend.supports_device("CPU") and not backend.supports_device("CUDA")
    prepared = backend.prepare(onnx.load_from_string(ADD))
    np.testing.assert_array_equal(prepared.run([X, Y])[0], X + Y)
    np.testing.assert_array_equal(backend.run(onnx.load_from_string(ADD), [X, Y])[0], X + Y)
    node = helper.make_node("Mul", ["a", "b"], ["c"])
    np.testing.assert_array_equal(backend.run_node(node, [X, Y]).c, X * Y)


def test_onnx_own_runner_takes_the_backend():
    import unittest

    import onnx.backend.test

    from viseme.backend import VisemeBackend

    suite = onnx.backend.test.BackendTest(VisemeBackend, __name__).include("test_relu_cpu|test_concat_1d_axis_0_cpu")
    outcome = unittest.TestResult()
    suite.test_suite.run(outcome)
    assert outcome.wasSuccessful(), outcome.failures + outcome.errors
    assert outcome.testsRun - len(outcome.skipped) == 2
