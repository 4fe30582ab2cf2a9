"""Tables and JSON of results, and the comparison with what is expected."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

from .pool import Result

STATUSES = ("passed", "failed", "unsupported", "crashed", "hung")
CATEGORIES = (
    "node", "node-expanded", "node-ml", "node-training", "simple", "pytorch-converted", "pytorch-operator", "real",
)


class Progress:
    """One line on a terminal, otherwise a line for every tenth of the cases."""

    def __init__(self, title: str, total: int) -> None:
        self._title, self._total, self._passed = title, total, 0

    def __call__(self, result: Result, done: int) -> None:
        self._passed += result.status == "passed"
        line = f"{self._title}: {done} of {self._total}, {self._passed} passed"
        if sys.stderr.isatty():
            print(f"\r\033[K{line}", end="\n" if done == self._total else "", file=sys.stderr, flush=True)
        elif done * 10 // self._total != (done - 1) * 10 // self._total:
            print(line, file=sys.stderr, flush=True)


def table(results: list[Result]) -> str:
    """Counts by category."""
    rows = [("", "cases", *STATUSES)]
    groups = [(name, [r for r in results if r.key.split("/")[0] == name]) for name in CATEGORIES]
    for name, group in [*((n, g) for n, g in groups if g), ("all", results)]:
        counts = Counter(result.status for result in group)
        rows.append((name, len(group), *(counts[status] for status in STATUSES)))
    widths = [max(len(str(row[column])) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(str(cell).ljust(width) if not index else str(cell).rjust(width)
                  for index, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip()
        for row in rows
    )


def read_expected(path: Path) -> dict[str, str]:
    """Cases that may fail, with the reason: lines of "category/name  reason"; # starts a comment."""
    expected = {}
    if path.exists():
        for line in path.read_text().splitlines():
            if line.strip() and not line.startswith("#"):
                key, _, reason = line.partition("  ")
                expected[key] = reason.strip()
    return expected


def regressions(results: list[Result], expected: dict[str, str]) -> list[Result]:
    """Cases that did not pass although they should, and those that crashed or hung at all."""
    return [r for r in results if r.status in ("crashed", "hung") or (r.status != "passed" and r.key not in expected)]


def write_json(path: Path, runs: dict[str, tuple[str, list[Result]]], facts: dict) -> None:
    document = dict(facts)
    for runtime, (version, results) in runs.items():
        counts = Counter(result.status for result in results)
        document[runtime] = {
            "version": version,
            "cases": len(results),
            **{status: counts[status] for status in STATUSES},
            "seconds": round(sum(result.seconds for result in results), 1),
            "not_passed": [result.json() for result in results if result.status != "passed"],
        }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
