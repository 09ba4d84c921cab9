"""Crease sets locked to the lines that the photo shows: where they are, and how deep at rest.

``line_wave`` says what the photo shows of a set. Here it is told apart into what the photo's own expression folds,
which is dynamic, and what stays; and lines keep to their neighbours where the photo shows nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .crease_ground import SkinGround, smoothstep
from .crease_set import CreaseSet, LockedLines, PhotoEvidence
from .line_wave import COARSE, FUNDAMENTAL, LineWave, LockSettings, coarse, line_wave, slopes
from .mechanics import crease_depths
from .resting_lines import usual_rest
from .strain import expression_heads, key_strain

Float32 = NDArray[np.float32]
Complex64 = NDArray[np.complex64]


def lock_lines(
    ground: SkinGround,
    sets: Sequence[CreaseSet],
    evidence: PhotoEvidence,
    expression: NDArray[np.floating[Any]],
    settings: LockSettings | None = None,
) -> dict[str, LockedLines]:
    """Find the lines of crease sets in a photo.

    A photo shows a face in some expression. What mechanics gives a set in this expression is dynamic; only what the
    photo shows beyond it stays at rest. Where mechanics gives enough, how much of it the photo really shows tells
    how deep this person's lines come; what stays at rest cannot be told there.

    Parameters
    ----------
    ground, sets : of the head; ``ground.settings`` has the person's age
    evidence : of the photo, at ``ground.size``
    expression : (E,) fitted to the photo, in the order of ``ground.names``
    settings : LockSettings

    Returns
    -------
    set's name -> LockedLines, for sets of lines that the photo can show
    """
    settings = settings or LockSettings()
    shown = [lines for lines in sets if lines.relief == "lines"]
    predicted = expected_depth(ground, shown, expression)
    calm = calm_skin(ground, shown, predicted, settings)
    found = []
    for lines, expected, still in zip(shown, predicted, calm):
        wave = line_wave(ground, lines, evidence, settings)
        if wave is not None:
            found.append((lines, wave, expected, still))
    gains = _gains([part[:3] for part in found], settings)
    locked = {}
    for lines, wave, expected, still in found:
        gain = gains[both_sides(lines.name)]
        locked[lines.name] = _locked(ground, lines, wave, gain * expected, still, settings)._replace(gain=gain)
    return locked


def expected_depth(
    ground: SkinGround, sets: Sequence[CreaseSet], expression: NDArray[np.floating[Any]]
) -> list[Float32]:
    """Per set (h', w') mm that mechanics gives in an expression (E,), on every COARSE-th texel of its crop."""
    weights = np.asarray(expression, np.float64)[None]
    strain = key_strain(ground.frame, expression_heads(ground.neutral, ground.blendshapes, weights))
    result = []
    for lines, depth in zip(sets, crease_depths(ground, sets, strain, weights)):
        area = ground.frame.cells_of_crop(lines.rows, lines.columns, ground.size)
        smooth = ground.frame.texels_of_cells(depth, area, lines.rows, lines.columns, ground.size)[0]
        result.append(coarse(smooth * lines.depth * lines.mask))
    return result


def calm_skin(
    ground: SkinGround, sets: Sequence[CreaseSet], expected: Sequence[Float32], settings: LockSettings
) -> list[Float32]:
    """Per set (h', w') 0..1: where an expression, of ``expected_depth``, folds no set nearby.

    A deep fold goes on beyond where mechanics lets it end, and shades its surroundings.
    """
    folded = np.zeros((-(-ground.size // COARSE) + 1,) * 2, np.float32)
    for lines, depth in zip(sets, expected):
        part = folded[_coarse_crop(lines, depth)]
        np.maximum(part, depth, out=part)
    metric = ground.frame.metric
    face = ground.frame.cell_means(ground.canonical)[..., 2] > 0.0
    cell = float(np.median(np.sqrt(metric[face][:, 0] * metric[face][:, 2])))
    texel = COARSE * cell * ground.frame.size / ground.size
    size = 2 * max(1, round(settings.beyond_mm / texel)) + 1
    grown = cv2.dilate(folded, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    smooth = np.asarray(cv2.GaussianBlur(grown, (0, 0), 0.2 * size), np.float32)
    calm = 1.0 - smoothstep(smooth, *settings.folded_mm)
    return [calm[_coarse_crop(lines, depth)] for lines, depth in zip(sets, expected)]


def _locked(
    ground: SkinGround, lines: CreaseSet, wave: LineWave, dynamic: Float32, calm: Float32, settings: LockSettings
) -> LockedLines:
    """Lines at rest from what the photo shows, (h', w') mm of it that its expression made, and 0..1 where that
    folds the skin so little that one can tell."""
    cap = ground.settings.cap(lines.name, lines.style)
    rest = np.clip(_measured(wave) - dynamic, 0.0, cap) * calm
    usual = cap * usual_rest(both_sides(lines.name), ground.settings.age)
    rest = _as_deep_as_usual(rest, max(usual, settings.least_usual * cap), settings.trusted_depth)
    shape = lines.phase.shape
    place = -wave.height / np.maximum(np.abs(wave.height), np.float32(1e-6))
    gate = wave.gate
    middle = lines.phase[lines.mask > 0.5]
    alone = len(middle) > 0 and float(np.ptp(middle)) < settings.single
    if alone:
        # A fold that has no neighbours is not somebody else's that runs beside it.
        gate = gate * (1.0 - smoothstep(np.abs(np.angle(place)) / (2.0 * np.pi), *settings.strays))
    depth = _enlarged(rest, shape).clip(0.0, cap)
    # A fold goes on below a mole.
    size = 2 * max(1, round(0.5 * settings.hole_mm / np.sqrt(wave.area_mm2))) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    closed = np.asarray(cv2.morphologyEx(wave.trust, cv2.MORPH_CLOSE, disc), np.float32)
    trust = _enlarged(gate * np.minimum(closed * 1.25, 1.0), shape).clip(0.0, 1.0)
    sure = gate * wave.trust
    sigma = max(2.0, 0.5 * float(np.median(lines.wavelength_mm)) / np.sqrt(wave.area_mm2))
    # Where the photo says nothing, lines keep to what their neighbours do, and farther away to their own place.
    spread = _blurred(place * sure, 3.0 * sigma) + np.float32(0.02)
    spread /= np.abs(spread) + np.float32(1e-6)
    # A single fold moves as a whole.
    place = _blurred(place * sure + spread * (1.0 - sure), (2.0 if alone else 0.7) * sigma)
    real, imaginary = _enlarged(place.real, shape), _enlarged(place.imag, shape)
    calm_phase = _unfolded(lines, 1.5 / np.sqrt(wave.area_mm2)) * _unhurried(place, lines, wave, settings)
    straight = _enlarged(calm_phase, shape).clip(0.0, 1.0)
    trust = trust * straight
    shift: Float32 = -np.arctan2(imaginary, real) / np.float32(2.0 * np.pi) * straight
    return LockedLines(shift, depth, trust)


def _measured(wave: LineWave) -> Float32:
    """(h', w') mm, depth of the lines that the photo shows, less the share of it that chance explains (Wiener)."""
    height = np.abs(wave.height)
    share = 1.0 - (wave.chance / np.maximum(height, np.float32(1e-6))) ** 2
    return np.asarray(height * np.maximum(share, 0.0) / np.float32(FUNDAMENTAL), np.float32)


def _as_deep_as_usual(rest: Float32, usual: float, trusted: float) -> Float32:
    """Depths at rest that are deeper than ``usual`` (mm) brought nearer to it.

    How much darker a line of some depth is hangs on light, gloss and the skin's own scattering, which one photo
    does not tell: a depth that is read off a photo is right to a factor only, and so is what is usual at an age.
    The mean of both logarithms, with the share ``trusted`` for the photo, is the likeliest depth.
    """
    beyond = np.maximum(rest / np.float32(usual), np.float32(1.0))
    return np.asarray(rest * beyond ** np.float32(trusted - 1.0), np.float32)


def _coarse_crop(lines: CreaseSet, values: Float32) -> tuple[slice, slice]:
    """Where coarse ``values`` of a set lie in a coarse map."""
    first, left = lines.rows.start // COARSE, lines.columns.start // COARSE
    return slice(first, first + values.shape[0]), slice(left, left + values.shape[1])


def _unhurried(place: Complex64, lines: CreaseSet, wave: LineWave, settings: LockSettings) -> Float32:
    """(h', w') 1 where the shift, the angle of ``place``, changes little from line to line, 0 where it swirls."""
    down, right = np.gradient(place)
    steep = np.sqrt(np.abs(down) ** 2 + np.abs(right) ** 2) / np.maximum(np.abs(place), np.float32(1e-3))
    per_line = steep / (2.0 * np.pi) * coarse(lines.wavelength_mm) / np.sqrt(wave.area_mm2)
    return 1.0 - smoothstep(np.asarray(per_line, np.float32), *settings.hurried)


def _unfolded(lines: CreaseSet, sigma: float) -> Float32:
    """(h', w') 0..1: 0 where the phase turns round, as between frown lines that are counted from the middle.

    Lines on both sides of such a place are shifted by their own amounts, and would not meet.
    """
    x, y = slopes(lines.phase)
    length = np.maximum(np.hypot(x, y), np.float32(1e-9))
    mean = [cv2.GaussianBlur(np.asarray(v / length, np.float32), (0, 0), sigma) for v in (x, y)]
    return smoothstep(np.hypot(*mean), 0.4, 0.8)


def both_sides(name: str) -> str:
    """The name of a set without its side."""
    return name.removesuffix("_left").removesuffix("_right")


def _gains(found: Sequence[tuple[CreaseSet, LineWave, Float32]], settings: LockSettings) -> dict[str, float]:
    """How deep the photo's expression makes each set, over what mechanics gives; 1 where it tells nothing.

    Both sides of a face are the same skin, and get the same gain.
    """
    sums: dict[str, NDArray[np.float64]] = {}
    for lines, wave, expected in found:
        where = wave.trust * (expected > settings.predicted_mm)
        # Chance adds to the power of the wave.
        real = np.sqrt(np.maximum(np.abs(wave.height) ** 2 - wave.chance**2, 0.0)) / FUNDAMENTAL
        parts = [(where * real * expected).sum(), (where * expected**2).sum(), where.sum() * wave.area_mm2]
        name = both_sides(lines.name)
        sums[name] = sums.get(name, np.zeros(3)) + np.array(parts, np.float64)
    gains = {}
    for name, (shown, given, area) in sums.items():
        ratio = float(np.clip(shown / given, *settings.gains)) if given > 0.0 else 1.0
        gains[name] = float(ratio ** (area / (area + settings.gain_mm2)))
    return gains


def _enlarged(values: Any, shape: tuple[int, ...]) -> Float32:
    whole = cv2.resize(np.ascontiguousarray(values), (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(whole, np.float32)


def _blurred(values: Any, sigma: float) -> Complex64:
    real = cv2.GaussianBlur(np.ascontiguousarray(values.real), (0, 0), sigma)
    imaginary = cv2.GaussianBlur(np.ascontiguousarray(values.imag), (0, 0), sigma)
    result: Complex64 = (real + 1j * imaginary).astype(np.complex64)
    return result
