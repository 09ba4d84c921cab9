"""Collects the nodes and constants of an ONNX graph that is made from a TFLite one. Needs ``onnx``."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from .tflite_reader import Graph

NHWC_TO_NCHW = (0, 3, 1, 2)
NCHW_TO_NHWC = (0, 2, 3, 1)


class OnnxBuilder:
    """Collects nodes and constants; every node has a name, which older onnxruntime versions need."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: list[onnx.NodeProto] = []
        self.initialisers: list[onnx.TensorProto] = []
        self._names: dict[int, str] = {}  # TFLite tensor -> ONNX value, 4-D ones in NCHW

    def node(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Append a node with one output and return the output's name."""
        name = f"n{len(self.nodes)}"
        output = output or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=name, **attributes))
        return output

    def constant(self, values: NDArray[Any]) -> str:
        """Append a constant and return its name."""
        name = f"k{len(self.initialisers)}"
        self.initialisers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def floats(self, values: Any) -> str:
        """A float32 constant."""
        return self.constant(np.asarray(values, np.float32))

    def integers(self, values: Any) -> str:
        """An int64 constant, as shapes, axes and indices want it."""
        return self.constant(np.asarray(values, np.int64))

    def weights(self, tensor: int) -> NDArray[np.float32]:
        """A constant of the TFLite graph as float32, in TFLite's axis order."""
        return self.graph.constants[tensor].astype(np.float32)

    def value(self, tensor: int) -> str:
        """ONNX name of a TFLite tensor, a computed one or a constant."""
        if tensor not in self._names:
            values = self.weights(tensor)
            self._names[tensor] = self.constant(values.transpose(NHWC_TO_NCHW) if values.ndim == 4 else values)
        return self._names[tensor]

    def bind(self, tensor: int, name: str) -> None:
        """Say which ONNX value a TFLite tensor has become."""
        self._names[tensor] = name
