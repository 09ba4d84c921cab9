"""Nearest points of a triangle mesh, as barycentric places."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree


def closest_on_triangles(
    points: NDArray[np.float64], corners: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nearest point of one triangle to each point.

    Parameters
    ----------
    points : (..., 3)
    corners : (..., 3, 3), triangle corners row by row

    Returns
    -------
    weights (..., 3) non-negative, summing to 1; squared distances (...)

    The nearest point lies within the face, on an edge or at a corner: the plane's barycentric coordinates are taken
    where they are all non-negative, else the best of the three clamped edge projections.
    """
    a, b, c = corners[..., 0, :], corners[..., 1, :], corners[..., 2, :]
    candidates = []
    for k, (start, end) in enumerate(((a, b), (b, c), (c, a))):
        edge = end - start
        length = np.maximum(np.einsum("...i,...i", edge, edge), 1e-30)
        along = np.clip(np.einsum("...i,...i", points - start, edge) / length, 0.0, 1.0)
        weights = np.zeros((*along.shape, 3))
        weights[..., k] = 1.0 - along
        weights[..., (k + 1) % 3] = along
        candidates.append(weights)
    ab, ac, ap = b - a, c - a, points - a
    d00, d01, d11 = (np.einsum("...i,...i", u, v) for u, v in ((ab, ab), (ab, ac), (ac, ac)))
    d20, d21 = np.einsum("...i,...i", ap, ab), np.einsum("...i,...i", ap, ac)
    determinant = d00 * d11 - d01 * d01
    safe = np.where(determinant > 1e-30, determinant, 1.0)
    v, w = (d11 * d20 - d01 * d21) / safe, (d00 * d21 - d01 * d20) / safe
    inside = np.stack([1.0 - v - w, v, w], -1)
    usable = (inside >= 0.0).all(-1) & (determinant > 1e-30)
    candidates.append(np.where(usable[..., None], inside, candidates[0]))

    stacked = np.stack(candidates, -2)  # (..., 4, 3)
    difference = np.einsum("...ck,...ki->...ci", stacked, corners) - points[..., None, :]
    squared = np.einsum("...ci,...ci->...c", difference, difference)
    best = squared.argmin(-1)
    chosen = np.take_along_axis(stacked, best[..., None, None], -2)[..., 0, :]
    return chosen, np.take_along_axis(squared, best[..., None], -1)[..., 0]


def closest_on_mesh(
    points: NDArray[np.float64],
    vertices: NDArray[np.float64],
    triangles: NDArray[np.integer[Any]],
    candidates: int = 48,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Nearest place on a mesh of each point.

    Parameters
    ----------
    points : (n, 3); vertices : (V, 3); triangles : (T, 3)
    candidates : triangles tried per point, nearest centroids first; enough where triangle sizes vary slowly

    Returns
    -------
    triangle (n,), weights (n, 3), distance (n,)
    """
    corners = vertices[triangles].astype(np.float64)
    count = min(candidates, len(triangles))
    _, near = cKDTree(corners.mean(1)).query(points, k=count)
    near = np.asarray(near).reshape(len(points), count)
    weights, squared = closest_on_triangles(np.repeat(points[:, None], count, 1), corners[near])
    best = squared.argmin(1)
    rows = np.arange(len(points))
    return near[rows, best].astype(np.int64), weights[rows, best], np.sqrt(squared[rows, best])
