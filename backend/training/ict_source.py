"""ICT-FaceKit Light as the material to learn from: the same reader that opens it as a face model."""

from __future__ import annotations

from ..face_model.ict_file import (
    EYE_LEFT_OR_RIGHT,
    EYE_SOCKET_POLYGONS,
    FACE_VERTICES,
    GUMS_TONGUE,
    HEAD_POLYGONS,
    MOUTH_SOCKET_POLYGONS,
    NARROW_FACE_VERTICES,
    SKIN_POLYGONS,
    SKIN_VERTICES,
    TEETH,
    VERTICES,
    IctSource,
    load_ict,
)

__all__ = [
    "EYE_LEFT_OR_RIGHT",
    "EYE_SOCKET_POLYGONS",
    "FACE_VERTICES",
    "GUMS_TONGUE",
    "HEAD_POLYGONS",
    "MOUTH_SOCKET_POLYGONS",
    "NARROW_FACE_VERTICES",
    "SKIN_POLYGONS",
    "SKIN_VERTICES",
    "TEETH",
    "VERTICES",
    "IctSource",
    "load_ict",
]
