"""Random skins, lips, brows, hair, eyes and lights: what makes renders of one face model look like many people.

Colours are worked out per visible point from *rest features*: distances to lips, brows, lids, hairline measured
once on the mean neutral head, so that an appearance is the same pattern on every shape and expression.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..face_model.base import FaceModel
from ..mesh.topology import MATERIALS, Topology

Array = NDArray[np.float64]
IRIS_RADIUS_MM = 5.85
# Base tones, sRGB 0..1 (from pale to dark), each varied further by a random tint.
SKIN_TONES = np.array(
    [
        [0.93, 0.80, 0.72],
        [0.89, 0.74, 0.65],
        [0.80, 0.64, 0.53],
        [0.65, 0.47, 0.36],
        [0.47, 0.32, 0.24],
        [0.31, 0.21, 0.17],
    ]
)
HAIR_TONES = np.array(
    [[0.10, 0.08, 0.08], [0.22, 0.15, 0.11], [0.40, 0.28, 0.18], [0.62, 0.48, 0.33], [0.62, 0.61, 0.60]]
)
IRIS_TONES = np.array([[0.17, 0.12, 0.09], [0.35, 0.24, 0.14], [0.33, 0.37, 0.27], [0.36, 0.46, 0.55]])


class RestFeatures(NamedTuple):
    """Per vertex of the mean neutral head; millimetres.

    position (V, 3); lip (V,) signed distance to the lips' outline in the frontal plane, positive inside;
    brow (V, 2) distance to each brow's line, brow_along (V, 2) 0 at its inner end, 1 at its tail;
    lid (V,) distance to the nearer eye opening's outline; iris (V,) distance to the nearer iris centre.
    """

    position: Array
    lip: Array
    brow: Array
    brow_along: Array
    lid: Array
    iris: Array

    def at(self, triangles: NDArray[np.int32], weights: Array) -> RestFeatures:
        """The same at (n,) points given by corner ids and barycentric weights, both (n, 3)."""
        return RestFeatures(*(np.einsum("nc...,nc->n...", values[triangles], weights) for values in self))


def _outline_distance(points: Array, outline: Array) -> Array:
    """Signed distance (n,) of (n, 2) points to a closed polygon, positive inside."""
    polygon = outline.astype(np.float32).reshape(-1, 1, 2)
    result: Array = np.array([cv2.pointPolygonTest(polygon, (float(x), float(y)), True) for x, y in points])
    return result


def _polyline_distance(points: Array, line: Array) -> tuple[Array, Array]:
    """Distance of (n, 2) points to a polyline, and how far along it the nearest point lies (0..1)."""
    best = np.full(len(points), np.inf)
    along = np.zeros(len(points))
    for k, (start, end) in enumerate(pairwise(line)):
        t = np.clip((points - start) @ (end - start) / ((end - start) @ (end - start)), 0.0, 1.0)
        distance = np.linalg.norm(points - start - t[:, None] * (end - start), axis=1)
        nearer = distance < best
        best[nearer] = distance[nearer]
        along[nearer] = (k + t[nearer]) / (len(line) - 1)
    return best, along


def iris_poles(topology: Topology, rest: Array) -> dict[str, tuple[NDArray[np.int64], int]]:
    """Side -> (vertices of the eyeball, the vertex in the middle of its iris); {} where the model has no eyeballs.

    The eye material's UV square has the iris in its middle; sides are told apart by x.
    """
    faces = np.flatnonzero(topology.material == MATERIALS.index("eye"))
    vertices, corner = np.unique(topology.quads[faces], return_index=True)
    uv = topology.corner_uv[faces].reshape(-1, 2)[corner[vertices >= 0]]
    vertices = vertices[vertices >= 0].astype(np.int64)
    away = np.linalg.norm(uv - 0.5, axis=1)
    result = {}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        mine = sign * rest[vertices, 0] > 0
        if mine.any():
            result[side] = (vertices[mine], int(vertices[mine][away[mine].argmin()]))
    return result


def rest_features(model: FaceModel) -> RestFeatures:
    """Measure a model's mean head; takes about a second."""
    rest = model.neutral(np.zeros(model.identity_dims))
    points = model.ibug68.points(rest)
    plane = rest[:, :2]
    front = rest[:, 2] > points[[36, 45], 2].min() - 15.0
    far = np.full(len(rest), -99.0)
    lip = far.copy()
    near = front & (np.abs(plane[:, 0]) < 45.0) & (np.abs(plane[:, 1] - points[62, 1]) < 35.0)
    lip[near] = _outline_distance(plane[near], points[48:60, :2])
    lid = np.full(len(rest), 99.0)
    for eye in (slice(36, 42), slice(42, 48)):
        near = front & (np.linalg.norm(plane - points[eye, :2].mean(0), axis=1) < 35.0)
        lid[near] = np.minimum(lid[near], np.abs(_outline_distance(plane[near], points[eye, :2])))
    brow = np.full((len(rest), 2), 99.0)
    along = np.zeros((len(rest), 2))
    for side, line in enumerate((points[21:16:-1, :2], points[22:27, :2])):
        brow[front, side], along[front, side] = _polyline_distance(plane[front], line)
    iris = np.full(len(rest), 99.0)
    for ball, pole in iris_poles(model.topology, rest).values():
        iris[ball] = np.linalg.norm(plane[ball] - rest[pole, :2], axis=1)
    return RestFeatures(rest, lip, brow, along, lid, iris)


@dataclass(frozen=True)
class Look:
    """One random appearance; colours are sRGB 0..1. Distances in mm."""

    skin: Array
    mottle: Array  # (4, 4) wave vectors (1/mm) and phases of the skin's unevenness
    mottle_amount: float
    tint: Array  # (3,) colour of the unevenness
    lips: Array
    lip_strength: float
    brow_half_width: float
    brow_strength: float
    brow_raise: float
    hair: Array
    hairline: float  # height above the eyes, inf for none
    hairline_drop: float
    hair_thickness: float
    beard: float
    liner: float
    iris: Array
    sclera: Array
    gloss: float


def random_look(rng: np.random.Generator) -> Look:
    """Draw an appearance."""
    tone = rng.uniform(0, len(SKIN_TONES) - 1)
    low = int(tone)
    skin = SKIN_TONES[low] + (tone - low) * (SKIN_TONES[min(low + 1, len(SKIN_TONES) - 1)] - SKIN_TONES[low])
    skin = np.clip(skin * np.exp(rng.normal(size=3) * 0.05), 0.03, 0.98)
    mottle = np.concatenate(
        [rng.normal(size=(4, 3)) * rng.choice([0.03, 0.08, 0.2, 0.5], (4, 1)), rng.uniform(0, 6.28, (4, 1))], 1
    )
    bald = rng.random() < 0.2
    return Look(
        skin=skin,
        mottle=mottle,
        mottle_amount=float(rng.uniform(0.0, 0.1)),
        tint=rng.normal(size=3) * 0.3,
        lips=skin * np.array([0.90, 0.62, 0.66]) * np.exp(rng.normal(size=3) * 0.08),
        lip_strength=float(rng.uniform(0.25, 1.0)),
        brow_half_width=float(rng.uniform(1.8, 4.2)),
        brow_strength=float(rng.uniform(0.25, 0.95)),
        brow_raise=float(rng.normal() * 0.8),
        hair=HAIR_TONES[rng.integers(len(HAIR_TONES))] * np.exp(rng.normal() * 0.15),
        hairline=np.inf if bald else float(rng.uniform(50.0, 72.0)),
        hairline_drop=float(rng.uniform(10.0, 40.0)),
        hair_thickness=float(rng.uniform(1.0, 22.0)),
        beard=float(rng.uniform(0.1, 0.6)) if rng.random() < 0.18 else 0.0,
        liner=float(rng.uniform(0.0, 0.8)),
        iris=IRIS_TONES[rng.integers(len(IRIS_TONES))] * np.exp(rng.normal() * 0.2),
        sclera=rng.uniform(0.68, 0.92) * np.array([1.0, 0.98, 0.97]),
        gloss=float(rng.uniform(0.0, 0.35)) if rng.random() < 0.6 else 0.0,
    )


def _waves(position: Array, mottle: Array) -> Array:
    """(n,) smooth noise of zero mean and unit order at rest positions (n, 3)."""
    result: Array = np.sin(position @ mottle[:, :3].T + mottle[:, 3]).mean(1) * 2.0
    return result


def hair_coverage(look: Look, position: Array) -> Array:
    """0..1 at rest positions (n, 3): hair covers the skull behind and above a wavy hairline."""
    line = look.hairline - look.hairline_drop * (position[:, 0] / 70.0) ** 2
    above = position[:, 1] + 2.0 * _waves(3.0 * position, look.mottle) - line
    behind = np.minimum(-(position[:, 2] + 100.0), position[:, 1] + 55.0)
    if not np.isfinite(look.hairline):
        return np.zeros(len(position))
    result: Array = np.clip(np.maximum(above, behind) / 4.0 + 0.5, 0.0, 1.0)
    return result


def albedo(look: Look, at: RestFeatures, material: NDArray[np.uint8], rng: np.random.Generator) -> Array:
    """(n, 3) sRGB colours of visible points; ``material`` (n,) indexes MATERIALS."""
    noise = _waves(at.position, look.mottle)[:, None]
    colour = look.skin * (1.0 + look.mottle_amount * noise * (1.0 + look.tint))

    def blend(weight: Array, other: Array) -> None:
        nonlocal colour
        colour = colour + weight[:, None] * (other - colour)

    blend(np.clip((at.lip + 0.8) / 1.6, 0, 1) * look.lip_strength, look.lips)
    for side in range(2):
        width = look.brow_half_width * (1.0 - 0.55 * at.brow_along[:, side])
        away = np.abs(at.brow[:, side] + look.brow_raise * (at.brow_along[:, side] - 0.5))
        blend(np.clip((width - away) / 1.2 + 0.5, 0, 1) * look.brow_strength, look.hair)
    if look.beard > 0.0:
        below = np.clip((-30.0 - at.position[:, 1]) / 15.0, 0, 1) * np.clip((at.position[:, 2] + 60.0) / 20.0, 0, 1)
        blend(below * np.clip(-(at.lip + 2.0) / 3.0, 0, 1) * look.beard, look.hair)
    blend(np.clip(1.2 - at.lid, 0, 1) * look.liner, look.hair * 0.6)
    strands = look.hair * (1.0 + 0.15 * rng.normal(size=(len(colour), 1)))
    blend(hair_coverage(look, at.position), strands)

    eye = material == MATERIALS.index("eye")
    ring = np.where((at.iris < IRIS_RADIUS_MM)[:, None], look.iris, look.sclera)
    colour[eye] = np.where((at.iris < 0.4 * IRIS_RADIUS_MM)[:, None], 0.04, ring)[eye]
    colour[material == MATERIALS.index("teeth")] = [0.80, 0.76, 0.68]
    colour[material == MATERIALS.index("mouth")] = [0.33, 0.15, 0.14]
    return np.clip(colour, 0.0, 1.0)
