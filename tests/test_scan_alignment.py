"""The alignment that makes distances least."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.evaluation.metrics.face_crop import scan_points
from facewright.evaluation.metrics.scan_alignment import refined
from facewright.evaluation.metrics.similarity import IDENTITY, Similarity
from facewright.evaluation.surface import nearest_on
from facewright.evaluation.surface_places import SurfaceTree
from scanned_face import bump, scanned_face, seven_points
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

FACE = scanned_face()
OTHER = scanned_face(relief=lambda x, y: bump((0, 0), -4, 12)(x, y) + bump((-40, -10), 5, 18)(x, y) + y / 40.0)
POINTS = scan_points(FACE, seven_points(), count=1500).points


@pytest.mark.parametrize("scaled", [True, False])
def test_the_minimum_is_the_one_that_a_general_solver_finds(scaled: bool) -> None:
    tree = SurfaceTree(OTHER)
    alignment = refined(POINTS, tree, IDENTITY, scaled)
    ours = alignment.scale * tree.nearest(alignment.inverse().apply(POINTS)).distance

    def distances(unknown: np.ndarray) -> np.ndarray:
        scale = float(np.exp(unknown[6])) if scaled else 1.0
        move = Similarity(scale, Rotation.from_rotvec(unknown[:3]).as_matrix(), unknown[3:6])
        return nearest_on(move.apply_to(OTHER), POINTS).distance

    size = [0.01, 0.01, 0.01, 1.0, 1.0, 1.0, 0.01][: 7 if scaled else 6]
    found = least_squares(distances, np.zeros(len(size)), x_scale=size)
    assert float(ours @ ours) <= 2.0 * found.cost * (1.0 + 1e-4)
    assert ours.mean() == pytest.approx(np.abs(found.fun).mean(), rel=2e-3)
    assert (alignment.scale == 1.0) is not scaled


def test_a_large_displacement_is_undone() -> None:
    away = Similarity(1.2, Rotation.from_euler("xyz", [8, -6, 5], degrees=True).as_matrix(), np.array([4.0, -3, 6]))
    alignment = refined(POINTS, SurfaceTree(away.apply_to(FACE)), IDENTITY, scaled=True)
    np.testing.assert_allclose(alignment.after(away).apply(POINTS), POINTS, atol=1e-4)
    without = refined(POINTS, SurfaceTree(away._replace(scale=1.0).apply_to(FACE)), IDENTITY, scaled=False)
    np.testing.assert_allclose(without.after(away._replace(scale=1.0)).apply(POINTS), POINTS, atol=1e-4)


def test_directions_that_nothing_tells_stay() -> None:
    # A plane may slide and turn in itself; only its height is told.
    x, y = (a.ravel() for a in np.meshgrid(np.arange(5.0), np.arange(5.0)))
    points = np.column_stack([x, y, np.full(25, 2.0)])
    plane = scanned_face(20.0)
    flat = plane.moved(plane.vertices * [1.0, 1.0, 0.0])
    alignment = refined(points, SurfaceTree(flat), IDENTITY, scaled=False)
    np.testing.assert_allclose(alignment.apply(points) - points, np.tile([0.0, 0.0, 2.0], (25, 1)), atol=1e-6)
