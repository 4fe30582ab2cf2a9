"""Gives every value, node, graph and open extent of a model another name."""

from __future__ import annotations

from collections import defaultdict
from itertools import count

import onnx


def renamed(model: bytes) -> bytes:
    """The same model under names that say nothing. The order of inputs and outputs stays."""
    message = onnx.ModelProto.FromString(model)
    _graph(message.graph, _names())
    for function in message.functions:
        names = _names()
        for group in (function.input, function.output):
            group[:] = [names[name] for name in group]
        _nodes(function.node, names)
        for info in function.value_info:
            _value(info, names)
    return message.SerializeToString()


def _names() -> defaultdict[str, str]:
    """Names that were not seen yet become new ones; absent inputs stay absent."""
    numbers = count()
    names: defaultdict[str, str] = defaultdict(lambda: f"q{next(numbers)}")
    names[""] = ""
    return names


def _graph(graph: onnx.GraphProto, names: defaultdict[str, str]) -> None:
    graph.name = f"g{len(names)}"
    graph.doc_string = ""
    for tensor in graph.initializer:
        tensor.name = names[tensor.name]
    for sparse in graph.sparse_initializer:
        sparse.values.name = names[sparse.values.name]
    for info in [*graph.input, *graph.output, *graph.value_info]:
        _value(info, names)
    _nodes(graph.node, names)


def _nodes(nodes, names: defaultdict[str, str]) -> None:
    for node in nodes:
        # Inner graphs read outer values by name: one map for all of them.
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
        node.name = f"n{len(names)}" if node.name else ""
        node.doc_string = ""
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _graph(attribute.g, names)
            for graph in attribute.graphs:
                _graph(graph, names)


def _value(info: onnx.ValueInfoProto, names: defaultdict[str, str]) -> None:
    info.name = names[info.name]
    info.doc_string = ""
    _type(info.type, names)


def _type(kind: onnx.TypeProto, names: defaultdict[str, str]) -> None:
    for name in ("tensor_type", "sparse_tensor_type"):
        if kind.HasField(name):
            for dim in getattr(kind, name).shape.dim:
                if dim.HasField("dim_param"):
                    dim.dim_param = names[f"extent {dim.dim_param}"]
    for name in ("sequence_type", "optional_type"):
        if kind.HasField(name):
            _type(getattr(kind, name).elem_type, names)
