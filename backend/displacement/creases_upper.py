"""Lines of the upper face: forehead, between the brows, bridge of the nose."""

from __future__ import annotations

import numpy as np

from ..face_model.key_expressions import KEY_EXPRESSIONS
from .crease_ground import SkinGround, bump, smoothstep
from .crease_set import CreaseSet, CreaseStyle
from .creases_eyes import eye_creases
from .phase import forks

FOREHEAD = CreaseStyle(8.2, 0.75, 0.55, onset=0.02, exponent=0.9, roundness=0.20, variation=0.6,
                       variation_mm=34.0, meander=0.20)  # fmt: skip
FOREHEAD_FINE = CreaseStyle(2.7, 0.16, 0.13, onset=0.08, exponent=1.0, roundness=0.15, variation=0.9,
                            variation_mm=11.0, meander=0.13, aging=1.6)  # fmt: skip
GLABELLA = CreaseStyle(8.0, 0.95, 0.70, onset=0.02, exponent=0.8, roundness=0.18, variation=0.3,
                       variation_mm=16.0, meander=0.10)  # fmt: skip
GLABELLA_FINE = CreaseStyle(2.6, 0.12, 0.20, onset=0.05, roundness=0.15, variation=0.8, variation_mm=8.0,
                            meander=0.25, aging=1.6)  # fmt: skip
NASION = CreaseStyle(5.0, 0.45, 0.42, onset=0.02, exponent=0.8, roundness=0.14, variation=0.4,
                     variation_mm=10.0, meander=0.12)  # fmt: skip

PRIOR = 0.06
"""Compression that the expected direction of forehead lines counts for."""
FORKS = 3


def upper_creases(ground: SkinGround) -> list[CreaseSet]:
    """Forehead, glabella, nasion and the lines round the eyes, of both sides."""
    return [*forehead(ground), *glabella(ground), nasion(ground), *eye_creases(ground)]


def forehead(ground: SkinGround) -> list[CreaseSet]:
    """Lines across the forehead, at right angles to its compression under raised brows, and finer ones between."""
    patch = ground.patch("forehead", x=(-68.0, 68.0), y=(22.0, 84.0), z=(-45.0, 100.0))
    x, y = patch.x, patch.y
    cx, cy = patch.cell_places[..., 0], patch.cell_places[..., 1]
    weight = bump(cy, 28.0, 88.0, 6.0, 6.0) * (1.0 - smoothstep(np.abs(cx), 48.0, 64.0))
    # The spacing is right when the skin is compressed: lambda exp(-e) is what one sees.
    phase, along = patch.follow(
        [KEY_EXPRESSIONS["brow_raiser"], KEY_EXPRESSIONS["sadness"]],
        patch.towards(0.0, 1.0), PRIOR, ground.settings.pitch(FOREHEAD), weight,
    )  # fmt: skip
    wide = np.abs(x)
    mask = bump(y, 34.0 - 5.0 * np.clip(1.0 - wide / 14.0, 0.0, 1.0), 74.0, 6.0, 9.0) * (
        1.0 - smoothstep(wide, 38.0, 60.0)
    )
    rng = patch.rng
    places = []
    for _ in range(FORKS):
        start = rng.uniform(-36.0, 36.0)
        end = start + rng.choice([-1.0, 1.0]) * rng.uniform(18.0, 34.0)
        places.append((start, end, rng.uniform(38.0, 70.0), rng.choice([-1.0, 1.0])))
    lines = patch.crease_set(FOREHEAD, phase, along, mask, forks=forks(x, y, places, 0.35), spread=0.75)
    return [lines, patch.finer(lines, FOREHEAD_FINE, "forehead_fine", 3, 0.12)]


def glabella(ground: SkinGround) -> list[CreaseSet]:
    """Two frown lines between the brows, leaning a little, and finer ones beside them."""
    patch = ground.patch("glabella", x=(-16.0, 16.0), y=(6.0, 54.0))
    rng = patch.rng
    middle = rng.normal(0.0, 0.5)
    x, y = patch.x - np.float32(middle), patch.y
    side = np.sign(x)
    lean = (0.08 + 0.03 * rng.standard_normal()) * (y - 22.0)
    phase = (np.abs(x) - 4.9 - np.abs(lean) * np.sign(y - 22.0)) / 10.0
    mask = bump(y, 15.0, 34.0, 6.0, 14.0) * (1.0 - smoothstep(np.abs(x), 6.2, 11.0))
    mask = mask * np.where(x > 0.0, 1.0, rng.uniform(0.72, 0.95)).astype(np.float32)
    lines = patch.crease_set(GLABELLA, phase, y + 60.0 * side, mask)
    fine = patch.finer(lines, GLABELLA_FINE, "glabella_fine", 3, 0.4)
    return [lines, fine]


def nasion(ground: SkinGround) -> CreaseSet:
    """One or two lines across the root of the nose."""
    patch = ground.patch("nasion", x=(-18.0, 18.0), y=(-6.0, 22.0), z=(5.0, 100.0))
    x, y = patch.x, patch.y
    mask = (1.0 - smoothstep(np.abs(x), 7.0, 13.0)) * bump(y, 2.0, 14.0, 3.0, 4.0)
    return patch.crease_set(NASION, (y - 8.0 - 0.02 * x**2) / 6.0, x, mask)
