"""A very small head for tests: an ellipsoid of skin with two eyeballs, two blendshapes, known landmarks."""

from __future__ import annotations

import numpy as np
from facewright.face_model.base import HeadGeometry
from facewright.mesh.topology import LandmarkEmbedding, Topology

NAMES = ("jawOpen", "eyeBlinkLeft")
EYE_X = 31.0


def _sphere(columns: int, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit sphere open at its poles, seam at the back: nodes, quads counter-clockwise from outside, corner UVs."""
    v, u = (a.ravel() for a in np.mgrid[: rows + 1, : columns + 1])
    polar = np.pi * (0.02 + 0.96 * v / rows)
    around = 2 * np.pi * (u / columns - 0.5)
    nodes = np.stack([np.sin(polar) * np.sin(around), -np.cos(polar), np.sin(polar) * np.cos(around)], 1)
    r, c = (a.ravel() for a in np.mgrid[:rows, :columns])
    first = r * (columns + 1) + c
    quads = np.stack([first, first + 1, first + columns + 2, first + columns + 1], 1)
    uv = np.stack([u / columns, v / rows], 1)[quads]
    return nodes, quads, uv


def small_head(cells: int = 24) -> tuple[Topology, HeadGeometry]:
    """Topology and geometry; the skin is a lattice of cells x cells."""
    skin, quads, uv = _sphere(cells, cells)
    vertices = [skin * [75.0, 115.0, 92.0] + [0.0, -20.0, -70.0]]
    faces, corner_uv, material = [quads], [uv], [np.zeros(len(quads), np.uint8)]
    regions = {"face": np.arange(len(skin), dtype=np.int32)}
    count = len(skin)
    for side, x in (("left", EYE_X), ("right", -EYE_X)):
        ball, quads, uv = _sphere(10, 8)
        vertices.append(ball * 12.0 + [x, 0.0, 4.0])
        faces.append(quads + count)
        corner_uv.append(uv)
        material.append(np.ones(len(quads), np.uint8))
        regions[f"eye_{side}"] = np.arange(count, count + len(ball), dtype=np.int32)
        count += len(ball)
    # One triangle, as a part of the mouth, so that -1 is met wherever faces are handled.
    vertices.append(np.array([[-5.0, -60.0, 0.0], [5.0, -60.0, 0.0], [0.0, -55.0, 0.0]]))
    faces.append(np.array([[count, count + 1, count + 2, -1]]))
    corner_uv.append(np.zeros((1, 4, 2)))
    material.append(np.array([4], np.uint8))
    topology = Topology(
        np.concatenate(faces).astype(np.int32), np.concatenate(corner_uv).astype(np.float32),
        np.concatenate(material), regions, lattice_size=cells,
    )  # fmt: skip
    neutral = np.concatenate(vertices)
    blendshapes = np.zeros((len(NAMES), *neutral.shape))
    low = neutral[:, 1] < -80
    blendshapes[0, low, 1] = -20.0
    blendshapes[1, regions["eye_left"], 2] = 1.5
    return topology, HeadGeometry(neutral, blendshapes)


def landmarks68(topology: Topology, head: HeadGeometry) -> LandmarkEmbedding:
    """iBUG's chin (8) and the two outer eye corners (36, 45), at the nearest skin vertices."""
    skin = head.neutral[topology.regions["face"]]
    places = np.array([[0.0, -110.0, 10.0], [-45.0, 0.0, 0.0], [45.0, 0.0, 0.0]])
    nearest = np.linalg.norm(skin[None] - places[:, None], axis=2).argmin(1)
    weights = np.tile([1.0, 0.0, 0.0], (3, 1))
    return LandmarkEmbedding(np.array([8, 36, 45]), np.repeat(nearest[:, None], 3, 1), weights)


def small_bundle_record() -> dict[str, object]:
    """The entries of head.json that reading needs."""
    return {"format": "facewright head bundle", "format_version": 1, "warnings": []}
