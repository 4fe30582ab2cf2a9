"""Finds the shared library and declares the functions of viseme.h."""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import os
from ctypes import POINTER, c_char_p, c_double, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from pathlib import Path

from ._errors import BY_STATUS, VisemeError

ABI_VERSION = 1
UNKNOWN, TENSOR, SEQUENCE, OPTIONAL = range(4)


class LibraryNotFound(ImportError):
    """The shared library is nowhere; the message says where it was looked for."""


class ErrorDetail(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t), ("status", c_int32), ("message", c_char_p), ("node", c_char_p),
        ("operator_name", c_char_p), ("reason", c_char_p),
    ]


class SizedStructure(ctypes.Structure):
    """A structure that starts with its size, which is set when it is made."""

    def __init__(self, *arguments: object, **fields: object) -> None:
        super().__init__(ctypes.sizeof(type(self)), *arguments, **fields)


class TensorInfo(SizedStructure):
    _fields_ = [
        ("struct_size", c_size_t), ("element_type", c_int32), ("rank", c_size_t), ("dims", POINTER(c_int64)),
        ("count", c_size_t), ("data", c_void_p), ("byte_count", c_size_t),
    ]


class ValueInfo(SizedStructure):
    _fields_ = [
        ("struct_size", c_size_t), ("name", c_char_p), ("type", c_char_p), ("kind", c_int32),
        ("element_type", c_int32), ("rank", c_int32), ("dims", POINTER(c_int64)), ("dim_names", POINTER(c_char_p)),
    ]


class ModelOptions(SizedStructure):
    _fields_ = [
        ("struct_size", c_size_t), ("threads", c_int32), ("is_reference", c_int32), ("memory_limit_bytes", c_uint64),
        ("cache_directory", c_char_p), ("is_low_memory", c_int32),
    ]


class RunOptions(SizedStructure):
    _fields_ = [("struct_size", c_size_t), ("time_limit_seconds", c_double)]


_HANDLES = POINTER(c_void_p)
_NAMES = POINTER(c_char_p)
_DIMS = POINTER(c_int64)

# name: (result, arguments); a c_int32 result is a status.
_FUNCTIONS: dict[str, tuple[object, list[object]]] = {
    "version": (c_char_p, []),
    "abi_version": (c_uint32, []),
    "last_error": (POINTER(ErrorDetail), []),
    "tensor_wrap": (c_int32, [c_int32, c_size_t, _DIMS, c_void_p, c_size_t, _HANDLES]),
    "tensor_create_strings": (c_int32, [c_size_t, _DIMS, _NAMES, POINTER(c_size_t), _HANDLES]),
    "sequence_create": (c_int32, [c_int32, c_size_t, _HANDLES, _HANDLES]),
    "optional_create": (c_int32, [c_void_p, c_int32, c_int32, _HANDLES]),
    "value_destroy": (None, [c_void_p]),
    "value_kind": (c_int32, [c_void_p]),
    "value_count": (c_size_t, [c_void_p]),
    "value_element": (c_int32, [c_void_p, c_size_t, _HANDLES]),
    "tensor_describe": (c_int32, [c_void_p, POINTER(TensorInfo)]),
    "tensor_string": (c_int32, [c_void_p, c_size_t, POINTER(c_void_p), POINTER(c_size_t)]),
    "model_open": (c_int32, [c_char_p, POINTER(ModelOptions), _HANDLES]),
    "model_read": (c_int32, [c_char_p, c_size_t, c_char_p, POINTER(ModelOptions), _HANDLES]),
    "model_destroy": (None, [c_void_p]),
    "model_input_count": (c_size_t, [c_void_p]),
    "model_output_count": (c_size_t, [c_void_p]),
    "model_input": (c_int32, [c_void_p, c_size_t, POINTER(ValueInfo)]),
    "model_output": (c_int32, [c_void_p, c_size_t, POINTER(ValueInfo)]),
    "session_create": (c_int32, [c_void_p, c_void_p, _HANDLES]),
    "session_destroy": (None, [c_void_p]),
    "session_run": (
        c_int32, [c_void_p, POINTER(RunOptions), c_size_t, _NAMES, _HANDLES, c_size_t, _NAMES, _HANDLES],
    ),
    "session_cancel": (None, [c_void_p]),
    "binding_create": (c_int32, [c_void_p, c_size_t, _HANDLES, c_size_t, _HANDLES, _HANDLES]),
    "binding_destroy": (None, [c_void_p]),
    "binding_run": (c_int32, [c_void_p, POINTER(RunOptions)]),
    "binding_output": (c_int32, [c_void_p, c_size_t, _HANDLES]),
}


def _clone() -> Path | None:
    """The clone that this package lies in, if it does."""
    root = Path(__file__).resolve().parents[3]
    return root if (root / "Package.swift").exists() else None


def candidates() -> list[str]:
    """Where the library may be, in the order of preference."""
    named = os.environ.get("VISEME_LIBRARY")
    if named:
        return [named]
    folder = Path(__file__).resolve().parent
    paths = [folder / "libviseme.so"]
    if (clone := _clone()) is not None:
        paths += [clone / ".build" / kind / "libVisemeC.so" for kind in ("release", "debug")]
    found = [str(path) for path in paths if path.exists()]
    return [*found, ctypes.util.find_library("viseme") or "libviseme.so.1"]


class Library:
    """The loaded library: every function of viseme.h without its prefix, raising what it reports."""

    def __init__(self) -> None:
        reasons = []
        for path in candidates():
            try:
                self._library = ctypes.CDLL(path)
                self.path = path
                break
            except OSError as error:
                reasons.append(f"{path}: {error}")
        else:
            raise LibraryNotFound(
                "the shared library of Viseme was not found (" + "; ".join(reasons) + "); build it with "
                "'swift build -c release --product VisemeC', or name it in VISEME_LIBRARY"
            )
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(self._library, f"viseme_{name}")
            function.restype, function.argtypes = result, arguments
            setattr(self, name, self._checked(function) if result is c_int32 and name != "value_kind" else function)
        found = self.abi_version()
        if found != ABI_VERSION:
            raise LibraryNotFound(f"{self.path} has version {found} of the interface, this package needs {ABI_VERSION}")

    def _checked(self, function):
        def call(*arguments):
            if function(*arguments) != 0:
                raise self._error()

        return call

    def _error(self) -> VisemeError:
        detail = self.last_error().contents
        text = [part.decode() for part in (detail.message, detail.node, detail.operator_name, detail.reason)]
        kind = BY_STATUS.get(detail.status, VisemeError)
        return kind(text[0], node=text[1], operator=text[2], reason=text[3])


@functools.cache
def library() -> Library:
    """The library, loaded when first asked for."""
    return Library()


def library_path() -> str:
    """Where the library was loaded from."""
    return library().path


def version() -> str:
    """The version of the library, as in "0.1.0"."""
    return library().version().decode()
