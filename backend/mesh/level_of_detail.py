"""The built-in head with fewer faces: half or a quarter of the lines in each direction.

Every part of the head is a grid (``quad_grid``), so a coarser head keeps some lines of each: the kept vertices are
exact originals with their UVs, blendshapes and weights, every map stays valid, and parts that share vertices keep
the same ones. Lines that carry the shape stay in any case: the middle, the borders, both ends of the slits of eyes
and mouth (they lie on odd columns, which is why a plain stride cannot be used), and the rims of pupil and iris.
All heads of the built-in face model get the same coarser topology; which lines of the skin it keeps was chosen by
``training/coarse_lines.py``: close together where the head bends, far apart where it is flat.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import TopologyMismatch
from .quad_grid import Grid, coarser_cap, read_cap, read_grid

Ints = NDArray[np.int64]

NOT_THE_BUILT_IN_HEAD = (
    "Only heads of the built-in face model whose faces were not changed can be exported with fewer faces."
)


class Density(Enum):
    """How many of the lines stay: all, every second, every fourth (on average)."""

    FULL = 1
    HALF = 2
    QUARTER = 4


class ReducedMesh(NamedTuple):
    """A coarser mesh as a choice from a fine one.

    vertices (V',) ids of the fine vertices kept, growing; corners (F', 4) ids of fine corners (corner k of fine
    face f is 4 f + k); faces (F', 4) ids into ``vertices``.
    """

    vertices: Ints
    corners: Ints
    faces: Ints


class _Slit(NamedTuple):
    """A slit of the skin: its row line and the column lines of its ends."""

    row: int
    first: int
    last: int


class _Part(NamedTuple):
    """Lines kept of a part's grid at half and quarter density."""

    half: tuple[int, ...]
    quarter: tuple[int, ...]

    def at(self, density: Density) -> Ints:
        return np.array(self.half if density is Density.HALF else self.quarter)


# The skin: rows from the bottom, and columns from the middle to the right, the left ones being their mirror image.
_SIZE = 192
_ROWS = _Part(
    (
        0, 1, 3, 4, 5, 7, 9, 12, 15, 18, 20, 22, 25, 28, 31, 33, 35, 37, 39, 42, 44, 47, 48, 49, 50, 51, 52,
        54, 55, 57, 59, 61, 63, 65, 66, 67, 68, 70, 72, 74, 75, 77, 79, 81, 82, 83, 84, 87, 91, 93, 94, 96,
        98, 99, 101, 103, 105, 106, 107, 108, 109, 110, 111, 112, 114, 116, 119, 122, 124, 127, 128, 130,
        131, 132, 134, 136, 138, 139, 141, 143, 145, 148, 151, 153, 156, 160, 164, 168, 172, 176, 180, 183,
        185, 187, 189, 191, 192,
    ),
    (
        0, 4, 7, 11, 18, 22, 28, 33, 37, 42, 48, 51, 54, 57, 60, 64, 66, 68, 72, 75, 78, 81, 83, 89, 93, 96,
        99, 102, 105, 108, 110, 112, 116, 121, 127, 130, 132, 135, 139, 144, 150, 154, 162, 170, 177, 182,
        186, 189, 192,
    ),
)  # fmt: skip
_COLUMNS = _Part(
    (
        0, 1, 2, 3, 5, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 24, 26, 27, 28, 30, 31, 33, 37, 40, 43, 45, 46,
        49, 52, 55, 58, 61, 64, 67, 71, 74, 76, 78, 80, 82, 84, 86, 88, 90, 92, 93, 94, 95, 96,
    ),
    (
        0, 2, 5, 9, 12, 15, 19, 22, 27, 30, 33, 39, 45, 50, 55, 60, 66, 72, 77, 81, 84, 88, 92, 94, 96,
    ),
)  # fmt: skip
# Rings behind the lips and lids: the first carry the thickness of the lip or lid and stay.
_BAG_RINGS = 20
_BAG = _Part((0, 1, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20), (0, 1, 3, 6, 10, 15, 20))
_SOCKET_RINGS = 8
_SOCKET = _Part((0, 1, 2, 4, 6, 8), (0, 1, 3, 5, 8))
# Rings of the eyeball; 1 is the rim of the pupil, 4 the rim of the iris. The clear shell lies a twentieth of a
# millimetre over the white of the eye: chords of wider rings would sink below it, so it keeps nearly all.
_SEGMENTS = 32
_BALL = _Part((1, 4, 6, 8, 10, 12, 14), (1, 4, 6, 8, 10, 14))
_SHELL = _Part((1, 3, 4, 5, 6, 7, 8, 9, 10, 11), (1, 3, 5, 6, 7, 8, 9, 11))
_EYE_SEGMENTS = _Part(tuple(range(0, 33)), tuple(range(0, 33, 2)))
_BALL_RINGS, _SHELL_RINGS = 15, 12
# Teeth: a square of 4 x 4 cells and 4 or 3 loops of 16 round it; front teeth come first, left and right in turn.
# They are so coarse already that half density leaves them as they are, and a quarter the front ones.
_TOOTH_CELLS, _TOOTH_LOOPS = 4, (4, 4, 4, 3, 3, 3, 3)
_GUM_ROWS, _GUM_COLUMNS = 10, 56
_GUM = _Part((0, 2, 4, 6, 8, 10), (0, 3, 6, 10))
_TONGUE_ROWS, _TONGUE_COLUMNS = 17, 16
_TONGUE = _Part((0, 2, 4, 6, 8, 10, 12, 13, 14, 15, 16, 17), (0, 4, 8, 12, 14, 16, 17))


def reduce_head(faces: NDArray[np.integer[Any]], density: Density) -> ReducedMesh:
    """A coarser mesh of the built-in head.

    Parameters
    ----------
    faces : (F, 4) vertex ids of the head's faces in their own order, the skin's lattice first
    density : Density.FULL returns the mesh itself

    Raises TopologyMismatch where the faces are not those of the built-in head.
    """
    ids = np.asarray(faces, np.int64)
    if ids.ndim != 2 or ids.shape[1] != 4 or len(ids) == 0 or ids.min() < 0:
        raise TopologyMismatch(NOT_THE_BUILT_IN_HEAD)
    try:
        corners = _all_corners(ids, density)
    except TopologyMismatch as error:
        raise TopologyMismatch(NOT_THE_BUILT_IN_HEAD) from error
    vertices, compact = np.unique(ids.ravel()[corners], return_inverse=True)
    return ReducedMesh(vertices, corners, compact.reshape(corners.shape))


def _all_corners(faces: Ints, density: Density) -> Ints:
    reader = _Reader(faces, density)
    columns, (mouth, *eyes) = reader.skin()
    reader.socket(mouth, columns, _BAG_RINGS, _BAG)
    for eye in eyes:
        reader.socket(eye, columns, _SOCKET_RINGS, _SOCKET)
    for _ in ("left", "right"):
        reader.eye()
    for _ in ("upper", "lower"):
        for loops in _TOOTH_LOOPS:
            reader.tooth(loops)
            reader.tooth(loops)
        reader.gum()
    reader.tongue()
    if reader.at != len(faces):
        raise TopologyMismatch("The mesh has more faces than the head's topology.")
    if density is Density.FULL:
        return np.arange(faces.size).reshape(-1, 4)
    return np.concatenate(reader.made)


class _Reader:
    """Walks over the faces part by part and collects the coarser ones."""

    def __init__(self, faces: Ints, density: Density) -> None:
        self.faces, self.density = faces, density
        self.at = 0
        self.made: list[Ints] = []
        self.skin_ids = np.empty(0, np.int64)

    def grid(self, rows: int, columns: int, closed: bool = False) -> Grid:
        """The next grid."""
        grid = read_grid(self.faces, self.at, rows, columns, closed)
        self.at += rows * columns
        return grid

    def skin(self) -> tuple[Ints, tuple[_Slit, _Slit, _Slit]]:
        """The lattice. Returns its kept columns, and the slits of mouth, left and right eye."""
        size = _SIZE
        if len(self.faces) < size * size:
            raise TopologyMismatch("The skin is not a lattice.")
        cells = self.faces[: size * size].reshape(size, size, 4)
        # Rows may differ from those below them on slits; along a row neighbours always share two vertices.
        if not np.array_equal(cells[:, 1:, [0, 3]], cells[:, :-1, [1, 2]]):
            raise TopologyMismatch("The skin is not a lattice.")
        slits = _slits(cells)
        right = _COLUMNS.at(self.density)
        columns, rows = size // 2 + np.concatenate([-right[:0:-1], right]), _ROWS.at(self.density)
        if not all({s.first, s.last} <= set(columns.tolist()) and s.row in rows for s in slits):
            raise TopologyMismatch("The slits of eyes and mouth are not where the head's topology has them.")
        grid = Grid(0, cells, np.array([[0, 0], [0, 1], [1, 1], [1, 0]]), closed=False)
        self.made.append(grid.with_lines(rows, columns))
        self.at = size * size
        return columns, slits

    def socket(self, slit: _Slit, columns: Ints, rings: int, kept: _Part) -> None:
        """A socket behind a slit: its spokes are the columns that end on the slit, above and below."""
        count = 2 * (slit.last - slit.first)
        grid = self.grid(rings, count, closed=True)
        inside = columns[(columns >= slit.first) & (columns <= slit.last)] - slit.first
        spokes = np.concatenate([inside, count - inside[::-1][1:]])
        self._closed(grid, kept.at(self.density), spokes, caps=(rings,))

    def eye(self) -> None:
        """An eyeball, and the clear shell over it."""
        segments = _EYE_SEGMENTS.at(self.density)
        front = self.at
        self.at += _SEGMENTS // 2
        ball = self.grid(_BALL_RINGS - 1, _SEGMENTS, closed=True)
        self._cap(ball, front, _BALL.at(self.density), segments, end=0)
        self._closed(ball, _BALL.at(self.density), segments, caps=(_BALL_RINGS - 1,))
        front = self.at
        self.at += _SEGMENTS // 2
        shell = self.grid(_SHELL_RINGS - 1, _SEGMENTS, closed=True)
        self._cap(shell, front, _SHELL.at(self.density), segments, end=0)
        self._closed(shell, _SHELL.at(self.density), segments, caps=())

    def tooth(self, loops: int) -> None:
        """A crown: a square cap and the loops round its border."""
        front = loops == max(_TOOTH_LOOPS)
        step = 1 if front or self.density is Density.HALF else 2
        top = self.grid(_TOOTH_CELLS, _TOOTH_CELLS)
        side = self.grid(loops, 4 * _TOOTH_CELLS, closed=True)
        kept = np.arange(0, _TOOTH_CELLS + 1, step)
        self.made.append(top.with_lines(kept, kept))
        self.made.append(side.with_lines(np.arange(loops + 1), np.arange(0, side.columns + 1, step)))

    def gum(self) -> None:
        """The gum of a jaw: four columns to a tooth, of which the middles and the gaps stay."""
        grid = self.grid(_GUM_ROWS, _GUM_COLUMNS)
        self.made.append(grid.with_lines(_GUM.at(self.density), np.arange(0, _GUM_COLUMNS + 1, 2)))

    def tongue(self) -> None:
        """The tongue: a tube from root to tip."""
        grid = self.grid(_TONGUE_ROWS, _TONGUE_COLUMNS, closed=True)
        around = np.arange(0, _TONGUE_COLUMNS + 1, 2)
        self._closed(grid, _TONGUE.at(self.density), around, caps=(0, _TONGUE_ROWS))

    def _closed(self, grid: Grid, rows: Ints, columns: Ints, caps: tuple[int, ...]) -> None:
        """A closed grid and the caps that follow it in the list of faces."""
        self.made.append(grid.with_lines(rows, columns))
        for end in caps:
            self._cap(grid, self.at, rows, columns, end)
            self.at += grid.columns // 2

    def _cap(self, grid: Grid, first: int, rows: Ints, columns: Ints, end: int) -> None:
        cap = read_cap(self.faces, first, grid.vertices()[end])
        self.made.append(coarser_cap(cap, grid, int(rows[0] if end == 0 else rows[-1]), columns))


def _slits(cells: Ints) -> tuple[_Slit, _Slit, _Slit]:
    """Mouth, left eye and right eye: where the vertices above a row line are not those below it."""
    doubled = cells[1:, :, 0] != cells[:-1, :, 3]
    found = []
    for row in np.flatnonzero(doubled.any(1)):
        columns = np.flatnonzero(doubled[row])
        for run in np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1):
            found.append(_Slit(int(row) + 1, int(run[0]) - 1, int(run[-1]) + 1))
    if len(found) != 3:
        raise TopologyMismatch("The skin has not the three slits of a head.")
    mouth, right, left = sorted(found)  # rows from the bottom; the subject's left has the larger columns
    return mouth, left, right
