"""The C interface as an app in C meets it: the example is built against viseme.h and run; the rules hold."""

import ctypes
import subprocess

import numpy as np
import onnx
import pytest
from conftest import ROOT
from onnx import helper

from viseme import library_path

EXAMPLE = ROOT / "Tests" / "CExample" / "example.c"
INCLUDE = ROOT / "Sources" / "CViseme" / "include"


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    program = tmp_path_factory.mktemp("c") / "example"
    subprocess.run(
        ["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{INCLUDE}", EXAMPLE, library_path(), "-o", program,
         f"-Wl,-rpath,{library_path().rpartition('/')[0]}"],
        check=True, timeout=60,
    )
    return program


def save(path, nodes, shape=("batch", 3)):
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", 1, shape)], [helper.make_tensor_value_info("y", 1, shape)]
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)]), path)
    return path


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_the_example_runs_a_model(example, tmp_path):
    done = run(example, save(tmp_path / "m.onnx", [helper.make_node("Add", ["x", "x"], ["y"])]))
    assert done.returncode == 0, done.stderr
    assert "input x: tensor(float)" in done.stdout
    assert done.stdout.count("y: 3 elements, sum 6") == 2


def test_the_example_says_what_is_wrong(example, tmp_path):
    done = run(example, save(tmp_path / "m.onnx", [helper.make_node("NoSuchThing", ["x"], ["y"], name="odd")]))
    assert done.returncode == 3
    assert "unsupported" in done.stderr and "odd" in done.stderr and "operator: NoSuchThing" in done.stderr
    done = run(example, tmp_path / "none.onnx")
    assert done.returncode == 1 and "system" in done.stderr


@pytest.mark.parametrize("compiler", [["cc", "-std=c11", "-x", "c"], ["c++", "-std=c++17", "-x", "c++"]], ids=["C", "C++"])
def test_the_header_compiles_alone(compiler, tmp_path):
    source = tmp_path / "alone.c"
    source.write_text("#include <viseme.h>\nint main() { return (int)viseme_abi_version() - VISEME_ABI_VERSION; }\n")
    subprocess.run([*compiler, "-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only", f"-I{INCLUDE}", source],
                   check=True, timeout=60)


def test_every_function_of_the_header_is_in_the_library():
    import re

    names = set(re.findall(r"\b(viseme_\w+)\(", re.sub(r"/\*.*?\*/", "", (INCLUDE / "viseme.h").read_text(), flags=re.S)))
    library = ctypes.CDLL(library_path())
    assert len(names) > 25
    assert not [name for name in names if not hasattr(library, name)]


@pytest.fixture
def library():
    return ctypes.CDLL(library_path())


def test_calls_that_break_the_rules_are_refused(library):
    class Error(ctypes.Structure):
        _fields_ = [("size", ctypes.c_size_t), ("status", ctypes.c_int32), ("message", ctypes.c_char_p)]

    library.viseme_last_error.restype = ctypes.POINTER(Error)
    out = ctypes.c_void_p(1)
    dims = (ctypes.c_int64 * 3)(1 << 40, 1 << 40, 1)
    negative = (ctypes.c_int64 * 1)(-1)
    memory = ctypes.create_string_buffer(64)
    misaligned = ctypes.c_void_p(ctypes.addressof(memory) + 1)
    size = ctypes.c_size_t
    for call in (
        lambda: library.viseme_model_open(None, None, ctypes.byref(out)),
        lambda: library.viseme_model_open(b"x", None, None),
        lambda: library.viseme_session_create(None, None, ctypes.byref(out)),
        lambda: library.viseme_tensor_create(99, size(0), None, ctypes.byref(out)),
        lambda: library.viseme_tensor_create(1, size(3), dims, ctypes.byref(out)),
        lambda: library.viseme_tensor_create(1, size(1), negative, ctypes.byref(out)),
        lambda: library.viseme_tensor_create(1, size(1), None, ctypes.byref(out)),
        lambda: library.viseme_tensor_create(1, size(1 << 62), dims, ctypes.byref(out)),
        lambda: library.viseme_tensor_wrap(1, size(0), None, memory, size(3), ctypes.byref(out)),
        lambda: library.viseme_tensor_wrap(1, size(0), None, misaligned, size(4), ctypes.byref(out)),
        lambda: library.viseme_tensor_wrap(8, size(0), None, memory, size(64), ctypes.byref(out)),
        lambda: library.viseme_tensor_describe(None, None),
        lambda: library.viseme_session_run(None, None, size(0), None, None, size(0), None, None),
        lambda: library.viseme_binding_run(None, None),
    ):
        assert call() == 4
        error = library.viseme_last_error().contents
        assert error.status == 4 and error.message
    assert library.viseme_tensor_create(1, size(2), (ctypes.c_int64 * 2)(1 << 30, 1 << 20), ctypes.byref(out)) == 5
    assert out.value is None


def test_an_option_structure_of_another_size_is_understood(library):
    """A caller with an older header gives a shorter structure; one that forgot to set the size is told so."""
    out = ctypes.c_void_p()
    path = str(ROOT / "Graphs" / "default")
    for size, status in ((8, 8), (12, 8), (1 << 10, 8), (0, 4), (7, 4), (1 << 40, 4)):
        options = (ctypes.c_uint64 * 128)(size)
        assert library.viseme_model_open(path.encode(), options, ctypes.byref(out)) == status


def test_a_structure_that_is_filled_keeps_what_the_caller_does_not_know(library):
    value, info = ctypes.c_void_p(), np.full(8, 7, np.uint64)
    assert library.viseme_tensor_create(1, ctypes.c_size_t(0), None, ctypes.byref(value)) == 0
    info[0] = 16
    assert library.viseme_tensor_describe(value, ctypes.c_void_p(info.ctypes.data)) == 0
    assert info[0] == 16 and int(info[1]) & 0xFFFFFFFF == 1 and (info[2:] == 7).all()
    library.viseme_value_destroy.argtypes = [ctypes.c_void_p]
    library.viseme_value_destroy(value)


def test_what_is_installed_serves_an_app(tmp_path):
    """The library without the build folder, found as apps find it: by pkg-config's file and the loader's path."""
    done = subprocess.run(
        [ROOT / "Tools" / "install", "--destdir", tmp_path, "--prefix", "/opt/viseme"], capture_output=True, text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    home = tmp_path / "opt" / "viseme"
    settings = dict(
        line.split(": " if ":" in line else "=", 1)
        for line in (home / "lib" / "pkgconfig" / "viseme.pc").read_text().splitlines() if line
    )
    assert settings["prefix"] == "/opt/viseme" and settings["libdir"] == "/opt/viseme/lib" and settings["Libs"] == "-L${libdir} -lviseme"
    program = tmp_path / "example"
    subprocess.run(["cc", EXAMPLE, f"-I{home / 'include'}", f"-L{home / 'lib'}", "-lviseme", "-o", program], check=True)
    model = save(tmp_path / "m.onnx", [helper.make_node("Add", ["x", "x"], ["y"])])
    done = subprocess.run(
        [program, model], env={"LD_LIBRARY_PATH": str(home / "lib"), "PATH": ""}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "sum 6" in done.stdout
    needed = subprocess.run(["ldd", home / "lib" / "libviseme.so"], capture_output=True, text=True, check=True).stdout
    assert "swift" not in needed
    # No one call may link the whole of Foundation or of regular expressions.
    assert (home / "lib" / "libviseme.so").stat().st_size <= 10_000_000
    symbols = subprocess.run(["nm", "-D", "--defined-only", home / "lib" / "libviseme.so"], capture_output=True, text=True).stdout
    exported = [line.split() for line in symbols.splitlines()]
    assert all(name.startswith(("viseme_", "VISEME_")) for *_, kind, name in exported if kind.isupper())
