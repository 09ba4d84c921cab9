"""The skin as an image: cells of its lattice, maps back to vertices, coarser lattices.

A vertex is a node of the N x N lattice, UV is the lattice coordinate / N (origin bottom left). Row 0 of an image
is its top (v = 1); texel (y, x) of an (S, S) image has its centre at u = (x + 1/2) / S, v = 1 - (y + 1/2) / S. Eyes
and mouth are horizontal slits: vertices on them exist twice, so values never leak from one lid or lip to the other.
The way from vertices to a map is texel_map.py's, for every material.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import TopologyMismatch
from .topology import Topology

LARGEST_INSET = 1.0 / 3.0  # of a cell; see vertices_from_image


class LevelOfDetail(NamedTuple):
    """A coarser lattice of the same skin.

    vertices (V',) ids of the vertices kept; cells (N', N', 4) ids into ``vertices``
    """

    vertices: NDArray[np.int64]
    cells: NDArray[np.int64]


def lattice_cells(topology: Topology) -> NDArray[np.int64]:
    """(N, N, 4) vertex ids of cell (row, column), rows from the bottom; corners counter-clockwise from bottom left.

    Raises TopologyMismatch where the skin is not a lattice.
    """
    size = topology.lattice_size
    if size <= 0 or len(topology.quads) < size * size:
        raise TopologyMismatch("This face model's skin is not a geometry image.")
    return topology.quads[: size * size].astype(np.int64).reshape(size, size, 4)


def vertices_from_image(image: NDArray[Any], topology: Topology) -> NDArray[np.float64]:
    """Values of the skin's vertices from a map; the inverse of ``texel_map.LatticeMap.image``.

    Every cell is read at four places so far inside it that no texel of another cell takes part, extended bilinearly
    to its corners, and a vertex takes the mean of the cells round it. So nothing leaks across slits and borders,
    and what was written from vertices comes back unchanged.

    Parameters
    ----------
    image : (S, S, C) or (S, S), S at least three times the lattice size, or twice exactly

    Returns
    -------
    (V, C) or (V,) float64; NaN for vertices that are not part of the skin's lattice

    Raises TopologyMismatch where the image is not square or too small.
    """
    values = np.asarray(image, dtype=np.float64)
    values = values[:, :, None] if values.ndim == 2 else values
    cells = lattice_cells(topology)
    lattice, size = topology.lattice_size, len(values)
    # One texel inside the cell, bilinear reading stays in it; half a texel where texel centres fall just there.
    inset = lattice / size * (0.5 if size % lattice == 0 else 1.0)
    if values.shape[1] != size or inset > LARGEST_INSET:
        raise TopologyMismatch(
            f"A map of {values.shape[1]} x {size} texels is not square, or too small for {lattice} cells a side."
        )
    index = np.arange(lattice)
    low = _read_axis(values, (index + inset) / lattice)
    high = _read_axis(values, (index + 1 - inset) / lattice)
    # Rows of an image run down: v of the lattice is 1 - v of the image.
    samples = {
        (bottom, left): _read_axis(column, 1.0 - (index + place) / lattice, axis=0)
        for left, column in ((0, low), (1, high))
        for bottom, place in ((0, inset), (1, 1.0 - inset))
    }
    far = inset / (1.0 - 2.0 * inset)  # weight by which extending overshoots
    near = 1.0 + far
    corner_values = [
        near * near * samples[row, column]
        - near * far * (samples[row, 1 - column] + samples[1 - row, column])
        + far * far * samples[1 - row, 1 - column]
        for row, column in ((0, 0), (0, 1), (1, 1), (1, 0))
    ]
    stacked = np.stack(corner_values, 2).reshape(-1, values.shape[2])
    count = topology.vertex_count
    ids = cells.ravel()
    uses = np.bincount(ids, minlength=count).astype(np.float64)
    uses[uses == 0.0] = np.nan
    result: NDArray[np.float64] = np.stack([np.bincount(ids, channel, count) / uses for channel in stacked.T], 1)
    if np.ndim(image) == 2:
        result = result[:, 0]
    return result


def _read_axis(values: NDArray[np.float64], place: NDArray[np.float64], axis: int = 1) -> NDArray[np.float64]:
    """Linear interpolation of (S, S, C) along one image axis at places (p,) in 0..1 of the image's extent."""
    size = values.shape[axis]
    texel = place * size - 0.5
    texel = np.where(np.abs(texel - np.round(texel)) < 1e-9 * size, np.round(texel), texel)
    before = np.clip(np.floor(texel).astype(np.int64), 0, size - 1)
    after = np.minimum(before + 1, size - 1)
    shape = [1, 1, 1]
    shape[axis] = -1
    fraction = np.clip(texel - before, 0.0, 1.0).reshape(shape)
    first, second = np.take(values, before, axis), np.take(values, after, axis)
    result: NDArray[np.float64] = first + fraction * (second - first)
    return result


def level_of_detail(topology: Topology, stride: int) -> LevelOfDetail:
    """Every ``stride``-th row and column of the lattice.

    Raises TopologyMismatch where the lattice or a slit does not fall on the coarser lattice (a slit that ends
    between two of its nodes could not be kept).
    """
    cells = lattice_cells(topology)
    size = topology.lattice_size
    if stride < 1 or size % stride:
        raise TopologyMismatch(f"A lattice of {size} cells cannot be strided by {stride}.")
    # A node inside a slit has another vertex above than below it.
    doubled = cells[1:, 1:, 0] != cells[:-1, 1:, 3]  # node (row + 1, column + 1)
    rows, columns = np.nonzero(doubled)
    nodes = set(zip((rows + 1).tolist(), (columns + 1).tolist()))
    for row, column in nodes:
        ends = [c for c in (column - 1, column + 1) if (row, c) not in nodes]
        if row % stride or any(end % stride for end in ends):
            raise TopologyMismatch(f"A slit of the lattice does not fall on every {stride}th node.")
    last = stride - 1
    coarse = np.stack(
        [
            cells[::stride, ::stride, 0],
            cells[::stride, last::stride, 1],
            cells[last::stride, last::stride, 2],
            cells[last::stride, ::stride, 3],
        ],
        -1,
    )
    kept, compact = np.unique(coarse, return_inverse=True)
    return LevelOfDetail(kept, compact.reshape(coarse.shape))
