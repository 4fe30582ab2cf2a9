"""Sessions shaped like ONNX Runtime's."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _dtypes
from ._errors import InvalidArgument, InvalidInput
from ._library import TENSOR, ModelOptions, RunOptions, ValueInfo, library
from ._values import Value, from_array, from_python, to_python

Array = Any  # a NumPy array, a list of arrays (sequence), or None (empty optional)


@dataclass(frozen=True)
class NodeArg:
    """What a model says of an input or output."""

    name: str
    #: As in "tensor(float)" or "seq(tensor(int64))".
    type: str
    #: Extents: a number, the name of an open extent, or None; an empty list where the rank is unknown.
    shape: list[int | str | None]


class InferenceSession:
    """A model and the threads that run it.

    One thread at a time may call `run`; `cancel` may be called from any.
    """

    def __init__(
        self,
        path_or_bytes: str | os.PathLike[str] | bytes,
        *,
        threads: int = 1,
        reference: bool = False,
        memory_limit: int | None = None,
        base_directory: str | os.PathLike[str] | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        low_memory: bool = False,
    ) -> None:
        """Opens a model.

        Parameters:
          path_or_bytes: an .onnx file, or what such a file holds.
          threads: threads of the session, the caller's included; 0 for one per core.
          reference: run every operator by its scalar reference, without optimization.
          memory_limit: bytes for weights and values together; three quarters of the machine's memory by default.
          base_directory: where external data of a model given as bytes lies; None refuses external data.
          cache_dir: a folder that keeps packed weights, so that the next process opens the model sooner; "auto" for the
            user's own, "" for none; by default what the environment's VISEME_CACHE says, or none.
          low_memory: pack weights into no more memory than the model's, even if more would be faster.
        """
        lib = self._library = library()
        self._model = self._session = None
        cache = None if cache_dir is None else os.fsencode(cache_dir)
        options = ModelOptions(threads, int(reference), memory_limit or 0, cache, int(low_memory))
        model, session = ctypes.c_void_p(), ctypes.c_void_p()
        if isinstance(path_or_bytes, (bytes, bytearray, memoryview)):
            data = bytes(path_or_bytes)
            folder = None if base_directory is None else os.fsencode(base_directory)
            lib.model_read(data, len(data), folder, ctypes.byref(options), ctypes.byref(model))
        else:
            lib.model_open(os.fsencode(path_or_bytes), ctypes.byref(options), ctypes.byref(model))
        self._model = model.value
        lib.session_create(self._model, None, ctypes.byref(session))
        self._session = session.value
        self._inputs = [self._info(lib.model_input, i) for i in range(lib.model_input_count(self._model))]
        self._outputs = [self._info(lib.model_output, i) for i in range(lib.model_output_count(self._model))]
        self._input_by_name = {info.name.decode(): info for info in self._inputs}

    def __del__(self) -> None:
        if getattr(self, "_session", None):
            self._library.session_destroy(self._session)
        if getattr(self, "_model", None):
            self._library.model_destroy(self._model)

    def _info(self, describe, index: int) -> ValueInfo:
        info = ValueInfo()
        describe(self._model, index, ctypes.byref(info))
        return info

    @staticmethod
    def _node_arg(info: ValueInfo) -> NodeArg:
        shape: list[int | str | None] = []
        for axis in range(max(info.rank, 0)):
            name = info.dim_names[axis]
            shape.append(info.dims[axis] if info.dims[axis] >= 0 else name.decode() if name else None)
        return NodeArg(info.name.decode(), info.type.decode(), shape)

    def get_inputs(self) -> list[NodeArg]:
        """The model's inputs, in its order."""
        return [self._node_arg(info) for info in self._inputs]

    def get_outputs(self) -> list[NodeArg]:
        """The model's outputs, in its order."""
        return [self._node_arg(info) for info in self._outputs]

    def run(
        self,
        output_names: Sequence[str] | None,
        feeds: Mapping[str, Array],
        outputs: Mapping[str, np.ndarray] | Sequence[np.ndarray | None] | None = None,
        *,
        time_limit: float | None = None,
    ) -> list[Array]:
        """Runs the model.

        Parameters:
          output_names: the outputs wanted, in the order of the result; None for all of them.
          feeds: an array for every input; a list for a sequence; None for an empty optional.
          outputs: arrays to write results into, by name or in the order of `output_names`; C-contiguous, of the right
            type and shape, and overlapping nothing. These arrays are then in the result.
          time_limit: seconds after which the run ends with `TimeLimitExceeded`.
        """
        names = [info.name.decode() for info in self._outputs] if output_names is None else list(output_names)
        inputs = [from_python(value, self._info_of(name)) for name, value in feeds.items()]
        given = self._targets(names, outputs)
        targets = [None if array is None else from_array(array) for array in given]

        results = (ctypes.c_void_p * len(names))(*[target and target.handle for target in targets])
        options = RunOptions(time_limit or 0.0)
        self._library.session_run(
            self._session, ctypes.byref(options),
            len(inputs), _names(feeds), (ctypes.c_void_p * len(inputs))(*[value.handle for value in inputs]),
            len(names), _names(names), results,
        )
        return [
            to_python(Value(handle)) if array is None else array for handle, array in zip(results, given, strict=True)
        ]

    def _info_of(self, name: str) -> ValueInfo:
        try:
            return self._input_by_name[name]
        except KeyError:
            known = ", ".join(self._input_by_name) or "none"
            raise InvalidArgument(f"the model has no input {name!r}; it has {known}") from None

    @staticmethod
    def _targets(names: list[str], outputs) -> list[np.ndarray | None]:
        if outputs is None:
            return [None] * len(names)
        if isinstance(outputs, Mapping):
            unknown = set(outputs) - set(names)
            if unknown:
                raise InvalidArgument(f"outputs has {sorted(unknown)}, which output_names does not ask for")
            arrays = [outputs.get(name) for name in names]
        else:
            arrays = list(outputs)
            if len(arrays) != len(names):
                raise InvalidArgument(f"outputs has {len(arrays)} arrays for {len(names)} names")
        for name, array in zip(names, arrays, strict=True):
            if array is not None:
                _check_target(name, array)
        return arrays

    def bind(
        self, feeds: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray] | None = None
    ) -> Binding:
        """Prepares runs from and into arrays that stay where they are; nothing is allocated by `Binding.run`."""
        return Binding(self, feeds, outputs or {})

    def cancel(self) -> None:
        """Ends the run that is under way on another thread; without effect when there is none."""
        self._library.session_cancel(self._session)


class Binding:
    """Arrays that a session reads from and writes to, run after run."""

    def __init__(
        self, session: InferenceSession, feeds: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
    ) -> None:
        lib = self._library = session._library
        self._handle = None
        self._session = session
        names = [info.name.decode() for info in session._inputs]
        missing = [name for name in names if name not in feeds]
        if missing:
            raise InvalidInput(f"input {missing[0]!r} is not given")
        for name in names:
            _check_target(name, feeds[name])
        self._inputs = [from_array(feeds[name]) for name in names]
        wanted = [info.name.decode() for info in session._outputs]
        for name, array in outputs.items():
            if name not in wanted:
                raise InvalidArgument(f"the model has no output {name!r}; it has {', '.join(wanted)}")
            _check_target(name, array)
        given = [from_array(outputs[name]) if name in outputs else None for name in wanted]
        self._targets = given
        handle = ctypes.c_void_p()
        lib.binding_create(
            session._session, len(self._inputs), (ctypes.c_void_p * len(names))(*[v.handle for v in self._inputs]),
            len(given), (ctypes.c_void_p * len(given))(*[v and v.handle for v in given]), ctypes.byref(handle),
        )
        self._handle = handle.value
        #: The outputs by name, valid after `run`.
        self.outputs: dict[str, np.ndarray] = {}
        for index, name in enumerate(wanted):
            out = ctypes.c_void_p()
            lib.binding_output(self._handle, index, ctypes.byref(out))
            value = Value(out.value)
            self.outputs[name] = outputs[name] if name in outputs else to_python(value)

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self._library.binding_destroy(self._handle)

    def run(self, *, time_limit: float | None = None) -> None:
        """Computes the outputs from what the inputs hold now."""
        if time_limit is None:
            self._library.binding_run(self._handle, None)
        else:
            self._library.binding_run(self._handle, ctypes.byref(RunOptions(time_limit)))


def _names(names) -> Any:
    texts = [name.encode() for name in names]
    return (ctypes.c_char_p * len(texts))(*texts)


def _check_target(name: str, array: np.ndarray) -> None:
    """Arrays whose memory is used as it is must be plain."""
    number = _dtypes.number(array.dtype)
    if not (array.flags.c_contiguous and array.flags.aligned):
        raise InvalidArgument(f"the array for {name!r} is not C-contiguous and aligned")
    if number == _dtypes.STRING or _dtypes.bits(number) is not None:
        raise InvalidArgument(f"an array of {array.dtype} cannot share its memory for {name!r}")
