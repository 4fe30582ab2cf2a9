"""`viseme bench`, `profile`, `inspect` and `validate`, as their users meet them."""

import json
import os

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from models import convolution, floats, save, write_tensor
from program import refuses, viseme

# Multiply-adds of `convolution`: 8 filters of 3·3·3 over 12·10, 5 of 8·3·3 over 10·8.
WORK = 8 * 27 * 120 + 5 * 72 * 80


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return convolution(tmp_path_factory.mktemp("model") / "conv.onnx")


def as_json(*arguments, status=0):
    return json.loads(viseme(*arguments, "--json", status=status).stdout)


def test_bench_figures_are_in_order(model):
    figures = as_json("bench", model, "--repeat", 7, "--warmup", 2)
    assert figures["runs"] == 7 and figures["warmUpRuns"] == 2 and figures["threads"] == 1
    assert 0 < figures["minimum"] <= figures["median"] <= figures["percentile99"] <= figures["maximum"]
    assert figures["loadSeconds"] > 0 and figures["firstRunSeconds"] > 0 and figures["peakMemoryByteCount"] > 1 << 20
    assert "median of 7 runs" in viseme("bench", model, "--repeat", 7, status=0).stdout


def test_bench_stays_on_the_cores_it_is_given(model):
    core = max(os.sched_getaffinity(0))
    line = viseme("bench", model, "--repeat", 2, "--line", "--cores", core, "--threads", "auto", status=0).stdout
    assert line.count("\n") == 1
    found = json.loads(line)
    assert found["cores"] == [core] and found["threads"] == found["figures"]["threads"] == 1
    assert found["figures"]["runs"] == 2 and found["machine"]["memoryByteCount"] > 1 << 26
    refused = viseme("bench", model, "--cores", 1023, status=64)
    assert "--cores names none of the cores" in refused.stderr and str(core) in refused.stderr


def test_bench_makes_up_inputs_and_wants_their_shapes(tmp_path):
    path = convolution(tmp_path / "m.onnx", batch="n")
    refuses(viseme("bench", path), "extents are open")
    assert as_json("bench", path, "--shape", "n=3", "--repeat", 1)["inputs"] == ["x: float[3,3,12,10]"]


def test_profile_adds_up(model, tmp_path):
    trace = tmp_path / "trace.json"
    profile = as_json("profile", model, "--repeat", 3, "--trace", trace)
    assert profile["multiplyAdds"] == WORK == sum(step["multiplyAdds"] for step in profile["steps"])
    assert profile["peakGigaflopsPerSecond"] > 0.01
    convolutions = [entry for entry in profile["operators"] if entry["operatorName"] == "Conv"]
    assert convolutions[0]["multiplyAdds"] == WORK and convolutions[0]["steps"] == 2
    for step in profile["steps"]:
        assert step["seconds"] >= 0
        rate = 2e-9 * step["multiplyAdds"] / max(step["seconds"], 1e-9)
        assert step["gigaflopsPerSecond"] == pytest.approx(rate, rel=1e-6, abs=1e-12)
        assert step["peakShare"] == pytest.approx(rate / profile["peakGigaflopsPerSecond"], rel=1e-6, abs=1e-12)
    events = json.loads(trace.read_text())["traceEvents"]
    assert len(events) == 3 * len(profile["steps"])
    for before, after in zip(events, events[1:]):
        assert before["ts"] + before["dur"] <= after["ts"] + 0.01 and before["ph"] == "X"
    text = viseme("profile", model, "--repeat", 1, status=0).stdout
    assert "of peak" in text and "Conv node “first”" in text


def test_profile_counts_what_was_fused(tmp_path):
    """A convolution that takes an addition into itself makes the addition's result, and still multiplies."""
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"], "conv", pads=[1, 1, 1, 1]),
             helper.make_node("Add", ["c", "x"], ["s"], "sum"), helper.make_node("Relu", ["s"], ["y"], "relu")]
    path = save(tmp_path / "residual.onnx", nodes, [floats("x", 1, 4, 8, 8)], [floats("y", 1, 4, 8, 8)],
                [("w", np.ones((4, 4, 3, 3), np.float32))])
    profile = as_json("profile", path, "--repeat", 1)
    assert profile["multiplyAdds"] == 4 * 36 * 64
    assert [step["operatorName"] for step in profile["steps"] if step["multiplyAdds"]] == ["Conv"]


def test_inspect_says_what_is_there(model):
    report = as_json("inspect", model)
    assert report["inputs"] == [{"name": "x", "type": "float[1,3,12,10]"}]
    assert report["outputs"] == [{"name": "y", "type": "float[1,5]"}]
    assert report["opsets"] == {"ai.onnx": 17} and report["nodes"] == 10
    assert report["operators"][0] == {"name": "Conv", "version": 17, "count": 2}
    parameters = sum(int(np.prod(t.dims)) for t in onnx.load(model).graph.initializer)
    assert report["parameters"] == parameters and report["parameterByteCount"] == 4 * parameters
    assert report["cost"]["multiplyAdds"] == WORK
    assert report["cost"]["multiplyAddsByOperator"] == [{"name": "Conv", "multiplyAdds": WORK}]
    assert report["cost"]["arenaByteCount"] > 0 and report["cost"]["packedWeightByteCount"] >= 4 * 8 * 27


def test_inspect_says_what_passes_did_and_did_not(model, tmp_path):
    passes = {entry["name"]: entry for entry in as_json("inspect", model)["passes"]}
    assert any("norm" in node for group in passes["fold-batch-normalization"]["changes"] for node in group["nodes"])
    assert any("swish" in node for group in passes["recognize-activations"]["changes"] for node in group["nodes"])
    branching = onnx.load(model)
    branching.graph.output.append(helper.make_tensor_value_info("conv1", onnx.TensorProto.FLOAT, None))
    onnx.save(branching, tmp_path / "branching.onnx")
    passes = {entry["name"]: entry for entry in as_json("inspect", tmp_path / "branching.onnx")["passes"]}
    skips = [group for group in passes["fold-batch-normalization"]["skips"]]
    assert skips and "read elsewhere" in skips[0]["message"] and "norm" in skips[0]["nodes"][0]
    text = viseme("inspect", tmp_path / "branching.onnx", "--passes", status=0).stdout
    assert "its input is read elsewhere too" in text
    passes = {entry["name"]: entry for entry in as_json("inspect", model, "--without", "recognize-activations")["passes"]}
    assert any("gate" in node for group in passes["fuse-elementwise"]["changes"] for node in group["nodes"])
    names = [entry["name"] for entry in as_json("inspect", model, "--without", "fuse-elementwise")["passes"]]
    assert "fuse-elementwise" not in names and "fold-constants" in names


def test_inspect_without_shapes_has_no_cost(tmp_path):
    path = convolution(tmp_path / "m.onnx", batch="n")
    assert "cost" not in as_json("inspect", path)
    assert "give the shapes" in viseme("inspect", path, status=0).stdout
    assert as_json("inspect", path, "--shape", "n=2")["cost"]["multiplyAdds"] == 2 * WORK


def test_inspect_lists_what_is_not_implemented(tmp_path):
    nodes = [helper.make_node("Frobnicate", ["x"], ["a"], "strange", domain="org.example"), helper.make_node("Relu", ["a"], ["y"])]
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(
        helper.make_graph(nodes, "g", [floats("x", 1)], [floats("y", 1)]),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("org.example", 1)], ir_version=8), path)
    report = as_json("inspect", path, status=3)
    assert len(report["unsupported"]) == 1 and "strange" in report["unsupported"][0]["node"]
    assert report["operators"][0]["name"] in ("Relu", "org.example.Frobnicate") and "cost" not in report
    assert "strange" in viseme("inspect", path, status=3).stdout


def test_inspect_draws_graphs(model, tmp_path):
    viseme("inspect", model, "--dot", tmp_path / "m.dot", status=0)
    text = (tmp_path / "m.dot").read_text()
    assert text.startswith('digraph "test" {') and text.rstrip().endswith("}")
    assert "input0 -> node0" in text and '"Conv"' in text and "-> output0" in text


def test_multiply_adds_of_products(tmp_path):
    def work(nodes, inputs, output):
        path = save(tmp_path / "m.onnx", nodes, inputs, [output])
        return as_json("inspect", path)["cost"]["multiplyAdds"]

    node = helper.make_node
    assert work([node("MatMul", ["a", "b"], ["c"])], [floats("a", 2, 3, 4), floats("b", 4, 5)], floats("c", 2, 3, 5)) == 120
    assert work([node("Gemm", ["a", "b"], ["c"], transA=1)], [floats("a", 4, 3), floats("b", 4, 5)], floats("c", 3, 5)) == 60
    assert work([node("Einsum", ["a", "b"], ["c"], equation="bij,bjk->bik")],
                [floats("a", 2, 3, 4), floats("b", 2, 4, 5)], floats("c", 2, 3, 5)) == 120
    assert work([node("ConvTranspose", ["a", "w"], ["c"], strides=[2])], [floats("a", 1, 2, 7), floats("w", 2, 3, 4)],
                floats("c", 1, 3, 16)) == 14 * 12
    assert work([node("Relu", ["a"], ["c"])], [floats("a", 9)], floats("c", 9)) == 0


# validate


def test_validate_against_the_reference(model):
    result = as_json("validate", model, "--against", "reference", "--nodes", "--random", 5)
    assert result["isWithin"] and len(result["cases"]) == 1
    case = result["cases"][0]
    assert [output["name"] for output in case["outputs"]] == ["y"] and case["outputs"][0]["rmsRelative"] < 1e-4
    names = [step["comparison"]["name"] for step in case["steps"]]
    # What is fused away is not compared; what remains comes in the order of the run.
    assert names == [name for name in ["relu", "conv2", "sum", "swish", "pooled"] if name in names]
    assert {"relu", "swish"} <= set(names) and "normal" not in names
    assert all(step["isWithin"] for step in case["steps"])


def test_validate_names_the_first_node_that_goes_wrong(model, tmp_path):
    other = onnx.load(model)
    for tensor in other.graph.initializer:
        if tensor.name == "w2":
            weights = onnx.numpy_helper.to_array(tensor).copy()
            weights[0, 0, 0, 0] += 1
            tensor.CopyFrom(onnx.numpy_helper.from_array(weights, "w2"))
    onnx.save(other, tmp_path / "other.onnx")
    result = as_json("validate", tmp_path / "other.onnx", "--against", model, "--nodes", status=4)
    case = result["cases"][0]
    assert not result["isWithin"] and "second" in case["firstWrong"] + str(case["steps"])
    steps = {step["comparison"]["name"]: step["isWithin"] for step in case["steps"]}
    assert steps["relu"] and not all(steps.values())
    done = viseme("validate", tmp_path / "other.onnx", "--against", model, status=4)
    assert "PAST THE TOLERANCE" in done.stdout and "WRONG" in done.stdout
    viseme("validate", tmp_path / "other.onnx", "--against", model, "--tolerance", 10, status=0)


def test_validate_against_recorded_data(model, tmp_path):
    random = np.random.default_rng(3)
    session = onnxruntime.InferenceSession(model)
    for index in range(2):
        x = random.standard_normal((1, 3, 12, 10)).astype(np.float32)
        folder = tmp_path / "data" / f"test_data_set_{index}"
        write_tensor(folder / "input_0.pb", x)
        write_tensor(folder / "output_0.pb", session.run(None, {"x": x})[0])
    result = as_json("validate", model, "--against", tmp_path / "data")
    assert result["isWithin"] and len(result["cases"]) == 2
    write_tensor(tmp_path / "data" / "test_data_set_1" / "output_0.pb", np.zeros((1, 5), np.float32))
    result = as_json("validate", model, "--against", tmp_path / "data", status=4)
    assert [case["isWithin"] for case in result["cases"]] == [True, False]
    write_tensor(tmp_path / "data" / "test_data_set_1" / "output_0.pb", np.zeros((1, 6), np.float32))
    done = viseme("validate", model, "--against", tmp_path / "data" / "test_data_set_1", status=4)
    assert "of shape [1,5], the reference of shape [1,6]" in done.stdout
    refuses(viseme("validate", model, "--against", tmp_path), "neither output_0.pb nor")


def test_validate_measures(tmp_path):
    """The figures by their definitions, on two models that differ by constants."""
    y = np.array([3.0, -4.0, 0.0, 1.0], np.float32)
    error = np.array([0.5, 0.0, -0.25, 0.0], np.float32)
    for name, constant in ("right", y), ("wrong", y + error):
        save(tmp_path / f"{name}.onnx", [helper.make_node("Add", ["x", "c"], ["y"])], [floats("x", 4)], [floats("y", 4)],
             [("c", constant)])
    np.save(tmp_path / "x.npy", np.zeros(4, np.float32))
    result = as_json(
        "validate", tmp_path / "wrong.onnx", "--against", tmp_path / "right.onnx", "--inputs", tmp_path / "x.npy", status=4)
    output = result["cases"][0]["outputs"][0]
    assert output["maximumError"] == 0.5 and output["maximumRelative"] == 0.125
    assert output["rmsRelative"] == pytest.approx(np.linalg.norm(error) / np.linalg.norm(y))
    assert output["cosine"] == pytest.approx(np.dot(y, y + error) / np.linalg.norm(y) / np.linalg.norm(y + error))
    assert output["psnr"] == pytest.approx(10 * np.log10(7**2 / np.mean(error**2)))


def test_validate_sees_nan(tmp_path):
    for name, operator in ("root", "Sqrt"), ("size", "Abs"):
        save(tmp_path / f"{name}.onnx", [helper.make_node(operator, ["x"], ["y"])], [floats("x", 2)], [floats("y", 2)])
    np.save(tmp_path / "x.npy", np.array([1, -1], np.float32))
    arguments = ["--inputs", tmp_path / "x.npy", "--tolerance", 100]
    result = as_json("validate", tmp_path / "root.onnx", "--against", tmp_path / "size.onnx", *arguments, status=4)
    assert result["cases"][0]["outputs"][0]["unlikeNonFinite"] == 1
    viseme("validate", tmp_path / "root.onnx", "--against", "reference", *arguments, status=0)


# Hostile models: one line, the right status, no crash, no hang


def commands(path):
    yield viseme("run", path, "--random", 0, timeout=60)
    yield viseme("inspect", path, timeout=60)


def test_truncated_models(model, tmp_path):
    whole, path = model.read_bytes(), tmp_path / "m.onnx"
    for part in (0, 1, len(whole) // 3, len(whole) - 5):
        path.write_bytes(whole[:part])
        for done in commands(path):
            refuses(done, r"m\.onnx")


def test_cycles(tmp_path):
    nodes = [helper.make_node("Add", ["x", "b"], ["a"], "one"), helper.make_node("Relu", ["a"], ["b"], "two")]
    path = save(tmp_path / "m.onnx", nodes, [floats("x", 2)], [floats("b", 2)])
    for done in commands(path):
        refuses(done, "depends on its own result")


def test_huge_extents(tmp_path):
    for shape in ([2**31, 2**31], [2**40, 3], [2**62, 2]):
        path = save(tmp_path / "m.onnx", [helper.make_node("Relu", ["x"], ["y"])], [floats("x", *shape)], [floats("y", *shape)])
        refuses(viseme("run", path, "--random", 0), "memory limit|does not fit|more than memory holds")
        # A type that no memory holds counts as open: what there is to see without shapes is shown.
        shown = viseme("inspect", path)
        assert shown.returncode == 1 or (shown.returncode == 0 and "give the shapes" in shown.stdout), shown.stderr


def test_doubling(tmp_path):
    nodes = [helper.make_node("Concat", [f"x{i}", f"x{i}"], [f"x{i + 1}"], axis=0) for i in range(60)]
    path = save(tmp_path / "m.onnx", nodes, [floats("x0", 4)], [floats("x60", "n")])
    for done in commands(path):
        refuses(done, "memory limit|does not fit in memory")


def test_external_data_stays_in_the_folder(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(1 << 16))
    (tmp_path / "models").mkdir()
    path = convolution(tmp_path / "models" / "m.onnx")
    loaded = onnx.load(path)
    for tensor in loaded.graph.initializer:
        if tensor.name == "w1":
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
            for key, value in ("location", "../secret"), ("offset", "0"), ("length", str(8 * 27 * 4)):
                tensor.external_data.add(key=key, value=value)
    path.write_bytes(loaded.SerializeToString())
    for done in commands(path):
        refuses(done, "leaves the model's folder")


def test_a_hundred_thousand_nodes(tmp_path):
    count = 100_000
    nodes = [helper.make_node("Relu" if i % 2 else "Neg", [f"v{i}"], [f"v{i + 1}"]) for i in range(count)]
    path = save(tmp_path / "m.onnx", nodes, [floats("v0", 3)], [floats(f"v{count}", 3)])
    viseme("run", path, "--random", 1, timeout=240, status=0)


def test_a_processor_level_that_cannot_be_had_is_told(monkeypatch):
    monkeypatch.setenv("VISEME_CPU", "abacus")
    assert "VISEME_CPU names no known CPU level" in viseme("--version", status=0).stderr
    monkeypatch.setenv("VISEME_CPU", "scalar")
    assert viseme("--version", status=0).stderr == ""
