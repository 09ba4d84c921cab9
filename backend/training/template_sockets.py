"""Mouth bag and eye sockets: rings of vertices that continue the skin inwards from the slits."""

from __future__ import annotations

from typing import NamedTuple

import igl
import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.optimize import brentq

from .template_half import boundary_loops, triangulate
from .template_map import harmonic_map
from .template_sampling import LimitSurface, places_on_limit, triangle_places

RAY_SAMPLES = 400
SMOOTH_LENGTHS = 9  # samples of the moving average round the loop that evens out the rays' lengths


class SocketDisk(NamedTuple):
    """A socket of the source mesh, flattened to the unit disk.

    vertices (k,) source ids; quads (m, 4), triangles (2m, 3) local; polygon (m,) source polygons
    plane (k, 2) Tutte map, the opening on the unit circle
    """

    vertices: NDArray[np.int64]
    quads: NDArray[np.int64]
    triangles: NDArray[np.int64]
    polygon: NDArray[np.int64]
    plane: NDArray[np.float64]


def flatten_socket(
    positions: NDArray[np.float64],
    faces: NDArray[np.int64],
    polygon: NDArray[np.int64],
    opening: NDArray[np.int64],
    angle: NDArray[np.float64],
) -> SocketDisk:
    """Flatten socket polygons ``faces[polygon]`` to the unit disk.

    positions (n, 3) mm; opening (b,) source vertices of the socket's border and angle (b,) radians: where on the unit
    circle each goes. The border must be exactly these vertices.
    """
    ids, local = np.unique(faces[polygon], return_inverse=True)
    quads = local.reshape(-1, 4)
    border = boundary_loops(quads)[-1]
    fixed = np.full((len(ids), 2), np.nan)
    fixed[np.searchsorted(ids, opening)] = np.stack([np.cos(angle), np.sin(angle)], 1)
    if np.isnan(fixed[border]).any():
        raise ValueError("the opening does not cover the socket's border")
    triangles = triangulate(positions[ids], quads, np.empty(0, dtype=np.int64))
    return SocketDisk(ids, quads, triangles, polygon, harmonic_map(positions[ids], triangles, fixed))


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
    """(rings,) depths of rings along a ray of ``length_mm``: the first at ``first_mm``, steps growing geometrically.

    The pole lies one step behind the last ring.
    """
    steps = np.arange(rings + 1)
    if length_mm <= first_mm * (rings + 1):
        ratio = 1.0
    else:
        ratio = float(brentq(lambda q: first_mm * (q**steps).sum() - length_mm, 1.0, 10.0))
    depth: NDArray[np.float64] = np.cumsum(ratio**steps)
    return (depth / depth[-1] * length_mm)[:-1]


def socket_rings(
    positions: NDArray[np.float64],
    faces: NDArray[np.int64],
    disk: SocketDisk,
    surface: LimitSurface,
    angle: NDArray[np.float64],
    rings: int,
    first_mm: float,
) -> sparse.csr_matrix:
    """Sample rings from the opening inwards and the pole.

    positions (n, 3) mm neutral source; faces (P, 4) source polygons; surface the limit of all skin polygons (their
    order that of ``faces``); angle (l,) where the loop's vertices stand on the unit circle. Rings are set along the
    disk's rays by arc length on the surface, so that the first lies ``first_mm`` behind the edge all round.

    Returns (rings * l + 1, n) csr: ring by ring from the opening, the pole last.
    """
    count = len(angle)
    radius = np.linspace(1.0, 0.0, RAY_SAMPLES)
    direction = np.stack([np.cos(angle), np.sin(angle)], 1)
    triangle, weights = _locate(disk, (radius[:, None, None] * direction).reshape(-1, 2))
    corners = positions[disk.vertices[disk.triangles[triangle]]]
    points = np.einsum("pk,pki->pi", weights, corners).reshape(RAY_SAMPLES, count, 3)
    steps = np.linalg.norm(np.diff(points, axis=0), axis=2)
    depth = np.concatenate([np.zeros((1, count)), np.cumsum(steps, 0)])  # (samples, l)

    chosen = np.empty((rings, count))
    for k in range(count):
        wanted = ring_depths(float(depth[-1, k]), rings, first_mm)
        chosen[:, k] = np.interp(wanted, depth[:, k], radius)
    # Even out round the loop, ring by ring, so that neighbouring rays step alike; a mean keeps rings apart.
    kernel = np.arange(SMOOTH_LENGTHS) - SMOOTH_LENGTHS // 2
    chosen = chosen[:, (np.arange(count)[:, None] + kernel) % count].mean(2)

    places = np.concatenate([(chosen[:, :, None] * direction).reshape(-1, 2), np.zeros((1, 2))])
    triangle, weights = _locate(disk, places)
    quad, square = triangle_places(disk.quads, disk.triangles, triangle, weights)
    columns, values = places_on_limit(surface, disk.polygon[quad], square)
    rows = np.repeat(np.arange(len(places)), 4)
    select = sparse.csr_matrix((values.ravel(), (rows, columns.ravel())), (len(places), surface.matrix.shape[0]))
    return (select @ surface.matrix).tocsr()


def socket_faces(
    loop: NDArray[np.int64], rings: int, first_id: int, atlas: tuple[float, float, float, float]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Quads and corner UVs of a socket.

    loop (l,) vertex ids of the opening, l even, running so that the skin's faces pass along it in this direction;
    ring k's vertices are ``first_id + k * l + i``, the pole ``first_id + rings * l``. atlas (left, right, bottom, top)
    is the socket's place in its material's UV square: u once round the loop, v from the opening (top) to the pole.

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
