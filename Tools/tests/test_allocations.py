"""Runs of a binding allocate nothing: a program in C counts every call of the allocator, in all threads."""

import subprocess

import numpy as np
import pytest
from conftest import ROOT
from models import floats, save
from onnx import helper
from viseme import library_path

SOURCE = ROOT / "Tests" / "CExample" / "allocations.c"
node = helper.make_node


@pytest.fixture(scope="module")
def counter(tmp_path_factory):
    program = tmp_path_factory.mktemp("c") / "allocations"
    subprocess.run(
        ["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'Sources' / 'CViseme' / 'include'}", SOURCE,
         library_path(), "-rdynamic", "-o", program, f"-Wl,-rpath,{library_path().rpartition('/')[0]}"],
        check=True, timeout=60)
    return program


def weights(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32) * np.float32(0.1)


def images(path):
    nodes = [
        node("Conv", ["x", "w1", "b1"], ["c1"], pads=[1, 1, 1, 1]),
        node("BatchNormalization", ["c1", "one", "zero", "zero", "one"], ["n1"]),
        node("Relu", ["n1"], ["r1"]),
        node("Conv", ["r1", "w2"], ["c2"], pads=[1, 1, 1, 1]),
        node("Add", ["c2", "r1"], ["a2"]),
        node("Conv", ["a2", "w3"], ["c3"], pads=[1, 1, 1, 1], strides=[2, 2], group=32),
        node("HardSwish", ["c3"], ["h3"]),
        node("InstanceNormalization", ["h3", "one", "zero"], ["n3"]),
        node("MaxPool", ["n3"], ["p3"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Resize", ["p3", "", "scales"], ["s4"], mode="linear"),
        node("ConvTranspose", ["n3", "w4"], ["t4"], strides=[2, 2], pads=[1, 1, 1, 1]),
        node("Concat", ["n3", "s4"], ["k5"], axis=1),
        node("Pad", ["k5", "pads"], ["p5"], mode="reflect"),
        node("Conv", ["p5", "w5"], ["c5"]),
        node("GlobalAveragePool", ["c5"], ["g5"]),
        node("Mul", ["c5", "g5"], ["m5"]),
        node("DepthToSpace", ["m5"], ["d5"], blocksize=2),
        node("Sigmoid", ["d5"], ["y"]),
        node("Tanh", ["t4"], ["z"]),
    ]
    constants = [
        ("w1", weights(32, 3, 3, 3)), ("b1", weights(32)), ("w2", weights(32, 32, 3, 3)), ("w3", weights(32, 1, 3, 3)),
        ("w4", weights(32, 16, 4, 4)), ("w5", weights(32, 64, 3, 3)), ("one", np.ones(32, np.float32)),
        ("zero", np.zeros(32, np.float32)), ("scales", np.float32([1, 1, 2, 2])),
        ("pads", np.int64([0, 0, 1, 1, 0, 0, 1, 1])),
    ]
    return save(path, nodes, [floats("x", "n", 3, 24, 24)],
                [floats("y", "n", 8, 24, 24), floats("z", "n", 16, 24, 24)], constants)


def sequences(path):
    nodes = [
        node("MatMul", ["x", "wq"], ["q"]), node("MatMul", ["x", "wk"], ["k"]), node("MatMul", ["x", "wv"], ["v"]),
        node("Transpose", ["k"], ["kt"], perm=[0, 2, 1]), node("MatMul", ["q", "kt"], ["scores"]),
        node("Softmax", ["scores"], ["share"], axis=-1), node("MatMul", ["share", "v"], ["mixed"]),
        node("Add", ["mixed", "x"], ["sum"]),
        node("LayerNormalization", ["sum", "gain", "shift"], ["normal"]),
        node("Gemm", ["row", "wg", "shift"], ["gemm"], alpha=0.5),
        node("ReduceMean", ["normal"], ["row0"], axes=[1], keepdims=0),
        node("Erf", ["row0"], ["row"]),
        node("Transpose", ["normal"], ["steps"], perm=[1, 0, 2]),
        node("LSTM", ["steps", "wl", "rl"], ["hidden", "last", ""], hidden_size=16),
        node("Slice", ["hidden", "from", "to", "axis"], ["part"]),
        node("Gather", ["part", "index"], ["picked"], axis=0),
        node("ReduceMax", ["picked"], ["most"], axes=[0], keepdims=0),
        node("Where", ["mask", "normal", "sum"], ["chosen"]),
        node("CumSum", ["chosen", "axis"], ["total"]),
    ]
    nodes = nodes[:9] + [nodes[10], nodes[11], nodes[9]] + nodes[12:]
    constants = [(name, weights(32, 32)) for name in ("wq", "wk", "wv", "wg")] + [
        ("gain", weights(32)), ("shift", weights(32)), ("wl", weights(1, 64, 32)), ("rl", weights(1, 64, 16)),
        ("from", np.int64([1])), ("to", np.int64([9])), ("axis", np.int64(0).reshape(1)), ("index", np.int64([0, 3, 5])),
        ("mask", np.arange(32) % 2 == 0),
    ]
    constants = [(name, value) for name, value in constants]
    return save(path, nodes, [floats("x", 2, 12, 32)],
                [floats("gemm", 2, 32), floats("most", 1, 2, 16), floats("total", 2, 12, 32)], constants)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("make", [images, sequences], ids=lambda make: make.__name__)
def test_runs_allocate_nothing(counter, make, threads, tmp_path):
    model = make(tmp_path / "m.onnx")
    done = subprocess.run([counter, model, str(threads), "100", "1"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    before, made, freed = map(int, done.stdout.split())
    assert before > 1000, "the program does not see the library's allocations"
    assert (made, freed) == (0, 0)
