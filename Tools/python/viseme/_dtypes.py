"""NumPy's element types and ONNX's."""

from __future__ import annotations

import numpy as np

try:
    import ml_dtypes
except ImportError:  # then such arrays cannot be given, and results hold the bits
    ml_dtypes = None

STRING = 8

_BY_NAME = {
    "float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7, "bool": 9, "float16": 10,
    "float64": 11, "uint32": 12, "uint64": 13, "complex64": 14, "complex128": 15,
}
_NARROW = {
    "bfloat16": 16, "float8_e4m3fn": 17, "float8_e4m3fnuz": 18, "float8_e5m2": 19, "float8_e5m2fnuz": 20, "uint4": 21,
    "int4": 22, "float4_e2m1fn": 23, "float8_e8m0fnu": 24, "uint2": 25, "int2": 26,
}
_BITS = {21: 4, 22: 4, 23: 4, 25: 2, 26: 2}

_TO_DTYPE: dict[int, np.dtype] = {number: np.dtype(name) for name, number in _BY_NAME.items()}
for _name, _number in _NARROW.items():
    if ml_dtypes is not None and hasattr(ml_dtypes, _name):
        _TO_DTYPE[_number] = np.dtype(getattr(ml_dtypes, _name))
    else:
        _TO_DTYPE[_number] = np.dtype(np.uint16 if _number == 16 else np.uint8)
_TO_NUMBER = {dtype: number for number, dtype in reversed(_TO_DTYPE.items())}


def number(dtype: np.dtype) -> int:
    """ONNX's number of an element type; `TypeError` for what ONNX does not have."""
    if dtype.kind in "OSU":
        return STRING
    try:
        return _TO_NUMBER[dtype]
    except KeyError:
        raise TypeError(f"ONNX has no element type like {dtype}") from None


def dtype(number: int) -> np.dtype:
    """The element type with that number."""
    return np.dtype(object) if number == STRING else _TO_DTYPE[number]


def bits(number: int) -> int | None:
    """Bits of a type whose elements share bytes; None for all others."""
    return _BITS.get(number)


def pack(array: np.ndarray, width: int) -> np.ndarray:
    """The bits of elements below 8 bits, the first in the lowest bits of the first byte."""
    per_byte = 8 // width
    flat = array.reshape(-1).view(np.uint8) & ((1 << width) - 1)
    flat = np.concatenate([flat, np.zeros(-flat.size % per_byte, np.uint8)]).reshape(-1, per_byte)
    return np.bitwise_or.reduce(flat << (np.arange(per_byte, dtype=np.uint8) * width), axis=1).astype(np.uint8)


def unpack(packed: np.ndarray, width: int, number: int, shape: tuple[int, ...]) -> np.ndarray:
    """The inverse of `pack`."""
    per_byte = 8 // width
    flat = (packed[:, None] >> (np.arange(per_byte, dtype=np.uint8) * width)) & ((1 << width) - 1)
    flat = flat.reshape(-1)[: int(np.prod(shape, dtype=np.int64))].astype(np.uint8)
    if number in (22, 26):  # signed: the top bit counts below zero
        sign = 1 << (width - 1)
        flat = ((flat.astype(np.int16) ^ sign) - sign).astype(np.int8)
    kind = dtype(number)
    return flat.view(kind).reshape(shape) if number == 23 and kind != np.uint8 else flat.astype(kind).reshape(shape)
