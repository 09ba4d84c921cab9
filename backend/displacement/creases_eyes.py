"""Lines round the eyes: crow's feet, under the eye, the lower lid's furrow, bunny lines beside the nose."""

from __future__ import annotations

import numpy as np

from ..face_model.key_expressions import KEY_EXPRESSIONS
from .crease_ground import SkinGround, bump, smoothstep
from .crease_set import CreaseSet, CreaseStyle

CROWS_FEET = CreaseStyle(5.0, 0.64, 0.72, onset=0.03, exponent=0.9, roundness=0.14, variation=0.5,
                         variation_mm=11.0, meander=0.14)  # fmt: skip
CROWS_FEET_FINE = CreaseStyle(2.5, 0.12, 0.30, onset=0.06, exponent=1.0, roundness=0.15, variation=0.8,
                              variation_mm=6.0, meander=0.2, aging=1.6)  # fmt: skip
UNDER_EYE = CreaseStyle(3.2, 0.22, 0.42, onset=0.07, exponent=0.9, roundness=0.20, variation=1.1,
                        variation_mm=11.0, meander=0.22, aging=1.3)  # fmt: skip
LID_FURROW = CreaseStyle(5.0, 0.50, 0.62, onset=0.02, exponent=0.9, roundness=0.18, variation=0.2,
                         variation_mm=20.0, meander=0.02)  # fmt: skip
BUNNY = CreaseStyle(4.2, 0.30, 0.34, onset=0.04, exponent=0.9, roundness=0.20, variation=0.8,
                    variation_mm=9.0, meander=0.08)  # fmt: skip

FAN_CENTRE = (31.0, -2.0)
"""Canonical mm, inside the outer corner of the eye: where crow's feet point to."""
FAN_STEP = 12.5
"""Degrees between crow's feet."""

SQUINT = {"eyeSquintLeft": 1.0, "eyeSquintRight": 1.0}
CHEEKS = {"cheekSquintLeft": 1.0, "cheekSquintRight": 1.0}
SNEER = {"noseSneerLeft": 1.0, "noseSneerRight": 1.0}


def eye_creases(ground: SkinGround) -> list[CreaseSet]:
    """All sets round the eyes, left and then right."""
    sets = []
    for side, name in ((1, "left"), (-1, "right")):
        sets += crows_feet(ground, side, name)
        sets += [under_eye(ground, side, name), lid_furrow(ground, side, name), bunny_lines(ground, side, name)]
    return sets


def crows_feet(ground: SkinGround, side: int, name: str) -> list[CreaseSet]:
    """A fan of lines from the outer corner of the eye, and finer ones between."""
    patch = ground.patch(f"crows_feet_{name}", x=(44.0, 72.0), y=(-36.0, 30.0), z=(-45.0, 100.0), side=side)
    rng = patch.rng
    dx, dy = patch.x - FAN_CENTRE[0], patch.y - FAN_CENTRE[1]
    angle, radius = np.degrees(np.arctan2(dy, dx)), np.hypot(dx, dy)
    bent = angle - 0.35 * (radius - 20.0) * np.sign(angle) * np.clip(np.abs(angle) / 35.0, 0.0, 1.0)
    phase = (bent + 3.0 + rng.uniform(-3.0, 3.0)) / FAN_STEP
    fork, keep = np.zeros_like(phase), np.ones_like(phase)
    for sign, at, far in ((1, 8.0, 27.0), (-1, -22.0, 30.0), (1, 24.0, 24.0)):
        at, far = at + rng.uniform(-4.0, 4.0), far + rng.uniform(-2.0, 2.0)
        fork += sign * np.arctan2(angle - at, (radius - far) * 1.3) / (2.0 * np.pi)
        keep *= 1.0 - np.exp(-((radius - far) ** 2 + (np.radians(angle - at) * radius) ** 2) / 3.0)
    mask = bump(radius, 17.5, 32.0, 3.0, 8.0) * bump(angle, -44.0, 36.0, 10.0, 8.0)
    lines = patch.crease_set(CROWS_FEET, phase, radius, mask, forks=(fork, keep))
    return [lines, patch.finer(lines, CROWS_FEET_FINE, f"crows_feet_fine_{name}", 2, 0.2)]


def under_eye(ground: SkinGround, side: int, name: str) -> CreaseSet:
    """Fine lines under the lower lid, across the compression of a squint."""
    patch = ground.patch(f"under_eye_{name}", x=(10.0, 58.0), y=(-30.0, -2.0), side=side)
    cx, cy = patch.cell_places[..., 0], patch.cell_places[..., 1]
    weight = bump(cy, -28.0, -6.0, 4.0, 2.0) * bump(cx, 12.0, 52.0, 4.0, 8.0)
    phase, along = patch.follow(
        [KEY_EXPRESSIONS["smile"], SQUINT, CHEEKS], patch.towards(0.0, 1.0), 0.10,
        ground.settings.pitch(UNDER_EYE), weight,
    )  # fmt: skip
    mask = bump(patch.y, -16.0, -9.0, 6.0, 2.0) * bump(patch.x, 20.0, 46.0, 5.0, 7.0)
    return patch.crease_set(UNDER_EYE, phase, along, mask * smoothstep(patch.lid_mm, 2.5, 6.0))


def lid_furrow(ground: SkinGround, side: int, name: str) -> CreaseSet:
    """One soft furrow below the lower lid, where the eye's hollow meets the cheek."""
    patch = ground.patch(f"lid_furrow_{name}", x=(8.0, 56.0), y=(-30.0, 0.0), side=side)
    away, along, length = patch.curve([(15.0, -9.0), (21.0, -13.5), (30.0, -15.5), (39.0, -14.0), (46.0, -9.0)])
    mask = np.exp(-((away / 3.2) ** 2)) * bump(along, 4.0, length - 5.0, 4.0, 5.0)
    return patch.crease_set(LID_FURROW, away / 14.0, along, mask)


def bunny_lines(ground: SkinGround, side: int, name: str) -> CreaseSet:
    """Slanting lines on the side of the nose, when it is wrinkled."""
    patch = ground.patch(f"bunny_{name}", x=(2.0, 22.0), y=(-24.0, 6.0), side=side)
    cx, cy = patch.cell_places[..., 0], patch.cell_places[..., 1]
    weight = bump(cx, 3.0, 18.0, 2.0, 3.0) * bump(cy, -26.0, 0.0, 4.0, 4.0)
    phase, along = patch.follow([SNEER], patch.towards(-0.75, 0.8), 1.0, ground.settings.pitch(BUNNY), weight)
    mask = bump(patch.x, 5.0, 12.5, 2.5, 3.0) * bump(patch.y, -16.0, 0.0, 4.0, 4.0)
    return patch.crease_set(BUNNY, phase, along, mask)
