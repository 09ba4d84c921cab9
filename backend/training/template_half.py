"""The source's skin, subdivided or not, and one half of its head with its boundary named."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..errors import ModelFileInvalid
from .catmull_clark import subdivide
from .ict_source import EYE_SOCKET_POLYGONS, HEAD_POLYGONS, MOUTH_SOCKET_POLYGONS, SKIN_POLYGONS, IctSource

MIRROR_TOLERANCE_MM = 0.1
# The mouth's slit ends this many edges along the lower lip from the lips' outermost vertex: cells are least skewed
# there, and no expression turns one over (measured for -4 .. 4).
CORNER_EDGES = 3
CROWN_YZ_MM = (106.0, -104.0)  # where the cut along the back of the head ends; model space


class SourceSkin(NamedTuple):
    """The source's skin after some Catmull-Clark steps; vertices that it does not use come along unchanged.

    matrix      (n', n) csr: ICT vertices to vertices
    vertices    (n', 3) float64 mm of the neutral head, exactly symmetric, x = 0 on the midline
    quads       (m, 4) int64; quad // children is its ICT polygon
    mirror      (n',) int64 vertex at the mirrored place
    head, mouth_socket, eye_socket_left   ranges of quads
    children    quads per ICT polygon
    """

    matrix: sparse.csr_matrix
    vertices: NDArray[np.float64]
    quads: NDArray[np.int64]
    mirror: NDArray[np.int64]
    head: slice
    mouth_socket: slice
    eye_socket_left: slice
    children: int


class HalfHead(NamedTuple):
    """The subject's left half (x >= 0) of the head skin, without sockets, as its own small mesh.

    vertices   (n, 3) float64 mm, exactly symmetric source positions, x = 0 on the midline
    quads      (m, 4) int64 local ids, counter-clockwise seen from outside
    polygon    (m,) int64 quad of the skin that each quad is
    triangles  (2m, 3) int64: every quad cut in two; triangles t and t + m belong to quad t
    source     (n,) int64 skin vertex of each local vertex
    eye_upper, eye_lower       local ids along the lid edges, inner to outer canthus, both canthi included
    mouth_upper, mouth_lower   local ids along the lip edges, centre to corner, corner included
    front_upper  crown down to the upper lip's centre;   front_lower  lower lip's centre down to the neck rim
    rim          neck rim, front to back
    back_lower   neck rim up the back midline to the corner of the lattice;   back_upper  on to the crown
    """

    vertices: NDArray[np.float64]
    quads: NDArray[np.int64]
    polygon: NDArray[np.int64]
    triangles: NDArray[np.int64]
    source: NDArray[np.int64]
    eye_upper: NDArray[np.int64]
    eye_lower: NDArray[np.int64]
    mouth_upper: NDArray[np.int64]
    mouth_lower: NDArray[np.int64]
    front_upper: NDArray[np.int64]
    front_lower: NDArray[np.int64]
    rim: NDArray[np.int64]
    back_lower: NDArray[np.int64]
    back_upper: NDArray[np.int64]


class Anchors(NamedTuple):
    """Skin vertices that stay where they are in the lattice; they keep their ids when the skin is subdivided."""

    inner_canthus: int
    outer_canthus: int
    mouth_corner: int
    crown: int
    back_corner: int


def source_skin(source: IctSource, levels: int) -> SourceSkin:
    """Subdivide the source's skin ``levels`` times.

    Raises ModelFileInvalid where the skin is not all quads or not symmetric.
    """
    quads, count = source.faces[SKIN_POLYGONS], len(source.neutral)
    if (quads < 0).any():
        raise ModelFileInvalid("The skin of the ICT-FaceKit head is not all quads.")
    left = next(part for part in EYE_SOCKET_POLYGONS if source.neutral[source.faces[part], 0].mean() > 0)
    matrix = sparse.identity(count, format="csr")
    for _ in range(levels):
        step, quads = subdivide(quads, matrix.shape[0])
        matrix = (step @ matrix).tocsr()
    vertices = matrix @ source.neutral

    used = np.unique(quads)
    distance, found = cKDTree(vertices[used]).query(vertices[used] * [-1.0, 1.0, 1.0])
    mirror = np.arange(len(vertices))
    mirror[used] = used[found]
    if distance.max() > MIRROR_TOLERANCE_MM or (mirror[mirror] != np.arange(len(mirror))).any():
        raise ModelFileInvalid("The skin of the ICT-FaceKit neutral head is not symmetric.")
    vertices[used] = 0.5 * (vertices[used] + vertices[mirror[used]] * [-1.0, 1.0, 1.0])
    vertices[used[mirror[used] == used], 0] = 0.0

    children = 4**levels
    head, mouth, eye = (
        slice(part.start * children, part.stop * children) for part in (HEAD_POLYGONS, MOUTH_SOCKET_POLYGONS, left)
    )
    return SourceSkin(matrix, vertices, quads, mirror, head, mouth, eye, children)


def boundary_loops(quads: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Closed loops of edges with one face only, each along its faces' own direction; shortest loop first."""
    start, end = quads.ravel(), np.roll(quads, -1, 1).ravel()
    size = int(quads.max()) + 1
    border = ~np.isin(start * size + end, end * size + start)
    follow = dict(zip(start[border].tolist(), end[border].tolist()))
    loops = []
    while follow:
        loop = [next(iter(follow))]
        while (successor := follow.pop(loop[-1])) != loop[0]:
            loop.append(successor)
        loops.append(np.array(loop))
    return sorted(loops, key=len)


def triangulate(
    vertices: NDArray[np.float64], quads: NDArray[np.int64], fans: NDArray[np.int64]
) -> NDArray[np.int64]:
    """(m, 4) quads to (2m, 3) triangles; rows t and t + m come from quad t.

    Quads are cut along their shorter diagonal, but through every vertex in ``fans``: a slit's end has the full
    angle round it, which needs more than two triangles to be filled without folds.
    """
    first = np.linalg.norm(vertices[quads[:, 0]] - vertices[quads[:, 2]], axis=1)
    second = np.linalg.norm(vertices[quads[:, 1]] - vertices[quads[:, 3]], axis=1)
    fan = np.isin(quads, fans)
    cost_first = np.where(fan[:, 1] | fan[:, 3], np.inf, first)
    cost_second = np.where(fan[:, 0] | fan[:, 2], np.inf, second)
    along = (cost_first <= cost_second)[:, None]
    return np.concatenate(
        [
            np.where(along, quads[:, [0, 1, 2]], quads[:, [0, 1, 3]]),
            np.where(along, quads[:, [0, 2, 3]], quads[:, [1, 2, 3]]),
        ]
    )


def arc_lengths(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(k,) relative arc length along a polyline of (k, 3) points, from 0 to 1."""
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    length = np.append(0.0, np.cumsum(steps))
    relative: NDArray[np.float64] = length / length[-1]
    return relative


def edge_graph(vertices: NDArray[np.float64], quads: NDArray[np.int64]) -> sparse.csr_matrix:
    """(n, n) symmetric lengths of the quads' edges, for shortest paths."""
    start, end = quads.ravel(), np.roll(quads, -1, 1).ravel()
    low, high = np.unique(np.stack([np.minimum(start, end), np.maximum(start, end)]), axis=1)
    length = np.linalg.norm(vertices[low] - vertices[high], axis=1)
    count = len(vertices)
    return sparse.csr_matrix((np.tile(length, 2), (np.append(low, high), np.append(high, low))), (count, count))


def find_anchors(skin: SourceSkin, back_corner: float) -> Anchors:
    """Extreme vertices of the lids, the mouth's corner, the crown, the back midline's corner (0 rim .. 1 crown)."""
    _, vertices, ids = _left_half(skin)
    eye, outer = _two_loops(skin)
    middle = vertices[outer, 0] == 0.0
    height, depth = vertices[outer, 1] - CROWN_YZ_MM[0], vertices[outer, 2] - CROWN_YZ_MM[1]
    crown = int(np.where(middle, 0.3 * np.abs(height) + np.abs(depth), np.inf).argmin())
    mouth, back = _outer_pieces(vertices, np.roll(outer, -crown))[1::3]
    chosen = (
        eye[vertices[eye, 0].argmin()],
        eye[vertices[eye, 0].argmax()],
        mouth[vertices[mouth, 0].argmax() + CORNER_EDGES],
        outer[crown],
        back[np.abs(arc_lengths(vertices[back]) - back_corner).argmin()],
    )
    return Anchors(*(int(ids[vertex]) for vertex in chosen))


def _left_half(skin: SourceSkin) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Head quads (m,) on the left; positions (n, 3) and skin ids (n,) of their vertices, ascending."""
    polygons = np.arange(len(skin.quads))[skin.head]
    polygons = polygons[skin.vertices[skin.quads[polygons], 0].mean(1) > 0.0]
    ids = np.unique(skin.quads[polygons])
    return polygons, skin.vertices[ids], ids


def _two_loops(skin: SourceSkin) -> list[NDArray[np.int64]]:
    """The left half's boundary loops in local ids: eye, outer."""
    polygons, _, ids = _left_half(skin)
    loops = boundary_loops(np.searchsorted(ids, skin.quads[polygons]))
    if len(loops) != 2:
        raise ModelFileInvalid(f"Half of the ICT-FaceKit head has {len(loops)} boundary loops instead of 2.")
    return loops


def _outer_pieces(vertices: NDArray[np.float64], outer: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """Cut the outer loop, starting at the crown: front above the mouth, mouth, front below it, rim, back."""
    middle = vertices[outer, 0] == 0.0
    change = np.flatnonzero(np.diff(middle.astype(int)))
    if len(change) != 4 or vertices[outer[change[0]], 2] < vertices[outer[change[2]], 2]:
        raise ModelFileInvalid("The midline of the ICT-FaceKit head does not pass the mouth and then the neck rim.")
    cuts = (0, change[0], change[1] + 1, change[2], change[3] + 1)
    closed = np.append(outer, outer[0])
    return tuple(closed[begin : end + 1] for begin, end in zip(cuts, (*cuts[1:], len(outer))))


def half_head(skin: SourceSkin, anchors: Anchors) -> HalfHead:
    """Cut the head skin along the midline and name the pieces of the left half's boundary.

    Raises ModelFileInvalid where the boundary is not one eye, one half mouth, a neck rim and the midline.
    """
    polygons, vertices, ids = _left_half(skin)
    quads = np.searchsorted(ids, skin.quads[polygons])
    inner, canthus, corner, crown, turn = (int(np.searchsorted(ids, anchor)) for anchor in anchors)

    eye, outer = _two_loops(skin)
    front_upper, mouth, front_lower, rim, back = _outer_pieces(vertices, _starting_at(outer, crown))
    eye = np.append(_starting_at(eye, inner), inner)
    one, other = _split_at(eye, canthus)
    lower, upper = sorted((one, other[::-1]), key=lambda lid: float(vertices[lid, 1].mean()))
    lip_upper, lip_lower = _split_at(mouth, corner)
    back_lower, back_upper = _split_at(back, turn)
    return HalfHead(
        vertices=vertices,
        quads=quads,
        polygon=polygons,
        triangles=triangulate(vertices, quads, np.array([inner, canthus, corner])),
        source=ids,
        eye_upper=upper,
        eye_lower=lower,
        mouth_upper=lip_upper,
        mouth_lower=lip_lower[::-1],
        front_upper=front_upper,
        front_lower=front_lower,
        rim=rim,
        back_lower=back_lower,
        back_upper=back_upper,
    )


def _starting_at(loop: NDArray[np.int64], vertex: int) -> NDArray[np.int64]:
    return np.roll(loop, -int(np.flatnonzero(loop == vertex)[0]))


def _split_at(chain: NDArray[np.int64], vertex: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Both parts of a chain, the vertex in each."""
    place = int(np.flatnonzero(chain == vertex)[0])
    return chain[: place + 1], chain[place:]
