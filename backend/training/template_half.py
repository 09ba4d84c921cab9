"""One half of ICT-FaceKit's head with its boundary named: the surface that the template's lattice is laid over."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..errors import ModelFileInvalid
from .ict_source import HEAD_POLYGONS, SKIN_POLYGONS, SKIN_VERTICES, IctSource

MIRROR_TOLERANCE_MM = 0.1
CROWN_YZ_MM = (106.0, -104.0)  # where the cut along the back of the head ends; model space


class HalfHead(NamedTuple):
    """The subject's left half (x >= 0) of the head skin, without sockets, as its own small mesh.

    vertices   (n, 3) float64 mm, exactly symmetric source positions, x = 0 on the midline
    quads      (m, 4) int64 local ids, counter-clockwise seen from outside
    polygon    (m,) int64 ICT polygon of each quad
    triangles  (2m, 3) int64: every quad cut in two; triangles t and t + m belong to quad t
    source     (n,) int64 ICT vertex of each local vertex
    eye_upper, eye_lower       local ids along the lid edges, inner to outer canthus, both canthi included
    mouth_upper, mouth_lower   local ids along the lip edges, centre to corner, corner included
    front_upper  crown down to the upper lip's centre;   front_lower  lower lip's centre down to the neck rim
    rim          neck rim, front to back;                back  neck rim up the back midline to the crown
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
    back: NDArray[np.int64]


def mirror_vertices(source: IctSource) -> NDArray[np.int64]:
    """(n,) the ICT skin vertex at the mirrored place; other vertices map to themselves.

    Raises ModelFileInvalid where the neutral skin is not symmetric.
    """
    skin = source.neutral[SKIN_VERTICES]
    distance, found = cKDTree(skin).query(skin * [-1.0, 1.0, 1.0])
    mirror = np.arange(len(source.neutral))
    mirror[SKIN_VERTICES] = found
    if distance.max() > MIRROR_TOLERANCE_MM or (mirror[mirror] != np.arange(len(mirror))).any():
        raise ModelFileInvalid("The skin of the ICT-FaceKit neutral head is not symmetric.")
    return mirror


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

    Quads are cut along their shorter diagonal, but through every vertex in ``fans``: a slit's end has the full angle
    round it, which needs more than two triangles to be filled without folds.
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


def _rotate_to(loop: NDArray[np.int64], place: int) -> NDArray[np.int64]:
    return np.roll(loop, -place)


def half_head(source: IctSource, mirror: NDArray[np.int64]) -> HalfHead:
    """Cut the head skin along the midline and name the pieces of the left half's boundary.

    Raises ModelFileInvalid where the boundary is not one eye, one half mouth, a neck rim and the midline.
    """
    neutral = 0.5 * (source.neutral + source.neutral[mirror] * [-1.0, 1.0, 1.0])
    neutral[np.abs(neutral[:, 0]) < 0.01, 0] = 0.0
    polygons = np.arange(len(source.faces))[HEAD_POLYGONS]
    if (source.faces[SKIN_POLYGONS] < 0).any():
        raise ModelFileInvalid("The skin of the ICT-FaceKit head is not all quads.")
    polygons = polygons[neutral[source.faces[polygons], 0].mean(1) > 0.0]
    ids, local = np.unique(source.faces[polygons], return_inverse=True)
    quads, vertices = local.reshape(-1, 4), neutral[ids]

    loops = boundary_loops(quads)
    if len(loops) != 2:
        raise ModelFileInvalid(f"Half of the ICT-FaceKit head has {len(loops)} boundary loops instead of 2.")
    eye, outer = loops

    # Outer loop: crown, down the front midline, round the mouth, on to the rim, round it, up the back midline.
    middle = vertices[outer, 0] == 0.0
    off_crown = 0.3 * np.abs(vertices[outer, 1] - CROWN_YZ_MM[0]) + np.abs(vertices[outer, 2] - CROWN_YZ_MM[1])
    outer = _rotate_to(outer, int(np.where(middle, off_crown, np.inf).argmin()))
    middle = vertices[outer, 0] == 0.0
    change = np.flatnonzero(np.diff(middle.astype(int)))
    if len(change) != 4 or vertices[outer[change[0]], 2] < vertices[outer[change[2]], 2]:
        raise ModelFileInvalid("The midline of the ICT-FaceKit head does not pass the mouth and then the neck rim.")
    lip_top, lip_bottom, rim_front, rim_back = (int(i) for i in change + [0, 1, 0, 1])
    mouth = outer[lip_top : lip_bottom + 1]
    corner = int(vertices[mouth, 0].argmax())

    eye = _rotate_to(eye, int(vertices[eye, 0].argmin()))
    outer_canthus = int(vertices[eye, 0].argmax())
    lids = eye[: outer_canthus + 1], np.append(eye[outer_canthus:], eye[0])[::-1]
    lower, upper = sorted(lids, key=lambda lid: float(vertices[lid, 1].mean()))
    return HalfHead(
        vertices=vertices,
        quads=quads,
        polygon=polygons,
        triangles=triangulate(vertices, quads, np.array([upper[0], upper[-1], mouth[corner]])),
        source=ids,
        eye_upper=upper,
        eye_lower=lower,
        mouth_upper=mouth[: corner + 1],
        mouth_lower=mouth[corner:][::-1],
        front_upper=outer[: lip_top + 1],
        front_lower=outer[lip_bottom : rim_front + 1],
        rim=outer[rim_front : rim_back + 1],
        back=np.append(outer[rim_back:], outer[0]),
    )
