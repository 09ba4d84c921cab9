"""Photograph-like renders of a face model with known parameters, by ray casting."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from ..face_model.base import FaceModel
from ..fitting.camera import Camera
from ..mesh.normals import vertex_normals
from ..mesh.topology import MATERIALS
from .appearance import Look, albedo, hair_coverage, rest_features

Array = NDArray[np.float64]


class Scene(NamedTuple):
    """What was rendered: (I,), (E,), (3, 3), (3,) mm, pixels."""

    identity: Array
    expression: Array
    rotation: Array
    translation_mm: Array
    camera: Camera


class HeadRenderer:
    """Ray casts one face model; holds its triangles, rest features and ambient occlusion."""

    def __init__(self, model: FaceModel) -> None:
        self.model = model
        opaque = [model.topology.triangles(name) for name in MATERIALS if name != "cornea"]
        self.triangles = np.concatenate([triangles for triangles, _ in opaque])
        self.material = model.topology.material[np.concatenate([faces for _, faces in opaque])]
        self.rest = rest_features(model)
        self.openness = self._openness()

    def vertices(self, scene: Scene, blendshapes: Array) -> Array:
        """(V, 3) mm, model space; ``blendshapes`` (E, V, 3) are the identity's."""
        result: Array = self.model.neutral(scene.identity) + np.tensordot(scene.expression, blendshapes, 1)
        return result

    def render(
        self, vertices: Array, scene: Scene, look: Look, rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], EmbreeScene]:
        """Photograph-like picture (H, W, 3) RGB, and the ray scene without hair, camera frame."""
        camera = scene.camera
        bare = vertices @ scene.rotation.T + scene.translation_mm
        thickness = hair_coverage(look, self.rest.position) * look.hair_thickness
        haired = bare + thickness[:, None] * vertex_normals(bare, self.triangles)
        solid = _solid(haired, self.triangles)
        pixels = np.stack(np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5), -1)
        rays = camera.rays(pixels.reshape(-1, 2))
        hit = _cast(solid, np.zeros_like(rays), rays)
        seen = hit.triangle >= 0
        corners, weights = self.triangles[hit.triangle[seen]], hit.weights[seen]

        normal = np.einsum("nci,nc->ni", vertex_normals(haired, self.triangles)[corners], weights)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        position = rays[seen] * hit.distance[seen, None]
        openness = np.einsum("nc,nc->n", self.openness[corners], weights)
        colour = albedo(look, self.rest.at(corners, weights), self.material[hit.triangle[seen]], rng)
        picture = _background((camera.height, camera.width), rng)
        picture.reshape(-1, 3)[seen] = _shade(colour, normal, position, openness, solid, look.gloss, rng)
        return _develop(picture, rng), _solid(bare, self.triangles)

    def hit_rest(self, solid: EmbreeScene, camera: Camera, pixels: Array) -> Array:
        """(n, 3) mean-head positions of what (n, 2) pixels see first, NaN where they see nothing."""
        rays = camera.rays(pixels)
        hit = _cast(solid, np.zeros_like(rays), rays)
        result: Array = np.einsum("nci,nc->ni", self.rest.position[self.triangles[hit.triangle]], hit.weights)
        result[hit.triangle < 0] = np.nan
        return result

    def _openness(self, directions: int = 48, reach_mm: float = 60.0) -> Array:
        """(V,) share of directions above the surface that leave the mean head: ambient occlusion."""
        solid = _solid(self.rest.position, self.triangles)
        normals = vertex_normals(self.rest.position, self.triangles)
        spread = np.random.default_rng(0).normal(size=(directions, 3))
        spread /= np.linalg.norm(spread, axis=1, keepdims=True)
        start = self.rest.position + 0.5 * normals
        open_ = np.zeros(len(start))
        for direction in spread:
            outward = direction * np.sign(normals @ direction)[:, None]
            hit = _cast(solid, start, outward)
            open_ += (hit.triangle < 0) | (hit.distance > reach_mm)
        return open_ / directions


class _Hit(NamedTuple):
    triangle: NDArray[np.int64]
    weights: Array
    distance: Array


def _solid(vertices: Array, triangles: NDArray[np.int32]) -> EmbreeScene:
    scene = EmbreeScene()
    TriangleMesh(scene, vertices[triangles].astype(np.float32))
    return scene


def _cast(scene: EmbreeScene, origins: Array, directions: Array) -> _Hit:
    """First hits of (n, 3) rays; ``distance`` in lengths of the direction."""
    found = scene.run(origins.astype(np.float32), directions.astype(np.float32), query="INTERSECT", output=1)
    u, v = found["u"].astype(np.float64), found["v"].astype(np.float64)
    return _Hit(
        found["primID"].astype(np.int64), np.stack([1.0 - u - v, u, v], 1), found["tfar"].astype(np.float64)
    )


def _unit(vector: Array) -> Array:
    result: Array = vector / np.linalg.norm(vector)
    return result


def _shade(
    colour: Array, normal: Array, position: Array, openness: Array, solid: EmbreeScene, gloss: float,
    rng: np.random.Generator,
) -> Array:  # fmt: skip
    """(n, 3) colours under a sky and one to three lamps, half of them with cast shadows."""
    view = -position / np.linalg.norm(position, axis=1, keepdims=True)
    sky = _unit(rng.normal(size=3) + np.array([0.0, 1.0, 0.0]))
    occlusion = rng.uniform(0.3, 1.0)
    ambient = rng.uniform(0.15, 0.5) * (1.0 + 0.5 * (normal @ sky))
    light = (ambient * (1.0 - occlusion + occlusion * np.clip(1.3 * openness, 0, 1)))[:, None] * np.ones(3)
    shine = np.zeros(len(colour))
    exponent = rng.uniform(6.0, 40.0)
    for lamp in range(rng.integers(1, 4)):
        key = lamp == 0
        to_lamp = _unit(rng.normal(size=3) * ([0.7, 0.5, 0.3] if key else [1.0, 0.5, 0.5]) + [0.0, 0.3, 0.7])
        strength = rng.uniform(0.35, 0.8) if key else rng.uniform(0.05, 0.4)
        facing = np.clip(normal @ to_lamp, 0.0, 1.0)
        if rng.random() < 0.5:
            softened = _unit(to_lamp + rng.normal(size=3) * 0.05)
            blocked = _cast(solid, position + 0.6 * normal, np.tile(softened, (len(position), 1))).triangle >= 0
            facing = facing * (1.0 - rng.uniform(0.5, 1.0) * blocked)
        else:
            facing = facing * (0.5 + 0.5 * np.clip(1.5 * openness, 0, 1))
        light += (strength * facing)[:, None] * np.exp(rng.normal(size=3) * 0.08)
        half = to_lamp + view
        half /= np.linalg.norm(half, axis=1, keepdims=True)
        shine += gloss * strength * np.clip((normal * half).sum(1), 0, 1) ** exponent * (facing > 0)
    if rng.random() < 0.5:
        light = light ** rng.uniform(0.5, 0.9)
    shaded = colour * light
    # A camera exposes for the face: pull its mean brightness most of the way to a random target.
    exposure = (rng.uniform(0.25, 0.65) / max(float(shaded.mean()), 1e-3)) ** 0.7
    result: Array = exposure * shaded + 0.8 * shine[:, None]
    return result


def _background(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """(H, W, 3) 0..1: plain, a gradient, or blurred blobs."""
    kind = rng.random()
    height, width = shape
    if kind < 0.4:
        return np.broadcast_to(rng.uniform(0.05, 0.95, 3), (height, width, 3)).copy()
    if kind < 0.65:
        across = np.linspace(0, 1, width)[None, :, None]
        down = np.linspace(0, 1, height)[:, None, None]
        left, right = rng.uniform(0.1, 0.8, (2, 3))
        result: Array = left * (1 - across) + right * across + down * rng.uniform(-0.2, 0.2)
        return result
    coarse = rng.uniform(0, 1, (12, 12, 3))
    blobs = cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.GaussianBlur(blobs, (0, 0), rng.uniform(1.0, 12.0)), np.float64)


def _develop(picture: Array, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Lens blur, contrast, sensor noise and, half of the time, JPEG."""
    blur_px = rng.choice([0.5, 0.6, 0.8, 1.2, 1.8], p=[0.35, 0.25, 0.2, 0.12, 0.08])
    picture = np.asarray(cv2.GaussianBlur(np.clip(picture, 0, 1), (0, 0), blur_px), np.float64)
    picture = 0.5 + (picture - 0.5) * rng.uniform(0.75, 1.25) + rng.normal() * 0.03
    picture = picture + rng.normal(size=picture.shape) * rng.uniform(0.0, 0.02)
    taken: NDArray[np.uint8] = np.clip(np.round(picture * 255.0), 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        coded = cv2.imencode(".jpg", taken, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 95))])[1]
        taken = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return taken
