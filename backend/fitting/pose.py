"""Rotations, and the first guess of the head's pose from a few stable landmarks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import FitFailed
from .camera import Camera


class HeadAngles(NamedTuple):
    """Degrees. ``rotation = Rz(roll) @ Rx(pitch) @ Ry(yaw)``; all zero looks straight into the camera.

    Yaw is positive where the face turns to the right of the image, pitch where it looks down, roll where it tilts
    counter-clockwise.
    """

    yaw: float
    pitch: float
    roll: float


def rotation_from_angles(angles: HeadAngles) -> NDArray[np.float64]:
    """(3, 3) rotation from model space into a frame whose axes are the camera's."""
    yaw, pitch, roll = np.radians(angles)
    ry = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    rx = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    rz = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    result: NDArray[np.float64] = rz @ rx @ ry
    return result


def angles_from_rotation(rotation: NDArray[np.float64]) -> HeadAngles:
    """Inverse of ``rotation_from_angles`` for pitches below 90 degrees."""
    pitch = np.arcsin(np.clip(rotation[2, 1], -1.0, 1.0))
    yaw = np.arctan2(-rotation[2, 0], rotation[2, 2])
    roll = np.arctan2(-rotation[0, 1], rotation[1, 1])
    return HeadAngles(*(float(np.degrees(a)) for a in (yaw, pitch, roll)))


def rotation_from_vector(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rodrigues: (3,) axis times angle in radians to (3, 3)."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    result: NDArray[np.float64] = np.eye(3) + np.sin(angle) * cross + (1.0 - np.cos(angle)) * cross @ cross
    return result


def weak_perspective_scale(
    points_mm: NDArray[np.float64], pixels: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """Rotation and scale of the best affine camera, made orthogonal.

    Parameters
    ----------
    points_mm : (n, 3) model space
    pixels : (n, 2), v downwards

    Returns
    -------
    pixels per millimetre, rotation (3, 3)

    Raises
    ------
    FitFailed
        The pixels lie on a point or a line.
    """
    target = pixels * [1.0, -1.0]
    affine = np.linalg.lstsq(points_mm - points_mm.mean(0), target - target.mean(0), rcond=None)[0].T  # (2, 3)
    left, singular, right = np.linalg.svd(affine, full_matrices=False)
    if not np.isfinite(singular).all() or singular[1] < 1e-3 * singular[0] or singular[0] < 1e-6:
        raise FitFailed("The landmarks lie on a line or a point, not on a face.")
    rows = left @ right
    rotation = np.vstack([rows, np.cross(rows[0], rows[1])])
    return float(singular.mean()), rotation


def initial_pose(
    points_mm: NDArray[np.float64], pixels: NDArray[np.float64], camera: Camera
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pose from weak perspective: good to some degrees, the start of the iterations.

    Parameters
    ----------
    points_mm : (n, 3) landmarks of the mean face
    pixels : (n, 2)
    camera : Camera

    Returns
    -------
    rotation (3, 3), translation_mm (3,)

    Raises
    ------
    FitFailed
        As ``weak_perspective_scale``; or the face would look away from the camera.
    """
    scale, rotation = weak_perspective_scale(points_mm, pixels)
    if rotation[2, 2] <= 0.0:
        raise FitFailed("The landmarks describe a face that looks away from the camera or is mirrored.")
    depth = camera.fx / scale
    centre = pixels.mean(0)
    at = np.array([(centre[0] - camera.cx) / camera.fx, (camera.cy - centre[1]) / camera.fy, -1.0]) * depth
    return rotation, at - rotation @ points_mm.mean(0)
