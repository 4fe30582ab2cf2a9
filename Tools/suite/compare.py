"""What makes an output right, by the rules of ONNX's runner."""

from __future__ import annotations

from typing import Any

import numpy as np

from .cases import Case


def difference(case: Case, inputs: list[Any], wanted: list[Any], given: list[Any]) -> str | None:
    """What is wrong with the outputs of a run, in a line; None where they are right."""
    if len(wanted) != len(given):
        return f"{len(given)} outputs instead of {len(wanted)}"
    for index, (want, have) in enumerate(zip(wanted, given, strict=True)):
        problem = _random(inputs, want, have) if case.is_random else _value(want, have, case.rtol, case.atol)
        if problem:
            return f"output {index}: {problem}"
    return None


def _value(want: Any, have: Any, rtol: float, atol: float) -> str | None:
    if want is None or have is None:
        return None if want is have else f"{_kind(have)} instead of {_kind(want)}"
    if isinstance(want, (list, tuple)):
        if not isinstance(have, (list, tuple)):
            return f"{_kind(have)} instead of a sequence"
        if len(want) != len(have):
            return f"{len(have)} elements instead of {len(want)}"
        for index, (a, b) in enumerate(zip(want, have, strict=True)):
            if problem := _value(a, b, rtol, atol):
                return f"element {index}: {problem}"
        return None
    if isinstance(have, (list, tuple)):
        return f"a sequence instead of {_kind(want)}"
    return _array(np.asarray(want), np.asarray(have), rtol, atol)


def _kind(value: Any) -> str:
    return "nothing" if value is None else "a sequence" if isinstance(value, (list, tuple)) else "a tensor"


def _plain_dtype(array: np.ndarray) -> np.ndarray:
    return array.astype(object) if array.dtype.kind in "SU" else array


def _array(want: np.ndarray, have: np.ndarray, rtol: float, atol: float) -> str | None:
    want, have = _plain_dtype(want), _plain_dtype(have)
    if want.shape != have.shape:
        return f"shape {list(have.shape)} instead of {list(want.shape)}"
    if want.dtype != have.dtype:
        return f"{have.dtype} instead of {want.dtype}"
    if want.dtype == object:
        wrong = int(np.sum(want != have))
        return f"{wrong} of {want.size} strings differ" if wrong else None
    if want.dtype.name == "bfloat16":
        rtol = max(rtol, 2**-6)  # two units in the last place
    if want.dtype.kind not in "fc" or want.dtype.itemsize < 4:
        want, have = want.astype(np.float64), have.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        wrong = ~np.isclose(have, want, rtol=rtol, atol=atol, equal_nan=True)
        if not wrong.any():
            return None
        error = np.abs(have - want)[wrong]
    worst = np.nanmax(error) if np.isfinite(error).any() else error[0]
    return f"{int(wrong.sum())} of {want.size} elements differ, the worst by {worst:.3g}"


def _random(inputs: list[Any], want: np.ndarray, have: np.ndarray) -> str | None:
    """Random outputs: of the right type and shape, and made of what their operator makes them of.

    Bernoulli draws zeros and ones. Dropout keeps an element, scaled, or makes it 0; its mask is bool.
    """
    if want.shape != have.shape or want.dtype != have.dtype:
        return f"{have.dtype}{list(have.shape)} instead of {want.dtype}{list(want.shape)}"
    if have.dtype == bool:
        return None
    values = have.astype(np.float64)
    if len(inputs) >= 2:
        x = inputs[0].astype(np.float64)
        allowed = np.isclose(values, x / (1 - float(inputs[1])), rtol=1e-3) | (values == 0)
    elif np.all((inputs[0] >= 0) & (inputs[0] <= 1)):
        allowed = (values == 0) | (values == 1)
    else:
        allowed = np.isclose(values, 2 * inputs[0].astype(np.float64), rtol=1e-3) | (values == 0)
    return None if allowed.all() else f"{int((~allowed).sum())} elements that its operator cannot make"
