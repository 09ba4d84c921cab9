"""TensorFlow Lite networks to ONNX, once, on first use. Needs ``onnx`` and ``tflite``; running them needs neither.

Only what the face networks use is covered (see convert_ops.py); anything else is refused. Activations are NCHW
inside, the network's own input and output shapes (NHWC) are kept outside.
"""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper

from .convert_ops import CONVERTERS
from .onnx_builder import NCHW_TO_NHWC, NHWC_TO_NCHW, OnnxBuilder
from .tflite_reader import read_tflite

OPSET = 16  # the first with GridSample; onnxruntime has had it since 1.11
IR_VERSION = 8


def convert(content: bytes) -> bytes:
    """A .tflite file's content to an .onnx file's content; the same bytes for the same input and onnx version.

    Raises
    ------
    ValueError
        The network uses an operator or option that is not supported.
    """
    graph = read_tflite(content)
    builder = OnnxBuilder(graph)
    inputs = []
    for tensor, name in graph.inputs:
        inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, graph.shapes[tensor]))
        builder.bind(tensor, builder.node("Transpose", name, perm=NHWC_TO_NCHW))
    for operator in graph.operators:
        if operator.name not in CONVERTERS:
            raise ValueError(f"the operator {operator.name} is not supported")
        builder.bind(operator.outputs[0], CONVERTERS[operator.name](builder, operator))
    outputs = []
    for tensor, name in graph.outputs:
        value = builder.value(tensor)
        if len(graph.shapes[tensor]) == 4:
            value = builder.node("Transpose", value, perm=NCHW_TO_NHWC)
        builder.node("Identity", value, output=name)
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, graph.shapes[tensor]))
    model = helper.make_model(
        helper.make_graph(builder.nodes, "network", inputs, outputs, builder.initialisers),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="facewright",
    )
    onnx.checker.check_model(model)
    result: bytes = model.SerializeToString(deterministic=True)
    return result
