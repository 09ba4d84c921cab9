"""Columns of the skin's lattice that run away from a slit: how lids and lips fold over their edges.

The slit's loop is where the skin ends inside, behind the edge that one sees: the visible edge of a lid or lip is
the place farthest towards the other side in each column.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import TopologyMismatch
from ..mesh.topology import Topology

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class SlitColumns(NamedTuple):
    """(k, rows) vertex ids of the lattice's columns above and below a slit; column 0 of each is the slit's loop."""

    upper: Ints
    lower: Ints


def slit_columns(topology: Topology, upper: NDArray[np.int32], lower: NDArray[np.int32], rows: int) -> SlitColumns:
    """Walk ``rows`` steps up from the loop ``upper`` (k,) and down from ``lower`` (k,), both in the same order.

    Raises
    ------
    TopologyMismatch
        The topology has no lattice, or the loops do not face each other across one of its rows.
    """
    size = topology.lattice_size
    if size == 0 or len(upper) != len(lower):
        raise TopologyMismatch("The head's topology has no lattice with slits for lids and lips.")
    cells = topology.quads[: size * size].reshape(size, size, 4).astype(np.int64)
    nodes = topology.corner_uv[: size * size].reshape(size, size, 4, 2)
    # Loops lie on one row; their ends belong to both sides.
    inner = upper[len(upper) // 2]
    at = np.argwhere(cells == inner)[0]
    row = int(np.rint(nodes[tuple(at)][1] * size))
    column = np.empty(len(upper), dtype=np.int64)
    below, above = cells[row - 1], cells[row]
    for k, vertex in enumerate(upper):
        found = np.flatnonzero(above[:, 0] == vertex)
        if len(found) != 1 or below[found[0], 3] != lower[k]:
            raise TopologyMismatch("The two sides of a slit do not face each other on a row of the lattice.")
        column[k] = found[0]
    steps = np.arange(rows)
    return SlitColumns(
        upper=cells[(row + steps)[None, :], column[:, None], 0],
        lower=cells[(row - 1 - steps)[None, :], column[:, None], 3],
    )


def visible_edges(upper_height: Floats, lower_height: Floats) -> tuple[Ints, Ints]:
    """Rows (k,) of the lowest place of each upper column (k, rows) and of the highest of each lower column."""
    return upper_height.argmin(1), lower_height.argmax(1)
