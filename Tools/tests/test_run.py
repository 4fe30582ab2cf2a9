"""`viseme run`: tensors in, tensors out, and what it says of wrong ones."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from models import convolution, floats, read_tensor, save, write_tensor
from program import refuses, viseme

X = np.random.default_rng(1).standard_normal((1, 3, 12, 10)).astype(np.float32)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return convolution(tmp_path_factory.mktemp("model") / "conv.onnx")


@pytest.fixture(scope="module")
def expected(model):
    return onnxruntime.InferenceSession(model).run(None, {"x": X})[0]


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


def test_a_folder_of_tensors_becomes_a_folder_of_tensors(model, expected, tmp_path):
    write_tensor(tmp_path / "in" / "input_0.pb", X, "x")
    done = viseme("run", model, "--input-dir", tmp_path / "in", "--output-dir", tmp_path / "out", status=0)
    assert not done.stdout and not done.stderr
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == ["output_0.pb"]
    close(read_tensor(tmp_path / "out" / "output_0.pb"), expected)


@pytest.mark.parametrize("flags", [[], ["--reference"], ["--threads", 2], ["--without", "fuse-elementwise"]])
def test_numpy_files_work_in_every_mode(model, expected, tmp_path, flags):
    np.save(tmp_path / "x.npy", X)
    viseme("run", model, "--inputs", tmp_path / "x.npy", "--output", tmp_path / "y.npy", *flags, status=0)
    close(np.load(tmp_path / "y.npy"), expected)


@pytest.mark.parametrize("kind", ["plain", "compressed", "unnamed", "column-major", "big-endian", "one of two names"])
def test_archives_and_orders(model, expected, tmp_path, kind):
    path = tmp_path / "x.npz"
    match kind:
        case "plain": np.savez(path, x=X)
        case "compressed": np.savez_compressed(path, x=X)
        case "unnamed": np.savez(path, X)
        case "column-major": np.savez(path, x=np.asfortranarray(X))
        case "big-endian": np.savez(path, x=X.astype(">f4"))
        case _:
            path = tmp_path / "plain.npy"
            np.save(path, X)
    given = f"x={path}" if kind == "one of two names" else path
    viseme("run", model, "--inputs", given, "--output", tmp_path / "y.npz", status=0)
    with np.load(tmp_path / "y.npz") as archive:
        assert archive.files == ["y"]
        close(archive["y"], expected)


ARRAYS = {
    "float16": np.linspace(-2, 2, 6, dtype=np.float16), "float64": np.linspace(-2, 2, 6),
    "bool": np.array([True, False, True]), "int8": np.arange(-3, 3, dtype=np.int8),
    "uint16": np.arange(6, dtype=np.uint16), "int64": np.array([-(2**62), 2**62]), "uint64": np.array([2**63 + 1], np.uint64),
    "scalar": np.float32(3), "empty": np.zeros((0, 4), np.float32),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_every_type_goes_through_unchanged(tmp_path, kind):
    array = np.asarray(ARRAYS[kind])
    info = helper.make_tensor_value_info
    kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    model = save(
        tmp_path / "m.onnx", [helper.make_node("Identity", ["x"], ["y"])], [info("x", kind, array.shape)],
        [info("y", kind, array.shape)])
    np.save(tmp_path / "x.npy", array)
    viseme("run", model, "--inputs", tmp_path / "x.npy", "--output", tmp_path / "y.npz", "--output-dir", tmp_path, status=0)
    for result in (np.load(tmp_path / "y.npz")["y"], read_tensor(tmp_path / "output_0.pb")):
        assert result.dtype == array.dtype and result.shape == array.shape
        np.testing.assert_array_equal(result, array)


def test_random_inputs_follow_their_seed(tmp_path):
    model = convolution(tmp_path / "m.onnx", batch="n")
    results = []
    for seed, batch in [(1, "n=2"), (1, "x=2,3,12,10"), (2, "n=2")]:
        viseme("run", model, "--random", seed, "--shape", batch, "--output", tmp_path / "y.npy", status=0)
        results.append(np.load(tmp_path / "y.npy"))
    assert results[0].shape == (2, 5)
    np.testing.assert_array_equal(results[0], results[1])
    assert np.abs(results[0] - results[2]).max() > 1e-4


def test_without_a_place_for_outputs_their_types_are_printed(model):
    assert viseme("run", model, "--random", 0, status=0).stdout == "y: float[1,5]\n"


def sequences(path):
    """Inputs: a sequence of floats, an optional float. Outputs: the sequence and its length behind it, the optional."""
    floats_type = helper.make_tensor_type_proto(TensorProto.FLOAT, None)
    sequence, optional = helper.make_sequence_type_proto(floats_type), helper.make_optional_type_proto(floats_type)
    nodes = [
        helper.make_node("SequenceLength", ["xs"], ["n"]),
        helper.make_node("SequenceInsert", ["xs", "w"], ["ys"]),
        helper.make_node("OptionalHasElement", ["o"], ["has"]),
        helper.make_node("Identity", ["o"], ["p"]),
    ]
    info = helper.make_tensor_value_info
    return save(
        path, nodes, [helper.make_value_info("xs", sequence), helper.make_value_info("o", optional)],
        [helper.make_value_info("ys", sequence), info("n", TensorProto.INT64, []), info("has", TensorProto.BOOL, []),
         helper.make_value_info("p", optional)],
        [("w", np.float32([7, 8]))], opset=18)


@pytest.mark.parametrize("given", [np.float32([[1, 2]]), None])
def test_sequences_and_optionals_are_read_and_written(tmp_path, given):
    model, folder, out = sequences(tmp_path / "m.onnx"), tmp_path / "in", tmp_path / "out"
    arrays = [np.arange(300, dtype=np.float32).reshape(2, 150), np.array(5, np.float32)]
    folder.mkdir()
    (folder / "input_0.pb").write_bytes(numpy_helper.from_list(arrays, "xs").SerializeToString())
    (folder / "input_1.pb").write_bytes(numpy_helper.from_optional(given, "o").SerializeToString())
    viseme("run", model, "--input-dir", folder, "--output-dir", out, status=0)
    results = numpy_helper.to_list(onnx.SequenceProto.FromString((out / "output_0.pb").read_bytes()))
    assert [x.tolist() for x in results] == [x.tolist() for x in [*arrays, np.float32([7, 8])]]
    assert (read_tensor(out / "output_1.pb"), read_tensor(out / "output_2.pb")) == (2, given is not None)
    optional = numpy_helper.to_optional(onnx.OptionalProto.FromString((out / "output_3.pb").read_bytes()))
    assert optional is None if given is None else optional.tolist() == given.tolist()

    # The same files by name, the types printed, and the recording held against the model.
    printed = viseme("run", model, "--inputs", f"xs={folder}/input_0.pb", f"o={folder}/input_1.pb", status=0).stdout
    assert printed.startswith("ys: sequence of 3: float[2,150], float[], float[2]\nn: int64[]\n")
    for file in folder.iterdir():
        (out / file.name).write_bytes(file.read_bytes())
    viseme("validate", model, "--against", out, status=0)
    refuses(viseme("run", model, "--input-dir", folder, "--output", tmp_path / "y.npz"), "“ys”", "--output-dir")
    refuses(viseme("run", model, "--random", 1), "“xs”", "sequence of", "not made at random")
    (folder / "input_0.pb").write_bytes(numpy_helper.from_array(arrays[0]).SerializeToString())
    refuses(viseme("run", model, "--input-dir", folder), "input_0.pb", "sequence|does not hold|damaged")


# What is wrong with the inputs


def test_missing_and_unknown_inputs_are_named(model, tmp_path):
    np.save(tmp_path / "x.npy", X)
    refuses(viseme("run", model), "“x”", r"float\[1,3,12,10\]", "--random")
    refuses(viseme("run", model, "--inputs", f"z={tmp_path}/x.npy"), "no input “z”", "there are x")
    refuses(viseme("run", model, "--inputs", tmp_path / "x.npy", tmp_path / "x.npy"), "given already")
    refuses(viseme("run", model, "--input-dir", tmp_path), "input_0.pb", "cannot be read")
    refuses(viseme("run", model, "--random", 1, "--shape", "q=3"), "“q”", "neither an input nor an extent")


def test_open_extents_must_be_said(tmp_path):
    model = convolution(tmp_path / "m.onnx", batch="n")
    refuses(viseme("run", model, "--random", 1), "extents are open", "--shape x=N,3,12,10")


def test_wrong_shapes_and_types_are_refused(model, tmp_path):
    np.save(tmp_path / "x.npy", X[:, :2])
    refuses(viseme("run", model, "--inputs", tmp_path / "x.npy"), "input “x”", r"\[1,2,12,10\]")
    np.save(tmp_path / "x.npy", X.astype(np.float64))
    refuses(viseme("run", model, "--inputs", tmp_path / "x.npy"), "input “x”", "double")


@pytest.mark.parametrize("content,reason", [
    (b"", "not a NumPy array"), (b"\x93NUMPY\x01\x00", "not a NumPy array"),
    (b"\x93NUMPY\x01\x00\xff\xffabc", "ends within its header"),
    (b"\x93NUMPY\x01\x00\x04\x00{'a'", "header"),
])
def test_damaged_arrays_are_refused(model, tmp_path, content, reason):
    (tmp_path / "x.npy").write_bytes(content)
    refuses(viseme("run", model, "--inputs", tmp_path / "x.npy"), r"x\.npy", reason)


@pytest.mark.parametrize("shape", ["(1, 3, 12, 10)", "(9223372036854775807, 9223372036854775807)", "(-1,)", "(1e9,)"])
def test_arrays_that_promise_more_than_they_hold_are_refused(model, tmp_path, shape):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode()
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"1234")
    refuses(viseme("run", model, "--inputs", tmp_path / "x.npy"), r"x\.npy")


def test_damaged_archives_are_refused(model, tmp_path):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, x=X)
    whole = path.read_bytes()
    for part in range(0, len(whole), 97):
        path.write_bytes(whole[:part])
        refuses(viseme("run", model, "--inputs", path), r"x\.npz|not given")
    flipped = bytearray(whole)
    flipped[60:90] = bytes(30)
    path.write_bytes(flipped)
    refuses(viseme("run", model, "--inputs", path), r"x\.npz")


def test_damaged_tensor_files_are_refused(model, tmp_path):
    path = write_tensor(tmp_path / "input_0.pb", X)
    path.write_bytes(path.read_bytes()[:-7])
    refuses(viseme("run", model, "--input-dir", tmp_path), r"input_0\.pb", "damaged|bytes")


# Statuses


def test_unsupported_models_have_a_status_of_their_own(tmp_path):
    node = helper.make_node("Frobnicate", ["x"], ["y"], "strange", domain="org.example")
    model = helper.make_model(
        helper.make_graph([node], "g", [floats("x", 1)], [floats("y", 1)]),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("org.example", 1)], ir_version=8)
    onnx.save(model, tmp_path / "m.onnx")
    refuses(viseme("run", tmp_path / "m.onnx", "--random", 0), "Frobnicate", "strange", status=3)


def test_wrong_usage_has_a_status_of_its_own(model):
    for arguments in (["run"], ["run", model, "--threads", 0], ["run", model, "--output", "y.txt"],
                      ["run", model, "--without", "magic"], ["run", model, "--memory-limit", "much"]):
        assert viseme(*arguments).returncode == 64


def test_limits_hold(model, tmp_path):
    refuses(viseme("run", model, "--random", 0, "--memory-limit", "1K"), "memory limit")
    sizes = ["--shape", "a=1500,1500", "--shape", "b=1500,1500", "--random", 0, "--reference"]
    slow = save(tmp_path / "slow.onnx", [helper.make_node("MatMul", ["a", "b"], ["c"])],
                [floats("a", "m", "k"), floats("b", "k", "n")], [floats("c", "m", "n")])
    refuses(viseme("run", slow, *sizes, "--time-limit", 0.05, timeout=20), "--time-limit after 0.05 s")


def test_outputs_are_whole_or_absent(model, tmp_path):
    done = viseme("run", model, "--random", 0, "--output-dir", tmp_path / "no" / "such")
    refuses(done, "cannot be made")
    done = viseme("run", model, "--random", 0, "--output", tmp_path / "no" / "y.npz")
    refuses(done, "cannot be written")
    viseme("run", model, "--random", 0, "--output-dir", tmp_path / "out", status=0)
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == ["output_0.pb"]


@pytest.mark.parametrize("command", ["run", "bench", "profile", "inspect", "validate", "convert"])
def test_help_shows_examples(command):
    text = viseme(command, "--help", status=0).stdout
    assert "EXAMPLES" in text and "EXIT CODES" in text and f"viseme {command} " in text
