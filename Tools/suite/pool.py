"""Worker processes with a deadline for each case."""

from __future__ import annotations

import json
import os
import selectors
import shlex
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass
class Result:
    """How a case ended: passed, failed, unsupported, crashed or hung, and why."""

    key: str
    status: str
    reason: str = ""
    seconds: float = 0.0

    def json(self) -> dict:
        return asdict(self) | {"seconds": round(self.seconds, 3)}


class Worker:
    """A process that runs one case after another, started anew when it ended."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self.version = ""
        self.key: str | None = None
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        self._buffer = b""
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        greeting = self._process.stdout.readline()
        if not greeting:
            raise RuntimeError(f"{shlex.join(self._command)} does not start; run it by hand to see why")
        self.version = json.loads(greeting)["version"]

    @property
    def stream(self):
        return self._process.stdout

    def give(self, key: str, path: Path, seconds: float) -> None:
        if self._process is None or self._process.poll() is not None:
            self.start()
        self.key, self.began, self.deadline = key, time.monotonic(), time.monotonic() + seconds
        self._process.stdin.write(f"{path}\n".encode())
        self._process.stdin.flush()

    def receive(self) -> Result | None:
        """The result of the case, once its line is whole or the process has ended."""
        chunk = os.read(self.stream.fileno(), 1 << 16)
        self._buffer += chunk
        if not chunk:
            code = self._process.wait()
            name = signal.Signals(-code).name if code < 0 else f"status {code}"
            return self._finish("crashed", f"its process ended with {name}")
        if not self._buffer.endswith(b"\n"):
            return None
        answer, self._buffer = json.loads(self._buffer), b""
        return self._finish(answer["status"], answer["reason"])

    def _finish(self, status: str, reason: str) -> Result:
        result = Result(self.key, status, reason, time.monotonic() - self.began)
        self.key = None
        return result

    def stop(self) -> Result:
        """Ends the process in the middle of its case."""
        self.close()
        return self._finish("hung", "no result in its time")

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdin.close()
            self._process.stdout.close()
            self._process = None


def worker_command(runtime: str, rename: bool = False) -> list[str]:
    """The program that runs cases on a runtime; see `suite.worker`."""
    return [sys.executable, "-m", "suite.worker", runtime, "renamed" if rename else "as-is"]


def run_all(
    command: list[str],
    paths: dict[str, Path],
    *,
    workers: int,
    seconds: float,
    progress: Callable[[Result, int], None],
) -> tuple[str, list[Result]]:
    """Runs all cases and returns the runtime's version and the results in the order of `paths`."""
    waiting = deque(paths.items())
    results: dict[str, Result] = {}
    pool = [Worker(command) for _ in range(min(workers, max(len(paths), 1)))]
    version = ""
    try:
        while len(results) < len(paths):
            for worker in pool:
                if worker.key is None and waiting:
                    worker.give(*waiting.popleft(), seconds)
                    version = worker.version
            for result in _wait(pool):
                results[result.key] = result
                progress(result, len(results))
    finally:
        for worker in pool:
            worker.close()
    return version, [results[key] for key in paths]


def _wait(pool: list[Worker]) -> list[Result]:
    busy = [worker for worker in pool if worker.key is not None]
    ended = []
    with selectors.DefaultSelector() as selector:
        for worker in busy:
            selector.register(worker.stream, selectors.EVENT_READ, worker)
        first = min(worker.deadline for worker in busy)
        for key, _ in selector.select(max(first - time.monotonic(), 0)):
            result = key.data.receive()
            if result:
                ended.append(result)
    for worker in busy:
        if worker.key is not None and time.monotonic() >= worker.deadline:
            ended.append(worker.stop())
    return ended
