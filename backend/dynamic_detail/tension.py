"""How much the skin is compressed or stretched at every vertex: the tension of HiFace Eq. (8).

    t = 1 - (1 / K) sum_k |e_k| / |e'_k|        over the K edges at a vertex, e' at rest         Eq. (8)

Positive where the skin is compressed. Eq. (9) takes its positive and negative part; here both are amounts,
t+ = max(0, t) and t- = max(0, -t), so that D = D_sta + t+ D_com + t- D_str with maps for an amount of 1.
Edges are those of the skin's quads: no diagonals, and nothing of the lids' and lips' inner sides.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..mesh.geometry_image import lattice_cells
from ..mesh.topology import Topology

FloatArray = NDArray[np.floating[Any]]

ONSET_SHARE = 0.25
"""Tension that an onset of 1 would take away: the most that skin of the face is compressed by is about .3."""
LEAST_EDGE_MM = 1e-6
"""An edge shorter than this at rest has no ratio, and is left out."""


class SkinEdges(NamedTuple):
    """Edges of the skin's lattice, each once.

    ends  (n, 2) vertex ids;  rest_mm  (n,) length in the neutral head;  degree  (V,) edges at each vertex
    """

    ends: NDArray[np.int64]
    rest_mm: NDArray[np.float64]
    degree: NDArray[np.float64]


def skin_edges(topology: Topology, neutral: FloatArray) -> SkinEdges:
    """The edges that Eq. (8) averages over.

    Parameters
    ----------
    topology : with a lattice
    neutral : (V, 3) mm, at rest
    """
    cells = lattice_cells(topology).reshape(-1, 4)
    sides = np.concatenate([cells[:, [0, 1]], cells[:, [1, 2]], cells[:, [2, 3]], cells[:, [3, 0]]])
    ordered = np.sort(sides, axis=1)
    # Numbered as one integer each: sorting rows would take ten times as long.
    code = np.unique(ordered[:, 0] * len(neutral) + ordered[:, 1])
    ends = np.stack(np.divmod(code, len(neutral)), axis=1)
    rest = _lengths(ends, neutral)
    ends, rest = ends[rest > LEAST_EDGE_MM], rest[rest > LEAST_EDGE_MM]
    degree = np.bincount(ends.ravel(), minlength=len(neutral)).astype(np.float64)
    return SkinEdges(ends, rest, degree)


def tension(edges: SkinEdges, vertices: FloatArray) -> NDArray[np.float32]:
    """HiFace Eq. (8).

    Parameters
    ----------
    vertices : (V, 3) mm, the deformed head

    Returns
    -------
    (V,) float32, positive where compressed; 0 on everything that is not skin
    """
    ratio = _lengths(edges.ends, vertices) / edges.rest_mm
    count = len(edges.degree)
    summed = np.bincount(edges.ends[:, 0], ratio, count) + np.bincount(edges.ends[:, 1], ratio, count)
    result = np.where(edges.degree > 0, 1.0 - summed / np.maximum(edges.degree, 1.0), 0.0)
    return result.astype(np.float32)


def key_tension(
    edges: SkinEdges, neutral: FloatArray, blendshapes: FloatArray, weights: FloatArray
) -> NDArray[Any]:
    """(K, V) float32 ``tension`` at each of the (K, E) ``weights`` of (E, V, 3) ``blendshapes``."""
    return np.stack([tension(edges, deformed(neutral, blendshapes, alpha)) for alpha in weights])


def deformed(neutral: FloatArray, blendshapes: FloatArray, alpha: FloatArray) -> NDArray[np.float64]:
    """(V, 3): neutral plus the weighted blendshapes; only those with weight are touched."""
    active = np.flatnonzero(alpha)
    result: NDArray[np.float64] = neutral + np.tensordot(np.asarray(alpha)[active], blendshapes[active], 1)
    return result


def compression_and_stretch(values: FloatArray, onset: float = 0.0) -> tuple[NDArray[Any], NDArray[Any]]:
    """t+ and t- of HiFace Eq. (9), both as amounts.

    ``onset`` (0 to 0.9) takes away ``ONSET_SHARE`` of itself and stretches the rest, as for the weight masks.
    """
    taken, rest = ONSET_SHARE * onset, 1.0 - onset
    positive, negative = np.maximum(values, 0.0), np.maximum(-values, 0.0)
    return np.maximum(positive - taken, 0.0) / rest, np.maximum(negative - taken, 0.0) / rest


def _lengths(ends: NDArray[np.int64], vertices: FloatArray) -> NDArray[np.float64]:
    along = vertices[ends[:, 1]] - vertices[ends[:, 0]]
    result: NDArray[np.float64] = np.sqrt(np.einsum("nc,nc->n", along, along))
    return result
