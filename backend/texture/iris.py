"""The colour of the irises in the photo, and how much light falls into the eyes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..photo.landmark_sets import LEFT_EYE_LOOP, LEFT_IRIS, RIGHT_EYE_LOOP, RIGHT_IRIS
from .skin_mask import polygon_mask, to_lab

FloatArray = NDArray[np.floating[Any]]
# The ring between pupil and limbus, in iris radii: pupils in indoor light reach about 0.45.
IRIS_RING = (0.48, 0.88)
WHITE_RING = (1.15, 2.6)
LEAST_PIXELS = 12
LEAST_OPENING = 0.4  # distance of the lids, in iris radii, below which an eye is closed
TYPICAL_BROWN = (96, 66, 48)
SCLERA = np.array([0.77, 0.73, 0.71])  # sRGB of the whites in a well lit portrait
MOST_BLUE_IN_BROWN = 0.8  # of green, linear light
MOST_GAIN = 3.0  # of linear light, from the photo's eyes to well lit ones


class EyeColours(NamedTuple):
    """What the photo says about the eyes.

    iris    (3,) uint8 sRGB as it looks in good light
    light   0.65 to 1: how bright eyes and teeth should be painted to suit the photo
    pixels  number of pixels that the iris was measured on, 0 where it cannot be seen
    """

    iris: NDArray[np.uint8]
    light: float
    pixels: int


def eye_colours(photo: NDArray[np.uint8], landmarks: FloatArray) -> EyeColours:
    """Median colour of both irises' visible rings, without pupil, highlights, lids and lashes.

    Eyes lie in the shadow of brows and lids. The whites beside the iris get the same light, so they say how much
    brighter the iris is than it looks: its colour is scaled as the whites' must be to look well lit.

    The skin's texture keeps the photo's light; painted eyes and teeth must not outshine it. ``light`` dims them as
    the whites are dimmed, but half as much (a root), because the lids' shadow is not theirs to keep.

    Parameters
    ----------
    photo : (H, W, 3) uint8 sRGB
    landmarks : (478, 2 or 3) pixels of the photo, the last ten on the irises

    Returns
    -------
    EyeColours. Where fewer than a dozen pixels show iris (closed or tiny eyes), ``pixels`` is 0 and the colour a
    typical brown, the most common of the world: the caller warns.
    """
    points = np.asarray(landmarks, dtype=np.float64)[:, :2]
    eyes = [(points[list(RIGHT_IRIS)], points[list(RIGHT_EYE_LOOP)])]
    eyes.append((points[list(LEFT_IRIS)], points[list(LEFT_EYE_LOOP)]))
    whites = np.concatenate([_ring(photo, iris, outline, WHITE_RING) for iris, outline in eyes])
    gain, light = np.ones(3), 1.0
    if len(whites) >= LEAST_PIXELS:
        # Lids and lashes darken most of it; the brighter part is what one takes for white.
        brightness = whites.mean(1)
        shown = np.median(whites[brightness >= np.quantile(brightness, 0.6)], axis=0)
        light = float(np.clip(np.sqrt(shown.mean() / SCLERA.mean()), 0.65, 1.0))
        ratio = _linear(SCLERA) / np.maximum(_linear(shown), 1e-3)
        level = float(np.clip(ratio.mean(), 1.0, MOST_GAIN))
        # The tint is that of the light, and within limits of tired eyes and of lids that shine on them.
        gain = level * np.clip(ratio / ratio.mean(), 0.7, 1.3)

    irises = np.concatenate([_ring(photo, iris, outline, IRIS_RING) for iris, outline in eyes])
    if len(irises) < LEAST_PIXELS:
        return EyeColours(np.array(TYPICAL_BROWN, np.uint8), light, 0)
    # Reflections of windows veil much of an iris; the lashes' shadow and what remains of the pupil are dark.
    lightness = to_lab(irises)[:, 0]
    low, high = np.quantile(lightness, [0.15, 0.65])
    kept = irises[(lightness >= low) & (lightness <= high)]
    colour = np.minimum(_linear(np.median(kept, axis=0)) * gain, _linear(0.9 * SCLERA))
    if colour[0] > colour[2] > MOST_BLUE_IN_BROWN * colour[1]:
        colour[2] = MOST_BLUE_IN_BROWN * colour[1]  # there are no purple irises: a brown one reflects the sky
    srgb = np.where(colour <= 0.0031308, 12.92 * colour, 1.055 * np.maximum(colour, 1e-9) ** (1 / 2.4) - 0.055)
    return EyeColours(np.round(srgb * 255).astype(np.uint8), light, len(kept))


def _linear(srgb: FloatArray) -> NDArray[np.float64]:
    """sRGB 0..1 to linear light."""
    values = np.asarray(srgb, dtype=np.float64)
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _ring(
    photo: NDArray[np.uint8], iris: NDArray[np.float64], outline: NDArray[np.float64], radii: tuple[float, float]
) -> NDArray[np.float64]:
    """(n, 3) sRGB 0..1 of one eye's pixels between two radii (of the iris) that lie in the open eye."""
    centre = iris[0]
    radius = float(np.linalg.norm(iris[1:] - centre, axis=1).mean())
    height, width = photo.shape[:2]
    x0, y0 = np.maximum(np.floor(centre - radii[1] * radius - 2), 0).astype(int)
    x1, y1 = np.minimum(np.ceil(centre + radii[1] * radius + 2), [width, height]).astype(int)
    if x1 - x0 < 2 or y1 - y0 < 2 or radius < 1.5:
        return np.zeros((0, 3))
    y, x = np.mgrid[y0:y1, x0:x1] + 0.5
    distance = np.hypot(x - centre[0], y - centre[1]) / radius
    # Keep away from the lids: their edge and their shadow fall on the eye.
    middle = outline.mean(0)
    across = outline[8] - outline[0]  # from corner to corner
    height_of_lids = np.ptp((outline - middle) @ [-across[1], across[0]]) / max(float(np.linalg.norm(across)), 1e-6)
    if height_of_lids < LEAST_OPENING * radius:
        return np.zeros((0, 3))
    open_eye = polygon_mask((y1 - y0, x1 - x0), (outline - middle) * [0.92, 0.8] + middle - [x0, y0])
    ring = open_eye & (distance > radii[0]) & (distance < radii[1])
    colours: NDArray[np.float64] = photo[y0:y1, x0:x1][ring].astype(np.float64) / 255.0
    return colours
