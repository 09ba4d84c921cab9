"""Spreads corrections from a loop of vertices (a lid's or a lip's edge) smoothly over the skin around it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NEIGHBOURS = 5  # of a vertex; where there are more, the rest is left out
LOOP_SMOOTHING_MM = 1.5  # width of the mean along a loop that a vertex beside it takes
LEAST_WEIGHT = 1e-4  # in that mean; less, of the greatest one, is none


class Patch:
    """Some vertices of a mesh and the edges between them.

    Attributes
    ----------
    vertices : (n,) vertex ids, sorted
    edges : (m, 2) places in ``vertices``, each edge in both directions; quads' sides only
    """

    def __init__(self, quads: NDArray[np.int32], vertices: NDArray[np.integer[Any]]) -> None:
        self.vertices: Ints = np.unique(vertices).astype(np.int64)
        place = np.full(int(quads.max()) + 1, -1, dtype=np.int64)
        place[self.vertices] = np.arange(len(self.vertices))
        faces = place[quads[(quads >= 0).all(1)]]
        faces = faces[(faces >= 0).any(1)]
        sides = np.concatenate([faces[:, [k, (k + 1) % 4]] for k in range(4)])
        sides = sides[(sides >= 0).all(1)]
        both = np.concatenate([sides, sides[:, ::-1]])
        key = np.unique(both[:, 0] * len(self.vertices) + both[:, 1])
        self.edges: Ints = np.stack([key // len(self.vertices), key % len(self.vertices)], 1)
        self._place = place

    def places(self, ids: NDArray[np.integer[Any]]) -> Ints:
        """Places in ``vertices`` of vertex ids, all of which must belong to the patch."""
        result: Ints = self._place[ids]
        return result

    def distances(self, points: Floats, sources: Ints, limit: float) -> Floats:
        """(n,) shortest way along edges over ``points`` (n, 3) from ``sources`` (places), at most ``limit``."""
        start, stop = self.edges.T
        length = np.linalg.norm(points[start] - points[stop], axis=1)
        distance = np.full(len(points), np.inf)
        distance[sources] = 0.0
        active = np.zeros(len(points), dtype=bool)
        active[sources] = True
        while active.any():
            chosen = active[start]
            reach = distance[start[chosen]] + length[chosen]
            before = distance.copy()
            np.minimum.at(distance, stop[chosen], reach)
            active = (distance < before) & (distance < limit)
        return np.minimum(distance, limit)

    def neighbour_table(self) -> Ints:
        """(NEIGHBOURS, n) places of each vertex's neighbours, padded with the vertex itself."""
        count = len(self.vertices)
        start, stop = self.edges.T
        first = np.searchsorted(start, np.arange(count))
        slot = np.arange(len(start)) - first[start]
        table = np.repeat(np.arange(count)[None], NEIGHBOURS, axis=0)
        kept = slot < NEIGHBOURS
        table[slot[kept], start[kept]] = stop[kept]
        return table


@dataclass(frozen=True)
class TwoLoops:
    """How a patch follows two loops that face each other across a slit (upper and lower lid or lip).

    upper, lower  (k,) places in the patch, the loops in the same order
    distance      (n,) mm along the surface from the nearer loop
    share         (n,) 0 to 1, how much a vertex belongs to the upper loop
    near_upper    (n, k) weights of the upper loop's vertices for each vertex, rows sum to 1; near_lower likewise
    """

    upper: Ints
    lower: Ints
    distance: Floats
    share: Floats
    near_upper: Floats
    near_lower: Floats
    _prepared: dict[tuple[float, float], tuple[Ints, csr_matrix]] = field(default_factory=dict, repr=False)

    def _followers(self, plateau_mm: float, reach_mm: float) -> tuple[Ints, csr_matrix]:
        """Which vertices (m,) follow the loops, and by how much: (m, 2 k) sparse, upper loop first. Kept."""
        key = plateau_mm, reach_mm
        if key not in self._prepared:
            t = np.clip(1.0 - (self.distance - plateau_mm) / reach_mm, 0.0, 1.0)
            fade = t * t * (3.0 - 2.0 * t)
            moved = np.flatnonzero(fade > 0.0)
            above = (fade * self.share)[moved, None] * self.near_upper[moved]
            below = (fade * (1.0 - self.share))[moved, None] * self.near_lower[moved]
            self._prepared[key] = moved, csr_matrix(np.concatenate([above, below], axis=1))
        return self._prepared[key]

    def spread(self, upper_offset: Floats, lower_offset: Floats, plateau_mm: float, reach_mm: float) -> Floats:
        """Offsets (n, c) of the patch that continue the loops' (k, c).

        They hold up to ``plateau_mm`` from the loops and fade out over ``reach_mm`` beyond. The loops' own vertices
        get exactly their own offsets, a vertex of both loops the mean of its two.
        """
        moved, weights = self._followers(plateau_mm, reach_mm)
        result = np.zeros((len(self.distance), upper_offset.shape[1]))
        result[moved] = weights @ np.concatenate([upper_offset, lower_offset])
        result[self.lower] = lower_offset
        result[self.upper] = upper_offset
        shared = self.upper == self.lower
        result[self.upper[shared]] = 0.5 * (upper_offset + lower_offset)[shared]
        return result


def _near(points: Floats, loop: Floats) -> Floats:
    """(n, k) Gaussian weights of the loop's vertices around the nearest one of each point; most are 0."""
    squared = (points**2).sum(1)[:, None] + (loop**2).sum(1) - 2.0 * points @ loop.T
    squared -= squared.min(1, keepdims=True)
    weight = np.exp(squared * (-0.5 / LOOP_SMOOTHING_MM**2))
    weight[weight < LEAST_WEIGHT] = 0.0
    result: Floats = weight / weight.sum(1, keepdims=True)
    return result


def follow_loops(patch: Patch, points: Floats, upper: Ints, lower: Ints, limit_mm: float) -> TwoLoops:
    """Prepare spreading from two loops (places) over the patch at ``points`` (n, 3)."""
    from_upper = patch.distances(points, upper, limit_mm)
    from_lower = patch.distances(points, lower, limit_mm)
    squares = from_upper**2 + from_lower**2
    share = np.where(squares > 0.0, from_lower**2 / np.maximum(squares, 1e-12), 0.5)
    return TwoLoops(
        upper=upper,
        lower=lower,
        distance=np.minimum(from_upper, from_lower),
        share=share,
        near_upper=_near(points, points[upper]),
        near_lower=_near(points, points[lower]),
    )
