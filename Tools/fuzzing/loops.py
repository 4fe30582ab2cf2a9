"""The two ways of running: mutations by seed and number, and libFuzzer's."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from .builds import MEGABYTES, SECONDS_PER_CASE, Build
from .findings import Findings


@dataclass
class Outcome:
    executions: int = 0
    cpu_seconds: float = 0.0


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run_mutations(
    build: Build, corpus: Path, findings: Findings, *, seed: int, cases: int | None, seconds: float
) -> Outcome:
    """One process after the other, each going on behind the case that ended the one before."""
    outcome = Outcome()
    began, used = time.monotonic(), _children_seconds()
    with tempfile.TemporaryDirectory() as folder:
        current = Path(folder) / "current"
        while (left := seconds - (time.monotonic() - began)) > 0 and (cases is None or outcome.executions < cases):
            count = 1 << 40 if cases is None else cases - outcome.executions
            arguments = [corpus, current, seed, outcome.executions, count, left, build.address_megabytes]
            with (Path(folder) / "report").open("w+") as report:
                process = subprocess.Popen(
                    [build.program, "run", *map(str, arguments)], env=build.environment, stdout=subprocess.PIPE,
                    stderr=report, text=True,
                )
                for line in process.stdout:
                    outcome.executions = int(line)
                status = process.wait()
                if status == 0:
                    continue
                if not current.exists():
                    raise RuntimeError(f"{build.program} does not run: status {status}")
                report.seek(0)
                findings.keep(current.read_bytes(), status, report.read()[-20_000:])
    outcome.cpu_seconds = _children_seconds() - used
    return outcome


def run_coverage_guided(
    build: Build, corpus: Path, findings: Findings, *, seed: int, cases: int | None, seconds: float
) -> Outcome:
    """libFuzzer, which starts a process of its own after each crash and keeps what reached new code."""
    grown = corpus.parent / "grown"
    artifacts = corpus.parent / "artifacts"
    for folder in (grown, artifacts):
        folder.mkdir(parents=True, exist_ok=True)
    known = set(artifacts.iterdir())
    used = _children_seconds()
    command = [
        str(build.program), f"-seed={seed}", "-fork=1", "-ignore_crashes=1", "-ignore_ooms=1", "-ignore_timeouts=1",
        f"-timeout={SECONDS_PER_CASE}", f"-rss_limit_mb={MEGABYTES}", f"-malloc_limit_mb={MEGABYTES}", "-detect_leaks=0",
        "-max_len=65536", f"-artifact_prefix={artifacts}/", f"-max_total_time={round(seconds)}",
        *([f"-runs={cases}"] if cases else []), str(grown), str(corpus),
    ]
    environment = build.environment | {"VISEME_FUZZ_CORPUS": str(corpus)}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace"
    )
    outcome = Outcome()
    try:
        for line in process.stderr:
            if progress := re.match(r"#(\d+): cov: (\d+)", line):
                outcome.executions = int(progress[1])
                print(line.rstrip(), flush=True)
                for path in sorted(set(artifacts.iterdir()) - known):
                    known.add(path)
                    findings.keep(path.read_bytes())
    except KeyboardInterrupt:
        os.kill(process.pid, signal.SIGINT)
    process.wait()
    outcome.cpu_seconds = _children_seconds() - used
    return outcome
