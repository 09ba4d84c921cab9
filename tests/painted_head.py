"""A photo of known truth for the texture tests: the built-in mean head, painted, with a cap of hair, rendered."""

from __future__ import annotations

from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
from facewright.config import assets_dir
from facewright.face_model.base import FaceModel, HeadGeometry
from facewright.face_model.load import load_face_model
from facewright.fitting.camera import Camera
from facewright.mesh.raster import interpolate, rasterise

BACKGROUND = np.array([0.15, 0.35, 0.75])
HAIR = np.array([0.10, 0.07, 0.05])
TONE = np.array([0.78, 0.60, 0.50])


class PaintedHead(NamedTuple):
    """``truth`` (V, 3) sRGB of the skin, ``hair`` (V,) bool, the ``photo`` and what detection and fit find."""

    model: FaceModel
    head: HeadGeometry
    truth: np.ndarray
    hair: np.ndarray
    photo: np.ndarray
    fit: SimpleNamespace
    landmarks: np.ndarray


def rotation_about_y(degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def paint(points: np.ndarray) -> np.ndarray:
    """(n, 3) mm to sRGB: a tone with soft waves of 30 mm and freckles of 5 mm, not symmetric."""
    x, y, z = points.T
    soft = 0.03 * np.sin(x / 5.0 + 1.0) + 0.03 * np.cos(y / 6.0)
    fine = 0.04 * np.sin(x * 1.3 + 0.4 * z) * np.sin(y * 1.2)
    return TONE + (soft + fine)[:, None] * [1.0, 1.1, 1.2]


def painted_head(model: FaceModel, yaw: float = 0.0, size: int = 720) -> PaintedHead:
    """Render the mean head; the scalp above the hairline and behind the ears wears hair, the neck a collar."""
    neutral = model.neutral(np.zeros(model.identity_dims))
    head = HeadGeometry(neutral, np.zeros((len(model.blendshape_names), len(neutral), 3)))
    camera = Camera.centred((size, size), 2.2 * size)
    rotation, translation = rotation_about_y(yaw), np.array([0.0, 20.0, -720.0])
    posed = neutral @ rotation.T + translation
    truth = paint(neutral)
    hair = (neutral[:, 1] > 62.0) | ((neutral[:, 2] < -75.0) & (neutral[:, 1] > -60.0))
    colour = np.where(hair[:, None], HAIR, truth)
    colour[neutral[:, 1] < -125.0] = [0.92, 0.93, 0.96]
    triangles, face = model.topology.triangles()
    opaque = model.topology.material[face] != 2  # all but the cornea
    raster = rasterise(camera.project(posed), -posed[:, 2], triangles[opaque], size, size)
    image = interpolate(raster, triangles[opaque], colour)
    image[raster.triangle < 0] = BACKGROUND
    photo = np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8)
    landmarks = np.zeros((478, 3))
    landmarks[model.embedding.landmark, :2] = camera.project(model.embedding.points(posed))
    fit = SimpleNamespace(
        camera=camera,
        rotation=rotation,
        translation_mm=translation,
        expression=np.zeros(len(model.blendshape_names)),
    )
    return PaintedHead(model, head, truth, hair, photo, fit, landmarks)


@pytest.fixture(scope="module")
def face_model() -> FaceModel:
    """The shipped model."""
    if not (assets_dir() / "face_model.npz").is_file():
        pytest.skip("assets/face_model.npz has not been built")
    model = load_face_model(None)
    if len(model.embedding.landmark) < 468:
        pytest.skip("assets/face_model.npz was built without the embedding of all landmarks")
    return model


@pytest.fixture(scope="module")
def frontal(face_model: FaceModel) -> PaintedHead:
    return painted_head(face_model)


@pytest.fixture(scope="module")
def turned(face_model: FaceModel) -> PaintedHead:
    return painted_head(face_model, yaw=35.0)
