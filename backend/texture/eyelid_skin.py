"""Skin that an open eye folds away and a shut one shows: what the photo has there must not be stretched.

The upper lid of an open eye is a narrow strip of lashes, their shadow and the crease. In a blink it unfolds to two
or three times its area, and the strip's texels would be dark smears over the whole lid. Such places mostly take the
tone of the skin around the eye instead, and the lid's edge gets a thin line of lashes as dark as the photo's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..face_model.base import ARKIT_NAMES
from ..mesh.topology import MATERIALS, Topology
from .mesh_field import SkinGraph

FloatArray = NDArray[np.floating[Any]]

UNFOLDS = (1.15, 1.8)  # growth of a face's area in a blink from which it counts as folded, and as folded altogether
EDGE_SHRINKS, EDGE_GROWS = 0.85, 1.3  # at a lid's edge faces behind it shrink to less, those before it grow to more
TRAVEL_MM = (0.5, 1.5)  # skin that a blink lowers by less is no upper lid
SOFT_STEPS = 6  # rounds of averaging with the neighbours: the width of the border
REPLACED = 0.62  # of the photo; the rest keeps an open eye's lid alive
AROUND_MM = 7.0  # the skin around is looked at within about this distance
AROUND_STEPS = 30  # vertices from the lids that belong to it
DARK = 0.25  # skin darker than the tone around by this share is shadow or lashes, and counts little
LASH_QUANTILE = 0.1  # of the lid's colours in the photo, dark to light: its lashes
LASH_DEPTH = (0.3, 0.62)  # least and greatest darkening by them
LASH_REACH = (0.2, 0.8)  # where their line begins to fade and ends, in faces from the lid's edge


class LidSkin(NamedTuple):
    """``unfolds`` (V,) 0 to 1, skin that is folded away in the photo; ``edge`` (V,) 1 at the upper lids' edges."""

    unfolds: NDArray[np.float64]
    edge: NDArray[np.float64]


def lid_skin(
    topology: Topology,
    graph: SkinGraph,
    neutral: NDArray[np.float64],
    blendshapes: NDArray[np.float64],
    posed: NDArray[np.float64],
) -> LidSkin:
    """Find the skin that a blink unfolds.

    Parameters
    ----------
    topology : with faces of material "skin"
    graph : of the skin
    neutral : (V, 3) mm
    blendshapes : (52, V, 3) mm, offsets in the order of ARKIT_NAMES
    posed : (V, 3) mm, the head with the expression of the photo; where its own eyes are shut nothing unfolds
    """
    quads = topology.quads[topology.material == MATERIALS.index("skin")]
    quads = np.where(quads < 0, quads[:, :1], quads)
    unfolds, edge = np.zeros(len(neutral)), np.zeros(len(neutral))
    for side in ("Left", "Right"):
        blink = blendshapes[ARKIT_NAMES.index(f"eyeBlink{side}")]
        travel = -blink[:, 1]
        lids = quads[(travel[quads] > TRAVEL_MM[0]).any(1)]
        shut, rest, shown = (_areas(lids, points) for points in (neutral + blink, neutral, posed))
        least, greatest = _extremes(lids, shut / np.maximum(shown, 1e-6), len(neutral))
        moves = _smooth_step(travel, TRAVEL_MM)
        np.maximum(unfolds, _smooth_step(greatest, UNFOLDS) * moves, out=unfolds)
        least, greatest = _extremes(lids, shut / np.maximum(rest, 1e-6), len(neutral))
        edge[(least < EDGE_SHRINKS) & (greatest > EDGE_GROWS) & (moves == 1.0)] = 1.0
    return LidSkin(graph.smooth(unfolds, SOFT_STEPS), edge)


def _extremes(
    faces: NDArray[np.integer[Any]], growth: NDArray[np.float64], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least and greatest growth of the faces around each vertex, (count,) each; 1 where there is no face."""
    least, greatest = np.full(count, np.inf), np.zeros(count)
    np.minimum.at(least, faces.ravel(), np.repeat(growth, 4))
    np.maximum.at(greatest, faces.ravel(), np.repeat(growth, 4))
    alone = np.isinf(least)
    least[alone] = greatest[alone] = 1.0
    return least, greatest


def lid_tone(
    graph: SkinGraph,
    colour: NDArray[np.float64],
    seen: NDArray[np.float64],
    skin_like: Callable[[FloatArray], FloatArray],
    lids: LidSkin,
) -> NDArray[np.float64]:
    """(V, 3) sRGB 0..1, tone of the bare skin around each vertex near the eyes; elsewhere the photo's own colours.

    Parameters
    ----------
    graph : of the skin
    colour : (V, 3) sRGB 0..1, the photo at the vertices
    seen : (V,) 0..1 weight of the photo
    skin_like : (n, 3) colours to (n,) 0..1, how much they are skin's
    lids : where it is wanted
    """
    around = graph.smooth((lids.unfolds > 0.0).astype(np.float64), AROUND_STEPS)[graph.vertices]
    near = np.flatnonzero(around > 0.0)
    if not len(near):
        return colour
    part = SkinGraph(graph.vertices[near], graph.laplacian[near][:, near].tocsr(), graph.area[near])
    # Lashes and crease lie beside what unfolds: keep away from it.
    weight = seen * np.clip(1.0 - 8.0 * lids.unfolds, 0.0, 1.0) * skin_like(colour) ** 2
    tone = part.blur(colour, AROUND_MM, weight + 1e-9)
    # Brows and the shadow of the brow's bone are darker than the lid should be: once more without what is dark.
    light = colour.mean(1) / np.maximum(tone.mean(1), 1e-3)
    tone = part.blur(colour, AROUND_MM, weight * _smooth_step(light, (1.0 - DARK, 1.0)) + 1e-9)
    result = colour.copy()
    result[part.vertices] = tone[part.vertices]
    return result


def lash_depth(colour: NDArray[np.float64], tone: NDArray[np.float64], lids: LidSkin) -> float:
    """By what share lashes darken the skin: from what is dark on the lids in the photo's ``colour`` (V, 3).

    ``tone`` (V, 3) is the bare skin's.
    """
    lid = lids.unfolds > 0.5
    if not lid.any():
        return LASH_DEPTH[0]
    lightness = colour[lid].mean(1) / np.maximum(tone[lid].mean(1), 1e-3)
    return float(np.clip(1.0 - np.quantile(lightness, LASH_QUANTILE), *LASH_DEPTH))


def lash_line(edge: NDArray[np.float32], depth: float) -> NDArray[np.float32]:
    """(H, W) factors on the skin's colours from an image (H, W) of ``LidSkin.edge``, linear within the faces."""
    near, far = LASH_REACH
    factor: NDArray[np.float32] = (1.0 - depth * _smooth_step(edge, (1.0 - far, 1.0 - near))).astype(np.float32)
    return factor


def _areas(faces: NDArray[np.integer[Any]], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(f,) areas of quads (f, 4)."""
    a, b, c, d = (points[faces[:, k]] for k in range(4))
    result: NDArray[np.float64] = 0.5 * np.linalg.norm(np.cross(c - a, d - b), axis=1)
    return result


def _smooth_step(values: FloatArray, span: tuple[float, float]) -> NDArray[np.float64]:
    """0 below the span, 1 above it."""
    t = np.clip((np.asarray(values, dtype=np.float64) - span[0]) / (span[1] - span[0]), 0.0, 1.0)
    result: NDArray[np.float64] = t * t * (3.0 - 2.0 * t)
    return result
