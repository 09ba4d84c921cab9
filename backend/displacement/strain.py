"""How expressions squeeze and stretch the skin: logarithmic strain of every lattice cell.

With A the Jacobian of a cell at rest (in its own tangent frame) and g the metric of the deformed cell,
C = A^-T g A^-1 is the right Cauchy-Green tensor and E = 1/2 log C its Hencky strain: negative eigenvalues are
compression, and a cell that became half as long has log 1/2 along that direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .lattice_frame import LatticeFrame
from .spline import gaussian_matrix

Floats = NDArray[np.floating[Any]]
Float32 = NDArray[np.float32]

SMOOTHING_CELLS = 1.2
LARGEST_STRETCH = 20.0
"""C's eigenvalues are kept within 1 / this and this: folded cells inside the lips are no evidence."""


def expression_heads(neutral: Floats, blendshapes: Floats, weights: Floats) -> Float32:
    """(K, V, 3) mm: heads that show K expressions; neutral (V, 3), blendshapes (E, V, 3), weights (K, E)."""
    used = np.flatnonzero(np.abs(np.asarray(weights)).max(axis=0))
    small = np.asarray(blendshapes)[used].astype(np.float32).reshape(len(used), np.size(neutral))
    offsets = np.asarray(weights)[:, used].astype(np.float32) @ small
    return np.asarray(offsets.reshape(len(offsets), -1, 3) + np.asarray(neutral, np.float32), np.float32)


def key_strain(frame: LatticeFrame, heads: Floats, smoothing: float = SMOOTHING_CELLS) -> Float32:
    """Hencky strain of every cell on deformed heads.

    Parameters
    ----------
    frame : of the head at rest
    heads : (K, V, 3) mm
    smoothing : standard deviation, cells, of a Gaussian that does not cross slits

    Returns
    -------
    (K, N, N, 3) float32: E11, E22, E12 in the frame's tangent axes
    """
    p = np.asarray(heads, np.float32)
    c = frame.cells
    corner = [p[:, c[..., k]] for k in range(4)]
    along = 0.5 * (corner[1] - corner[0] + corner[2] - corner[3])
    up = 0.5 * (corner[3] - corner[0] + corner[2] - corner[1])
    g11 = np.einsum("...k,...k->...", along, along)
    g22 = np.einsum("...k,...k->...", up, up)
    g12 = np.einsum("...k,...k->...", along, up)
    a, b, d = frame.metric[..., 0], frame.metric[..., 1], frame.metric[..., 2]
    # A^-1 = [[1/a, -b/(a d)], [0, 1/d]]
    shear = -b / a
    c11 = g11 / a**2
    c12 = (g12 + shear * g11) / (a * d)
    c22 = (g22 + 2.0 * shear * g12 + shear**2 * g11) / d**2
    strain = _half_log(c11, c22, c12)
    return smoothed(frame, strain, smoothing)


def _half_log(c11: Float32, c22: Float32, c12: Float32) -> Float32:
    """1/2 log of symmetric 2 x 2 tensors: m + r and m - r are the eigenvalues, the rest follows in closed form."""
    mean = 0.5 * (c11 + c22)
    half = 0.5 * (c11 - c22)
    radius = np.sqrt(half**2 + c12**2)
    high = np.log(np.clip(mean + radius, 1.0 / LARGEST_STRETCH, LARGEST_STRETCH))
    low = np.log(np.clip(mean - radius, 1.0 / LARGEST_STRETCH, LARGEST_STRETCH))
    middle = 0.25 * (high + low)
    slope = 0.25 * (high - low) / np.maximum(radius, 1e-9)
    result: Float32 = np.stack([middle + slope * half, middle - slope * half, slope * c12], -1)
    return result


def smoothed(frame: LatticeFrame, fields: Float32, sigma: float) -> Float32:
    """(K, N, N, C) fields on cells, smoothed by a Gaussian of ``sigma`` cells that does not cross slits."""
    if sigma <= 0.0:
        return fields
    size = frame.size
    # One axis at a time in front, so that each is one large matrix product.
    upright = np.ascontiguousarray(np.moveaxis(fields, 1, 0))  # (row, K, column, C)
    mixed = np.empty_like(upright)
    cut = np.zeros((size, len(frame.bands) + 1), bool)  # which slits cross a column
    for band, ((_, below), (_, above)) in enumerate(pairwise(frame.bands)):
        doubled = below[-1] != above[0]
        cut[:, band + 1] = doubled[:-1] | doubled[1:]
    starts = np.array([first for first, _ in frame.bands])
    for kind in np.unique(cut, axis=0):
        edges = [0, *starts[np.flatnonzero(kind[1:-1]) + 1].tolist(), size]
        upward = np.zeros((size, size), np.float32)
        for low, high in pairwise(edges):
            upward[low:high, low:high] = gaussian_matrix(high - low, sigma)
        chosen = (cut == kind).all(1)
        part = upright[:, :, chosen]
        mixed[:, :, chosen] = (upward @ part.reshape(size, -1)).reshape(part.shape)
    across = np.ascontiguousarray(np.moveaxis(mixed, 2, 0))  # (column, row, K, C)
    soft = (gaussian_matrix(size, sigma) @ across.reshape(size, -1)).reshape(across.shape)
    result: Float32 = np.ascontiguousarray(np.transpose(soft, (2, 1, 0, 3)))
    return result


def principal(strain: Float32) -> tuple[Float32, Float32, Float32]:
    """Largest compression (...,) >= 0, largest stretch (...,) >= 0, and the unit axis of compression (..., 2)."""
    half = 0.5 * (strain[..., 0] - strain[..., 1])
    mean = 0.5 * (strain[..., 0] + strain[..., 1])
    radius = np.sqrt(half**2 + strain[..., 2] ** 2)
    # Half the angle of (half, E12) points along the larger eigenvalue; turned round, along the smaller.
    turn = 0.5 * np.arctan2(-strain[..., 2], -half)
    axis: Float32 = np.stack([np.cos(turn), np.sin(turn)], -1)
    return np.maximum(radius - mean, 0.0), np.maximum(radius + mean, 0.0), axis


def compression_along(strain: Float32, projector: Float32) -> Float32:
    """max(0, -d^T E d) for (K, ..., 3) strains and (..., 3) projectors d d^T as (d1^2, d2^2, d1 d2)."""
    along = (
        strain[..., 0] * projector[..., 0]
        + strain[..., 1] * projector[..., 1]
        + 2.0 * strain[..., 2] * projector[..., 2]
    )
    result: Float32 = np.maximum(-along, 0.0)
    return result


def mean_compression(strains: Sequence[Float32]) -> Float32:
    """(N, N, 3) sum over expressions of the compressive part of E: axis n by n, weighted with the compression."""
    total = np.zeros_like(strains[0])
    for strain in strains:
        compression, _, axis = principal(strain)
        total[..., 0] += compression * axis[..., 0] ** 2
        total[..., 1] += compression * axis[..., 1] ** 2
        total[..., 2] += compression * axis[..., 0] * axis[..., 1]
    return total
