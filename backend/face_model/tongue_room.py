"""Makes room for the tongue of tongueOut: it passes midway between the lips, and they part for it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..mesh.topology import Topology
from .base import ARKIT_NAMES
from .lips import Lips

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CLEARANCE_MM = 0.4
BESIDE_MM = 2.5  # the tongue this far to the side of a column of the lips, and
DEPTH_MM = 5.0  # this far in front of or behind its edges, is in its way
SHIFT_LIMIT_MM = 6.0
BEND_MM = 25.0  # behind the lips, over which the tongue bends towards the lips' middle
SAMPLES = 4  # places along each side of a quad of the tongue


def _surface(points: Floats, quads: Ints) -> Floats:
    """(n, 3) places all over the quads."""
    s, t = (g.ravel()[:, None, None] for g in np.meshgrid(np.linspace(0, 1, SAMPLES), np.linspace(0, 1, SAMPLES)))
    a, b, c, d = (points[quads[:, k]] for k in range(4))
    places: Floats = (1 - t) * ((1 - s) * a + s * b) + t * ((1 - s) * d + s * c)
    return places.reshape(-1, 3)


def _extent(tongue: Floats, upper: Floats, lower: Floats) -> tuple[Floats, Floats]:
    """Top over the upper edge and bottom at the lower edge of the tongue in each column of the lips, (k,) heights.

    NaN where the tongue does not pass a column.
    """
    top, bottom = np.full(len(upper), np.nan), np.full(len(upper), np.nan)
    for edge, heights, pick in ((upper, top, np.max), (lower, bottom, np.min)):
        beside = np.abs(tongue[None, :, 0] - edge[:, None, 0]) < BESIDE_MM
        beside &= np.abs(tongue[None, :, 2] - edge[:, None, 2]) < DEPTH_MM
        for k in np.flatnonzero(beside.any(1)):
            heights[k] = pick(tongue[beside[k], 1])
    return top, bottom


def make_room(topology: Topology, lips: Lips, neutral: Floats, blendshapes: Floats) -> None:
    """Bend the tongue of tongueOut to the middle of the mouth and part the lips around it, in place."""
    out = ARKIT_NAMES.index("tongueOut")
    ids = topology.regions["tongue"].astype(np.int64)
    place = np.full(len(neutral), -1, dtype=np.int64)
    place[ids] = np.arange(len(ids))
    quads = place[topology.quads[(topology.quads >= 0).all(1)]]
    quads = quads[(quads >= 0).all(1)]
    tongue = neutral[ids] + blendshapes[out, ids]
    points = neutral[lips.patch.vertices] + blendshapes[out, lips.patch.vertices]
    upper, lower = (points[edge] for edge in lips.edges(points))

    top, bottom = _extent(_surface(tongue, quads), upper, lower)
    passed = np.isfinite(top) & np.isfinite(bottom)
    if not passed.any():
        return
    shift = np.median(0.5 * (upper[:, 1] + lower[:, 1] - top - bottom)[passed])
    shift = float(np.clip(shift, -SHIFT_LIMIT_MM, SHIFT_LIMIT_MM))
    front = 0.5 * (upper[passed, 2] + lower[passed, 2]).max()
    t = np.clip(1.0 - (front - DEPTH_MM - tongue[:, 2]) / BEND_MM, 0.0, 1.0)
    tongue[:, 1] += shift * t * t * (3.0 - 2.0 * t)
    blendshapes[out, ids] = tongue - neutral[ids]

    for _ in range(2):
        upper, lower = (points[edge] for edge in lips.edges(points))
        top, bottom = _extent(_surface(tongue, quads), upper, lower)
        up = np.nan_to_num(np.maximum(top + CLEARANCE_MM - upper[:, 1], 0.0))
        down = np.nan_to_num(np.maximum(lower[:, 1] - bottom + CLEARANCE_MM, 0.0))
        points = lips.parted(points, up, down)
    blendshapes[out, lips.patch.vertices] = points - neutral[lips.patch.vertices]
