"""Pieces of a quad mesh that are grids, read off its faces, and the same grids with fewer lines.

A coarser grid keeps some of the lines and every vertex where two kept lines cross. Its faces are given by the
*corners* of the fine faces that they are made of (corner 4 f + k is corner k of face f), so that whatever is stored
per vertex, per corner or per face carries over by picking, and nothing is computed anew.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import TopologyMismatch

Ints = NDArray[np.int64]

# Places (row, column) of a cell's corners, counter-clockwise: a face lists them from any of them, either way round.
_AROUND = np.array([[0, 0], [0, 1], [1, 1], [1, 0]])
_ORDERS = tuple(
    np.roll(_AROUND[::way], start, axis=0) for way in (1, -1) for start in range(4)
)  # each (4, 2): row and column offset of corner k


class Grid(NamedTuple):
    """R x C faces that lie row by row from face ``first`` on.

    cells (R, C, 4) vertex ids; order (4, 2) where in its cell (0 or 1: row, column) corner k stands; ``closed``:
    the last column is followed by the first.
    """

    first: int
    cells: Ints
    order: Ints
    closed: bool

    @property
    def rows(self) -> int:
        """Number of rows of faces."""
        return int(self.cells.shape[0])

    @property
    def columns(self) -> int:
        """Number of columns of faces."""
        return int(self.cells.shape[1])

    def vertices(self) -> Ints:
        """(R + 1, C + 1) vertex ids of the lines' crossings; of a closed grid, the last column is the first."""
        place = {(int(r), int(c)): k for k, (r, c) in enumerate(self.order)}
        ids = np.empty((self.rows + 1, self.columns + 1), np.int64)
        ids[:-1, :-1] = self.cells[:, :, place[0, 0]]
        ids[:-1, -1] = self.cells[:, -1, place[0, 1]]
        ids[-1, :-1] = self.cells[-1, :, place[1, 0]]
        ids[-1, -1] = self.cells[-1, -1, place[1, 1]]
        return ids

    def corner(self, row: Ints, column: Ints, row_side: Ints, column_side: Ints) -> Ints:
        """Corner ids of the cells (row, column) at their sides (0 or 1); all of one shape."""
        place = np.empty((2, 2), np.int64)
        place[self.order[:, 0], self.order[:, 1]] = np.arange(4)
        ids: Ints = 4 * (self.first + row * self.columns + column) + place[row_side, column_side]
        return ids

    def with_lines(self, rows: Ints, columns: Ints) -> Ints:
        """(F', 4) corners of the coarser faces between the kept lines, row by row, wound as the fine ones are.

        ``rows`` and ``columns`` are growing line numbers; the first and the last line of an open direction must
        be among the kept where the grid is to keep its extent. A closed grid ends with column line C.
        """
        low_row, low_column = rows[:-1, None, None], columns[None, :-1, None]
        high_row, high_column = rows[1:, None, None] - 1, columns[None, 1:, None] - 1
        row_side, column_side = self.order[:, 0][None, None], self.order[:, 1][None, None]
        row = np.where(row_side == 1, high_row, low_row)
        column = np.where(column_side == 1, high_column, low_column)
        row, column, row_side, column_side = np.broadcast_arrays(row, column, row_side, column_side)
        return self.corner(row, column, row_side, column_side).reshape(-1, 4)


class Cap(NamedTuple):
    """The pole that closes one end of a closed grid: faces from ``first`` on, each over two steps of the end ring.

    faces (C / 2, 4); role (4,): 0, 1, 2 for the first, middle and last vertex on the ring, 3 for the pole.
    """

    first: int
    faces: Ints
    role: Ints


def read_grid(faces: Ints, first: int, rows: int, columns: int, closed: bool = False) -> Grid:
    """The grid of rows x columns faces from face ``first`` on. Raises TopologyMismatch where they are none."""
    count = rows * columns
    if first + count > len(faces):
        raise TopologyMismatch("The mesh has fewer faces than the head's topology.")
    cells = faces[first : first + count].astype(np.int64).reshape(rows, columns, 4)
    for order in _ORDERS:
        grid = Grid(first, cells, order, closed)
        ids = grid.vertices()
        if all(
            np.array_equal(cells[:, :, k], ids[r : rows + r, c : columns + c]) for k, (r, c) in enumerate(order)
        ) and (not closed or np.array_equal(ids[:, 0], ids[:, -1])):
            return grid
    raise TopologyMismatch(f"Faces {first} to {first + count - 1} are not the grid of the head's topology.")


def read_cap(faces: Ints, first: int, ring: Ints) -> Cap:
    """The cap from face ``first`` on over a ring (C + 1,), first vertex = last. Raises TopologyMismatch."""
    count = (len(ring) - 1) // 2
    block = faces[first : first + count].astype(np.int64)
    wanted = [ring[0:-1:2], ring[1::2], ring[2::2]]
    if len(block) == count:
        for order in ([3, 0, 1, 2], [3, 2, 1, 0], [2, 1, 0, 3], [0, 1, 2, 3]):
            role = np.array(order)
            at = {int(who): k for k, who in enumerate(role)}
            pole = block[:, at[3]]
            if (pole == pole[0]).all() and all(np.array_equal(block[:, at[k]], wanted[k]) for k in range(3)):
                return Cap(first, block, role)
    raise TopologyMismatch(f"Faces {first} to {first + count - 1} are not the pole of the head's topology.")


def coarser_cap(cap: Cap, grid: Grid, row: int, columns: Ints) -> Ints:
    """(F', 4) corners of a cap over the kept ring ``row`` of its grid and an even number of kept columns.

    ``columns`` are growing lines from 0 to C. Rings between the kept one and the pole are given up.
    """
    low = row < grid.rows
    cell_row, row_side = (row, 0) if low else (row - 1, 1)
    pole = int(np.flatnonzero(cap.role == 3)[0])
    result = []
    lines = [int(line) for line in columns]
    for (start, middle), (_, end) in zip(
        list(pairwise(lines))[0::2], list(pairwise(lines))[1::2], strict=True
    ):
        on_ring = [(start, 0), (middle, 0), (end - 1, 1)]
        corners = [
            int(grid.corner(*(np.array(n) for n in (cell_row, column, row_side, side)))) for column, side in on_ring
        ]
        corners.append(4 * (cap.first + middle // 2) + pole)
        result.append([corners[who] for who in cap.role])
    return np.array(result, np.int64)
