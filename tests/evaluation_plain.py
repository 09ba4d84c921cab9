"""A very small data set in the plain layout, and meshes of it, for tests of whole runs."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from evaluation_report import CAMERA, HEAD_CENTRE, face_surface, seven_of
from facewright.evaluation.case import Prediction
from facewright.evaluation.predictions.files import write_prediction

IMAGES = ("ann/front", "ann/side", "bob/front", "bob/side")
YAWS = (0.0, 20.0, 5.0, 30.0)


def write_data(folder: Path, images: tuple[str, ...] = IMAGES) -> Path:
    """Photographs of the same ellipsoid, said to be of several people with turned heads."""
    surface = face_surface()
    for index, name in enumerate(images):
        place = folder / name
        place.mkdir(parents=True)
        arrays = {"vertices": surface.vertices.astype(np.float32), "faces": surface.triangles}
        np.savez(place / "gt.npz", **arrays)
        cv2.imwrite(str(place / "image.png"), np.full((CAMERA.height, CAMERA.width, 3), 90, np.uint8))
        matrix = [[CAMERA.fx, 0, CAMERA.cx], [0, CAMERA.fy, CAMERA.cy], [0, 0, 1]]
        entry = {"K": matrix, "width": CAMERA.width, "height": CAMERA.height}
        entry |= {"R": np.eye(3).tolist(), "head_center": HEAD_CENTRE.tolist()}
        (place / "camera.json").write_text(json.dumps(entry))
        (place / "landmarks.json").write_text(json.dumps({"points": seven_of(surface).tolist()}))
        meta = {"subject": name.split("/")[0], "yaw": YAWS[index % 4], "f": 50 + 35 * (index % 2), "light": "sky"}
        (place / "meta.json").write_text(json.dumps(meta))
    return folder


def write_scaled(folder: Path, scale: float, images: tuple[str, ...] = IMAGES) -> Path:
    """The true surface made larger about the camera, which the photograph cannot tell."""
    surface = face_surface()
    # As the files of the truth hold it.
    vertices = surface.vertices.astype(np.float32).astype(np.float64) * scale
    for name in images:
        write_prediction(folder, name, Prediction(surface.moved(vertices), CAMERA, seven=scale * seven_of(surface)))
    return folder
