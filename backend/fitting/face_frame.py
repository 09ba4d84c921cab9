"""Landmark residuals in the face's frame: millimetres at the face's distance, upright."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .camera import Camera

Array = NDArray[np.float64]


class FaceFrame(NamedTuple):
    """Landmarks seen and expected, L of them.

    residual : (L, 3) mm, seen minus expected. x, y: image differences at the face's mean distance, y up, the head's
        roll undone. z: depth relative to the mean of the landmarks, the network's estimate against the model's.
    by_point : (L, 3, 3) derivative of the expected coordinates by points in the camera frame, the mean distance
        held fixed
    expected : (L, 3) mm
    px_per_mm : at the mean distance
    """

    residual: Array
    by_point: Array
    expected: Array
    px_per_mm: float


def in_face_frame(points_cam: Array, landmarks: Array, camera: Camera, roll: float) -> FaceFrame:
    """Compare model points with landmarks.

    Parameters
    ----------
    points_cam : (L, 3) mm, camera frame
    landmarks : (L, 3) pixels; z is the network's depth in pixels, larger farther away
    camera : Camera
    roll : degrees, of the head in the image
    """
    depth = -points_cam[:, 2]
    scale = camera.fx * float(np.mean(1.0 / depth))
    cos, sin = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    upright = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
    pixels = camera.project(points_cam)
    expected = np.column_stack([(pixels - [camera.cx, camera.cy]) * [1.0, -1.0] / scale, points_cam[:, 2]])
    seen = np.column_stack([(landmarks[:, :2] - [camera.cx, camera.cy]) * [1.0, -1.0], -landmarks[:, 2]]) / scale
    expected[:, 2] -= expected[:, 2].mean()
    seen[:, 2] -= seen[:, 2].mean()

    by_point = np.zeros((len(points_cam), 3, 3))
    by_point[:, :2] = camera.projection_jacobian(points_cam) * np.array([1.0, -1.0])[:, None] / scale
    by_point[:, 2, 2] = 1.0
    return FaceFrame(
        (seen - expected) @ upright.T, np.einsum("ij,ljk->lik", upright, by_point), expected @ upright.T, scale
    )
