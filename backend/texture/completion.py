"""What the photo does not show: from the other half of the face, then from the skin's own smooth colours.

Three layers, each adjusted to the one above before it is blended in, so that no border is seen:
1. the photo, weighted by how well each texel is seen;
2. the mirrored photo plus the smooth difference between the two halves (lighting is not symmetric);
3. a screened membrane that continues the colours at the border and fades into the skin's tone farther away, with
   grain of the person's own skin (random phase noise, Galerne et al. 2011) and faint mottling, so that skull and
   neck do not look like plastic.
Layers 2 and 3 are smooth apart from their detail: they are solved on the mesh's vertices, which know no UV seams.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from .mesh_field import SkinGraph
from .unwrap import sample

FloatArray = NDArray[np.floating[Any]]
LEAST_GRAIN_WEIGHT = 0.01
GRAIN_LEVELS = 4  # octaves of coarser texels that the grain has a version for
GRAIN_RING = 20  # pixels by which the periodic tile is continued: three standard deviations of its last level


@dataclass(frozen=True)
class CompletionSettings:
    """How unseen skin is invented.

    tone_reach_mm     from the last seen texel to where colours are the skin's tone
    mirror_reach_mm   over which the two halves' difference fades out
    data_weight       stiffness of known colours against the membrane's edges; low values do not carry single
                      hairs and brows outwards
    low_mm            changes over longer distances are lighting and tone rather than detail
    belt_mm           half the width of the transition of slow changes
    grain_sd_mm       detail finer than this is taken from the cheek
    grain_tile        side of the grain's periodic tile, pixels of the photo
    mottling          standard deviation of the mottling, of the tone
    mottling_mm       shortest and longest wavelength
    seed              of all noise
    """

    tone_reach_mm: float = 60.0
    mirror_reach_mm: float = 60.0
    data_weight: float = 0.3
    low_mm: float = 6.0
    belt_mm: float = 9.0
    grain_sd_mm: float = 2.0
    grain_tile: int = 256
    mottling: float = 0.011
    mottling_mm: tuple[float, float] = (7.0, 45.0)
    seed: int = 7


class SmoothFill(NamedTuple):
    """On vertices, sRGB 0..1. A texel is ``base + t * (photo - low)``, where t is how well it is seen.

    offset  (V, 3) to be added to the mirrored photo
    low     (V, 3) slow changes of the photo and the mirrored photo
    base    (V, 3) ``low`` where the photo is seen, the membrane where not, with a wide transition
    """

    offset: NDArray[np.float64]
    low: NDArray[np.float64]
    base: NDArray[np.float64]


class PhotoColours(NamedTuple):
    """The photo at the vertices.

    colour       (V, 3) blurred photo, sRGB 0..1
    seen         (V,) 0..1, weight of the photo
    skin_like    (n, 3) colours to (n,) 0..1, how much they are skin's; brows and beards spread less
    guess, trust (V, 3) and (V,) 0..1: colour expected where neither half of the face is seen, and how firmly
    """

    colour: NDArray[np.floating[Any]]
    seen: NDArray[np.floating[Any]]
    skin_like: Callable[[NDArray[np.floating[Any]]], NDArray[np.floating[Any]]]
    guess: NDArray[np.floating[Any]]
    trust: NDArray[np.floating[Any]]


def smooth_fill(
    graph: SkinGraph,
    photo: PhotoColours,
    mirror: NDArray[np.integer[Any]] | None,
    tone: FloatArray,
    variation: FloatArray,
    settings: CompletionSettings,
) -> SmoothFill:
    """Solve layers 2 and 3.

    Parameters
    ----------
    graph : of the skin
    photo : what is known
    mirror : (V,) vertex at the mirrored place, or None: then there is no layer 2
    tone : (3,) sRGB 0..1
    variation : (V, 3) factors on invented colours
    settings : CompletionSettings
    """
    mixed, known = photo.colour.astype(np.float64), photo.seen.astype(np.float64)
    offset = np.zeros_like(mixed)
    if mirror is not None:
        both = np.minimum(known, known[mirror])
        difference = mixed - mixed[mirror]
        offset = graph.extend(difference, settings.data_weight * both, np.zeros(3), settings.mirror_reach_mm)
        mixed, known = _add(mixed, known, mixed[mirror] + offset, mirror_weight(known[mirror]))
    # Two bands (Burt and Adelson 1983): detail ends at the border, slow changes go over into the fill on a wide
    # belt inside it, so that neither a step nor a kink shows where the photo ends. Holes (lids, lips, nostrils)
    # have no belt: they continue what surrounds them.
    closed = np.where(graph.outside(known), known, 1.0)
    belt = _smooth_step(2.0 * graph.blur(closed[:, None], settings.belt_mm)[:, 0] - 1.0)
    mixed, known = _add(mixed, known, photo.guess, photo.trust)
    low = graph.blur(mixed, settings.low_mm, known + 1e-6)
    weight = settings.data_weight * known**2 * belt * (0.2 + 0.8 * photo.skin_like(np.clip(mixed, 0.0, 1.0)))
    share = known[:, None]
    membrane = graph.extend(mixed, weight, tone, settings.tone_reach_mm, start=share * (mixed - tone) + tone)
    invented = membrane * variation
    base = invented + np.minimum(belt, _smooth_step(known))[:, None] * (low - invented)
    return SmoothFill(offset, low, base)


def _smooth_step(t: FloatArray) -> NDArray[np.float64]:
    t = np.clip(np.asarray(t, dtype=np.float64), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def _add(
    colour: NDArray[np.float64], known: NDArray[np.float64], other: FloatArray, weight: FloatArray
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Put another colour (V, 3) of some weight (V,) under what is known; both results together."""
    extra = (1.0 - known) * weight
    total = known + extra
    mixed: NDArray[np.float64] = known[:, None] * colour + extra[:, None] * other
    mixed /= np.maximum(total, 1e-6)[:, None]
    return mixed, total


def mirror_weight(seen_there: FloatArray) -> NDArray[np.float64]:
    """Weight of the mirrored photo where the other side is seen with this weight: clearly seen places only."""
    return _smooth_step((np.asarray(seen_there) - 0.3) / 0.6)


def mottling(points: FloatArray, settings: CompletionSettings) -> NDArray[np.float64]:
    """(n, 3) mm to (n, 3) factors around 1: irregular flushes, as skin has them, more in red than in lightness.

    A sum of cosine waves in random directions (random Fourier features of a stationary Gaussian field); both sides
    of any seam get the same value because it depends on the place alone.
    """
    rng = np.random.default_rng(settings.seed)
    waves = 48
    direction = rng.normal(size=(waves, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    short, long = settings.mottling_mm
    wavelength = short * (long / short) ** rng.random(waves)
    phase = rng.uniform(0, 2 * np.pi, (waves, 2))
    angle = (np.asarray(points) @ (2 * np.pi / wavelength[:, None] * direction).T).astype(np.float32)
    # Longer waves are stronger, as in most natural textures.
    strength = np.sqrt(wavelength)
    strength *= np.sqrt(2.0 / (strength**2).sum())
    light = np.cos(angle + phase[:, 0].astype(np.float32)) @ strength
    red = np.cos(angle + phase[:, 1].astype(np.float32)) @ strength
    colour = np.stack([light + 0.4 * red, light - 0.5 * red, light - 0.3 * red], axis=1)
    result: NDArray[np.float64] = 1.0 + settings.mottling * 0.7 * colour
    return result


def grain_tile(
    pixels: NDArray[np.uint8], centre: FloatArray, side: float, px_per_mm: float, settings: CompletionSettings
) -> NDArray[np.float32]:
    """(N, N, 3) float32 periodic skin detail with zero mean, sRGB units: the cheek's grain with random phases.

    Parameters
    ----------
    pixels : (h, w, 3) the view
    centre : (2,) pixels, of a patch of bare skin; side : pixels
    """
    height, width = pixels.shape[:2]
    half = max(4, round(side / 2))
    x0, y0 = (int(np.clip(round(c) - half, 0, max(0, size - 2 * half))) for c, size in zip(centre, (width, height)))
    patch = pixels[y0 : y0 + 2 * half, x0 : x0 + 2 * half].astype(np.float32) / 255.0
    detail = patch - cv2.GaussianBlur(patch, (0, 0), max(0.8, settings.grain_sd_mm * px_per_mm))
    # Spots, hairs and the wing of the nose are not grain: limit what single pixels can do.
    limit = 3.0 * np.median(np.abs(detail), axis=(0, 1)) * 1.48 + 1e-4
    detail = np.clip(detail, -limit, limit)
    window = np.hanning(detail.shape[0] + 2)[1:-1, None] * np.hanning(detail.shape[1] + 2)[1:-1]
    detail = (detail - detail.mean((0, 1))) * window[..., None]
    # Only how strong each wavelength is, not its direction: wrinkles of the cheek must not comb the scalp.
    size = settings.grain_tile
    power = (np.abs(np.fft.fft2(detail.sum(-1) / 3.0)) ** 2) / (window**2).sum()
    frequency = np.hypot(np.fft.fftfreq(len(power))[:, None], np.fft.fftfreq(power.shape[1]))
    bins = np.minimum((frequency * len(power)).round().astype(int), len(power) // 2).ravel()
    radial = np.bincount(bins, power.ravel()) / np.maximum(np.bincount(bins), 1)
    wanted = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size))
    amplitude = np.sqrt(np.interp(wanted, np.arange(len(radial)) / len(power), radial))
    amplitude[0, 0] = 0.0
    # Mostly lightness, a little of each channel's own, correlated as in the patch.
    covariance = np.einsum("ijk,ijl->kl", detail, detail)
    covariance /= max(float(covariance.mean()), 1e-12)
    mixing = np.linalg.cholesky(covariance + 1e-4 * np.eye(3))
    noise = np.random.default_rng(settings.seed).normal(size=(size, size, 3)) @ mixing.T
    spectrum = np.fft.rfft2(noise, axes=(0, 1)) * amplitude[..., None]
    return np.fft.irfft2(spectrum, s=(size, size), axes=(0, 1)).astype(np.float32)


def grain_on_surface(
    tile: NDArray[np.float32], position: NDArray[np.float32], normal: NDArray[np.float32], px_per_mm: float
) -> NDArray[np.float32]:
    """(H, W, 3) the tile laid on the surface from three sides, its contrast kept where they overlap.

    Where texels are coarser than the tile's pixels, its fine part is left out rather than aliased.

    Parameters
    ----------
    tile : (N, N, 3) periodic
    position, normal : (H, W, 3) float32, mm and unit vectors, model space
    px_per_mm : pixels of the tile per mm
    """
    shape = position.shape
    weights = [component**2 for component in np.moveaxis(normal.reshape(-1, 3) ** 2, -1, 0)]
    whole = np.sqrt(weights[0] ** 2 + weights[1] ** 2 + weights[2] ** 2) + np.float32(1e-6)
    size = len(tile)
    ringed = np.pad(tile, ((GRAIN_RING, GRAIN_RING), (GRAIN_RING, GRAIN_RING), (0, 0)), mode="wrap")
    # Level k suits texels of 2^k pixels of the tile; those between mix two levels.
    levels = [ringed, *(cv2.GaussianBlur(ringed, (0, 0), 0.7 * 2**k) for k in range(1, GRAIN_LEVELS))]
    octave = np.log2(np.maximum(_footprint(position) * np.float32(px_per_mm), 1.0)).ravel()
    octave = np.minimum(octave, np.float32(GRAIN_LEVELS - 1))
    shares = [np.maximum(1.0 - np.abs(octave - k), 0.0) for k in range(GRAIN_LEVELS)]
    place = np.mod(position * np.float32(px_per_mm), np.float32(size)) + np.float32(GRAIN_RING + 0.5)
    place = place.reshape(-1, 3)
    result = np.zeros_like(place)
    for weight, plane in zip(weights, ([2, 1], [0, 2], [0, 1])):
        weight /= whole
        for share, level in zip(shares, levels):
            strength = share * weight
            # Most texels take one side and two levels; what weighs less than this does not show in 8 bits.
            chosen = np.flatnonzero(strength > LEAST_GRAIN_WEIGHT)
            if len(chosen):
                found = sample(level, place[chosen][:, plane], cv2.INTER_LINEAR)
                result[chosen] += strength[chosen, None] * found
    return result.reshape(shape)


def _footprint(position: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W) mm between neighbouring texels, the longer way; jumps at UV cuts are smoothed over."""
    across = np.pad(_lengths(np.diff(position, axis=1)), ((0, 0), (0, 1)), mode="edge")
    down = np.pad(_lengths(np.diff(position, axis=0)), ((0, 1), (0, 0)), mode="edge")
    longer = np.maximum(across, down).astype(np.float32)
    return np.asarray(cv2.medianBlur(longer, 5), dtype=np.float32)


def _lengths(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """(..., 3) to (...); numpy's own norm is slow along an inner axis of three."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    result: NDArray[np.float32] = np.sqrt(x * x + y * y + z * z)
    return result
