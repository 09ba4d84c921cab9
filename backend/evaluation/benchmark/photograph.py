"""From rendered light to a photograph: exposure, white balance, a backdrop, blur, noise, display values."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ...head.shading import TO_LINEAR, to_srgb
from .lights import Light

Float32 = NDArray[np.float32]

LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
METERED = 75.0
"""Percentile of the head's luminance that the exposure goes by: lit skin, whatever hair and clothes are."""
EVENED = 0.4
"""How far the exposure brings every picture to the same brightness, 1 wholly; so that dark skin stays darker."""
BLUR_PX = 0.45
UNEVEN = 0.06
"""Of the backdrop: standard deviation of its brightness."""


def photograph(rendered: NDArray[np.uint16], exposure: float, light: Light, seed: int) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 sRGB picture.

    Parameters
    ----------
    rendered : (H, W, 4) linear light times ``exposure`` times 65535, alpha 0 where nothing stands
    exposure : how the render was scaled
    light : the set-up that it was rendered in
    seed : of noise and backdrop
    """
    rng = np.random.default_rng(seed)
    values = rendered.astype(np.float32) / 65535.0
    alpha, linear = values[..., 3:], values[..., :3] / np.float32(exposure)
    linear = linear * _gain(linear, alpha, light)
    behind = _backdrop(linear.shape[:2], light, rng)
    mixed = np.asarray(cv2.GaussianBlur(behind + alpha * (linear - behind), (0, 0), BLUR_PX), np.float32)
    # Photons: noise grows with the square root of the light.
    grain = rng.standard_normal(mixed.shape).astype(np.float32)
    mixed += np.float32(light.noise) * np.sqrt(np.clip(mixed, 0.02, 1.0)) * grain
    return to_srgb(mixed)


def head_mask(rendered: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """(H, W) uint8: 255 where the head stands."""
    result: NDArray[np.uint8] = np.where(rendered[..., 3] > 32767, 255, 0).astype(np.uint8)
    return result


def _gain(linear: Float32, alpha: Float32, light: Light) -> Float32:
    """(3,) what a camera's exposure and white balance multiply by."""
    seen = alpha[..., 0] > 0.5
    if not seen.any():
        return np.ones(3, np.float32)
    tint = sum((np.asarray(lamp.colour) * lamp.power for lamp in light.lamps), np.zeros(3))
    tint = tint / float(tint @ LUMINANCE)
    balance = tint ** (light.warmth - 1.0)
    metered = float(np.percentile((linear[seen] * balance) @ LUMINANCE, METERED))
    gain = (light.exposure / max(metered, 1e-4)) ** EVENED
    return np.asarray(gain * balance, np.float32)


def _backdrop(shape: tuple[int, ...], light: Light, rng: np.random.Generator) -> Float32:
    """(H, W, 3) linear: from the top's colour to the bottom's, out of focus and uneven."""
    height, width = shape[:2]
    top, bottom = (TO_LINEAR[np.rint(np.array(colour) * 255.0).astype(np.uint8)] for colour in light.backdrop)
    down = np.linspace(0.0, 1.0, height, dtype=np.float32)[:, None, None]
    coarse = rng.standard_normal((6, 6)).astype(np.float32)
    blobs = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    plain = top + down * (bottom - top)
    return np.asarray(np.clip(plain * (1.0 + UNEVEN * blobs[..., None]), 0.0, 1.0), np.float32)
