"""The fuzzer's program, as it is built with and without sanitizers and coverage."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from .corpus import ROOT

#: Megabytes a process may take, many times what a case is allowed.
MEGABYTES = 3000
#: Generous, because a busy machine gives a process little of its time. What waits for nothing is found as well.
SECONDS_PER_CASE = 40


class Build:
    """One way of building the program; each has a folder of its own, so that none makes another build again."""

    def __init__(self, sanitizer: str | None, is_coverage_guided: bool, is_debug: bool) -> None:
        self.sanitizer = sanitizer
        self.is_coverage_guided = is_coverage_guided
        self._configuration = "debug" if is_debug else "release"
        name = "-".join(x for x in (sanitizer, "coverage" if is_coverage_guided else None) if x)
        self._folder = ROOT / ".build" / "fuzz" / name if name else ROOT / ".build"

    @property
    def program(self) -> Path:
        return self._folder / self._configuration / "Fuzz"

    def make(self) -> None:
        command = ["swift", "build", "-c", self._configuration, "--product", "Fuzz", "--scratch-path", str(self._folder)]
        if self.sanitizer:
            command += ["--sanitize", self.sanitizer]
        if self.is_coverage_guided:
            # Coverage is counted in sections that nothing refers to.
            command += ["--sanitize", "fuzzer", "--disable-dead-strip", "-Xswiftc", "-DLIBFUZZER"]
        subprocess.run(command, cwd=ROOT, check=True)

    @property
    def environment(self) -> dict[str, str]:
        """Limits on memory for sanitized processes; reports without Swift's own, which take seconds each."""
        sanitizer = f"detect_leaks=0:hard_rss_limit_mb={MEGABYTES}:max_allocation_size_mb={MEGABYTES}:handle_abort=1:handle_sigill=1"
        return os.environ | {"SWIFT_BACKTRACE": "enable=no", "ASAN_OPTIONS": sanitizer, "UBSAN_OPTIONS": "halt_on_error=1"}

    @property
    def address_megabytes(self) -> int:
        """What `Fuzz run` limits itself to; 0 where a sanitizer needs more addresses than that."""
        return 0 if self.sanitizer == "address" else MEGABYTES

    def run(self, *arguments: str | Path) -> int:
        return subprocess.run([self.program, *map(str, arguments)], env=self.environment).returncode
