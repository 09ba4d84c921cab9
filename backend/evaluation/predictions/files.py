"""Predictions made here, written as any other program's would be: see ``predictions`` for the layout."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..case import AnyCamera, Prediction, WeakCamera
from ..surface import Surface

Array = NDArray[np.float64]


def write_prediction(folder: Path, case_id: str, prediction: Prediction) -> None:
    """Write <id>.ply, <id>_neutral.ply where there is one, and <id>.json with camera and landmarks.

    The posed mesh comes last and by rename: while it is missing there is no result.
    """
    posed = folder / f"{case_id}.ply"
    posed.parent.mkdir(parents=True, exist_ok=True)
    beside: dict[str, Any] = {"unit": "mm"}
    if prediction.camera is not None:
        beside["camera"] = camera_entry(prediction.camera)
    for key, points in (("landmarks", prediction.seven), ("neutral_landmarks", prediction.neutral_seven)):
        if points is not None:
            beside[key] = np.round(points, 6).tolist()
    if prediction.keypoints is not None:
        # JSON knows no NaN.
        rows = np.round(prediction.keypoints, 6)
        beside["keypoints"] = [row.tolist() if np.isfinite(row).all() else None for row in rows]
    write_whole(folder / f"{case_id}.json", json.dumps(beside, indent=1).encode())
    if prediction.neutral is not None:
        write_whole(folder / f"{case_id}_neutral.ply", ply_bytes(prediction.neutral))
    write_whole(posed, ply_bytes(prediction.surface))


def camera_entry(camera: AnyCamera) -> dict[str, Any]:
    """The camera as <id>.json holds it."""
    size = {"width": camera.width, "height": camera.height, "cx": camera.cx, "cy": camera.cy}
    if isinstance(camera, WeakCamera):
        return {"kind": "weak", "s": camera.scale, **size}
    return {"kind": "pinhole", "fx": camera.fx, "fy": camera.fy, **size}


def ply_bytes(surface: Surface) -> bytes:
    """A binary little-endian PLY with float32 vertices, mm."""
    header = (
        "ply\nformat binary_little_endian 1.0\n"
        f"element vertex {len(surface.vertices)}\nproperty float x\nproperty float y\nproperty float z\n"
        f"element face {len(surface.triangles)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    faces = np.empty(len(surface.triangles), np.dtype([("count", "u1"), ("corner", "<i4", 3)]))
    faces["count"], faces["corner"] = 3, surface.triangles
    return header.encode("ascii") + surface.vertices.astype("<f4").tobytes() + faces.tobytes()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
