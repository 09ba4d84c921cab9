"""Smooth fields on the skin's mesh: the fill that continues known colours where nothing is known.

A field lives on vertices, not in UV space, so that it knows no seams: neighbours across a UV cut are neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags
from scipy.sparse.csgraph import connected_components

from ..mesh.topology import MATERIALS, Topology

FloatArray = NDArray[np.floating[Any]]
EDGE_WEIGHT_LIMITS = (0.01, 20.0)  # slivers must not tie two vertices together, or cut them apart


@dataclass(frozen=True)
class SkinGraph:
    """The skin's vertices as a graph.

    vertices   (n,) vertex ids of the skin, ascending
    laplacian  (n, n) sparse, weights on the faces' edges as wide as the faces beside them over the edge's length
               (finite volumes: independent of how the mesh is cut), rows sum to 0, positive diagonal
    area       (n,) mm^2 of each vertex
    """

    vertices: NDArray[np.intp]
    laplacian: csr_matrix
    area: NDArray[np.float64]

    def extend(
        self,
        values: FloatArray,
        weights: FloatArray,
        target: FloatArray,
        reach_mm: float,
        tolerance: float = 3e-3,
        start: FloatArray | None = None,
    ) -> NDArray[np.float64]:
        """Screened membrane: the x that minimises

            sum_ij c_ij (x_i - x_j)^2 + sum_i w_i (x_i - values_i)^2 + sum_i area_i / reach^2 (x_i - target)^2

        Near known values it follows them, farther away than ``reach_mm`` it is the target.

        Parameters
        ----------
        values : (V, C) at all vertices of the topology; read where the weight is above 0
        weights : (V,) at least 0; 1 is as stiff as an edge of a square face
        target : (C,) or (V, C)
        reach_mm : distance over which known values fade into the target
        tolerance : of the residual, relative to the right-hand side's
        start : (V, C) first guess, optional

        Returns
        -------
        (V, C) float64; the target at vertices that are not skin.
        """
        target_at = np.broadcast_to(np.asarray(target, dtype=np.float64), values.shape)
        known = np.asarray(weights, dtype=np.float64)[self.vertices]
        pull = self.area / reach_mm**2
        wanted = target_at[self.vertices]
        data = np.where(known[:, None] > 0, np.asarray(values, dtype=np.float64)[self.vertices], 0.0)
        # Solve for the difference to the target, so that the screening drops out of the right-hand side.
        matrix = (self.laplacian + diags(known + pull)).tocsr()
        right = known[:, None] * (data - wanted) - self.laplacian @ wanted
        guess = np.zeros_like(wanted) if start is None else np.asarray(start)[self.vertices] - wanted
        found = np.array(target_at, dtype=np.float64)
        found[self.vertices] += _conjugate_gradients(matrix, right, guess, tolerance)
        return found

    def blur(self, values: FloatArray, length_mm: float, weights: FloatArray | None = None) -> NDArray[np.float64]:
        """(V, C) averaged over about ``length_mm``, exponential falloff; with (V,) weights, a weighted average.

        Where no weight is within reach, the result is that of the nearest weights.
        """
        stiffness = np.zeros(len(values))
        stiffness[self.vertices] = self.area / length_mm**2
        weight = np.ones((len(values), 1)) if weights is None else np.asarray(weights)[:, None]
        both = np.concatenate([np.asarray(values) * weight, weight], axis=1)
        # The stiffness is the data's; the screening towards a target is not wanted.
        found = self.extend(both, stiffness, np.zeros(both.shape[1]), 1e4 * length_mm, start=both)
        averaged: NDArray[np.float64] = found[:, :-1] / np.maximum(found[:, -1:], 1e-9)
        return averaged

    def outside(self, known: FloatArray) -> NDArray[np.bool_]:
        """(V,) the largest connected piece of where ``known`` (V,) is below one half; other pieces are holes."""
        unknown = np.asarray(known)[self.vertices] < 0.5
        inside = np.flatnonzero(unknown)
        result = np.zeros(len(known), bool)
        if len(inside):
            _, piece = connected_components(self.laplacian[inside][:, inside], directed=False)
            largest = np.argmax(np.bincount(piece, self.area[inside]))
            result[self.vertices[inside[piece == largest]]] = True
        return result

    def smooth(self, values: FloatArray, steps: int) -> NDArray[np.float64]:
        """(V, C) or (V,) averaged with the neighbours ``steps`` times (half own value, half neighbours' mean)."""
        degree = self.laplacian.diagonal()
        inverse = 0.5 / np.maximum(degree, 1e-9)
        result = np.array(values, dtype=np.float64)
        x = result[self.vertices]
        inverse = inverse.reshape(-1, *[1] * (x.ndim - 1))
        for _ in range(steps):
            x -= inverse * (self.laplacian @ x)
        result[self.vertices] = x
        return result


def skin_graph(topology: Topology, vertices: NDArray[np.float64]) -> SkinGraph:
    """Graph of the faces of material "skin"; areas are taken from ``vertices`` (V, 3) mm."""
    quads = topology.quads[topology.material == MATERIALS.index("skin")]
    corners = np.where(quads < 0, quads[:, :1], quads)
    used, local = np.unique(corners, return_inverse=True)
    local = local.reshape(corners.shape)
    a, b, c, d = (vertices[corners[:, k]] for k in range(4))
    face_area = 0.5 * np.linalg.norm(np.cross(c - a, d - b), axis=1)
    area = np.bincount(local.ravel(), np.repeat(face_area / 4.0, 4), minlength=len(used)).astype(np.float64)

    # A face h wide across an edge of length l passes h / l through it; h = area / l. Half of it is the face's.
    pairs = np.stack([local, np.roll(local, -1, axis=1)], axis=-1).reshape(-1, 2)
    squared = ((vertices[used[pairs[:, 0]]] - vertices[used[pairs[:, 1]]]) ** 2).sum(1)
    weight = 0.5 * np.repeat(face_area, 4) / np.maximum(squared, 1e-6)
    keep = pairs[:, 0] != pairs[:, 1]
    pairs, weight = pairs[keep], np.clip(weight[keep], *EDGE_WEIGHT_LIMITS)
    count = len(used)
    both = np.concatenate([pairs, pairs[:, ::-1]])
    adjacency = csr_matrix((np.concatenate([weight, weight]), both.T), shape=(count, count))
    laplacian = (diags(np.asarray(adjacency.sum(axis=1)).ravel()) - adjacency).tocsr()
    return SkinGraph(used.astype(np.intp), laplacian, area)


def _conjugate_gradients(
    matrix: csr_matrix,
    right: NDArray[np.float64],
    guess: NDArray[np.float64],
    tolerance: float,
    limit: int = 600,
) -> NDArray[np.float64]:
    """Solve a symmetric positive definite system for several right-hand sides (n, C) at once.

    Jacobi preconditioner; all columns advance together until the worst meets the tolerance.
    """
    inverse = 1.0 / matrix.diagonal()
    # One row per right-hand side: numpy is several times slower where the inner axis is three long.
    x, target = np.ascontiguousarray(guess.T), np.ascontiguousarray(right.T)
    product = np.empty_like(x)

    def multiply(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        for row, result in zip(rows, product):
            result[:] = matrix @ row
        return product

    def inner(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array([[a @ b] for a, b in zip(first, second)])

    residual = target - multiply(x)
    z = inverse * residual
    direction = z.copy()
    energy = inner(residual, z)
    goal = tolerance**2 * np.maximum(inner(target * inverse, target), 1e-30)
    for _ in range(limit):
        if (energy <= goal).all():
            break
        multiply(direction)
        curvature = inner(direction, product)
        step = energy / np.where(curvature > 0, curvature, 1.0)
        x += np.multiply(step, direction, out=z)
        residual -= np.multiply(step, product, out=z)
        np.multiply(inverse, residual, out=z)
        fresh = inner(residual, z)
        direction *= fresh / np.where(energy > 0, energy, 1.0)
        direction += z
        energy = fresh
    return x.T
