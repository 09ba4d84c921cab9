"""Points that could be seen, and have a counterpart."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.evaluation.metrics.face_crop import face_crop
from facewright.evaluation.metrics.outer_points import has_counterpart, outer_points
from facewright.evaluation.surface import checked_surface, nearest_on
from facewright.evaluation.surface_places import SurfaceTree
from scanned_face import scanned_face, seven_points

FACE = scanned_face()
CROP = face_crop(seven_points())


def ball(centre: tuple[float, float, float], radius: float) -> tuple[np.ndarray, np.ndarray]:
    """A sphere of triangles, outside out."""
    polar, around = np.meshgrid(np.linspace(0.01, np.pi - 0.01, 20), 2 * np.pi * np.arange(24) / 24)
    unit = np.stack([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)], -1)
    grid = np.arange(480).reshape(24, 20)
    turn = np.roll(grid, -1, 0)
    a, b, c, d = (g.ravel() for g in (grid[:, :-1], grid[:, 1:], turn[:, 1:], turn[:, :-1]))
    return unit.reshape(-1, 3) * radius + centre, np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


def test_what_nobody_sees_does_not_count() -> None:
    # Eyeballs of which only the fronts could be seen, a mouth's cavity and the back of the head.
    parts = [ball((-30.0, 29.0, -31.0), 12.0), ball((0.0, -35.0, -30.0), 20.0), ball((0.0, 0.0, -60.0), 55.0)]
    vertices, triangles = [FACE.vertices], [FACE.triangles]
    for points, faces in parts:
        triangles.append(faces + sum(map(len, vertices)))
        vertices.append(points)
    stuffed = checked_surface(np.vstack(vertices), np.vstack(triangles), "The head")
    assert nearest_on(FACE, np.vstack([part[0] for part in parts])).distance.max() > 30.0
    found = outer_points(stuffed, SurfaceTree(FACE), CROP)
    assert nearest_on(FACE, found.points).distance.max() < 1e-9
    assert len(found.points) > 2000


def test_a_nose_keeps_its_underside() -> None:
    found = outer_points(FACE, SurfaceTree(FACE), CROP, 20_000)
    x, y = found.points[:, :2].T
    below = (np.abs(x) < 4.0) & (y < -8.0) & (y > -16.0)
    assert below.sum() > 30
    assert found.weights.sum() == pytest.approx(1.0)


def test_beyond_the_end_of_a_scan_there_is_no_counterpart() -> None:
    middle = FACE.vertices[FACE.triangles].mean(1)
    half = checked_surface(FACE.vertices, FACE.triangles[middle[:, 1] < 20.0], "The scan")
    tree = SurfaceTree(half)
    found = has_counterpart(tree, tree.nearest(middle))
    np.testing.assert_array_equal(found, middle[:, 1] < 20.0)
