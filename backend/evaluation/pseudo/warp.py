"""Bends a photo a little so that its face takes the place of a mesh, instead of the mesh that of the face.

No fit is exact, and a mesh whose identity was changed fits less. RAFaRe ("image warping ... to fit the intersection
region") and the mask adjustment of FaceScape Sec. 6.1 meet that by changing the photo: afterwards outline, lids,
lips and brows lie where the mesh has them, and the surroundings follow, ever less, until nothing moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from ...errors import FitFailed
from ...photo.landmark_sets import (
    FACE_OVAL,
    LEFT_BROW_LOWER,
    LEFT_BROW_UPPER,
    LEFT_EYE_LOOP,
    LIPS_INNER_LOOP,
    LIPS_OUTER_LOOP,
    RIGHT_BROW_LOWER,
    RIGHT_BROW_UPPER,
    RIGHT_EYE_LOOP,
)
from ...texture.unwrap import sample

Array = NDArray[np.float64]
Bytes = NDArray[np.uint8]
Float32 = NDArray[np.float32]


LINES = (
    *FACE_OVAL, *LEFT_BROW_LOWER, *LEFT_BROW_UPPER, *LEFT_EYE_LOOP, *LIPS_INNER_LOOP, *LIPS_OUTER_LOOP,
    *RIGHT_BROW_LOWER, *RIGHT_BROW_UPPER, *RIGHT_EYE_LOOP,
)  # fmt: skip
"""Landmarks on something that can be seen; on a bare cheek the network only guesses."""


@dataclass(frozen=True)
class WarpSettings:
    """How far and how smoothly. Lengths in widths of the face.

    step         between the nodes at which the field is worked out
    smoothing    of the thin plate spline, each tried where the one before would fold the photo
    still        outside the face's outline the field fades from ``still[0]`` to nothing at ``still[1]``
    least_area   of a pixel after warping; below it the photo would fold
    """

    step: float = 0.03
    smoothing: tuple[float, ...] = (100.0, 1000.0, 10000.0)
    still: tuple[float, float] = (0.06, 0.5)
    least_area: float = 0.2


class Warp(NamedTuple):
    """``offset`` (H, W, 2) px: the warped photo at p is the photo at p + offset; zero where nothing moves."""

    offset: Float32

    def apply(self, pixels: Bytes) -> Bytes:
        """(H, W, 3) warped; pixels that do not move keep their bits."""
        height, width = self.offset.shape[:2]
        grid = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), -1)
        moved = sample(pixels, (grid + self.offset).astype(np.float32), cv2.INTER_CUBIC)
        still = ~self.offset.any(2)
        moved[still] = pixels[still]
        return np.asarray(moved, np.uint8)

    def largest_px(self) -> float:
        """How far the farthest pixel moves."""
        return float(np.sqrt((self.offset**2).sum(2).max()))


def photo_to_mesh(
    seen: Array,
    wanted: Array,
    known: NDArray[np.bool_],
    size: tuple[int, int],
    settings: WarpSettings = WarpSettings(),
) -> Warp:
    """The warp that brings landmarks of a photo to where the mesh has them.

    Parameters
    ----------
    seen : (478, 2) px of the photo's landmarks
    wanted : (478, 2) px of the mesh's
    known : (478,) which of them count: those that the mesh knows and shows
    size : (width, height) of the photo
    settings : WarpSettings

    Raises
    ------
    FitFailed : photo and mesh are so different that the photo would fold
    """
    width, height = size
    face = float(np.linalg.norm(wanted[FACE_OVAL[0]] - wanted[152])) * 0.75
    step = max(2.0, settings.step * face)
    x, y = np.arange(0.0, width + step, step), np.arange(0.0, height + step, step)
    nodes = np.stack(np.meshgrid(x, y), -1)
    outline = np.where(known[list(FACE_OVAL), None], wanted[list(FACE_OVAL)], seen[list(FACE_OVAL)])
    fade = _fade(nodes.reshape(-1, 2), outline, settings, face)
    moving = fade > 0.0
    # Far points that stay hold the spline down outside.
    angle = np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)
    far = outline.mean(0) + 1.6 * face * np.stack([np.cos(angle), np.sin(angle)], 1)
    lines = np.unique(LINES)
    lines = lines[known[lines]]
    places = np.concatenate([wanted[lines], far])
    values = np.concatenate([seen[lines] - wanted[lines], np.zeros_like(far)])
    grid = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), -1) / step + 0.5
    for smoothing in settings.smoothing:
        spline: Any = RBFInterpolator(places, values, kernel="thin_plate_spline", smoothing=smoothing)
        offset = np.zeros((len(moving), 2), np.float32)
        offset[moving] = spline(nodes.reshape(-1, 2)[moving]) * fade[moving, None]
        full = sample(offset.reshape(nodes.shape), grid.astype(np.float32), cv2.INTER_CUBIC)
        # Cubic interpolation rings a little where the field ends.
        full[np.abs(full).max(2) < 0.01] = 0.0
        if _least_area(full) >= settings.least_area:
            return Warp(np.asarray(full, np.float32))
    raise FitFailed("The photo's face and the mesh are too different: the photo would have to be folded.")


def _least_area(offset: Float32) -> float:
    """Of all pixels after warping: the determinant of the map's derivative."""
    area = (1.0 + np.gradient(offset[..., 0], axis=1)) * (1.0 + np.gradient(offset[..., 1], axis=0))
    area -= np.gradient(offset[..., 0], axis=0) * np.gradient(offset[..., 1], axis=1)
    return float(area.min())


def _fade(points: Array, outline: Array, settings: WarpSettings, face: float) -> Array:
    """(n,) 1 inside the outline, smoothly to 0 outside."""
    polygon = outline.astype(np.float32).reshape(-1, 1, 2)
    away = -np.array([cv2.pointPolygonTest(polygon, (float(px), float(py)), True) for px, py in points])
    near, end = (share * face for share in settings.still)
    t = np.clip((end - away) / (end - near), 0.0, 1.0)
    result: Array = t * t * (3.0 - 2.0 * t)
    return result
