"""Runs the program `viseme` and judges how it ended."""

import os
import re
import subprocess
from pathlib import Path

from conftest import ROOT

BINARY = Path(os.environ.get("VISEME_BINARY", ROOT / ".build" / "release" / "viseme"))


def viseme(*arguments, timeout=60, status=None) -> subprocess.CompletedProcess:
    """The finished program; one that hangs, or ends with another status than `status`, fails the test."""
    done = subprocess.run(
        [str(BINARY), *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)
    if status is not None:
        assert done.returncode == status, f"status {done.returncode}: {done.stderr}{done.stdout}"
    return done


def refuses(done: subprocess.CompletedProcess, *reasons: str, status=1) -> None:
    """One line on standard error that matches every one of `reasons`, nothing else, and the status."""
    assert done.returncode == status, f"status {done.returncode}: {done.stderr}"
    assert done.stderr.endswith("\n") and done.stderr.count("\n") == 1 and not done.stdout, done.stderr + done.stdout
    assert len(done.stderr) < 2000
    for reason in reasons:
        assert re.search(reason, done.stderr, re.IGNORECASE), f"“{done.stderr.strip()}” does not say “{reason}”"
