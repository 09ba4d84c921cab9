"""From a prediction to the truth: what counts, and by how much."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.errors import MeshInvalid
from facewright.evaluation.metrics.face_crop import face_crop
from facewright.evaluation.metrics.point_to_surface import point_to_surface
from facewright.evaluation.surface import Surface, checked_surface
from scanned_face import bump, scanned_face, seven_points, shuffled, subdivided

SEVEN = seven_points()
FACE = scanned_face()
CROP = face_crop(SEVEN)


def test_itself_is_zero() -> None:
    result = point_to_surface(FACE, FACE, CROP)
    assert result.mean < 1e-9
    assert result.std < 1e-9
    assert CROP.contains(result.points).all()


def test_a_bump_gives_its_volume_over_the_area() -> None:
    # Volume of a Gaussian bump 2 pi s^2 h; distance times area is the volume, however the surface leans.
    high, wide = 3.0, 5.0
    fine = scanned_face(1.5)
    area = _area(fine)
    result = point_to_surface(scanned_face(1.5, relief=bump((0.0, 50.0), high, wide)), fine, CROP, count=20_000)
    # Half of the points on the bump are farther from each other: its own area is a little larger than its ground.
    assert result.mean == pytest.approx(2.0 * np.pi * wide**2 * high / area, rel=0.1)
    assert result.distances.max() == pytest.approx(high / np.sqrt(1.0 + (100.0 / 220.0) ** 2), rel=0.05)
    assert result.std > result.mean


def _area(face: Surface) -> float:
    corner = face.vertices[face.triangles]
    area = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1) / 2.0
    return float(area[CROP.contains(corner.mean(1))].sum())


def test_order_and_density_do_not_matter() -> None:
    other = scanned_face(relief=lambda x, y: bump((0, 0), -4, 12)(x, y) + 1.5 * np.sin(x / 15.0) * np.cos(y / 12.0))
    plain = point_to_surface(other, FACE, CROP)
    for same in (shuffled(other), subdivided(other)):
        result = point_to_surface(same, FACE, CROP)
        assert result.mean == pytest.approx(plain.mean, rel=0.02)  # other points of the same surface
        assert result.std == pytest.approx(plain.std, rel=0.02)
    assert point_to_surface(other, subdivided(FACE), CROP).mean == pytest.approx(plain.mean, rel=1e-9)


def test_where_the_scan_ends_nothing_is_measured() -> None:
    # A truth that lacks all above y = 20: points up there have no counterpart, and their distance does not count.
    middle = FACE.vertices[FACE.triangles].mean(1)
    half = checked_surface(FACE.vertices, FACE.triangles[middle[:, 1] < 20.0], "The scan")
    result = point_to_surface(FACE, half, CROP)
    assert result.distances.max() < 1e-6
    assert result.points[:, 1].max() < 22.0
    with pytest.raises(MeshInvalid, match="over the true face"):
        point_to_surface(FACE.moved(FACE.vertices + np.array([0.0, 150.0, 0.0])), half, CROP)
    with pytest.raises(MeshInvalid, match="The prediction has 0 points"):
        point_to_surface(FACE.moved(FACE.vertices + 1000.0), FACE, CROP)
