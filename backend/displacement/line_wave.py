"""What a photo shows on the carrier of one crease set: complex demodulation.

Where a crease set runs, the photo's shading is read as a wave on the set's own carrier:

    Z = G[m L exp(-2 pi i phi)] / G[m]

with the band-passed log luminance L, its trust m, the set's phase phi and a Gaussian G about as wide as a line is
from the next. |Z| says how strong lines of this direction and distance are there, its angle where exactly they lie.
The same with carriers along and oblique to the lines says how strong such a wave is by chance; only what stands out
is believed.

What a slope does to the light is known from the light's fit, and what a valley does from looking: with relief
h = Re(H exp(2 pi i phi)) of wavelength lambda, L = Re(H (kappa + 2 pi i t) / lambda exp(2 pi i phi)), t the change
of log luminance per slope across the lines and kappa / lambda that per height (dark is deep). So H follows from Z.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from .crease_ground import SkinGround, smoothstep
from .crease_set import CreaseSet, PhotoEvidence
from .photo_sharpness import PIXEL_BLUR
from .shading_detail import ShadingSettings

Float32 = NDArray[np.float32]
Complex64 = NDArray[np.complex64]

FUNDAMENTAL = 0.87  # of a line's profile of depth 1
COARSE = 4  # texels of the map to one of the demodulated fields, which are smooth


@dataclass(frozen=True)
class LockSettings:
    """How lines are found.

    depth_per_shade  kappa, inverted wavelengths of depth per log luminance: 2 is a depth of lambda / 2
    light            share of the fitted light's direction that is believed
    window, least_window_mm   standard deviation of G: wavelengths, and at least so much
    along_mm         over which a line is followed
    gate             strength over that by chance between which lines are believed
    consistent, consistent_gate   the same where the set as a whole stands out by this much
    floor            log luminance that chance has at least
    least_pixels     wavelengths shorter than so many pixels are not seen
    least_response   of blur and band, to be made up for
    folded_mm, beyond_mm   depth to which the photo's own expression folds the skin between which lines at rest are
                     no longer told from it, and how far around a fold
    trusted_depth, least_usual   share of the photo's word on how deep lines at rest are where they are deeper than
                     usual at the age; what is usual is at least this share of the deepest
    single, strays   a set of fewer cycles is a single fold; how far, cycles, such a fold may lie from its place
    hole_mm        gaps in what is trusted that lines go on across
    hurried        cycles that the shift changes from line to line, between which it is no longer believed
    gains, gain_mm2, predicted_mm   limits of the gain; the area that it needs, where mechanics predicts at least so
                     much depth in the photo's own expression
    """

    depth_per_shade: float = 2.0
    light: float = 0.5
    window: float = 0.7
    least_window_mm: float = 2.0
    along_mm: float = 2.5
    gate: tuple[float, float] = (1.3, 2.6)
    consistent: tuple[float, float] = (1.15, 1.5)
    consistent_gate: tuple[float, float] = (0.9, 2.0)
    weakest: tuple[float, float] = (0.7, 1.05)
    support: tuple[float, float] = (0.12, 0.35)
    support_window: float = 2.0
    floor: float = 0.006
    least_pixels: float = 3.0
    least_response: float = 0.4
    folded_mm: tuple[float, float] = (0.18, 0.5)
    beyond_mm: float = 8.0
    trusted_depth: float = 0.6
    least_usual: float = 0.12
    single: float = 1.3
    strays: tuple[float, float] = (0.25, 0.42)
    hole_mm: float = 7.0
    hurried: tuple[float, float] = (0.3, 0.6)
    gains: tuple[float, float] = (0.85, 1.4)
    gain_mm2: float = 60.0
    predicted_mm: float = 0.10


class LineWave(NamedTuple):
    """What the photo shows on the carrier of one set, on every COARSE-th texel of its crop.

    height    (h', w') complex mm: h = Re(height exp(2 pi i phase)), not gated
    gate      (h', w') 0..1 how far the lines stand out
    trust     (h', w') 0..1 of the evidence, within the set
    chance    (h', w') mm that a wave of this kind has by chance
    area_mm2  of one texel
    standing  strength of the whole set over that by chance
    """

    height: Complex64
    gate: Float32
    trust: Float32
    chance: Float32
    area_mm2: float
    standing: float


def line_wave(
    ground: SkinGround, lines: CreaseSet, evidence: PhotoEvidence, settings: LockSettings
) -> LineWave | None:
    """Demodulate the shading on one set; None where the photo does not show its skin, or not sharply enough."""
    crop = lines.rows, lines.columns
    within = evidence.trust[crop] * np.minimum(1.5 * lines.mask, 1.0)
    inside = lines.mask > 0.3
    if not inside.any():
        return None
    wavelength = float(np.median(lines.wavelength_mm[inside]))
    if wavelength < settings.least_pixels * evidence.mm_per_pixel:
        return None
    texel_mm = texel_mm_of(ground, lines)
    area = texel_mm**2
    weight = coarse(within)
    if float(weight.sum()) * area < wavelength**2:
        return None
    shading = evidence.shading[crop] * within
    sigma = max(settings.window * wavelength, settings.least_window_mm) / texel_mm
    phase, along = lines.phase, lines.along_mm / np.float32(wavelength)
    root = np.float32(np.sqrt(0.5))
    carriers = (phase, along, root * (phase + along), root * (phase - along))
    around = cv2.GaussianBlur(weight, (0, 0), sigma) + np.float32(0.02)
    tangent = along_lines(lines, wavelength)
    found = [_followed(_demodulated(shading, c, sigma) / around, tangent, settings.along_mm) for c in carriers]
    wave, others = found[0], found[1:]
    power = np.mean([np.abs(other) ** 2 for other in others], axis=0)
    chance = np.sqrt(cv2.GaussianBlur(np.asarray(power, np.float32), (0, 0), 1.5 * sigma))
    strength = 2.0 * np.abs(wave)
    by_chance = 2.0 * chance + np.float32(settings.floor)
    standing = float(np.sqrt((weight * strength**2).sum() / (weight * by_chance**2).sum()))
    # A set that stands out as a whole is believed more easily at each place.
    share = float(np.interp(standing, settings.consistent, (0.0, 1.0)))
    low, high = (a * (1.0 - share) + b * share for a, b in zip(settings.gate, settings.consistent_gate))
    gate = smoothstep(strength / by_chance, low, high)
    # In a set that as a whole is no stronger than chance, so are the places that stand out.
    gate *= np.interp(standing, settings.weakest, (0.0, 1.0)).astype(np.float32)
    # A wrinkle is longer than the window that it is looked for in: what stands out in one place alone is a spot.
    reach = settings.support_window * sigma
    support = cv2.GaussianBlur(gate * weight, (0, 0), reach) / (cv2.GaussianBlur(weight, (0, 0), reach) + 0.02)
    gate = gate * smoothstep(np.asarray(support, np.float32), *settings.support)
    coarse_wavelength = coarse(lines.wavelength_mm)
    left = response(coarse_wavelength, evidence.mm_per_pixel, settings)
    tilt = settings.light * light_across(ground, lines, evidence)
    turn = settings.depth_per_shade + 2j * np.pi * tilt
    per_shade = (coarse_wavelength / left / turn).astype(np.complex64)
    height = (2.0 * wave * per_shade).astype(np.complex64)
    return LineWave(height, gate, weight, by_chance * np.abs(per_shade), area, standing)


def texel_mm_of(ground: SkinGround, lines: CreaseSet) -> float:
    """mm across one coarse texel of a set, on average."""
    metric = ground.frame.metric[ground.frame.cells_of_crop(lines.rows, lines.columns, ground.size)]
    cell = float(np.sqrt(np.median(metric[..., 0] * metric[..., 2])))
    return COARSE * cell * ground.frame.size / ground.size


def _demodulated(shading: Float32, carrier: Float32, sigma: float) -> Complex64:
    """G[shading exp(-2 pi i carrier)] on every COARSE-th texel."""
    angle = np.float32(-2.0 * np.pi) * carrier
    product = np.empty((*shading.shape, 2), np.float32)
    np.cos(angle, out=product[..., 0])
    np.sin(angle, out=product[..., 1])
    product *= shading[..., None]
    small = cv2.GaussianBlur(coarse(product), (0, 0), sigma)
    result: Complex64 = np.ascontiguousarray(small).view(np.complex64)[..., 0]
    return result


def _followed(wave: Complex64, tangent: Float32, length_mm: float) -> Complex64:
    """``averaged_along`` for waves."""
    both = np.ascontiguousarray(wave).view(np.float32).reshape(*wave.shape, 2)
    total = averaged_along(both, tangent, length_mm)
    result: Complex64 = np.ascontiguousarray(total).view(np.complex64)[..., 0]
    return result


def averaged_along(values: Float32, direction: Float32, length_mm: float) -> Float32:
    """Gaussian average of (h', w', 2) along a field of directions (h', w', 2), texels (x, y) per mm."""
    rows, columns = np.indices(values.shape[:2], dtype=np.float32)
    total, weight = values.copy(), 1.0
    for step in (-1.5, -0.75, 0.75, 1.5):
        share = float(np.exp(-0.5 * step**2))
        move = direction * np.float32(step * length_mm)
        total += share * cv2.remap(
            values, columns + move[..., 0], rows + move[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        weight += share
    result: Float32 = total / np.float32(weight)
    return result


def along_lines(lines: CreaseSet, wavelength: float) -> Float32:
    """(h', w', 2) coarse texels (x, y) per mm along the lines: where the phase stays and the length grows."""
    phase_x, phase_y = slopes(lines.phase)
    along_x, along_y = slopes(lines.along_mm)
    area = phase_x * along_y - phase_y * along_x
    # Nowhere faster than the distance of lines would have it: length may stand still at the patch's borders.
    inverse = np.where(np.abs(area) > 1e-5, 1.0 / np.where(area == 0.0, 1.0, area), 0.0).astype(np.float32)
    result = np.stack([-phase_y * inverse, phase_x * inverse], -1)
    length = np.linalg.norm(result, axis=2, keepdims=True)
    steepest = 1.0 / np.maximum(np.median(np.hypot(phase_x, phase_y)) * wavelength, 1e-6)
    return np.asarray(result * np.minimum(1.0, 1.5 * steepest / np.maximum(length, 1e-9)), np.float32)


def slopes(values: Float32) -> tuple[Float32, Float32]:
    """Differences per coarse texel along x and y; jumps count for nothing."""
    small = cv2.resize(values, _small(values.shape), interpolation=cv2.INTER_NEAREST)
    down, right = np.gradient(small)
    limit = 4.0 * max(float(np.median(np.abs(down)) + np.median(np.abs(right))), 1e-9)
    clipped = (np.where(np.abs(v) > limit, 0.0, v).astype(np.float32) for v in (right, down))
    x, y = clipped
    return x, y


def response(wavelength: Float32, mm_per_pixel: float, settings: LockSettings) -> Float32:
    """Share of a wave's amplitude that blur and band leave."""
    band = ShadingSettings()
    low = max(band.low_mm, band.low_pixels * mm_per_pixel)
    blur = low**2 + (PIXEL_BLUR * mm_per_pixel) ** 2
    number = np.float32(-2.0 * np.pi**2) / wavelength**2
    result = np.exp(number * blur) * (1.0 - np.exp(number * band.high_mm**2))
    return np.asarray(np.maximum(result, settings.least_response), np.float32)


def light_across(ground: SkinGround, lines: CreaseSet, evidence: PhotoEvidence) -> Float32:
    """(h', w') change of log luminance per slope across the lines, along growing phase."""
    direction = np.stack([coarse(np.ascontiguousarray(lines.direction[..., k])) for k in (0, 1)], -1)
    if evidence.tilt is None:
        return np.zeros(direction.shape[:2], np.float32)
    area = ground.frame.cells_of_crop(lines.rows, lines.columns, ground.size)
    cells = np.moveaxis(evidence.tilt[area], 2, 0)
    texels = ground.frame.texels_of_cells(cells, area, lines.rows, lines.columns, ground.size)
    tilt = np.stack([coarse(layer) for layer in texels], -1)
    result: Float32 = (tilt * direction).sum(2)
    return result


def _small(shape: tuple[int, ...]) -> tuple[int, int]:
    """(w', h') of a crop at coarse texels."""
    return max(2, -(-shape[1] // COARSE)), max(2, -(-shape[0] // COARSE))


def coarse(values: Float32) -> Float32:
    """A crop (h, w) or (h, w, C) on every COARSE-th texel, averaged."""
    return np.asarray(cv2.resize(values, _small(values.shape), interpolation=cv2.INTER_AREA), np.float32)
