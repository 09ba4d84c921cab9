"""Which pixels of the photo show skin that may go onto the mesh: not hair, background, collars, eyes or teeth.

The landmarks know where the face is; a Gaussian of this person's own skin colour, in CIELAB and estimated from
cheeks, nose and forehead, knows what it looks like; a graph cut (GrabCut, Rother et al. 2004) that starts from both
draws the border along edges of the photo. Within the face the landmarks rule, so that beards, shadows, highlights
and make-up stay as photographed; only its upper part and its rim can be hair.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..photo.landmark_sets import (
    FACE_OVAL,
    LEFT_BROW_LOWER,
    LEFT_BROW_UPPER,
    LEFT_EYE_LOOP,
    LIPS_INNER_LOOP,
    LIPS_OUTER_LOOP,
    RIGHT_BROW_LOWER,
    RIGHT_BROW_UPPER,
    RIGHT_EYE_LOOP,
)

FloatArray = NDArray[np.floating[Any]]

# Cheeks, nose and the middle of the forehead: bare skin on nearly everyone.
BARE_SKIN = (
    (9, 336, 337, 151, 108, 107),
    (6, 351, 399, 437, 420, 360, 344, 1, 115, 131, 198, 217, 174, 122),
    (118, 119, 100, 126, 209, 203, 206, 207, 187, 123, 117),
    (347, 348, 329, 355, 429, 423, 426, 427, 411, 352, 346),
)
CHIN_TO_BROW = (152, 9)
# Upper edge outer to inner, then the lower edge back.
BROW_LOOPS = ((*RIGHT_BROW_UPPER, *RIGHT_BROW_LOWER[::-1]), (*LEFT_BROW_UPPER, *LEFT_BROW_LOWER[::-1]))


@dataclass(frozen=True)
class SkinMaskSettings:
    """How skin is told from the rest. Lengths in widths of the face.

    working_px      long side of the image that the graph cut sees
    cut_rounds      rounds of GrabCut
    rim             this deep inside the face's outline, what the colours call hair is hair
    erode, feather  how far the mask keeps away from its border, and over which distance it rises to 1
    least_evidence  likelihood that skin needs outside the middle of the face
    clear_evidence  likelihood that is enough for the face below the brows
    lightness_sd    standard deviations of L below and above the mean: shadows and highlights are skin too
    bright_sd_outside  standard deviation of L above the mean beyond the face's outline
    dark_sd_hairy   standard deviation of L below the mean, of the mean, above the brows and beyond the outline
    chroma_sd       least standard deviation of a and b
    """

    working_px: int = 288
    cut_rounds: int = 3
    rim: float = 0.11
    erode: float = 0.04
    feather: float = 0.05
    least_evidence: float = 0.5
    clear_evidence: float = 0.72
    lightness_sd: tuple[float, float] = (18.0, 26.0)
    bright_sd_outside: float = 9.0
    dark_sd_hairy: float = 0.15
    chroma_sd: float = 3.5


class SkinModel(NamedTuple):
    """A person's skin in CIELAB, with what light does to it.

    Shadow scales a colour towards black and gloss mixes it with white (dichromatic reflection), so the expected
    chroma depends on the lightness: the model is a curve through black, the skin's own colour and white.

    mean          (3,) L, a, b of evenly lit skin
    chroma_precision  (2, 2) inverse covariance of a and b about the curve
    lightness_sd  (2,) standard deviations of L below and above the mean
    tone          (3,) sRGB 0..1
    """

    mean: NDArray[np.float64]
    chroma_precision: NDArray[np.float64]
    lightness_sd: tuple[float, float]
    tone: NDArray[np.float64]

    def offsets(self, rgb: FloatArray) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(..., 3) sRGB 0..1 to L offset from the mean (...) and a, b offsets (..., 2) from the curve."""
        return _curve_offsets(to_lab(rgb), self.mean)

    def likelihood(
        self, rgb: FloatArray, lightness_sd: tuple[FloatArray | float, FloatArray | float] | None = None
    ) -> NDArray[np.float32]:
        """(..., 3) sRGB 0..1 to (...) float32: 1 on the curve, 0.5 at two and a half standard deviations.

        ``lightness_sd`` replaces the model's own, each a number or (...).
        """
        lightness, chroma = self.offsets(rgb)
        below, above = lightness_sd or self.lightness_sd
        sd = np.where(lightness < 0, below, above)
        squared = np.einsum("...i,ij,...j->...", chroma, self.chroma_precision, chroma) + (lightness / sd) ** 2
        result: NDArray[np.float32] = (1.0 / (1.0 + (squared / 2.5**2) ** 2)).astype(np.float32)
        return result


def _curve_offsets(
    lab: NDArray[np.float32], mean: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    lightness = lab[..., 0]
    shadow = np.maximum(lightness / mean[0], 0.0) ** 0.7
    gloss = np.clip((100.0 - lightness) / max(100.0 - mean[0], 1.0), 0.0, 1.0)
    expected = np.where(lightness < mean[0], shadow, gloss)[..., None] * mean[1:]
    return lightness - np.float32(mean[0]), (lab[..., 1:] - expected).astype(np.float32)


class SkinMask(NamedTuple):
    """``mask`` (h, w) float32 0..1 over the view: usable skin; ``model`` the colours found."""

    mask: NDArray[np.float32]
    model: SkinModel


def to_lab(rgb: FloatArray) -> NDArray[np.float32]:
    """(..., 3) sRGB 0..1 to CIELAB (L 0..100), float32."""
    values = np.ascontiguousarray(rgb, dtype=np.float32)
    lab = cv2.cvtColor(values.reshape(-1, 1, 3), cv2.COLOR_RGB2LAB)
    return np.asarray(lab, dtype=np.float32).reshape(values.shape)


def polygon_mask(shape: tuple[int, int], *outlines: FloatArray) -> NDArray[np.bool_]:
    """Pixels inside closed outlines, each (n, 2) in pixels."""
    canvas = np.zeros(shape, np.uint8)
    for outline in outlines:
        fixed_point = np.round((np.asarray(outline) - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(canvas, [fixed_point], (1,), shift=4)
    return canvas.astype(bool)


def skin_model(rgb: FloatArray, landmarks: FloatArray, settings: SkinMaskSettings) -> SkinModel:
    """Robust fit of a person's skin colours: start at the median, re-estimate on the nearest three quarters.

    Parameters
    ----------
    rgb : (h, w, 3) sRGB 0..1
    landmarks : (478, 2) pixels of ``rgb``
    """
    shape = (rgb.shape[0], rgb.shape[1])
    bare = polygon_mask(shape, *(landmarks[list(outline)] for outline in BARE_SKIN))
    if bare.sum() < 30:  # a tiny face: take the whole
        bare = polygon_mask(shape, landmarks[list(FACE_OVAL)])
    colours = rgb[bare].astype(np.float64)
    lab = to_lab(colours).astype(np.float64)
    mean = np.median(lab, axis=0)
    covariance = np.eye(2) * settings.chroma_sd**2
    chosen = np.ones(len(lab), bool)
    for _ in range(4):
        lightness, chroma = _curve_offsets(lab.astype(np.float32), mean)
        squared = np.einsum("ni,ij,nj->n", chroma, np.linalg.inv(covariance), chroma)
        squared += (lightness / np.where(lightness < 0, *settings.lightness_sd)) ** 2
        chosen = squared <= np.quantile(squared, 0.75)
        mean = lab[chosen].mean(0)
        # 1.6: a Gaussian cut at its nearest three quarters looks that much tighter than it is.
        covariance = np.cov(chroma[chosen].T) * 1.6 + np.eye(2) * settings.chroma_sd**2
    return SkinModel(mean, np.linalg.inv(covariance), settings.lightness_sd, np.median(colours[chosen], axis=0))


def skin_mask(
    pixels: NDArray[np.uint8], landmarks: FloatArray, head: NDArray[np.bool_], settings: SkinMaskSettings
) -> SkinMask:
    """Find usable skin.

    Parameters
    ----------
    pixels : (h, w, 3) uint8 sRGB, the view
    landmarks : (478, 2) pixels of the view
    head : bool, any size over the same view: where the fitted head covers the photo
    settings : SkinMaskSettings
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, settings.working_px / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    points = np.asarray(landmarks, dtype=np.float64)[:, :2] * [size[0] / width, size[1] / height]
    face_width = float(np.linalg.norm(points[234] - points[454])) or float(np.ptp(points[:, 0]))
    rgb = small.astype(np.float32) / 255.0
    model = skin_model(rgb, points, settings)
    inside_head = cv2.resize(head.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0

    skin = _cut(small, points, model, inside_head, face_width, settings)
    distance = _signed_distance(skin) / face_width - settings.erode
    mask = _smoothstep(distance / settings.feather)
    # Openings are drawn at full size: the lids' border is finer than a working pixel.
    full = np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)
    at = np.asarray(landmarks, dtype=np.float64)[:, :2]
    rings = (RIGHT_EYE_LOOP, LEFT_EYE_LOOP, LIPS_INNER_LOOP)
    openings = polygon_mask((height, width), *(at[list(ring)] for ring in rings))
    full *= _smoothstep(-_signed_distance(openings) / (0.012 * face_width / scale) - 0.2)
    return SkinMask(full, model)


def _cut(
    small: NDArray[np.uint8],
    points: NDArray[np.float64],
    model: SkinModel,
    inside_head: NDArray[np.bool_],
    face_width: float,
    settings: SkinMaskSettings,
) -> NDArray[np.bool_]:
    """Skin or not, (h, w), by a graph cut between colours of the face and colours of everything else."""
    shape = (small.shape[0], small.shape[1])
    oval = polygon_mask(shape, points[list(FACE_OVAL)])
    # The middle of the face from the brows down is face whatever its colour (beards, shadows, glasses).
    up = points[CHIN_TO_BROW[1]] - points[CHIN_TO_BROW[0]]
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    from_brows = np.stack([x, y], axis=-1) - points[CHIN_TO_BROW[1]]
    above = from_brows @ up / float(up @ up)  # 0 at the brows, -1 at the chin
    # Where hair grows, only colours near the lit skin's count as skin: dark hair looks like skin in shadow, white
    # hair like gloss.
    hairy = ~oval | (above > 0.08)
    dark = np.where(hairy, settings.dark_sd_hairy * model.mean[0], settings.lightness_sd[0])
    bright = np.where(oval, settings.lightness_sd[1], settings.bright_sd_outside)
    likelihood = model.likelihood(small.astype(np.float32) / 255.0, (dark, bright))
    evidence = cv2.GaussianBlur(likelihood, (0, 0), max(0.6, 0.02 * face_width))
    core = oval & (_signed_distance(oval) > settings.rim * face_width) & (above < 0.02)
    loops = (RIGHT_EYE_LOOP, LEFT_EYE_LOOP, LIPS_OUTER_LOOP)
    features = polygon_mask(shape, *(points[list(loop)] for loop in loops))
    core |= _grow(features, 0.02 * face_width) & oval
    for brow, eye in zip(BROW_LOOPS, (RIGHT_EYE_LOOP, LEFT_EYE_LOOP)):
        hair = _grow(polygon_mask(shape, points[list(brow)]), 0.02 * face_width)
        ring = _grow(hair, 0.03 * face_width) & ~hair & oval
        if not ring.any() or evidence[ring].mean() > settings.least_evidence:
            core |= hair & oval
        else:  # a fringe hangs over this brow: from the lids up, colours decide
            lids = points[list(eye)].mean(0)
            along = (np.stack([x, y], axis=-1) - lids) @ up
            near_eye = np.hypot(x - lids[0], y - lids[1]) < 0.35 * face_width
            core &= ~(near_eye & (along > 0.0) & (evidence < settings.least_evidence))

    # Below the jaw there are collars, beards' ends, rim light and the chin's shadow: the neck takes the skin's own
    # colour.
    evidence[~oval & (above < -0.25)] = 0.0
    near = _grow(inside_head | oval, 0.12 * face_width)
    labels = np.full(shape, cv2.GC_PR_BGD, np.uint8)
    labels[evidence > 0.55] = cv2.GC_PR_FGD
    labels[~near & (likelihood < 0.3)] = cv2.GC_BGD
    labels[(evidence < 0.1) & ~oval] = cv2.GC_BGD
    labels[core] = cv2.GC_FGD
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)  # its k-means starts at random
    cv2.grabCut(
        cv2.cvtColor(small, cv2.COLOR_RGB2BGR),
        labels,
        (0, 0, 1, 1),  # not used: the labels say it all
        background,
        foreground,
        settings.cut_rounds,
        cv2.GC_INIT_WITH_MASK,
    )
    skin = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    # The cut may call a beard's or a backdrop's colour face; away from the core the skin's colour must agree.
    skin &= core | (evidence > settings.least_evidence)
    # Nor may it take a cheek in shadow away that clearly has the skin's colour.
    skin |= oval & ~hairy & (evidence > settings.clear_evidence)
    # Only what hangs together with the face, by more than a few strands.
    wide = ~_grow(~skin, 0.015 * face_width)
    _, component = cv2.connectedComponents(wide.astype(np.uint8), connectivity=4)
    linked = np.unique(component[core & wide])
    result: NDArray[np.bool_] = _grow(np.isin(component, linked[linked > 0]), 0.017 * face_width) & skin
    return result


def _grow(mask: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    """Dilate by a disc of ``radius`` pixels."""
    result: NDArray[np.bool_] = _signed_distance(mask) > -radius
    return result


def _signed_distance(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance to the border in pixels, positive inside."""
    inner = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    outer = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    result: NDArray[np.float32] = np.where(mask, inner - 0.5, 0.5 - outer).astype(np.float32)
    return result


def _smoothstep(t: FloatArray) -> NDArray[np.float32]:
    t = np.clip(t, 0.0, 1.0).astype(np.float32)
    result: NDArray[np.float32] = t * t * (3.0 - 2.0 * t)
    return result


def lip_colour(photo: NDArray[np.uint8], landmarks: FloatArray, model: SkinModel) -> NDArray[np.uint8]:
    """(3,) uint8 sRGB: median of the lips in the photo; where they cover no pixel, the skin's tone."""
    points = np.asarray(landmarks, dtype=np.float64)[:, :2]
    lips = points[list(LIPS_OUTER_LOOP)]
    height, width = photo.shape[:2]
    x0, y0 = np.maximum(np.floor(lips.min(0)), 0).astype(int)
    x1, y1 = np.minimum(np.ceil(lips.max(0)), [width, height]).astype(int)
    colours = np.zeros((0, 3))
    if x1 > x0 and y1 > y0:
        shape, corner = (int(y1 - y0), int(x1 - x0)), [x0, y0]
        inside = polygon_mask(shape, lips - corner) & ~polygon_mask(shape, points[list(LIPS_INNER_LOOP)] - corner)
        colours = photo[y0:y1, x0:x1][inside].astype(np.float64)
    median = np.median(colours, axis=0) if len(colours) else model.tone * 255.0
    colour: NDArray[np.uint8] = np.round(median).astype(np.uint8)
    return colour
