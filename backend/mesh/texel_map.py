"""From texels to the mesh: what a vertex attribute is at every texel of one material's UV square.

Two ways with one interface. ``TexelMap`` works for every topology: the faces are drawn into UV space and each texel
remembers its triangle and its place in it. ``LatticeMap`` uses that the built-in head's skin is a geometry image,
where the same values are bilinear interpolation of arrays, several times faster and without storing anything per
texel. ``uv_sampler`` chooses.

Texel (i, j) of an image of S x S lies at u = (j + 0.5) / S, v = 1 - (i + 0.5) / S.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import TopologyMismatch
from .raster import rasterise
from .topology import MATERIALS, Topology

FloatArray = NDArray[np.floating[Any]]


class UvSampler(Protocol):
    """Interpolates vertex attributes over the texels of one material's UV square."""

    @property
    def size(self) -> int:
        """S, the width and height of the images in texels."""

    def image(self, values: FloatArray, rows: slice | None = None) -> NDArray[np.float32]:
        """(V, C) or (V,) vertex attributes to (S, S, C) or (S, S) float32, or to some of the image's rows."""


@dataclass(frozen=True)
class TexelMap:
    """Texel to triangle and barycentric weights, for any UV layout.

    size         S
    triangles    (T, 3) int32 vertex ids
    triangle     (S, S) int32 row of ``triangles``; outside the faces, that of the nearest texel inside
    barycentric  (S, S, 3) float32, of that texel
    face         (S, S) int32 face (quad) of the topology, -1 outside the faces
    """

    size: int
    triangles: NDArray[np.int32]
    triangle: NDArray[np.int32]
    barycentric: NDArray[np.float32]
    face: NDArray[np.int32]

    def image(self, values: FloatArray, rows: slice | None = None) -> NDArray[np.float32]:
        """See ``UvSampler.image``. Texels outside the faces repeat their nearest neighbour inside."""
        rows = rows or slice(None)
        flat = np.asarray(values, dtype=np.float32)
        shape = flat.shape[1:]
        flat = flat.reshape(len(flat), -1)
        corners = self.triangles[self.triangle[rows]]
        weights = self.barycentric[rows]
        result = flat[corners[..., 0]] * weights[..., :1]
        for k in (1, 2):
            result += flat[corners[..., k]] * weights[..., k : k + 1]
        image: NDArray[np.float32] = result.reshape(*result.shape[:2], *shape)
        return image


@dataclass(frozen=True)
class LatticeMap:
    """Bilinear interpolation on the lattice of a geometry image.

    size   S
    cells  N, cells along each side
    bands  (first cell row, node ids (rows + 1, N + 1)) from the bottom of the UV square upwards; between two bands
           lie the slits, whose two sides have vertices of their own
    """

    size: int
    cells: int
    bands: tuple[tuple[int, NDArray[np.int32]], ...]

    def image(self, values: FloatArray, rows: slice | None = None) -> NDArray[np.float32]:
        """See ``UvSampler.image``."""
        flat = np.asarray(values, dtype=np.float32)
        shape = flat.shape[1:]
        flat = flat.reshape(len(flat), -1)
        texel_rows = np.arange(self.size)[rows or slice(None)]
        y = (1.0 - (texel_rows + 0.5) / self.size) * self.cells
        x = (np.arange(self.size) + 0.5) / self.size * self.cells
        column = np.minimum(x.astype(np.intp), self.cells - 1)
        along = (x - column).astype(np.float32)[:, None]
        result = np.empty((len(texel_rows), self.size, flat.shape[1]), np.float32)
        for first, nodes in self.bands:
            last = first + len(nodes) - 1
            chosen = np.flatnonzero((y >= first) & (y < last))
            if not len(chosen):
                continue
            row = y[chosen].astype(np.intp) - first
            up = (y[chosen] - first - row).astype(np.float32)[:, None, None]
            lattice = flat[nodes]
            lines = lattice[row] * (1.0 - up) + lattice[row + 1] * up
            steps = np.diff(lines, axis=1)
            part = np.take(steps, column, axis=1)
            part *= along
            part += np.take(lines, column, axis=1)
            result[chosen[0] : chosen[-1] + 1] = part
        return result.reshape(len(texel_rows), self.size, *shape)


def uv_sampler(topology: Topology, material: str, size: int) -> UvSampler:
    """The quickest sampler of a material's UV square. Raises TopologyMismatch where the material has no faces."""
    if material == "skin":
        lattice = lattice_map(topology, size)
        if lattice is not None:
            return lattice
    return texel_map(topology, material, size)


def lattice_map(topology: Topology, size: int) -> LatticeMap | None:
    """The sampler of a geometry image, or None where the topology has none or its lattice is cut along a column."""
    count = topology.lattice_size
    if count < 1:
        return None
    cells = topology.quads[: count * count].reshape(count, count, 4)
    if (cells[:, :-1, 1] != cells[:, 1:, 0]).any() or (cells[:, :-1, 2] != cells[:, 1:, 3]).any():
        return None
    lower = np.concatenate([cells[:, :, 0], cells[:, -1:, 1]], axis=1)  # (N, N + 1) nodes below each row of cells
    upper = np.concatenate([cells[:, :, 3], cells[:, -1:, 2]], axis=1)
    cuts = np.flatnonzero((upper[:-1] != lower[1:]).any(axis=1)) + 1
    edges = [0, *cuts.tolist(), count]
    bands = tuple(
        (start, np.concatenate([lower[start:end], upper[end - 1 : end]])) for start, end in pairwise(edges)
    )
    return LatticeMap(size, count, bands)


def texel_map(topology: Topology, material: str, size: int) -> TexelMap:
    """Draw the faces of a material into its UV square.

    Parameters
    ----------
    topology : Topology
    material : one of MATERIALS
    size : S, texels

    Raises
    ------
    TopologyMismatch where the material has no faces, or none that covers the centre of a texel.
    """
    faces = np.flatnonzero(topology.material == MATERIALS.index(material))
    quads = topology.quads[faces]
    second = np.flatnonzero(quads[:, 3] >= 0)
    # Every face has corners of its own in UV space: number them 4 f .. 4 f + 3.
    first = 4 * np.arange(len(faces))[:, None] + [0, 1, 2]
    corner = np.concatenate([first, 4 * second[:, None] + [0, 2, 3]])
    owner = np.concatenate([np.arange(len(faces)), second])
    uv = topology.corner_uv[faces].reshape(-1, 2).astype(np.float64)
    uv[3::4][quads[:, 3] < 0] = 0.0  # padding of triangles, not used
    pixels = np.stack([uv[:, 0], 1.0 - uv[:, 1]], axis=1) * size
    raster = rasterise(pixels, np.ones(len(pixels)), corner, size, size)
    inside = raster.triangle >= 0
    if not inside.any():
        raise TopologyMismatch(f"The topology has no faces of material {material!r} that a texture could cover.")
    triangles = quads.ravel()[corner].astype(np.int32)
    face = np.where(inside, faces[owner[raster.triangle]], -1).astype(np.int32)
    row, column = nearest_inside(inside)
    return TexelMap(size, triangles, raster.triangle[row, column], raster.barycentric[row, column], face)


def nearest_inside(inside: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column of the nearest True for each pixel of (H, W), itself where True."""
    if inside.all():
        rows, columns = np.indices(inside.shape)
        return rows, columns
    _, label = cv2.distanceTransformWithLabels(
        (~inside).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    at = np.zeros(int(label.max()) + 1, dtype=np.intp)
    at[label[inside]] = np.flatnonzero(inside)
    flat = at[label]
    return flat // inside.shape[1], flat % inside.shape[1]
