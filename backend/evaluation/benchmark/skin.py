"""Looks of rendered people: skin, brows, lips, hair, a shirt, eyes. All drawn, nothing of a third party.

Hair is a cap: the scalp's own faces, moved outwards and coloured by strands. It covers what it covers; the truth
under a fringe is the skin, as with photographs and scans.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ...face_model.base import FaceModel
from ...head.shading import TO_SRGB
from ...mesh.normals import vertex_normals
from ...mesh.texel_map import UvSampler, uv_sampler
from ...mesh.topology import MATERIALS
from ...texture.part_textures import eye_texture, mouth_texture, teeth_texture
from ...training.appearance import SKIN_TONES, Look, RestFeatures, albedo, random_look, rest_features
from ..pseudo.drawn_skin import SkinDrawer

Array = NDArray[np.float64]
Float32 = NDArray[np.float32]

SIZE = 1024
PART_SIZE = 256
TONES = ("pale", "fair", "medium", "tan", "brown", "dark")
"""Names of appearance.SKIN_TONES."""
HAIR, CLOTH = "hair", "cloth"
COLLAR_MM = (-128.0, -95.0)
"""Model space, height of the shirt's collar in front and at the nape."""
COLLAR_FRONT_Z_MM, COLLAR_BACK_Z_MM = 0.0, -150.0
HAIRLINE_MM = (
    (40.0, 66.0), (0.0, 64.0), (-25.0, 56.0), (-45.0, 36.0), (-56.0, -12.0), (-67.0, -16.0), (-76.0, 9.0),
    (-102.0, 9.0), (-112.0, -48.0), (-180.0, -72.0),
)  # fmt: skip
"""Mean head, (z, y): above what height hair grows, from the forehead past temple, sideburn and ear to the nape."""
HAIRLINE_SPREAD_MM = (-2.0, 12.0)
HAIR_RISE_MM = 14.0
CLOTHS = np.array(
    [[0.85, 0.85, 0.83], [0.07, 0.07, 0.08], [0.16, 0.22, 0.36], [0.42, 0.43, 0.45], [0.40, 0.14, 0.15],
     [0.20, 0.31, 0.24]]
)  # fmt: skip


class Looks(NamedTuple):
    """How a person looks. ``hair_mm`` (V,) how far vertices move out; ``material`` (F,) with hair and cloth after
    MATERIALS; ``tone`` one of TONES."""

    textures: dict[str, Path]
    material: NDArray[np.uint8]
    hair_mm: Array
    roughness: float
    tone: str


class Wardrobe:
    """Draws the looks of people of one face model."""

    def __init__(self, model: FaceModel) -> None:
        """Measures the mean head; takes about two seconds."""
        self._model = model
        self._drawer = SkinDrawer(model, SIZE) if model.topology.lattice_size else None
        self._sampler: UvSampler = uv_sampler(model.topology, "skin", SIZE)
        self._features: RestFeatures = self._drawer.features if self._drawer else rest_features(model)
        self._place = self._sampler.image(self._features.position)

    def draw(self, seed: tuple[int, ...], folder: Path) -> Looks:
        """The looks of one person, drawn by ``seed``; its textures are written into ``folder``."""
        # A skin begins by drawing its look, so the same generator started again tells us which one it was.
        look = random_look(np.random.default_rng(seed))
        tone = _usual(look.skin)
        rng = np.random.default_rng((*seed, 1))
        depth = self._hair_depth(look, rng)
        cloth = _below_collar(self._features.position)
        image = self._skin(look, seed, rng)
        strands = _strands(self._place, rng)
        # Single hairs reach over the hairline.
        edge = self._sampler.image(np.clip(depth, -30.0, 30.0).astype(np.float32)) + 6.0 * (strands - 1.0)
        image = _blended(image, np.clip(edge / 5.0 + 0.5, 0.0, 1.0)[..., None], look.hair * strands[..., None])
        shirt = CLOTHS[rng.integers(len(CLOTHS))]
        collar = self._sampler.image(cloth.astype(np.float32))[..., None]
        image = _blended(image, collar, shirt * _weave(SIZE, rng)[..., None])
        pictures: dict[str, NDArray[Any]] = {
            "skin": image,
            "eye": eye_texture(_iris(look), PART_SIZE),
            "teeth": teeth_texture(PART_SIZE),
            "mouth": mouth_texture(_bytes(look.lips), _bytes(tone), PART_SIZE),
        }
        textures = {}
        for name, picture in pictures.items():
            textures[name] = folder / f"{name}.png"
            _write(textures[name], picture)
        label = TONES[int(np.linalg.norm(SKIN_TONES - tone, axis=1).argmin())]
        roughness = float(0.58 - 0.3 * look.gloss)
        return Looks(textures, self._materials(depth > 0.0, cloth), self._thickness(look, depth), roughness, label)

    def _skin(self, look: Look, seed: tuple[int, ...], rng: np.random.Generator) -> Float32:
        """(S, S, 3) sRGB 0..1."""
        if self._drawer is not None:
            relative = self._drawer.draw(np.random.default_rng(seed)).albedo
            return _to_srgb(relative * np.asarray(_usual(look.skin) ** 2.2, np.float32))
        # Other models' skins are no lattice: plainer, by the same features.
        images = [self._sampler.image(values).astype(np.float64) for values in self._features]
        flat = RestFeatures(*(values.reshape(SIZE * SIZE, *values.shape[2:]) for values in images))
        material = np.zeros(SIZE * SIZE, np.uint8)
        return np.asarray(albedo(look, flat, material, rng).reshape(SIZE, SIZE, 3), np.float32)

    def _hair_depth(self, look: Look, rng: np.random.Generator) -> Array:
        """(V,) mm that the mean head's vertices lie inside the hair; negative outside it, and on bald heads."""
        place = self._features.position
        if not np.isfinite(look.hairline):
            return np.full(len(place), -99.0)
        z, above = np.array(HAIRLINE_MM).T
        # The front wanders with the person, the rest hardly does.
        front = np.clip((z + 60.0) / 60.0, 0.0, 1.0)
        above = above + front * rng.uniform(*HAIRLINE_SPREAD_MM) + (1.0 - front) * rng.uniform(-6.0, 3.0)
        waves = np.sin(place @ look.mottle[:, :3].T * 3.0 + look.mottle[:, 3]).mean(1)
        depth: Array = place[:, 1] - np.interp(place[:, 2], z[::-1], above[::-1]) + 2.0 * waves
        if "ears" in self._model.topology.regions:
            depth[self._model.topology.regions["ears"]] = -99.0
        return depth

    def _thickness(self, look: Look, depth: Array) -> Array:
        """(V,) mm of hair, growing from the hairline, less at the nape."""
        place = self._features.position
        locks = np.sin(place @ look.mottle[:, :3].T * 1.5 + look.mottle[:, 3]).mean(1)
        nape = np.clip((place[:, 1] + 70.0) / 60.0, 0.2, 1.0)
        full = 2.0 + 0.6 * look.hair_thickness * (1.0 + 0.2 * locks)
        result: Array = full * nape * (1.0 - np.exp(-np.clip(depth, 0.0, None) / HAIR_RISE_MM))
        return result

    def _materials(self, hair: NDArray[np.bool_], cloth: Array) -> NDArray[np.uint8]:
        """(F,) faces of the skin that are hair or mostly cloth take these materials."""
        topology = self._model.topology
        corners = np.where(topology.quads >= 0, topology.quads, topology.quads[:, :1])
        material = topology.material.copy()
        skin = material == MATERIALS.index("skin")
        material[skin & hair[corners].all(1)] = len(MATERIALS)
        material[skin & (cloth[corners].mean(1) > 0.5)] = len(MATERIALS) + 1
        return material


def _usual(skin: Array) -> Array:
    """(3,) half as far from the usual tones as a colour was drawn: a tint shows more on a face than on a patch."""
    share = np.linspace(0.0, len(SKIN_TONES) - 1.0, 101)
    tones = np.stack([np.interp(share, np.arange(len(SKIN_TONES)), SKIN_TONES[:, k]) for k in range(3)], 1)
    result: Array = 0.5 * (skin + tones[np.linalg.norm(tones - skin, axis=1).argmin()])
    return result


def _iris(look: Look) -> tuple[float, float, float]:
    """sRGB 0 to 255; dark skin mostly goes with dark eyes."""
    return _bytes(look.iris * np.clip(look.skin.mean() / 0.65, 0.4, 1.0))


def _bytes(colour: Array) -> tuple[float, float, float]:
    red, green, blue = np.clip(255.0 * colour, 0.0, 255.0).tolist()
    return red, green, blue


def haired(vertices: Array, quads: NDArray[np.int32], hair_mm: Array) -> Array:
    """(V, 3) with hair grown along the normals."""
    if not hair_mm.any():
        return vertices
    result: Array = vertices + hair_mm[:, None] * vertex_normals(vertices, quads)
    return result


def _below_collar(place: Array) -> Array:
    """(V,) 0..1 of mean-head positions (V, 3)."""
    back = np.clip((COLLAR_FRONT_Z_MM - place[:, 2]) / (COLLAR_FRONT_Z_MM - COLLAR_BACK_Z_MM), 0.0, 1.0)
    collar = COLLAR_MM[0] + back * (COLLAR_MM[1] - COLLAR_MM[0]) - 25.0 * (1.0 - back)
    result: Array = np.clip((collar - place[:, 1]) / 2.0 + 0.5, 0.0, 1.0)
    return result


def _strands(place: Float32, rng: np.random.Generator) -> Float32:
    """(S, S) about 1: brightness of hairs that fall from the crown, by mean-head positions (S, S, 3)."""
    size = len(place)
    azimuth = np.arctan2(place[..., 0], -(place[..., 2] + 70.0))
    drawn = rng.standard_normal((64, 2048)).astype(np.float32)
    noise = np.asarray(cv2.GaussianBlur(drawn, (0, 0), 1.2, sigmaY=6.0), np.float32)
    noise /= noise.std()
    column = ((azimuth / (2.0 * np.pi) + 0.5) * 2047.0).astype(np.float32)
    row = np.clip((place[..., 1] + 120.0) / 240.0 * 63.0, 0, 63).astype(np.float32)
    streaks = cv2.remap(noise, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    grain = cv2.GaussianBlur(rng.standard_normal((size, size)).astype(np.float32), (0, 0), 0.8)
    return np.asarray(np.clip(1.0 + 0.2 * streaks + 0.22 * grain, 0.3, 1.9), np.float32)


def _weave(size: int, rng: np.random.Generator) -> Float32:
    """(size, size) about 1."""
    return np.asarray(1.0 + 0.06 * rng.standard_normal((size, size)), np.float32)


def _blended(image: Float32, share: Float32, other: Array) -> Float32:
    return np.asarray(image + share * (other - image), np.float32)


def _to_srgb(linear: Float32) -> Float32:
    levels = len(TO_SRGB) - 1
    codes = TO_SRGB[np.rint(np.clip(linear, 0.0, 1.0) * levels).astype(np.int64)]
    return np.asarray(codes / 255.0, np.float32)


def _write(path: Path, pixels: NDArray[Any]) -> None:
    """An sRGB picture, uint8 or 0..1. Raises OSError."""
    if pixels.dtype != np.uint8:
        pixels = np.clip(np.rint(pixels.astype(np.float32) * 255.0), 0, 255).astype(np.uint8)
    packed = cv2.imencode(".png", np.ascontiguousarray(pixels[..., ::-1]))[1]
    path.write_bytes(packed.tobytes())
