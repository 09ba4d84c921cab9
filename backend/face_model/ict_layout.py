"""Topology of ICT-FaceKit in our terms: materials, UV squares, regions, mirror and 68 landmarks.

ICT's UVs lie in seven UDIM tiles; we have one UV square per material. Skin: ICT's face tile fills the upper middle
and keeps most of the texels, the head and neck tile is pressed into the strip below, and mirrored places stay
mirrored (u -> 1 - u). Mouth: the atlas that the built-in head has (bag above, sockets, gums, tongue below). Eyes:
the azimuthal layout of the built-in head, because irises and sclera are painted in that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import cKDTree

from ..mesh.topology import MATERIALS, LandmarkEmbedding, Topology
from . import ict_file as ict
from .base import ARKIT_NAMES
from .eyeball import eye_uv_radius
from .ict_file import IctSource

# Skin square: the face tile's place and the head tile's strip, (u, v, width, height).
FACE_UV_BOX = (0.125, 0.25, 0.75, 0.75)
HEAD_UV_BOX = (0.0, 0.0, 1.0, 0.245)
# Mouth square.
BAG_UV_BOX = (0.0, 0.5, 1.0, 0.5)
SOCKET_UV_BOXES = {"left": (0.0, 0.25, 0.25, 0.25), "right": (0.25, 0.25, 0.25, 0.25)}
GUMS_UV_BOX = (0.5, 0.25, 0.5, 0.25)
TONGUE_UV_BOX = (0.0, 0.0, 1.0, 0.25)
TEETH_CELLS = 6  # the square of "teeth" has 6 x 6 cells, one per tooth, as on the built-in head
GUM_HEIGHT_MM = 13.0  # above a tooth's biting edge; ICT's teeth have roots as well


def ict_topology(source: IctSource) -> Topology:
    """Topology of the first ``ict_file.VERTICES`` vertices of ICT-FaceKit Light, faces in the file's order."""
    faces = source.faces
    corner_uv = np.zeros((len(faces), 4, 2))
    material = np.full(len(faces), MATERIALS.index("skin"), np.uint8)
    tiled = source.uv[np.where(source.faces_uv < 0, source.faces_uv[:, :1], source.faces_uv)]
    plain = tiled - np.floor(tiled.mean(1, keepdims=True))  # every polygon lies within one tile

    corner_uv[ict.FACE_POLYGONS] = _into(plain[ict.FACE_POLYGONS], FACE_UV_BOX)
    corner_uv[ict.FACE_POLYGONS.stop : ict.HEAD_POLYGONS.stop] = _into(
        plain[ict.FACE_POLYGONS.stop : ict.HEAD_POLYGONS.stop], HEAD_UV_BOX
    )
    regions = _skin_regions(source)
    corner_uv[ict.MOUTH_SOCKET_POLYGONS] = _into(_funnel_uv(source, ict.MOUTH_SOCKET_POLYGONS), BAG_UV_BOX)
    regions["mouth_bag"] = _inner_vertices(source, ict.MOUTH_SOCKET_POLYGONS)
    for polygons in ict.EYE_SOCKET_POLYGONS:
        vertices = _inner_vertices(source, polygons)
        side = "left" if source.neutral[vertices, 0].mean() > 0 else "right"
        corner_uv[polygons] = _into(_funnel_uv(source, polygons), SOCKET_UV_BOXES[side])
        regions[f"socket_{side}"] = vertices

    gums_tongue = _faces_within(faces, ict.GUMS_TONGUE)
    corner_uv[gums_tongue] = _into(plain[gums_tongue], GUMS_UV_BOX)
    tongue = _tongue_faces(source, gums_tongue)
    corner_uv[tongue] = _into(plain[tongue], TONGUE_UV_BOX)
    teeth = _faces_within(faces, ict.TEETH)
    corner_uv[teeth] = _teeth_uv(source, teeth)
    inner = slice(ict.HEAD_POLYGONS.stop, ict.SKIN_POLYGONS.stop)
    material[inner] = material[gums_tongue] = MATERIALS.index("mouth")
    material[teeth] = MATERIALS.index("teeth")
    regions |= _inner_regions(source, faces[tongue], faces[gums_tongue])

    for side, span in (("left", source.eye_left), ("right", source.eye_right)):
        eye = _faces_within(faces, span)
        material[eye] = MATERIALS.index("eye")
        corner_uv[eye] = _eye_uv(source.neutral[span], faces[eye] - span.start)
        regions[f"eye_{side}"] = np.arange(span.start, span.stop, dtype=np.int32)

    return Topology(
        quads=faces.astype(np.int32),
        corner_uv=corner_uv.astype(np.float32),
        material=material,
        regions=regions,
        mirror=_mirror(source.neutral),
    )


def ict_landmarks68(source: IctSource) -> LandmarkEmbedding:
    """The 68 iBUG landmarks, each on the vertex that ICT names."""
    vertices = np.repeat(source.landmarks68[:, None], 3, axis=1)
    weights = np.zeros((68, 3))
    weights[:, 0] = 1.0
    return LandmarkEmbedding(np.arange(68), vertices, weights)


def _into(uv: NDArray[np.float64], box: tuple[float, float, float, float]) -> NDArray[np.float64]:
    """Unit square coordinates (..., 2) into a box (u, v, width, height)."""
    result: NDArray[np.float64] = uv * box[2:] + box[:2]
    return result


def _faces_within(faces: NDArray[np.int64], span: slice) -> NDArray[np.int64]:
    """Rows of ``faces`` whose vertices all lie in a vertex range."""
    inside = ((faces >= span.start) & (faces < span.stop)) | (faces < 0)
    return np.flatnonzero(inside.all(1))


def _inner_vertices(source: IctSource, polygons: slice) -> NDArray[np.int32]:
    """Vertices of a socket, its rim on the skin included."""
    vertices: NDArray[np.int32] = np.unique(source.faces[polygons]).astype(np.int32)
    return vertices


def _edges(faces: NDArray[np.int64]) -> NDArray[np.int64]:
    """(E, 2) polygon edges, each once per polygon; triangles' padding repeats a corner and adds a loop."""
    closed = np.where(faces < 0, faces[:, :1], faces)
    edges: NDArray[np.int64] = np.stack([closed, np.roll(closed, -1, axis=1)], -1).reshape(-1, 2)
    return edges


def _funnel_uv(source: IctSource, polygons: slice) -> NDArray[np.float64]:
    """Unit square for a socket: v falls from 1 at the rim to 0 at the deepest vertex, u goes round.

    u runs from 0 above to 1 below, the same on both sides, so that no polygon straddles a seam; both sides share
    their texels, and what is painted there is the same all around. Depth is measured along the mesh.
    """
    faces = source.faces[polygons]
    used, local = np.unique(faces, return_inverse=True)
    local = local.reshape(faces.shape)
    outside = np.unique(source.faces[: ict.HEAD_POLYGONS.stop])
    rim = np.flatnonzero(np.isin(used, outside))
    points = source.neutral[used].astype(np.float64)
    edges = _edges(local)
    length = np.maximum(np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1), 1e-6)
    graph = coo_matrix((length, edges.T), shape=(len(used), len(used)))  # an inner edge once in each direction
    depth = dijkstra(graph.tocsr(), directed=False, indices=rim, min_only=True)
    offset = points[:, :2] - points[rim, :2].mean(0)
    around = np.abs(np.arctan2(offset[:, 0], offset[:, 1])) / np.pi
    uv: NDArray[np.float64] = np.stack([around, 1.0 - depth / depth.max()], -1)
    return uv[local]


def _tongue_faces(source: IctSource, gums_tongue: NDArray[np.int64]) -> NDArray[np.int64]:
    """Polygons of the tongue among those of gums and tongue, which are one connected piece in ICT.

    The tongue's upper and lower sides are UV islands of their own: the only two that stay within 21 mm of the
    middle, reach forward of the molars and lie below the teeth's meeting line.
    """
    islands = source.faces_uv[gums_tongue]
    edges = _edges(islands)
    size = len(source.uv)
    _, label = connected_components(coo_matrix((np.ones(len(edges)), edges.T), shape=(size, size)), directed=False)
    island = label[islands[:, 0]]
    found = []
    for value in np.unique(island):
        members = gums_tongue[island == value]
        points = source.neutral[np.unique(source.faces[members][source.faces[members] >= 0])]
        if np.abs(points[:, 0]).max() < 21.0 and points[:, 2].max() > 10.0 and points[:, 1].max() < -60.0:
            found.append(members)
    return np.concatenate(found)


def _teeth_uv(source: IctSource, teeth: NDArray[np.int64]) -> NDArray[np.float64]:
    """One cell of the square per tooth: biting edge in its middle, gum at its border, mirrored pairs side by side.

    Returns (len(teeth), 4, 2).
    """
    faces = source.faces[teeth]
    edges = _edges(faces)
    size = ict.VERTICES
    _, label = connected_components(coo_matrix((np.ones(len(edges)), edges.T), shape=(size, size)), directed=False)
    tooth_of = label[faces[:, 0]]
    names = np.unique(tooth_of)
    vertices_of = {name: np.unique(faces[tooth_of == name][faces[tooth_of == name] >= 0]) for name in names}
    centre = {name: source.neutral[vertices].astype(np.float64).mean(0) for name, vertices in vertices_of.items()}
    middle_height = np.mean([c[1] for c in centre.values()])
    # Upper teeth first, back to front, so that left and right of a pair follow each other.
    order = sorted(names, key=lambda name: (centre[name][1] < middle_height, round(centre[name][2], 1)))
    place = np.zeros((size, 2))
    for k, name in enumerate(order):
        points = source.neutral[vertices_of[name]].astype(np.float64)
        height = points[:, 1] if centre[name][1] < middle_height else -points[:, 1]
        depth = np.clip((height.max() - height) / GUM_HEIGHT_MM, 0.0, 1.0)
        sideways = points[:, [0, 2]] - points[:, [0, 2]].mean(0)
        sideways /= np.maximum(np.abs(sideways).max(1, keepdims=True), 1e-6)
        cell = np.array([k % TEETH_CELLS, k // TEETH_CELLS])
        place[vertices_of[name]] = (cell + 0.5 + 0.47 * depth[:, None] * sideways) / TEETH_CELLS
    corners: NDArray[np.float64] = place[np.where(faces < 0, faces[:, :1], faces)]
    return corners


def _inner_regions(
    source: IctSource, tongue: NDArray[np.int64], gums_tongue: NDArray[np.int64]
) -> dict[str, NDArray[np.int32]]:
    """Vertices of teeth, gums and tongue; the lower ones are those that jawOpen moves."""
    jaw = np.linalg.norm(source.expression[ARKIT_NAMES.index("jawOpen")], axis=1)
    teeth = np.arange(ict.TEETH.start, ict.TEETH.stop)
    lower = jaw[teeth] > 0.1  # mm; the upper teeth do not move at all
    tongue_vertices = np.unique(tongue[tongue >= 0])
    gums = np.setdiff1d(np.unique(gums_tongue[gums_tongue >= 0]), tongue_vertices)
    lower_gums = gums[jaw[gums] > 0.5 * np.median(jaw[teeth[lower]])]
    found = {
        "teeth_upper": teeth[~lower],
        "teeth_lower": teeth[lower],
        "tongue": tongue_vertices,
        "gums": gums,
        "gums_lower": lower_gums,
    }
    return {name: vertices.astype(np.int32) for name, vertices in found.items()}


def _skin_regions(source: IctSource) -> dict[str, NDArray[np.int32]]:
    """Regions of the outer skin: ICT's own vertex ranges, the rest by place on the mean head (mm)."""
    head = np.unique(source.faces[ict.HEAD_POLYGONS])
    narrow, face = head[head < ict.NARROW_FACE_VERTICES], head[head < ict.FACE_VERTICES]
    y, z = source.neutral[head, 1].astype(np.float64), source.neutral[head, 2].astype(np.float64)
    landmarks = source.neutral[source.landmarks68].astype(np.float64)
    chin, jaw_hinge, brows = landmarks[8], landmarks[[0, 16]], landmarks[17:27]
    outside_face = head >= ict.NARROW_FACE_VERTICES
    # ICT's face range ends with the ears, which lie behind the jaw hinge, from below the lobe to eye height.
    ear = outside_face & (head < ict.FACE_VERTICES) & (z < jaw_hinge[:, 2].mean() - 13.0)
    ear &= (y > landmarks[3, 1] - 5.0) & (y < 6.0)
    neck = outside_face & ~ear & (y < chin[1] - 0.35 * np.maximum(0.0, z + 60.0))
    scalp = outside_face & ~ear & ~neck & ((y > brows[:, 1].max() + 35.0) | (z < jaw_hinge[:, 2].mean() - 12.0))
    return {
        name: vertices.astype(np.int32)
        for name, vertices in {
            "face": face,
            "narrow_face": narrow,
            "ears": head[ear],
            "neck": head[neck],
            "scalp": head[scalp],
            "lips": _inside_outline(source, head, source.landmarks68[48:60]),
        }.items()
    }


def _inside_outline(
    source: IctSource, vertices: NDArray[np.int64], outline: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Those of ``vertices`` that lie, seen from the front, inside a closed outline of vertices (even-odd rule)."""
    points, corners = source.neutral[vertices, :2], source.neutral[outline, :2]
    inside = np.zeros(len(vertices), bool)
    for start, end in zip(corners, np.roll(corners, -1, axis=0)):
        crosses = (start[1] > points[:, 1]) != (end[1] > points[:, 1])
        height = end[1] - start[1] if end[1] != start[1] else 1.0
        inside ^= crosses & (points[:, 0] < start[0] + (points[:, 1] - start[1]) / height * (end[0] - start[0]))
    near = np.abs(source.neutral[vertices, 2] - source.neutral[outline, 2].mean()) < 30.0
    chosen: NDArray[np.int64] = vertices[inside & near]
    return chosen


def _eye_uv(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.float64]:
    """The built-in eyeball's azimuthal map (eyeball.py) on both shells of one eyeball, pole at (.5, .5).

    Parameters
    ----------
    vertices : (n, 3) mm; faces : (P, 4) into them

    ICT's eye is a closed outer shell with the cornea's bulge and an inner ball with the iris. The outer one is what
    one sees, so the texture goes onto it; the inner one takes the same map.
    """
    points = vertices.astype(np.float64)
    body = points[points[:, 2] < points[:, 2].mean() + 3.0]
    system = np.concatenate([2.0 * body, np.ones((len(body), 1))], 1)
    solution = np.linalg.lstsq(system, (body**2).sum(1), rcond=None)[0]
    direction = points - solution[:3]
    apex = direction[np.linalg.norm(direction, axis=1).argsort()[-40:]].mean(0)
    axis = apex / np.linalg.norm(apex)
    right = np.cross([0.0, 1.0, 0.0], axis)
    right /= np.linalg.norm(right)
    up = np.cross(axis, right)
    angle = np.arctan2(np.hypot(direction @ right, direction @ up), direction @ axis)
    around = np.arctan2(direction @ up, direction @ right)
    radius = eye_uv_radius(np.degrees(angle))
    uv: NDArray[np.float64] = 0.5 + radius[:, None] * np.stack([np.cos(around), np.sin(around)], -1)
    corners: NDArray[np.float64] = uv[np.where(faces < 0, faces[:, :1], faces)]
    return corners


def _mirror(neutral: NDArray[np.float64]) -> NDArray[np.int32]:
    """(V,) vertex at the mirrored place; an involution.

    All but a few vertices of the mouth have their mirror image within 0.05 mm; those few are paired among
    themselves.
    """
    flipped = neutral * np.array([-1.0, 1.0, 1.0])
    mirror: NDArray[np.int64] = np.asarray(cKDTree(neutral).query(flipped)[1])
    for single in range(2):  # first pairs that disagree, then what remains is its own mirror
        odd = np.flatnonzero(mirror[mirror] != np.arange(len(neutral)))
        if not len(odd):
            break
        mirror[odd] = odd if single else odd[cKDTree(neutral[odd]).query(flipped[odd])[1]]
    return np.asarray(mirror, np.int32)
