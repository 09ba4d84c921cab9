"""What a result was made from, as a short text: equal only where inputs, settings and code are."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..config import PACKAGE_DIR

# Rooms whose code decides what a photograph's fit and a pair's scores are.
FITTING_ROOMS = ("mesh", "photo", "face_model", "fitting", "head", "evaluation")
SCORING_ROOMS = ("mesh", "fitting", "evaluation")


def fingerprint(*parts: Any) -> str:
    """SHA-256 of values of any nesting: dataclasses, named tuples, mappings, sequences, arrays, plain values."""
    digest = hashlib.sha256()
    for part in parts:
        _feed(digest, part)
    return digest.hexdigest()


@cache
def code_fingerprint(rooms: tuple[str, ...]) -> str:
    """SHA-256 of the source files of some rooms: a changed program makes new results."""
    digest = hashlib.sha256()
    for room in rooms:
        for path in sorted((PACKAGE_DIR / room).rglob("*.py")):
            digest.update(path.relative_to(PACKAGE_DIR).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def file_fingerprint(path: Path) -> str:
    """SHA-256 of a file's content. Raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _feed(digest: Any, value: Any) -> None:
    if isinstance(value, np.ndarray):
        digest.update(f"array{value.dtype.str}{value.shape}".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        _feed(digest, {field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
    elif isinstance(value, Mapping):
        for key in sorted(value):
            digest.update(f"key{key!r}".encode())
            _feed(digest, value[key])
    elif isinstance(value, (tuple, list)):
        digest.update(f"sequence{len(value)}".encode())
        for one in value:
            _feed(digest, one)
    else:
        digest.update(f"{type(value).__name__}{json.dumps(value)}".encode())
