"""What a photo can show at all: its real resolution, its grain, and the blocks of its compression.

A photo's file may hold many more pixels than the photo: it was enlarged, out of focus or blurred by noise
reduction. Lines finer than what its sharpest edges show are not the skin's.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

SHARP_EDGE_PX = 0.65  # standard deviation that the edges of a sharp photo have
EDGE_SCALES_PX = (1.0, 2.0)
STRONG_EDGES = 0.97  # quantile of the gradient
SHARPEST = 0.2  # quantile of the edges' blur: most edges of a face are soft by themselves
FEWEST_EDGES = 30
BLOCK = 8
BLOCKY = 1.12  # steps at the borders of blocks over those between


class Sharpness(NamedTuple):
    """``blur_px``: standard deviation of the sharpest edges' blur, at least SHARP_EDGE_PX; ``grain``: standard
    deviation of the noise of one pixel, in the image's own unit."""

    blur_px: float
    grain: float


def sharpness(image: Float32, where: NDArray[np.bool_], skin: NDArray[np.bool_]) -> Sharpness:
    """Measure an image.

    The gradient at an edge of blur s is proportional to 1 / sqrt(s^2 + a^2) after a further blur of a (Zhuo and Sim
    2011), so two further blurs tell s.

    Parameters
    ----------
    image : (h, w) float32, luminance or its logarithm
    where : (h, w) where edges count: the face with its eyes, lips and outline
    skin : (h, w) where grain is measured
    """
    fine, coarse = (_gradient(image, scale) for scale in EDGE_SCALES_PX)
    peak = (fine == cv2.dilate(fine, np.ones((3, 3)))) & where
    blur = SHARP_EDGE_PX
    if peak.sum() >= FEWEST_EDGES:
        strong = peak & (fine >= np.quantile(fine[where], STRONG_EDGES))
        if strong.sum() >= FEWEST_EDGES:
            # Edges move less than a pixel from one scale to the other; the coarse gradient is smooth.
            ratio = np.clip(fine[strong] / np.maximum(coarse[strong], 1e-9), 1.02, 1.99) ** 2
            first, second = (scale**2 for scale in EDGE_SCALES_PX)
            squared = (second - ratio * first) / (ratio - 1.0)
            blur = max(blur, float(np.sqrt(np.quantile(np.maximum(squared, 0.0), SHARPEST))))
    return Sharpness(blur, _grain(image, skin))


def _grain(image: Float32, skin: NDArray[np.bool_]) -> float:
    """Standard deviation of noise, from the median of the finest diagonal details (Donoho and Johnstone 1994)."""
    rows, columns = (length // 2 * 2 for length in image.shape)
    even = image[:rows, :columns]
    diagonal = 0.5 * (even[::2, ::2] - even[1::2, ::2] - even[::2, 1::2] + even[1::2, 1::2])
    inside = skin[:rows:2, :columns:2]
    if not inside.any():
        return 0.0
    return float(np.median(np.abs(diagonal[inside])) / 0.6745)


def _gradient(image: Float32, blur_px: float) -> Float32:
    """(h, w) length of the gradient per pixel of the blurred image."""
    image = np.asarray(cv2.GaussianBlur(image, (0, 0), blur_px), np.float32)
    x = cv2.Sobel(image, cv2.CV_32F, 1, 0, scale=0.125)
    y = cv2.Sobel(image, cv2.CV_32F, 0, 1, scale=0.125)
    return np.asarray(cv2.magnitude(x, y), np.float32)


def without_blocks(image: Float32, where: NDArray[np.bool_]) -> Float32:
    """Take out the steps that JPEG leaves at the borders of its blocks of 8 x 8 pixels.

    Where the borders lie is found in the image itself, because photos are cropped and turned. Nothing changes where
    steps at the borders are no larger than elsewhere.

    Parameters
    ----------
    image : (h, w) float32, at the scale of the photo's own pixels
    where : (h, w) where steps are measured

    Returns
    -------
    (h, w) float32
    """
    result = image
    for axis in (1, 0):
        turned = result if axis == 1 else result.T
        fixed = _without_columns_steps(np.ascontiguousarray(turned), where if axis == 1 else where.T)
        result = fixed if axis == 1 else np.ascontiguousarray(fixed.T)
    return result


def _without_columns_steps(image: Float32, where: NDArray[np.bool_]) -> Float32:
    """``without_blocks`` for the borders between columns."""
    width = image.shape[1]
    if width < 4 * BLOCK:
        return image
    step = np.diff(image, axis=1)  # step c: from column c to column c + 1
    # What the step is more than its neighbours is the block's.
    excess = np.zeros_like(step)
    excess[:, 1:-1] = step[:, 1:-1] - 0.5 * (step[:, :-2] + step[:, 2:])
    inside = where[:, 1:] & where[:, :-1]
    size = np.array([_median(np.abs(excess[:, k::BLOCK])[inside[:, k::BLOCK]]) for k in range(BLOCK)])
    phase = int(size.argmax())
    others = float(np.median(np.delete(size, phase)))
    if size[phase] <= BLOCKY * others or others <= 0.0:
        return image
    borders = np.arange(phase, width - 1, BLOCK)
    borders = borders[(borders >= 4) & (borders + 4 < width)]
    limit = 2.5 * float(size[phase])
    amount = excess[:, borders]
    amount = np.sign(amount) * np.minimum(np.abs(amount), np.maximum(2.0 * limit - np.abs(amount), 0.0))
    result = image.copy()
    for k in range(4):
        share = np.float32(0.5 - k / 8.0)
        result[:, borders + 1 + k] -= share * amount
        result[:, borders - k] += share * amount
    return result


def _median(values: Float32) -> float:
    return float(np.median(values)) if len(values) else 0.0
