"""Places on a surface."""

from __future__ import annotations

import numpy as np
from facewright.evaluation.surface import checked_surface, nearest_on
from facewright.evaluation.surface_places import SurfaceTree, angles_between, barycentric
from scanned_face import scanned_face


def test_places_have_the_normals_and_borders_of_their_triangles() -> None:
    square = checked_surface(
        np.array([[0.0, 0, 0], [1.0, 0, 0], [1.0, 1, 0], [0.0, 1, 0]]), np.array([[0, 1, 2], [0, 2, 3]]), "A square"
    )
    tree = SurfaceTree(square)
    places = np.array([[0.75, 0.25, 0.0], [0.5, 0.5, 0.0], [0.5, 0.0, 0.0], [1.0, 0.3, 0.0]])
    triangle = np.array([0, 0, 0, 0])
    np.testing.assert_allclose(barycentric(square, triangle, places)[0], [0.25, 0.5, 0.25])
    np.testing.assert_allclose(tree.normals_at(triangle, places), np.tile([0.0, 0.0, 1.0], (4, 1)))
    # The diagonal is an edge of both triangles and so no border.
    np.testing.assert_array_equal(tree.on_open_border(triangle, places), [False, False, True, True])
    turned = np.array([[0.0, 0.0, 1.0], [0.0, np.sin(0.2), np.cos(0.2)], [0.0, 1.0, 0.0], [0.0, 0.0, -1.0]])
    expected = [0.0, np.degrees(0.2), 90.0, 180.0]
    np.testing.assert_allclose(angles_between(turned, np.tile(turned[0], (4, 1))), expected, atol=1e-9)


def test_a_tree_finds_what_a_single_query_finds() -> None:
    face = scanned_face(6.0)
    points = np.random.default_rng(0).uniform(-90.0, 90.0, (200, 3))
    kept, single = SurfaceTree(face).nearest(points), nearest_on(face, points)
    np.testing.assert_allclose(kept.distance, single.distance)
    np.testing.assert_allclose(kept.place, single.place, atol=1e-9)


def test_a_triangle_without_area_has_equal_weights() -> None:
    sliver = checked_surface(
        np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 1, 0]]), np.array([[0, 1, 2], [0, 1, 3]]), "It"
    )
    weights = barycentric(sliver, np.array([0]), np.array([[0.5, 0.0, 0.0]]))
    np.testing.assert_allclose(weights, 1.0 / 3.0)
