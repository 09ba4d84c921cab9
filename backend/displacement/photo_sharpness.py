"""What a photo can show at all: its real resolution, its grain, and the blocks of its compression.

A photo's file may hold many more pixels than the photo: it was enlarged, out of focus or blurred by noise
reduction. Lines finer than what its sharpest edges show are not the skin's.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

PIXEL_BLUR = 0.65  # standard deviation of a photo's own blur, real pixels
SPECTRUM_SLOPE = 3.0  # the power of a face falls with this power of the frequency
BAND = 0.04  # width of the spectrum's bands, cycles per pixel
REFERENCE = (0.06, 0.14)  # frequencies at which even an enlarged photo has its power
LOST = -0.5  # decimal logarithm of the power, over what the slope promises, at which detail ends
STILL_LOST = -0.3  # above this at higher frequencies it was only a dip
LEAST_PX = 64  # of a face, to have a spectrum
BLOCK = 8
BLOCKY = 1.12  # steps at the borders of blocks over those between


class Sharpness(NamedTuple):
    """``enlarged``: pixels of the image to one that the photo really resolves, at least 1; ``grain``: standard
    deviation of the noise of one pixel, in the image's own unit."""

    enlarged: float
    grain: float


def sharpness(image: Float32, face: tuple[slice, slice], skin: NDArray[np.bool_]) -> Sharpness:
    """Measure an image.

    Photos of faces have a power spectrum that falls with the third power of the frequency, up to the highest that
    pixels can show. Where a photo was enlarged or is out of focus it breaks off earlier.

    Parameters
    ----------
    image : (h, w) float32, logarithm of luminance
    face : rows and columns of the face
    skin : (h, w) where grain is measured
    """
    return Sharpness(_enlarged(image[face]), _grain(image, skin))


def _enlarged(part: Float32) -> float:
    """0.5 cycles per pixel over the frequency at which the spectrum breaks off."""
    rows, columns = part.shape
    if min(rows, columns) < LEAST_PX:
        return 1.0
    window = np.hanning(rows)[:, None] * np.hanning(columns)[None]
    power = np.abs(np.fft.rfft2((part - part.mean()) * window)) ** 2
    frequency = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns)[None])
    band = np.floor((frequency - 0.5 * BAND) / BAND).astype(np.intp)
    count = int((0.5 - 0.5 * BAND) / BAND)
    centre = (np.arange(count) + 1.0) * BAND
    median = np.array([np.median(power[band == k]) for k in range(count)])
    level = np.log10(np.maximum(median, 1e-30)) + SPECTRUM_SLOPE * np.log10(centre)
    level -= level[(centre >= REFERENCE[0]) & (centre <= REFERENCE[1])].mean()
    for k in np.flatnonzero((level < LOST) & (centre > REFERENCE[1])):
        if (level[k:] < STILL_LOST).all():
            # Where between this band and the one before it.
            share = (level[k - 1] - LOST) / max(level[k - 1] - level[k], 1e-9)
            return float(max(0.5 / (centre[k - 1] + BAND * min(max(share, 0.0), 1.0)), 1.0))
    return 1.0


def _grain(image: Float32, skin: NDArray[np.bool_]) -> float:
    """Standard deviation of noise, from the median of the finest diagonal details (Donoho and Johnstone 1994)."""
    rows, columns = (length // 2 * 2 for length in image.shape)
    even = image[:rows, :columns]
    diagonal = 0.5 * (even[::2, ::2] - even[1::2, ::2] - even[::2, 1::2] + even[1::2, 1::2])
    inside = skin[:rows:2, :columns:2]
    if not inside.any():
        return 0.0
    return float(np.median(np.abs(diagonal[inside])) / 0.6745)


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
