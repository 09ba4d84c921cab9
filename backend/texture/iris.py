"""The colour of the irises in the photo, and how much light falls into the eyes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..photo.landmark_sets import LEFT_EYE_LOOP, LEFT_IRIS, RIGHT_EYE_LOOP, RIGHT_IRIS
from .skin_mask import polygon_mask, to_lab

FloatArray = NDArray[np.floating[Any]]
# The ring between pupil and limbus, in iris radii: pupils in indoor light reach about 0.45.
INNER, OUTER = 0.48, 0.88
LEAST_PIXELS = 12
TYPICAL_BROWN = (96, 66, 48)
WELL_LIT_SCLERA = 0.68  # sRGB, mean of the channels


class IrisColour(NamedTuple):
    """``rgb`` (3,) uint8 sRGB; ``pixels`` it was measured on, 0 where the irises cannot be seen."""

    rgb: NDArray[np.uint8]
    pixels: int


def iris_colour(photo: NDArray[np.uint8], landmarks: FloatArray) -> IrisColour:
    """Median colour of both irises' visible rings, without pupil, highlights, lids and lashes.

    Parameters
    ----------
    photo : (H, W, 3) uint8 sRGB
    landmarks : (478, 2 or 3) pixels of the photo, the last ten on the irises

    Returns
    -------
    IrisColour. Where fewer than a dozen pixels show iris (closed or tiny eyes), ``pixels`` is 0 and the colour a
    typical brown, the most common of the world: the caller warns.
    """
    points = np.asarray(landmarks, dtype=np.float64)[:, :2]
    found = [
        _ring(photo, points[list(iris)], points[list(outline)])
        for iris, outline in ((RIGHT_IRIS, RIGHT_EYE_LOOP), (LEFT_IRIS, LEFT_EYE_LOOP))
    ]
    colours = np.concatenate(found)
    if len(colours) < LEAST_PIXELS:
        return IrisColour(np.array(TYPICAL_BROWN, np.uint8), 0)
    lab = to_lab(colours)
    lightness = lab[:, 0]
    # Highlights are bright; the lashes' shadow and what remains of the pupil are dark; sclera is bright and grey.
    low, high = np.quantile(lightness, [0.25, 0.85])
    kept = colours[(lightness >= low) & (lightness <= high)]
    return IrisColour(np.round(np.median(kept, axis=0) * 255).astype(np.uint8), len(kept))


def eye_light(photo: NDArray[np.uint8], landmarks: FloatArray) -> float:
    """How bright painted eyes and teeth should be, 0.65 to 1, by the whites of the eyes in the photo.

    The skin's texture keeps the photo's light. Eyes and teeth, which are painted, must not outshine it: in a dim
    photo they are dimmed by this factor, half as much (a root) as the whites, which also lie in the lids' shadow.
    Without visible sclera it is 1.
    """
    points = np.asarray(landmarks, dtype=np.float64)[:, :2]
    whites = np.concatenate(
        [
            _ring(photo, points[list(iris)], points[list(outline)], (1.15, 2.6))
            for iris, outline in ((RIGHT_IRIS, RIGHT_EYE_LOOP), (LEFT_IRIS, LEFT_EYE_LOOP))
        ]
    )
    if len(whites) < LEAST_PIXELS:
        return 1.0
    # Lids and lashes darken most of it; the brighter part is what one takes for white.
    brightness = float(np.quantile(whites.mean(1), 0.75))
    return float(np.clip(np.sqrt(brightness / WELL_LIT_SCLERA), 0.65, 1.0))


def _ring(
    photo: NDArray[np.uint8],
    iris: NDArray[np.float64],
    outline: NDArray[np.float64],
    radii: tuple[float, float] = (INNER, OUTER),
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
    open_eye = polygon_mask((y1 - y0, x1 - x0), (outline - middle) * [1.0, 0.8] + middle - [x0, y0])
    ring = open_eye & (distance > radii[0]) & (distance < radii[1])
    colours: NDArray[np.float64] = photo[y0:y1, x0:x1][ring].astype(np.float64) / 255.0
    return colours
