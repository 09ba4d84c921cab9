"""Lines of the upper face: forehead, between the brows, bridge of the nose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..face_model.key_expressions import KEY_EXPRESSIONS
from .crease_ground import SkinGround, bump, smoothstep
from .crease_set import CreaseSet, CreaseStyle
from .creases_eyes import eye_creases
from .noise import between_lines
from .phase import forks

Float32 = NDArray[np.float32]

FOREHEAD = CreaseStyle(7.7, 1.05, 0.90, onset=0.02, exponent=1.0, roundness=0.20, variation=0.25,
                       variation_mm=22.0, meander=0.20)  # fmt: skip
FOREHEAD_FINE = CreaseStyle(2.8, 0.10, 0.08, onset=0.08, exponent=1.0, roundness=0.15, variation=1.1,
                            variation_mm=9.0, meander=0.30, aging=1.6)  # fmt: skip
GLABELLA = CreaseStyle(9.8, 1.35, 1.42, onset=0.02, exponent=1.0, roundness=0.36, variation=0.15,
                       variation_mm=16.0, meander=0.07, aging=0.7)  # fmt: skip
GLABELLA_FINE = CreaseStyle(2.6, 0.12, 0.20, onset=0.05, roundness=0.15, variation=0.8, variation_mm=8.0,
                            meander=0.25, aging=1.6)  # fmt: skip
NASION = CreaseStyle(5.5, 0.75, 0.92, onset=0.02, exponent=1.0, roundness=0.16, variation=0.4,
                     variation_mm=10.0, meander=0.12)  # fmt: skip

PRIOR = 0.06
"""Compression that the expected direction of forehead lines counts for."""
FORKS = 2
FROWN_GAP_MM = 9.6
"""Between the two frown lines, at the height of the brows."""
LOWEST_LINE_MM = 37.5
"""Canonical height of the lowest line of the forehead."""
MAIN_LINE = (0.7, 1.0, 1.0, 0.85, 0.6, 0.25, 0.0, 0.0)
"""How likely each line from the lowest on is a main line."""
HALF_FOREHEAD_MM = 80.0


def upper_creases(ground: SkinGround) -> list[CreaseSet]:
    """Forehead, glabella, nasion and the lines round the eyes, of both sides."""
    return [*forehead(ground), *glabella(ground), nasion(ground), *eye_creases(ground)]


def forehead(ground: SkinGround) -> list[CreaseSet]:
    """Lines across the forehead, at right angles to its compression under raised brows, and finer ones between."""
    patch = ground.patch("forehead", x=(-68.0, 68.0), y=(22.0, 90.0), z=(-45.0, 100.0))
    x, y = patch.x, patch.y
    cx, cy = patch.cell_places[..., 0], patch.cell_places[..., 1]
    weight = bump(cy, 28.0, 88.0, 6.0, 6.0) * (1.0 - smoothstep(np.abs(cx), 48.0, 64.0))
    phase, along = patch.follow(
        [KEY_EXPRESSIONS["brow_raiser"], KEY_EXPRESSIONS["sadness"]],
        patch.towards(0.0, 1.0), PRIOR, ground.settings.pitch(FOREHEAD), weight,
    )  # fmt: skip
    wide = np.abs(x)
    mask = bump(y, 34.0 - 5.0 * np.clip(1.0 - wide / 14.0, 0.0, 1.0), 73.0, 6.0, 8.0) * (
        1.0 - smoothstep(wide, 34.0, 62.0)
    )
    rng = patch.rng
    # The first line lies a little above the brows, wherever the fit's free constant has put it.
    low = np.median(phase[(np.abs(y - LOWEST_LINE_MM) < 0.7) & (wide < 25.0)])
    phase = phase - low + np.float32(rng.uniform(-0.25, 0.25))
    along = along - np.median(along[wide < 0.7])
    places = []
    for _ in range(FORKS):
        start = rng.uniform(-34.0, 34.0)
        end = start + rng.choice([-1.0, 1.0]) * rng.uniform(18.0, 34.0)
        places.append((start, end, rng.uniform(40.0, 68.0), rng.choice([-1.0, 1.0])))
    lines = patch.crease_set(
        FOREHEAD, phase, along, mask, forks=forks(x, y, places, 0.35),
        depth=_line_depths(rng, phase, along), spread=0.75,
    )  # fmt: skip
    # Finer lines only beside the main ones: elsewhere they would look woven.
    beside = np.clip(lines.depth, 0.1, 0.6)
    return [lines, patch.finer(lines, FOREHEAD_FINE, "forehead_fine", 3, 0.12, beside)]


def _line_depths(rng: np.random.Generator, phase: Float32, along: Float32) -> Float32:
    """Which lines of a forehead are main lines, how far each runs, and where it is interrupted."""
    length = int(2 * HALF_FOREHEAD_MM)
    s = np.arange(length) - HALF_FOREHEAD_MM
    table = np.zeros((len(MAIN_LINE), length), np.float32)
    for line in range(len(MAIN_LINE)):
        main = rng.random() < MAIN_LINE[line]
        strength = rng.uniform(0.85, 1.0) if main else rng.uniform(0.25, 0.5)
        strength *= float(np.interp(line, (3.0, 6.0), (1.0, 0.55)))
        reach = rng.uniform(30.0, 46.0, 2) if main else rng.uniform(8.0, 26.0, 2)
        centre = rng.normal(0.0, 3.0) if main else rng.uniform(-20.0, 20.0)
        right, left = centre - reach[0], centre + reach[1]
        # Deepest in the middle, and thinning out over a long way.
        table[line] = strength * smoothstep(s, right - 10.0, right + 18.0)
        table[line] *= 1.0 - smoothstep(s, left - 18.0, left + 10.0)
        if rng.random() < 0.45:
            table[line] *= 1.0 - rng.uniform(0.5, 0.9) * np.exp(-(((s - rng.uniform(-26.0, 26.0)) / 4.5) ** 2))
    inside = np.clip(along + HALF_FOREHEAD_MM, 0.0, length - 1.001)
    return between_lines(table, np.clip(phase, 0.0, len(MAIN_LINE) - 1.001), inside)


def glabella(ground: SkinGround) -> list[CreaseSet]:
    """Two frown lines between the brows, leaning a little, and finer ones beside them."""
    patch = ground.patch("glabella", x=(-22.0, 22.0), y=(4.0, 58.0))
    rng = patch.rng
    x, y = patch.x - np.float32(rng.normal(0.0, 0.5)), patch.y
    # Lines 0 and 1, half a gap from the middle; the gap opens upwards.
    gap = FROWN_GAP_MM + (0.09 + 0.04 * rng.standard_normal()) * np.clip(y - 22.0, -20.0, 26.0)
    phase = x / gap + 0.5
    ends = 31.0 + 1.5 * rng.standard_normal(2)
    high = ends[0] + (ends[1] - ends[0]) * smoothstep(x, -3.0, 3.0)
    mask = bump(y, 13.0, high, 5.0, 14.0) * (1.0 - smoothstep(np.abs(x), 0.65 * gap, 1.2 * gap))
    lines = patch.crease_set(GLABELLA, phase, y, mask)
    return [lines, patch.finer(lines, GLABELLA_FINE, "glabella_fine", 3, 0.4)]


def nasion(ground: SkinGround) -> CreaseSet:
    """One or two lines across the root of the nose."""
    patch = ground.patch("nasion", x=(-20.0, 20.0), y=(-6.0, 22.0), z=(5.0, 100.0))
    x, y = patch.x, patch.y
    mask = (1.0 - smoothstep(np.abs(x), 7.0, 15.0)) * bump(y, 1.0, 14.0, 3.0, 4.0)
    return patch.crease_set(NASION, (y - 8.0 - 0.02 * x**2) / 6.0, x, mask)
