"""A photograph of known relief: the built-in mean head with a displacement map, lit, grainy and compressed.

Nothing here is the product's model of shading: light falls on displaced normals, hollows are darker by how far they
lie below their surroundings, and the camera sees the head through its own UV coordinates.
"""

from __future__ import annotations

from functools import lru_cache
from types import SimpleNamespace
from typing import NamedTuple

import cv2
import numpy as np
from facewright.displacement.crease_ground import SkinGround
from facewright.displacement.crease_set import CreaseSet, PhotoEvidence
from facewright.displacement.mechanics import lay_out_creases
from facewright.displacement.shading_detail import photo_evidence
from facewright.face_model.base import FaceModel, HeadGeometry
from facewright.face_model.load import load_face_model
from facewright.fitting.camera import Camera
from facewright.mesh.raster import interpolate, rasterise
from facewright.mesh.texel_map import uv_sampler
from facewright.mesh.topology import MATERIALS
from facewright.texture.skin_in_photo import SkinInPhoto, skin_in_photo

SIZE = 1024
PICTURE_MM = 230.0
TONE = np.array([0.55, 0.33, 0.25])  # linear
LIGHT = np.array([-0.35, 0.55, 0.76])


class Scene(NamedTuple):
    """The mean head, its ground and crease sets, and (S, S, 3) mm of its texels."""

    model: FaceModel
    head: HeadGeometry
    ground: SkinGround
    sets: tuple[CreaseSet, ...]
    places: np.ndarray

    def lines(self, name: str) -> CreaseSet:
        return next(lines for lines in self.sets if lines.name == name)

    def region(self, *names: str) -> np.ndarray:
        """(S, S) bool."""
        member = np.zeros(self.model.topology.vertex_count)
        for name in names:
            member[self.model.topology.regions[name]] = 1.0
        return uv_sampler(self.model.topology, "skin", SIZE).image(member) > 0.99


@lru_cache(maxsize=1)
def make_scene() -> Scene:
    """The same for every test module: laying out its lines takes a second."""
    model = load_face_model(None)
    neutral = model.neutral(np.zeros(model.identity_dims))
    head = model.head(np.zeros(model.identity_dims))
    head = HeadGeometry(neutral, head.blendshapes)
    ground = SkinGround.of(model.topology, head.neutral, head.blendshapes, model.blendshape_names, SIZE)
    places = uv_sampler(model.topology, "skin", SIZE).image(head.neutral)
    return Scene(model, head, ground, lay_out_creases(ground), places)


def _normals(points: np.ndarray) -> np.ndarray:
    """(S, S, 3) unit normals of a map of places."""
    normal = np.cross(np.gradient(points, axis=1), -np.gradient(points, axis=0)).astype(np.float32)
    return normal / np.maximum(np.linalg.norm(normal, axis=2, keepdims=True), np.float32(1e-9))


@lru_cache(maxsize=1)
def _bare_normals() -> tuple[np.ndarray, np.ndarray]:
    """Normals of the mean head, as they are and smooth: the mesh's own facets are no relief."""
    own = _normals(make_scene().places)
    smooth = cv2.GaussianBlur(own, (0, 0), 6.0)
    return own, smooth / np.maximum(np.linalg.norm(smooth, axis=2, keepdims=True), np.float32(1e-9))


def _relit(places: np.ndarray, relief: np.ndarray | None, light: np.ndarray) -> np.ndarray:
    """(S, S) luminance over that of the tone."""
    own, bent = _bare_normals()
    hollow = np.float32(0.0)
    if relief is not None:
        # Only the displacement bends what is lit.
        bent = bent + _normals(places + own * relief[..., None].astype(np.float32)) - own
        bent = bent / np.maximum(np.linalg.norm(bent, axis=2, keepdims=True), np.float32(1e-9))
        hollow = relief - cv2.GaussianBlur(relief, (0, 0), 10.0)
    direct = np.clip(bent @ (light / np.linalg.norm(light)).astype(np.float32), 0.0, 1.0)
    return (0.35 + 0.65 * direct) * np.exp(np.clip(0.5 * hollow, -0.6, 0.2))


class _View(NamedTuple):
    """(h, w, 2) texel and (h, w) material of each pixel, 255 where there is none; posed (V, 3) mm, camera frame."""

    texel: np.ndarray
    material: np.ndarray
    posed: np.ndarray


@lru_cache(maxsize=4)
def _view(mm_per_pixel: float, drawn: int, expression: bytes) -> _View:
    scene = make_scene()
    topology, head = scene.model.topology, scene.head
    weights = np.frombuffer(expression)
    posed = head.neutral + np.tensordot(weights, head.blendshapes, 1) + [0.0, 20.0, -720.0]
    camera = Camera.centred((drawn, drawn), 720.0 / mm_per_pixel * drawn / round(PICTURE_MM / mm_per_pixel))
    triangles, face = topology.triangles()
    opaque = topology.material[face] != MATERIALS.index("cornea")
    triangles, face = triangles[opaque], face[opaque]
    raster = rasterise(camera.project(posed), -posed[:, 2], triangles, drawn, drawn)
    uv = np.zeros((len(posed), 2))
    uv[np.maximum(topology.quads, 0)] = topology.corner_uv
    at = interpolate(raster, triangles, uv)
    texel = np.stack([at[..., 0] * SIZE - 0.5, (1.0 - at[..., 1]) * SIZE - 0.5], -1).astype(np.float32)
    material = np.where(raster.triangle >= 0, topology.material[face[raster.triangle]], 255)
    return _View(texel, material, posed)


def photograph(
    scene: Scene,
    relief: np.ndarray | None = None,
    *,
    mm_per_pixel: float = 0.5,
    expression: np.ndarray | None = None,
    light: np.ndarray = LIGHT,
    pigment: np.ndarray | None = None,
    grain: float = 1.5,
    quality: int = 88,
    enlarged: int = 1,
) -> SkinInPhoto:
    """What is found of the skin in a photograph.

    ``relief`` (S, S) mm; ``pigment`` (S, S, 3) factors on the skin's colour; ``grain`` in 8-bit steps;
    ``enlarged``: the finished photo is blown up by so much, so that its pixels are more than it shows.
    """
    model, head = scene.model, scene.head
    weights = np.zeros(len(head.blendshapes)) if expression is None else expression
    size = round(PICTURE_MM / mm_per_pixel)
    oversampling = 2
    view = _view(mm_per_pixel, size * oversampling, np.asarray(weights, np.float64).tobytes())
    shade = _relit(scene.places, relief, light)
    skin = TONE.astype(np.float32) * shade[..., None] * (1.0 if pigment is None else pigment)
    image = cv2.remap(skin.astype(np.float32), view.texel[..., 0], view.texel[..., 1], cv2.INTER_LINEAR)
    image[view.material != MATERIALS.index("skin")] = [0.5, 0.5, 0.5]
    image[view.material == 255] = [0.05, 0.12, 0.4]
    # The lens, then the sensor's pixels.
    image = cv2.GaussianBlur(image, (0, 0), 0.35 * oversampling)
    image = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    bright = 1.055 * np.maximum(image, 1e-6) ** (1 / 2.4) - 0.055
    coded = np.where(image <= 0.0031308, 12.92 * image, bright) * 255.0
    coded += grain * np.random.default_rng(5).standard_normal((size, size, 1))
    pixels = np.clip(coded + 0.5, 0, 255).astype(np.uint8)
    if enlarged > 1:
        pixels = cv2.resize(pixels, (size * enlarged, size * enlarged), interpolation=cv2.INTER_CUBIC)
    stream = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    pixels = np.ascontiguousarray(cv2.imdecode(stream, cv2.IMREAD_COLOR)[..., ::-1])
    final = Camera.centred((size * enlarged, size * enlarged), 720.0 / mm_per_pixel * enlarged)
    landmarks = np.zeros((478, 3))
    landmarks[model.embedding.landmark, :2] = final.project(model.embedding.points(view.posed))
    fit = SimpleNamespace(
        camera=final, rotation=np.eye(3), translation_mm=np.array([0.0, 20.0, -720.0]), expression=weights
    )
    return skin_in_photo(pixels, fit, model.topology, head, landmarks, 2 * SIZE, model.embedding)


def evidence_of(scene: Scene, relief: np.ndarray | None = None, **options: object) -> PhotoEvidence:
    return photo_evidence(photograph(scene, relief, **options), SIZE)
