"""Where lattice nodes fall on the source's surface: the triangle under a node and its weights on the limit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray

from ..errors import FitFailed
from .catmull_clark import LimitSurface
from .template_half import HalfHead
from .template_lattice import Lattice, half_slits
from .template_layout import TemplateSettings

ON_EDGE = 1e-5  # barycentric slack for nodes that fall on an edge of the map


def places_on_limit(
    surface: LimitSurface, quad: NDArray[np.int64], place: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Bilinear weights on the subdivided quads.

    quad (p,) ids of the original quads; place (p, 2) in the unit square whose corners 0, 1, 2, 3 are (0, 0), (1,
    0), (1, 1), (0, 1). Returns subdivided vertices (p, 4) and weights (p, 4).
    """
    s, t = place.T
    child = np.where(t < 0.5, np.where(s < 0.5, 0, 1), np.where(s >= 0.5, 2, 3))
    a = np.choose(child, [2 * s, 2 * t, 2 * (1 - s), 2 * (1 - t)])
    b = np.choose(child, [2 * t, 2 * (1 - s), 2 * (1 - t), 2 * s])
    weights = np.stack([(1 - a) * (1 - b), a * (1 - b), a * b, (1 - a) * b], 1)
    return surface.quads[4 * quad + child], weights


def triangle_places(
    quads: NDArray[np.int64],
    triangles: NDArray[np.int64],
    triangle: NDArray[np.int64],
    weights: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Barycentric places (p,), (p, 3) on triangles cut from quads, as (p,) quads and (p, 2) places in their
    squares.

    Triangles t and t + m belong to quad t.
    """
    quad = triangle % len(quads)
    corner = (quads[quad][:, None, :] == triangles[triangle][:, :, None]).argmax(2)
    square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    return quad, np.einsum("pk,pki->pi", weights, square[corner])


class NodePlaces(NamedTuple):
    """Where lattice nodes of one half fall: (p,) column, row, copy above a slit, triangle; (p, 3) weights in it."""

    column: NDArray[np.int64]
    row: NDArray[np.int64]
    above: NDArray[np.bool_]
    triangle: NDArray[np.int64]
    weights: NDArray[np.float64]


def locate_nodes(
    plane: NDArray[np.float64],
    triangles: NDArray[np.int64],
    columns: int,
    rows: int,
    slits: tuple[tuple[int, int, int], ...],
) -> NodePlaces:
    """Find the map's triangle under every integer node of [0, columns] x [0, rows].

    plane (n, 2) fold-free coordinates; slits (row, first, last): nodes strictly between the columns first and last
    exist twice, below and above (first may be -1 for a slit that starts at the border). Raises FitFailed where a
    node is not covered.
    """
    corners = plane[triangles]
    low = np.maximum(np.ceil(corners.min(1) - ON_EDGE).astype(int), 0)
    high = np.minimum(np.floor(corners.max(1) + ON_EDGE).astype(int), [columns, rows])
    extent = np.maximum(high - low + 1, 0)
    counts = extent[:, 0] * extent[:, 1]
    triangle = np.repeat(np.arange(len(triangles)), counts)
    serial = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    column = low[triangle, 0] + serial % np.maximum(extent[triangle, 0], 1)
    row = low[triangle, 1] + serial // np.maximum(extent[triangle, 0], 1)

    origin = corners[triangle, 0]
    one, two = corners[triangle, 1] - origin, corners[triangle, 2] - origin
    place = np.stack([column, row], 1) - origin
    determinant = one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]
    first = (place[:, 0] * two[:, 1] - place[:, 1] * two[:, 0]) / determinant
    second = (one[:, 0] * place[:, 1] - one[:, 1] * place[:, 0]) / determinant
    weights = np.stack([1.0 - first - second, first, second], 1)
    inside = weights.min(1) > -ON_EDGE
    triangle, column, row, weights = triangle[inside], column[inside], row[inside], weights[inside]

    above = np.zeros(len(row), dtype=bool)
    for slit_row, begin, end in slits:
        on_slit = (row == slit_row) & (column > begin) & (column < end)
        above |= on_slit & (plane[triangles[triangle], 1].mean(1) > slit_row)
    # Of the triangles that touch a node, take the one that holds it best; ties go to the first triangle.
    key = (above * (rows + 1) + row) * (columns + 1) + column
    order = np.lexsort((triangle, -np.round(weights.min(1), 9), key))
    order = order[np.append(True, np.diff(key[order]) != 0)]
    expected = (columns + 1) * (rows + 1) + sum(end - begin - 1 for _, begin, end in slits)
    if len(order) != expected:
        raise FitFailed(f"The template's map covers {len(order)} of {expected} lattice nodes.")
    weights = np.clip(weights[order], 0.0, None)
    weights /= weights.sum(1, keepdims=True)
    return NodePlaces(column[order], row[order], above[order], triangle[order], weights)


class SkinSampling(NamedTuple):
    """matrix (V, n') csr on the skin's limit surface for the lattice's vertices on the left half and the
    midline, empty rows on the right half; quad (V,) the skin quad that each, or its mirror image, lies on."""

    matrix: sparse.csr_matrix
    quad: NDArray[np.int64]


def sample_skin(
    half: HalfHead, plane: NDArray[np.float64], surface: LimitSurface, lattice: Lattice, settings: TemplateSettings
) -> SkinSampling:
    """Place the left half's lattice vertices on the limit surface; ``plane`` (n, 2) is the half's map."""
    size, middle = settings.lattice_size, settings.lattice_size // 2
    nodes = locate_nodes(plane, half.triangles, middle, size, half_slits(settings))
    quad, square = triangle_places(half.quads, half.triangles, nodes.triangle, nodes.weights)
    columns, weights = places_on_limit(surface, half.polygon[quad], square)

    # Vertices by (above, row, column): the lattice's own ids of the located nodes.
    def key(above: NDArray[np.bool_], row: NDArray[np.int64], column: NDArray[np.int64]) -> NDArray[np.int64]:
        return (above * (size + 1) + row) * (size + 1) + column

    keys = key(lattice.above, lattice.row, lattice.column)
    order = np.argsort(keys)
    vertex = order[np.searchsorted(keys, key(nodes.above, nodes.row, nodes.column + middle), sorter=order)]
    count = len(lattice.row)
    select = sparse.csr_matrix(
        (weights.ravel(), (np.repeat(vertex, 4), columns.ravel())), (count, surface.matrix.shape[0])
    )
    home = np.full(count, -1)
    home[vertex] = half.polygon[quad]
    return SkinSampling((select @ surface.matrix).tocsr(), np.where(home < 0, home[lattice.mirror], home))
