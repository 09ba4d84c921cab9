"""Named vertex sets of the template's skin, from landmarks, slits and ICT's own face areas."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .ict_source import FACE_VERTICES, NARROW_FACE_VERTICES, SKIN_POLYGONS, IctSource
from .template_lattice import Lattice
from .template_layout import on_ear

LIDS_WITHIN_MM = 6.0
BROW_HALF_WIDTH_MM = 5.0
LIP_BORDER_MM = 1.0  # the lip region reaches this far beyond the landmarks of the lips' outline
FRONT_OF_NECK_MM = -118.0  # below this height is neck wherever the head's own skin ends


def _inside(outline: NDArray[np.float64], points: NDArray[np.float64], margin: float) -> NDArray[np.bool_]:
    """(n,) whether points (n, 2) lie inside a closed polygon (k, 2) or within ``margin`` of it."""
    contour = outline.astype(np.float32).reshape(-1, 1, 2)
    signed = np.array([cv2.pointPolygonTest(contour, (float(x), float(y)), True) for x, y in points])
    result: NDArray[np.bool_] = signed >= -margin
    return result


def _polyline(points: NDArray[np.float64], step_mm: float = 0.5) -> NDArray[np.float64]:
    """Densely sampled polyline through (k, 3) points."""
    pieces = []
    for a, b in pairwise(points):
        count = max(int(np.linalg.norm(b - a) / step_mm), 1)
        t = np.arange(count)[:, None] / count
        pieces.append((1 - t) * a + t * b)
    return np.concatenate([*pieces, points[-1:]])


def skin_regions(
    source: IctSource, positions: NDArray[np.float64], lattice: Lattice, home: NDArray[np.int64]
) -> dict[str, NDArray[np.int64]]:
    """Region name to vertex ids, ascending, of the neutral template (V, 3) mm, the lattice's vertices first.

    home (L,) is the ICT polygon that each lattice vertex lies on (or its mirror image does).

    Slit loops are ordered: lid_upper_left and its like run along the lid's edge from inner to outer canthus,
    both included; lip_upper and lip_lower from the subject's right corner to the left one, both included.
    """
    points = positions[: len(lattice.row)]
    landmarks = source.neutral[source.landmarks68]
    corners = source.faces[SKIN_POLYGONS][home]
    x, y, z = points.T
    face = (corners < FACE_VERTICES).all(1)
    narrow = (corners < NARROW_FACE_VERTICES).all(1)
    ears = face & on_ear(points)

    def near(feature: NDArray[np.float64], radius_mm: float) -> NDArray[np.bool_]:
        result: NDArray[np.bool_] = cKDTree(feature).query(points)[0] < radius_mm
        return result

    loops = _slit_edges(lattice)
    brow_height = np.interp(np.abs(x), landmarks[22:27, 0], landmarks[22:27, 1])
    masks: dict[str, NDArray[np.bool_]] = {"face": face, "narrow_face": narrow, "ears": ears}
    outline = np.concatenate([landmarks[48:60]])[:, :2]
    in_outline = _inside(outline, points[:, :2], LIP_BORDER_MM)
    masks["lips"] = narrow & in_outline & (z > landmarks[48, 2] - 8.0)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        loop = np.concatenate([loops[f"lid_upper_{side}"], loops[f"lid_lower_{side}"]])
        masks[f"lids_{side}"] = near(points[loop], LIDS_WITHIN_MM) & narrow
        brow = landmarks[22:27] if sign > 0 else landmarks[17:22]
        masks[f"brows_{side}"] = near(_polyline(brow), BROW_HALF_WIDTH_MM) & narrow
        nose_side = np.abs(x) + 4.0
        masks[f"cheeks_{side}"] = (
            face & ~ears & (sign * x > 20.0) & (y < -12.0) & (y > -85.0) & (z > -45.0) & (nose_side > 0)
        )
    bridge, base = landmarks[27], landmarks[33]
    t = np.clip((bridge[1] - y) / (bridge[1] - base[1]), 0.0, 1.0)
    masks["nose"] = narrow & (np.abs(x) < 7.0 + 12.0 * t) & (y < bridge[1] + 2.0) & (y > base[1]) & (z > 4.0)
    masks["forehead"] = (
        (face | (z > -60.0))
        & (y > brow_height + BROW_HALF_WIDTH_MM)
        & (z > -60.0)
        & ~masks["brows_left"]
        & ~masks["brows_right"]
    )
    masks["chin"] = narrow & (np.abs(x) < 25.0) & (y < landmarks[57, 1] - 4.0) & (y > landmarks[8, 1] - 4.0)
    jaw = np.interp(z, [-48.0, 20.0], [-70.0, FRONT_OF_NECK_MM])
    masks["neck"] = ~face & (y < jaw)
    masks["scalp"] = ~face & ~masks["neck"] & ~masks["forehead"]
    masks["neck_rim"] = lattice.row == 0
    regions = {name: np.flatnonzero(mask) for name, mask in masks.items()}
    return regions | loops


def _slit_edges(lattice: Lattice) -> dict[str, NDArray[np.int64]]:
    """Ordered edges of the slits: lids inner to outer canthus, lips from the subject's right to left."""
    edges = {}
    for name, loop in (("left", lattice.eye_left), ("right", lattice.eye_right), ("lip", lattice.mouth)):
        half = len(loop) // 2
        upper, lower = loop[: half + 1], np.append(loop[half:], loop[0])[::-1]
        if name == "lip":
            edges["lip_upper"], edges["lip_lower"] = upper, lower
        else:
            order = slice(None) if name == "left" else slice(None, None, -1)
            edges[f"lid_upper_{name}"], edges[f"lid_lower_{name}"] = upper[order], lower[order]
    return edges
