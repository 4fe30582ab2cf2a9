"""Packed weights that are kept on disk: found again, never believed, and never in the way."""

import json
import os
import resource
import shutil
import signal
import subprocess

import numpy as np
import onnx
import pytest
from models import floats, save
from onnx import helper
from program import BINARY, refuses, viseme

HEADER = 128  # bytes, before the table


def network(path, seed=0):
    """Convolutions of all kinds and a product, with weights of more than one page."""
    random = np.random.default_rng(seed)

    def weights(*shape):
        return (random.standard_normal(shape) * 0.1).astype(np.float32)

    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], "first", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"], "relu"),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], "second", pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["c2", "w3"], ["c3"], "depthwise", pads=[1, 1, 1, 1], group=32),
        helper.make_node("ConvTranspose", ["c3", "w4"], ["c4"], "up", strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["c4"], ["pooled"], "pool"),
        helper.make_node("Flatten", ["pooled"], ["flat"], "flat"),
        helper.make_node("MatMul", ["flat", "w5"], ["y"], "product"),
    ]
    constants = [
        ("w1", weights(32, 3, 3, 3)), ("b1", weights(32)), ("w2", weights(32, 32, 3, 3)), ("w3", weights(32, 1, 3, 3)),
        ("w4", weights(32, 24, 4, 4)), ("w5", weights(24, 10)),
    ]
    return save(path, nodes, [floats("x", "n", 3, 20, 20)], [floats("y", "n", 10)], constants)


def bench(model, *flags, setup=None, **variables):
    """What the program says of packed weights."""
    done = subprocess.run(
        [str(BINARY), "bench", str(model), "--shape", "n=1", "--repeat", "1", "--warmup", "0", "--json",
         *map(str, flags)],
        capture_output=True, text=True, timeout=60, env={**os.environ, **variables}, preexec_fn=setup)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["packedWeights"]


def output(model, folder, *flags, setup=None):
    """The result for an input that is always the same."""
    target = folder / "result"
    shutil.rmtree(target, ignore_errors=True)
    done = subprocess.run(
        [str(BINARY), "run", str(model), "--random", "7", "--shape", "n=1", "--output-dir", str(target),
         *map(str, flags)], capture_output=True, text=True, timeout=60, preexec_fn=setup)
    assert done.returncode == 0, done.stderr
    return onnx.numpy_helper.to_array(onnx.load_tensor(str(target / "output_0.pb")))


@pytest.fixture
def model(tmp_path):
    path = network(tmp_path / "m.onnx")
    os.utime(path, (1.6e9, 1.6e9))  # not so new that it could still be being written
    return path


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "some" / "cache"


def only_file(cache):
    (file,) = cache.iterdir()
    return file


def test_nothing_is_kept_unless_asked_for(model, tmp_path):
    assert bench(model, HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path / "xdg"), VISEME_CACHE="") == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.onnx"]


def test_the_second_process_finds_what_the_first_wrote(model, cache, tmp_path):
    expected = output(model, tmp_path)
    (note,) = bench(model, "--cache-dir", cache)
    assert "were written to" in note
    file = only_file(cache)
    whole, changed = file.read_bytes(), file.stat().st_mtime_ns
    (note,) = bench(model, "--cache-dir", cache)
    assert "come from" in note and str(file) in note
    assert file.read_bytes() == whole and file.stat().st_mtime_ns == changed
    assert np.array_equal(output(model, tmp_path, "--cache-dir", cache), expected)
    assert len(whole) > 32 * 32 * 9 * 4


def test_the_environment_and_the_users_own_folder(model, tmp_path):
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": ""}
    bench(model, VISEME_CACHE="auto", **home)
    assert only_file(tmp_path / ".cache" / "viseme").name.startswith("m.onnx-")
    bench(model, "--cache-dir", "auto", HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path / "xdg"))
    assert only_file(tmp_path / "xdg" / "viseme")
    assert bench(model, "--cache-dir", "", VISEME_CACHE=str(tmp_path / "never")) == []
    assert not (tmp_path / "never").exists()


def entries(whole):
    """Where the weights of each entry lie, and how many bytes they take."""
    at = HEADER
    for _ in range(int.from_bytes(whole[12:16], "little")):
        words = [int.from_bytes(whole[at + 8 * i : at + 8 * i + 8], "little") for i in range(6)]
        yield words[0], words[1]
        at += 48 + words[4] + words[5]


def damaged(whole):
    """Names and contents of what may be left of a file."""
    table = int.from_bytes(whole[24:32], "little")
    yield "empty", b""
    yield "only a magic number", whole[:8]
    for length in (HEADER - 1, HEADER, HEADER + table // 2, HEADER + table, len(whole) // 2, len(whole) - 1):
        yield f"first {length} bytes", whole[:length]
    yield "one byte more", whole + b"\0"
    yield "zeros", bytes(len(whole))
    random = np.random.default_rng(1)
    for _ in range(40):  # anywhere in header and table, padding of the header included
        position, bit = int(random.integers(HEADER + table)), int(random.integers(8))
        copy = bytearray(whole)
        copy[position] ^= 1 << bit
        yield f"bit {bit} of byte {position}", bytes(copy)
    for start, count in entries(whole):
        copy = bytearray(whole)
        copy[start + int(random.integers(count))] ^= 64
        yield f"weights at {start}", bytes(copy)
    copy = bytearray(whole)
    copy[8] += 1
    yield "another version", bytes(copy)


def test_damage_is_noticed_and_repaired(model, cache, tmp_path):
    expected = output(model, tmp_path, "--cache-dir", cache)
    file = only_file(cache)
    whole = file.read_bytes()
    for what, content in damaged(whole):
        file.write_bytes(content)
        assert np.array_equal(output(model, tmp_path, "--cache-dir", cache), expected), what
        assert file.read_bytes() == whole, f"{what}: not written anew"
        assert only_file(cache) == file


def test_another_models_file_is_not_believed(model, cache, tmp_path):
    bench(model, "--cache-dir", cache)
    file = only_file(cache)
    other = network(tmp_path / "other.onnx", seed=1)
    os.utime(other, (1.6e9, 1.6e9))
    expected = output(other, tmp_path)
    # Structure, size and time are the same; only weights are others.
    os.replace(other, model)
    (note, written) = bench(model, "--cache-dir", cache)
    assert str(file) in note and "not used" in note and "written" in written
    assert np.array_equal(output(model, tmp_path, "--cache-dir", cache), expected)


def test_one_changed_weight_shows_by_the_files_time(model, cache, tmp_path):
    bench(model, "--cache-dir", cache)
    whole = bytearray(model.read_bytes())
    second = onnx.load(model).graph.initializer[2].raw_data
    place = whole.find(second[5000:5004], whole.find(second))
    whole[place : place + 4] = np.float32(3).tobytes()
    model.write_bytes(whole)
    os.utime(model, (1.61e9, 1.61e9))
    expected = output(model, tmp_path)
    (note, _) = bench(model, "--cache-dir", cache)
    assert "not used" in note
    assert np.array_equal(output(model, tmp_path, "--cache-dir", cache), expected)


def test_a_touched_model_is_still_known(model, cache):
    bench(model, "--cache-dir", cache)
    os.utime(model, (1.62e9, 1.62e9))
    notes = bench(model, "--cache-dir", cache)
    assert "come from" in notes[0] and "written" in notes[1]  # with the new time
    assert len(bench(model, "--cache-dir", cache)) == 1


def test_options_that_change_packing_have_files_of_their_own_or_none(model, cache, tmp_path):
    bench(model, "--cache-dir", cache)
    (note, _) = bench(model, "--cache-dir", cache, "--low-memory")
    assert "not used" in note
    assert bench(model, "--cache-dir", cache, "--reference") == []
    bench(model, "--cache-dir", cache, VISEME_CPU="scalar")
    assert len(list(cache.iterdir())) == 2


def test_what_cannot_be_written_is_left(model, cache, tmp_path):
    expected = output(model, tmp_path)
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    (note,) = bench(model, "--cache-dir", blocked / "cache")
    assert "cannot be written" in note
    assert np.array_equal(output(model, tmp_path, "--cache-dir", blocked / "cache"), expected)

    def full():  # as on a disk with 8 KiB left
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))

    (note,) = bench(model, "--cache-dir", cache, setup=full)
    assert "cannot be written" in note
    assert list(cache.iterdir()) == []


def test_prepacked_weights_travel_with_the_model(model, tmp_path):
    expected = output(model, tmp_path)
    done = viseme("convert", model, "--prepack", "--shape", "n=1", status=0)
    (file,) = tmp_path.glob("m.onnx.*.packed")
    assert str(file) in done.stdout
    device = tmp_path / "device"
    device.mkdir()
    for path in (model, file):  # with other times, as copies have
        shutil.copyfile(path, device / path.name)
    copy = device / "m.onnx"
    (note,) = bench(copy)
    assert "come from" in note and str(device) in note
    assert np.array_equal(output(copy, tmp_path), expected)
    (device / file.name).write_bytes(file.read_bytes()[:-100])
    (note,) = bench(copy)
    assert "not used" in note
    assert np.array_equal(output(copy, tmp_path), expected)


def test_a_conversion_can_be_prepacked(model, tmp_path):
    viseme("convert", model, tmp_path / "fixed.onnx", "--shape", "n=1", "--prepack", status=0)
    (note,) = bench_fixed(tmp_path / "fixed.onnx")
    assert "come from" in note


def bench_fixed(model):
    return json.loads(viseme("bench", model, "--repeat", 1, "--warmup", 0, "--json", status=0).stdout)["packedWeights"]


def test_prepacking_says_what_it_lacks(model, tmp_path):
    refuses(viseme("convert", model, "--prepack"), "open")
    assert viseme("convert", model).returncode == 64
    assert viseme("convert", model, "--prepack", "--fp16").returncode == 64


def test_low_memory_gives_the_same_results(model, tmp_path):
    np.testing.assert_allclose(output(model, tmp_path, "--low-memory"), output(model, tmp_path), rtol=1e-4, atol=1e-6)
