"""How open each place of nostrils and ears is: what the photo does not show there must not glow.

The texture carries the photo's light, so its invented parts need at least the shadows that every light leaves:
the inside of the nostrils and the folds of the ears.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..mesh.normals import vertex_normals
from ..mesh.raster import rasterise
from ..mesh.topology import MATERIALS, Topology
from .mesh_field import SkinGraph

REGIONS = ("nose", "ears")
DIRECTIONS = 16
RESOLUTION = 160  # pixels across a region
BIAS_MM = 0.8
SMOOTHING = 3  # rounds over the mesh's neighbours


def openness(topology: Topology, neutral: NDArray[np.float64], graph: SkinGraph) -> NDArray[np.float64]:
    """(V,) part of the sky, weighted by the cosine, that each vertex of nose and ears sees past them: 0 to 1.

    1 elsewhere. Each region casts its shadow on itself alone; from each of a fixed set of directions it is drawn
    orthographically, and a vertex sees the sky where it lies in front of the z-buffer.

    Parameters
    ----------
    topology : Topology; regions that it does not name count as open
    neutral : (V, 3) mm
    graph : of the skin, to smooth the result
    """
    result = np.ones(len(neutral))
    normals = vertex_normals(neutral, topology.quads)
    skin = topology.material == MATERIALS.index("skin")
    for vertices in _pieces(topology, neutral):
        member = np.zeros(len(neutral), bool)
        member[vertices] = True
        quads = topology.quads[skin]
        quads = quads[member[np.where(quads < 0, quads[:, :1], quads)].any(1) & (quads[:, 3] >= 0)]
        triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
        result[vertices] = _sky(neutral, normals, vertices, triangles)
    return np.clip(graph.smooth(result, SMOOTHING), 0.0, 1.0)


def _pieces(topology: Topology, neutral: NDArray[np.float64]) -> list[NDArray[np.int32]]:
    """Vertex ids of nose, left ear and right ear."""
    pieces = []
    for name in REGIONS:
        if name not in topology.regions:
            continue
        vertices = topology.regions[name]
        left = neutral[vertices, 0] > 0
        pieces.extend([vertices] if name == "nose" else [vertices[left], vertices[~left]])
    return [piece for piece in pieces if len(piece)]


def _sky(
    points: NDArray[np.float64],
    normals: NDArray[np.float64],
    vertices: NDArray[np.int32],
    triangles: NDArray[np.int32],
) -> NDArray[np.float64]:
    """(n,) openness of ``vertices`` among ``triangles``."""
    local = np.unique(np.concatenate([triangles.ravel(), vertices]))
    number = np.full(len(points), -1)
    number[local] = np.arange(len(local))
    middle = points[local].mean(0)
    offset = points[local] - middle
    scale = RESOLUTION / (2.02 * np.linalg.norm(offset, axis=1).max())
    seen, possible = np.zeros(len(local)), np.full(len(local), 1e-9)
    for direction in _sphere(DIRECTIONS):
        facing = normals[local] @ direction
        aside = np.cross(direction, [0.0, 1.0, 0.0] if abs(direction[1]) < 0.9 else [1.0, 0.0, 0.0])
        aside /= np.linalg.norm(aside)
        above = np.cross(aside, direction)
        pixels = np.stack([offset @ aside, offset @ above], axis=1) * scale + RESOLUTION / 2
        depth = 1000.0 - offset @ direction
        buffer = rasterise(pixels, depth, number[triangles], RESOLUTION, RESOLUTION).depth
        at = np.clip(pixels.astype(np.intp), 0, RESOLUTION - 1)
        free = depth <= buffer[at[:, 1], at[:, 0]] + BIAS_MM
        weight = np.maximum(facing, 0.0)
        seen += weight * free
        possible += weight
    result: NDArray[np.float64] = (seen / possible)[number[vertices]]
    return result


def _sphere(count: int) -> NDArray[np.float64]:
    """(count, 3) unit vectors spread evenly (Fibonacci lattice)."""
    k = np.arange(count) + 0.5
    height = 1.0 - 2.0 * k / count
    angle = np.pi * (1.0 + np.sqrt(5.0)) * k
    ring = np.sqrt(1.0 - height**2)
    return np.stack([ring * np.cos(angle), height, ring * np.sin(angle)], axis=1)
