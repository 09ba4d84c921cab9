"""The lattice of the geometry image with its slits opened and its borders welded: connectivity, no positions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .template_layout import TemplateSettings


class Lattice(NamedTuple):
    """Welded vertices of the N x N lattice; V vertices, ids dense, bottom row first, copies above slits last.

    cells            (N*N, 4) int64 row by row from the bottom: corners (c, r), (c+1, r), (c+1, r+1), (c, r+1)
    column, row      (V,) int64 node of each vertex; of welded nodes the one on the right side or the right half
    above            (V,) bool: the copy above a slit
    mirror           (V,) int64 vertex at the mirrored place
    mouth, eye_left, eye_right   slit loops (l,) int64: along the upper edge with growing column, back along the
                                 lower
    """

    cells: NDArray[np.int64]
    column: NDArray[np.int64]
    row: NDArray[np.int64]
    above: NDArray[np.bool_]
    mirror: NDArray[np.int64]
    mouth: NDArray[np.int64]
    eye_left: NDArray[np.int64]
    eye_right: NDArray[np.int64]


def slits(settings: TemplateSettings) -> dict[str, tuple[int, int, int]]:
    """Slit name to (row, first column, last column) of its ends on the whole lattice."""
    middle = settings.lattice_size // 2
    eye_row, mouth_row = settings.nodes(settings.eye_row), settings.nodes(settings.mouth_row)
    inner, outer = (settings.nodes(column) for column in settings.eye_columns)
    corner = settings.nodes(settings.mouth_half_width)
    return {
        "mouth": (mouth_row, middle - corner, middle + corner),
        "eye_left": (eye_row, middle + inner, middle + outer),
        "eye_right": (eye_row, middle - outer, middle - inner),
    }


def half_slits(settings: TemplateSettings) -> tuple[tuple[int, int, int], ...]:
    """Slits of the left half, columns from the midline; the mouth starts at -1, its centre is doubled too."""
    middle = settings.lattice_size // 2
    whole = slits(settings)
    row, first, last = whole["eye_left"]
    mouth_row, _, mouth_last = whole["mouth"]
    return (row, first - middle, last - middle), (mouth_row, -1, mouth_last - middle)


def build_lattice(settings: TemplateSettings) -> Lattice:
    """Number the vertices of the slit lattice.

    The left border welds to the right one (the cut along the back of the head), the left half of the top to its
    right half (the cut up to the crown); the bottom, the neck rim, stays open.
    """
    size = settings.lattice_size
    side, middle = size + 1, size // 2
    nodes = side * side
    rows, columns = np.divmod(np.arange(nodes), side)
    upper: dict[tuple[int, int], int] = {}
    for slit_row, first, last in slits(settings).values():
        for slit_column in range(first + 1, last):
            upper[slit_row, slit_column] = nodes + len(upper)
    doubled = np.array(list(upper))
    row, column = np.append(rows, doubled[:, 0]), np.append(columns, doubled[:, 1])

    # Corner ids of every cell; cells whose bottom edge lies on a slit take the copies above it.
    r, c = np.divmod(np.arange(size * size), size)
    cells = np.stack([r * side + c, r * side + c + 1, (r + 1) * side + c + 1, (r + 1) * side + c], 1)
    for (slit_row, slit_column), copy in upper.items():
        cells[slit_row * size + slit_column, 0] = copy
        cells[slit_row * size + slit_column - 1, 1] = copy

    weld = np.arange(len(row))
    weld[:nodes][columns == 0] = rows[columns == 0] * side + size
    top_left = (rows == size) & (columns < middle)
    weld[:nodes][top_left] = size * side + size - columns[top_left]
    kept, compact = np.unique(weld, return_inverse=True)

    mirrored = row * side + size - column
    for (slit_row, slit_column), copy in upper.items():
        mirrored[copy] = upper[slit_row, size - slit_column]

    def loop(name: str) -> NDArray[np.int64]:
        slit_row, first, last = slits(settings)[name]
        over = [upper.get((slit_row, k), slit_row * side + k) for k in range(first, last + 1)]
        under = [slit_row * side + k for k in range(last - 1, first, -1)]
        ids: NDArray[np.int64] = compact[np.array(over + under)]
        return ids

    return Lattice(
        cells=compact[cells],
        column=column[kept],
        row=row[kept],
        above=kept >= nodes,
        mirror=compact[weld[mirrored[kept]]],
        mouth=loop("mouth"),
        eye_left=loop("eye_left"),
        eye_right=loop("eye_right"),
    )
