"""The converter against TensorFlow Lite's definitions, written down once more in NumPy (NHWC)."""

import numpy as np
import onnx
import onnxruntime
import pytest
import tflite

from convert.tflite_to_onnx import ConversionError, Output, convert, main
from tflite_builder import Network

SAME, VALID = tflite.Padding.SAME, tflite.Padding.VALID
RELU = tflite.ActivationFunctionType.RELU
RELU6 = tflite.ActivationFunctionType.RELU6


@pytest.fixture
def random():
    return np.random.default_rng(7)


def floats(random, *shape):
    return random.standard_normal(shape).astype(np.float32)


def run(model, image):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    if image.ndim == 4:
        image = image.transpose(0, 3, 1, 2)
    return session.run(None, {session.get_inputs()[0].name: image})[0]


def nhwc(image):
    return image.transpose(0, 2, 3, 1)


def windows(image, kernel, stride, padding, dilation=1, fill=0.0):
    """[1, H, W, C] -> [H', W', kernel, kernel, C], by TensorFlow's rule for SAME."""
    _, height, width, _ = image.shape
    reach = (kernel - 1) * dilation + 1
    if padding == SAME:
        missing = [max((-(-size // stride) - 1) * stride + reach - size, 0) for size in (height, width)]
        pads = [(0, 0), *((m // 2, m - m // 2) for m in missing), (0, 0)]
        image = np.pad(image, pads, constant_values=fill)
    views = np.lib.stride_tricks.sliding_window_view(image[0], (reach, reach), (0, 1))
    return views[::stride, ::stride, :, ::dilation, ::dilation].transpose(0, 1, 3, 4, 2)


@pytest.mark.parametrize("size", [7, 8])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("padding", [SAME, VALID])
@pytest.mark.parametrize(("kernel", "dilation"), [(1, 1), (2, 1), (3, 1), (3, 2), (5, 1)])
def test_convolution(random, size, stride, padding, kernel, dilation):
    image, weights, bias = floats(random, 1, size, size, 3), floats(random, 4, kernel, kernel, 3), floats(random, 4)
    expected = np.einsum("hwijc,oijc->hwo", windows(image, kernel, stride, padding, dilation), weights) + bias
    network = Network()
    source = network.tensor(image.shape)
    result = network.operator(
        "CONV_2D", [source, network.constant(weights), network.constant(bias)], (1, *expected.shape),
        kind="Conv2DOptions", Padding=padding, StrideH=stride, StrideW=stride, FusedActivationFunction=RELU,
        DilationHFactor=dilation, DilationWFactor=dilation,
    )
    model = convert(network.file([source], [result]), ["image"], [Output("result")])
    np.testing.assert_allclose(nhwc(run(model, image))[0], np.maximum(expected, 0), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("multiplier", [1, 2])
def test_depthwise_convolution_with_half_precision_weights(random, multiplier):
    image = floats(random, 1, 6, 6, 3)
    weights, bias = floats(random, 1, 3, 3, 3 * multiplier).astype(np.float16), floats(random, 3 * multiplier)
    wide = weights.astype(np.float32).reshape(3, 3, 3, multiplier)
    expected = np.einsum("hwijc,ijcm->hwcm", windows(image, 3, 2, SAME), wide).reshape(3, 3, -1) + bias
    network = Network()
    source = network.tensor(image.shape)
    dequantized = network.operator("DEQUANTIZE", [network.constant(weights)], weights.shape)
    result = network.operator(
        "DEPTHWISE_CONV_2D", [source, dequantized, network.constant(bias)], (1, *expected.shape),
        kind="DepthwiseConv2DOptions", Padding=SAME, StrideH=2, StrideW=2, DepthMultiplier=multiplier,
    )
    model = convert(network.file([source], [result]), ["image"], [Output("result")])
    np.testing.assert_allclose(nhwc(run(model, image))[0], expected, rtol=1e-4, atol=1e-4)


def test_pooling_ignores_what_it_pads(random):
    image = floats(random, 1, 7, 7, 2) - 5                   # all negative: a padded 0 would win
    expected = windows(image, 2, 2, SAME, fill=-np.inf).max((2, 3))
    network = Network()
    source = network.tensor(image.shape)
    result = network.operator("MAX_POOL_2D", [source], (1, *expected.shape), kind="Pool2DOptions", Padding=SAME,
                              StrideH=2, StrideW=2, FilterHeight=2, FilterWidth=2)
    model = convert(network.file([source], [result]), ["image"], [Output("result")])
    np.testing.assert_array_equal(nhwc(run(model, image))[0], expected)


def test_channels_keep_their_place_through_pad_add_prelu_concat_and_reshape(random):
    image, slope = floats(random, 1, 4, 6, 3), floats(random, 1, 1, 5)
    amounts = np.array([[0, 0], [0, 0], [0, 0], [0, 2]], np.int32)
    padded = np.pad(image, amounts)
    summed = padded + padded
    bent = np.where(summed > 0, summed, summed * slope)
    joined = np.concatenate([bent, padded], 3)
    flat = joined.reshape(1, 12, 20)
    expected = np.maximum(np.concatenate([flat, flat], 1), 0)

    network = Network()
    source = network.tensor(image.shape)
    a = network.operator("PAD", [source, network.constant(amounts)], padded.shape)
    b = network.operator("ADD", [a, a], summed.shape, kind="AddOptions")
    c = network.operator("PRELU", [b, network.constant(slope)], bent.shape)
    d = network.operator("CONCATENATION", [c, a], joined.shape, kind="ConcatenationOptions", Axis=-1)
    e = network.operator("RESHAPE", [d], flat.shape, kind="ReshapeOptions")
    f = network.operator("CONCATENATION", [e, e], expected.shape, kind="ConcatenationOptions", Axis=1)
    g = network.operator("RELU", [f], expected.shape)
    model = convert(network.file([source], [g]), ["image"], [Output("result")])
    np.testing.assert_allclose(run(model, image), expected, rtol=1e-6)


def test_edges_get_their_names_and_shapes(random):
    network = Network()
    source = network.tensor((1, 4, 8, 3))
    pooled = network.operator("MAX_POOL_2D", [source], (1, 1, 1, 3), kind="Pool2DOptions", Padding=VALID,
                              StrideH=1, StrideW=1, FilterHeight=4, FilterWidth=8)
    model = convert(network.file([source], [pooled, source]), ["face"], [Output.parse("points:3x1"), Output("same")])
    shapes = {value.name: [d.dim_value for d in value.type.tensor_type.shape.dim]
              for value in [*model.graph.input, *model.graph.output]}
    assert shapes == {"face": [1, 3, 4, 8], "points": [3, 1], "same": [1, 3, 4, 8]}
    assert model.opset_import[0].version == 17


def test_the_same_file_gives_the_same_bytes(random):
    network = Network()
    source = network.tensor((1, 2, 2, 3))
    result = network.operator("RELU", [source], (1, 2, 2, 3))
    data = network.file([source], [result])
    first, second = (convert(data, ["x"], [Output("y")]).SerializeToString(deterministic=True) for _ in range(2))
    assert first == second


def refusal(network, sources, results, inputs=("x",), outputs=(Output("y"),)):
    with pytest.raises(ConversionError) as caught:
        convert(network.file(sources, results), inputs, outputs)
    return str(caught.value)


def test_an_unknown_operator_is_named():
    network = Network()
    source = network.tensor((1, 2, 2, 3))
    first = network.operator("RELU", [source], (1, 2, 2, 3))
    result = network.operator("HARD_SWISH", [first], (1, 2, 2, 3))
    assert refusal(network, [source], [result]) == "operator 1: HARD_SWISH is not supported"


def test_an_unknown_activation_is_named(random):
    network = Network()
    source = network.tensor((1, 2, 2, 3))
    result = network.operator("ADD", [source, source], (1, 2, 2, 3), kind="AddOptions", FusedActivationFunction=RELU6)
    message = refusal(network, [source], [result])
    assert "operator 0 (ADD)" in message and "RELU6" in message


def test_computed_and_quantized_weights_are_refused(random):
    network = Network()
    source = network.tensor((1, 4, 4, 3))
    kernel = network.tensor((2, 1, 1, 3))
    result = network.operator("CONV_2D", [source, kernel], (1, 4, 4, 2), kind="Conv2DOptions", StrideH=1, StrideW=1)
    assert "the weights must be constant" in refusal(network, [source, kernel], [result], inputs=["x", "w"])

    network = Network()
    source = network.tensor((1, 4, 4, 3))
    kernel = network.constant(np.ones((2, 1, 1, 3), np.int8))
    result = network.operator("CONV_2D", [source, kernel], (1, 4, 4, 2), kind="Conv2DOptions", StrideH=1, StrideW=1)
    assert "INT8 is not supported" in refusal(network, [source], [result])


def test_names_must_fit_the_network():
    network = Network()
    source = network.tensor((1, 2, 2, 3))
    result = network.operator("RELU", [source], (1, 2, 2, 3))
    assert "has 1 outputs, 2 were named" in refusal(network, [source], [result], outputs=[Output("a"), Output("b")])
    assert "must differ" in refusal(network, [source], [result], outputs=[Output("x")])
    assert "cannot be reshaped without reordering" in refusal(
        network, [source], [result], outputs=[Output("y", (4, 3))])


def test_the_command_writes_a_model_and_reports_errors(tmp_path, capsys):
    network = Network()
    source = network.tensor((1, 2, 2, 3))
    result = network.operator("RELU", [source], (1, 2, 2, 3))
    (tmp_path / "a.tflite").write_bytes(network.file([source], [result]))
    arguments = [str(tmp_path / "a.tflite"), str(tmp_path / "a.onnx"), "--inputs", "x", "--outputs"]
    assert main([*arguments, "y:1x3x2x2"]) == 0
    onnx.checker.check_model(onnx.load(tmp_path / "a.onnx"), full_check=True)
    (tmp_path / "a.tflite").write_bytes(network.file([source], [result])[:100])
    assert main([*arguments, "y"]) == 1
    assert "a.tflite: the file is damaged" in capsys.readouterr().err
    (tmp_path / "a.tflite").write_bytes(b"no model at all")
    assert main([*arguments, "y"]) == 1
    assert "a.tflite: not a TensorFlow Lite file" in capsys.readouterr().err
