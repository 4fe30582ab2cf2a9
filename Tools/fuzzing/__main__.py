"""Tools/fuzz: see its --help."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from lib.machine import facts
from suite.cases import Store

from .builds import Build
from .corpus import ROOT, make
from .findings import Findings
from .loops import Outcome, run_coverage_guided, run_mutations


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="Tools/fuzz",
        description="Imports, compiles and runs models made by mutating real ones: every case of ONNX's backend suite, the "
        "importer's fixtures and a node of each of ONNX Runtime's operators. A process that crashes, hangs for 10 seconds "
        "or takes too much memory is a finding: its case is kept in the folder of findings, with what the process said. "
        "Ends with status 1 if there is one.",
        epilog="examples:\n"
        "  Tools/fuzz --minutes 60 --coverage --sanitize address      # the long run\n"
        "  Tools/fuzz --cases 5000 --seed 1                           # the same cases each time\n"
        "  Tools/fuzz --replay out/fuzz/FINDING.case --sanitize address\n"
        "  Tools/fuzz --reduce out/fuzz/FINDING.case                  # the smallest case that ends alike, and its model\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=10, help="how long to go on (default: 10)")
    parser.add_argument("--cases", type=int, help="stop after that many cases")
    parser.add_argument("--seed", type=int, default=1, help="of the mutations (default: 1); a run says its own")
    parser.add_argument("--sanitize", choices=["address", "undefined"], help="build with that sanitizer")
    parser.add_argument("--coverage", action="store_true",
                        help="let libFuzzer choose what to mutate by what code it reaches; runs cannot be repeated, findings can")
    parser.add_argument("--debug", action="store_true", help="build and run the debug configuration")
    parser.add_argument("--no-build", action="store_true", help="run the program that is there")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "fuzz", help="folder of findings (default: out/fuzz)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write executions, time and findings there")
    parser.add_argument("--replay", type=Path, nargs="+", metavar="FILE", help="run cases (or models, *.onnx) and say how they end")
    parser.add_argument("--reduce", type=Path, metavar="FILE", help="make a finding smaller")
    return parser


def main() -> int:
    options = parser().parse_args()
    build = Build(options.sanitize, options.coverage and not (options.replay or options.reduce), options.debug)
    if not options.no_build:
        build.make()
    if options.replay:
        return build.run("replay", *options.replay)
    if options.reduce:
        return reduce(build, options.reduce)
    corpus = ROOT / ".build" / "fuzz" / "corpus"
    print(f"{make(corpus, Store(ROOT / '.build' / 'conformance'))} cases to start from; seed {options.seed}", flush=True)
    findings = Findings(options.out, build)
    run = run_coverage_guided if options.coverage else run_mutations
    began = time.monotonic()
    outcome = run(build, corpus, findings, seed=options.seed, cases=options.cases, seconds=options.minutes * 60)
    print(summary(outcome, findings, time.monotonic() - began), flush=True)
    if options.json:
        write_json(options.json, outcome, findings)
    return 1 if findings.kept else 0


def reduce(build: Build, path: Path) -> int:
    smaller, model = path.with_suffix(".small.case"), path.with_suffix(".small.onnx")
    status = build.run("reduce", path, smaller) or build.run("model", smaller, model)
    if status == 0:
        print(f"{smaller}: {smaller.stat().st_size} bytes of {path.stat().st_size}\n{model}: its model")
    return status


def summary(outcome: Outcome, findings: Findings, seconds: float) -> str:
    lines = [f"{finding.path}: {finding.what}" for finding in findings.kept]
    lines.append(
        f"{outcome.executions} executions in {seconds:.0f} s ({outcome.cpu_seconds:.0f} s of processor time), "
        f"{len(findings.kept)} findings"
    )
    return "\n".join(lines)


def write_json(path: Path, outcome: Outcome, findings: Findings) -> None:
    content = facts("onnx") | {
        "command": f"Tools/fuzz {' '.join(sys.argv[1:])}",
        "executions": outcome.executions,
        "cpuSeconds": round(outcome.cpu_seconds, 1),
        "findings": [finding.what for finding in findings.kept],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
