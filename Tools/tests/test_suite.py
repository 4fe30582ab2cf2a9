"""The runner of ONNX's backend suite: that it tells right from wrong, outlives what it runs, and finds no regression."""

import os
import subprocess
import sys

import ml_dtypes
import numpy as np
import onnx
import onnx.reference
import pytest
from conftest import ROOT, TOOLS
from onnx import helper

from suite.cases import Case, Store
from suite.compare import difference
from suite.pool import Result, run_all
from suite.rename import renamed
from suite.report import read_expected, regressions, table

FAKE_WORKER = """
import json, os, sys, time
print(json.dumps({"version": "1"}), flush=True)
for line in sys.stdin:
    name = line.strip()
    if name == "crash":
        os.abort()
    if name == "hang":
        time.sleep(60)
    print(json.dumps({"status": "passed", "reason": ""}), flush=True)
"""


def case(rtol=1e-3, atol=1e-7, is_random=False):
    return Case("x", "node", b"", [], rtol, atol, is_random)


def wrong(want, have, **options):
    return difference(case(**options), [], [want], [have])


def test_values_within_the_tolerance_are_right():
    x = np.float32([1, 2, np.nan, np.inf])
    assert wrong(x, x * np.float32(1.0005)) is None
    assert "1 of 4" in wrong(x, np.float32([1, 2.1, np.nan, np.inf]))
    assert wrong(x, np.float32([1, 2, 3, np.inf])) is not None


@pytest.mark.parametrize(
    "have",
    [np.zeros((2, 1), np.float32), np.zeros(2, np.float64), None, [np.zeros(2, np.float32)]],
    ids=["shape", "type", "nothing", "sequence"],
)
def test_another_shape_type_or_kind_is_wrong(have):
    assert wrong(np.zeros(2, np.float32), have) is not None


def test_narrow_types_are_compared_as_numbers():
    a = np.array([1, -2, 3], ml_dtypes.int4)
    assert wrong(a, a.copy()) is None
    assert wrong(a, np.array([1, -2, 2], ml_dtypes.int4)) is not None
    b = np.array([1, 100], ml_dtypes.bfloat16)
    assert wrong(b, np.array([1, 101], ml_dtypes.bfloat16)) is None
    assert wrong(b, np.array([1, 103], ml_dtypes.bfloat16)) is not None


def test_strings_and_sequences_are_compared_element_by_element():
    assert wrong(np.array(["a", "b"], object), np.array(["a", "b"])) is None
    assert wrong(np.array(["a", "b"], object), np.array(["a", "c"], object)) is not None
    assert wrong([np.float32([1])], [np.float32([1])]) is None
    assert wrong([np.float32([1])], []) is not None


def test_random_outputs_must_be_what_their_operator_makes():
    x = np.float32([0.2, 0.9, 0.5])
    check = lambda have: difference(case(is_random=True), [x], [np.float32([0, 1, 0])], [have])  # noqa: E731
    assert check(np.float32([1, 0, 1])) is None
    assert check(np.float32([0.5, 0, 1])) is not None
    assert check(np.float32([1, 0])) is not None


def test_a_renamed_model_has_no_old_name_and_the_same_meaning():
    inner = helper.make_graph(
        [helper.make_node("Add", ["outer_value", "outer_value"], ["inner_value"], name="inner_node")], "inner_graph", [],
        [helper.make_tensor_value_info("inner_value", 1, ["extent"])],
    )
    graph = helper.make_graph(
        [
            helper.make_node("Relu", ["first_input"], ["outer_value"], name="relu_node"),
            helper.make_node("If", ["flag"], ["result"], then_branch=inner, else_branch=inner),
        ],
        "outer_graph",
        [helper.make_tensor_value_info("first_input", 1, ["extent"]), helper.make_tensor_value_info("flag", 9, [])],
        [helper.make_tensor_value_info("result", 1, ["extent"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    text = str(other := onnx.ModelProto.FromString(renamed(model.SerializeToString())))
    for name in ("first_input", "outer_value", "inner_value", "extent", "_graph", "_node"):
        assert name not in text
    onnx.checker.check_model(other)
    feeds = [np.float32([-1, 2]), np.array(True)]
    evaluator = onnx.reference.ReferenceEvaluator(other)
    result = evaluator.run(None, dict(zip(evaluator.input_names, feeds, strict=True)))
    np.testing.assert_array_equal(result[0], [0, 4])


def test_crashes_and_hangs_stay_in_their_process(tmp_path):
    script = tmp_path / "worker.py"
    script.write_text(FAKE_WORKER)
    names = ["a", "crash", "b", "hang", "c"]
    seen = []
    version, results = run_all(
        [sys.executable, str(script)], {name: name for name in names}, workers=2, seconds=1,
        progress=lambda result, done: seen.append(done),
    )
    assert version == "1" and seen == [1, 2, 3, 4, 5]
    assert [result.key for result in results] == names
    assert [result.status for result in results] == ["passed", "crashed", "passed", "hung", "passed"]
    assert "SIGABRT" in results[1].reason


def test_expected_failures_are_no_regressions_but_crashes_are(tmp_path):
    path = tmp_path / "expected.txt"
    path.write_text("# why\nnode/a  not there yet\nnode/b  random\n")
    expected = read_expected(path)
    assert expected == {"node/a": "not there yet", "node/b": "random"}
    results = [Result("node/a", "failed"), Result("node/b", "crashed"), Result("node/c", "unsupported"), Result("node/d", "passed")]
    assert [result.key for result in regressions(results, expected)] == ["node/b", "node/c"]
    assert table(results).splitlines()[-1].split() == ["all", "4", "1", "1", "1", "1", "0"]


def test_no_case_of_the_suite_regresses(tmp_path):
    """The whole suite; `Tools/conformance` shows it case by case."""
    environment = {**os.environ, "PYTHONPATH": f"{TOOLS}:{TOOLS / 'python'}"}
    done = subprocess.run(
        [sys.executable, "-m", "suite", "--no-build"], cwd=ROOT, env=environment, text=True, capture_output=True,
        timeout=540,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert " 2033 cases" in done.stdout


def test_kept_cases_are_read_as_they_were_made():
    store = Store(ROOT / ".build" / "conformance")
    keys = store.keys()
    assert len(keys) == len(set(keys)) == 2033
    found = store.read(store.path("node/relu"))
    assert found.operators == ["Relu"] and found.opset >= 14
    (inputs, outputs), = found.runs
    np.testing.assert_array_equal(np.maximum(inputs[0], 0), outputs[0])
