"""Teeth: each crown is a cap-shaped quad grid, shrink-wrapped by rays onto ICT's tooth.

A crown's grid is a square of cells laid over the crown like a cloth: the middle of the square is the biting edge,
the border lies under the gum. The square is also its UV cell.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from .ict_source import TEETH, IctSource
from .parts_surface import cast, surface_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TEETH_PER_QUADRANT = 7  # third molars lie behind the cheeks and are left out
TOP_CELLS = 4  # cells along one side of the biting surface
SIDE_HEIGHTS_FRONT = (0.5, 0.05, -0.4, -1.0)  # heights of the rings below the biting surface, half crowns
SIDE_HEIGHTS_BACK = (0.4, -0.25, -1.0)
CROWN = 0.5  # of the tooth's length; about 0.4 stand out of the gum
GROWTH = 1.06
UV_COLUMNS = 6  # cells of the teeth's UV square in a row


class Tooth(NamedTuple):
    """One crown.

    sampling (n, n_ict) csr; quads (F, 4), counter-clockwise outside; corner_uv (F, 4, 2) in the tooth's own cell.
    """

    sampling: sp.csr_matrix
    quads: Ints
    corner_uv: Floats


def quadrant(source: IctSource, labels: Ints, upper: bool) -> list[Ints]:
    """ICT's vertices of the subject's left teeth of one jaw, middle incisor first, third molar last."""
    teeth = np.arange(TEETH.start, TEETH.stop)
    middle = source.neutral[teeth, 1].mean()
    found = []
    for label in np.unique(labels[teeth]):
        vertices = np.flatnonzero(labels == label)
        place = source.neutral[vertices].mean(0)
        if place[0] > 0 and (place[1] > middle) == upper:
            found.append((float(-place[2] + place[0]), vertices))
    # From the middle of the arch backwards the x coordinate grows or stays, the z coordinate falls.
    return [vertices for _, vertices in sorted(found, key=lambda item: item[0])]


def tooth_frame(points: Floats, upper: bool) -> tuple[Floats, Floats, float]:
    """Axis (root to biting edge), tip (3,) and length mm of a tooth's points (n, 3)."""
    axis = np.array([0.0, -1.0 if upper else 1.0, 0.0])
    for _ in range(3):
        height = points @ axis
        low, high = np.quantile(height, [0.3, 0.7])
        axis = points[height > high].mean(0) - points[height < low].mean(0)
        axis /= np.linalg.norm(axis)
    height = points @ axis
    length = float(np.ptp(height))
    crown = points[height > height.max() - CROWN * length]
    middle = 0.5 * (crown.max(0) + crown.min(0))
    tip = middle + axis * (height.max() - middle @ axis)
    return axis, tip, length


def _border(side: int) -> Ints:
    """Border of a (side, side) grid numbered row by row, counter-clockwise from vertex 0: (4 * side - 4,)."""
    grid = np.arange(side * side).reshape(side, side)
    return np.concatenate([grid[0, :-1], grid[:-1, -1], grid[-1, :0:-1], grid[:0:-1, 0]])


def cap_quads(cells: int, rings: int) -> Ints:
    """Quads (F, 4) of a cap: a (cells + 1)^2 grid, row by row, then ``rings`` closed loops around its border."""
    side = cells + 1
    grid = np.arange(side * side).reshape(side, side)
    loop = _border(side)
    quads = [
        [grid[r, c], grid[r, c + 1], grid[r + 1, c + 1], grid[r + 1, c]] for r in range(cells) for c in range(cells)
    ]
    first = side * side
    for _ in range(rings):
        outer = first + np.arange(len(loop))
        quads += [
            [loop[k], outer[k], outer[(k + 1) % len(loop)], loop[(k + 1) % len(loop)]] for k in range(len(loop))
        ]
        loop, first = outer, first + len(loop)
    return np.array(quads)


def _cube_places(cells: int, heights: tuple[float, ...]) -> tuple[Floats, Floats]:
    """Directions on the cube for the vertices of ``cap_quads`` (n, 3), and their places in the UV cell (n, 2)."""
    line = np.linspace(-1.0, 1.0, cells + 1)
    x, y = np.meshgrid(line, line)
    top = np.stack([x.ravel(), y.ravel(), np.ones(x.size)], 1)
    loop = _border(cells + 1)
    places, uv = [top], [0.35 * top[:, :2]]
    for k, height in enumerate(heights):
        ring = top[loop].copy()
        ring[:, 2] = height
        places.append(ring)
        uv.append(ring[:, :2] * (0.35 + 0.6 * (k + 1) / len(heights)))
    cube = np.concatenate(places)
    # Spherified cube: even spacing of the directions along the edges.
    square = cube**2
    partner = (square[:, [1, 2, 0]], square[:, [2, 0, 1]])
    sphere = cube * np.sqrt(1.0 - 0.5 * (partner[0] + partner[1]) + partner[0] * partner[1] / 3.0)
    return sphere, 0.5 + 0.5 * np.concatenate(uv)


def build_tooth(source: IctSource, vertices: Ints, upper: bool, place: int) -> Tooth:
    """Crown of the ICT tooth ``vertices`` (m,); ``place`` 0 is the middle incisor and tells the ring count."""
    chosen = np.zeros(len(source.neutral), dtype=bool)
    chosen[vertices] = True
    surface = surface_of(source, chosen)
    axis, tip, length = tooth_frame(surface.points, upper)
    heights = SIDE_HEIGHTS_FRONT if place < 3 else SIDE_HEIGHTS_BACK
    half = 0.5 * CROWN * length
    centre = tip - half * axis
    # The arch turns from the front to the side: the lips' side of a tooth points away from the arch's middle.
    front = centre - np.array([0.0, centre[1], -20.0])
    front[1] = 0.0
    front -= (front @ axis) * axis
    front /= np.linalg.norm(front)
    across = np.cross(front, axis)
    crown = surface.points[(surface.points - tip) @ axis > -2.0 * half] - centre
    extent_across, extent_front = 0.5 * np.ptp(crown @ across), 0.5 * np.ptp(crown @ front)

    sphere, uv = _cube_places(TOP_CELLS, heights)
    quads = cap_quads(TOP_CELLS, len(heights))
    # (x, y) of the cloth go across and to the front: across x front = axis, so that the quads face outwards.
    directions = (
        sphere[:, :1] * across * extent_across + sphere[:, 1:2] * front * extent_front + sphere[:, 2:] * axis * half
    )
    rows, hit = cast(surface, np.tile(centre, (len(directions), 1)), directions)
    if not hit.all():
        raise ValueError(f"{int((~hit).sum())} rays miss tooth {place}")
    # The chords of a coarse grid lie inside a convex crown: grow it about its middle until neighbours touch again.
    middle = sp.csr_matrix(np.full((1, rows.shape[0]), 1.0 / rows.shape[0])) @ rows
    spread = sp.csr_matrix(np.ones((rows.shape[0], 1))) @ middle
    return Tooth((GROWTH * rows + (1.0 - GROWTH) * spread).tocsr(), quads, uv[quads])


def teeth_cell(column: int, row: int) -> tuple[Floats, float]:
    """Lower left corner and side length of a UV cell of the "teeth" square."""
    side = 1.0 / UV_COLUMNS
    return np.array([column, row], dtype=np.float64) * side, side
