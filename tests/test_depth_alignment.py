"""The depth map is exact on planes and spheres, culls what faces away, and depth is all that alignment changes."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.errors import MeshInvalid
from facewright.evaluation.case import WeakCamera
from facewright.evaluation.metrics.depth_alignment import aligned_depth, depth_map
from facewright.evaluation.surface import Surface
from facewright.fitting.camera import Camera
from numpy.typing import NDArray

Array = NDArray[np.float64]
WEAK = WeakCamera(400, 200, 1.0, 200.0, 100.0)
PINHOLE = Camera(400, 200, 500.0, 500.0, 200.0, 100.0)


def tilted_wall(near: float, far: float) -> Surface:
    """A rectangle 120 mm wide, seen from the front, its depth from ``near`` at x = -60 to ``far`` at x = 60."""
    corners = np.array([[-60.0, -40.0, -near], [60.0, -40.0, -far], [60.0, 40.0, -far], [-60.0, 40.0, -near]])
    return Surface(corners, np.array([[0, 1, 2], [0, 2, 3]], np.int32))


def test_orthographic_depth_of_a_tilted_wall() -> None:
    depth = depth_map(tilted_wall(-30.0, 90.0), WEAK, size=200)  # half the photo's size; part of it behind z = 0
    assert depth.shape == (100, 200)
    x = (np.arange(200) + 0.5) * 2.0 - 200.0
    inside = np.abs(x) < 60.0
    np.testing.assert_allclose(depth[50][inside], 30.0 + x[inside], atol=1e-4)
    assert np.isnan(depth[50][~inside]).all()
    assert np.isfinite(depth[:, 100]).sum() == 40


def test_perspective_depth_of_a_tilted_wall() -> None:
    depth = depth_map(tilted_wall(400.0, 520.0), PINHOLE, size=400)
    # The ray at slope m = (u - cx) / f meets depth = 460 + x, x = m depth, at 460 / (1 - m).
    slope = (np.arange(400) + 0.5 - 200.0) / 500.0
    seen = np.isfinite(depth[100])
    np.testing.assert_allclose(depth[100][seen], 460.0 / (1.0 - slope[seen]), rtol=1e-6)
    assert seen.sum() == pytest.approx(500.0 * (60.0 / 520.0 + 60.0 / 400.0), abs=1)


@pytest.mark.parametrize("camera", [WEAK, PINHOLE])
def test_backs_are_not_seen(camera: WeakCamera | Camera) -> None:
    wall = tilted_wall(300.0, 310.0)
    assert np.isfinite(depth_map(wall, camera)).any()
    assert np.isnan(depth_map(Surface(wall.vertices, wall.triangles[:, ::-1].copy()), camera)).all()


def test_the_shift_is_the_median_difference() -> None:
    truth, guess = tilted_wall(300.0, 300.0), tilted_wall(200.0, 320.0)
    # 300 - (260 + x): the median over symmetric x is 40.
    aligned, shift = aligned_depth(truth, guess, WEAK)
    assert shift == pytest.approx(40.0, abs=0.1)
    np.testing.assert_allclose(aligned.vertices, guess.vertices - [0.0, 0.0, shift])
    # A spike far in front would move the mean, not the median.
    spike = np.array([[-10.0, -10.0, 9000.0], [10.0, -10.0, 9000.0], [0.0, 10.0, 9000.0]])
    outlier = Surface(
        np.concatenate([truth.vertices, spike]), np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6]], np.int32)
    )
    assert aligned_depth(truth, outlier, WEAK)[1] == pytest.approx(0.0, abs=0.01)


def test_perspective_alignment_keeps_the_projection() -> None:
    truth, guess = tilted_wall(500.0, 540.0), tilted_wall(620.0, 600.0)
    aligned, shift = aligned_depth(truth, guess, PINHOLE)
    np.testing.assert_allclose(PINHOLE.project(aligned.vertices), PINHOLE.project(guess.vertices), atol=1e-9)
    depths = depth_map(truth, PINHOLE)
    both = np.isfinite(depths) & np.isfinite(depth_map(guess, PINHOLE))
    mean = depths[both].mean()
    assert shift < -80.0
    np.testing.assert_allclose(aligned.vertices, guess.vertices * mean / (mean - shift))


def test_photos_of_any_size_give_the_same_shift() -> None:
    truth, guess = tilted_wall(500.0, 540.0), tilted_wall(620.0, 600.0)
    large = Camera(4000, 2000, 5000.0, 5000.0, 2000.0, 1000.0)
    assert aligned_depth(truth, guess, large)[1] == pytest.approx(aligned_depth(truth, guess, PINHOLE)[1], abs=0.01)


@pytest.mark.parametrize("camera", [WEAK, PINHOLE])
@pytest.mark.parametrize("away", [[500.0, 0.0, 0.0], [0.0, -500.0, 0.0]])
def test_surfaces_without_a_common_pixel_are_named(camera: WeakCamera | Camera, away: list[float]) -> None:
    wall = tilted_wall(300.0, 310.0)
    with pytest.raises(MeshInvalid, match="does not cover the face in the photo"):
        aligned_depth(wall, wall.moved(wall.vertices + away), camera)


def test_a_prediction_behind_the_camera_is_named() -> None:
    wall = tilted_wall(300.0, 310.0)
    with pytest.raises(MeshInvalid, match="does not cover the face in the photo"):
        aligned_depth(wall, wall.moved(wall.vertices + np.array([0.0, 0.0, 700.0])), PINHOLE)


def test_a_prediction_in_the_lens_is_named() -> None:
    # 60 % of the truth are at 400 mm, 40 % before it at 40 mm: median 400, mean 256. From 4 mm the shift is 396,
    # more than the mean, to which the rule would scale.
    wall = tilted_wall(400.0, 400.0)
    near = tilted_wall(40.0, 40.0)
    corner = near.vertices * np.array([0.04, 0.1, 1.0])
    truth = Surface(np.concatenate([wall.vertices, corner]), np.concatenate([wall.triangles, 4 + near.triangles]))
    with pytest.raises(MeshInvalid, match="too near to the camera"):
        aligned_depth(truth, wall.moved(wall.vertices * 0.01), PINHOLE)
