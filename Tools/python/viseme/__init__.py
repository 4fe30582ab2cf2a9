"""Runs ONNX models with Viseme, an embedded runtime."""

from ._errors import (
    Cancelled,
    FileError,
    InvalidArgument,
    InvalidInput,
    InvalidModel,
    MemoryLimitExceeded,
    TimeLimitExceeded,
    UnsupportedOperator,
    VisemeError,
)
from ._library import LibraryNotFound, library_path, version
from ._session import Binding, InferenceSession, NodeArg

__all__ = [
    "Binding",
    "Cancelled",
    "FileError",
    "InferenceSession",
    "InvalidArgument",
    "InvalidInput",
    "InvalidModel",
    "LibraryNotFound",
    "MemoryLimitExceeded",
    "NodeArg",
    "TimeLimitExceeded",
    "UnsupportedOperator",
    "VisemeError",
    "library_path",
    "version",
]
