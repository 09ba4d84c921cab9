"""Crease sets of the lower face: folds beside nose and mouth, lines round the lips, chin and neck.

All places are canonical millimetres (the built-in model's mean head: mouth corners at (+-25, -71), lips from
y = -60 to -80, chin to -112). Where a fold runs was read off the mean head itself: the line along which a smile, a
raised chin and puckered lips turn the surface hollow, so that a fold deepens the hollow it lies in instead of
crossing it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree

from .crease_ground import Patch, SkinGround, bump, smoothstep
from .crease_set import CreaseSet, CreaseStyle

Floats = NDArray[np.floating[Any]]
Float32 = NDArray[np.float32]

STYLES: dict[str, CreaseStyle] = {
    "nasolabial": CreaseStyle(
        11.0, 0.92, 0.50, onset=0.04, exponent=1.0, roundness=0.50, variation=0.22, variation_mm=26.0,
        meander=0.04, aging=0.6,
    ),
    "cheek": CreaseStyle(
        6.5, 0.26, 0.26, onset=0.08, exponent=1.0, roundness=0.40, variation=0.80, variation_mm=15.0,
        meander=0.16, aging=1.5,
    ),
    "marionette": CreaseStyle(10.0, 0.45, 0.22, onset=0.10, exponent=1.0, roundness=0.60, variation=0.30,
                              variation_mm=18.0, meander=0.06, aging=1.5),
    "perioral": CreaseStyle(3.6, 0.22, 0.36, onset=0.05, exponent=0.9, roundness=0.24, variation=1.00,
                            variation_mm=6.0, meander=0.26, aging=1.3),
    "lips": CreaseStyle(2.0, 0.085, 0.26, onset=0.02, exponent=1.0, roundness=0.30, variation=0.80,
                        variation_mm=4.5, meander=0.22, aging=0.4),
    "mentolabial": CreaseStyle(9.0, 0.75, 0.52, onset=0.15, exponent=1.0, roundness=0.40, variation=0.22,
                               variation_mm=20.0, meander=0.04, aging=0.7),
    "chin": CreaseStyle(5.0, 0.38, 0.50, onset=0.16, aging=0.7),
    "neck": CreaseStyle(13.0, 0.55, 0.34, onset=0.06, exponent=1.0, roundness=0.40, variation=0.70,
                        variation_mm=26.0, meander=0.10, aging=1.3),
}  # fmt: skip
"""Parameters by set; left and right have the same."""

# The hollow that a smile makes, from the wing of the nose round the corner of the mouth.
NASOLABIAL = (
    (16.0, -33.5), (19.5, -38.0), (25.0, -45.5), (30.5, -53.5), (34.6, -61.5), (36.0, -69.0), (35.3, -77.0),
    (32.5, -85.0),
)  # fmt: skip
MARIONETTE = ((26.5, -73.5), (29.0, -80.0), (30.3, -88.0), (29.2, -96.0))
MENTOLABIAL = ((-20.0, -93.0), (-11.0, -88.6), (0.0, -86.6), (11.0, -88.6), (20.0, -93.0))

# Edge of the lips' red on the mean head: |x|, upper y, lower y.
LIP_EDGE = (
    (0.0, -61.2, -80.2), (7.2, -60.2, -79.6), (17.0, -63.8, -77.0), (25.0, -70.8, -72.2), (30.0, -74.0, -70.0),
)  # fmt: skip


def lower_creases(ground: SkinGround) -> list[CreaseSet]:
    """All crease sets of the lower face and the neck. Raises TopologyMismatch where the skin is not the model's."""
    sets = []
    for side, word in ((1, "left"), (-1, "right")):
        sets += [*smile_folds(ground, side, word), marionette(ground, side, word)]
    return [*sets, perioral(ground), lips(ground), mentolabial(ground), chin(ground), neck(ground)]


def smile_folds(ground: SkinGround, side: int, word: str) -> list[CreaseSet]:
    """The nasolabial fold, a pad on the cheek's side and flat skin on the lip's; and outside it the arcs of the
    cheek, one or two parentheses."""
    patch = ground.patch(f"nasolabial_{word}", (7.0, 58.0), (-104.0, -25.0), side=side)
    outward, along, length = patch.curve(NASOLABIAL)
    fold = STYLES["nasolabial"]
    across = _flanks(outward, 3.8, 8.5)
    # Shallow beside the nose, deepest above the corner of the mouth, running out below it.
    course = smoothstep(along, -7.0, 17.0) * (1.0 - smoothstep(along, length - 26.0, length))
    nasolabial = patch.crease_set(fold, outward / fold.wavelength_mm, along, across * course)
    arcs = STYLES["cheek"]
    fan = np.clip(1.0 + 0.012 * (along - 0.5 * length), 0.7, 1.4)  # they spread towards the jaw
    mask = bump(outward, 9.0, 14.5, 2.5, 5.0) * bump(along, 0.45 * length, length - 2.0, 10.0, 9.0)
    cheek = replace(patch, name=f"cheek_{word}").crease_set(
        arcs, (outward - 11.0) / (arcs.wavelength_mm * fan), along, mask
    )
    return [nasolabial, cheek]


def marionette(ground: SkinGround, side: int, word: str) -> CreaseSet:
    """The line from the corner of the mouth down to the jaw."""
    patch = ground.patch(f"marionette_{word}", (14.0, 46.0), (-110.0, -66.0), side=side)
    style = STYLES["marionette"]
    outward, along, length = patch.curve(MARIONETTE)
    across = _flanks(outward, 3.0, 5.0)
    course = smoothstep(along, 0.0, 11.0) * (1.0 - smoothstep(along, length - 13.0, length))
    mask = across * course * _off_lips(patch, 1.0, 3.5)
    return patch.crease_set(style, outward / style.wavelength_mm, along, mask)


def perioral(ground: SkinGround) -> CreaseSet:
    """Lines across the lips' surroundings, as puckering makes them: longest beside the philtrum, few below."""
    patch = ground.patch("perioral", (-34.0, 34.0), (-96.0, -44.0))
    style = STYLES["perioral"]
    x, y = patch.x, patch.y
    above, below = _from_lips(patch)
    distance = np.maximum(above, below)
    # They fan out from the lips: wider apart the farther away.
    phase = x / (style.wavelength_mm * (1.0 + 0.03 * np.maximum(distance, 0.0)))
    phase = phase + np.where(above > below, 0.0, 0.37)
    reach = np.where(above > below, bump(above, 1.2, 8.5, 1.0, 3.5), 0.35 * bump(below, 1.2, 4.5, 1.0, 2.5))
    philtrum = 1.0 - 0.75 * np.exp(-((x / 4.0) ** 2)) * (above > below)
    mask = reach * philtrum * (1.0 - smoothstep(np.abs(x), 15.0, 25.0))
    return patch.crease_set(style, phase, np.abs(y + 70.0) + 60.0 * np.sign(y + 70.0), mask)


def lips(ground: SkinGround) -> CreaseSet:
    """Soft vertical grooves of the lips' red."""
    patch = ground.patch("lips", (-30.0, 30.0), (-88.0, -54.0))
    style = STYLES["lips"]
    x, y = patch.x, patch.y
    above, below = _from_lips(patch)
    # Grooves lean outwards on their way from the slit.
    phase = x / (style.wavelength_mm * (1.0 + 0.015 * np.abs(y + 70.0)))
    mask = (1.0 - smoothstep(np.maximum(above, below), -1.6, 0.4)) * (1.0 - smoothstep(np.abs(x), 15.0, 24.0))
    return patch.crease_set(style, phase, np.abs(y + 70.0) + 40.0 * np.sign(y + 70.0), mask)


def mentolabial(ground: SkinGround) -> CreaseSet:
    """The fold between lower lip and chin."""
    patch = ground.patch("mentolabial", (-34.0, 34.0), (-106.0, -74.0))
    style = STYLES["mentolabial"]
    upward, along, length = patch.curve(MENTOLABIAL)
    across = _flanks(upward, 5.2, 3.8)
    course = np.exp(-(((along - 0.5 * length) / (0.30 * length)) ** 2))
    course = course * (1.0 - smoothstep(np.abs(along - 0.5 * length), 0.42 * length, 0.55 * length))
    return patch.crease_set(
        style, upward / style.wavelength_mm, along, across * course * _off_lips(patch, 0.5, 3.0),
        activation={"mouthShrugLower": 0.25, "mouthPucker": 0.19, "jawForward": 0.17},
    )  # fmt: skip


def chin(ground: SkinGround) -> CreaseSet:
    """Pits of the chin's skin where the muscle below it pulls: cells of uneven size, not lines."""
    patch = ground.patch("chin", (-26.0, 26.0), (-118.0, -82.0))
    style = STYLES["chin"]
    x, y = patch.x, patch.y
    mask = np.exp(-(np.hypot(x / 17.0, (y + 100.0) / 9.5) ** 3.0))
    # The model's chin moves without being squeezed: only the muscle itself counts.
    activation = {"mouthShrugLower": 0.40}
    for side in ("Left", "Right"):
        activation |= {f"mouthFrown{side}": 0.04, f"mouthPress{side}": 0.03}
    return patch.crease_set(
        style, y / style.wavelength_mm, x, mask, relief="given", depth=_pits(patch, style.wavelength_mm, mask),
        activation=activation,
    )  # fmt: skip


def neck(ground: SkinGround) -> CreaseSet:
    """Rings of the neck's front, which sag in the middle."""
    patch = ground.patch("neck", (-62.0, 62.0), (-185.0, -112.0), z=(-90.0, 12.0))
    style = STYLES["neck"]
    x, y = patch.x, patch.y
    phase = (y + 136.0 - 0.004 * x * x) / style.wavelength_mm
    mask = bump(y, -168.0, -122.0, 9.0, 5.0) * (1.0 - smoothstep(np.abs(x), 30.0, 54.0))
    return patch.crease_set(style, phase, x, mask)


def _flanks(distance: Floats, before_mm: float, behind_mm: float) -> Float32:
    """1 on a line, fading by Gaussians of different widths where ``distance`` is negative and positive."""
    width = np.where(distance < 0.0, before_mm, behind_mm)
    result: Float32 = np.exp(-((distance / width) ** 2)).astype(np.float32)
    return result


def _from_lips(patch: Patch) -> tuple[Float32, Float32]:
    """(h, w) canonical mm above the upper and below the lower edge of the lips' red; negative on the red."""
    edge = np.asarray(LIP_EDGE)
    # Even in x: mirrored knots make the curve smooth on the mid-line.
    knots = np.r_[-edge[:0:-1, 0], edge[:, 0]]
    upper = CubicSpline(knots, np.r_[edge[:0:-1, 1], edge[:, 1]])
    lower = CubicSpline(knots, np.r_[edge[:0:-1, 2], edge[:, 2]])
    x = np.clip(patch.x, knots[0], knots[-1])
    return (patch.y - upper(x)).astype(np.float32), (lower(x) - patch.y).astype(np.float32)


def _off_lips(patch: Patch, low: float, high: float) -> Float32:
    """(h, w) 0 on the lips' red, 1 from ``high`` mm away."""
    above, below = _from_lips(patch)
    beside = np.abs(patch.x) - 26.0
    return smoothstep(np.maximum(np.maximum(above, below), beside), low, high)


def _pits(patch: Patch, pitch_mm: float, mask: Floats) -> Float32:
    """(h, w) height of a dimpled surface in units of its depth, mean about 0: pits of uneven size and depth, bent
    out of their round shape, neighbours running into each other here and there."""
    rng = patch.rng
    shape = np.shape(mask)
    seen = np.flatnonzero(np.ravel(mask) > 0.01)
    places = np.stack([patch.x, patch.y, patch.z], 2).reshape(-1, 3)[seen].astype(np.float64)
    pits = _scattered(places, 0.72 * pitch_mm, rng)
    waves = rng.normal(0.0, 2.0 * np.pi / (1.9 * pitch_mm), (3, 4, 3))
    turns = rng.uniform(0.0, 2.0 * np.pi, (3, 4))
    bent = places + 0.045 * pitch_mm * np.stack(
        [np.sin(places @ wave.T + turn).sum(1) for wave, turn in zip(waves, turns, strict=True)], 1
    )
    deep = np.clip(rng.normal(0.9, 0.45, len(pits)), 0.1, 1.9)
    wide = pitch_mm * rng.uniform(0.22, 0.38, len(pits))
    distance, owner = cKDTree(pits).query(bent, k=3)
    sunk = (deep[owner] * np.exp(-((distance / wide[owner]) ** 2))).sum(1)
    height = -2.0 * np.tanh(sunk / 2.0)
    height -= np.average(height, weights=np.ravel(mask)[seen])
    result = np.zeros(shape, np.float32)
    result.ravel()[seen] = height
    return result


def _scattered(places: NDArray[np.float64], apart_mm: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """(n, 3) of the places, at random but no two nearer to each other than ``apart_mm``."""
    some = places[rng.choice(len(places), min(len(places), 1500), replace=False)]
    kept = np.ones(len(some), bool)
    for first, second in sorted(cKDTree(some).query_pairs(apart_mm)):
        if kept[first]:
            kept[second] = False
    result: NDArray[np.float64] = some[kept]
    return result
