"""Puts a rendered face into a photo: what is in front of the skin stays, edges agree, grain is the photo's.

Poisson blending (Perez, Gangnet and Blake 2003) keeps the render's gradients and the photo's values at the border.
Here it works on logarithms, so that the correction is a factor, as light and tone are; and only skin is believed at
the border, because hair, glasses or a collar must not bleed into the face.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import splu

from ...displacement.photo_sharpness import LEAST_PX, PIXEL_BLUR, sharpness
from ...head.shading import TO_LINEAR
from ...texture.skin_mask import SkinMaskSettings, skin_mask
from .render import FaceRender

Floats = NDArray[np.floating[Any]]
Float32 = NDArray[np.float32]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class BlendSettings:
    """Lengths in widths of the face.

    feather       over which the mask rises from its border
    opening       this far round eyes and mouth the photo's own lashes and lip line stay
    border        how deep inside the mask's border the photo is held to
    border_hold   how firmly, relative to smoothness
    inner_hold    how firmly inside: light that harmonics cannot hold, cast shadows above all, returns over
                  1 / sqrt(inner_hold) cells of the membrane
    most          of the correction, natural logarithm
    cells         of the membrane along the longer side
    skin          what counts as skin; it may come nearer to its border than a texture should, because photo and
                  mesh have the same outlines here, and a nose in profile is nothing but border
    """

    feather: float = 0.035
    opening: float = 0.008
    border: float = 0.06
    border_hold: float = 3.0
    inner_hold: float = 0.02
    most: float = 1.2
    cells: int = 128
    skin: SkinMaskSettings = field(default_factory=lambda: SkinMaskSettings(erode=0.012, feather=0.02))


class Blend(NamedTuple):
    """``image`` (H, W, 3) uint8; ``mask`` (H, W) uint8: 255 where the picture shows the mesh alone; ``render``
    (H, W, 3) uint8: the lit face as it went in, black elsewhere; ``correction``: median of |log| of what the
    membrane multiplied it by."""

    image: Bytes
    mask: Bytes
    render: Bytes
    correction: float


def blend(
    photo: Bytes,
    drawn: FaceRender,
    landmarks: Floats,
    rng: np.random.Generator,
    settings: BlendSettings = BlendSettings(),
) -> Blend:
    """Put the face into the photo.

    Parameters
    ----------
    photo : (H, W, 3) uint8 sRGB, its face where the mesh is
    drawn : of the same size
    landmarks : (478, 2) px
    rng : of the grain

    Pixels where ``mask`` is 0 keep the photo's bits.
    """
    width = float(np.linalg.norm(landmarks[234] - landmarks[454]))
    skin = skin_mask(photo, np.asarray(landmarks, np.float64), drawn.head, settings.skin)
    mask = blend_mask(drawn, skin.mask, width, settings)
    linear = TO_LINEAR[photo]
    factor = membrane(linear, drawn, mask, skin.mask, width, settings)
    lit = np.clip(drawn.colour * factor, 0.0, None)
    face = _developed(encoded(lit), drawn.cover, photo, mask, landmarks, rng)
    share = mask[..., None].astype(np.float32) / 255.0
    mixed = share * face + (1.0 - share) * photo.astype(np.float32) / 255.0
    image = np.clip(mixed * 255.0 + 0.5, 0.0, 255.0).astype(np.uint8)
    image[mask == 0] = photo[mask == 0]
    shown = np.clip(encoded(drawn.colour) * 255.0 + 0.5, 0, 255).astype(np.uint8)
    shown[drawn.cover <= 0.0] = 0
    inside = mask > 127
    correction = float(np.median(np.abs(np.log(factor[inside])))) if inside.any() else 0.0
    return Blend(image, mask, shown, correction)


def blend_mask(drawn: FaceRender, skin: Floats, face_width: float, settings: BlendSettings) -> Bytes:
    """(H, W) uint8: where the render replaces the photo.

    The mesh's face, without what lies in front of it in the photo (``skin`` (H, W) 0..1 knows), without eyes, teeth
    and the inside of the mouth, which are the photo's own.
    """
    opening = max(1.0, settings.opening * face_width)
    around = _distance(drawn.parts < 0.5)
    kept = np.clip((around - opening) / opening, 0.0, 1.0)
    soft = 0.3 * settings.feather * face_width
    covered = cv2.GaussianBlur(np.asarray(skin, np.float32), (0, 0), soft)
    inside = np.minimum(np.minimum(drawn.cover, covered), kept)
    # Where the mesh ends, the photo's own outline stays for the last pixels.
    outline = np.clip(_distance(drawn.cover + drawn.parts > 0.05) / (settings.feather * face_width), 0.0, 1.0)
    smooth = inside * outline * outline * (3.0 - 2.0 * outline)
    ragged = np.minimum(outline, covered)
    smooth = np.minimum(smooth, cv2.GaussianBlur(ragged, (0, 0), 0.4 * settings.feather * face_width))
    mask = np.round(255.0 * np.clip(smooth, 0.0, 1.0)).astype(np.uint8)
    # What hides in specks is no skin.
    count, label, stats, _ = cv2.connectedComponentsWithStats((mask > 0).astype(np.uint8), connectivity=4)
    if count > 1:
        large = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
        mask[label != large] = 0
    return np.asarray(mask, np.uint8)


def membrane(
    photo: Float32, drawn: FaceRender, mask: Bytes, skin: Floats, face_width: float, settings: BlendSettings
) -> Float32:
    """(H, W, 3) factors on the render's linear colours that make it agree with the photo at the mask's border.

    The logarithm o minimises sum |grad o|^2 + sum h (o - log(photo / render))^2; the hold h is high on skin along
    the mask's border, low inside, and 0 where the photo shows something else.
    """
    height, width = mask.shape
    scale = min(1.0, settings.cells / max(height, width))
    size = (max(4, round(width * scale)), max(4, round(height * scale)))
    both = ((mask > 0) & (drawn.cover > 0.3)).astype(np.float32) * np.clip(skin, 0.0, 1.0).astype(np.float32)
    ratio = np.log(np.maximum(photo, 0.004)) - np.log(np.maximum(drawn.colour, 0.004))
    ratio = np.clip(ratio, -settings.most, settings.most)
    small = cv2.resize(np.dstack([ratio * both[..., None], both]), size, interpolation=cv2.INTER_AREA)
    known = small[..., 3]
    target = small[..., :3] / np.maximum(known[..., None], 1e-3)
    deep = cv2.resize(_distance(mask > 0), size, interpolation=cv2.INTER_AREA) / (settings.border * face_width)
    bare = cv2.resize(cv2.erode(drawn.bare, np.ones((7, 7), np.uint8)), size, interpolation=cv2.INTER_AREA)
    hold = settings.inner_hold * bare + settings.border_hold * np.clip(1.0 - deep, 0.0, 1.0) ** 2
    hold = (hold * known).astype(np.float64)
    solved = _solve(hold, target.astype(np.float64))
    full = cv2.resize(solved.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.exp(np.clip(full, -settings.most, settings.most))


def _solve(hold: Floats, target: Floats) -> Floats:
    """Minimise sum |grad o|^2 + sum hold (o - target)^2 on a grid with free borders; (h, w) and (h, w, C)."""
    rows, columns = hold.shape
    number = np.arange(rows * columns).reshape(rows, columns)
    first = np.concatenate([number[:, :-1].ravel(), number[:-1].ravel()])
    second = np.concatenate([number[:, 1:].ravel(), number[1:].ravel()])
    ones = np.ones(len(first))
    links = coo_matrix((ones, (first, second)), shape=(number.size, number.size))
    links = links + links.T
    # A trace of hold everywhere: where nothing at all is known the answer is 0.
    matrix = diags(np.asarray(links.sum(1)).ravel() + hold.ravel() + 1e-6) - links
    wanted = (hold[..., None] * target).reshape(number.size, -1)
    result: Floats = splu(matrix.tocsc()).solve(wanted).reshape(rows, columns, -1)
    return result


def _developed(
    face: Float32, cover: Floats, photo: Bytes, mask: Bytes, landmarks: Floats, rng: np.random.Generator
) -> Float32:
    """The render (H, W, 3) sRGB 0..1 as sharp and as grainy as the photo is."""
    low, high = landmarks[:468].min(0), landmarks[:468].max(0)
    rows, columns = (
        slice(max(0, int(low[axis])), min(mask.shape[1 - axis], int(high[axis]) + 1)) for axis in (1, 0)
    )
    inside = mask > 200
    measured = sharpness(_log_luminance(photo.astype(np.float32) / 255.0), (rows, columns), inside)
    # Nothing comes in from beyond the face's edge.
    weight = (cover > 0.0).astype(np.float32)
    blur = PIXEL_BLUR * np.sqrt(max(measured.enlarged**2 - 0.6, 0.0))
    soft = face
    if blur > 0.25:
        spread = cv2.GaussianBlur(np.dstack([face * weight[..., None], weight]), (0, 0), blur)
        soft = spread[..., :3] / np.maximum(spread[..., 3:], 1e-3)
    grain = _grain(_log_luminance(photo.astype(np.float32) / 255.0), _log_luminance(soft), inside, rng)
    # Grain is measured on the logarithm of luminance: in proportion to the value.
    return np.asarray(np.clip(soft * (1.0 + grain), 0.0, 1.0), np.float32)


def _grain(photo: Float32, face: Float32, inside: NDArray[np.bool_], rng: np.random.Generator) -> Float32:
    """(H, W, 3) noise that the face lacks, of one pixel and of two: photos are scaled and compressed, and what was
    noise of single pixels is coarser then.

    Parameters
    ----------
    photo, face : (H, W) logarithm of luminance
    inside : (H, W) where both show skin
    """
    height, width = photo.shape
    half = (width // 2, height // 2)
    levels = []
    for size in ((width, height), half):
        where = cv2.resize(inside.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
        wanted, there = (
            _finest(np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32), where)
            for image in (photo, face)
        )
        levels.append(max(wanted**2 - there**2, 0.0))
    fine = np.sqrt(levels[0])
    # Noise of single pixels is half as strong in the mean of four.
    coarse = np.sqrt(max(levels[1] - 0.25 * levels[0], 0.0))
    drawn = fine * _tinted(rng, (height, width))
    result = drawn + coarse * cv2.resize(_tinted(rng, half[::-1]), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(result, np.float32)


def _finest(image: Float32, where: NDArray[np.bool_]) -> float:
    """Standard deviation of the finest detail, see ``displacement.photo_sharpness``."""
    whole = (slice(0, LEAST_PX // 2), slice(0, LEAST_PX // 2))  # too small to have a spectrum: not needed here
    return sharpness(image, whole, where).grain


def _tinted(rng: np.random.Generator, shape: tuple[int, int]) -> Float32:
    """(h, w, 3) noise of unit strength that is mostly grey, as demosaicing leaves it."""
    grey = rng.standard_normal((*shape, 1)).astype(np.float32)
    return np.asarray(grey + 0.4 * rng.standard_normal((*shape, 3)).astype(np.float32), np.float32)


def _log_luminance(image: Float32) -> Float32:
    """(H, W, 3) sRGB 0..1 to the logarithm of its luma."""
    return np.asarray(np.log(np.maximum(image @ np.array([0.299, 0.587, 0.114], np.float32), 0.02)), np.float32)


def encoded(linear: Float32) -> Float32:
    """Linear light to sRGB 0..1, floating point; above 0.8 it eases towards 1 as film and cameras do."""
    value = np.maximum(linear, 0.0)
    eased = np.where(value > 0.8, 1.0 - 0.2 * np.exp((0.8 - value) / 0.2), value)
    result = np.where(eased <= 0.0031308, 12.92 * eased, 1.055 * np.maximum(eased, 1e-9) ** (1 / 2.4) - 0.055)
    return np.asarray(result, np.float32)


def _distance(inside: NDArray[np.bool_]) -> Float32:
    """How far each pixel inside is from the outside; the picture's own border does not count as outside."""
    if inside.all():
        return np.full(inside.shape, 1e6, np.float32)
    return np.asarray(cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 5), np.float32)
