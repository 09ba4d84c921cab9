"""Where the landmark network's 478 points lie on a face model's surface.

Renders with known geometry are shown to the network; a landmark's place is the point of the mesh whose projections
come nearest to it over all of them, expressions included, so that the upper lip's landmarks stay on the upper lip.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import TopologyMismatch
from ..face_model.base import FaceModel
from ..face_model.load import load_face_model
from ..fitting.landmark_symmetry import IRIS_LEFT, IRIS_RIGHT, SKIN_LANDMARKS, mirror_478
from ..mesh.closest_point import closest_on_triangles
from ..mesh.landmark_schemes import LANDMARKS_478
from ..mesh.topology import LandmarkEmbedding, Topology
from .appearance import IRIS_RADIUS_MM, iris_poles
from .samples import Detector, Samples, SampleSettings, network_detector, render_samples

Array = NDArray[np.float64]


class EmbeddingSettings(NamedTuple):
    """``yaw_limit`` degrees; distances in mm. ``temperature_mm`` is how sharply the best vertices are averaged."""

    renders: int = 500
    seed: int = 1
    yaw_limit: float = 22.0
    search_radius_mm: float = 14.0
    error_cap_mm: float = 8.0
    averaged_vertices: int = 12
    temperature_mm: float = 0.1


class _Candidates(NamedTuple):
    """Skin vertices that can be seen from the front: ``vertices`` (C,), ``rest`` (C, 3) mm, ``mirror`` (C,)
    positions in this list, ``pixels`` (n, C, 2) float32 their projections in every sample, ``px_per_mm`` (n,)."""

    vertices: NDArray[np.int64]
    rest: Array
    mirror: NDArray[np.int64]
    pixels: NDArray[np.float32]
    px_per_mm: Array


def embed_landmarks(
    model: FaceModel,
    samples: Samples,
    settings: EmbeddingSettings = EmbeddingSettings(),  # noqa: B008  (immutable)
) -> tuple[LandmarkEmbedding, LandmarkEmbedding]:
    """Find the 478 landmarks' barycentric places on a model, exactly left-right symmetric.

    Parameters
    ----------
    model : FaceModel with a symmetric topology
    samples : renders of this model; those turned beyond ``yaw_limit`` are not used

    Returns
    -------
    All 478; and iBUG's 68, which are the model's own: they were placed by the people who annotated its source.

    Raises
    ------
    TopologyMismatch
        The topology has no mirror.
    """
    if model.topology.mirror is None:
        raise TopologyMismatch(f"{model.name} has no mirrored vertices, so that landmarks cannot be placed on it.")
    frontal = samples.part(np.abs(samples.yaw()) < settings.yaw_limit)
    rest = model.neutral(np.zeros(model.identity_dims))
    mirror = mirror_478()
    median = np.nanmedian(frontal.rest, 0)
    median = 0.5 * (median + median[mirror] * [-1.0, 1.0, 1.0])

    candidates = _candidates(model, frontal, rest)
    triangles = model.topology.triangles("skin")[0].astype(np.int64)
    vertices = np.zeros((LANDMARKS_478, 3), np.int64)
    weights = np.zeros((LANDMARKS_478, 3))
    for k in range(SKIN_LANDMARKS):
        if mirror[k] < k:
            vertices[k], weights[k] = model.topology.mirror[vertices[mirror[k]]], weights[mirror[k]]
            continue
        point, near = _best_point(candidates, frontal.landmarks, k, int(mirror[k]), median[k], settings)
        touching = triangles[np.isin(triangles, near).any(1)]
        on_triangle, squared = closest_on_triangles(np.broadcast_to(point, (len(touching), 3)), rest[touching])
        best = int(squared.argmin())
        vertices[k], weights[k] = touching[best], on_triangle[best]
    _place_irises(model.topology, rest, frontal, vertices, weights)
    return LandmarkEmbedding(np.arange(LANDMARKS_478), vertices, weights), model.ibug68


def _candidates(model: FaceModel, samples: Samples, rest: Array) -> _Candidates:
    """Vertices that face forward on the mean head, with their mirrors, projected into every sample."""
    assert model.topology.mirror is not None
    triangles = model.topology.triangles("skin")[0]
    corners = rest[triangles]
    normal_z = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2]
    facing = np.zeros(len(rest))
    for column in range(3):
        facing += np.bincount(triangles[:, column], normal_z, len(rest))
    front = (facing > 0.0) & (rest[:, 2] > -75.0) & (np.abs(rest[:, 0]) < 90.0)
    front &= front[model.topology.mirror]
    vertices = np.flatnonzero(front & np.isin(np.arange(len(rest)), triangles))
    place = np.full(len(rest), -1)
    place[vertices] = np.arange(len(vertices))

    pixels = np.empty((len(samples.focal_px), len(vertices), 2), np.float32)
    scale = np.empty(len(pixels))
    previous: tuple[bytes, Array] | None = None
    for k in range(len(pixels)):
        identity, expression = samples.identity[k], samples.expression[k]
        if previous is None or previous[0] != identity.tobytes():
            previous = identity.tobytes(), model.blendshapes(identity, vertices)
        shape = model.neutral(identity, vertices) + np.tensordot(expression, previous[1], 1)
        in_camera = shape @ samples.rotation[k].T + samples.translation_mm[k]
        pixels[k] = samples.camera(k).project(in_camera)
        scale[k] = samples.focal_px[k] / -in_camera[:, 2].mean()
    return _Candidates(vertices, rest[vertices], place[model.topology.mirror[vertices]], pixels, scale)


def _best_point(
    candidates: _Candidates,
    landmarks: Array,
    landmark: int,
    mirrored: int,
    start: Array,
    settings: EmbeddingSettings,
) -> tuple[Array, NDArray[np.int64]]:
    """Rest position (3,) of one landmark, and the mesh vertices it was averaged from.

    A vertex is scored by its capped distance to the landmark, and its mirror by that to the mirrored landmark.
    """
    near = np.flatnonzero(np.linalg.norm(candidates.rest[:, :2] - start[:2], axis=1) < settings.search_radius_mm)

    def score(columns: NDArray[np.int64], which: int) -> Array:
        away = np.linalg.norm(candidates.pixels[:, columns] - landmarks[:, None, which, :2], axis=2)
        capped = np.minimum(away / candidates.px_per_mm[:, None], settings.error_cap_mm)
        result: Array = np.sqrt(capped**2 + 0.01).mean(0)
        return result

    total = 0.5 * (score(near, landmark) + score(candidates.mirror[near], mirrored))
    best = np.argsort(total, kind="stable")[: settings.averaged_vertices]
    weight = np.exp(-(total[best] - total[best[0]]) / settings.temperature_mm)
    point = weight @ candidates.rest[near[best]] / weight.sum()
    if landmark == mirrored:
        point[0] = 0.0
    return point, candidates.vertices[near[best]]


def _place_irises(
    topology: Topology, rest: Array, samples: Samples, vertices: NDArray[np.int64], weights: Array
) -> None:
    """Centre at the iris's pole, rim points on the eyeball in the directions in which the network puts them."""
    triangles = topology.triangles("eye")[0].astype(np.int64)
    assert topology.mirror is not None
    for side, indices in (("right", IRIS_RIGHT), ("left", IRIS_LEFT)):
        ball, pole = iris_poles(topology, rest)[side]
        own = triangles[np.isin(triangles, ball).all(1)]
        centre = indices[0]
        vertices[centre], weights[centre] = pole, [1.0, 0.0, 0.0]
        for rim in indices[1:]:
            # Pixels to model axes: undo v downwards and the head's rotation within the image.
            offset = (samples.landmarks[:, rim, :2] - samples.landmarks[:, centre, :2]) * [1.0, -1.0]
            upright = np.einsum("nji,nj->ni", samples.rotation[:, :2, :2], offset)
            direction = np.median(upright / np.linalg.norm(upright, axis=1, keepdims=True), 0)
            axis = int(np.abs(direction).argmax())
            target = rest[pole, :2].copy()
            target[axis] += IRIS_RADIUS_MM * np.sign(direction[axis])
            forward = own[(rest[own, 2] > rest[ball, 2].mean()).all(1)]
            flat = np.concatenate([rest[forward, :2], np.zeros((*forward.shape, 1))], -1)
            on_triangle, squared = closest_on_triangles(np.broadcast_to([*target, 0.0], (len(forward), 3)), flat)
            best = int(squared.argmin())
            vertices[rim], weights[rim] = forward[best], on_triangle[best]


def build_embedding(
    model: FaceModel,
    detector: Detector | None = None,
    settings: EmbeddingSettings = EmbeddingSettings(),  # noqa: B008  (immutable)
    progress: Callable[[float], None] | None = None,
) -> tuple[LandmarkEmbedding, LandmarkEmbedding]:
    """Render, detect, embed: the whole of it for one model."""
    detector = detector or network_detector()
    varied = SampleSettings(frontal_share=1.0, frontal_yaw=settings.yaw_limit)
    samples = render_samples(model, detector, settings.renders, settings.seed, varied, progress)
    return embed_landmarks(model, samples, settings)


def main() -> None:
    """Place the 478 landmarks on a face model: ``python -m facewright.training.embedding``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--model", type=Path, help="face model file (the built-in one where not given)")
    parser.add_argument("-o", "--output", type=Path, required=True, help=".npz with landmark, vertices, weights")
    options = parser.parse_args()
    embedding, _ = build_embedding(load_face_model(options.model))
    np.savez(options.output, **embedding._asdict())


if __name__ == "__main__":
    main()
