"""Static relief that is no line of a crease set, as far as the photo clearly shows it.

"Dark is deep" by itself is worm-eaten at any gain that one can see. So only what goes on in one direction for a few
millimetres is taken, averaged along it, and only what stands out of what remains; the rest of the skin's texture is
left to the pores. Better too little than worms. Where crease sets run, theirs is the direction to look in first: so
finer lines than the set's own are found too.

Averaged along any direction, mottled skin leaves something too. What the same average leaves across and oblique to
the direction that was chosen says how much of it is chance, and the share of the power that chance explains is
taken off (Wiener's filter): where a photo shows nothing but mottle, no relief remains. Edges that a form leaves
which lies a little beside the true one count like chance: they come where the form's own shading is steep.
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
from .strain import expression_heads, key_strain, principal

Float32 = NDArray[np.float32]

TURNS = (0.0, 0.25 * np.pi, 0.5 * np.pi, 0.75 * np.pi)
"""Directions of averages relative to the chosen one, radians: lines are along the first, chance is in all."""
KNOWN_MM = 0.02
"""Lines that are known already and as deep as this halve what is added to them."""


@dataclass(frozen=True)
class MesoscopicSettings:
    """Lengths in mm.

    mm_per_shade   depth per log luminance
    limit_mm       depth that is never exceeded
    smooth_mm      of the shading before directions are looked for; at least one pixel of the photo
    direction_mm   over which a direction is estimated
    prior          how much the direction of the crease sets counts, in energies of the shading
    along_mm       over which relief is averaged along it
    coherent       of the structure tensor, 0..1, between which relief is believed
    stands_out     strength over the typical one, between which relief is believed
    chance         power of chance along the chosen direction over that in others: it was chosen for being stronger
    misfit_mm      that the fitted form may lie beside the true one: where its own shading is steep, edges of it are
                   no relief
    long, length_mm   share of the surroundings, over a length, that stands out too, between which it is believed
    typical        log luminance that the typical strength has at least: no form is fitted better
    bright         share of what is brighter than its surroundings: a ridge is wider than a valley
    lips_mm        distance from the lips' slit between which relief is believed: round the mouth's corners light
                   and form change too much within a few mm
    squeezed       compression by the photo's own expression between which relief is taken for dynamic
    """

    mm_per_shade: float = 1.8
    limit_mm: float = 0.22
    smooth_mm: float = 0.7
    direction_mm: float = 2.2
    prior: float = 0.7
    along_mm: float = 4.0
    coherent: tuple[float, float] = (0.12, 0.4)
    stands_out: tuple[float, float] = (1.5, 3.0)
    chance: float = 2.0
    misfit_mm: float = 1.0
    long: tuple[float, float] = (0.14, 0.3)
    length_mm: float = 4.0
    typical: float = 0.015
    bright: float = 0.33
    lips_mm: tuple[float, float] = (8.0, 16.0)
    squeezed: tuple[float, float] = (0.03, 0.10)


def mesoscopic_relief(
    ground: SkinGround,
    sets: Sequence[CreaseSet],
    evidence: PhotoEvidence,
    lines_mm: Float32,
    expression: NDArray[np.floating[Any]],
    settings: MesoscopicSettings | None = None,
) -> Float32:
    """Relief at rest that the photo shows besides the lines of crease sets.

    Parameters
    ----------
    ground, sets : of the head
    evidence : of the photo, at ``ground.size``
    lines_mm : (S, S) static lines that are known already; nothing is added to them
    expression : (E,) fitted to the photo; what it squeezes is dynamic

    Returns
    -------
    (S, S) float32 mm
    """
    settings = settings or MesoscopicSettings()
    size = ground.size
    result = np.zeros((size, size), np.float32)
    rows, columns = (np.flatnonzero((evidence.trust > 0.05).any(axis)) for axis in (1, 0))
    if not len(rows):
        return result
    # Half the map's resolution is finer than most photos and fine enough for what is kept.
    crop = (slice(rows[0] & ~1, rows[-1] | 1), slice(columns[0] & ~1, columns[-1] | 1))
    height, width = crop[0].stop - crop[0].start, crop[1].stop - crop[1].start
    half = (max(2, width // 2), max(2, height // 2))

    def reduced(values: Float32) -> Float32:
        return np.asarray(cv2.resize(values, half, interpolation=cv2.INTER_AREA), np.float32)

    trust = reduced(np.ascontiguousarray(evidence.trust[crop]))
    metric = ground.frame.metric[ground.frame.cells_of_crop(*crop, size)]
    per_texel = 2.0 * ground.frame.size / size
    texel_mm = float(np.sqrt(np.median(metric[..., 0] * metric[..., 2]))) * per_texel
    fine = max(settings.smooth_mm, evidence.mm_per_pixel)
    shading = reduced(np.ascontiguousarray(evidence.shading[crop] * evidence.trust[crop]))
    weight = cv2.GaussianBlur(trust, (0, 0), fine / texel_mm) + np.float32(0.02)
    shading = cv2.GaussianBlur(shading, (0, 0), fine / texel_mm) / weight
    prior = reduced(_directions(sets, size)[crop])
    misfit = np.zeros_like(trust) if evidence.form is None else reduced(np.ascontiguousarray(evidence.form[crop]))
    misfit *= np.float32(settings.misfit_mm)
    line, coherence, share = _along_structure(shading, trust, prior, misfit, texel_mm, settings)
    believed = trust > 0.5
    if not believed.any():
        return result
    typical = max(float(np.median(np.abs(line[believed]))) / 0.6745, settings.typical)
    line *= smoothstep(np.abs(line) / np.float32(typical), *settings.stands_out)
    line *= smoothstep(coherence, *settings.coherent)
    # What is short is a spot or a hair.
    strong = np.minimum(np.abs(line) / np.float32(settings.stands_out[0] * typical), np.float32(1.0))
    reach = cv2.GaussianBlur(strong, (0, 0), settings.length_mm / texel_mm)
    line *= smoothstep(np.asarray(reach, np.float32), *settings.long)
    line = share * np.where(line > 0.0, np.float32(settings.bright) * line, line)
    depth = np.float32(settings.limit_mm) * np.tanh(line * np.float32(settings.mm_per_shade / settings.limit_mm))
    known = reduced(np.ascontiguousarray(lines_mm[crop]))
    around = np.sqrt(cv2.GaussianBlur(known * known, (0, 0), settings.direction_mm / texel_mm))
    depth *= trust / (1.0 + (around / np.float32(KNOWN_MM)) ** 2)
    lip_mm = ground.frame.texels_of_vertices(ground.frame.lip_mm, *crop, size)
    depth *= smoothstep(reduced(lip_mm), *settings.lips_mm)
    depth *= 1.0 - smoothstep(reduced(squeezed(ground, expression, crop)), *settings.squeezed)
    whole = cv2.resize(depth, (width, height), interpolation=cv2.INTER_CUBIC)
    whole = cv2.GaussianBlur(whole, (0, 0), 1.5 * size / 1024)  # no steps of the coarser grid
    result[crop] = np.where(evidence.trust[crop] > 0.0, whole, 0.0)
    return result


def _directions(sets: Sequence[CreaseSet], size: int) -> Float32:
    """(S, S, 3) sum of the tensors n n^T, (xx, yy, xy), of directions n across the lines of crease sets."""
    result = np.zeros((size, size, 3), np.float32)
    for lines in sets:
        if lines.relief != "lines":
            continue
        y, x = np.gradient(lines.phase)
        weight = lines.mask / np.maximum(x * x + y * y, np.float32(1e-9))
        result[lines.rows, lines.columns] += np.stack([x * x, y * y, x * y], -1) * weight[..., None]
    return result


def _along_structure(
    shading: Float32,
    trust: Float32,
    prior: Float32,
    misfit: Float32,
    texel_mm: float,
    settings: MesoscopicSettings,
) -> tuple[Float32, Float32, Float32]:
    """The shading averaged along its own direction, how clear that direction is, -1..1, and the share of the
    average's power that is more than chance, 0..1."""
    x = cv2.Sobel(shading, cv2.CV_32F, 1, 0) * trust
    y = cv2.Sobel(shading, cv2.CV_32F, 0, 1) * trust
    sigma = settings.direction_mm / texel_mm
    xx, yy, xy = (cv2.GaussianBlur(product, (0, 0), sigma) for product in (x * x, y * y, x * y))
    energy = xx + yy + np.float32(1e-9)
    expected = np.float32(settings.prior) * energy[..., None] * np.minimum(prior, 1.0)
    across = 0.5 * np.arctan2(
        2.0 * (xy + expected[..., 2]), xx + expected[..., 0] - yy - expected[..., 1]
    )  # angle across the lines
    # What the shading itself says about the direction that was chosen.
    coherence = ((xx - yy) * np.cos(2.0 * across) + 2.0 * xy * np.sin(2.0 * across)) / energy
    weighted = np.stack([shading * trust, trust], -1)
    reach = settings.along_mm / texel_mm
    line, *others = (_averaged(weighted, across + np.float32(0.5 * np.pi + turn), reach) for turn in TURNS)
    chance = np.mean([_nearby_power(other, trust, sigma) for other in others], axis=0) * np.float32(settings.chance)
    chance += misfit * misfit
    power = _nearby_power(line, trust, sigma)
    share = np.maximum(1.0 - chance / np.maximum(power, np.float32(1e-9)), 0.0)
    return line, np.asarray(coherence, np.float32), np.asarray(share, np.float32)


def _averaged(weighted: Float32, angle: Float32, reach: float) -> Float32:
    """(h, w) Gaussian average over ``reach`` texels along a field of angles; ``weighted`` (h, w, 2): values times
    their weights, weights."""
    rows, columns = np.indices(angle.shape, dtype=np.float32)
    along_x, along_y = np.cos(angle), np.sin(angle)
    total = weighted.copy()
    for step in (-1.5, -1.0, -0.5, 0.5, 1.0, 1.5):
        move = np.float32(step * reach)
        place = columns + along_x * move, rows + along_y * move
        share = np.float32(np.exp(-0.5 * step**2))
        total += share * cv2.remap(weighted, *place, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(total[..., 0] / (total[..., 1] + np.float32(0.05)), np.float32)


def _nearby_power(values: Float32, trust: Float32, sigma: float) -> Float32:
    """(h, w) weighted mean square within about ``sigma`` texels."""
    above = cv2.GaussianBlur(values * values * trust, (0, 0), sigma)
    return np.asarray(above / (cv2.GaussianBlur(trust, (0, 0), sigma) + np.float32(0.02)), np.float32)


def squeezed(ground: SkinGround, expression: NDArray[np.floating[Any]], crop: tuple[slice, slice]) -> Float32:
    """(h, w) largest compression by an expression (E,), on the texels of a crop (rows, columns) of the map."""
    heads = expression_heads(ground.neutral, ground.blendshapes, np.asarray(expression, np.float64)[None])
    compression, _, _ = principal(key_strain(ground.frame, heads))
    area = ground.frame.cells_of_crop(*crop, ground.size)
    texels = ground.frame.texels_of_cells(compression[:, area[0], area[1]], area, *crop, ground.size)
    return np.asarray(texels[0], np.float32)
