"""One small model for each operator of `com.microsoft`, and for those of `ai.onnx.ml` that ONNX's suite leaves out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

_random = np.random.default_rng(7)


def f(*shape: int) -> np.ndarray:
    return _random.standard_normal(shape).astype(np.float32)


def i(type_: Any, *shape: int, below: int = 100) -> np.ndarray:
    return _random.integers(0, below, shape).astype(type_)


SCALE, ZERO, BYTE_ZERO = np.float32(0.1), np.int8(0), np.uint8(3)
U8, S8, I32, I64 = np.uint8, np.int8, np.int32, np.int64
MICROSOFT, ML = "com.microsoft", "ai.onnx.ml"

#: operator, inputs (the first is the model's, the others constants; None is left out), attributes, number of outputs
_NODES: list[tuple[str, list[Any], dict[str, Any], int]] = [
    ("BiasAdd", [f(1, 4, 8), f(8), f(1, 4, 8)], {}, 1),
    ("BiasGelu", [f(2, 3), f(3)], {}, 1),
    ("BiasSplitGelu", [f(1, 2, 8), f(8)], {}, 1),
    ("FastGelu", [f(2, 3), f(3)], {}, 1),
    ("Gelu", [f(2, 3)], {}, 1),
    ("QuickGelu", [f(2, 3)], {"alpha": 1.5}, 1),
    ("Inverse", [f(2, 3, 3)], {}, 1),
    ("NhwcConv", [f(1, 5, 5, 2), f(3, 3, 3, 2), f(3)], {"kernel_shape": [3, 3]}, 1),
    ("NhwcMaxPool", [i(U8, 1, 5, 5, 2)], {"kernel_shape": [3, 3]}, 1),
    ("GroupNorm", [f(1, 4, 4, 8), f(8), f(8)], {"groups": 2, "activation": 1, "epsilon": 1e-5}, 1),
    ("SkipGroupNorm", [f(1, 4, 4, 8), f(8), f(8), f(1, 4, 4, 8), f(8)], {"groups": 2, "activation": 0}, 2),
    ("Attention", [f(1, 4, 8), f(8, 24), f(24)], {"num_heads": 2}, 1),
    ("Attention", [f(1, 4, 8), f(8, 24), f(24), i(I32, 1, 4, below=2)], {"num_heads": 2, "unidirectional": 1}, 1),
    ("QAttention", [i(U8, 1, 4, 8), i(S8, 8, 24), f(24), SCALE, SCALE, None, BYTE_ZERO, ZERO], {"num_heads": 2}, 1),
    ("MultiHeadAttention", [f(1, 4, 8), f(1, 4, 8), f(1, 4, 8)], {"num_heads": 2}, 1),
    ("GroupQueryAttention", [f(1, 1, 8), f(1, 1, 4), f(1, 1, 4), f(1, 1, 3, 4), f(1, 1, 3, 4), i(I32, 1, below=1) + 2,
                             np.int32(3)], {"num_heads": 2, "kv_num_heads": 1}, 3),
    ("RotaryEmbedding", [f(1, 3, 8), i(I64, 1, 3, below=3), f(8, 4), f(8, 4)], {"num_heads": 1}, 1),
    ("FusedConv", [f(1, 2, 5, 5), f(3, 2, 3, 3), f(3)], {"activation": "Relu"}, 1),
    ("FusedGemm", [f(2, 3), f(3, 4), f(4)], {"activation": "Relu", "alpha": 0.5}, 1),
    ("FusedMatMul", [f(3, 2), f(4, 3)], {"transA": 1, "transB": 1, "alpha": 0.5}, 1),
    ("TransposeMatMul", [f(3, 2), f(3, 4)], {"transA": 1}, 1),
    ("MatMulNBits", [f(2, 32), i(U8, 4, 1, 16, below=256), f(4), i(U8, 4, below=16)],
     {"K": 32, "N": 4, "bits": 4, "block_size": 32}, 1),
    ("DynamicQuantizeMatMul", [f(2, 3), i(S8, 3, 4), SCALE, ZERO, f(4)], {}, 1),
    ("MatMulIntegerToFloat", [i(U8, 2, 3), i(S8, 3, 4), SCALE, SCALE, BYTE_ZERO, ZERO, f(4)], {}, 1),
    ("DynamicQuantizeLSTM", [f(2, 1, 3), i(S8, 1, 3, 8), i(S8, 1, 2, 8), f(1, 16), None, None, None, None, f(1), i(S8, 1, below=1),
                             f(1), i(S8, 1, below=1)], {"hidden_size": 2}, 3),
    ("EmbedLayerNormalization", [i(I32, 1, 4, below=5), i(I32, 1, 4, below=2), f(5, 8), f(6, 8), f(2, 8), f(8), f(8)],
     {"epsilon": 1e-12}, 2),
    ("SkipLayerNormalization", [f(1, 4, 8), f(1, 4, 8), f(8), f(8), f(8)], {"epsilon": 1e-12}, 1),
    ("SkipSimplifiedLayerNormalization", [f(1, 4, 8), f(1, 4, 8), f(8)], {"epsilon": 1e-12}, 1),
    ("QLinearAdd", [i(U8, 2, 3), SCALE, BYTE_ZERO, i(U8, 2, 3), SCALE, BYTE_ZERO, SCALE, BYTE_ZERO], {}, 1),
    ("QLinearMul", [i(S8, 2, 3), SCALE, ZERO, i(S8, 3), SCALE, ZERO, SCALE, ZERO], {}, 1),
    ("QLinearSigmoid", [i(U8, 2, 3), SCALE, BYTE_ZERO, SCALE, BYTE_ZERO], {}, 1),
    ("QLinearLeakyRelu", [i(U8, 2, 3), SCALE, BYTE_ZERO, SCALE, BYTE_ZERO], {"alpha": 0.1}, 1),
    ("QLinearSoftmax", [i(U8, 2, 3), SCALE, BYTE_ZERO, SCALE, BYTE_ZERO], {"axis": 1, "opset": 13}, 1),
    ("QLinearAveragePool", [i(U8, 1, 2, 4, 4), SCALE, BYTE_ZERO, SCALE, BYTE_ZERO], {"kernel_shape": [2, 2]}, 1),
    ("QLinearGlobalAveragePool", [i(U8, 1, 4, 4, 2), SCALE, BYTE_ZERO, SCALE, BYTE_ZERO], {"channels_last": 1}, 1),
    ("QLinearConcat", [SCALE, BYTE_ZERO, i(U8, 2, 3), SCALE, BYTE_ZERO, i(U8, 2, 3), SCALE, BYTE_ZERO], {"axis": 0}, 1),
    ("QLinearWhere", [i(np.bool_, 2, 3, below=2), i(U8, 2, 3), SCALE, BYTE_ZERO, i(U8, 2, 3), SCALE, BYTE_ZERO, SCALE, BYTE_ZERO],
     {}, 1),
    ("QLinearConv", [i(U8, 1, 5, 5, 2), SCALE, BYTE_ZERO, i(S8, 3, 2, 3, 3), SCALE, ZERO, SCALE, BYTE_ZERO, i(I32, 3)],
     {"channels_last": 1}, 1),
    ("QGemm", [i(U8, 2, 3), SCALE, BYTE_ZERO, i(S8, 3, 4), SCALE, ZERO, i(I32, 4), SCALE, BYTE_ZERO], {}, 1),
    ("QuantizeLinear", [f(2, 3), SCALE, BYTE_ZERO], {}, 1),
    ("DequantizeLinear", [i(U8, 2, 3), SCALE, BYTE_ZERO], {}, 1),
]

_ML_NODES: list[tuple[str, list[Any], dict[str, Any], int]] = [
    ("ArrayFeatureExtractor", [f(2, 4), i(I64, 3, below=4)], {}, 1),
    ("Binarizer", [f(2, 3)], {"threshold": 0.5}, 1),
    ("FeatureVectorizer", [f(2, 3)], {"inputdimensions": [3]}, 1),
    ("Imputer", [f(2, 3)], {"imputed_value_floats": [1.0], "replaced_value_float": 0.0}, 1),
    ("LinearClassifier", [f(2, 3)], {"coefficients": [0.5] * 6, "intercepts": [0.0, 1.0], "classlabels_ints": [0, 1]}, 2),
    ("LinearRegressor", [f(2, 3)], {"coefficients": [0.5] * 3, "intercepts": [1.0], "targets": 1}, 1),
    ("Normalizer", [f(2, 3)], {"norm": "L2"}, 1),
    ("OneHotEncoder", [i(I64, 3, below=3)], {"cats_int64s": [0, 1, 2]}, 1),
    ("Scaler", [f(2, 3)], {"offset": [0.0, 0.5, 1.0], "scale": [1.0, 2.0, 3.0]}, 1),
]


def contributed_models() -> Iterator[tuple[onnx.ModelProto, list[np.ndarray]]]:
    """Models of one node, each with the array that its input takes."""
    for domain, nodes in ((MICROSOFT, _NODES), (ML, _ML_NODES)):
        for operator, operands, attributes, output_count in nodes:
            yield _model(domain, operator, operands, attributes, output_count)


def _model(domain: str, operator: str, operands: list[Any], attributes: dict[str, Any], output_count: int):
    names = ["" if value is None else f"x{index}" for index, value in enumerate(operands)]
    outputs = [f"y{index}" for index in range(output_count)]
    arrays = [np.asarray(value) for value in operands if value is not None]
    present = [name for name in names if name]
    graph = helper.make_graph(
        [helper.make_node(operator, names, outputs, domain=domain, **attributes)],
        operator,
        [helper.make_tensor_value_info(present[0], helper.np_dtype_to_tensor_dtype(arrays[0].dtype), arrays[0].shape)],
        [onnx.ValueInfoProto(name=name) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in zip(present[1:], arrays[1:], strict=True)],
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid(domain, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10), [arrays[0]]
