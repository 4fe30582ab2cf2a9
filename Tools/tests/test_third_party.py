"""The comparison on models out of Python packages: its inputs, its judgement, and what it does without those packages."""

import tomllib
import zipfile

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from models import convolution, floats
from suite import third_party
from suite.third_party import Entry, differences, entries, feeds, in_double, is_quantized, isolated, on_onnxruntime


def archived(tmp_path, **members):
    wheel = tmp_path / "some-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in members.items():
            archive.writestr(f"some/{name}", data)
    return wheel


def entry(wheel, *members, **inputs):
    return Entry(members[0], "somebody", "anything", [(wheel, f"some/{name}") for name in members], inputs)


def test_every_package_is_pinned_and_every_model_has_inputs():
    lines = [line for line in (third_party.FOLDER / "third_party.txt").read_text().splitlines() if not line.startswith("#")]
    assert len(lines) >= 10 and all("==" in line and "--hash=sha256:" in line for line in lines)
    models = tomllib.loads((third_party.FOLDER / "third_party.toml").read_text())["model"]
    assert len({model["maker"] for model in models}) >= 10
    assert all(model["inputs"] and ("files" in model) != ("each" in model) for model in models)


def test_models_are_found_in_wheels_and_parts_put_together(tmp_path, monkeypatch):
    archived(tmp_path, **{"a.onnx": b"one", "b.onnx": b"two", "part": b"three"})
    (tmp_path / "third_party.toml").write_text(
        '[[model]]\nmaker = "x"\nkind = "y"\neach = ["some/*.onnx"]\ninputs.x = { shape = [1] }\n'
        '[[model]]\nmaker = "x"\nkind = "y"\nfiles = ["some/a.onnx", "some/part"]\ninputs.x = { shape = [1] }\n')
    monkeypatch.setattr(third_party, "FOLDER", tmp_path)
    found = {item.name: item for item in entries(tmp_path)}
    assert [item.read() for item in entries(tmp_path)] == [b"one", b"two", b"onethree"]
    assert found["some/b.onnx"].read() == b"two"
    (tmp_path / "third_party.toml").write_text('[[model]]\nmaker = "x"\nkind = "y"\neach = ["other/*.onnx"]\n')
    with pytest.raises(SystemExit, match="no package has"):
        entries(tmp_path)


def test_inputs_follow_their_rules():
    info = helper.make_tensor_value_info
    inputs = [floats("noise", None, 3), info("index", TensorProto.INT64, [None]), info("on", TensorProto.BOOL, [2]),
              info("rate", TensorProto.INT64, []), info("w", TensorProto.FLOAT, [1])]
    graph = helper.make_graph([helper.make_node("Identity", ["noise"], ["y"])], "g", inputs, [floats("y", None, 3)],
                              [onnx.numpy_helper.from_array(np.float32([1]), "w")])
    made = feeds(helper.make_model(graph), {
        "noise": {"shape": [50, 3], "scale": 0.1}, "index": {"shape": [40], "below": 7}, "on": {"shape": [2]}, "rate": {"value": 16000}})
    assert list(made) == ["noise", "index", "on", "rate"]
    assert made["noise"].dtype == np.float32 and 0.05 < made["noise"].std() < 0.2
    assert made["index"].dtype == np.int64 and set(made["index"]) == set(range(7))
    assert made["on"].all() and made["rate"].shape == () and made["rate"] == 16000


def test_differences_are_relative_and_shapes_types_and_infinities_count():
    x = np.float32([1, -4, 2])
    assert differences([x], [x]) == (0, 0)
    assert differences([x], [x + np.float32([0, 0.04, 0])])[0] == pytest.approx(0.01, rel=1e-3)
    for other in (x[:2], x.astype(np.float64), np.float32([1, np.inf, 2])):
        assert differences([x], [other]) == (np.inf, np.inf)


def test_the_same_model_in_double(tmp_path):
    model = onnx.load(convolution(tmp_path / "m.onnx"))
    x = np.random.default_rng(0).standard_normal((1, 3, 12, 10))
    narrow = on_onnxruntime(model.SerializeToString(), {"x": x.astype(np.float32)}, optimized=True)[0][0]
    nodes = [helper.make_node("MatMul", ["a", "w"], ["b"]), helper.make_node("Cast", ["b"], ["y"], to=TensorProto.FLOAT)]
    graph = helper.make_graph(nodes, "g", [floats("a", 2, 3)], [floats("y", 2, 3)], [onnx.numpy_helper.from_array(np.eye(3, dtype=np.float32) / 3, "w")])
    small = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    a = np.random.default_rng(0).standard_normal((2, 3))
    wide = on_onnxruntime(in_double(small), {"a": a}, optimized=False)[0][0]
    assert wide.dtype == np.float64 and np.abs(wide - a / np.float64(np.float32(1 / 3)) ** -1).max() < 1e-12
    assert narrow.dtype == np.float32 and not is_quantized(model.graph)


def test_a_model_is_judged_in_a_process_of_its_own(tmp_path):
    wheel = archived(tmp_path, **{"m.onnx": convolution(tmp_path / "m.onnx").read_bytes()})
    row = isolated(entry(wheel, "m.onnx", x={"shape": [1, 3, 12, 10]}), 120)
    assert row["status"] == "agrees" and row["deviation"][0] < 1e-5 and not row["quantized"]
