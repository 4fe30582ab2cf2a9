"""Shared by the checks of the tools: where things are, and how the scripts are run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "Tools"
sys.path[:0] = [str(TOOLS), str(TOOLS / "tests"), str(TOOLS / "python")]


@pytest.fixture
def tool():
    """Runs a script of Tools/ and returns the finished process, whatever its status."""

    def run(name: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [str(TOOLS / name), *map(str, arguments)], text=True, capture_output=True, stdin=subprocess.DEVNULL,
            env={**os.environ, **environment}, timeout=120,
        )

    return run
