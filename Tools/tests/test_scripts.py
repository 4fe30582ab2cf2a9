"""The bash helpers, run against a pretended Debian: dpkg-query, apt-get, apt-cache and sudo are small scripts."""

import os
import subprocess
from pathlib import Path

import pytest

from conftest import TOOLS

FAKE = {
    "dpkg-query": 'grep -qx "${@: -1}" "$STATE/installed" && printf installed',
    "apt-cache": """
        if grep -qx "$2" "$STATE/known"; then printf '%s:\\n  Candidate: 1.0\\n' "$2"
        else printf '%s:\\n  Candidate: (none)\\n' "$2"; fi""",
    "apt-get": """
        echo "apt-get $*" >>"$STATE/log"
        case " $* " in
          *" update "*) [ -e "$STATE/no-network" ] && exit 100; cat "$STATE/archive" >"$STATE/known"; rm -f "$STATE/stale" ;;
          *" install "*) [ -e "$STATE/stale" ] && exit 100; exit 0 ;;
        esac""",
    "sudo": 'echo "sudo $*" >>"$STATE/log"; [ "$1" = -n ] && shift; exec "$@"',
    "id": 'echo "${FAKE_UID:-0}"',
}


class Debian:
    def __init__(self, folder: Path):
        self.bin = folder / "bin"
        self.state = folder / "state"
        self.bin.mkdir()
        self.state.mkdir()
        for name, body in FAKE.items():
            program = self.bin / name
            program.write_text(f"#!/usr/bin/env bash\n{body}\n")
            program.chmod(0o755)
        self.set(installed=[], known=["libjpeg-dev", "pkgconf"], archive=["libjpeg-dev", "pkgconf", "libnew-dev"])

    def set(self, **lists: list[str]) -> None:
        for name, packages in lists.items():
            (self.state / name).write_text("".join(package + "\n" for package in packages))

    def bash(self, script: str, **environment: str) -> subprocess.CompletedProcess:
        (self.state / "log").write_text("")
        return subprocess.run(
            ["bash", "-c", f'set -euo pipefail; source "{TOOLS}/lib/common.sh"; {script}'],
            text=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=60,
            env={**os.environ, "PATH": f"{self.bin}:/usr/bin:/bin", "STATE": str(self.state), **environment},
        )

    @property
    def log(self) -> list[str]:
        return (self.state / "log").read_text().splitlines()


@pytest.fixture
def debian(tmp_path):
    return Debian(tmp_path)


def test_packages_that_are_there_are_left_alone(debian):
    debian.set(installed=["libjpeg-dev", "pkg-config"])
    result = debian.bash("need_packages libjpeg-dev 'pkgconf|pkg-config'")
    assert (result.returncode, debian.log, result.stderr) == (0, [], "")


def test_only_missing_packages_are_installed_and_the_reason_is_told(debian):
    debian.set(installed=["libjpeg-dev"])
    result = debian.bash("need_packages --why 'to build' libjpeg-dev pkgconf")
    assert result.returncode == 0, result.stderr
    assert [line for line in debian.log if " install " in line][0].endswith("--no-install-recommends pkgconf")
    assert "needed to build: pkgconf" in result.stderr
    assert not any("update" in line for line in debian.log)


def test_lists_are_read_when_a_package_is_unknown(debian):
    result = debian.bash("need_packages libnew-dev")
    assert result.returncode == 0, result.stderr
    assert ["update" in line for line in debian.log] == [True, False]


def test_the_alternative_that_apt_knows_is_installed(debian):
    result = debian.bash("need_packages 'pkg-config|pkgconf'")
    assert result.returncode == 0, result.stderr
    assert debian.log[-1].endswith(" pkgconf")


def test_stale_lists_are_read_anew_once(debian):
    (debian.state / "stale").touch()
    result = debian.bash("need_packages libjpeg-dev")
    assert result.returncode == 0, result.stderr
    assert ["update" in line for line in debian.log] == [False, True, False]


def test_a_package_nobody_has_is_named(debian):
    result = debian.bash("need_packages 'libnone-dev|libnone'")
    assert result.returncode == 1
    assert "libnone-dev or libnone" in result.stderr


def test_no_network_is_an_error(debian):
    (debian.state / "no-network").touch()
    result = debian.bash("need_packages libnew-dev")
    assert result.returncode == 1
    assert "apt-get update failed" in result.stderr


def test_users_go_through_sudo(debian):
    result = debian.bash("need_packages libjpeg-dev", FAKE_UID="1000")
    assert result.returncode == 0, result.stderr
    assert debian.log[0].startswith("sudo -n ")


def test_without_sudo_the_command_for_root_is_told(debian):
    (debian.bin / "sudo").unlink()
    path = debian.state.parent / "only"
    path.mkdir()
    for name in ["bash", "dirname", "readlink", "basename", "cat", "grep", "env"]:
        found = subprocess.run(["bash", "-c", f"command -v {name}"], text=True, capture_output=True, check=True).stdout
        (path / name).symlink_to(found.strip())
    result = debian.bash("need_packages libjpeg-dev", FAKE_UID="1000", PATH=f"{debian.bin}:{path}")
    assert result.returncode == 1
    assert "as root, run: apt-get install libjpeg-dev" in result.stderr


def test_installing_can_be_forbidden(debian):
    result = debian.bash("need_packages libjpeg-dev pkgconf", VISEME_NO_APT="1")
    assert result.returncode == 1
    assert "apt-get install libjpeg-dev pkgconf" in result.stderr
    assert debian.log == []


@pytest.mark.parametrize(
    ("version", "fine"),
    [
        ("Swift version 6.0.3 (swift-6.0.3-RELEASE)", True),
        ("Apple Swift version 6.3.1 (swiftlang)", True),
        ("Swift version 5.10.1 (swift-5.10.1-RELEASE)", False),
        ("no version at all", False),
    ],
)
def test_swift_must_be_new_enough(debian, version, fine):
    swift = debian.bin / "swift"
    swift.write_text(f"#!/bin/sh\necho '{version}'\n")
    swift.chmod(0o755)
    assert (debian.bash("need_swift").returncode == 0) == fine


def test_missing_swift_gives_advice(debian):
    result = debian.bash("need_swift", PATH=f"{debian.bin}:/usr/bin:/bin")
    if result.returncode == 0:
        return  # this machine has Swift among the system's programs
    assert "Debian 13" in result.stderr and "Debian 12" in result.stderr


PYTHON = """
case $1 in
  -V) echo "Python 3.13.0" ;;
  -m) case $2 in
      venv) echo "venv $3" >>"$STATE/log"; mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
      pip) echo "pip ${@: -1}" >>"$STATE/log"; [ ! -e "$STATE/no-network" ] ;;
    esac ;;
esac
"""


@pytest.fixture
def environments(debian, tmp_path):
    """Runs python_env with a pretended Python; returns the process and what it made."""
    python = debian.bin / "fake-python"
    python.write_text(f"#!/usr/bin/env bash\n{PYTHON}")
    python.chmod(0o755)

    def make(*requirements):
        result = debian.bash(f"python_env t {' '.join(map(str, requirements))}", VISEME_PYTHON=str(python),
                             VISEME_VENVS=str(tmp_path / "envs"))
        return result, [line.split()[0] for line in debian.log]

    return make


def test_a_python_environment_is_made_once_per_content(environments, tmp_path):
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("numpy==1\n")
    first, made = environments(requirements)
    assert first.returncode == 0 and made == ["venv", "pip"], first.stderr
    again, made = environments(requirements)
    assert again.stdout == first.stdout and again.stderr == "" and made == []
    requirements.write_text("numpy==2\n")
    other, made = environments(requirements)
    assert other.stdout != first.stdout and made == ["venv", "pip"]
    assert Path(other.stdout).exists() and not Path(first.stdout).exists()


def test_an_environment_that_could_not_be_filled_is_made_again(environments, debian, tmp_path):
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("numpy==1\n")
    (debian.state / "no-network").touch()
    broken, made = environments(requirements)
    assert broken.returncode == 1 and broken.stdout == "" and "could not make" in broken.stderr
    (debian.state / "no-network").unlink()
    mended, made = environments(requirements)
    assert mended.returncode == 0 and made == ["venv", "pip"]
    missing, made = environments(tmp_path / "none.txt")
    assert missing.returncode == 1 and "no such file" in missing.stderr


def count(function: str, log: str, tmp_path: Path) -> str | None:
    (tmp_path / "log").write_text(log)
    result = subprocess.run(
        ["bash", "-c", f'source "{TOOLS}/lib/test_counts.sh"; {function} "{tmp_path}/log"'], text=True,
        capture_output=True,
    )
    return result.stdout.strip() if result.returncode == 0 else None


XCTEST = """\
Test Suite 'All tests' started at 2026-01-01 00:00:00.000
Test Case 'A.testOne' started at 2026-01-01 00:00:00.000
Test Case 'A.testOne' passed (0.001 seconds)
Test Case 'A.testTwo' failed (0.001 seconds)
Test Suite 'All tests' failed at 2026-01-01 00:00:00.001
\t Executed 2 tests, with 3 failures (0 unexpected) in 0.002 (0.002) seconds
"""
SWIFT_TESTING = """\
◇ Test run started.
↳ Testing Library Version: 6.3.1
◇ Test "dead nodes are removed" started.
✔ Test "dead nodes are removed" passed after 0.001 seconds.
✔ Test case passing 1 argument seed → 3 to sweep(seed:) passed after 0.001 seconds.
✔ Test sweep(seed:) with 3 test cases passed after 0.002 seconds.
✘ Test wrong() recorded an issue at Tests.swift:3:1: Expectation failed: 1 == 2
✘ Test wrong() failed after 0.001 seconds with 1 issue.
➜ Test later() skipped.
✔ Suite Passes passed after 0.01 seconds.
✘ Test run with 4 tests in 2 suites failed after 0.004 seconds with 1 issue.
"""


def test_swift_results_are_counted_by_test(tmp_path):
    assert count("count_swift", XCTEST, tmp_path) == "1 1"
    assert count("count_swift", SWIFT_TESTING, tmp_path) == "2 1"
    assert count("count_swift", XCTEST + SWIFT_TESTING, tmp_path) == "3 2"


def test_a_swift_run_that_breaks_off_has_no_count(tmp_path):
    broken = "".join(line + "\n" for line in SWIFT_TESTING.splitlines()[:-1])
    assert count("count_swift", broken, tmp_path) is None
    assert count("count_swift", XCTEST + broken, tmp_path) is None
    assert count("count_swift", "error: build failed\n", tmp_path) is None


def test_kernel_results_are_the_last_line(tmp_path):
    assert count("count_kernels", "seed 7\n120 passed, 2 failed\n\n", tmp_path) == "120 2"
    assert count("count_kernels", "120 passed, 2 failed\nSegmentation fault\n", tmp_path) is None
    assert count("count_kernels", "", tmp_path) is None


def test_pytest_results_are_in_its_closing_line(tmp_path):
    assert count("count_pytest", "a.py ..\n==== 12 passed, 1 skipped in 0.50s ====\n", tmp_path) == "12 0"
    assert count("count_pytest", "1 failed, 3 passed, 2 errors in 1.20s\n", tmp_path) == "3 3"
    assert count("count_pytest", "== 61 passed, 2 warnings in 75.01s (0:01:15) ==\n", tmp_path) == "61 0"
    assert count("count_pytest", "INTERNALERROR\n", tmp_path) is None


@pytest.mark.parametrize("script", ["demo", "test", "get-face-models", "build-wav2lip", "compare"])
def test_scripts_explain_themselves_and_reject_nonsense(tool, script):
    usage = tool(script, "--help")
    text = usage.stdout.lower()
    assert usage.returncode == 0 and "usage:" in text and "examples:" in text
    wrong = tool(script, "--nonsense")
    assert wrong.returncode == 2 and "--nonsense" in wrong.stderr and wrong.stdout == ""
