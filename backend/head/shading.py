"""Shades what the rasteriser sees: key, fill and rim light, occluded sky light, a little gloss, catch lights.

Everything happens per covered pixel in linear light, in camera space (x right, y up, looking along -z), so that the
same view can be shaded once with textures and once as grey clay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..fitting.camera import Camera
from ..mesh.raster import fragments, interpolate, rasterise
from ..mesh.topology import MATERIALS, Topology

Float32 = NDArray[np.float32]

OCCLUSION_STRIDE = 4  # pixels
OCCLUSION_SAMPLES = 18
DARK_MOUTH = 0.12  # linear albedo below which the mouth's lining loses its wet gloss
SKIN, EYE, CORNEA, TEETH, MOUTH = (MATERIALS.index(name) for name in ("skin", "eye", "cornea", "teeth", "mouth"))


def _unit(x: float, y: float, z: float) -> Float32:
    vector = np.array([x, y, z], dtype=np.float32)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


@dataclass(frozen=True)
class Studio:
    """Lights (directions towards them in camera space, linear strengths) and surface look."""

    key_direction: tuple[float, float, float] = (-0.55, 0.55, 0.75)
    key: float = 0.78
    fill_direction: tuple[float, float, float] = (0.85, 0.05, 0.6)
    fill: float = 0.16
    rim_direction: tuple[float, float, float] = (0.75, 0.45, -0.75)
    rim: float = 0.5
    sky: float = 0.42  # from above
    ground: float = 0.20  # from below
    wrap: float = 0.25  # how far light creeps past the terminator, a stand-in for subsurface scattering
    occlusion: float = 0.75  # how dark a cavity gets, 0 to 1
    occlusion_reach_mm: float = 22.0  # how far away a neighbour still takes sky light
    inside: tuple[float, float] = (0.78, 0.5)  # light that reaches teeth, and the mouth's lining and tongue
    eye_occlusion: float = 0.45  # share of the lids' shadow that an eye shows: it is wet and clear
    gloss: float = 1.0
    catch_light_direction: tuple[float, float, float] = (-0.42, 0.52, 1.0)
    clay: tuple[float, float, float] = (0.44, 0.425, 0.405)


# A skin from a photo brings the photo's own light and highlights along: it is shown in flatter light.
PHOTO_STUDIO = Studio(key=0.42, fill=0.18, sky=0.60, ground=0.42, rim=0.35, occlusion=0.65, gloss=0.45)


class Surface(NamedTuple):
    """The opaque triangles of a topology, T of them.

    triangles (T, 3) vertex ids; corner_uv (T, 3, 2) float32; material (T,) uint8 rows of MATERIALS
    cornea (C, 3) vertex ids of the clear triangles, which only mirror lights
    """

    triangles: NDArray[np.int32]
    corner_uv: Float32
    material: NDArray[np.uint8]
    cornea: NDArray[np.int32]

    @classmethod
    def of(cls, topology: Topology) -> Surface:
        """All triangles, those of the cornea apart."""
        triangles, faces = topology.triangles()
        # triangles() lists the first half of every face, then the second halves of the quads.
        is_first = np.arange(len(triangles)) < len(topology.quads)
        corners = np.where(is_first[:, None], np.array([[0, 1, 2]]), np.array([[0, 2, 3]]))
        keep = topology.material[faces] != CORNEA
        uv = topology.corner_uv[faces[:, None], corners].astype(np.float32)
        return cls(triangles[keep], uv[keep], topology.material[faces[keep]], triangles[~keep])


class Pixels(NamedTuple):
    """The P covered pixels of a view of H x W, in camera space.

    place (P,) in the flattened image; material (P,); uv (P, 2); normal (P, 3) unit; position (P, 3) mm;
    openness (P,) from 1 in the open to 0 in a cavity; eye (n,) rows whose material is "eye", and eye_normal (n, 3)
    of what mirrors the light there: the cornea where there is one
    """

    height: int
    width: int
    place: NDArray[np.int64]
    material: NDArray[np.uint8]
    uv: Float32
    normal: Float32
    position: Float32
    openness: Float32
    eye: NDArray[np.int64]
    eye_normal: Float32


def see(surface: Surface, vertices: NDArray[Any], normals: NDArray[Any], camera: Camera, studio: Studio) -> Pixels:
    """Rasterise and gather what shading needs.

    Parameters
    ----------
    vertices, normals : (V, 3) camera space, mm and unit
    camera : what the view is drawn with; its size is that of the image
    """
    index, depth, triangle, weights = fragments(
        camera.project(vertices), -vertices[:, 2], surface.triangles, camera.width, camera.height, cull_back=True
    )
    normals = normals.astype(np.float32)
    axes = np.ascontiguousarray(normals.T)
    normal = np.zeros((len(index), 3), np.float32)
    uv = np.zeros((len(index), 2), np.float32)
    for k in range(3):
        weight, corner = np.ascontiguousarray(weights[:, k]), surface.triangles[:, k][triangle]
        for axis in range(3):
            normal[:, axis] += np.take(axes[axis], corner) * weight
        for axis in range(2):
            uv[:, axis] += np.take(np.ascontiguousarray(surface.corner_uv[:, k, axis]), triangle) * weight
    _divide(normal, np.maximum(_length(normal), 1e-6))
    row, column = np.divmod(index, camera.width)
    position = np.empty((len(index), 3), np.float32)
    position[:, 0] = (column + 0.5 - camera.cx) / camera.fx * depth
    position[:, 1] = (camera.cy - row - 0.5) / camera.fy * depth
    position[:, 2] = -depth
    openness = _openness((camera.height, camera.width), index, position, normal, camera, studio)
    material = surface.material[triangle]
    eye = np.flatnonzero(material == EYE)
    eye_normal = _cornea_normals(surface, vertices, normals, camera, row[eye], column[eye], normal[eye])
    return Pixels(
        camera.height, camera.width, index, material, uv, normal, position, openness, eye, eye_normal
    )


def _cornea_normals(
    surface: Surface,
    vertices: NDArray[Any],
    normals: Float32,
    camera: Camera,
    row: NDArray[np.int64],
    column: NDArray[np.int64],
    fallback: Float32,
) -> Float32:
    """(n, 3) unit normals of the cornea before the pixels at (row, column); ``fallback`` where there is none."""
    if not len(row) or not len(surface.cornea):
        return fallback
    top, left = int(row.min()), int(column.min())
    window = Camera(
        int(column.max()) - left + 1, int(row.max()) - top + 1,
        camera.fx, camera.fy, camera.cx - left, camera.cy - top,
    )  # fmt: skip
    raster = rasterise(
        window.project(vertices), -vertices[:, 2], surface.cornea, window.width, window.height, cull_back=True
    )
    found = interpolate(raster, surface.cornea, normals)[row - top, column - left]
    length = _length(found)
    return np.where(length[:, None] > 0.5, found / np.maximum(length, 1e-6)[:, None], fallback).astype(np.float32)


def _dot(first: Float32, second: Float32) -> Float32:
    """(P, 3) and (P, 3) to (P,); axis by axis, because numpy is slow along an inner axis of three."""
    result: Float32 = first[:, 0] * second[:, 0]
    for axis in (1, 2):
        result += first[:, axis] * second[:, axis]
    return result


def _length(vectors: Float32) -> Float32:
    """(P, 3) to (P,) lengths."""
    return np.sqrt(_dot(vectors, vectors))


def _divide(vectors: Float32, by: Float32) -> None:
    """Divide (P, 3) by (P,) in place."""
    for axis in range(3):
        vectors[:, axis] /= by


def _openness(
    shape: tuple[int, int],
    index: NDArray[np.int64],
    position: Float32,
    normal: Float32,
    camera: Camera,
    studio: Studio,
) -> Float32:
    """(P,) share of the sky above each pixel's tangent plane that its surroundings leave open.

    Ambient occlusion from what the view itself sees: on a spiral of neighbours, how steeply each rises above the
    tangent plane, fading with its distance. Computed on every fourth pixel and interpolated.
    """
    height, width = shape
    result = np.ones(len(index), np.float32)
    if not len(index):
        return result
    stride = OCCLUSION_STRIDE
    where = np.full(height * width, -1, np.int64)
    where[index] = np.arange(len(index))
    coarse = where.reshape(shape)[stride // 2 :: stride, stride // 2 :: stride]
    covered = coarse >= 0
    here = np.where(covered[..., None], position[coarse], 0.0).astype(np.float32)
    up = np.where(covered[..., None], normal[coarse], 0.0).astype(np.float32)
    px_per_mm = camera.fx / float(np.median(-position[:, 2])) / stride
    reach = max(1, int(np.ceil(studio.occlusion_reach_mm * px_per_mm)))
    padded = np.pad(here, ((reach, reach), (reach, reach), (0, 0)))
    rows, columns = covered.shape
    occluded = np.zeros(covered.shape, np.float32)
    number = np.arange(OCCLUSION_SAMPLES) + 0.5
    radius = reach * np.sqrt(number / OCCLUSION_SAMPLES)
    angle = number * np.pi * (3.0 - np.sqrt(5.0))
    for dy, dx in np.rint(np.stack([radius * np.sin(angle), radius * np.cos(angle)], 1)).astype(int):
        there = padded[reach + dy : reach + dy + rows, reach + dx : reach + dx + columns]
        step = there - here
        squared = np.einsum("ijk,ijk->ij", step, step) + 1e-3
        rise = np.einsum("ijk,ijk->ij", step, up) / np.sqrt(squared)
        fade = np.clip(1.5 - squared / studio.occlusion_reach_mm**2, 0.0, 1.0)
        occluded += np.where(there[..., 2] < 0, np.clip(rise - 0.06, 0.0, 1.0) * fade, 0.0)
    openness = np.clip(1.0 - occluded * (2.4 / OCCLUSION_SAMPLES), 0.0, 1.0)
    # Interpolate over covered pixels only, so that the background does not leak in at the silhouette.
    weight = cv2.GaussianBlur(covered.astype(np.float32), (0, 0), 0.8)
    smooth = cv2.GaussianBlur(np.where(covered, openness, 0.0).astype(np.float32), (0, 0), 0.8)
    full = cv2.resize(np.stack([smooth, weight], 2), (width, height), interpolation=cv2.INTER_LINEAR).reshape(-1, 2)
    chosen = full[index]
    return np.where(chosen[:, 1] > 1e-3, chosen[:, 0] / np.maximum(chosen[:, 1], 1e-3), 1.0).astype(np.float32)


class TextureSet:
    """Textures of every material in linear light, with the halved sizes that small views are drawn from."""

    def __init__(self, textures: Mapping[str, NDArray[np.uint8]], levels: int = 4) -> None:
        """``textures`` maps materials to (S, S, 3) uint8 sRGB; a material without one is drawn as clay."""
        self._levels: dict[int, list[NDArray[np.uint8]]] = {}
        for name, image in textures.items():
            pyramid = [np.ascontiguousarray(image)]
            while len(pyramid) < levels and min(pyramid[-1].shape[:2]) > 64:
                last = pyramid[-1]
                half = (last.shape[1] // 2, last.shape[0] // 2)
                pyramid.append(cv2.resize(last, half, interpolation=cv2.INTER_AREA).astype(np.uint8))
            self._levels[MATERIALS.index(name)] = pyramid

    def sample(self, pixels: Pixels, texels_per_pixel: float) -> Float32:
        """(P, 3) linear colour; ``texels_per_pixel`` of the full-size skin texture chooses the level."""
        level = max(0, int(np.floor(np.log2(max(texels_per_pixel, 1.0)) + 0.35)))
        result = np.full((len(pixels.place), 3), 0.4, np.float32)
        for material, pyramid in self._levels.items():
            chosen = np.flatnonzero(pixels.material == material)
            if not len(chosen):
                continue
            image = pyramid[min(level, len(pyramid) - 1) if material == SKIN else min(1, len(pyramid) - 1)]
            size = np.array([image.shape[1], image.shape[0]], np.float32)
            place = pixels.uv[chosen] * size
            # remap takes images of at most 32767 pixels a side: fold the list into rows.
            columns = 4096
            rows = -(-len(chosen) // columns)
            maps = np.zeros((2, rows * columns), np.float32)
            maps[0, : len(chosen)] = place[:, 0] - 0.5
            maps[1, : len(chosen)] = size[1] - place[:, 1] - 0.5
            colour = cv2.remap(
                image, maps[0].reshape(rows, columns), maps[1].reshape(rows, columns), cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            )  # fmt: skip
            result[chosen] = TO_LINEAR[colour.reshape(-1, 3)[: len(chosen)]]
        return result


def shade(pixels: Pixels, albedo: Float32, studio: Studio) -> Float32:
    """(P, 3) linear radiance of pixels with the given (P, 3) linear albedo."""
    normal, openness = pixels.normal, pixels.openness
    view = -pixels.position
    _divide(view, _length(view))
    key, fill, rim = _unit(*studio.key_direction), _unit(*studio.fill_direction), _unit(*studio.rim_direction)
    cosine_key = normal @ key
    wrap = studio.wrap
    shadow = 1.0 - studio.occlusion * (1.0 - openness)
    for material, share in zip((TEETH, MOUTH), studio.inside, strict=True):
        shadow[pixels.material == material] *= share
    shadow[pixels.eye] = 1.0 - studio.eye_occlusion * (1.0 - shadow[pixels.eye])
    # Red light travels farther under skin: its terminator is softer.
    key_wrapped = [np.clip((cosine_key + w) / (1.0 + w), 0.0, 1.0) for w in (1.5 * wrap, wrap, 0.8 * wrap)]
    fill_light = studio.fill * np.clip((normal @ fill + wrap) / (1.0 + wrap), 0.0, 1.0)
    sky_light = studio.ground + (studio.sky - studio.ground) * (0.5 + 0.5 * normal[:, 1])
    edge = np.clip(1.0 - _dot(normal, view), 0.0, 1.0)
    rim_light = studio.rim * edge * edge * edge * np.clip(normal @ rim + 0.35, 0.0, 1.0) * shadow * 0.45
    mirrored = shadow * _gloss(pixels, normal, view, key, studio)
    # No light reaches the throat, which is painted dark, to be mirrored there.
    inside = pixels.material == MOUTH
    mirrored[inside] *= np.clip(albedo[inside].mean(1) / DARK_MOUTH, 0.0, 1.0)
    result = np.empty_like(normal)
    for channel, redness in enumerate((0.15, 0.0, -0.05)):
        # Cavities are lit by the skin around them: their shadow is redder than grey.
        tint = shadow * (1.0 + redness * (1.0 - shadow))
        key_light = studio.key * key_wrapped[channel] * (0.35 + 0.65 * tint)
        light = (key_light + fill_light + sky_light) * tint
        colour = albedo[:, channel]
        result[:, channel] = colour * light + rim_light * (0.35 + 0.65 * colour) + mirrored
    return result


def _gloss(pixels: Pixels, normal: Float32, view: Float32, key: Float32, studio: Studio) -> Float32:
    """(P,) light mirrored off the surface: soft on skin, wet on lips' inside and teeth, a catch light on eyes."""
    half = key + view
    _divide(half, _length(half))
    cosine = np.clip(_dot(normal, half), 0.0, 1.0)
    broad = _power_of_two(cosine, 4)
    narrow = _power_of_two(broad, 2)
    mirrored = studio.gloss * (0.055 * broad + 0.03 * narrow)
    wet = (pixels.material == TEETH) | (pixels.material == MOUTH)
    mirrored[wet] = 0.16 * narrow[wet]
    eye = pixels.eye
    if len(eye):
        catch = _unit(*studio.catch_light_direction) + view[eye]
        _divide(catch, _length(catch))
        tilt = np.arccos(np.clip(_dot(pixels.eye_normal, catch), 0.0, 1.0))
        # A round soft box (normals within 4 to 6 degrees of the mirror direction) in a faint broad reflection.
        mirrored[eye] = 0.85 * np.clip((0.105 - tilt) / 0.035, 0.0, 1.0) + 0.03 * np.exp(-((tilt / 0.35) ** 2))
    return np.asarray(mirrored, np.float32)


def _power_of_two(values: Float32, squarings: int) -> Float32:
    """values to the power 2^squarings; numpy's power is twenty times slower."""
    for _ in range(squarings):
        values = values * values
    return values


def clay_albedo(pixels: Pixels, textured: Float32, studio: Studio) -> Float32:
    """(P, 3) grey for everything; irises stay a little darker so that the look has a direction."""
    albedo = np.empty_like(textured)
    albedo[:] = np.asarray(studio.clay, np.float32)
    eye = pixels.eye
    grey = textured[eye] @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    albedo[eye] *= (0.55 + 0.55 * np.sqrt(grey))[:, None]
    return albedo


# 8-bit sRGB to linear light, and linear light in steps of 1/4095 back to 8-bit sRGB (IEC 61966-2-1).
_CODE = np.arange(256) / 255.0
TO_LINEAR: Float32 = np.where(_CODE <= 0.04045, _CODE / 12.92, ((_CODE + 0.055) / 1.055) ** 2.4).astype(np.float32)
_LIGHT = np.arange(4096) / 4095.0
TO_SRGB: NDArray[np.uint8] = np.rint(
    255.0 * np.where(_LIGHT <= 0.0031308, 12.92 * _LIGHT, 1.055 * _LIGHT ** (1 / 2.4) - 0.055)
).astype(np.uint8)


def to_srgb(linear: Float32) -> NDArray[np.uint8]:
    """Linear light to 8-bit sRGB with a soft shoulder: 0 to 0.7 stays as it is, above it eases into 1."""
    eased = np.clip(linear, 0.0, None)
    bright = eased > 0.7
    eased[bright] = 0.7 + 0.3 * (1.0 - np.exp((0.7 - eased[bright]) / 0.3))
    result: NDArray[np.uint8] = TO_SRGB[(np.minimum(eased, 1.0) * 4095.0 + 0.5).astype(np.uint16)]
    return result
