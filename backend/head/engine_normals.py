"""Tangent-space normal maps from displacement, for programs that light by them.

A map D of millimetres over a surface P(u, v) tilts its normal by the surface gradient of D. In the tangent frame
that game engines use (MikkTSpace: the tangent along +u, the bitangent at a right angle to it, towards +v)

    s_T = D_u / |P_u|        s_B = (D_v - D_u (P_u . P_v) / |P_u|^2) / |P_v - P_u (P_u . P_v) / |P_u|^2|
    n   = (-s_T, -s_B, 1) / |.|

Slopes of several maps add up, normals do not: what is to be blended is kept as slopes (``SlopeFrame.slopes``).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..mesh.geometry_image import lattice_cells
from ..mesh.texel_map import UvSampler
from ..mesh.topology import Topology

Float32 = NDArray[np.float32]

SMALLEST_CELL_MM = 0.02
"""Folded cells inside lids and lips count as at least so large, as for the mechanics."""
STEEPEST = 4.0
"""Slope that is never exceeded, 76 degrees: only beside folded cells."""


class SlopeFrame(NamedTuple):
    """What turns differences of neighbouring texels into slopes, on every texel of the skin.

    along   (S, S) 1 / |P_u|, per millimetre and texel
    across  (S, S) 1 / |the part of P_v at a right angle to P_u|
    shear   (S, S) P_u . P_v / |P_u|^2
    """

    along: Float32
    across: Float32
    shear: Float32

    def slopes(self, displacement: Float32) -> Float32:
        """(2, S, S) slopes along tangent and bitangent of (S, S) millimetres, row 0 at v = 1."""
        down, right = np.gradient(displacement)
        result = np.stack([right * self.along, -(down + right * self.shear) * self.across])
        clipped: Float32 = np.clip(result, -STEEPEST, STEEPEST).astype(np.float32)
        return clipped


def slope_frame(topology: Topology, neutral: NDArray[np.floating[Any]], sampler: UvSampler) -> SlopeFrame:
    """The frame of a head at rest.

    Parameters
    ----------
    topology : with a lattice
    neutral : (V, 3) mm
    sampler : of the skin

    Raises TopologyMismatch where the skin is not a lattice.
    """
    along, up = _steps(topology, np.asarray(neutral, np.float64))
    texels = sampler.size / topology.lattice_size  # per cell
    metric = np.stack(
        [np.einsum("vc,vc->v", along, along), np.einsum("vc,vc->v", along, up), np.einsum("vc,vc->v", up, up)], 1
    )
    square, mixed, other = np.moveaxis(sampler.image(metric / texels**2), -1, 0)
    least = (SMALLEST_CELL_MM / texels) ** 2
    square = np.maximum(square, least)
    shear = mixed / square
    return SlopeFrame(1.0 / np.sqrt(square), 1.0 / np.sqrt(np.maximum(other - mixed * shear, least)), shear)


def encode_normals(slopes: Float32, green_down: bool = False) -> NDArray[np.uint8]:
    """(S, S, 3) RGB of slopes (2, S, S): 8 bits, n = 2 c / 255 - 1, green up (OpenGL) unless ``green_down``."""
    sideways, upwards = slopes
    length = np.sqrt(1.0 + sideways**2 + upwards**2)
    green = upwards if green_down else -upwards
    normals = np.stack([-sideways, green, np.ones_like(sideways)], -1) / length[..., None]
    return np.asarray(np.rint((normals + 1.0) * 127.5), np.uint8)


def decode_normals(pixels: NDArray[np.uint8], green_down: bool = False) -> Float32:
    """The (2, S, S) slopes of a normal map; the inverse of ``encode_normals`` to within its 8 bits."""
    normals = pixels.astype(np.float32) / 127.5 - 1.0
    slopes: Float32 = -np.moveaxis(normals[..., :2], -1, 0) / np.maximum(normals[..., 2], 1e-3)
    if green_down:
        slopes[1] *= -1.0
    return slopes


def _steps(topology: Topology, places: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(V, 3) mm per cell along +u and +v at every vertex: the mean over the cells round it, 0 off the skin."""
    cells = lattice_cells(topology).reshape(-1, 4)
    corners = places[cells]
    sides = (corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 3])
    ends = (corners[:, 3] - corners[:, 0], corners[:, 2] - corners[:, 1])
    count = len(places)
    uses = np.maximum(np.bincount(cells.ravel(), minlength=count), 1)[:, None]

    def mean(lower: NDArray[np.float64], upper: NDArray[np.float64], order: tuple[int, ...]) -> NDArray[np.float64]:
        """Each corner takes the edge of the cell that it lies on."""
        edges = np.stack([(lower, upper)[k] for k in order], 1).reshape(-1, 3)
        ids = cells.ravel()
        return np.asarray(np.stack([np.bincount(ids, edges[:, c], count) for c in range(3)], 1) / uses)

    return mean(*sides, (0, 0, 1, 1)), mean(*ends, (0, 1, 1, 0))
