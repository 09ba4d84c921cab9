"""The cylinder map holds true radii at the places that FaceScape's benchmark says, and makes the surface again."""

from __future__ import annotations

import numpy as np
import pytest
from facescape_pairs import closed_strip, lumpy_head, tube, turned, without
from facewright.evaluation.metrics.cylinder import cylinder_map, from_head_frame, surface_of, to_head_frame
from facewright.evaluation.surface import Surface, checked_surface, nearest_on
from numpy.typing import NDArray

CENTRE = np.array([12.0, -30.0, -555.0])
ROTATION = turned(35.0, -10.0, 5.0)
ROWS = np.linspace(150.0, -150.0, 256)


def posed(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> Surface:
    return checked_surface(from_head_frame(vertices, CENTRE, ROTATION), faces, "a mesh")


def test_head_frame_and_back() -> None:
    points = np.random.default_rng(0).normal(size=(50, 3))
    np.testing.assert_allclose(to_head_frame(from_head_frame(points, CENTRE, ROTATION), CENTRE, ROTATION), points)
    np.testing.assert_allclose(from_head_frame(np.zeros((1, 3)), CENTRE, ROTATION), CENTRE[None])


def test_radii_of_a_tube() -> None:
    seen = cylinder_map(posed(*tube(30, 1440)), CENTRE, ROTATION)
    rows = np.abs(ROWS) < 100.0
    assert (seen.valid == rows[:, None]).all()
    # The chord of a quarter of a degree lies 80 (1 - cos 0.125 deg) = 0.0002 mm inside.
    np.testing.assert_allclose(seen.radius[rows], 80.0, atol=4e-4)
    assert np.isnan(seen.radius[~rows]).all()


def test_where_columns_and_rows_look() -> None:
    surface = posed(*lumpy_head(150, 180, lumps_mm=0.0))
    radius = cylinder_map(surface, CENTRE, ROTATION).radius
    middle = radius[128]
    assert int(np.argmax(middle)) in (127, 128)  # the nose, straight ahead
    assert middle[0] == pytest.approx(95.0, abs=0.1)  # the back of the head, where the circle begins and ends
    assert middle[255] == pytest.approx(middle[0], abs=1e-3)
    assert middle[64] == pytest.approx(75.0, abs=0.2)  # the ears
    assert np.argmax(radius.max(1) > 100.0) > 100  # the nose is below the middle, rows go downwards
    # A lump at the subject's left shows in the last quarter.
    vertices, faces = lumpy_head(150, 180, lumps_mm=0.0)
    vertices[(vertices[:, 0] > 60.0)] *= [1.2, 1.0, 1.0]
    lumpy = cylinder_map(posed(vertices, faces), CENTRE, ROTATION).radius[128]
    assert lumpy[191] > 85.0
    assert lumpy[64] == pytest.approx(75.0, abs=0.2)


def test_the_outermost_surface_counts() -> None:
    (inner, faces), (outer, _) = tube(20, 360, radius_mm=50.0), tube(20, 360, radius_mm=80.0)
    both = posed(np.concatenate([inner, outer]), np.concatenate([faces, faces + len(inner)]))
    seen = cylinder_map(both, CENTRE, ROTATION)
    assert np.nanmin(seen.radius) > 79.0
    assert (seen.triangle[seen.valid] >= len(faces)).all()


def test_the_other_side_of_the_axis_does_not_shine_through() -> None:
    vertices, faces = tube(20, 360)
    front = posed(vertices, without(vertices, faces, vertices[:, 2] < 20.0))
    seen = cylinder_map(front, CENTRE, ROTATION).valid
    assert not seen[:, :64].any() and not seen[:, 192:].any()
    assert seen[128, 96:160].all()


def test_the_triangle_is_the_one_that_was_hit() -> None:
    vertices, faces = lumpy_head(60, 70)
    seen = cylinder_map(posed(vertices, faces), CENTRE, ROTATION)
    row, column = np.nonzero(seen.valid)
    angle = column * 2 * np.pi / 255.0
    radius = seen.radius[seen.valid]
    place = np.stack([-np.sin(angle) * radius, ROWS[row], -np.cos(angle) * radius], 1)
    a, b, c = vertices[faces[seen.triangle[seen.valid]]].transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    assert np.abs(((place - a) * normal).sum(1)).max() < 1e-4


def test_the_surface_is_made_again() -> None:
    surface = posed(*lumpy_head(150, 180))
    again = surface_of(cylinder_map(surface, CENTRE, ROTATION).radius)
    places = from_head_frame(again.surface.vertices, CENTRE, ROTATION)
    distance = nearest_on(surface, places).distance
    on_axis = np.hypot(again.surface.vertices[:, 0], again.surface.vertices[:, 2]) == 0.0
    assert distance[~on_axis].max() < 1e-3
    assert set(np.unique(again.surface.triangles)) == set(range(len(again.cell)))


def test_outside_is_outside_again() -> None:
    again = surface_of(cylinder_map(posed(*tube(20, 720)), CENTRE, ROTATION).radius).surface
    a, b, c = again.vertices[again.triangles].transpose(1, 0, 2)
    outwards = (np.cross(b - a, c - a) * (a + b + c) * [1.0, 0.0, 1.0]).sum(1)
    assert (outwards > -1e-9).all()  # the last column's cells have no area
    assert (outwards > 1.0).sum() == 2 * 255 * 169  # rows within 100 mm


def test_jumps_tear_and_so_do_holes() -> None:
    def cells(radius: NDArray[np.float64]) -> int:
        return len(surface_of(radius).surface.triangles) // 2

    whole = 255 * 256 - 1  # the last row starts no cell, nor does the last place of the row before
    radius = np.full((256, 256), 80.0)
    assert cells(radius) == whole
    radius[:, 100:200] = 94.9
    assert cells(radius) == whole
    radius[:, 100:200] = 95.0
    assert cells(radius) == whole - 2 * 255
    radius[:] = 80.0
    radius[50, 60] = np.nan
    assert cells(radius) == whole - 4
    assert 50 * 256 + 60 not in surface_of(radius).cell


def test_a_crown_that_is_cut_open_near_the_axis_closes_to_it() -> None:
    radius = np.full((256, 256), np.nan)
    radius[10:20] = 14.9
    closed = surface_of(radius)
    assert set(closed.cell // 256) == set(range(10, 22))  # the last column's cells reach one row farther
    assert np.abs(closed.surface.vertices[closed.cell // 256 == 20][:, [0, 2]]).max() == 0.0
    radius[10:20] = 15.0
    assert set(surface_of(radius).cell // 256) == set(range(10, 21))


def test_nothing_is_an_empty_surface() -> None:
    empty = surface_of(np.full((256, 256), np.nan))
    assert len(empty.cell) == len(empty.surface.triangles) == 0


def test_a_strip_closes() -> None:
    assert len(closed_strip(5, 7)) == 2 * 4 * 7
