"""Rotated square regions of a photo: cut out as a network wants them, and back to photo pixels."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray


class Region(NamedTuple):
    """A square: centre in px, side in px, angle in radians (the direction of its upper edge, y down)."""

    x: float
    y: float
    side: float
    angle: float

    def to_photo(self, points: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """(n, 2 or 3) in units of the side from the upper left corner, to px; z is scaled by the side."""
        offset = (points[:, :2].astype(np.float64) - 0.5) * self.side
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        x = cosine * offset[:, 0] - sine * offset[:, 1] + self.x
        y = sine * offset[:, 0] + cosine * offset[:, 1] + self.y
        columns = [x, y]
        if points.shape[1] == 3:
            columns.append(points[:, 2].astype(np.float64) * self.side)
        return np.stack(columns, -1)


def cut_out(
    pixels: NDArray[np.uint8], region: Region, size: int, *, replicate_border: bool, max_bilinear_shrink: float
) -> NDArray[np.uint8]:
    """(size, size, 3) picture of a region: its corners come to lie on the picture's corners (0 and ``size``).

    Parameters
    ----------
    pixels : (H, W, 3) uint8
    replicate_border : outside of the photo its edge is repeated, else there is black
    max_bilinear_shrink : a region that is shrunk more than this is first reduced by an area filter, as bilinear
        sampling alone would skip pixels; below it the result is that of the networks' own pipeline
    """
    shrink = region.side / size
    if shrink > max_bilinear_shrink:
        pixels, region = _reduced(pixels, region, max(2, int(shrink / 1.5)))
    half = 0.5
    corners = np.array([[-half, half], [-half, -half], [half, -half], [half, half]]) + 0.5
    source = region.to_photo(corners).astype(np.float32)
    target = np.array([[0, size], [0, 0], [size, 0], [size, size]], np.float32)
    border = cv2.BORDER_REPLICATE if replicate_border else cv2.BORDER_CONSTANT
    warped = cv2.warpPerspective(
        pixels, cv2.getPerspectiveTransform(source, target), (size, size), flags=cv2.INTER_LINEAR, borderMode=border
    )
    return np.asarray(warped, np.uint8)


def _reduced(pixels: NDArray[np.uint8], region: Region, factor: int) -> tuple[NDArray[np.uint8], Region]:
    """The part of the photo around a region, shrunk by an integer factor with an area filter; and the region there.

    The part is cut at multiples of ``factor``, so that a pixel of the result is the mean of whole pixels.
    """
    height, width = pixels.shape[:2]
    reach = region.side * 0.75 + 2 * factor  # half the diagonal and a margin
    left = max(0, int((region.x - reach) // factor) * factor)
    top = max(0, int((region.y - reach) // factor) * factor)
    right = min(width, math.ceil((region.x + reach) / factor) * factor)
    bottom = min(height, math.ceil((region.y + reach) / factor) * factor)
    columns, rows = (right - left) // factor, (bottom - top) // factor
    if min(columns, rows) < 1:  # a strip narrower than the filter, or a region beside the photo
        return pixels, region
    part = pixels[top : top + rows * factor, left : left + columns * factor]
    small = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA)
    moved = Region((region.x - left) / factor, (region.y - top) / factor, region.side / factor, region.angle)
    return np.asarray(small, np.uint8), moved
