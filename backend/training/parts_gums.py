"""Gums: for each jaw a strip of quads along the dental arch, cast from a spine inside the jaw onto ICT's gums.

Columns run along the arch, four to a tooth and always one in its middle and one at each side, so that the papillae
between the teeth are kept.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from .ict_source import IctSource
from .parts_surface import Surface, cast, mirrored_rows
from .parts_teeth import tooth_frame

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SPINE = 0.56  # of a tooth's length from its tip: inside the jaw, behind ICT's shallow tooth pockets
# Angles of the profile's rays, degrees: 0 to the lips, 90 to the biting edges, 180 to the tongue.
PROFILE_DEGREES = (-42.0, -20.0, 4.0, 30.0, 52.0, 70.0, 90.0, 112.0, 132.0, 155.0, 178.0)
STEPS_PER_TOOTH = 4
REACH = 16.0  # mm: a ray that first hits something farther has left the gum through a gap


class Strip(NamedTuple):
    """A grid of quads. ``sampling`` (rows * columns, n_ict) csr, row by row; ``quads`` (F, 4); ``corner_uv``;
    ``mirror`` (n,) vertex numbers."""

    sampling: sp.csr_matrix
    quads: Ints
    corner_uv: Floats
    mirror: Ints


def grid_quads(rows: int, columns: int) -> Ints:
    """(F, 4) of a grid numbered row by row: (r, c), (r, c + 1), (r + 1, c + 1), (r + 1, c)."""
    index = np.arange(rows * columns).reshape(rows, columns)
    quads: Ints = np.stack([index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]], -1).reshape(-1, 4)
    return quads


def grid_uv(rows: int, columns: int, box: tuple[float, float, float, float]) -> Floats:
    """(rows * columns, 2) UVs of a grid in the box (u0, u1, v0, v1), u along the columns."""
    u, v = np.meshgrid(np.linspace(box[0], box[1], columns), np.linspace(box[2], box[3], rows))
    return np.stack([u.ravel(), v.ravel()], 1)


def filled(rows: sp.csr_matrix, hit: NDArray[np.bool_], height: int, width: int) -> sp.csr_matrix:
    """Rows of a (height, width) grid with those that hit nothing replaced by the mean of neighbours that did."""
    known = hit.copy()
    index = np.arange(height * width).reshape(height, width)
    left = index[:, :-1].ravel(), index[:, 1:].ravel()
    below = index[:-1].ravel(), index[1:].ravel()
    start = np.concatenate([left[0], left[1], below[0], below[1]])
    stop = np.concatenate([left[1], left[0], below[1], below[0]])
    link = sp.csr_matrix((np.ones(len(start)), (start, stop)), shape=(height * width,) * 2)
    while not known.all():
        weight = link @ sp.diags(known.astype(np.float64))
        total = np.asarray(weight.sum(1)).ravel()
        new = ~known & (total > 0)
        scale = np.where(new, 1.0 / np.maximum(total, 1.0), 0.0)
        rows = sp.diags(known.astype(np.float64)) @ rows + sp.diags(scale) @ weight @ rows
        known |= new
    return rows.tocsr()


def _spine(source: IctSource, teeth: list[Ints], upper: bool) -> Floats:
    """Spine of the subject's left half, (k, 3) mm from the middle backwards: places between and in the teeth."""
    middles = []
    for vertices in teeth:
        points = source.neutral[vertices]
        axis, tip, length = tooth_frame(points, upper)
        middles.append(tip - SPINE * length * axis)
    places = np.array(middles)
    gaps = 0.5 * (places[:-1] + places[1:])
    first = places[0] * np.array([0.0, 1.0, 1.0]) + np.array([0.0, 0.0, 0.4])
    last = places[-1] + 0.5 * (places[-1] - places[-2])
    borders = np.vstack([first, gaps, last])
    spine = [borders[0]]
    for k, place in enumerate(places):
        # A quadratic through the two gaps and the tooth's middle, in even steps.
        t = np.arange(1, STEPS_PER_TOOTH + 1)[:, None] / STEPS_PER_TOOTH
        bend = place - 0.5 * (borders[k] + borders[k + 1])
        spine.extend((1 - t) * borders[k] + t * borders[k + 1] + 4.0 * t * (1 - t) * bend)
    return np.array(spine)


def _profile_rays(spine: Floats, upper: bool) -> tuple[Floats, Floats]:
    """Origins and directions (rows, k, 3) of the rays of a half arch."""
    tangent = np.gradient(spine, axis=0) * np.array([1.0, 0.0, 1.0])
    tangent[0] = (1.0, 0.0, 0.0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    up = np.array([0.0, 1.0, 0.0])
    outward = np.cross(up, -tangent)
    # The curve runs from the middle to the subject's left and back: outward is to the front at its beginning.
    outward *= np.sign(outward[0, 2])
    bite = -up if upper else up
    angle = np.radians(np.array(PROFILE_DEGREES))[:, None, None]
    directions = np.cos(angle) * outward + np.sin(angle) * bite
    return np.broadcast_to(spine, directions.shape), directions


def build_gum(
    source: IctSource,
    surface: Surface,
    teeth: list[Ints],
    mirror: Ints,
    upper: bool,
    box: tuple[float, float, float, float],
) -> Strip:
    """The gum of one jaw over the ``surface`` of ICT's gums, around the left ``teeth`` of this jaw.

    ``mirror`` is ICT's own mirror map; ``box`` (u0, u1, v0, v1) the strip's place in its UV square.
    """
    spine = _spine(source, teeth, upper)
    origins, directions = _profile_rays(spine, upper)
    height, half = directions.shape[:2]
    rows, hit = cast(surface, origins.reshape(-1, 3), directions.reshape(-1, 3))
    far = np.linalg.norm(rows @ source.neutral - origins.reshape(-1, 3), axis=1) > REACH
    rows = filled(rows, hit & ~far, height, half)

    other = mirrored_rows(rows, mirror)
    index = np.arange(height * half).reshape(height, half)
    width = 2 * half - 1
    # Columns from the subject's right to left; the middle column is its own mirror image.
    left_rows, right_rows = rows[index.ravel()], other[index.ravel()]
    column = np.arange(width) - (half - 1)
    pick = np.abs(column)[None, :] + half * np.arange(height)[:, None]
    is_left = np.broadcast_to(column > 0, pick.shape).ravel().astype(np.float64)
    is_right = np.broadcast_to(column < 0, pick.shape).ravel().astype(np.float64)
    middle = np.broadcast_to(column == 0, pick.shape).ravel() * 0.5
    pick = pick.ravel()
    sampling = sp.diags(is_left + middle) @ left_rows[pick] + sp.diags(is_right + middle) @ right_rows[pick]
    quads = grid_quads(height, width)
    # Columns run to the subject's left, rows over the biting edge to the tongue: the lower gum faces outwards so.
    if upper:
        quads = quads[:, ::-1]
    grid = np.arange(height * width).reshape(height, width)
    return Strip(sampling.tocsr(), quads, grid_uv(height, width, box)[quads], grid[:, ::-1].ravel())
