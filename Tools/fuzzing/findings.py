"""Cases that ended a process, one of each kind."""

from __future__ import annotations

import hashlib
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .builds import SECONDS_PER_CASE, Build


@dataclass
class Finding:
    path: Path
    what: str


class Findings:
    """Keeps one case of each kind of failure, with what its process said beside it."""

    def __init__(self, folder: Path, build: Build) -> None:
        self.folder = folder
        self.kept: list[Finding] = []
        self._build = build
        folder.mkdir(parents=True, exist_ok=True)

    def keep(self, case: bytes, status: int | None = None, report: str = "") -> None:
        """Keeps a case whose process ended with that status and report; without them it is run to see."""
        name = hashlib.sha256(case).hexdigest()[:12]
        path = self.folder / f"{name}.case"
        path.write_bytes(case)
        if status is None:
            status, report = self._replay(path)
            if status == 0:
                report = "ends well when it is run again\n" + report
        report = self._symbolized(report)
        what = f"{_ending(status)}{_place(report)}"
        if any(finding.what == what for finding in self.kept):
            path.unlink()
            return
        path.with_suffix(".txt").write_text(f"{what}\n\n{report}")
        self.kept.append(Finding(path, what))
        print(f"{path}: {what}", flush=True)

    def _symbolized(self, report: str) -> str:
        """The report with the source lines behind the addresses that Swift's runtime printed."""
        addresses = [hex(int(offset) - 1) for offset in re.findall(r"^\d+ +Fuzz .* \+ (\d+)$", report, re.MULTILINE)]
        swift = shutil.which("swift")
        symbolizer = Path(swift).resolve().with_name("llvm-symbolizer") if swift else Path()
        if not addresses or not symbolizer.is_file():
            return report
        try:
            lines = subprocess.run(
                [symbolizer, f"--obj={self._build.program}", "--pretty-print", *addresses], capture_output=True, text=True,
                timeout=120,
            ).stdout
            lines = subprocess.run(["swift", "demangle", "--compact"], input=lines, capture_output=True, text=True).stdout
        except subprocess.TimeoutExpired:
            return report
        return f"{lines}\n{report}"

    def _replay(self, path: Path) -> tuple[int, str]:
        arguments = [str(path)] if self._build.is_coverage_guided else ["replay", str(path)]
        if self._build.is_coverage_guided:
            arguments.insert(0, f"-timeout={SECONDS_PER_CASE}")
        try:
            done = subprocess.run(
                [self._build.program, *arguments], env=self._build.environment, capture_output=True, text=True,
                errors="replace", timeout=2 * SECONDS_PER_CASE,
            )
        except subprocess.TimeoutExpired:
            return -signal.SIGALRM, ""
        return done.returncode, done.stderr[-20_000:]


def _ending(status: int) -> str:
    if -status in (signal.SIGALRM, signal.SIGPROF):
        return "hangs"
    return signal.Signals(-status).name if status < 0 else f"status {status}"


def _place(report: str) -> str:
    """The first lines of Viseme's own code that a report names: kinds of failures differ by them."""
    kind = re.search(r"ERROR: (\w+: [\w-]+)|runtime error: ([^\n]*)|Fatal error: ([^\n]*)", report)
    what = f", {next(filter(None, kind.groups()))}" if kind else ""
    places = [place for place in re.findall(r"(?:Sources|Kernels)/[\w/+]+\.(?:swift|c|h):\d+", report)]
    return what + (f" at {' < '.join(list(dict.fromkeys(places))[:2])}" if places else "")
