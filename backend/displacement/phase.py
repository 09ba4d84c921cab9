"""Phase of a crease set: lines lie where it is a whole number.

Where lines follow the strain, the phase is fitted: on a part of the lattice, least squares of the gradient to a
wanted direction and spacing (a Poisson problem, Knoeppel et al. 2015 without the singularities).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from .lattice_frame import LatticeFrame

Floats = NDArray[np.floating[Any]]
Float32 = NDArray[np.float32]

SMOOTHNESS = 1e-3
"""Weight of a gradient of 0, which decides where the wanted weight is nothing."""
HELD = 1e-6
"""Weight that holds the free constant."""
MEAN_OF_PROFILE = 0.62
"""Mean of the profile's x over a period, for usual exponents and roundness."""
FOOTPRINT = 1.5
"""Texels that a valley's bottom is wide at least."""
ROUNDNESS_TABLE = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.55, 0.75, 1.0, 1.5, 2.5)


def fit_phase(frame: LatticeFrame, area: tuple[slice, slice], direction: Floats, spacing_mm: float,
              weight: Floats) -> tuple[Float32, Float32]:  # fmt: skip
    """Phase (cycles) and length along the lines (mm) whose gradients are ``direction / spacing`` and its normal.

    Parameters
    ----------
    frame : of the head
    area : rows and columns of cells, (hc, wc)
    direction : (hc, wc, 2) unit vectors across the lines, tangent axes
    spacing_mm : distance between lines at rest
    weight : (hc, wc) >= 0, how much a cell counts

    Returns
    -------
    (V,) cycles and (V,) mm, 0 outside the area; each has a free constant (the mean over the area is about 0)
    """
    cells = frame.cells[area].reshape(-1, 4)
    ids, local = np.unique(cells, return_inverse=True)
    local = local.reshape(cells.shape)
    a, b, c = (frame.metric[area][..., k].reshape(-1).astype(np.float64) for k in range(3))
    count = len(cells)
    row = np.repeat(np.arange(count), 4)
    shape = (count, len(ids))
    step_u = sp.csr_matrix((np.tile([-0.5, 0.5, 0.5, -0.5], count), (row, local.ravel())), shape)
    step_v = sp.csr_matrix((np.tile([-0.5, -0.5, 0.5, 0.5], count), (row, local.ravel())), shape)
    root = np.sqrt(np.asarray(weight, np.float64).reshape(-1))
    # Gradient in the tangent axes: A^-T (d/du, d/dv).
    first = sp.diags(root / a) @ step_u
    second = sp.diags(root / c) @ (step_v - sp.diags(b / a) @ step_u)
    d = np.asarray(direction, np.float64).reshape(-1, 2)
    inverse = root / spacing_mm
    wanted = np.stack([d[:, 0] * inverse, -d[:, 1] * root], 1), np.stack([d[:, 1] * inverse, d[:, 0] * root], 1)
    system = first.T @ first + second.T @ second
    system += SMOOTHNESS**2 * (step_u.T @ step_u + step_v.T @ step_v) + HELD**2 * sp.eye(len(ids))
    solution = splu(system.tocsc(), permc_spec="MMD_AT_PLUS_A").solve(first.T @ wanted[0] + second.T @ wanted[1])
    result = np.zeros((2, len(frame.places)), np.float32)
    result[:, ids] = (solution - solution.mean(0)).T
    return result[0], result[1]


def gradient(frame_metric: Float32, values: Float32) -> Float32:
    """(h, w, 2) gradient per mm in the tangent axes of (h, w) values on texels.

    ``frame_metric`` (h, w, 3) mm per texel: a, b, c of ``LatticeFrame.metric`` there. Rows run down, so along -v.
    Jumps by whole cycles, as round forks, do not count.
    """
    along_u, along_v = _step(values, 1), -_step(values, 0)
    a, b, c = frame_metric[..., 0], frame_metric[..., 1], frame_metric[..., 2]
    first = along_u / a
    result: Float32 = np.stack([first, (along_v - b * first) / c], -1)
    return result


def cycles_per_texel(values: Float32) -> Float32:
    """(h, w) how much a phase changes from a texel to the next, in the direction where it changes most."""
    result: Float32 = np.hypot(_step(values, 0), _step(values, 1))
    return result


def _step(values: Float32, axis: int) -> Float32:
    """Central differences along an axis, one-sided at the ends, modulo whole numbers."""
    steps = np.diff(values, axis=axis)
    steps -= np.rint(steps)
    first, last = np.take(steps, [0], axis), np.take(steps, [-1], axis)
    inner = 0.5 * (np.delete(steps, 0, axis) + np.delete(steps, -1, axis))
    return np.concatenate([first, inner, last], axis)


def profile(phase: Float32, exponent: float, roundness: float, per_texel: Float32 | float = 0.0) -> Float32:
    """Height across lines, in units of the depth: sharp valleys at whole phases, round ridges, mean about 0.

    x = (sqrt(sin^2(pi phi) + s^2) - s) / (sqrt(1 + s^2) - s), P = 2 x^q - 1.24; valley -1.24, ridge 0.76 where the
    texels are fine. A valley is never sharper than texels can show: s^2 grows by (pi p)^2 with the phase's change p
    from one texel to the next, and the mean is kept.

    Parameters
    ----------
    phase : cycles
    exponent, roundness : q and s
    per_texel : p, cycles per texel
    """
    sine = np.sin(np.float32(np.pi) * phase)
    s = np.sqrt(np.float32(roundness**2) + np.square(np.float32(FOOTPRINT * np.pi) * per_texel))
    x = np.sqrt(sine * sine + s * s) - s
    x /= np.sqrt(np.float32(1.0) + s * s) - s
    if exponent != 1.0:
        x = np.maximum(x, 1e-6) ** np.float32(exponent)
    shift = _mean_of_x(s, exponent) - _mean_of_x(np.float32(roundness), exponent)
    result: Float32 = np.asarray(2.0 * (x - np.float32(MEAN_OF_PROFILE) - shift), np.float32)
    return result


def _mean_of_x(roundness: Float32 | np.float32, exponent: float) -> Float32:
    """Mean over a period of the profile's x, interpolated between some values of the roundness."""
    table = _mean_table(exponent)
    return np.interp(roundness, ROUNDNESS_TABLE, table).astype(np.float32)


@lru_cache(maxsize=32)
def _mean_table(exponent: float) -> tuple[float, ...]:
    sine = np.abs(np.sin(np.pi * (np.arange(256) + 0.5) / 256))
    s = np.array(ROUNDNESS_TABLE)[:, None]
    x = (np.sqrt(sine**2 + s**2) - s) / (np.sqrt(1.0 + s**2) - s)
    return tuple((x**exponent).mean(1).tolist())


def forks(x: Float32, y: Float32, places: list[tuple[float, float, float, float]], squeeze: float
          ) -> tuple[Float32, Float32]:  # fmt: skip
    """Where one line becomes two and, further on, two become one.

    Parameters
    ----------
    x, y : coordinates along and across the lines, mm
    places : (x of the fork, x of the join, y, +1 or -1) each
    squeeze : how much shorter a fork is along the lines than across

    Returns
    -------
    cycles to add to the phase, and a factor of the depth that takes the singular points away
    """
    phase, keep = np.zeros_like(x), np.ones_like(x)
    for start, end, height, sign in places:
        for at, turn in ((start, sign), (end, -sign)):
            phase += turn * np.arctan2(y - height, (x - at) * squeeze) / (2.0 * np.pi)
            keep *= 1.0 - np.exp(-((y - height) ** 2 + (0.6 * (x - at)) ** 2) / 12.0)
    return phase.astype(np.float32), keep.astype(np.float32)
