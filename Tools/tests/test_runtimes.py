"""The benchmark of runtimes: its bookkeeping, with workers whose cost is known."""

import sys

from bench import runtimes

WORKER = """
import sys
print("{first}", flush=True)
for line in sys.stdin:
    word, *rest = line.split()
    if word == "run":
        print(" ".join(["{wall}/{processor}"] * int(rest[0])), flush=True)
    else:
        break
"""


def worker(tmp_path, first="ready 12.5", wall=2.0, processor=1.5):
    path = tmp_path / "worker.py"
    path.write_text(WORKER.format(first=first, wall=wall, processor=processor))
    return runtimes.Worker("a", [sys.executable, str(path)])


def test_a_worker_answers_with_times(tmp_path):
    found = worker(tmp_path)
    found.run(3)
    assert found.failure is None and found.opening_ms == 12.5
    assert found.wall == [2.0] * 3 and found.processor == [1.5] * 3
    found.close()


def test_a_worker_that_fails_says_why(tmp_path):
    found = worker(tmp_path, first="fail no such operator")
    assert found.failure == "no such operator"
    found.close()


def test_one_thread_is_judged_by_processor_time_and_several_by_wall_time():
    def rows(threads, ours, theirs):
        return [{"graph": "g", "threads": threads, "runtime": name, "processor ms": figures[0], "wall ms": figures[1],
                 "error": 1e-6 if name == "viseme" else 0.0}
                for name, figures in (("viseme", ours), ("onnxruntime", theirs[0]), ("openvino", theirs[1]))]

    table = runtimes.table(rows(1, (5, 9), [(10, 8), (20, 7)]) + rows(2, (9, 4), [(10, 8), (20, 16)]),
                           ["viseme", "onnxruntime", "openvino"])
    assert "| g | 1 | 5.0 | 10.0 | 20.0 | 0.50 | 1e-06 |" in table
    assert "| g | 2 | 4.0 | 8.0 | 16.0 | 0.50 | 1e-06 |" in table


def test_a_runtime_that_cannot_run_a_graph_leaves_a_gap():
    rows = [{"graph": "g", "threads": 1, "runtime": "viseme", "processor ms": 5.0, "wall ms": 5.0, "error": None},
            {"graph": "g", "threads": 1, "runtime": "ncnn", "failure": "unsupported"}]
    assert "| g | 1 | 5.0 | – | – | – |" in runtimes.table(rows, ["viseme", "ncnn"])
