"""Lips: closed at rest, sealed by mouthClose on jawOpen, and never through each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..mesh.topology import MATERIALS, Topology
from .base import ARKIT_NAMES
from .slit_columns import slit_columns, visible_edges
from .surface_falloff import Patch, TwoLoops, follow_loops

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PLATEAU_MM = 1.0  # the lips follow a correction of their edge fully up to here
REACH_MM = 8.0  # and less and less over this distance beyond
MEET_REACH_MM = 11.0  # the same where lips come together in depth
LOWER_SHARE = 0.8  # of that way goes the lower lip
PATCH_MM = 13.0  # skin and bag nearer than this to the lips' edges
ROWS = 18  # lattice rows from the slit outwards that can be the lips' visible edge
APART_MM = 8.0  # lips that stand farther apart in depth pass each other without touching
CLOSED_MM, OPEN_MM = 0.3, 1.0  # a blendshape that opens the lips by less than the first leaves them closed
# Where a shape rolls one lip behind the other, they overlap by this share of the way more: no teeth are seen from
# below or above.
SLANT = 0.35
SLANT_FROM_MM, SLANT_TO_MM = 1.0, 5.0
OVERLAP_MM = 0.3  # closed lips press into each other by this: no light between two polygons' edges
ROUNDS = 3
ROWS_NEAR = 5  # a pose's edge lies at most so many rows from the edge at rest
CORNER_COLUMNS = 4.0  # corrections fade towards the mouth's corners, where the lips are one
MEET_COLUMNS = 14.0  # the same for corrections in depth
SMOOTHING = 2  # rounds of averaging a correction over neighbouring columns


class Lips:
    """The skin and the front of the mouth bag around the lips.

    A lip's edge is the lowest place of the upper lip, and the highest of the lower, in each lattice column; it is
    found anew in each pose, because lips roll. Corrections are vertical: the height of an edge changes smoothly
    from column to column even where the edge jumps to another row.
    """

    def __init__(self, topology: Topology, neutral: Floats) -> None:
        upper, lower = topology.regions["lip_upper"], topology.regions["lip_lower"]
        columns = slit_columns(topology, upper, lower, ROWS)
        skin = np.unique(topology.quads[topology.material == MATERIALS.index("skin")])
        around = np.union1d(skin, topology.regions["mouth_bag"])
        edge = np.concatenate([columns.upper.ravel(), columns.lower.ravel()])
        box = (neutral[around] > neutral[edge].min(0) - PATCH_MM) & (
            neutral[around] < neutral[edge].max(0) + PATCH_MM
        )
        self.patch = Patch(topology.quads, np.concatenate([around[box.all(1)], edge]))
        self.upper, self.lower = self.patch.places(columns.upper), self.patch.places(columns.lower)
        rest = neutral[self.patch.vertices]
        self.column = np.arange(len(upper))
        # The rest's edges, and from here on only rows near them: a corner's fold is no lip.
        rows = visible_edges(rest[self.upper][..., 1], rest[self.lower][..., 1])
        self.loops: TwoLoops = follow_loops(
            self.patch,
            rest,
            self.upper[self.column, rows[0]],
            self.lower[self.column, rows[1]],
            PLATEAU_MM + max(REACH_MM, MEET_REACH_MM),
        )
        # The inner side of the lips, from the slit up to their edges.
        rows_of = np.arange(ROWS)[None, :]
        self.inner = np.concatenate(
            [columns.upper[rows_of < rows[0][:, None]], columns.lower[rows_of < rows[1][:, None]]]
        )
        window = np.arange(-ROWS_NEAR, ROWS_NEAR + 1)
        self.upper, self.lower = (
            side[self.column[:, None], np.clip(row[:, None] + window, 0, ROWS - 1)]
            for side, row in ((self.upper, rows[0]), (self.lower, rows[1]))
        )
        self.taper, self.depth_taper = (self._tapered(columns) for columns in (CORNER_COLUMNS, MEET_COLUMNS))

    def _tapered(self, columns: float) -> Floats:
        """(k,) from 0 at the mouth's corners smoothly to 1 some ``columns`` away from them."""
        t = np.clip(np.minimum(self.column, self.column[::-1]) / columns, 0.0, 1.0)
        result: Floats = t * t * (3.0 - 2.0 * t)
        return result

    def edges(self, points: Floats) -> tuple[Ints, Ints]:
        """Places (k,) in the patch of the visible edges of the upper and the lower lip."""
        rows = visible_edges(points[self.upper][..., 1], points[self.lower][..., 1])
        return self.upper[self.column, rows[0]], self.lower[self.column, rows[1]]

    def gap(self, points: Floats) -> Floats:
        """(k,) mm that the upper lip's edge stands above the lower's in each column; negative where they cross."""
        upper, lower = self.edges(points)
        return points[upper][:, 1] - points[lower][:, 1]

    def _opened(self, points: Floats, wanted: Floats) -> Floats:
        """The patch (n, 3) with the gap (k,) changed to ``wanted``, smoothly and shared between both lips."""
        change = 0.5 * self.taper * (wanted - self.gap(points))
        for _ in range(SMOOTHING):
            change[1:-1] = 0.25 * change[:-2] + 0.5 * change[1:-1] + 0.25 * change[2:]
        move = change[:, None]
        result = points.copy()
        result[:, 1:2] += self.loops.spread(move, -move, PLATEAU_MM, REACH_MM)
        return result

    def parted(self, points: Floats, up: Floats, down: Floats) -> Floats:
        """The patch (n, 3) with the upper edge ``up`` (k,) mm higher and the lower edge ``down`` (k,) mm lower."""
        result = points.copy()
        result[:, 1:2] += self.loops.spread(up[:, None], -down[:, None], PLATEAU_MM, REACH_MM)
        return result

    def met(self, points: Floats, depth: Floats) -> Floats:
        """The patch (n, 3) with the upper edge ``depth`` (k,) mm in front of the lower one in each column."""
        upper, lower = self.edges(points)
        move = self.depth_taper * (points[upper][:, 2] - points[lower][:, 2] - depth)
        for _ in range(SMOOTHING):
            move[1:-1] = 0.25 * move[:-2] + 0.5 * move[1:-1] + 0.25 * move[2:]
        result = points.copy()
        result[:, 2:] += self.loops.spread(
            (LOWER_SHARE - 1.0) * move[:, None], LOWER_SHARE * move[:, None], PLATEAU_MM, MEET_REACH_MM
        )
        return result

    def sealed(self, points: Floats) -> Floats:
        """The patch (n, 3) with the edges of both lips brought together, each by half the way."""
        for _ in range(ROUNDS):
            # The edge moves to another row by the first closing and then lacks a little.
            points = self._opened(points, np.full(len(self.upper), -OVERLAP_MM))
        return points

    def behind(self, points: Floats) -> Floats:
        """(k,) mm by which one lip's edge lies behind the other's."""
        upper, lower = self.edges(points)
        return np.abs(points[upper][:, 2] - points[lower][:, 2])

    def settled(self, points: Floats, behind_at_rest: Floats) -> Floats:
        """The patch (n, 3) with lips that cross, or part by less than a skin's breadth, closed.

        ``behind_at_rest`` (k,) is ``behind`` of the rest pose, in which lips lie on each other anyhow.
        """
        for _ in range(ROUNDS):
            gap = self.gap(points)
            t = np.clip((gap - CLOSED_MM) / (OPEN_MM - CLOSED_MM), 0.0, 1.0)
            behind = self.behind(points)
            rolled = np.clip(behind - behind_at_rest, SLANT_FROM_MM, SLANT_TO_MM) - SLANT_FROM_MM
            overlap = OVERLAP_MM + SLANT * rolled
            wanted = (gap + overlap) * t * t * (3.0 - 2.0 * t) - overlap
            wanted = np.where(behind > APART_MM, gap, wanted)
            if np.abs(wanted - gap).max() < 1e-3:
                break
            points = self._opened(points, wanted)
        return points


def close_lips(lips: Lips, neutral: Floats, blendshapes: Floats) -> None:
    """Close the lips at rest and keep them from crossing in each blendshape, in place.

    The offsets of ``blendshapes`` are kept: a closed rest pose moves every pose along.
    """
    ids = lips.patch.vertices
    rest = lips.sealed(neutral[ids])
    neutral[ids] = rest
    behind = lips.behind(rest)
    for k, name in enumerate(ARKIT_NAMES):
        if name != "mouthClose" and np.abs(blendshapes[k, ids]).max() > 0.0:
            blendshapes[k, ids] = lips.settled(rest + blendshapes[k, ids], behind) - rest


def seal_mouth_close(lips: Lips, neutral: Floats, blendshapes: Floats) -> None:
    """Make mouthClose seal the lips where it is meant to be used: on top of jawOpen, both at weight 1. In place.

    ICT's mouthClose carries the lower lip past the upper one. Its whole offset is scaled until the middle of the
    lips meets (by regula falsi; the gap is nearly linear in the scale), and only what is left is sealed column by
    column, in height and in depth.
    """
    ids = lips.patch.vertices
    open_jaw, close = ARKIT_NAMES.index("jawOpen"), ARKIT_NAMES.index("mouthClose")
    state, offset = neutral[ids] + blendshapes[open_jaw, ids], blendshapes[close, ids]

    def middle_gap(scale: float) -> float:
        return float(np.average(lips.gap(state + scale * offset), weights=lips.taper))

    low, high = 0.0, 1.0
    gap_low, gap_high = middle_gap(low), middle_gap(high)
    scale = 1.0
    for _ in range(6):
        if not gap_low > 0.0 > gap_high:
            break
        scale = low + (high - low) * gap_low / (gap_low - gap_high)
        gap = middle_gap(scale)
        if gap > 0.0:
            low, gap_low = scale, gap
        else:
            high, gap_high = scale, gap
        if abs(gap) < 0.1:
            break
    blendshapes[close] *= scale
    # The jaw carries the lower lip backwards: closed lips meet in depth as they do at rest.
    upper, lower = lips.edges(neutral[ids])
    depth = neutral[ids][upper, 2] - neutral[ids][lower, 2]
    closed = state + scale * offset
    for _ in range(ROUNDS):
        closed = lips.sealed(lips.met(closed, depth))
    blendshapes[close, ids] = closed - state
