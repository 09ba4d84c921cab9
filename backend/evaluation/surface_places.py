"""Places on a surface: the nearest to points, their normals, and whether they lie on an open border."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..mesh.normals import vertex_normals
from .surface import Nearest, Surface, face_normals

Array = NDArray[np.float64]
ON_EDGE = 1e-6  # a barycentric coordinate below it: the place lies on the edge


class SurfaceTree:
    """A surface with its search tree, for many queries of nearest places."""

    def __init__(self, surface: Surface) -> None:
        import igl

        self.surface = surface
        self._triangles = surface.triangles.astype(np.int64)
        self._tree = igl.AABB()
        self._tree.init(surface.vertices, self._triangles)

    def nearest(self, points: Array) -> Nearest:
        """Nearest place for every point (N, 3)."""
        query = np.ascontiguousarray(points, np.float64)
        squared, triangle, place = self._tree.squared_distance(self.surface.vertices, self._triangles, query)
        return Nearest(np.sqrt(np.maximum(squared, 0.0)), np.asarray(triangle), np.asarray(place))

    @cached_property
    def normals(self) -> Array:
        """(V, 3) of the vertices."""
        return vertex_normals(self.surface.vertices, self.surface.triangles)

    @cached_property
    def face_normals(self) -> Array:
        """(T, 3) of the triangles."""
        return face_normals(self.surface)

    @cached_property
    def open_edges(self) -> NDArray[np.bool_]:
        """(T, 3) whether the edge opposite corner k has no other triangle: there the surface ends or has a hole."""
        faces = self._triangles
        ends = np.sort(np.stack([faces[:, [1, 2]], faces[:, [2, 0]], faces[:, [0, 1]]], 1), -1)
        keys = ends[..., 0] * len(self.surface.vertices) + ends[..., 1]
        _, name, count = np.unique(keys, return_inverse=True, return_counts=True)
        return np.asarray((count == 1)[name].reshape(keys.shape))

    def normals_at(self, triangle: NDArray[np.int64], place: Array) -> Array:
        """(N, 3) unit normals at places: the vertices', interpolated, so that tessellation does not show."""
        weights = barycentric(self.surface, triangle, place)
        blend = np.einsum("nc,nci->ni", weights, self.normals[self.surface.triangles[triangle]])
        length = np.linalg.norm(blend, axis=1, keepdims=True)
        result: Array = np.divide(blend, length, out=np.zeros_like(blend), where=length > 0.0)
        return result

    def on_open_border(self, triangle: NDArray[np.int64], place: Array) -> NDArray[np.bool_]:
        """(N,) whether a place lies on an open edge.

        The nearest place of a point beyond the end of a scan is such a one: the distance says nothing about shape.
        """
        on_edge = barycentric(self.surface, triangle, place) < ON_EDGE
        return np.asarray((self.open_edges[triangle] & on_edge).any(1))


def barycentric(surface: Surface, triangle: NDArray[np.int64], place: Array) -> Array:
    """(N, 3) weights of the corners at places (N, 3) on triangles (N,); equal ones where a triangle has no area."""
    a, b, c = (surface.vertices[surface.triangles[triangle, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    squared = (normal * normal).sum(1)
    # Signed area of each sub-triangle over the whole.
    parts = [(np.cross(v - u, place - u) * normal).sum(1) for u, v in ((b, c), (c, a), (a, b))]
    equal = np.full((len(place), 3), 1.0 / 3.0)
    weights = np.divide(np.stack(parts, 1), squared[:, None], out=equal, where=squared[:, None] > 0.0)
    weights = np.clip(weights, 0.0, None)
    result: Array = weights / weights.sum(1, keepdims=True)
    return result


def angles_between(first: Array, second: Array) -> Array:
    """(N,) degrees between unit vectors (N, 3), exact for small angles too."""
    across = np.linalg.norm(np.cross(first, second), axis=1)
    result: Array = np.degrees(np.arctan2(across, (first * second).sum(1)))
    return result
