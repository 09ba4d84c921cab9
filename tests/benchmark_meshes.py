"""A folder with one "scan" for tests of benchmarks: a face of the built-in model as OBJ, with its seven points."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from facewright.evaluation.benchmark.heads import SEVEN_OF_68
from facewright.evaluation.case import NOW_LANDMARKS
from facewright.face_model.base import FaceModel

AWAY_MM = np.array([30.0, 1500.0, -20.0])
"""Where the scanner's origin was."""


def write_scan(folder: Path, model: FaceModel, scale: float = 1.0, name: str = "anna") -> np.ndarray:
    """Write <name>.obj and <name>.json; the seven points (7, 3) as they are in the file."""
    vertices = (model.neutral(np.zeros(model.identity_dims)) + AWAY_MM) * scale
    seven = model.ibug68.points(vertices)[list(SEVEN_OF_68)]
    triangles, _ = model.topology.triangles("skin")
    lines = [f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in vertices]
    lines += [f"f {a} {b} {c}" for a, b, c in triangles + 1]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.obj").write_text("\n".join(lines) + "\n")
    marks = {mark: point.tolist() for mark, point in zip(NOW_LANDMARKS, seven, strict=True)}
    (folder / f"{name}.json").write_text(json.dumps({"landmarks": marks}))
    return seven
