"""Opening networks: the landmark networks and our own trained ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnxruntime

from ..errors import ModelFileInvalid, reason_of

THREADS = 2


def open_session(content: bytes, path: Path, threads: int = THREADS) -> Any:
    """An onnxruntime session on the CPU for a network file's content; ``path`` is what a complaint names.

    Raises ModelFileInvalid where it is no network that can run.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: they are raised anyway
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own kinds (InvalidProtobuf, Fail, ...) share no other base
        raise ModelFileInvalid(f"The network {path} cannot be used: {reason_of(error)}.") from error


def open_network(path: Path, threads: int = THREADS) -> Any:
    """``open_session`` of a file. Raises ModelFileInvalid where the file is missing or is no network."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelFileInvalid(f"The network {path} cannot be read: {reason_of(error)}.") from error
    return open_session(content, path, threads)
