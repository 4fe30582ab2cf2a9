"""Tools/conformance: see its --help."""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from pathlib import Path

from lib.machine import facts

from .cases import Case, Store
from .pool import Result, run_all, worker_command
from .report import Progress, read_expected, regressions, table, write_json
from .runtimes import RUNTIMES

ROOT = Path(__file__).resolve().parents[2]
EXPECTED = Path(__file__).with_name("expected_failures.txt")


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="Tools/conformance",
        description="Runs the backend test suite of the onnx package (2,033 cases) on Viseme, in processes of their own "
        "with a time limit for each case. Builds the shared library first. Ends with status 1 when a case crashed, hung, "
        "or failed without being listed in Tools/suite/expected_failures.txt.",
        epilog="examples:\n"
        "  Tools/conformance\n"
        "  Tools/conformance --filter 'resize|upsample' --verbose\n"
        "  Tools/conformance --operator GridSample --debug\n"
        "  Tools/conformance --torch --help           # what PyTorch's exporters write, against PyTorch's results\n"
        "  Tools/conformance --third-party --help     # models out of Python packages, against ONNX Runtime\n"
        "  Tools/conformance --peer onnxruntime --peer openvino --json Tools/bench/results/conformance.json\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--filter", metavar="REGEX", help="only cases whose category/name it finds")
    parser.add_argument("--operator", metavar="NAME", help="only cases whose graph has this operator")
    parser.add_argument("--rename", action="store_true", help="give every value, node and graph another name first")
    parser.add_argument("--peer", action="append", default=[], choices=[name for name in RUNTIMES if name != "viseme"],
                        help="also run this runtime and list where the two differ; may be repeated")
    parser.add_argument("--seconds", type=float, default=60, help="time limit for a case (default: 60)")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="processes (default: cores)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all results there")
    parser.add_argument("--verbose", action="store_true", help="list every case that did not pass, expected or not")
    parser.add_argument("--write-expected", action="store_true",
                        help="list what did not pass as expected failures; reasons that are there stay")
    parser.add_argument("--debug", action="store_true", help="build and run the debug configuration")
    parser.add_argument("--no-build", action="store_true", help="run the library that is there")
    return parser


def chosen(store: Store, options: argparse.Namespace) -> dict[str, Path]:
    """The paths of the cases that the options ask for."""
    keys = store.keys()
    if options.filter:
        keys = [key for key in keys if re.search(options.filter, key)]
    if options.operator:
        keys = [key for key in keys if options.operator in read(store, key).operators]
    return {key: store.path(key) for key in keys}


def read(store: Store, key: str) -> Case:
    return store.read(store.path(key))


def show(results: list[Result]) -> None:
    for result in results:
        print(f"  {result.key}  {result.status}: {result.reason}")


def compare(ours: list[Result], theirs: list[Result], peer: str) -> None:
    """Where one runtime passes and the other does not."""
    pairs = list(zip(ours, theirs, strict=True))
    ahead = [a for a, b in pairs if a.status == "passed" != b.status]
    behind = [a for a, b in pairs if b.status == "passed" != a.status]
    print(f"\nPassed here and not by {peer}: {len(ahead)}; passed by {peer} and not here: {len(behind)}")
    show(behind)


def write_expected(results: list[Result], expected: dict[str, str]) -> None:
    lines = ["# Cases of ONNX's backend suite that do not pass, and why. Tools/conformance fails for any other."]
    for result in results:
        if result.status != "passed":
            lines.append(f"{result.key}  {expected.get(result.key) or f'{result.status}: {result.reason}'}")
    EXPECTED.write_text("\n".join(lines) + "\n")


def main() -> int:
    options = parser().parse_args()
    if options.debug:
        os.environ["VISEME_LIBRARY"] = str(ROOT / ".build" / "debug" / "libVisemeC.so")
    store = Store(ROOT / ".build" / "conformance")
    paths = chosen(store, options)
    if not paths:
        print("no case is like that", file=sys.stderr)
        return 2

    runs: dict[str, tuple[str, list[Result]]] = {}
    for runtime in ("viseme", *options.peer):
        began = time.monotonic()
        runs[runtime] = run_all(
            worker_command(runtime, options.rename), paths, workers=options.workers, seconds=options.seconds,
            progress=Progress(runtime, len(paths)),
        )
        version, results = runs[runtime]
        print(f"\n{runtime} {version}: {len(results)} cases in {time.monotonic() - began:.0f} s")
        print(table(results))

    ours = runs["viseme"][1]
    expected = read_expected(EXPECTED)
    for peer in options.peer:
        compare(ours, runs[peer][1], peer)
    if options.verbose:
        print("\nNot passed:")
        show([result for result in ours if result.status != "passed"])
    if options.json:
        write_json(options.json, runs, {**facts("numpy", "onnx"), "renamed": options.rename})
    if options.write_expected:
        write_expected(ours, expected)
        expected = read_expected(EXPECTED)

    worse = regressions(ours, expected)
    better = [result.key for result in ours if result.status == "passed" and result.key in expected]
    if better:
        print(f"\nExpected to fail, yet passed ({len(better)}); take them off {EXPECTED.name}:")
        print("\n".join(f"  {key}" for key in better))
    if worse:
        print(f"\nNot passed and not expected ({len(worse)}):")
        show(worse)
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
