"""Reads a TensorFlow Lite file into plain Python: operators with options, constants, shapes. Needs ``tflite``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tflite
from flatbuffers import flexbuffers
from numpy.typing import NDArray

_OPERATOR_NAMES = {value: name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)}
_ACTIVATIONS = {
    tflite.ActivationFunctionType.NONE: "",
    tflite.ActivationFunctionType.RELU: "relu",
    tflite.ActivationFunctionType.RELU6: "relu6",
}
_DTYPES: dict[int, type[np.generic]] = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
}
_SPARSE_INDEX_VECTORS = {1: tflite.Int32Vector, 2: tflite.Uint16Vector, 3: tflite.Uint8Vector}


@dataclass(frozen=True)
class Operator:
    """One operator: ``name`` is TFLite's builtin name or the custom code; tensors are indices."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, Any]


@dataclass
class Graph:
    """A network with its weights unpacked (dense, as stored: float16 or float32, int32 for indices).

    ``shapes`` of 4 entries are batch, height, width, channels. ``inputs`` and ``outputs``: (tensor, name).
    """

    operators: list[Operator] = field(default_factory=list)
    constants: dict[int, NDArray[Any]] = field(default_factory=dict)
    shapes: dict[int, tuple[int, ...]] = field(default_factory=dict)
    inputs: list[tuple[int, str]] = field(default_factory=list)
    outputs: list[tuple[int, str]] = field(default_factory=list)


def read_tflite(content: bytes) -> Graph:
    """Parse a file with one subgraph.

    Raises
    ------
    ValueError
        The file uses something that these networks are known not to use.
    """
    model = tflite.Model.GetRootAs(content, 0)
    subgraph = model.Subgraphs(0)
    graph = Graph()
    for index in range(subgraph.TensorsLength()):
        tensor = subgraph.Tensors(index)
        graph.shapes[index] = tuple(int(n) for n in tensor.ShapeAsNumpy()) if tensor.ShapeLength() else ()
        buffer = model.Buffers(tensor.Buffer())
        if buffer.DataLength():
            values = np.frombuffer(buffer.DataAsNumpy().tobytes(), _DTYPES[tensor.Type()])
            dense = _densify(tensor, values) if tensor.Sparsity() else values.reshape(graph.shapes[index])
            graph.constants[index] = dense
    for index in range(subgraph.OperatorsLength()):
        raw = subgraph.Operators(index)
        code = model.OperatorCodes(raw.OpcodeIndex())
        name = _OPERATOR_NAMES[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        inputs = tuple(int(i) for i in raw.InputsAsNumpy())
        outputs = tuple(int(i) for i in raw.OutputsAsNumpy())
        if name in ("DEQUANTIZE", "DENSIFY"):  # half precision or sparse weights: already unpacked
            graph.constants[outputs[0]] = graph.constants[inputs[0]]
            continue
        if name == "CUSTOM":
            name = code.CustomCode().decode()
            packed = raw.CustomOptionsAsNumpy().tobytes() if raw.CustomOptionsLength() else b""
            options = dict(flexbuffers.Loads(packed)) if packed else {}
        else:
            options = _builtin_options(name, raw)
        graph.operators.append(Operator(name, inputs, outputs, options))
    for tensors, into in ((subgraph.InputsAsNumpy(), graph.inputs), (subgraph.OutputsAsNumpy(), graph.outputs)):
        into.extend((int(i), subgraph.Tensors(int(i)).Name().decode()) for i in tensors)
    return graph


def _builtin_options(name: str, raw: Any) -> dict[str, Any]:
    """Options of a builtin operator by plain names; ``padding`` is "same" or "valid"."""
    tables = {
        "CONV_2D": tflite.Conv2DOptions,
        "DEPTHWISE_CONV_2D": tflite.DepthwiseConv2DOptions,
        "MAX_POOL_2D": tflite.Pool2DOptions,
        "ADD": tflite.AddOptions,
        "MUL": tflite.MulOptions,
        "CONCATENATION": tflite.ConcatenationOptions,
        "RESIZE_BILINEAR": tflite.ResizeBilinearOptions,
        "DEPTH_TO_SPACE": tflite.DepthToSpaceOptions,
    }
    if name not in tables:
        return {}
    table = raw.BuiltinOptions()
    options = tables[name]()
    options.Init(table.Bytes, table.Pos)
    result: dict[str, Any] = {}
    if hasattr(options, "FusedActivationFunction"):
        result["activation"] = _ACTIVATIONS[options.FusedActivationFunction()]
    if hasattr(options, "StrideH"):
        result["strides"] = (options.StrideH(), options.StrideW())
        result["padding"] = "same" if options.Padding() == tflite.Padding.SAME else "valid"
    if hasattr(options, "DilationHFactor") and (options.DilationHFactor(), options.DilationWFactor()) != (1, 1):
        raise ValueError("dilated convolutions are not supported")
    if hasattr(options, "FilterHeight"):
        result["kernel"] = (options.FilterHeight(), options.FilterWidth())
    if name == "CONCATENATION":
        result["axis"] = options.Axis()
    if name == "RESIZE_BILINEAR":
        result["align_corners"] = bool(options.AlignCorners())
        result["half_pixel"] = bool(options.HalfPixelCenters())
    if name == "DEPTH_TO_SPACE":
        result["block"] = options.BlockSize()
    return result


def _densify(tensor: Any, values: NDArray[Any]) -> NDArray[Any]:
    """Unpack a tensor in TFLite's sparse format.

    The format walks the axes in ``TraversalOrder`` (the tensor's axes, then those inside of a block) like the
    levels of a tree. A dense level has all its coordinates, a compressed level lists, per parent node, those with
    values. Level by level the nodes' coordinates are expanded; the leaves are the stored values in order.
    """
    sparsity = tensor.Sparsity()
    shape = [int(n) for n in tensor.ShapeAsNumpy()]
    order = [int(axis) for axis in sparsity.TraversalOrderAsNumpy()]
    blocked = [int(axis) for axis in sparsity.BlockMapAsNumpy()] if sparsity.BlockMapLength() else []
    node = np.zeros(1, np.int64)  # position of each node within its level
    coordinates = np.zeros((1, 0), np.int64)
    block_size = dict.fromkeys(range(len(shape)), 1)
    for level, axis in enumerate(order):
        metadata = sparsity.DimMetadata(level)
        if metadata.Format() == tflite.DimensionType.DENSE:
            size = metadata.DenseSize()
            if axis >= len(shape):
                block_size[blocked[axis - len(shape)]] = size
            parent = np.repeat(np.arange(len(node)), size)
            coordinate = np.tile(np.arange(size), len(node))
            node = node[parent] * size + coordinate
        else:
            segments = _sparse_vector(metadata.ArraySegmentsType(), metadata.ArraySegments)
            indices = _sparse_vector(metadata.ArrayIndicesType(), metadata.ArrayIndices)
            counts = segments[node + 1] - segments[node]
            parent = np.repeat(np.arange(len(node)), counts)
            within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
            node = segments[node][parent] + within
            coordinate = indices[node]
        coordinates = np.concatenate([coordinates[parent], coordinate[:, None]], axis=1)
    place = np.zeros((len(node), len(shape)), np.int64)
    for level, axis in enumerate(order):
        if axis < len(shape):
            place[:, axis] += coordinates[:, level] * block_size[axis]
        else:
            place[:, blocked[axis - len(shape)]] += coordinates[:, level]
    dense = np.zeros(shape, values.dtype)
    dense[tuple(place.T)] = values[node]
    return dense


def _sparse_vector(kind: int, table: Any) -> NDArray[np.int64]:
    """Segments or indices of a compressed level, stored as 32, 16 or 8 bit integers."""
    vector = _SPARSE_INDEX_VECTORS[kind]()
    union = table()
    vector.Init(union.Bytes, union.Pos)
    return np.asarray(vector.ValuesAsNumpy(), np.int64)
