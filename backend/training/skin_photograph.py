"""What a photo would show of a head whose relief is known: a UV texture, and how far it can be trusted.

The displaced surface is lit on the lattice itself, coloured like skin, and then spoilt as photos are: seen from one
side, partly covered by hair, blurred to the photo's resolution, noisy, compressed. Brows, lids, lips and nostrils
are not drawn as such: the product distrusts the photo there, and so does ``trust``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..displacement.lattice_frame import LatticeFrame
from ..face_model.base import FaceModel
from ..mesh.smooth_lattice import SmoothLattice
from ..mesh.topology import Topology
from ..texture.cavity import openness
from ..texture.mesh_field import skin_graph
from .appearance import Look, RestFeatures, hair_coverage, random_look, rest_features

Floats = NDArray[np.floating[Any]]
Float32 = NDArray[np.float32]

FACE_MM_PER_TEXEL = 0.29
"""At 1024 texels a side, on cheeks and forehead (facts of the built-in UV layout)."""
SCATTER_MM = np.array([0.55, 0.28, 0.18])
"""How far light wanders in skin: red farthest, so that lines look red and soft."""
UNTRUSTED = ("brows_left", "brows_right", "lips", "ears", "scalp", "neck", "mouth_bag")
"""Regions where the product does not believe the photo's shading; nor beside lids, nor inside nostrils."""
LASHES_MM = (1.8, 3.0)
NOSTRILS_OPENNESS = (0.2, 0.45)


@dataclass(frozen=True)
class PhotographSettings:
    """Ranges that photographs are drawn from.

    mm_per_pixel   on the face
    turn, nod      of the head, degrees
    noise          standard deviation, share of white
    jpeg_quality
    ambient        share of the light that comes from everywhere
    occlusion      how much darker lines are by their depth alone, per millimetre
    gloss          highlights, share of white
    stain          unevenness of blood and pigment; three real photos have about 1 to 3
    stubble        share of faces with it; it is as dark and as fine as lines are
    spots          per face, at most
    """

    mm_per_pixel: tuple[float, float] = (0.25, 0.8)
    turn: float = 30.0
    nod: float = 15.0
    noise: tuple[float, float] = (0.002, 0.02)
    jpeg_quality: tuple[int, int] = (72, 97)
    ambient: tuple[float, float] = (0.25, 0.65)
    occlusion: tuple[float, float] = (0.4, 2.2)
    gloss: tuple[float, float] = (0.0, 0.12)
    stain: tuple[float, float] = (0.4, 3.0)
    stubble: float = 0.35
    spots: int = 80


class SkinPhotograph(NamedTuple):
    """texture (S, S, 3) uint8 sRGB; trust (S, S) uint8, 255 where it shows skin; mm_per_pixel of the photo."""

    texture: NDArray[np.uint8]
    trust: NDArray[np.uint8]
    mm_per_pixel: float


class Studio(NamedTuple):
    """What all photographs share: features of the mean head, and (V,) 0..1 where the product believes any photo."""

    features: RestFeatures
    believed: Float32


def open_studio(model: FaceModel) -> Studio:
    """Measure a model's mean head; takes about two seconds."""
    features, topology = rest_features(model), model.topology
    places = features.position
    graph = skin_graph(topology, places)
    believed = np.ones(len(places))
    for name in UNTRUSTED:
        if name in topology.regions:
            believed[topology.regions[name]] = 0.0
    believed *= _ramp(LatticeFrame.of(topology, places).lid_mm, *LASHES_MM)
    believed *= _ramp(openness(topology, places, graph), *NOSTRILS_OPENNESS)
    return Studio(features, np.asarray(believed, np.float32))


def _ramp(values: Floats, low: float, high: float) -> Floats:
    result: Floats = np.clip((values - low) / (high - low), 0.0, 1.0)
    return result


def photograph(
    topology: Topology,
    places: Floats,
    relief: Float32,
    studio: Studio,
    rng: np.random.Generator,
    settings: PhotographSettings = PhotographSettings(),
) -> SkinPhotograph:
    """Draw a photograph at random, as the UV texture that the product would make of it.

    Parameters
    ----------
    topology : a geometry image
    places : (V, 3) mm, the head as the photo shows it
    relief : (S, S) mm, what displaces the skin, pores included
    studio : of the model
    rng : of everything that is drawn at random
    """
    size = len(relief)
    lattice = SmoothLattice(topology, size)
    image = np.asarray(lattice.image(np.asarray(places, np.float32)), np.float32)
    down = -np.gradient(image, axis=0)  # rows run down, v runs up
    across = np.gradient(image, axis=1)
    look = random_look(rng)
    mm_per_pixel = float(np.exp(rng.uniform(*np.log(settings.mm_per_pixel))))

    rest = np.cross(across, down)
    area = np.linalg.norm(rest, axis=2, keepdims=True) + 1e-9
    rest /= area
    normal = _displaced(rest, area, across, down, relief)
    light = _light(normal, relief, rng, settings)
    colour = skin_albedo(look, image, studio.features, lattice, rng, settings)
    shot = _developed(colour * light + _gloss(normal, rng, settings), mm_per_pixel, rng, settings)

    view = _direction(rng.uniform(-settings.turn, settings.turn), rng.uniform(-settings.nod, settings.nod))
    facing = np.clip((rest @ view - 0.2) / 0.25, 0.0, 1.0)
    trust = facing * _shown(topology, look, studio, lattice, rng)
    return SkinPhotograph(shot, np.round(255.0 * trust).astype(np.uint8), mm_per_pixel)


def _direction(turn: float, nod: float) -> Float32:
    """Unit vector from the head: 0, 0 is straight ahead, turn to the subject's left, nod upwards; degrees."""
    a, b = np.deg2rad([turn, nod])
    return np.array([np.sin(a) * np.cos(b), np.sin(b), np.cos(a) * np.cos(b)], np.float32)


def _displaced(rest: Float32, area: Float32, across: Float32, down: Float32, relief: Float32) -> Float32:
    """Unit normals of the displaced surface: n minus the surface gradient of the displacement."""
    along_v, along_u = -np.gradient(relief, axis=0), np.gradient(relief, axis=1)
    slope = along_u[..., None] * np.cross(down, rest) + along_v[..., None] * np.cross(rest, across)
    normal = rest - slope / area
    normal /= np.linalg.norm(normal, axis=2, keepdims=True) + 1e-9
    return np.asarray(normal, np.float32)


def _light(normal: Float32, relief: Float32, rng: np.random.Generator, settings: PhotographSettings) -> Float32:
    """(S, S, 3) light that comes back from white skin: sky, one or two lamps, softened in the skin."""
    scale = len(relief) / 1024.0
    ambient = rng.uniform(*settings.ambient)
    shade = ambient * (0.75 + 0.25 * normal[..., 1])
    lamps = int(rng.integers(1, 3))
    for share in rng.dirichlet(np.full(lamps, 2.0)):
        towards = _direction(rng.uniform(-70.0, 70.0), rng.uniform(-10.0, 65.0))
        wrap = rng.uniform(0.0, 0.35)  # large lamps reach round the corner
        lit = np.clip((normal @ towards + wrap) / (1.0 + wrap), 0.0, None)
        shade = shade + (1.0 - ambient) * share * lit
    # Light from all sides reaches the bottom of a line less the deeper it is.
    around = cv2.GaussianBlur(relief, (0, 0), 3.0 / FACE_MM_PER_TEXEL * scale)
    depth = np.clip(around - relief, 0.0, None)
    shade = shade * np.exp(-rng.uniform(*settings.occlusion) * depth)
    softened = [
        cv2.GaussianBlur(shade.astype(np.float32), (0, 0), float(reach) / FACE_MM_PER_TEXEL * scale)
        for reach in SCATTER_MM
    ]
    return np.dstack(softened) * np.float32(rng.uniform(0.8, 1.25))


def _gloss(normal: Float32, rng: np.random.Generator, settings: PhotographSettings) -> Float32:
    """(S, S, 1) highlights of a greasy skin under one lamp (Blinn and Phong), seen from the front."""
    half = _direction(rng.uniform(-35.0, 35.0), rng.uniform(0.0, 35.0))
    shine = np.clip(normal @ half, 0.0, 1.0) ** rng.uniform(12.0, 60.0)
    return np.asarray(shine[..., None] * rng.uniform(*settings.gloss), np.float32)


def skin_albedo(
    look: Look,
    image: Float32,
    features: RestFeatures,
    lattice: SmoothLattice,
    rng: np.random.Generator,
    settings: PhotographSettings,
) -> Float32:
    """(S, S, 3) linear albedo: tone, blood and pigment in patches, spots; no lips and no brows.

    Parameters
    ----------
    look : its ``skin`` is the tone
    image : (S, S, 3) of the lattice, for its size
    features, lattice : of the model; texels of the lattice are S a side
    """
    size = len(image)
    scale = size / 1024.0
    tone = look.skin**2.2
    stain = np.zeros((size, size, 2), np.float32)  # blood, pigment
    uneven = np.exp(rng.uniform(*np.log(settings.stain)))
    for reach_mm, amount in ((0.6, 0.012 * uneven), (1.2, 0.02 * uneven), (4.0, 0.03 * uneven), (15.0, 0.06)):
        sigma = reach_mm / FACE_MM_PER_TEXEL * scale
        step = max(1, int(sigma))
        drawn = rng.standard_normal((size // step + 2, size // step + 2, 2)).astype(np.float32)
        coarse = np.asarray(cv2.GaussianBlur(drawn, (0, 0), max(1.0, sigma / step)), np.float32)
        coarse /= coarse.std() + 1e-6
        patch = np.asarray(cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC), np.float32)
        stain += np.float32(amount * rng.uniform(0.5, 1.5)) * patch
    red = lattice.image(np.exp(-((np.abs(features.position[:, :1]) - 32.0) ** 2) / 400.0).astype(np.float32))
    stain[..., 0] += np.float32(rng.uniform(0.0, 0.15)) * red[..., 0]
    if rng.random() < settings.stubble:
        stain[..., 1] += _stubble(features, lattice, rng)
    _add_spots(stain[..., 1], rng, settings.spots, scale)
    blood = stain[..., :1] * np.array([-0.15, -0.95, -0.6], np.float32)
    pigment = stain[..., 1:] * np.array([-0.55, -0.8, -1.0], np.float32)
    return np.asarray(tone * np.exp(blood + pigment), np.float32)


def _stubble(features: RestFeatures, lattice: SmoothLattice, rng: np.random.Generator) -> Float32:
    """(S, S) dark dots and short strokes on jaw and upper lip."""
    size, place = lattice.size, features.position
    low = np.clip((rng.uniform(-48.0, -34.0) - place[:, 1]) / 12.0, 0, 1)
    front = np.clip((place[:, 2] + 60.0) / 25.0, 0, 1)
    beard = lattice.image((low * front * np.clip(-features.lip / 3.0, 0, 1)).astype(np.float32))
    dots = rng.standard_normal((size, size)).astype(np.float32)
    dots = np.asarray(cv2.GaussianBlur(dots, (0, 0), 0.7, sigmaY=rng.uniform(0.7, 1.6)), np.float32)
    dark = np.clip(dots / dots.std(), 0.0, None) * np.float32(rng.uniform(0.05, 0.35))
    return np.asarray(dark * np.clip(beard, 0.0, 1.0), np.float32)


def _add_spots(pigment: Float32, rng: np.random.Generator, most: int, scale: float) -> None:
    """Freckles and moles: dark and round, which lines are not."""
    size = len(pigment)
    for _ in range(int(rng.integers(0, most + 1) * rng.random())):
        row, column = (rng.uniform(0.15, 0.85, 2) * size).astype(int)
        radius = float(rng.choice([1.2, 2.0, 4.5], p=[0.6, 0.3, 0.1]) * scale * rng.uniform(0.8, 1.4))
        reach = int(3 * radius) + 1
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        blob = rng.uniform(0.1, 0.9) * np.exp(-(((x * x + y * y) / radius**2) ** 1.5))
        # Centres keep away from the border farther than any spot reaches.
        pigment[row - reach : row + reach + 1, column - reach : column + reach + 1] += blob.astype(np.float32)


def _developed(
    linear: Float32, mm_per_pixel: float, rng: np.random.Generator, settings: PhotographSettings
) -> NDArray[np.uint8]:
    """Through lens, sensor and JPEG at the photo's resolution, and back to texels."""
    size = len(linear)
    shrink = max(1.0, mm_per_pixel / (FACE_MM_PER_TEXEL * 1024.0 / size))
    pixels = round(size / shrink)
    middle = slice(size // 4, 3 * size // 4)
    exposure = 0.9 / max(float(np.percentile(linear[middle, middle], 99)), 1e-3)
    small = cv2.resize(linear * np.float32(exposure * rng.uniform(0.5, 1.0)), (pixels, pixels),
                       interpolation=cv2.INTER_AREA)  # fmt: skip
    small = cv2.GaussianBlur(small, (0, 0), rng.uniform(0.4, 0.9))
    encoded = np.clip(small, 0.0, 1.0) ** (1.0 / 2.2)
    grain = rng.standard_normal(encoded.shape).astype(np.float32)
    encoded += np.float32(np.exp(rng.uniform(*np.log(settings.noise)))) * grain
    quality = int(rng.integers(settings.jpeg_quality[0], settings.jpeg_quality[1] + 1))
    bgr = np.clip(encoded[..., ::-1] * 255.0 + 0.5, 0, 255).astype(np.uint8)
    packed = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    shot = np.ascontiguousarray(cv2.imdecode(packed, cv2.IMREAD_COLOR)[..., ::-1])
    return np.asarray(cv2.resize(shot, (size, size), interpolation=cv2.INTER_CUBIC), np.uint8)


def _shown(
    topology: Topology, look: Look, studio: Studio, lattice: SmoothLattice, rng: np.random.Generator
) -> Float32:
    """(S, S) 0..1: 0 on hair and on what the product does not believe in any photo."""
    features = studio.features
    shown = studio.believed * (1.0 - hair_coverage(look, features.position))
    if rng.random() < 0.25:  # a beard, a hand, a lock of hair: an irregular piece is hidden
        centre = features.position[rng.choice(topology.regions["face"])]
        distance = np.linalg.norm(features.position - centre, axis=1)
        ripple = np.sin(features.position @ rng.normal(size=(3, 3)) * 0.15).mean(1)
        shown *= np.clip((distance - rng.uniform(8.0, 35.0) * (1.0 + 0.4 * ripple)) / 4.0, 0.0, 1.0)
    return np.clip(lattice.image(shown.astype(np.float32)[:, None])[..., 0], 0.0, 1.0)
