"""Mouth bag and eye sockets: rings of vertices that continue the skin inwards from the slits."""

from __future__ import annotations

from typing import NamedTuple

import igl
import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.sparse.csgraph import dijkstra

from .catmull_clark import LimitSurface
from .template_half import HalfHead, SourceSkin, boundary_loops, edge_graph, triangulate
from .template_lattice import Lattice
from .template_layout import TemplateSettings
from .template_map import harmonic_map
from .template_sampling import places_on_limit, triangle_places

SMOOTH_LENGTHS = 9  # rays in the moving average round the loop that evens out the rings
# Places along a ray, 1 at the opening, 0 at the pole: a Tutte map shrinks what lies deep, hence ever closer there.
RAY = np.concatenate([np.linspace(1.0, 0.5, 201), 0.5 * np.geomspace(1.0, 1e-5, 500)[1:], [0.0]])


class SocketDisk(NamedTuple):
    """A socket of the source's skin, flattened to the unit disk.

    vertices (k,) skin ids; quads (m, 4), triangles (2m, 3) local; polygon (m,) skin quads
    plane (k, 2) Tutte map, the opening on the unit circle; pole (2,) where the rings close, the deepest place
    """

    vertices: NDArray[np.int64]
    quads: NDArray[np.int64]
    triangles: NDArray[np.int64]
    polygon: NDArray[np.int64]
    plane: NDArray[np.float64]
    pole: NDArray[np.float64]


class Socket(NamedTuple):
    """sampling (rings * l + 1, n') csr on the limit surface, ring by ring, pole last; loop (l,) of the opening."""

    sampling: sparse.csr_matrix
    loop: NDArray[np.int64]
    rings: int


def build_sockets(
    skin: SourceSkin,
    half: HalfHead,
    plane: NDArray[np.float64],
    surface: LimitSurface,
    lattice: Lattice,
    settings: TemplateSettings,
) -> dict[str, Socket]:
    """Mouth bag, left and right eye socket, each from its slit's loop inwards; the right one's rows are empty,
    as the right half is the left's mirror image.

    plane (n, 2) lattice coordinates of the half head's vertices; surface the limit of all quads of the skin.
    """
    column = np.zeros(len(skin.vertices))
    column[half.source] = plane[:, 0]
    corner = settings.nodes(settings.mouth_half_width)
    inner, outer = (settings.nodes(units) for units in settings.eye_columns)

    upper, lower = half.source[half.mouth_upper], half.source[half.mouth_lower]
    mouth = np.concatenate([upper, lower, skin.mirror[upper], skin.mirror[lower]])
    along = np.concatenate([column[upper], column[lower], -column[upper], -column[lower]])
    below = np.repeat([False, True, False, True], [len(upper), len(lower)] * 2)
    bag = _flatten(skin, skin.mouth_socket, mouth, _angle(0.5 + 0.5 * along / corner, below), symmetric=True)

    upper, lower = half.source[half.eye_upper], half.source[half.eye_lower]
    lids = np.concatenate([upper, lower])
    below = np.repeat([False, True], [len(upper), len(lower)])
    eye = _flatten(skin, skin.eye_socket_left, lids, _angle((column[lids] - inner) / (outer - inner), below))

    left = Socket(
        _socket_rings(skin, eye, surface, len(lattice.eye_left), settings.socket_rings, settings.first_ring_mm),
        lattice.eye_left,
        settings.socket_rings,
    )
    return {
        "mouth_bag": Socket(
            _socket_rings(skin, bag, surface, len(lattice.mouth), settings.mouth_rings, settings.first_ring_mm),
            lattice.mouth,
            settings.mouth_rings,
        ),
        "socket_left": left,
        "socket_right": Socket(sparse.csr_matrix(left.sampling.shape), lattice.eye_right, settings.socket_rings),
    }


def _angle(along: NDArray[np.float64], below: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Place on the unit circle of a slit's vertices: ``along`` it from 0 left to 1 right, the lower edge below."""
    result: NDArray[np.float64] = np.where(below, -1.0, 1.0) * np.pi * (1.0 - along)
    return result


def _flatten(
    skin: SourceSkin,
    part: slice,
    opening: NDArray[np.int64],
    angle: NDArray[np.float64],
    *,
    symmetric: bool = False,
) -> SocketDisk:
    """Flatten a socket to the unit disk.

    part the socket's range of quads; opening (b,) skin vertices of its border and angle (b,) radians: where on the
    unit circle each goes. A symmetric socket's pole is looked for on the midline.
    """
    polygon = np.arange(len(skin.quads))[part]
    ids, local = np.unique(skin.quads[polygon], return_inverse=True)
    quads, vertices = local.reshape(-1, 4), skin.vertices[ids]
    border = boundary_loops(quads)[-1]
    fixed = np.full((len(ids), 2), np.nan)
    fixed[np.searchsorted(ids, opening)] = np.stack([np.cos(angle), np.sin(angle)], 1)
    if np.isnan(fixed[border]).any():
        raise ValueError("the opening does not cover the socket's border")
    triangles = triangulate(vertices, quads, np.empty(0, dtype=np.int64))
    plane = harmonic_map(vertices, triangles, fixed)

    depth = dijkstra(edge_graph(vertices, quads), indices=border, min_only=True)
    deepest = int(np.where(vertices[:, 0] == 0.0, depth, -1.0).argmax() if symmetric else depth.argmax())
    pole = plane[deepest] * ([0.0, 1.0] if symmetric else [1.0, 1.0])
    return SocketDisk(ids, quads, triangles, polygon, plane, pole)


def _locate(disk: SocketDisk, points: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Triangle (p,) and barycentric weights (p, 3) under points (p, 2) of the disk."""
    flat = np.column_stack([disk.plane, np.zeros(len(disk.plane))])
    query = np.column_stack([points, np.zeros(len(points))])
    _, triangle, nearest = igl.point_mesh_squared_distance(query, flat, disk.triangles)
    corners = disk.plane[disk.triangles[triangle]]
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    place = nearest[:, :2] - corners[:, 0]
    determinant = one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]
    first = (place[:, 0] * two[:, 1] - place[:, 1] * two[:, 0]) / determinant
    second = (one[:, 0] * place[:, 1] - one[:, 1] * place[:, 0]) / determinant
    weights = np.clip(np.stack([1.0 - first - second, first, second], 1), 0.0, None)
    return triangle.astype(np.int64), weights / weights.sum(1, keepdims=True)


def ring_depths(length_mm: float, rings: int, first_mm: float) -> NDArray[np.float64]:
    """(rings,) depths of rings along a ray of ``length_mm``: the first at ``first_mm``, steps ever larger.

    The pole lies one step behind the last ring.
    """

    def sizes(ratio: float) -> NDArray[np.float64]:
        return ratio ** np.arange(rings + 1)

    if length_mm <= first_mm * sizes(1.0).sum():
        ratio = 1.0
    else:
        ratio = float(brentq(lambda q: first_mm * sizes(q).sum() - length_mm, 1.0, 10.0))
    depth = np.cumsum(sizes(ratio))
    result: NDArray[np.float64] = depth[:-1] * (length_mm / depth[-1])
    return result


def _socket_rings(
    skin: SourceSkin, disk: SocketDisk, surface: LimitSurface, count: int, rings: int, first_mm: float
) -> sparse.csr_matrix:
    """Sample rings of ``count`` vertices from the opening inwards, and the pole.

    Rings are set along the disk's rays by arc length on the surface, so that the first lies ``first_mm`` behind the
    edge all round. Returns (rings * count + 1, n') csr: ring by ring from the opening, the pole last.
    """
    # A loop runs along the upper edge from left (angle pi) to right (0), then back below.
    angle = np.pi * (1.0 - 2.0 * np.arange(count) / count)
    spoke = np.stack([np.cos(angle), np.sin(angle)], 1) - disk.pole
    triangle, weights = _locate(disk, (disk.pole + RAY[:, None, None] * spoke).reshape(-1, 2))
    corners = skin.vertices[disk.vertices[disk.triangles[triangle]]]
    points = np.einsum("pk,pki->pi", weights, corners).reshape(len(RAY), count, 3)
    steps = np.linalg.norm(np.diff(points, axis=0), axis=2)
    depth = np.concatenate([np.zeros((1, count)), np.cumsum(steps, 0)])

    # Even out round the loop, ring by ring, so that neighbouring rays step alike; a mean keeps rings apart.
    wanted = np.stack([ring_depths(length, rings, first_mm) for length in depth[-1]], 1)
    kernel = np.arange(SMOOTH_LENGTHS) - SMOOTH_LENGTHS // 2
    wanted = wanted[:, (np.arange(count)[:, None] + kernel) % count].mean(2)
    chosen = np.stack([np.interp(wanted[:, k], depth[:, k], RAY) for k in range(count)], 1)

    places = np.concatenate([(disk.pole + chosen[:, :, None] * spoke).reshape(-1, 2), disk.pole[None]])
    triangle, weights = _locate(disk, places)
    quad, square = triangle_places(disk.quads, disk.triangles, triangle, weights)
    columns, values = places_on_limit(surface, disk.polygon[quad], square)
    rows = np.repeat(np.arange(len(places)), 4)
    shape = (len(places), surface.matrix.shape[0])
    return sparse.csr_matrix((values.ravel(), (rows, columns.ravel())), shape) @ surface.matrix


def socket_faces(
    loop: NDArray[np.int64], rings: int, first_id: int, atlas: tuple[float, float, float, float]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Quads and corner UVs of a socket.

    loop (l,) vertex ids of the opening, l even, running so that the skin's faces pass along it in this direction;
    ring k's vertices are ``first_id + k * l + i``, the pole ``first_id + rings * l``. atlas (left, right,
    bottom, top) is the socket's place in its material's UV square: u once round the loop, v from the opening
    (top) to the pole.

    Returns quads ((rings + 1/2) * l, 4), facing the inside of the socket's cavity, and UVs (..., 4, 2). The pole is
    closed by quads that span two steps of the last ring each.
    """
    count = len(loop)
    left, right, bottom, top = atlas
    levels = np.concatenate([loop[None], first_id + np.arange(rings * count).reshape(rings, count)])
    ahead = np.roll(levels, -1, 1)
    quads = np.stack([ahead[:-1], levels[:-1], levels[1:], ahead[1:]], 2).reshape(-1, 4)
    u = left + (right - left) * np.arange(count + 1) / count
    v = top + (bottom - top) * np.arange(rings + 2) / (rings + 1)
    column, row = np.meshgrid(np.arange(count), np.arange(rings))
    corner_column = np.stack([column + 1, column, column, column + 1], 2).reshape(-1, 4)
    corner_row = np.stack([row, row, row + 1, row + 1], 2).reshape(-1, 4)
    uv = np.stack([u[corner_column], v[corner_row]], 2)

    even = np.arange(0, count, 2)
    last, pole = levels[-1], first_id + rings * count
    cap = np.stack([last[(even + 2) % count], last[even + 1], last[even], np.full(len(even), pole)], 1)
    cap_u = np.stack([u[even + 2], u[even + 1], u[even], u[even + 1]], 1)
    cap_v = np.stack([np.full(len(even), v[rings])] * 3 + [np.full(len(even), v[rings + 1])], 1)
    return np.concatenate([quads, cap]), np.concatenate([uv, np.stack([cap_u, cap_v], 2)])


def socket_mirror(twin: NDArray[np.int64], loop: int) -> NDArray[np.int64]:
    """Vertices at the mirrored places of a socket; ``twin`` its twin's (or its own) ids, ring by ring, pole last.

    A loop runs over the upper edge with growing column: mirrored, place i of a loop of l is place l/2 - i.
    """
    rings = twin[:-1].reshape(-1, loop)
    result: NDArray[np.int64] = np.append(rings[:, (loop // 2 - np.arange(loop)) % loop].ravel(), twin[-1])
    return result
