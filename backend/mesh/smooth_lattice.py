"""Vertex attributes of a geometry image as smooth maps: uniform bicubic B-splines instead of bilinear patches.

A bilinear map of normals or strains has creases along every line of the lattice, and whatever is lit by it or
differentiated shows them. The vertices as control points of a cubic B-spline give a map that is twice continuously
differentiable (on a regular lattice the limit of Catmull-Clark subdivision), at the price of a blur of
[1 4 1] / 6 cells. Slits stay open: on their columns the spline ends there, as at the lattice's own border.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import TopologyMismatch
from .texel_map import lattice_map
from .topology import Topology


class SmoothLattice:
    """B-spline images of vertex attributes in the skin's UV square; texels as in ``texel_map``."""

    def __init__(self, topology: Topology, size: int) -> None:
        """``size``: S, texels a side. Raises TopologyMismatch where the skin is not a lattice."""
        lattice = lattice_map(topology, size)
        if lattice is None:
            raise TopologyMismatch("This face model's skin is not a geometry image.")
        self.size = size
        self._cells = lattice.cells
        self._bands = lattice.bands
        place = (np.arange(size) + 0.5) / size * lattice.cells
        self._across = _weights(place, lattice.cells).T.copy()
        height = place[::-1]  # row 0 is the top
        self._rows = []
        for first, nodes in lattice.bands:
            chosen = np.flatnonzero((height >= first) & (height < first + len(nodes) - 1))
            self._rows.append((chosen, _weights(height[chosen] - first, len(nodes) - 1)))

    def image(self, values: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """(V, C) or (V,) vertex attributes to (S, S, C) or (S, S) float32."""
        flat = np.asarray(values, np.float32)
        channels = flat.reshape(len(flat), -1).T
        result = np.empty((len(channels), self.size, self.size), np.float32)
        for number, (_, nodes) in enumerate(self._bands):
            chosen, down = self._rows[number]
            for channel, target in zip(channels, result, strict=True):
                control = _extended(
                    channel[nodes], self._outside(number, -1, channel), self._outside(number, 1, channel)
                )
                if len(chosen):
                    target[chosen[0] : chosen[-1] + 1] = down @ (control @ self._across)
        image = np.moveaxis(result, 0, -1)
        return np.ascontiguousarray(image.reshape(self.size, self.size, *flat.shape[1:]))

    def _outside(self, number: int, side: int, channel: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N + 1,) control values beyond the lower (-1) or upper (1) edge of a band: the neighbour's, or, at slits
        and at the border, the edge's linear continuation."""
        nodes = self._bands[number][1]
        edge, inner = (nodes[0], nodes[1]) if side < 0 else (nodes[-1], nodes[-2])
        beyond: NDArray[np.float32] = 2.0 * channel[edge] - channel[inner]
        if 0 <= number + side < len(self._bands):
            other = self._bands[number + side][1]
            touching, next_row = (other[-1], other[-2]) if side < 0 else (other[0], other[1])
            beyond = np.where(touching == edge, channel[next_row], beyond)
        return beyond


def _extended(
    inside: NDArray[np.float32], below: NDArray[np.float32], above: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(R, C) control values to (R + 2, C + 2): the rows outside, and columns that continue linearly."""
    rows = np.concatenate([below[None], inside, above[None]])
    first, last = 2.0 * rows[:, :1] - rows[:, 1:2], 2.0 * rows[:, -1:] - rows[:, -2:-1]
    return np.concatenate([first, rows, last], axis=1)


def _weights(place: NDArray[np.float64], cells: int) -> NDArray[np.float32]:
    """(T, cells + 3) weights of control values -1 .. cells + 1 at places 0 .. cells of a uniform cubic B-spline."""
    cell = np.clip(np.floor(place).astype(np.intp), 0, max(cells - 1, 0))
    t = place - cell
    parts = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    result = np.zeros((len(place), cells + 3), np.float32)
    for offset, part in enumerate(parts):
        result[np.arange(len(place)), cell + offset] = part / 6.0
    return result
