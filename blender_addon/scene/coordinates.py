"""The one place that knows how model space (millimetres, y up) lies in Blender (metres, Z up, facing -Y)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

METRES_PER_MM = 0.001
# Rows: Blender x = model x, Blender y = -model z, Blender z = model y.
MODEL_TO_BLENDER: NDArray[np.float64] = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


def to_blender(vectors_mm: NDArray[np.floating]) -> NDArray[np.float32]:
    """Points or offsets (..., 3) in model space, mm, to Blender axes in metres, float32, C-contiguous."""
    result = np.empty(vectors_mm.shape, np.float32)
    np.multiply(vectors_mm[..., 0], METRES_PER_MM, out=result[..., 0], casting="same_kind")
    np.multiply(vectors_mm[..., 2], -METRES_PER_MM, out=result[..., 1], casting="same_kind")
    np.multiply(vectors_mm[..., 1], METRES_PER_MM, out=result[..., 2], casting="same_kind")
    return result


def camera_matrix(rotation: ArrayLike, translation_mm: ArrayLike) -> NDArray[np.float64]:
    """World matrix (4, 4) of a Blender camera that sees an upright head at the origin as the photo does.

    ``X_cam = rotation @ X_model + translation_mm`` is the head's pose in the camera frame. A Blender camera
    has that same frame (x right, y up, looking along -z), so its world matrix is the inverse pose in
    Blender's axes: ``[A Rᵀ | -A Rᵀ t / 1000]`` with A = MODEL_TO_BLENDER.
    """
    inverse = MODEL_TO_BLENDER @ np.asarray(rotation, np.float64).T
    matrix = np.eye(4)
    matrix[:3, :3] = inverse
    matrix[:3, 3] = -inverse @ np.asarray(translation_mm, np.float64) * METRES_PER_MM
    return matrix
