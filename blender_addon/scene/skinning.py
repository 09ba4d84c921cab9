"""Joints and skin weights of the head's armature, from its geometry alone (numpy, no Blender).

The bones are an extra control on top of the shape keys: at rest they move nothing, and the jaw bone follows
the same path as the blendshape ``jawOpen``, from which its hinge and its weights are measured. All places are
in model space, millimetres (x to the subject's left, y up, z out of the face).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..backend_door import BundleInvalid, Head

ROOT, NECK, HEAD, JAW, EYE_LEFT, EYE_RIGHT = "root", "neck", "head", "jaw", "eye_L", "eye_R"
PARENTS: dict[str, str | None] = {
    ROOT: None, NECK: ROOT, HEAD: NECK, JAW: HEAD, EYE_LEFT: HEAD, EYE_RIGHT: HEAD,
}  # fmt: skip

# The skull turns on the first vertebra, which lies below and behind the jaw's hinge.
ATLAS_BELOW_HINGE_MM, ATLAS_BEHIND_HINGE_MM = 15.0, 25.0
# Offsets of the jaw bone below this are noise near its axis, not motion.
HINGE_SOFTNESS_MM = 3.0
# What follows the jaw by less than this stays with the head: it is noise of the blendshape, not jaw.
JAW_NOISE = 0.02
# Weights below are dropped: they cost engines an influence and move nothing that can be seen.
SMALLEST_WEIGHT = 0.004
MINIMUM_JAW_MOTION_MM, MINIMUM_GAZE_DEGREES = 3.0, 2.0


class Bone(NamedTuple):
    """A bone at rest. ``head`` and ``tail`` (3,) float64 mm, model space; the parent is in PARENTS."""

    head: NDArray[np.float64]
    tail: NDArray[np.float64]


class Skinning(NamedTuple):
    """``bones`` by name in parent-first order, ``weights`` name -> (V,) float32; rows sum to 1.

    ``jaw_open_degrees``: the jaw bone's turn about +x that equals the blendshape ``jawOpen`` at 1.
    """

    bones: dict[str, Bone]
    weights: dict[str, NDArray[np.float32]]
    jaw_open_degrees: float


class Hinge(NamedTuple):
    """A turn about the x axis through (y, z): ``point`` (3,) with x = 0, ``degrees`` (positive opens the jaw)."""

    point: NDArray[np.float64]
    degrees: float

    def offset(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, 3) where points (n, 3) go, minus where they are, at the full turn."""
        angle = np.radians(self.degrees)
        cos, sin = np.cos(angle), np.sin(angle)
        y, z = points[:, 1] - self.point[1], points[:, 2] - self.point[2]
        # Right-handed about +x: y towards z, so that the chin, in front of the hinge, goes down for z > 0.
        moved = np.zeros_like(points)
        moved[:, 1] = cos * y - sin * z - y
        moved[:, 2] = sin * y + cos * z - z
        return moved


def skin(head: Head) -> Skinning:
    """Place the bones and weigh every vertex. Raises BundleInvalid where ``jawOpen`` opens no jaw."""
    vertices = head.neutral.astype(np.float64)
    jaw_open = _blendshape(head, "jawOpen")
    hinge = fit_hinge(*_jaw_samples(head, vertices, jaw_open))
    jaw = _jaw_weights(vertices, jaw_open, hinge)
    jaw[head.regions.get("teeth_lower", np.empty(0, np.int32))] = 1.0  # teeth are one piece
    chin = vertices[np.argmax(np.where(_skin_vertices(head), np.linalg.norm(jaw_open, axis=1), -1.0))] * [0, 1, 1]

    atlas = hinge.point - np.array([0.0, ATLAS_BELOW_HINGE_MM, ATLAS_BEHIND_HINGE_MM])
    lowest, highest = vertices[:, 1].min(), vertices[:, 1].max()
    rim = vertices[vertices[:, 1] < lowest + 0.05 * (atlas[1] - lowest)]
    base = np.array([0.0, lowest, 0.5 * (rim[:, 2].min() + rim[:, 2].max())])
    bones = {
        ROOT: Bone(base - np.array([0.0, 0.25 * (atlas[1] - lowest), 0.0]), base),
        NECK: Bone(base, atlas),
        HEAD: Bone(atlas, np.array([0.0, highest, atlas[2]])),
        JAW: Bone(hinge.point, chin),
    }
    upper, lower = _neck_weights(vertices, base, atlas, chin)
    rest = 1.0 - jaw
    weights = {ROOT: rest * lower, NECK: rest * (1.0 - upper - lower), HEAD: rest * upper, JAW: jaw}

    for bone, side, word in ((EYE_LEFT, 1.0, "Left"), (EYE_RIGHT, -1.0, "Right")):
        ball = _side_vertices(head, ("eye",), vertices, side)
        if len(ball) == 0:  # a face model without eyeballs gets no eye bones
            continue
        gazes = (_blendshape(head, f"eyeLook{way}{word}")[ball] for way in ("Up", "Down", "In", "Out"))
        centre = fit_pivot(vertices[ball], gazes)
        radius = np.linalg.norm(vertices[ball] - centre, axis=1).max()
        bones[bone] = Bone(centre, centre + np.array([0.0, 0.0, 1.5 * radius]))
        whole = _side_vertices(head, ("eye", "cornea"), vertices, side)
        for weight in weights.values():
            weight[whole] = 0.0
        weights[bone] = np.zeros(len(vertices))
        weights[bone][whole] = 1.0
    return Skinning(bones, _normalised(weights), hinge.degrees)


def fit_hinge(points: NDArray[np.float64], offsets: NDArray[np.float64]) -> Hinge:
    """The turn about an axis parallel to x that best explains ``points`` -> ``points + offsets`` (n, 3).

    Kabsch in the (y, z) plane: the angle maximises sum q·R p over centred pairs, tan(a) = sum(p × q) /
    sum(p · q); the centre is the fixed point c = R c + t.
    """
    before, after = points[:, 1:], (points + offsets)[:, 1:]
    p, q = before - before.mean(0), after - after.mean(0)
    angle = np.arctan2((p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum(), (p * q).sum())
    if abs(angle) < np.radians(2.0):
        raise BundleInvalid("The blendshape jawOpen of this head does not turn the jaw; its rig cannot be built.")
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = after.mean(0) - rotation @ before.mean(0)
    y, z = np.linalg.solve(np.eye(2) - rotation, shift)
    return Hinge(np.array([0.0, y, z]), float(np.degrees(angle)))


def fit_pivot(
    points: NDArray[np.float64], motions: Iterable[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """The point (3,) about which points (n, 3) turn in several motions, each (n, 3) offsets.

    Kabsch gives each motion's rotation R and shift t; the pivot stays where it is in all of them:
    (I - R_k) c = t_k, in the least-squares sense. One rotation leaves c free along its axis, two do not.
    """
    centre = points.mean(0)
    rows, shifts = [], []
    for offsets in motions:
        moved = points + offsets
        u, _, vt = np.linalg.svd((points - centre).T @ (moved - moved.mean(0)))
        rotation = vt.T @ np.diag([1.0, 1.0, np.linalg.det(vt.T @ u.T)]) @ u.T
        rows.append(np.eye(3) - rotation)
        shifts.append(moved.mean(0) - rotation @ centre)
    system = np.concatenate(rows)
    if np.linalg.svd(system, compute_uv=False)[-1] < np.sin(np.radians(MINIMUM_GAZE_DEGREES)):
        raise BundleInvalid("The gaze blendshapes of this head do not turn its eyes; its rig cannot be built.")
    pivot: NDArray[np.float64] = np.linalg.lstsq(system, np.concatenate(shifts), rcond=None)[0]
    return pivot


def _blendshape(head: Head, name: str) -> NDArray[np.float64]:
    if name not in head.blendshape_names:
        raise BundleInvalid(f"The head bundle has no blendshape {name}; its rig cannot be built.")
    offsets: NDArray[np.float64] = head.blendshapes[head.blendshape_names.index(name)].astype(np.float64)
    return offsets


def _jaw_samples(
    head: Head, vertices: NDArray[np.float64], jaw_open: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points on the lower jaw and their offsets: the lower teeth, which move as one piece, else the chin."""
    motion = np.linalg.norm(jaw_open, axis=1)
    if motion.max() < MINIMUM_JAW_MOTION_MM:
        raise BundleInvalid("The blendshape jawOpen of this head moves nothing; its rig cannot be built.")
    teeth = head.regions.get("teeth_lower", np.empty(0, np.int32))
    chosen = teeth if len(teeth) > 3 else np.flatnonzero(_skin_vertices(head) & (motion > 0.8 * motion.max()))
    return vertices[chosen], jaw_open[chosen]


def _jaw_weights(
    vertices: NDArray[np.float64], jaw_open: NDArray[np.float64], hinge: Hinge
) -> NDArray[np.float64]:
    """(V,) how far each vertex follows the jaw bone, 0 to 1.

    Linear skinning moves a vertex by w r, r its offset at the full turn; w = d·r / |r|² brings that closest
    to the blendshape's offset d. Near the axis r vanishes and the quotient means nothing: it fades to 0.
    """
    rigid = hinge.offset(vertices)
    length = np.linalg.norm(rigid, axis=1)
    quotient = (jaw_open * rigid).sum(1) / np.maximum(length, 1e-9) ** 2
    weight: NDArray[np.float64] = np.clip((quotient - JAW_NOISE) / (1.0 - 2.0 * JAW_NOISE), 0.0, 1.0)
    return weight * _smoothstep(length / (2.0 * HINGE_SOFTNESS_MM))


def _neck_weights(
    vertices: NDArray[np.float64], base: NDArray[np.float64], atlas: NDArray[np.float64], chin: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(V,) weights of head and of root; what is left belongs to the neck.

    Heads end at a plane from under the chin to the nape, not at a height: the chin is lower than the nape.
    Below that plane the head's weight fades out over half of the neck; the root's fades in towards the rim.
    """
    edge = np.array([0.0, chin[1] - atlas[1], chin[2] - atlas[2]])
    normal = np.array([0.0, edge[2], -edge[1]]) / np.linalg.norm(edge)
    above = (vertices - chin) @ normal + 0.15 * abs((base - chin) @ normal)
    band = 0.5 * abs((base - chin) @ normal)
    head = _smoothstep(1.0 + above / band)
    height = (vertices[:, 1] - base[1]) / (atlas[1] - base[1])
    root = (1.0 - head) * (1.0 - _smoothstep(height / 0.35))
    return head, root


def _smoothstep(x: NDArray[np.float64]) -> NDArray[np.float64]:
    t = np.clip(x, 0.0, 1.0)
    result: NDArray[np.float64] = t * t * (3.0 - 2.0 * t)
    return result


def _skin_vertices(head: Head) -> NDArray[np.bool_]:
    """(V,) True where a face with the material "skin" uses the vertex."""
    return _material_vertices(head, ("skin",))


def _material_vertices(head: Head, materials: tuple[str, ...]) -> NDArray[np.bool_]:
    used = np.zeros(len(head.neutral), bool)
    slots = [k for k, name in enumerate(head.material_names) if name in materials]
    ids = head.quads[np.isin(head.material, slots)]
    used[ids[ids >= 0]] = True
    return used


def _side_vertices(
    head: Head, materials: tuple[str, ...], vertices: NDArray[np.float64], side: float
) -> NDArray[np.int64]:
    """Vertex ids of the materials on the subject's left (side 1, x > 0) or right (-1)."""
    return np.flatnonzero(_material_vertices(head, materials) & (vertices[:, 0] * side > 0.0))


def _normalised(weights: dict[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float32]]:
    """Drop tiny weights and make each vertex's sum 1."""
    stack = np.stack(list(weights.values()))
    stack[stack < SMALLEST_WEIGHT] = 0.0
    stack /= stack.sum(0)
    return {name: row.astype(np.float32) for name, row in zip(weights, stack, strict=True)}
