"""Normals of faces and vertices."""

from __future__ import annotations

import numpy as np
from facewright.mesh.normals import face_normals, vertex_normals


def sphere(rings: int = 24, steps: int = 48) -> tuple[np.ndarray, np.ndarray]:
    """Unit sphere of quads with triangles at the poles."""
    polar = np.linspace(0.0, np.pi, rings + 1)[1:-1]
    around = 2.0 * np.pi * np.arange(steps) / steps
    body = np.stack(
        [
            np.outer(np.sin(polar), np.cos(around)),
            np.outer(np.sin(polar), np.sin(around)),
            np.outer(np.cos(polar), np.ones(steps)),
        ],
        -1,
    ).reshape(-1, 3)
    vertices = np.concatenate([body, [[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]])
    grid = np.arange(len(body)).reshape(rings - 1, steps)
    ahead = np.roll(grid, -1, 1)
    quads = np.stack([grid[:-1], grid[1:], ahead[1:], ahead[:-1]], -1).reshape(-1, 4)
    north, south = len(body), len(body) + 1
    blank = np.full(steps, -1)
    caps = [
        np.stack([np.full(steps, north), grid[0], ahead[0], blank], 1),
        np.stack([np.full(steps, south), ahead[-1], grid[-1], blank], 1),
    ]
    return vertices, np.concatenate([quads, *caps])


def test_sphere_normals_point_outwards() -> None:
    vertices, quads = sphere()
    normals = vertex_normals(vertices, quads)
    assert np.abs(np.linalg.norm(normals, axis=1) - 1.0).max() < 1e-12
    assert (normals * vertices).sum(1).min() > 0.999
    centres = vertices[quads[:, :3]].mean(1)
    assert ((face_normals(vertices, quads) * centres).sum(1) > 0.9).all()


def test_area_is_the_length_of_the_normal_that_is_not_unit() -> None:
    vertices, quads = sphere(96, 192)
    area = np.linalg.norm(face_normals(vertices, quads, unit=False), axis=1).sum()
    assert abs(area / (4.0 * np.pi) - 1.0) < 1e-3


def test_a_triangle_marked_by_minus_one_equals_the_triangle() -> None:
    vertices = np.array([[0.0, 0, 0], [2.0, 0, 0], [0.0, 3.0, 0.0]])
    marked = face_normals(vertices, np.array([[0, 1, 2, -1]]), unit=False)
    plain = face_normals(vertices, np.array([[0, 1, 2]]), unit=False)
    np.testing.assert_allclose(marked, [[0.0, 0.0, 3.0]])
    np.testing.assert_allclose(plain, marked)


def test_batches_and_turning_the_faces_round() -> None:
    vertices, quads = sphere(8, 12)
    moved = np.stack([vertices, vertices * [1.0, 2.0, 0.5]])
    both = vertex_normals(moved, quads)
    assert both.shape == moved.shape
    np.testing.assert_allclose(both[1], vertex_normals(moved[1], quads))
    turned = np.where(quads[:, 3:] < 0, quads[:, [2, 1, 0, 3]], quads[:, ::-1])
    np.testing.assert_allclose(vertex_normals(vertices, turned), -both[0], atol=1e-12)


def test_faces_without_area_give_zero_not_nan() -> None:
    vertices = np.zeros((5, 3))
    vertices[3] = [1.0, 0.0, 0.0]
    quads = np.array([[0, 1, 2, 3]])
    assert (face_normals(vertices, quads) == 0.0).all()
    assert (vertex_normals(vertices, quads) == 0.0).all()
