"""One function per TFLite operator: appends ONNX nodes and returns the name of the result.

The three custom operators of the attention mesh (their source is not published; the rules were found by comparing
outputs): a region of landmarks gives a transform, the transform samples a feature patch, the patch's landmarks are
carried back by the same transform.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from onnx import TensorProto

from .onnx_builder import NCHW_TO_NHWC, NHWC_TO_NCHW, OnnxBuilder
from .tflite_reader import Operator


def _activated(builder: OnnxBuilder, value: str, activation: str) -> str:
    if activation == "relu":
        return builder.node("Relu", value)
    if activation == "relu6":
        return builder.node("Clip", value, builder.floats(0.0), builder.floats(6.0))
    return value


def _pads(builder: OnnxBuilder, operator: Operator, kernel: tuple[int, int]) -> list[int]:
    """ONNX pads [top, left, bottom, right]; TFLite's "same" puts the odd pixel at the end."""
    if operator.options["padding"] == "valid":
        return [0, 0, 0, 0]
    sizes = builder.graph.shapes[operator.inputs[0]][1:3]
    before, after = [], []
    for size, window, stride in zip(sizes, kernel, operator.options["strides"]):
        total = max((-(-size // stride) - 1) * stride + window - size, 0)
        before.append(total // 2)
        after.append(total - total // 2)
    return before + after


def _convolution(builder: OnnxBuilder, operator: Operator) -> str:
    weights = builder.weights(operator.inputs[1])
    depthwise = operator.name == "DEPTHWISE_CONV_2D"
    # TFLite: (out, h, w, in), depthwise (1, h, w, channels); ONNX: (out, in / group, h, w).
    weights = weights.transpose(3, 0, 1, 2) if depthwise else weights.transpose(0, 3, 1, 2)
    kernel = (weights.shape[2], weights.shape[3])
    value = builder.node(
        "Conv",
        builder.value(operator.inputs[0]),
        builder.constant(weights),
        builder.constant(builder.weights(operator.inputs[2])),
        kernel_shape=kernel,
        strides=operator.options["strides"],
        pads=_pads(builder, operator, kernel),
        group=builder.graph.shapes[operator.inputs[0]][3] if depthwise else 1,
    )
    return _activated(builder, value, operator.options["activation"])


def _max_pool(builder: OnnxBuilder, operator: Operator) -> str:
    kernel = operator.options["kernel"]
    value = builder.node(
        "MaxPool",
        builder.value(operator.inputs[0]),
        kernel_shape=kernel,
        strides=operator.options["strides"],
        pads=_pads(builder, operator, kernel),
    )
    return _activated(builder, value, operator.options["activation"])


def _prelu(builder: OnnxBuilder, operator: Operator) -> str:
    slope = builder.weights(operator.inputs[1])
    if slope.size != slope.shape[-1]:
        raise ValueError("PRELU slopes that vary over the image are not supported")
    return builder.node("PRelu", builder.value(operator.inputs[0]), builder.constant(slope.reshape(-1, 1, 1)))


def _relu(builder: OnnxBuilder, operator: Operator) -> str:
    return builder.node("Relu", builder.value(operator.inputs[0]))


def _elementwise(builder: OnnxBuilder, operator: Operator) -> str:
    kind = {"ADD": "Add", "MUL": "Mul"}[operator.name]
    value = builder.node(kind, *(builder.value(tensor) for tensor in operator.inputs))
    return _activated(builder, value, operator.options["activation"])


def _pad(builder: OnnxBuilder, operator: Operator) -> str:
    pads = builder.graph.constants[operator.inputs[1]].reshape(-1, 2)
    if len(pads) == 4:
        pads = pads[list(NHWC_TO_NCHW)]
    value = builder.value(operator.inputs[0])
    return builder.node("Pad", value, builder.integers(pads.T.reshape(-1)), builder.floats(0.0))


def _reshape(builder: OnnxBuilder, operator: Operator) -> str:
    before, after = (builder.graph.shapes[tensor] for tensor in (operator.inputs[0], operator.outputs[0]))
    value = builder.value(operator.inputs[0])
    if len(before) == 4:  # the order of values is that of NHWC
        value = builder.node("Transpose", value, perm=NCHW_TO_NHWC)
    value = builder.node("Reshape", value, builder.integers(after))
    return builder.node("Transpose", value, perm=NHWC_TO_NCHW) if len(after) == 4 else value


def _concatenation(builder: OnnxBuilder, operator: Operator) -> str:
    rank = len(builder.graph.shapes[operator.outputs[0]])
    axis = operator.options["axis"] % rank
    if rank == 4:
        axis = NHWC_TO_NCHW.index(axis)
    value = builder.node("Concat", *(builder.value(tensor) for tensor in operator.inputs), axis=axis)
    return _activated(builder, value, operator.options["activation"])


def _strided_slice(builder: OnnxBuilder, operator: Operator) -> str:
    if builder.graph.shapes[operator.inputs[0]] != builder.graph.shapes[operator.outputs[0]]:
        raise ValueError("STRIDED_SLICE that cuts something off is not supported")
    return builder.node("Identity", builder.value(operator.inputs[0]))


def _depth_to_space(builder: OnnxBuilder, operator: Operator) -> str:
    value = builder.value(operator.inputs[0])
    return builder.node("DepthToSpace", value, blocksize=operator.options["block"], mode="DCR")


def _resize_bilinear(builder: OnnxBuilder, operator: Operator) -> str:
    if operator.options["align_corners"]:
        mode = "align_corners"
    else:
        mode = "half_pixel" if operator.options["half_pixel"] else "asymmetric"
    shape = [builder.graph.shapes[operator.outputs[0]][axis] for axis in NHWC_TO_NCHW]
    value = builder.value(operator.inputs[0])
    return builder.node(
        "Resize", value, "", "", builder.integers(shape), mode="linear", coordinate_transformation_mode=mode
    )


def _slice(builder: OnnxBuilder, value: str, axis: int, start: int, stop: int) -> str:
    return builder.node(
        "Slice", value, builder.integers([start]), builder.integers([stop]), builder.integers([axis])
    )


def _landmarks_to_transform(builder: OnnxBuilder, operator: Operator) -> str:
    """Landmarks (1, 468, 3) to M (1, 4, 4), which maps patch coordinates (0..16) to the network's input pixels.

    The subset is rotated so that the line between two named points lies flat (by -t), its bounding box taken, and
    M = T(box centre) R(+t) S(1.5 box size / 16) T(-8, -8).
    """
    options = operator.options
    if options["target_rotation_radians"] != 0:
        raise ValueError("a target rotation is not supported")
    points = _slice(builder, builder.value(operator.inputs[0]), 2, 0, 2)

    def picked(indices: list[int]) -> str:
        return builder.node("Gather", points, builder.integers(indices), axis=1)

    along = builder.node("Sub", picked([options["right_rotation_idx"]]), picked([options["left_rotation_idx"]]))
    unit = builder.node("Div", along, builder.node("ReduceL2", along, axes=[2], keepdims=1))  # (cos t, sin t)
    cosine, sine = _slice(builder, unit, 2, 0, 1), _slice(builder, unit, 2, 1, 2)
    # R(+t) = [[c, -s], [s, c]]; row vectors times it turn by -t.
    upper = builder.node("Concat", cosine, builder.node("Neg", sine), axis=2)
    rotation = builder.node("Concat", upper, builder.node("Concat", sine, cosine, axis=2), axis=1)
    flat = builder.node("MatMul", picked(list(options["subset_idxs"])), rotation)
    largest = builder.node("ReduceMax", flat, axes=[1], keepdims=1)
    smallest = builder.node("ReduceMin", flat, axes=[1], keepdims=1)
    size = builder.node("Sub", largest, smallest)
    middle = builder.node("Mul", builder.node("Add", largest, smallest), builder.floats(0.5))
    back = builder.node("Transpose", rotation, perm=(0, 2, 1))
    centre = builder.node("Transpose", builder.node("MatMul", middle, back), perm=(0, 2, 1))  # (1, 2, 1)
    width, height = options["output_width"], options["output_height"]
    scale = builder.floats([[[options["scale_x"] / width, options["scale_y"] / height]]])
    linear = builder.node("Mul", rotation, builder.node("Mul", size, scale))  # columns scaled
    from_middle = builder.node("MatMul", linear, builder.floats([[[-width / 2], [-height / 2]]]))
    shift = builder.node("Add", from_middle, centre)
    top = builder.node("Concat", linear, builder.floats(np.zeros((1, 2, 1))), shift, axis=2)
    return builder.node("Concat", top, builder.floats([[[0, 0, 1, 0], [0, 0, 0, 1]]]), axis=1)


def _transform_tensor_bilinear(builder: OnnxBuilder, operator: Operator) -> str:
    """Sample a feature image at M (x + .5, y + .5) - .5, bilinear, zero outside of [0, size - 1]."""
    _, height, width, _ = builder.graph.shapes[operator.inputs[0]]
    rows, columns = operator.options["output_height"], operator.options["output_width"]
    y, x = np.mgrid[:rows, :columns] + 0.5
    grid = np.stack([x.ravel(), y.ravel(), np.zeros(x.size), np.ones(x.size)])[None]
    transform = _slice(builder, builder.value(operator.inputs[1]), 1, 0, 2)
    place = builder.node("MatMul", transform, builder.floats(grid))
    place = builder.node("Sub", place, builder.floats(0.5))  # (1, 2, rows * columns), x and y
    limit = builder.floats([[[width - 1], [height - 1]]])
    inside = builder.node(
        "And",
        builder.node("GreaterOrEqual", place, builder.floats(0.0)),
        builder.node("LessOrEqual", place, limit),
    )
    mask = builder.node("Cast", inside, to=TensorProto.FLOAT)
    mask = builder.node("ReduceMin", mask, axes=[1], keepdims=1)
    mask = builder.node("Reshape", mask, builder.integers([1, 1, rows, columns]))
    # GridSample wants -1..1 from the first to the last pixel centre (align_corners).
    unit = builder.node("Mul", place, builder.floats([[[2 / (width - 1)], [2 / (height - 1)]]]))
    unit = builder.node("Sub", unit, builder.floats(1.0))
    unit = builder.node("Transpose", unit, perm=(0, 2, 1))
    unit = builder.node("Reshape", unit, builder.integers([1, rows, columns, 2]))
    sampled = builder.node(
        "GridSample",
        builder.value(operator.inputs[0]),
        unit,
        mode="bilinear",
        padding_mode="border",
        align_corners=1,
    )
    return builder.node("Mul", sampled, mask)


def _transform_landmarks(builder: OnnxBuilder, operator: Operator) -> str:
    """Points (1, n, 2) of a patch to M[:2, :2] p + M[:2, 3]."""
    points, transform = (builder.value(tensor) for tensor in operator.inputs)
    if builder.graph.shapes[operator.outputs[0]][2] != 2:
        raise ValueError("only landmarks in the plane are supported")
    top = _slice(builder, transform, 1, 0, 2)
    turned = builder.node("Transpose", _slice(builder, top, 2, 0, 2), perm=(0, 2, 1))
    shift = builder.node("Transpose", _slice(builder, top, 2, 3, 4), perm=(0, 2, 1))
    return builder.node("Add", builder.node("MatMul", points, turned), shift)


CONVERTERS: dict[str, Callable[[OnnxBuilder, Operator], str]] = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "MAX_POOL_2D": _max_pool,
    "PRELU": _prelu,
    "RELU": _relu,
    "ADD": _elementwise,
    "MUL": _elementwise,
    "PAD": _pad,
    "RESHAPE": _reshape,
    "CONCATENATION": _concatenation,
    "STRIDED_SLICE": _strided_slice,
    "DEPTH_TO_SPACE": _depth_to_space,
    "RESIZE_BILINEAR": _resize_bilinear,
    "Landmarks2TransformMatrix": _landmarks_to_transform,
    "TransformTensorBilinear": _transform_tensor_bilinear,
    "TransformLandmarks": _transform_landmarks,
}
