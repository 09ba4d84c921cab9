"""Cubic B-splines along one axis as small dense matrices: a map is two matrix products away from a lattice."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

GHOST_NODES = 5
"""Nodes beyond an edge after which a spline has forgotten them (the influence falls by 3.7 per node)."""


def _basis(count: int, at: NDArray[Any]) -> NDArray[np.float64]:
    """(len(at), count + 2) uniform cubic B-spline weights of coefficients -1 .. count."""
    place = np.clip(np.asarray(at, np.float64), 0.0, count - 1.0)
    cell = np.minimum(place.astype(np.intp), count - 2)
    t = place - cell
    weights = np.stack([(1 - t) ** 3, 4 - 6 * t**2 + 3 * t**3, 1 + 3 * t + 3 * t**2 - 3 * t**3, t**3], 1) / 6.0
    matrix = np.zeros((len(place), count + 2))
    np.put_along_axis(matrix, cell[:, None] + np.arange(4), weights, 1)
    return matrix


def _closed(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ends that go on straight: coefficient -1 is 2 c_0 - c_1, and so at the other end."""
    inner = matrix[:, 1:-1].copy()
    inner[:, 0] += 2.0 * matrix[:, 0]
    inner[:, 1] -= matrix[:, 0]
    inner[:, -1] += 2.0 * matrix[:, -1]
    inner[:, -2] -= matrix[:, -1]
    return inner


def node_spline(count: int, at: NDArray[np.floating[Any]]) -> Float32:
    """(len(at), count) matrix that interpolates: values at nodes 0 .. count - 1 to places ``at`` (clipped)."""
    through = _closed(_basis(count, np.arange(count)))
    matrix = np.linalg.solve(through.T, _closed(_basis(count, at)).T).T
    result: Float32 = matrix.astype(np.float32)
    return result


def cell_spline(count: int, at: NDArray[np.floating[Any]]) -> Float32:
    """(len(at), count) matrix that smooths: the values are the spline's coefficients; weights are never negative.

    Beyond the ends the first and the last value go on.
    """
    matrix = _basis(count, at)
    inner = matrix[:, 1:-1].copy()
    inner[:, 0] += matrix[:, 0]
    inner[:, -1] += matrix[:, -1]
    return inner.astype(np.float32)


def gaussian_matrix(count: int, sigma: float) -> Float32:
    """(count, count) matrix that smooths by a Gaussian of ``sigma``; rows sum to 1, also at the ends."""
    index = np.arange(count, dtype=np.float64)
    matrix = np.exp(-0.5 * ((index[:, None] - index[None]) / max(sigma, 1e-6)) ** 2)
    matrix[np.abs(index[:, None] - index[None]) > 4.0 * sigma + 1.0] = 0.0
    result: Float32 = (matrix / matrix.sum(1, keepdims=True)).astype(np.float32)
    return result
