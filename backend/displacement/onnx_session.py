"""Opening one of our own trained networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnxruntime

from ..errors import ModelFileInvalid, reason_of

THREADS = 2


def open_network(path: Path, threads: int = THREADS) -> Any:
    """An onnxruntime session on the CPU. Raises ModelFileInvalid where the file is missing or is no network."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: they are raised anyway
    try:
        return onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own kinds (InvalidProtobuf, Fail, ...) share no other base
        raise ModelFileInvalid(f"The network {path} cannot be read: {reason_of(error)}.") from error
