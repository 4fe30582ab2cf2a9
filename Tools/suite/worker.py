"""Runs cases, one a line of standard input, and answers each with a line of JSON.

A process of its own, because a runtime may crash or hang; what it prints goes to standard error.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np

from .cases import Store
from .compare import difference
from .rename import renamed
from .runtimes import RUNTIMES, Unsupported

MEMORY_LIMIT = 12 << 30  # a runtime that wants more than any case needs must not take the machine with it


def outcome(runtime, path: Path, rename: bool) -> tuple[str, str]:
    case = Store.read(path)
    model = renamed(case.model) if rename else case.model
    try:
        for given, wanted in case.runs:
            # Some cases give scalars of NumPy, which not every runtime takes for arrays.
            inputs = [np.asarray(x) if isinstance(x, np.generic) else x for x in given]
            problem = difference(case, inputs, wanted, list(runtime.run(model, inputs)))
            if problem:
                return "failed", problem
        return "passed", ""
    except Unsupported as error:
        return "unsupported", _line(error)
    except Exception as error:  # noqa: BLE001
        return "failed", f"{type(error).__name__}: {_line(error)}"


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def main() -> None:
    runtime = RUNTIMES[sys.argv[1]]()
    rename = sys.argv[2] == "renamed"
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    print(json.dumps({"version": runtime.version}), file=answers)
    for line in sys.stdin:
        began = time.monotonic()
        status, reason = outcome(runtime, Path(line.strip()), rename)
        print(json.dumps({"status": status, "reason": reason, "seconds": time.monotonic() - began}), file=answers)


if __name__ == "__main__":
    main()
