"""The TFLite reader and the conversion to ONNX, against arithmetic done here."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from facewright.photo import convert_ops
from facewright.photo.onnx_builder import NCHW_TO_NHWC, NHWC_TO_NCHW, OnnxBuilder
from facewright.photo.tflite_reader import Graph, Operator
from onnx import TensorProto, helper


def run_operator(operator: Operator, graph: Graph, feeds: dict[int, np.ndarray]) -> np.ndarray:
    """Convert one operator alone and run it; arrays and shapes are TFLite's (NHWC)."""
    builder = OnnxBuilder(graph)
    inputs = []
    for tensor, values in feeds.items():
        name = f"input{tensor}"
        inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, values.shape))
        builder.bind(tensor, builder.node("Transpose", name, perm=NHWC_TO_NCHW) if values.ndim == 4 else name)
    value = convert_ops.CONVERTERS[operator.name](builder, operator)
    shape = graph.shapes[operator.outputs[0]]
    if len(shape) == 4:
        value = builder.node("Transpose", value, perm=NCHW_TO_NHWC)
    builder.node("Identity", value, output="result")
    outputs = [helper.make_tensor_value_info("result", TensorProto.FLOAT, shape)]
    model = helper.make_model(
        helper.make_graph(builder.nodes, "one", inputs, outputs, builder.initialisers),
        opset_imports=[helper.make_opsetid("", 16)],
        ir_version=8,
    )
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["result"], {f"input{k}": v.astype(np.float32) for k, v in feeds.items()})[0]


@pytest.mark.parametrize("size", [7, 8])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("depthwise", [False, True])
def test_convolution(size: int, padding: str, depthwise: bool) -> None:
    rng = np.random.default_rng(size)
    image = rng.normal(size=(1, size, size, 3)).astype(np.float32)
    weights = rng.normal(size=(1, 3, 3, 3) if depthwise else (5, 3, 3, 3)).astype(np.float32)
    channels = 3 if depthwise else 5
    bias = rng.normal(size=channels).astype(np.float32)
    total = max((-(-size // 2) - 1) * 2 + 3 - size, 0) if padding == "same" else 0
    padded = np.pad(image, ((0, 0), (total // 2, total - total // 2), (total // 2, total - total // 2), (0, 0)))
    out = (padded.shape[1] - 3) // 2 + 1
    expected = np.zeros((1, out, out, channels))
    for y in range(out):
        for x in range(out):
            patch = padded[0, 2 * y : 2 * y + 3, 2 * x : 2 * x + 3]
            product = patch * weights[0] if depthwise else patch * weights
            expected[0, y, x] = product.sum((0, 1)) if depthwise else product.sum((1, 2, 3))
    expected = np.clip(expected + bias, 0, 6)
    graph = Graph(constants={1: weights, 2: bias}, shapes={0: image.shape, 3: expected.shape})
    options = {"strides": (2, 2), "padding": padding, "activation": "relu6"}
    name = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
    result = run_operator(Operator(name, (0, 1, 2), (3,), options), graph, {0: image})
    assert np.allclose(result, expected, atol=1e-5)


def test_reshape_and_concatenation_keep_tflites_order() -> None:
    image = np.arange(2 * 3 * 4, dtype=np.float32).reshape(1, 2, 3, 4)
    graph = Graph(shapes={0: image.shape, 1: (1, 6, 4), 2: (1, 2, 3, 8)})
    flat = run_operator(Operator("RESHAPE", (0,), (1,), {}), graph, {0: image})
    assert np.array_equal(flat, image.reshape(1, 6, 4))
    joined = run_operator(
        Operator("CONCATENATION", (0, 0), (2,), {"axis": -1, "activation": ""}), graph, {0: image}
    )
    assert np.array_equal(joined, np.concatenate([image, image], -1))


def test_depth_to_space_and_channel_padding() -> None:
    image = np.random.default_rng(0).normal(size=(1, 2, 2, 8)).astype(np.float32)
    pads = np.array([[0, 0], [1, 0], [0, 2], [0, 3]], np.int32)
    graph = Graph(constants={1: pads}, shapes={0: image.shape, 2: (1, 4, 4, 2), 3: (1, 3, 4, 11)})
    spread = run_operator(Operator("DEPTH_TO_SPACE", (0,), (2,), {"block": 2}), graph, {0: image})
    expected = image.reshape(1, 2, 2, 2, 2, 2).transpose(0, 1, 3, 2, 4, 5).reshape(1, 4, 4, 2)
    assert np.array_equal(spread, expected)
    padded = run_operator(Operator("PAD", (0, 1), (3,), {}), graph, {0: image})
    assert np.array_equal(padded, np.pad(image, pads))


def transform_of(points: np.ndarray, left: int, right: int, subset: list[int]) -> np.ndarray:
    """The rule of Landmarks2TransformMatrix in numpy, step by step."""
    across = points[right] - points[left]
    t = np.arctan2(across[1], across[0])
    turn = np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
    flat = points[subset] @ turn  # turned by -t
    low, high = flat.min(0), flat.max(0)
    result = np.eye(4)
    result[:2, :2] = turn @ np.diag(1.5 * (high - low) / 16)
    result[:2, 3] = turn @ ((low + high) / 2) - result[:2, :2] @ [8, 8]
    return result


def test_attention_operators() -> None:
    rng = np.random.default_rng(3)
    points = np.concatenate([rng.uniform(10, 30, (40, 2)), rng.normal(size=(40, 1))], 1)
    options = {
        "left_rotation_idx": 2, "right_rotation_idx": 9, "subset_idxs": list(range(0, 40, 3)),
        "target_rotation_radians": 0.0, "scale_x": 1.5, "scale_y": 1.5, "output_width": 16, "output_height": 16,
    }  # fmt: skip
    shapes = {0: (1, 40, 3), 1: (1, 4, 4), 2: (1, 48, 40, 5), 3: (1, 16, 16, 5), 4: (1, 7, 2), 5: (1, 7, 2)}
    graph = Graph(shapes=shapes)
    matrix = run_operator(Operator("Landmarks2TransformMatrix", (0,), (1,), options), graph, {0: points[None]})[0]
    expected = transform_of(points[:, :2], 2, 9, options["subset_idxs"])
    assert np.allclose(matrix, expected, atol=1e-4)

    image = rng.normal(size=(1, 48, 40, 5))
    patch = run_operator(
        Operator("TransformTensorBilinear", (2, 1), (3,), options), graph, {2: image, 1: expected[None]}
    )[0]
    for row, column in ((0, 0), (3, 11), (15, 8)):
        x, y = expected[:2, :2] @ [column + 0.5, row + 0.5] + expected[:2, 3] - 0.5
        value = np.zeros(5)
        if 0 <= x <= 39 and 0 <= y <= 47:
            x0, y0 = min(int(x), 38), min(int(y), 46)
            fx, fy = x - x0, y - y0
            top = image[0, y0, x0] * (1 - fx) + image[0, y0, x0 + 1] * fx
            value = top * (1 - fy) + (image[0, y0 + 1, x0] * (1 - fx) + image[0, y0 + 1, x0 + 1] * fx) * fy
        assert np.allclose(patch[row, column], value, atol=1e-3)

    inside = rng.uniform(0, 16, (1, 7, 2))
    carried = run_operator(Operator("TransformLandmarks", (4, 1), (5,), {}), graph, {4: inside, 1: expected[None]})
    assert np.allclose(carried[0], inside[0] @ expected[:2, :2].T + expected[:2, 3], atol=1e-4)


def test_operators_that_are_not_covered_are_refused() -> None:
    slopes = np.zeros((4, 4, 3), np.float32)
    graph = Graph(constants={1: slopes}, shapes={0: (1, 4, 4, 3), 1: slopes.shape, 2: (1, 2, 2, 3)})
    with pytest.raises(ValueError, match="STRIDED_SLICE"):
        run_operator(Operator("STRIDED_SLICE", (0,), (2,), {}), graph, {0: np.zeros((1, 4, 4, 3))})
    with pytest.raises(ValueError, match="PRELU"):
        run_operator(Operator("PRELU", (0, 1), (0,), {}), graph, {0: np.zeros((1, 4, 4, 3))})

