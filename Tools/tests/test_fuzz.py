"""The fuzzer: a short run that must find nothing, and that what it would find is kept."""

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from conftest import ROOT

from fuzzing.builds import Build
from fuzzing.contributed import contributed_models
from fuzzing.corpus import encode, make
from fuzzing.findings import Findings
from fuzzing.loops import run_mutations
from suite.cases import Store

# Takes the arguments of `Fuzz run`; its third case crashes and its fifth hangs until the alarm.
FAKE_PROGRAM = """#!{python}
import os, signal, sys
corpus, current, seed, first, count = sys.argv[2:7]
for index in range(int(first), int(first) + int(count)):
    open(current, "w").write(f"case {{index}}")
    print(index + 1, flush=True)
    if index == 2:
        print("Fatal error: Index out of range\\n/x/Sources/Viseme/Model.swift:7", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGILL)
    if index in (4, 5):
        os.kill(os.getpid(), signal.SIGPROF)
os.unlink(current)
"""


class FakeBuild(Build):
    def __init__(self, program: Path) -> None:
        super().__init__(None, False, False)
        self._program = program

    @property
    def program(self) -> Path:
        return self._program


def test_crashes_and_hangs_are_kept_once_and_do_not_end_the_run(tmp_path):
    program = tmp_path / "program"
    program.write_text(FAKE_PROGRAM.format(python=sys.executable))
    program.chmod(0o755)
    build = FakeBuild(program)
    findings = Findings(tmp_path / "findings", build)
    outcome = run_mutations(build, tmp_path, findings, seed=1, cases=9, seconds=60)
    assert outcome.executions == 9
    assert [finding.what for finding in findings.kept] == [
        "SIGILL, Index out of range at Sources/Viseme/Model.swift:7", "hangs",
    ]
    assert [finding.path.read_text() for finding in findings.kept] == ["case 2", "case 4"]


def test_a_program_that_does_not_run_is_no_finding(tmp_path):
    program = tmp_path / "program"
    program.write_text(f"#!{sys.executable}\nraise SystemExit(3)\n")
    program.chmod(0o755)
    build = FakeBuild(program)
    with pytest.raises(RuntimeError, match="does not run"):
        run_mutations(build, tmp_path, Findings(tmp_path / "findings", build), seed=1, cases=9, seconds=60)


def test_models_of_contributed_operators_are_models():
    models = [model for model, _ in contributed_models()]
    assert len({(model.graph.node[0].domain, model.graph.node[0].op_type) for model in models}) > 40
    for model in models:
        assert len(model.graph.input) == 1 and onnx.ModelProto.FromString(model.SerializeToString()) == model


def test_a_case_holds_its_model_and_inputs():
    case = encode(b"model", [np.float32([1, 2]), None, [], [np.int64([3])]])
    assert case.startswith(b"\x0a\x05model\x12")
    assert case.count(b"\x12\x02\x08\x02") == 1 and case.count(b"\x12\x02\x08\x03") == 1
    assert case.endswith(b"\x18\x20")


def test_mutated_models_run_or_are_refused(tmp_path):
    """Fixed seed, at most half a minute; the long run is in CONTRIBUTING.md."""
    build = Build(None, False, False)
    corpus = tmp_path / "corpus"
    assert make(corpus, Store(ROOT / ".build" / "conformance")) > 3000
    findings = Findings(tmp_path / "findings", build)
    outcome = run_mutations(build, corpus, findings, seed=20261122, cases=5000, seconds=25)
    assert outcome.executions > 0
    assert not findings.kept, [(finding.what, finding.path.with_suffix(".txt").read_text()[:3000]) for finding in findings.kept]
