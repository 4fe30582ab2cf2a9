"""Arrays, lists and None as values of the library, and back."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from . import _dtypes
from ._library import OPTIONAL, SEQUENCE, TENSOR, TensorInfo, ValueInfo, library


class Value:
    """A handle, given back when nothing refers to it; `keep` is what must live as long."""

    def __init__(self, handle: int | None, keep: object = None) -> None:
        self.handle = handle
        self._keep = keep
        self._library = library()

    def __del__(self) -> None:
        if self.handle:
            self._library.value_destroy(self.handle)


def _dims(shape: tuple[int, ...]):
    return (ctypes.c_int64 * len(shape))(*shape)


def from_array(array: np.ndarray) -> Value:
    """A tensor that shares the array's memory where it can: not for strings and elements below 8 bits."""
    number = _dtypes.number(array.dtype)
    out = ctypes.c_void_p()
    if number == _dtypes.STRING:
        texts = [text if isinstance(text, bytes) else str(text).encode() for text in array.reshape(-1).tolist()]
        lengths = (ctypes.c_size_t * len(texts))(*map(len, texts))
        library().tensor_create_strings(
            array.ndim, _dims(array.shape), (ctypes.c_char_p * len(texts))(*texts), lengths, ctypes.byref(out)
        )
        return Value(out.value)
    width = _dtypes.bits(number)
    data = np.ascontiguousarray(array) if width is None else _dtypes.pack(np.ascontiguousarray(array), width)
    if not data.flags.aligned:
        data = data.copy()
    library().tensor_wrap(
        number, array.ndim, _dims(array.shape), data.ctypes.data, data.nbytes, ctypes.byref(out)
    )
    return Value(out.value, data)


def from_python(value: Any, info: ValueInfo) -> Value:
    """The value that Python's `value` stands for, where the model expects `info`."""
    if info.kind == OPTIONAL:
        inner = SEQUENCE if b"seq(" in info.type else TENSOR
        element = None if value is None else _plain(value, inner, info.element_type)
        out = ctypes.c_void_p()
        library().optional_create(element and element.handle, inner, info.element_type, ctypes.byref(out))
        return Value(out.value, element)
    return _plain(value, info.kind, info.element_type)


def _plain(value: Any, kind: int, element_type: int) -> Value:
    if kind != SEQUENCE:
        return from_array(_as_array(value, element_type))
    elements = [from_array(_as_array(item, element_type)) for item in value]
    handles = (ctypes.c_void_p * len(elements))(*[element.handle for element in elements])
    out = ctypes.c_void_p()
    library().sequence_create(element_type, len(elements), handles, ctypes.byref(out))
    return Value(out.value, elements)


def _as_array(value: Any, element_type: int) -> np.ndarray:
    """An array as it is; lists and numbers become arrays of the type that the model expects."""
    if isinstance(value, (np.ndarray, np.generic)):
        return np.asarray(value)
    return np.asarray(value, _dtypes.dtype(element_type) if element_type else None)


def to_python(value: Value) -> Any:
    """An array that shares the value's memory where it can, a list of such, or None."""
    lib = library()
    kind = lib.value_kind(value.handle)
    if kind == TENSOR:
        return _to_array(value)
    elements = []
    for index in range(lib.value_count(value.handle)):
        out = ctypes.c_void_p()
        lib.value_element(value.handle, index, ctypes.byref(out))
        elements.append(to_python(Value(out.value)))
    if kind == SEQUENCE:
        return elements
    return elements[0] if elements else None


def _to_array(value: Value) -> np.ndarray:
    lib = library()
    info = TensorInfo()
    lib.tensor_describe(value.handle, ctypes.byref(info))
    shape = tuple(info.dims[axis] for axis in range(info.rank))
    if info.element_type == _dtypes.STRING:
        array = np.empty(info.count, object)
        text, length = ctypes.c_void_p(), ctypes.c_size_t()
        for index in range(info.count):
            lib.tensor_string(value.handle, index, ctypes.byref(text), ctypes.byref(length))
            array[index] = ctypes.string_at(text, length.value).decode()
        return array.reshape(shape)
    kind = _dtypes.dtype(info.element_type)
    if info.byte_count == 0:
        return np.empty(shape, kind)
    memory = (ctypes.c_char * info.byte_count).from_address(info.data)
    memory.owner = value  # the array refers to `memory`, and so keeps the value
    width = _dtypes.bits(info.element_type)
    if width is not None:
        return _dtypes.unpack(np.frombuffer(memory, np.uint8), width, info.element_type, shape)
    return np.frombuffer(memory, kind).reshape(shape)
