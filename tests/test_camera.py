"""Pinhole camera, rotations, and the first pose."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.errors import FitFailed
from facewright.fitting.camera import Camera
from facewright.fitting.pose import (
    HeadAngles,
    angles_from_rotation,
    initial_pose,
    rotation_from_angles,
    rotation_from_vector,
    weak_perspective_scale,
)
from facewright.photo.exif import focal_px_of
from scipy.spatial.transform import Rotation

CAMERA = Camera(640, 480, 700.0, 710.0, 321.5, 239.0)


def test_axes_follow_the_conventions() -> None:
    """Right of the camera is right in the picture, up is up, the axis hits the principal point."""
    centre, right, up = CAMERA.project(np.array([[0.0, 0, -500], [10, 0, -500], [0, 10, -500]]))
    assert np.allclose(centre, [CAMERA.cx, CAMERA.cy])
    assert right[0] - centre[0] == pytest.approx(10 * 700 / 500) and right[1] == centre[1]
    assert centre[1] - up[1] == pytest.approx(10 * 710 / 500) and up[0] == centre[0]


def test_rays_undo_project() -> None:
    points = np.random.default_rng(0).uniform([-200, -200, -900], [200, 200, -300], (5, 7, 3))
    assert np.allclose(CAMERA.rays(CAMERA.project(points)) * -points[..., 2:], points)


def test_projection_jacobian_is_the_derivative() -> None:
    points = np.random.default_rng(1).uniform([-200, -200, -900], [200, 200, -300], (6, 3))
    step = 1e-4
    numeric = np.stack(
        [(CAMERA.project(points + step * e) - CAMERA.project(points - step * e)) / (2 * step) for e in np.eye(3)],
        -1,
    )
    assert np.allclose(CAMERA.projection_jacobian(points), numeric, atol=1e-7)


@pytest.mark.parametrize("size", [(3600, 2400), (2400, 3600), (1000, 1000), (4000, 3000), (1920, 1080)])
def test_35mm_equivalent_is_that_of_exif(size: tuple[int, int]) -> None:
    """By the diagonal: what a person gives or EXIF says comes back from the camera, whatever the photo's shape."""
    assert Camera.centred(size, focal_px_of(50.0, *size)).focal_length_35mm == pytest.approx(50.0)


def test_35mm_equivalent_of_a_whole_frame() -> None:
    assert Camera.centred((3600, 2400), 5000.0).focal_length_35mm == pytest.approx(50.0)


@pytest.mark.parametrize("angles", [(0, 0, 0), (30, 0, 0), (0, -20, 0), (0, 0, 15), (-50, 25, -30)])
def test_angles_round_trip(angles: tuple[float, float, float]) -> None:
    rotation = rotation_from_angles(HeadAngles(*angles))
    assert np.allclose(rotation @ rotation.T, np.eye(3)) and np.linalg.det(rotation) == pytest.approx(1.0)
    assert np.allclose(angles_from_rotation(rotation), angles, atol=1e-9)


def test_signs_of_the_angles() -> None:
    """Where the nose goes: yaw to the right of the picture, pitch down."""
    nose = np.array([0.0, 0.0, 1.0])
    assert (rotation_from_angles(HeadAngles(20, 0, 0)) @ nose)[0] > 0.3
    assert (rotation_from_angles(HeadAngles(0, 20, 0)) @ nose)[1] < -0.3
    assert (rotation_from_angles(HeadAngles(0, 0, 20)) @ np.array([1.0, 0, 0]))[1] > 0.3


@pytest.mark.parametrize("vector", [(0, 0, 0), (1e-14, 0, 0), (0.3, -0.2, 0.5), (0, 3.0, 0)])
def test_rotation_from_vector_agrees_with_scipy(vector: tuple[float, float, float]) -> None:
    assert np.allclose(rotation_from_vector(np.array(vector)), Rotation.from_rotvec(vector).as_matrix(), atol=1e-12)


def _face(rng: np.random.Generator) -> np.ndarray:
    return rng.uniform([-60, -80, -30], [60, 60, 25], (25, 3))


@pytest.mark.parametrize("angles", [(0, 0, 0), (35, 10, -8), (-40, -5, 60), (5, 0, 180)])
def test_initial_pose_is_near(angles: tuple[float, float, float]) -> None:
    points = _face(np.random.default_rng(2))
    camera = Camera.centred((1000, 800), 1500.0)
    rotation, translation = rotation_from_angles(HeadAngles(*angles)), np.array([40.0, -30.0, -1500.0])
    pixels = camera.project(points @ rotation.T + translation)
    found, at = initial_pose(points, pixels, camera)
    turn = np.degrees(np.linalg.norm(Rotation.from_matrix(found @ rotation.T).as_rotvec()))
    assert turn < 4.0
    assert np.linalg.norm(at - translation) < 60.0


def test_initial_pose_refuses_what_is_no_face() -> None:
    points = _face(np.random.default_rng(3))
    camera = Camera.centred((1000, 800), 1500.0)
    line = np.stack([np.linspace(100, 500, 25), np.linspace(100, 300, 25)], 1)
    with pytest.raises(FitFailed, match="line"):
        weak_perspective_scale(points, line)
    with pytest.raises(FitFailed, match="line"):
        initial_pose(points, np.full((25, 2), 300.0), camera)
