"""Where a photo's fine shading may be read as relief: bare skin, evenly lit, nothing else.

Everything dark and thin looks like a wrinkle: brows, lashes, stubble, the rims of glasses, the edge of a shadow, a
mole, the line between the lips. Each is found by what it is, and left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..photo.landmark_sets import LEFT_EYE_LOOP, LIPS_OUTER_LOOP, RIGHT_EYE_LOOP
from ..texture.skin_mask import BROW_LOOPS, SkinModel, polygon_mask
from .crease_ground import smoothstep

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class SkinTrustSettings:
    """Lengths in mm on the face, brightness as natural logarithms.

    eyes_mm, lips_mm, brows_mm  how far from lids, lips and brows the skin begins
    hair_mm       how far around brows single hairs are looked for
    least_skin    likelihoods of the skin's colour between which trust rises
    redness       share of a redder colour that counts: light that leaves a fold has met the skin several times
    beard         how much darker than the form in the same light a place is, over beard_mm, where trust falls
    gloss         excess of brightness over the surroundings between which trust falls
    shadow        change of brightness per mm between which trust falls, where not the form's own; measured over
                  shadow_mm, over which the two sides of a line cancel and the edge of a shadow does not
    spot_mm       standard deviations of the moles that are looked for
    spot          contrast, between which a dark spot counts
    spot_round    smaller over larger curvature from which a dark spot is round
    fade_mm       over which trust fades at borders
    """

    eyes_mm: float = 2.2
    lips_mm: float = 3.0
    brows_mm: float = 2.0
    hair_mm: float = 6.0
    least_skin: tuple[float, float] = (0.2, 0.5)
    redness: float = 0.4
    beard: tuple[float, float] = (0.6, 1.0)
    beard_mm: float = 6.0
    gloss: tuple[float, float] = (0.25, 0.5)
    shadow: tuple[float, float] = (0.045, 0.09)
    shadow_mm: float = 4.0
    spot_mm: tuple[float, ...] = (0.8, 1.3, 2.0)
    spot: tuple[float, float] = (0.22, 0.32)
    spot_round: float = 0.5
    fade_mm: float = 1.0


def skin_trust(
    pixels: NDArray[np.uint8],
    relit: Float32,
    usable: Float32,
    model: SkinModel,
    landmarks: NDArray[np.float64],
    px_per_mm: float,
    settings: SkinTrustSettings,
) -> Float32:
    """How far each pixel's fine shading may be believed.

    Parameters
    ----------
    pixels : (h, w, 3) uint8 sRGB
    relit : (h, w) log luminance without the form's own shading, any constant
    usable : (h, w) 0..1 skin, as ``texture.skin_mask`` finds it
    model : colours of this person's skin
    landmarks : (478, 2) pixels
    px_per_mm : of the image, at the face
    settings : SkinTrustSettings

    Returns
    -------
    (h, w) float32, 0..1
    """
    shape = (pixels.shape[0], pixels.shape[1])
    # Colours at 1 mm: a wrinkle's own darkness does not make it something else than skin.
    colour = cv2.GaussianBlur(pixels, (0, 0), max(0.6, 0.7 * px_per_mm)).astype(np.float32) / 255.0
    likely = smoothstep(_likelihood(colour, model, settings.redness), *settings.least_skin)
    trust = usable * likely
    trust *= 1.0 - _features(shape, landmarks, px_per_mm, settings)
    weight = trust + np.float32(1e-3)
    around = _average(relit, weight, 8.0 * px_per_mm)
    near = _average(relit, weight, 1.5 * px_per_mm)
    trust *= 1.0 - smoothstep(near - around, *settings.gloss)
    typical = float(np.median(relit[weight > 0.5])) if (weight > 0.5).any() else 0.0
    trust *= 1.0 - smoothstep(typical - _average(relit, weight, settings.beard_mm * px_per_mm), *settings.beard)
    trust *= 1.0 - _hairs(relit, around, shape, landmarks, px_per_mm, settings)
    wide = _average(relit, weight, settings.shadow_mm * px_per_mm)
    trust *= 1.0 - smoothstep(_slope(wide) * px_per_mm, *settings.shadow)
    trust *= 1.0 - _spots(relit, pixels, weight, px_per_mm, settings)
    # Keep away from every border by a little, then fade.
    step = max(1, round(0.6 * settings.fade_mm * px_per_mm))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * step + 1, 2 * step + 1))
    eroded = cv2.GaussianBlur(cv2.erode(trust, kernel), (0, 0), max(0.5, 0.5 * settings.fade_mm * px_per_mm))
    return np.minimum(np.asarray(eroded, np.float32), trust)


def _likelihood(colour: Float32, model: SkinModel, redness: float) -> Float32:
    """``SkinModel.likelihood`` of (h, w, 3) colours that forgives what is redder than the skin elsewhere."""
    lightness, chroma = model.offsets(colour)
    chroma[..., 0] *= np.where(chroma[..., 0] > 0.0, np.float32(redness), np.float32(1.0))
    squared = np.einsum("...i,ij,...j->...", chroma, model.chroma_precision, chroma)
    squared += (lightness / np.where(lightness < 0.0, *model.lightness_sd)) ** 2
    return np.asarray(1.0 / (1.0 + (squared / 2.5**2) ** 2), np.float32)


def _features(
    shape: tuple[int, int], landmarks: NDArray[np.float64], px_per_mm: float, settings: SkinTrustSettings
) -> Float32:
    """1 on eyes, lips and brows and as far around them as the settings have it."""
    result = np.zeros(shape, np.float32)
    eyes = (RIGHT_EYE_LOOP, LEFT_EYE_LOOP)
    groups = ((eyes, settings.eyes_mm), ((LIPS_OUTER_LOOP,), settings.lips_mm), (BROW_LOOPS, settings.brows_mm))
    for loops, margin in groups:
        drawn = polygon_mask(shape, *(landmarks[list(loop)] for loop in loops))
        distance = _distance_to(drawn) / px_per_mm
        result = np.maximum(result, 1.0 - smoothstep(distance, margin, margin + settings.fade_mm))
    return result


def _hairs(
    relit: Float32,
    around: Float32,
    shape: tuple[int, int],
    landmarks: NDArray[np.float64],
    px_per_mm: float,
    settings: SkinTrustSettings,
) -> Float32:
    """1 on what is dark near the brows: hairs beyond the brows' outline."""
    drawn = polygon_mask(shape, *(landmarks[list(loop)] for loop in BROW_LOOPS))
    near = 1.0 - smoothstep(_distance_to(drawn) / px_per_mm, settings.hair_mm - 1.0, settings.hair_mm)
    size = 2 * max(1, round(0.8 * px_per_mm)) + 1
    dark = cv2.dilate(smoothstep(around - relit, 0.2, 0.35), np.ones((size, size)))
    return np.asarray(near * dark, np.float32)


def _spots(
    relit: Float32, pixels: NDArray[np.uint8], weight: Float32, px_per_mm: float, settings: SkinTrustSettings
) -> Float32:
    """1 on moles and freckles: dark, round, and of another colour than the skin around, unlike a pit in shadow."""
    result = np.zeros_like(relit)
    log_red = np.log(pixels[..., 0].astype(np.float32) + 4.0)
    log_blue = np.log(pixels[..., 2].astype(np.float32) + 4.0)
    for sigma_mm in settings.spot_mm:
        sigma = sigma_mm * px_per_mm
        if sigma < 1.0:
            continue
        smooth = _average(relit, weight, sigma)
        xx, yy, xy = (
            cv2.Sobel(smooth, cv2.CV_32F, dx, dy, scale=0.25) * np.float32(sigma**2)
            for dx, dy in ((2, 0), (0, 2), (1, 1))
        )
        half, root = 0.5 * (xx + yy), np.sqrt((0.5 * (xx - yy)) ** 2 + xy**2)
        smaller, larger = half - root, half + root
        # A dark Gaussian spot of this size and contrast c has both curvatures c / 4.
        dark = smoothstep(4.0 * smaller, *settings.spot)
        round_ = smoothstep(smaller / np.maximum(larger, 1e-6), settings.spot_round, settings.spot_round + 0.2)
        peak = cv2.dilate(smaller, np.ones((5, 5))) <= smaller + 1e-6
        seeds = dark * round_ * peak
        if not (seeds > 0.0).any():
            continue
        # Melanin darkens blue at least as much as red; a shadow that is open to the sky does not redden.
        tone = _average(log_red - log_blue, weight, sigma) - _average(log_red - log_blue, weight, 4.0 * sigma)
        seeds *= (tone > -0.05).astype(np.float32)
        size = 2 * int(np.ceil(2.2 * sigma)) + 1
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
        result = np.maximum(result, cv2.dilate(seeds, disc))
    return np.asarray(result, np.float32)


def _average(image: Float32, weight: Float32, sigma: float) -> Float32:
    """Weighted Gaussian average."""
    sigma = max(0.5, sigma)
    above = cv2.GaussianBlur(image * weight, (0, 0), sigma)
    return np.asarray(above / np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-6), np.float32)


def _slope(image: Float32) -> Float32:
    """(h, w) length of the gradient per pixel."""
    x = cv2.Sobel(image, cv2.CV_32F, 1, 0, scale=0.125)
    y = cv2.Sobel(image, cv2.CV_32F, 0, 1, scale=0.125)
    return np.asarray(cv2.magnitude(x, y), np.float32)


def _distance_to(mask: NDArray[np.bool_]) -> Float32:
    """Pixels to the nearest True; 0 inside."""
    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5), np.float32)
