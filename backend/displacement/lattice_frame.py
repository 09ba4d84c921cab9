"""The skin's lattice as a curved surface: tangent frames, lengths in millimetres, smooth maps from nodes to texels.

Everything that mechanics needs to know of a head at rest. Cell (row, column) counts rows from the bottom of the UV
square, as ``mesh.geometry_image.lattice_cells`` does; texel rows count from its top.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..mesh.geometry_image import lattice_cells
from ..mesh.texel_map import lattice_map
from ..mesh.topology import Topology
from .spline import GHOST_NODES, cell_spline, node_spline

Floats = NDArray[np.floating[Any]]
Float32 = NDArray[np.float32]

SMALLEST_CELL = 0.02
"""mm; folded cells inside lids and lips are taken for at least so large, so that the frame can be inverted."""
LOOP_STEPS = 4
"""Points per edge along a slit's loop, for distances to it."""


@dataclass(frozen=True)
class LatticeFrame:
    """A head at rest, on the N x N cells of its skin.

    cells      (N, N, 4) vertex ids, corners counter-clockwise from bottom left
    places     (V, 3) mm, the vertices themselves
    axes       (N, N, 2, 3) orthonormal tangents: the first along +u, the second across it, towards +v
    metric     (N, N, 3) mm per cell: A = [[a, b], [0, c]] maps steps (du, dv) in cells to the tangent axes
    lid_mm     (V,) distance to the loops where the lids' skin ends
    lip_mm     (V,) distance to the loop where the lips' skin ends
    """

    cells: NDArray[np.int64]
    places: NDArray[np.float64]
    axes: Float32
    metric: Float32
    lid_mm: Float32
    lip_mm: Float32
    bands: tuple[tuple[int, NDArray[np.int32]], ...]

    @classmethod
    def of(cls, topology: Topology, neutral: Floats) -> LatticeFrame:
        """Frame of a head at rest; ``neutral`` (V, 3) mm.

        Raises TopologyMismatch where the skin is not a lattice.
        """
        cells = lattice_cells(topology)
        places = np.asarray(neutral, np.float64)
        along, up = cell_edges(places, cells)
        a = np.maximum(np.linalg.norm(along, axis=2), SMALLEST_CELL)
        first = along / a[..., None]
        normal = np.cross(along, up)
        normal /= np.linalg.norm(normal, axis=2, keepdims=True) + 1e-12
        second = np.cross(normal, first)
        b = np.einsum("rck,rck->rc", up, first)
        c = np.maximum(np.einsum("rck,rck->rc", up, second), SMALLEST_CELL)
        sampler = lattice_map(topology, len(cells))
        bands = () if sampler is None else sampler.bands
        slits = _slit_loops(bands)
        # The lowest slit is the mouth's, the others are the eyes'.
        return cls(
            cells=cells,
            places=places,
            axes=np.stack([first, second], 2).astype(np.float32),
            metric=np.stack([a, b, c], 2).astype(np.float32),
            lid_mm=_distance(places, cells, slits[1:]),
            lip_mm=_distance(places, cells, slits[:1]),
            bands=bands,
        )

    @property
    def size(self) -> int:
        """N, cells a side."""
        return len(self.cells)

    def cell_means(self, values: Floats) -> Float32:
        """(V, ...) vertex values to (N, N, ...) means of each cell's corners."""
        small = np.asarray(values, np.float32)
        c = self.cells
        result: Float32 = 0.25 * (small[c[..., 0]] + small[c[..., 1]] + small[c[..., 2]] + small[c[..., 3]])
        return result

    def texels_of_vertices(self, values: Floats, rows: slice, columns: slice, size: int) -> Float32:
        """(V, C) or (V,) vertex values to a crop (h, w, C) or (h, w) of the (size, size) map; twice differentiable.

        Cubic splines through the nodes, row band by row band: nothing crosses a slit, and beside the slits the
        bands continue into each other.
        """
        flat = np.asarray(values, np.float32).reshape(len(values), -1)
        y = (1.0 - (np.arange(size)[rows] + 0.5) / size) * self.size
        x = (np.arange(size)[columns] + 0.5) / size * self.size
        left = max(int(x.min()) - 6, 0)
        right = min(int(x.max()) + 8, self.size + 1)
        across = node_spline(right - left, x - left)
        result = np.empty((len(y), len(x), flat.shape[1]), np.float32)
        for band, (first, nodes) in enumerate(self.bands):
            last = first + len(nodes) - 1
            chosen = np.flatnonzero((y >= first) & (y < last))
            if not len(chosen):
                continue
            lattice, start = self._extended(flat, band, left, right)
            low = max(int(y[chosen].min()) - start - 6, 0)
            high = min(int(y[chosen].max()) - start + 8, len(lattice))
            upward = node_spline(high - low, y[chosen] - start - low)
            part = np.tensordot(upward, lattice[low:high], 1)
            result[chosen] = np.einsum("hkc,wk->hwc", part, across, optimize=True)
        return result if np.ndim(values) > 1 else result[..., 0]

    def _extended(self, flat: Float32, band: int, left: int, right: int) -> tuple[Float32, int]:
        """Rows of a band (R, right - left, C) with some of its neighbours', and the row where they start.

        Beyond a slit rows go on straight; where there is no slit they are the neighbour's own.
        """
        first, nodes = self.bands[band]
        lattice = flat[nodes[:, left:right]]
        parts = [lattice]
        if band > 0:
            below = self.bands[band - 1][1]
            slit = (below[-1] != nodes[0])[left:right, None]
            steps = np.arange(GHOST_NODES, 0, -1, dtype=np.float32)[:, None, None]
            straight = lattice[0] + steps * (lattice[0] - lattice[1])
            parts.insert(0, np.where(slit, straight, flat[below[-1 - GHOST_NODES : -1, left:right]]))
            first -= GHOST_NODES
        if band + 1 < len(self.bands):
            above = self.bands[band + 1][1]
            slit = (above[0] != nodes[-1])[left:right, None]
            steps = np.arange(1, GHOST_NODES + 1, dtype=np.float32)[:, None, None]
            straight = lattice[-1] + steps * (lattice[-1] - lattice[-2])
            parts.append(np.where(slit, straight, flat[above[1 : 1 + GHOST_NODES, left:right]]))
        return np.concatenate(parts), first

    def texels_of_cells(self, values: Floats, area: tuple[slice, slice], rows: slice, columns: slice,
                        size: int) -> Float32:  # fmt: skip
        """(K, hc, wc) values on the cells ``area`` to (K, h, w) on texels: a smoothing cubic B-spline.

        It does not overshoot, so what is not negative stays so.
        """
        y = (1.0 - (np.arange(size)[rows] + 0.5) / size) * self.size - 0.5 - area[0].start
        x = (np.arange(size)[columns] + 0.5) / size * self.size - 0.5 - area[1].start
        upward = cell_spline(values.shape[1], y)
        across = cell_spline(values.shape[2], x)
        small = np.asarray(values, np.float32)
        return np.stack([upward @ (layer @ across.T) for layer in small]) if len(small) else small

    def cell_average(self, texels: Float32, area: tuple[slice, slice], rows: slice, columns: slice,
                     size: int) -> Float32:  # fmt: skip
        """(h, w, C) texels of a crop to (hc, wc, C) means over the cells ``area``; cells without texels are 0."""
        y = ((1.0 - (np.arange(size)[rows] + 0.5) / size) * self.size).astype(np.intp) - area[0].start
        x = ((np.arange(size)[columns] + 0.5) / size * self.size).astype(np.intp) - area[1].start
        height, width = area[0].stop - area[0].start, area[1].stop - area[1].start
        down, over = _membership(y, height), _membership(x, width)
        result: Float32 = np.einsum("rh,hwc,kw->rkc", down, texels, over, optimize=True)
        return result

    def cells_of_crop(self, rows: slice, columns: slice, size: int, margin: int = 1) -> tuple[slice, slice]:
        """The cells that a crop of the (size, size) map touches, and ``margin`` more on each side."""
        bottom = int((1.0 - rows.stop / size) * self.size) - margin
        top = int(np.ceil((1.0 - rows.start / size) * self.size)) + margin
        left = int(columns.start / size * self.size) - margin
        right = int(np.ceil(columns.stop / size * self.size)) + margin
        return (
            slice(max(bottom, 0), min(top, self.size)),
            slice(max(left, 0), min(right, self.size)),
        )


def cell_edges(places: NDArray[np.float64], cells: NDArray[np.int64]) -> tuple[NDArray[np.float64], ...]:
    """(N, N, 3) mean steps per cell along +u and +v, for vertex positions (V, 3)."""
    p0, p1, p2, p3 = (places[cells[..., k]] for k in range(4))
    return 0.5 * (p1 - p0 + p2 - p3), 0.5 * (p3 - p0 + p2 - p1)


def _membership(index: NDArray[np.intp], count: int) -> Float32:
    """(count, len(index)) averaging matrix: row k holds the mean over the entries whose index is k."""
    matrix = (index[None] == np.arange(count)[:, None]).astype(np.float32)
    result: Float32 = matrix / np.maximum(matrix.sum(1, keepdims=True), 1.0)
    return result


def _slit_loops(bands: tuple[tuple[int, NDArray[np.int32]], ...]) -> list[NDArray[np.int64]]:
    """Per slit row, from the lowest: (n, 2) vertex ids of the edges on both sides of its slits."""
    loops = []
    for (_, lower), (_, upper) in pairwise(bands):
        doubled = lower[-1] != upper[0]
        # An edge belongs to a slit where one of its ends is doubled.
        open_edge = np.flatnonzero(doubled[:-1] | doubled[1:])
        edges = [np.stack([row[open_edge], row[open_edge + 1]], 1) for row in (lower[-1], upper[0])]
        loops.append(np.concatenate(edges).astype(np.int64))
    return loops


def _distance(places: NDArray[np.float64], cells: NDArray[np.int64], loops: list[NDArray[np.int64]]) -> Float32:
    """(V,) mm from the skin's vertices to the loops' edges; a large number where there are no loops."""
    distance = np.full(len(places), 1e3, np.float32)
    if loops:
        edges = places[np.concatenate(loops)]
        share = ((np.arange(LOOP_STEPS) + 0.5) / LOOP_STEPS)[None, :, None]
        points = edges[:, :1] * (1.0 - share) + edges[:, 1:] * share
        skin = np.unique(cells)
        distance[skin] = cKDTree(points.reshape(-1, 3)).query(places[skin])[0]
    return distance
