"""Measures what must not cross: eyeballs and lids, teeth and skin, tongue and skin.

Uses the meshes themselves (the clear shell's vertices, the faces of each crown, the closed surface of the tongue)
and nothing of the correctives, so that it can judge them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..mesh.topology import MATERIALS, Topology

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SHELL_NEIGHBOURS = 4  # vertices of the shell around a direction that tell its height there
EYE_RANGE_MM = 4.0  # skin farther from the shell is not looked at


def _faces(topology: Topology, ids: NDArray[np.int32]) -> Ints:
    """The quads whose corners all belong to ``ids``."""
    inside = np.zeros(int(topology.quads.max()) + 1, dtype=bool)
    inside[ids] = True
    faces: Ints = topology.quads[(topology.quads >= 0).all(1) & inside[topology.quads].all(1)].astype(np.int64)
    return faces


def _sphere(points: Floats) -> tuple[Floats, float]:
    """Centre (3,) and radius of the sphere through most of the points (n, 3); the flat iris is left out."""
    kept = points
    centre, radius = points.mean(0), 0.0
    for _ in range(3):
        system = np.column_stack([2.0 * kept, np.ones(len(kept))])
        solution = np.linalg.lstsq(system, (kept**2).sum(1), rcond=None)[0]
        centre, radius = solution[:3], float(np.sqrt(solution[3] + solution[:3] @ solution[:3]))
        off = np.abs(np.linalg.norm(points - centre, axis=1) - radius)
        kept = points[off <= np.quantile(off, 0.7)]
    return centre, radius


def eye_penetration(topology: Topology, vertices: Floats, side: str) -> float:
    """Deepest place, mm, of the lids and their inner side under the clear shell of one eye ("left" or "right")."""
    eye = topology.regions[f"eye_{side}"]
    ball = np.intersect1d(eye, topology.quads[topology.material == MATERIALS.index("eye")])
    shell = np.intersect1d(eye, topology.quads[topology.material == MATERIALS.index("cornea")])
    centre, radius = _sphere(vertices[ball])
    arm = vertices[shell] - centre
    heights = np.linalg.norm(arm, axis=1)
    # The shell's rim dives into the ball.
    front = heights >= radius
    directions, heights = arm[front] / heights[front, None], heights[front]

    skin = np.union1d(
        topology.quads[topology.material == MATERIALS.index("skin")], topology.regions[f"socket_{side}"]
    )
    reach = vertices[skin] - centre
    distance = np.linalg.norm(reach, axis=1)
    near = distance < heights.max() + EYE_RANGE_MM
    if not near.any():
        return 0.0
    distance, unit = distance[near], reach[near] / distance[near, None]
    cosine = unit @ directions.T
    closest = np.argpartition(-cosine, SHELL_NEIGHBOURS, axis=1)[:, :SHELL_NEIGHBOURS]
    gap = 1.0 - np.take_along_axis(cosine, closest, axis=1)
    weight = 1.0 / (gap + 1e-6)
    height = (weight * heights[closest]).sum(1) / weight.sum(1)
    # Away from the shell's front only the ball is there.
    height = np.where(gap.min(1) > 0.02, radius, height)
    return float(np.maximum(height - distance, 0.0).max())


def _crowns(topology: Topology) -> list[Ints]:
    """Faces (f, 4) of each tooth: the connected pieces of the material "teeth"."""
    faces = topology.quads[topology.material == MATERIALS.index("teeth")].astype(np.int64)
    label = np.arange(int(faces.max()) + 1)
    while True:
        lowest = label[faces].min(1)
        before = label.copy()
        np.minimum.at(label, faces, lowest[:, None])
        if np.array_equal(label, before):
            break
    of_face = label[faces[:, 0]]
    return [faces[of_face == k] for k in np.unique(of_face)]


def teeth_penetration(topology: Topology, vertices: Floats) -> float:
    """Deepest place, mm, of the skin inside a tooth: each crown is the convex space between its faces' planes."""
    skin = vertices[np.unique(topology.quads[topology.material == MATERIALS.index("skin")])]
    teeth = vertices[np.unique(topology.quads[topology.material == MATERIALS.index("teeth")])]
    skin = skin[((skin > teeth.min(0)) & (skin < teeth.max(0))).all(1)]
    worst = 0.0
    for faces in _crowns(topology):
        corners = vertices[faces]
        inside = ((skin > corners.min((0, 1))) & (skin < corners.max((0, 1)))).all(1)
        if not inside.any():
            continue
        normal = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
        place = corners.mean(1)
        # The open side under the gum: a plane through the border, facing away from the crown's middle.
        sides = np.concatenate([faces[:, [k, (k + 1) % 4]] for k in range(4)])
        key, reverse = sides[:, 0] * len(vertices) + sides[:, 1], sides[:, 1] * len(vertices) + sides[:, 0]
        border = vertices[sides[~np.isin(key, reverse), 0]].mean(0)
        normal = np.vstack([normal, border - vertices[np.unique(faces)].mean(0)])
        place = np.vstack([place, border])
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        depth = ((place[None] - skin[inside][:, None]) * normal[None]).sum(-1).min(1)
        worst = max(worst, float(depth.max()))
    return worst


def _inside_closed(points: Floats, triangles: Floats) -> NDArray[np.bool_]:
    """Which points (n, 3) lie inside a closed surface (t, 3, 3): odd number of crossings of a ray along +x.

    Each triangle is a function x(y, z) over its shadow; the ray is shifted by a tenth of a micrometre, so that it
    meets no edge of a symmetric mesh.
    """
    y, z = points[:, 1, None] + 1.3e-4, points[:, 2, None] + 0.7e-4
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    area: Floats = (b[:, 1] - a[:, 1]) * (c[:, 2] - a[:, 2]) - (b[:, 2] - a[:, 2]) * (c[:, 1] - a[:, 1])
    area = np.where(np.abs(area) < 1e-12, 1e-12, area)
    s: Floats = ((y - a[:, 1]) * (c[:, 2] - a[:, 2]) - (z - a[:, 2]) * (c[:, 1] - a[:, 1])) / area
    t: Floats = ((b[:, 1] - a[:, 1]) * (z - a[:, 2]) - (b[:, 2] - a[:, 2]) * (y - a[:, 1])) / area
    x = a[:, 0] + s * (b[:, 0] - a[:, 0]) + t * (c[:, 0] - a[:, 0])
    crossing: NDArray[np.bool_] = (s >= 0.0) & (t >= 0.0) & (s + t <= 1.0) & (x > points[:, 0, None])
    odd: NDArray[np.bool_] = crossing.sum(1) % 2 == 1
    return odd


def tongue_penetration(topology: Topology, vertices: Floats) -> float:
    """Deepest place, mm, of the skin inside the tongue."""
    faces = _faces(topology, topology.regions["tongue"])
    tongue = vertices[faces]
    skin = vertices[np.unique(topology.quads[topology.material == MATERIALS.index("skin")])]
    skin = skin[((skin > tongue.min((0, 1))) & (skin < tongue.max((0, 1)))).all(1)]
    if len(skin) == 0:
        return 0.0
    triangles = np.concatenate([tongue[:, [0, 1, 2]], tongue[:, [0, 2, 3]]])
    skin = skin[_inside_closed(skin, triangles)]
    if len(skin) == 0:
        return 0.0
    normal = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    middle = triangles.mean(1)
    arm = middle[None] - skin[:, None]
    nearest = (arm**2).sum(-1).argmin(1)
    depth = (arm[np.arange(len(skin)), nearest] * normal[nearest]).sum(-1)
    return float(np.maximum(depth, 0.0).max())


def penetration(topology: Topology, vertices: NDArray[np.float64]) -> dict[str, float]:
    """How deep things that must not cross do cross in one pose of the head.

    Parameters
    ----------
    topology : Topology with eyes, teeth and tongue
    vertices : (V, 3) mm, the head in any pose; mouthClose has a meaning only on top of jawOpen

    Returns
    -------
    dict
        ``eyes``: lids or their inner side inside an eyeball; ``teeth``: skin inside a tooth; ``tongue``: skin
        inside the tongue; all mm, 0 where nothing crosses.
    """
    return {
        "eyes": max(eye_penetration(topology, vertices, side) for side in ("left", "right")),
        "teeth": teeth_penetration(topology, vertices),
        "tongue": tongue_penetration(topology, vertices),
    }
