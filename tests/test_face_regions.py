"""Regions of a face by seven landmarks."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.errors import MeshInvalid
from facewright.evaluation.metrics.face_regions import REGIONS, face_plane, face_regions, regions_of_points
from facewright.evaluation.metrics.similarity import Similarity
from scanned_face import height, scanned_face, seven_points, subdivided
from scipy.spatial.transform import Rotation

SEVEN = seven_points()
PLACES = {
    "nose": [(0, 0), (0, 20), (-14, -8), (14, -8)],
    "eyes": [(-30, 30), (30, 30), (-45, 30), (20, 34)],
    "mouth": [(0, -40), (-26, -40), (20, -46), (0, -20)],
    "forehead": [(0, 60), (-40, 60), (40, 55)],
    "cheeks": [(-45, -5), (45, -5), (50, -30), (-30, 10)],
    "chin": [(0, -66), (-12, -70)],
    "rest": [(90, 0), (-90, 20), (75, 80)],
}


def on_face(places: list[tuple[float, float]]) -> np.ndarray:
    x, y = np.array(places, np.float64).T
    return np.column_stack([x, y, height(x, y)])


@pytest.mark.parametrize("name", REGIONS)
def test_places_are_in_the_region_that_anybody_would_name(name: str) -> None:
    found = regions_of_points(on_face(PLACES[name]), SEVEN)
    assert [REGIONS[k] for k in found] == [name] * len(found)


def test_position_size_and_tessellation_do_not_matter() -> None:
    face = scanned_face()
    move = Similarity(
        0.8, Rotation.from_euler("xyz", [30, 60, -20], degrees=True).as_matrix(), np.array([1.0, 2, 900])
    )
    plain = regions_of_points(face.vertices, SEVEN)
    moved = regions_of_points(move.apply(face.vertices), move.apply(SEVEN))
    assert (plain != moved).mean() < 1e-3  # vertices exactly on a border
    coarse, fine = face_regions(face, SEVEN), face_regions(subdivided(face), SEVEN)
    for name in REGIONS:
        assert fine[name].mean() == pytest.approx(coarse[name].mean(), abs=0.004)


def test_every_triangle_has_one_region_and_both_sides_share_alike() -> None:
    face = scanned_face()
    regions = face_regions(face, SEVEN)
    assert tuple(regions) == REGIONS
    np.testing.assert_array_equal(np.sum(list(regions.values()), 0), 1)
    left = face.vertices[face.triangles].mean(1)[:, 0] > 0.0
    for mask in regions.values():
        assert (mask & left).sum() == pytest.approx((mask & ~left).sum(), rel=0.1)


def test_face_plane_points_left_up_and_out() -> None:
    plane = face_plane(SEVEN)
    np.testing.assert_allclose(plane.axes @ plane.axes.T, np.eye(3), atol=1e-12)
    assert (np.diag(plane.axes) > 0.9).all()
    with pytest.raises(MeshInvalid, match="one line"):
        face_plane(np.outer(np.arange(7.0), [1.0, 2.0, 3.0]))
