"""How well displacement maps agree: correlation, RMSE, and the error of the normals that one sees.

All over the texels of a mask, by the person's own metric where millimetres along the skin count.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..displacement.lattice_frame import LatticeFrame
from ..mesh.topology import Topology

Floats = NDArray[np.floating[Any]]
Float32 = NDArray[np.float32]

NOTHING_MM = 1e-4
"""RMS below which a true map is empty, and correlation with it means nothing."""


class Agreement(NamedTuple):
    """Of a predicted map with the true one.

    correlation   of the displacements about zero (a constant offset is an error too); NaN where the truth is empty
    rmse_mm       of the displacement
    normal_degrees, flat_normal_degrees   root mean square angle between the true normals and those with the
                  predicted map, and those without any
    """

    correlation: float
    rmse_mm: float
    normal_degrees: float
    flat_normal_degrees: float


class TexelMetric(NamedTuple):
    """(S, S) maps to compare displacement by: mask 0 or 1; inverse (S, S, 3) of the metric, texels per mm: slopes
    along the two tangent axes are (a du, b du + c dv) for differences du, dv between texels."""

    mask: NDArray[np.bool_]
    inverse: Float32


SKIN = ("face",)
NOT_SEEN = ("mouth_bag", "ears", "scalp")


def texel_metric(topology: Topology, neutral: Floats, size: int) -> TexelMetric:
    """Of one head at rest; the mask is its face without what lies inside the mouth."""
    frame = LatticeFrame.of(topology, neutral)
    shown = np.zeros(len(frame.places), np.float32)
    for name in SKIN:
        shown[topology.regions[name]] = 1.0
    for name in NOT_SEEN:
        if name in topology.regions:
            shown[topology.regions[name]] = 0.0
    a, b, c = (frame.metric[..., k] * np.float32(frame.size / size) for k in range(3))
    cells = np.stack([1.0 / a, -b / (a * c), 1.0 / c, frame.cell_means(shown)], -1)
    row = ((1.0 - (np.arange(size) + 0.5) / size) * frame.size).astype(np.intp)
    column = ((np.arange(size) + 0.5) / size * frame.size).astype(np.intp)
    texels = cells[row[:, None], column[None]]
    return TexelMetric(texels[..., 3] > 0.999, np.asarray(texels[..., :3], np.float32))


def slopes(displacement: Floats, metric: TexelMetric) -> Float32:
    """(n, 2) mm per mm along the tangent axes, at the n texels of the mask."""
    rows, columns = np.flatnonzero(metric.mask.any(1)), np.flatnonzero(metric.mask.any(0))
    box = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    maps, mask = np.asarray(displacement, np.float32)[box], metric.mask[box]
    along, up = np.gradient(maps, axis=1)[mask], -np.gradient(maps, axis=0)[mask]
    inverse = metric.inverse[box][mask]
    return np.stack([inverse[:, 0] * along, inverse[:, 1] * along + inverse[:, 2] * up], 1)


def agreement(
    predicted: Floats, truth: Floats, metric: TexelMetric, true_slopes: Float32 | None = None
) -> Agreement:
    """Compare two (S, S) maps in mm; ``true_slopes`` are those of the truth, where they are known already."""
    p, t = (np.asarray(values, np.float64)[metric.mask] for values in (predicted, truth))
    power = float(np.sqrt((p * p).mean() * (t * t).mean()))
    empty = float(np.sqrt((t * t).mean())) < NOTHING_MM
    correlation = float("nan") if empty else float((p * t).mean()) / max(power, 1e-12)
    if true_slopes is None:
        true_slopes = slopes(truth, metric)
    return Agreement(
        correlation,
        float(np.sqrt(((p - t) ** 2).mean())),
        _angle(slopes(predicted, metric), true_slopes),
        _angle(np.zeros_like(true_slopes), true_slopes),
    )


def _angle(first: Float32, second: Float32) -> float:
    """Root mean square angle, degrees, between the normals (-slopes, 1)."""
    dot = 1.0 + (first * second).sum(1)
    lengths = np.sqrt((1.0 + (first**2).sum(1)) * (1.0 + (second**2).sum(1)))
    angle = np.arccos(np.clip(dot / lengths, -1.0, 1.0))
    return float(np.degrees(np.sqrt((angle**2).mean())))
