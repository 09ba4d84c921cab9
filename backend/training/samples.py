"""Random heads, rendered and looked at by the landmark network: parameters and landmarks side by side.

They teach us two things about the network: where on the surface each landmark lies (``embedding``) and how wrong it
is there (``detector_error``).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import NoFaceFound
from ..face_model.base import FaceModel
from ..fitting.camera import FILM_WIDTH_MM, Camera
from ..fitting.pose import HeadAngles, angles_from_rotation, rotation_from_angles
from ..photo.landmarks import LandmarkDetector
from .appearance import random_look
from .renders import HeadRenderer, Scene

Array = NDArray[np.float64]
# Upright RGB pixels to landmarks (478, 3) px, irises refined, or None where no face is found.
Detector = Callable[[NDArray[np.uint8]], Array | None]
FACE_CENTRE_MM = np.array([0.0, -25.0, -20.0])
HEAD_HEIGHT_MM = 190.0


class SampleSettings(NamedTuple):
    """How varied the renders are; angles in degrees, the frontal share is drawn within ``frontal_yaw``."""

    size_px: int = 384
    identity_sd: float = 0.95
    frontal_share: float = 0.5
    frontal_yaw: float = 15.0
    yaw: float = 55.0
    pitch: float = 12.0
    roll: float = 8.0
    lenses_mm: tuple[float, ...] = (28.0, 35.0, 50.0, 85.0)
    neutral_share: float = 0.35
    per_identity: int = 2


class Samples(NamedTuple):
    """``n`` scenes and the network's answers.

    identity (n, I); expression (n, E); rotation (n, 3, 3); translation_mm (n, 3); focal_px (n,); size_px (n,)
    square images with the principal point in the middle; landmarks (n, 478, 3) px; rest (n, 478, 3) mm the places
    on the mean neutral head that the landmarks' rays hit first, NaN where they miss.
    """

    identity: Array
    expression: Array
    rotation: Array
    translation_mm: Array
    focal_px: Array
    size_px: Array
    landmarks: Array
    rest: Array

    def camera(self, index: int) -> Camera:
        """Camera of one scene."""
        size = int(self.size_px[index])
        return Camera.centred((size, size), float(self.focal_px[index]))

    def yaw(self) -> Array:
        """(n,) degrees."""
        return np.array([angles_from_rotation(rotation).yaw for rotation in self.rotation])

    def part(self, chosen: NDArray[np.bool_] | NDArray[np.int64] | slice) -> Samples:
        """Some of the samples."""
        return Samples(*(values[chosen] for values in self))

    def save(self, path: Path) -> None:
        """Write an .npz, so that embedding and detector error can be learned from the same renders."""
        np.savez(path, **self._asdict())

    @classmethod
    def load(cls, path: Path) -> Samples:
        """Read what ``save`` wrote."""
        with np.load(path, allow_pickle=False) as data:
            return cls(**{name: data[name] for name in cls._fields})


def random_expression(names: tuple[str, ...], neutral_share: float, rng: np.random.Generator) -> Array:
    """(E,) weights: a few blendshapes, mostly on both sides, never closing more mouth than is open."""
    index = {name: k for k, name in enumerate(names)}
    weights = np.zeros(len(names))
    if rng.random() < neutral_share:
        return weights
    for _ in range(rng.integers(1, 6)):
        name = names[rng.integers(len(names))]
        weights[index[name]] = value = rng.uniform(0.1, 0.8)
        other = name.replace("Left", "Right") if "Left" in name else name.replace("Right", "Left")
        opposites = name in ("jawLeft", "jawRight", "mouthLeft", "mouthRight")
        if other != name and not opposites and other in index and rng.random() < 0.75:
            weights[index[other]] = value * rng.uniform(0.7, 1.0)
    if "mouthClose" in index and "jawOpen" in index:
        weights[index["mouthClose"]] = min(weights[index["mouthClose"]], weights[index["jawOpen"]])
    return weights


def random_scene(model: FaceModel, identity: Array, settings: SampleSettings, rng: np.random.Generator) -> Scene:
    """Expression, pose and lens for one identity; the face fills a third to two thirds of the picture."""
    frontal = rng.random() < settings.frontal_share
    limit = settings.frontal_yaw if frontal else settings.yaw
    angles = HeadAngles(
        rng.uniform(-limit, limit),
        rng.uniform(-settings.pitch, settings.pitch),
        rng.uniform(-settings.roll, settings.roll),
    )
    size = settings.size_px
    camera = Camera.centred((size, size), size * rng.choice(settings.lenses_mm) / FILM_WIDTH_MM)
    rotation = rotation_from_angles(angles)
    depth = camera.fx * HEAD_HEIGHT_MM / (rng.uniform(0.36, 0.64) * size)
    aside = rng.uniform(-0.05, 0.05, 2) * size * depth / camera.fx
    translation = np.array([aside[0], aside[1], -depth]) - rotation @ FACE_CENTRE_MM
    expression = random_expression(model.blendshape_names, settings.neutral_share, rng)
    return Scene(identity, expression, rotation, translation, camera)


def network_detector(models_dir: Path | None = None) -> Detector:
    """The product's landmark detector: the largest face's 478 landmarks with the iris network's irises."""
    detector = LandmarkDetector(models_dir, threads=1)

    def detect(pixels: NDArray[np.uint8]) -> Array | None:
        try:
            face = detector.faces(pixels)[0]
        except NoFaceFound:
            return None
        landmarks = np.array(face.landmarks, dtype=np.float64)
        landmarks[468:473, :2], landmarks[473:478, :2] = face.iris["right"], face.iris["left"]
        return landmarks

    return detect


def render_samples(
    model: FaceModel,
    detector: Detector,
    count: int,
    seed: int,
    settings: SampleSettings = SampleSettings(),  # noqa: B008  (immutable)
    progress: Callable[[float], None] | None = None,
) -> Samples:
    """Render ``count`` pictures and detect; those in which no face is found are left out.

    Deterministic: every identity has its own generator, seeded by ``seed`` and its number. About 0.2 s a picture.

    Raises
    ------
    NoFaceFound
        In not a single render.
    """
    renderer = HeadRenderer(model)
    rows: list[tuple[Array, ...]] = []
    for first in range(0, count, settings.per_identity):
        rng = np.random.default_rng((seed, first))
        identity = rng.normal(size=model.identity_dims) * settings.identity_sd
        blendshapes = model.blendshapes(identity)
        for _ in range(min(settings.per_identity, count - first)):
            scene = random_scene(model, identity, settings, rng)
            picture, solid = renderer.render(renderer.vertices(scene, blendshapes), scene, random_look(rng), rng)
            landmarks = detector(picture)
            if landmarks is None:
                continue
            rest = renderer.hit_rest(solid, scene.camera, landmarks[:, :2])
            camera = np.array([scene.camera.fx, scene.camera.width])
            rows.append(
                (
                    identity,
                    scene.expression,
                    scene.rotation,
                    scene.translation_mm,
                    camera[0],
                    camera[1],
                    landmarks,
                    rest,
                )
            )
        if progress is not None:
            progress(min(1.0, (first + settings.per_identity) / count))
    if not rows:
        raise NoFaceFound("The landmark network found no face in any render of the face model.")
    return Samples(*(np.array(column) for column in zip(*rows)))
