"""Errors of the library as Python exceptions."""

from __future__ import annotations


class VisemeError(Exception):
    """Why a model could not be opened or run.

    `node` names the node that failed, `operator` its operator (with the domain in front where it is not ONNX's own);
    both are empty where no node is at fault. `reason` is the message without its place.
    """

    def __init__(self, message: str, *, node: str = "", operator: str = "", reason: str = "") -> None:
        super().__init__(message)
        self.node = node
        self.operator = operator
        self.reason = reason or message


class UnsupportedOperator(VisemeError, NotImplementedError):
    """Correct ONNX that Viseme does not implement: an operator, a version of it, an element type, a form."""


class InvalidModel(VisemeError, ValueError):
    """Not an ONNX model, or not a correct one."""


class InvalidInput(VisemeError, ValueError):
    """Inputs that do not fit the model, or whose contents it cannot take."""


class InvalidArgument(VisemeError, ValueError):
    """A call that makes no sense: an unknown name, an output array of another shape."""


class MemoryLimitExceeded(VisemeError, MemoryError):
    """The model needs more memory than its limit."""


class Cancelled(VisemeError):
    """`InferenceSession.cancel` ended the run."""


class TimeLimitExceeded(VisemeError, TimeoutError):
    """The run took longer than its limit."""


class FileError(VisemeError, OSError):
    """A file that cannot be read."""


BY_STATUS: dict[int, type[VisemeError]] = {
    1: UnsupportedOperator,
    2: InvalidModel,
    3: InvalidInput,
    4: InvalidArgument,
    5: MemoryLimitExceeded,
    6: Cancelled,
    7: TimeLimitExceeded,
    8: FileError,
}
