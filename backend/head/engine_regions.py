"""Regions of the face that an engine blends wrinkles by: those that artists scale, cut in halves, and the rest.

    forehead, glabella, eyes, cheeks, upper_mouth, lower_mouth, chin; each left and right        neck

Together they are 1 everywhere, so that masks and maps lose nothing. What they are cut by lies on the lattice, the
mid-line and the row of the mouth's slit, and so is the same place on every head.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..dynamic_detail.detail_maps import REGIONS
from ..errors import TopologyMismatch
from ..mesh.geometry_image import lattice_cells
from ..mesh.texel_map import lattice_map
from ..mesh.topology import Topology

Float32 = NDArray[np.float32]

SIDES = ("left", "right")
_PARTS = ("forehead", "glabella", "eyes", "cheeks", "upper_mouth", "lower_mouth", "chin")
ENGINE_REGIONS = (*(f"{part}_{side}" for part in _PARTS for side in SIDES), "neck")
"""In the order of the channels; left and right are the subject's."""

MASK_SIZE = 256
"""Texels a side of the masks: they are smooth, and engines read between texels."""
CROSSOVER_CELLS = 5.0
"""Cells on either side of a cut within which one half goes over into the other."""


def engine_masks(topology: Topology, regions: Float32) -> NDArray[np.uint8]:
    """(15, MASK_SIZE, MASK_SIZE) masks of ENGINE_REGIONS, row 0 at v = 1; at every texel they sum to 255.

    ``regions`` (6, V): masks of the regions that artists scale. Raises TopologyMismatch without a lattice.
    """
    sampler = lattice_map(topology, MASK_SIZE)
    if sampler is None or len(sampler.bands) < 2:
        raise TopologyMismatch("Only heads of the built-in face model can have wrinkle maps.")
    columns, rows = _lattice_places(topology, regions.shape[1])
    left = _rise((columns - 0.5 * topology.lattice_size) / CROSSOVER_CELLS)
    upper = _rise((rows - sampler.bands[1][0]) / CROSSOVER_CELLS)
    by_name = dict(zip(REGIONS, regions, strict=True))
    by_name |= {"upper_mouth": by_name["mouth"] * upper, "lower_mouth": by_name["mouth"] * (1.0 - upper)}
    halves = [by_name[part] * side for part in _PARTS for side in (left, 1.0 - left)]
    images = np.moveaxis(sampler.image(np.stack(halves, 1).astype(np.float32)), -1, 0)
    stored = np.rint(images * 255.0).astype(np.int64)
    rest = 255 - stored.sum(0)
    # What rounding adds beyond 255 is taken from the largest.
    stored[np.argmax(stored, axis=0), *np.indices(rest.shape)] += np.minimum(rest, 0)
    result: NDArray[np.uint8] = np.concatenate([stored, np.maximum(rest, 0)[None]]).astype(np.uint8)
    return result


def at_size(masks: NDArray[np.uint8], size: int) -> Float32:
    """(R, size, size) what an engine reads from the masks at a map's texels: bilinear, clamped at the border."""
    read = [cv2.resize(mask, (size, size), interpolation=cv2.INTER_LINEAR) for mask in masks.astype(np.float32)]
    return np.asarray(np.stack(read) / np.float32(255.0), np.float32)


def _lattice_places(topology: Topology, count: int) -> tuple[Float32, Float32]:
    """(V,) column and row of every vertex on the lattice, cells; 0 off the skin."""
    cells = lattice_cells(topology)
    row, column = np.indices(cells.shape[:2])
    columns, rows = np.zeros(count, np.float32), np.zeros(count, np.float32)
    for corner, (right, up) in enumerate(((0, 0), (1, 0), (1, 1), (0, 1))):
        columns[cells[..., corner]] = column + right
        rows[cells[..., corner]] = row + up
    return columns, rows


def _rise(t: Float32) -> Float32:
    """0 below -1, 1 above 1, smooth between."""
    t = np.clip(0.5 + 0.5 * t, 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), np.float32)
