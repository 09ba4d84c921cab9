"""How old skin looks in a photo: the age at which mechanics and resting lines explain best what the photo shows.

In the photo's own expression a crease set is as deep as mechanics folds it at the person's age, and old skin keeps
part of its lines at rest (where the expression folds the skin much, the two cannot be told apart: it is left out):

    depth_k(age) = predicted_k aging(age) + r_k cap_k resting_share(age)

Measured is how much more the shading varies across the lines of a set, averaged along them, than along them,
averaged across: pigment, grain and pores have no direction and cancel. That needs no line to lie where the set has
it. The age is the one that fits all sets, each with its uncertainty, together with the belief that people are about
35 (maximum a posteriori).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .crease_ground import SkinGround, smoothstep
from .crease_set import CreaseSet, PhotoEvidence
from .line_lock import both_sides, calm_skin, expected_depth
from .line_wave import (
    FUNDAMENTAL,
    LockSettings,
    along_lines,
    averaged_along,
    coarse,
    light_across,
    response,
    texel_mm_of,
)
from .mesoscopic import squeezed
from .resting_lines import RESTING, resting_share
from .settings import AVERAGE_AGE

Float32 = NDArray[np.float32]

YEARS = (0.0, 5.0, 20.0, 35.0, 50.0, 65.0, 80.0, 95.0)
AGES = (0.0, 0.05, 0.25, AVERAGE_AGE, 0.70, 0.95, 1.2, 1.3)


@dataclass(frozen=True)
class SkinAgeSettings:
    """How age is read.

    sharp_enough   mm per pixel up to which a photo tells the age at all
    least_mm2      trusted skin with lines that it takes
    prior_sd       of the belief about the age
    set_sd, predicted_sd  standard deviation of a set's depth: share of its cap, and of what the expression makes
    set_mm2        area from which a set counts fully
    squeezed       compression by the photo's own expression between which skin no longer tells its age
    ages           that are tried: the oldest, and how many between a child's and that
    fine_pixels    a photo tells roughness where a pixel is at most so many mm
    rough_shade    standard deviation of the finest shading on average skin
    """

    sharp_enough: float = 1.0
    least_mm2: float = 1500.0
    prior_sd: float = 0.6
    set_sd: float = 0.12
    predicted_sd: float = 0.6
    set_mm2: float = 150.0
    squeezed: tuple[float, float] = (0.04, 0.10)
    ages: tuple[float, int] = (1.3, 131)
    fine_pixels: float = 0.3
    rough_shade: float = 0.045


def age_factor(years: float) -> float:
    """Years to ``SkinSettings.age``: 0 for a newborn's skin, 0.45 at 35, 1.3 from 95 years on.

    Raises ValueError where it is no age of a person.
    """
    if not 0.0 <= years <= 130.0:
        raise ValueError(f"{years:g} is not the age of a person in years")
    return float(np.interp(years, YEARS, AGES))


def years_of(age: float) -> float:
    """The inverse of ``age_factor``."""
    return float(np.interp(age, AGES, YEARS))


def with_age(
    ground: SkinGround,
    sets: Sequence[CreaseSet],
    evidence: PhotoEvidence,
    expression: NDArray[np.floating[Any]],
    settings: SkinAgeSettings | None = None,
    lock: LockSettings | None = None,
) -> PhotoEvidence:
    """The evidence with the age and roughness that it shows.

    Parameters
    ----------
    ground, sets : of the head, at the average age
    evidence : of the photo, at ``ground.size``
    expression : (E,) fitted to the photo
    settings : SkinAgeSettings
    lock : how shading is turned into depth

    Returns
    -------
    the evidence; unchanged, with ``age_from_photo`` False, where the photo is too coarse or shows too little skin
    """
    settings, lock = settings or SkinAgeSettings(), lock or LockSettings()
    if evidence.mm_per_pixel > settings.sharp_enough:
        return evidence._replace(age=AVERAGE_AGE, age_from_photo=False, roughness=1.0)
    shown = [lines for lines in sets if lines.relief == "lines"]
    whole = slice(0, ground.size), slice(0, ground.size)
    still = 1.0 - smoothstep(squeezed(ground, expression, whole), *settings.squeezed)
    predicted = expected_depth(ground, shown, expression)
    seen = 0.0
    ages = np.linspace(0.0, *settings.ages)
    unlikely = ((ages - AVERAGE_AGE) / settings.prior_sd) ** 2
    for lines, expected, calm in zip(shown, predicted, calm_skin(ground, shown, predicted, lock)):
        resting = RESTING.get(both_sides(lines.name))
        if resting is None:
            continue
        calm = calm * coarse(still[lines.rows, lines.columns])
        measured = measured_depth(ground, lines, evidence, lock, calm)
        if measured is None:
            continue
        depth, area, weight = measured
        seen += area
        given = float(np.sqrt((expected**2 * weight).sum() / weight.sum()))
        given /= ground.settings.aging**lines.style.aging
        cap = lines.style.cap_mm
        count = min(area / settings.set_mm2, 1.0)
        spread = settings.set_sd * cap + settings.predicted_sd * given
        aging = (0.5 + 0.5 * ages / AVERAGE_AGE) ** lines.style.aging
        # Shading that varies more along the lines than across them is no line.
        error = (max(depth, 0.0) - given * aging - resting * cap * resting_share(ages)) / spread
        unlikely += count * np.log1p(error**2)
    if seen < settings.least_mm2:
        return evidence._replace(age=AVERAGE_AGE, age_from_photo=False, roughness=1.0)
    likelihood = np.exp(-0.5 * (unlikely - unlikely.min()))
    age = float((likelihood * ages).sum() / likelihood.sum())
    return evidence._replace(age=age, age_from_photo=True, roughness=_roughness(evidence, settings))


def measured_depth(
    ground: SkinGround, lines: CreaseSet, evidence: PhotoEvidence, lock: LockSettings, calm: Float32
) -> tuple[float, float, Float32] | None:
    """Depth of the lines of a set in the photo, wherever they lie, where the photo's expression leaves skin calm.

    Returns
    -------
    depth mm (negative where shading varies more along the lines), mm^2 of trusted skin, and (h', w') its weights;
    None where the photo cannot show the set
    """
    inside = lines.mask > 0.3
    wavelength = float(np.median(lines.wavelength_mm[inside])) if inside.any() else 0.0
    if wavelength < lock.least_pixels * evidence.mm_per_pixel:
        return None
    crop = lines.rows, lines.columns
    texel = texel_mm_of(ground, lines)
    trust = coarse(evidence.trust[crop])
    weight = trust * calm * coarse(np.minimum(1.5 * lines.mask, np.float32(1.0)))
    area = float(weight.sum()) * texel**2
    if area < wavelength**2:
        return None
    both = np.stack([coarse(evidence.shading[crop] * evidence.trust[crop]), trust], -1)
    tangent = along_lines(lines, wavelength)
    normal = np.stack([-tangent[..., 1], tangent[..., 0]], -1)
    power = []
    for direction in (tangent, normal):
        total = averaged_along(both, direction, 1.5 * lock.along_mm)
        average = total[..., 0] / (total[..., 1] + np.float32(0.05))
        power.append(float((weight * average**2).sum() / weight.sum()))
    excess = power[0] - power[1]
    tilt = float((weight * np.abs(light_across(ground, lines, evidence))).sum() / weight.sum())
    per_shade = wavelength / abs(complex(lock.depth_per_shade, 2.0 * np.pi * lock.light * tilt))
    per_shade /= float(response(np.full(1, wavelength, np.float32), evidence.mm_per_pixel, lock)[0]) * FUNDAMENTAL
    depth = float(np.sign(excess) * np.sqrt(2.0 * abs(excess)) * per_shade)
    return depth, area, weight


def _roughness(evidence: PhotoEvidence, settings: SkinAgeSettings) -> float:
    """Fine shading over what average skin has, where the photo resolves it; else 1."""
    believed = evidence.trust > 0.8
    if evidence.mm_per_pixel > settings.fine_pixels or not believed.any():
        return 1.0
    fine = evidence.shading - cv2.GaussianBlur(evidence.shading, (0, 0), 3.0 * len(evidence.shading) / 1024)
    spread = float(np.median(np.abs(fine[believed]))) / 0.6745
    clean = float(np.sqrt(max(spread**2 - evidence.noise**2, 0.0)))
    return float(np.clip(clean / settings.rough_shade, 0.6, 1.5))
