"""The benchmark's bookkeeping, with programs whose cost is known."""

import json
import sys

import pytest

from bench import talk_vs_onnxruntime as bench
from bench.talk_vs_onnxruntime import MeasurementError, Run

PROGRAM = """
import pathlib, sys, time
out = pathlib.Path(sys.argv[-1])
out.mkdir()
ballast = bytearray({mib} << 20)
for index in range({frames}):
    time.sleep({pause})
    (out / f"frame_{{index:06d}}.jpg").write_bytes(b"")
sys.exit({status})
"""


@pytest.fixture
def program(tmp_path):
    def make(name, frames=4, pause=0.05, mib=1, status=0):
        path = tmp_path / f"{name}.py"
        path.write_text(PROGRAM.format(frames=frames, pause=pause, mib=mib, status=status))
        return [sys.executable, str(path)]

    return make


def test_a_run_is_measured(program, tmp_path):
    run = bench.measure([*program("a", mib=100), str(tmp_path / "frames")], tmp_path / "frames")
    assert run.frames == 4
    assert 0.2 < run.seconds and 0.05 < run.first_frame_seconds < run.seconds - 0.1
    assert run.peak_mib > 100
    assert run.cpu_seconds < run.seconds


@pytest.mark.parametrize("arguments", [{"status": 3}, {"frames": 0}])
def test_failures_are_told(program, tmp_path, arguments):
    with pytest.raises(MeasurementError, match="frames from"):
        bench.measure([*program("a", **arguments), str(tmp_path / "frames")], tmp_path / "frames")


def test_ratios_are_taken_within_pairs():
    def pair(ours, theirs):
        return {"viseme": Run(10, ours, ours / 10, ours, 20), "onnxruntime": Run(10, theirs, theirs / 10, theirs, 100)}

    result = bench.summary([pair(1, 2), pair(10, 30), pair(2, 2)])
    better = result["times better"]
    assert better["frames per second"] == {"median": 2, "least": 1, "most": 3}
    assert better["processor time"]["median"] == 2 and better["time to first frame"]["median"] == 2
    assert better["peak memory"]["median"] == 5
    assert "2.00 (1.00 … 3.00)" in bench.table(result)


def test_pairs_are_counted_and_different_work_is_refused(program):
    programs = {"viseme": program("a", pause=0), "onnxruntime": program("b", pause=0)}
    assert len(bench.run_pairs(programs, 2)) == 2
    programs["onnxruntime"] = program("b", pause=0, frames=5)
    with pytest.raises(MeasurementError, match="different numbers"):
        bench.run_pairs(programs, 1)


def test_the_report_can_be_written(program, tmp_path, monkeypatch, capsys):
    programs = {name: program(name, pause=0) for name in bench.CONTENDERS}
    monkeypatch.setattr(bench, "commands", lambda options: programs)
    monkeypatch.setattr(bench, "facts", lambda *packages: {"date": "today"})
    assert bench.main(["--pairs", "1", "--json", str(tmp_path / "r" / "talk.json")]) == 0
    report = json.loads((tmp_path / "r" / "talk.json").read_text())
    assert report["date"] == "today" and len(report["runs"]) == 1
    assert "times better" in capsys.readouterr().out
