"""Pseudo pairs: a photo whose face is replaced by a rendered one of exactly known geometry.

FaceScape Sec. 6.1 (FS-Wild) and RAFaRe ("Pseudo 2D&3D Pairs") in three steps, without their licensed data and
networks: the fitted mesh gets another skin in the photo's light; the photo is bent a little until outline, eyes and
mouth lie where the mesh has them; the rendered skin is blended in. What the mesh's skin does not cover (eyes,
teeth, hair, glasses, background) is the photo's own, so no network has to invent it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ...errors import FitFailed, TopologyMismatch
from ...face_model.base import FaceModel, HeadGeometry
from ...fitting.camera import Camera
from ...head.record import rounded
from ...mesh.topology import LandmarkEmbedding, Topology
from ..metrics.similarity import similarity
from ..predictions.read import SEVEN_OF_478
from .blend import Blend, BlendSettings, blend
from .lighting import LightingSettings
from .lit_head import LitHead, head_transfer
from .render import RenderSettings, render_face
from .skin import RelativeSkin
from .source import PhotoHead
from .warp import Warp, WarpSettings, photo_to_mesh

Array = NDArray[np.float64]
Bytes = NDArray[np.uint8]
LANDMARKS = 478
IRISES = 468  # landmarks from here on move with the gaze
HEAD_AXIS_MM = (0.0, -20.0, -75.0)
"""A point on the vertical axis of the head, model space: FaceScape's cylinder stands there."""


@dataclass(frozen=True)
class PairSettings:
    """How pairs are made.

    size         of the pictures, pixels a side
    per_photo    pairs of every photo
    seed         of everything that is drawn at random
    identity_sd  standard deviation of what is added to each identity coefficient; 0 keeps the fitted person
    margin       of the picture round the landmarks' box, to each side, relative to the box
    facing       cosine between normal and line of sight below which a landmark does not bend the photo
    shine        highlights are those of the photo times a factor from this range (FaceScape Sec. 6.1: random)
    """

    size: int = 512
    per_photo: int = 1
    seed: int = 0
    identity_sd: float = 0.3
    margin: float = 0.4
    facing: float = 0.15
    shine: tuple[float, float] = (0.7, 1.3)
    lighting: LightingSettings = field(default_factory=LightingSettings)
    warp: WarpSettings = field(default_factory=WarpSettings)
    render: RenderSettings = field(default_factory=RenderSettings)
    blend: BlendSettings = field(default_factory=BlendSettings)


class Square(NamedTuple):
    """The part of a photo that becomes the picture: ``pixels`` (S, S, 3), ``camera`` and ``landmarks`` of it."""

    pixels: Bytes
    camera: Camera
    landmarks: Array


class PseudoPair(NamedTuple):
    """One pair.

    blend      picture, mask, render
    source     (S, S, 3) the photo's square, as it was
    camera     of all these pictures
    topology, posed (V, 3) mm : the mesh, camera frame, and ``rotation`` of its head, ``middle`` (3,) on its axis
    seven      (7, 3) case.NOW_LANDMARKS on it
    wanted, known : (478, 2) px where the mesh has the network's landmarks, and which of them it shows
    warp       what was done to the photo
    about      for meta.json
    """

    blend: Blend
    source: Bytes
    camera: Camera
    topology: Topology
    posed: Array
    rotation: Array
    middle: Array
    seven: Array
    wanted: Array
    known: NDArray[np.bool_]
    warp: Warp
    about: dict[str, Any]


def make_pair(
    head: PhotoHead,
    lit: LitHead,
    skin: RelativeSkin,
    model: FaceModel,
    number: int,
    settings: PairSettings,
) -> PseudoPair:
    """Make one pair; the same input gives the same bits.

    Parameters
    ----------
    head, lit : the photo, its fitted head and its light
    skin : that the face gets
    model : that identities are changed with
    number : of the pair among those of the photo; chance depends on it, on the photo and on the seed

    Raises
    ------
    TopologyMismatch : the head was fitted with another face model than ``model``, or with one
        that knows too few landmarks
    FitFailed : photo and mesh are too different
    """
    rng = np.random.default_rng((settings.seed, int(head.sha256[:8], 16), number))
    square = square_around(head, settings)
    topology, embedding = head.bundle.topology, head.bundle.embedding
    posed, rotation, translation, identity = _person(head, model, rng, settings)
    seven = _seven(embedding, posed)
    normals, transfer = (lit.normals, lit.transfer) if identity is head.identity else head_transfer(
        topology, posed, settings.lighting
    )  # fmt: skip
    wanted, known = mesh_landmarks(embedding, posed, normals, square, settings.facing)
    warp = photo_to_mesh(square.landmarks, wanted, known, (settings.size, settings.size), settings.warp)
    shine = float(rng.uniform(*settings.shine))
    drawn = render_face(
        topology, posed, normals, transfer, skin, lit.lighting, square.camera, replace(settings.render, shine=shine)
    )
    outcome = blend(warp.apply(square.pixels), drawn, wanted, rng, settings.blend)
    about = {
        "subject": head.name,
        "skin": skin.name,
        "light": "photo",
        "photo_sha256": head.sha256,
        "number": number,
        "seed": settings.seed,
        "identity": rounded(identity, 5),
        "expression_weights": rounded(head.expression, 4),
        "lighting": rounded(lit.lighting.coefficients, 5),
        "light_direction": rounded(lit.lighting.main_direction(), 4),
        "light_deviation": round(lit.lighting.deviation, 4),
        "shine": round(shine, 4),
        "correction": round(outcome.correction, 4),
        "warp_px": round(warp.largest_px(), 2),
    }
    middle = rotation @ (np.array(HEAD_AXIS_MM) * head.scale) + translation
    return PseudoPair(
        outcome, square.pixels, square.camera, topology, posed, rotation, middle, seven, wanted, known, warp, about
    )


def _seven(embedding: LandmarkEmbedding, posed: Array) -> Array:
    """(7, 3) case.NOW_LANDMARKS on the mesh. Raises TopologyMismatch."""
    rows = {int(landmark): row for row, landmark in enumerate(embedding.landmark)}
    if not set(SEVEN_OF_478) <= set(rows):
        raise TopologyMismatch("Pseudo pairs need a face model that knows the corners of eyes and mouth.")
    return embedding.points(posed)[[rows[landmark] for landmark in SEVEN_OF_478]]


def square_around(head: PhotoHead, settings: PairSettings) -> Square:
    """Cut the square round the face out of the photo and bring it to size. Raises FitFailed: no room for a face."""
    height, width = head.pixels.shape[:2]
    low, high = head.landmarks[:IRISES].min(0), head.landmarks[:IRISES].max(0)
    side = round(min((1.0 + 2.0 * settings.margin) * float((high - low).max()), width, height))
    if side < 1.05 * float((high - low).max()):
        raise FitFailed(f"The face fills the whole photo of {head.name}: nothing is left to blend it into.")
    # Hair needs more room than the neck.
    middle = 0.5 * (low + high) - [0.0, 0.1 * side * settings.margin]
    x, y = np.clip(np.round(middle - 0.5 * side), 0, [width - side, height - side]).astype(int)
    scale = settings.size / side
    way = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_CUBIC
    pixels = cv2.resize(head.pixels[y : y + side, x : x + side], (settings.size, settings.size), interpolation=way)
    camera = Camera(
        settings.size, settings.size, head.camera.fx * scale, head.camera.fy * scale,
        (head.camera.cx - x) * scale, (head.camera.cy - y) * scale,
    )  # fmt: skip
    return Square(np.asarray(pixels, np.uint8), camera, (head.landmarks - [x, y]) * scale)


class _Person(NamedTuple):
    """posed (V, 3) mm in the camera frame, its pose, the identity."""

    posed: Array
    rotation: Array
    translation_mm: Array
    identity: Array


def _person(head: PhotoHead, model: FaceModel, rng: np.random.Generator, settings: PairSettings) -> _Person:
    """The fitted person or somebody like them, where the photo shows the face."""
    fitted = head.posed()
    if settings.identity_sd <= 0.0:
        return _Person(fitted, head.rotation, head.translation_mm, head.identity)
    if head.bundle.record["model"]["sha256"] != model.sha256:
        raise TopologyMismatch(
            f"The head of {head.name} was fitted with another face model: its identity cannot be changed "
            "(--identity-sd 0 keeps it)."
        )
    identity = head.identity + settings.identity_sd * rng.standard_normal(len(head.identity))
    other = model.head(identity)
    other = HeadGeometry(other.neutral * head.scale, other.blendshapes * head.scale)
    shape = other.neutral + np.tensordot(head.expression, other.blendshapes, 1)
    places = head.bundle.embedding
    # A larger head stands farther away: about the camera, size does not show.
    onto = similarity(places.points(shape), places.points(fitted), scaled=True)
    rotation, translation = onto.rotation, onto.translation / onto.scale
    return _Person(shape @ rotation.T + translation, rotation, translation, identity)


def mesh_landmarks(
    embedding: LandmarkEmbedding, posed: Array, normals: Array, square: Square, facing: float
) -> tuple[Array, NDArray[np.bool_]]:
    """Where the mesh has the network's landmarks, (478, 2) px, and which of them are known and face the camera.

    The others stay where the photo has them.
    """
    points = embedding.points(posed)
    sight = -points / np.linalg.norm(points, axis=1, keepdims=True)
    cosine = np.einsum("lk,lk->l", embedding.points(normals), sight)
    wanted = square.landmarks.copy()
    wanted[embedding.landmark] = square.camera.project(points)
    known = np.zeros(LANDMARKS, bool)
    known[embedding.landmark] = (cosine > facing) & (embedding.landmark < IRISES)
    wanted[~known] = square.landmarks[~known]
    return wanted, known
