"""What a measurement has to say about where it was made."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import shlex
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model"):
            return value.strip()
    return platform.machine()


def output_of(*command: str) -> str | None:
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def command_line(command: list[str]) -> str:
    """A command as somebody else would type it in the root of the clone."""
    return shlex.join(map(str, command)).replace(f"{ROOT}/", "")


def facts(*packages: str) -> dict:
    """Date, machine and versions, for the head of a results file."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": output_of("git", "describe", "--always", "--dirty"),
        "machine": {
            "processor": processor(),
            "architecture": platform.machine(),
            "cores": len(os.sched_getaffinity(0)),
            "system": (platform.freedesktop_os_release() or {}).get("PRETTY_NAME"),
            "load": round(os.getloadavg()[0], 2),
        },
        "versions": {"python": platform.python_version(),
                     **{package: importlib.metadata.version(package) for package in packages}},
    }
