"""Soft masks of the six regions whose detail can be scaled by itself.

Every region has anchors, places on the built-in model's mean head. How much a vertex belongs to a region follows
from its distances to all anchors (a softmax): so neighbours cross over smoothly, together the six cover the face
once, and every line lies where an artist would look for it. The mean head's places are the same for every person,
and only |x| counts, so that the masks are symmetric and every head has the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..mesh.topology import Topology
from .activation import skin_vertices
from .detail_maps import REGIONS

# |x|, y in mm on the mean head. Folds beside the nose belong to the cheeks, lines across its root to the glabella.
ANCHORS = {
    "forehead": ((0.0, 52.0), (18.0, 50.0), (36.0, 46.0), (52.0, 40.0), (0.0, 78.0), (32.0, 74.0), (58.0, 62.0)),
    "glabella": ((0.0, 28.0), (8.0, 24.0), (0.0, 14.0), (0.0, 0.0), (7.0, -8.0)),
    "eyes": ((20.0, 0.0), (32.0, 8.0), (46.0, 6.0), (24.0, -14.0), (36.0, -14.0), (54.0, -6.0), (60.0, 4.0)),
    "cheeks": ((20.0, -34.0), (30.0, -44.0), (40.0, -34.0), (56.0, -28.0), (40.0, -56.0), (58.0, -50.0)),
    "mouth": ((0.0, -52.0), (12.0, -54.0), (0.0, -68.0), (22.0, -66.0), (0.0, -78.0), (30.0, -74.0), (33.0, -84.0)),
    "chin": ((0.0, -92.0), (14.0, -92.0), (0.0, -106.0), (18.0, -106.0)),
}
CROSSOVER_MM = 9.0
"""Standard deviation of an anchor: regions cross over within about this distance."""
# Beyond the face (ears, neck, scalp) no region is responsible: bounds of z and y on the mean head, and their width.
BACK_MM, BACK_WIDTH_MM = -60.0, 25.0
TOP_MM, BOTTOM_MM, EDGE_WIDTH_MM = 92.0, -128.0, 18.0


def region_masks(topology: Topology, mean_head: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Masks of REGIONS.

    Parameters
    ----------
    topology : with a lattice
    mean_head : (V, 3) mm, the face model's neutral head at identity 0

    Returns
    -------
    (6, V) float32 in 0..1, sum over regions at most 1 (1 on the face, 0 on ears, neck and scalp, 0 off the skin)
    """
    skin = skin_vertices(topology)
    x, y, z = mean_head[skin].astype(np.float64).T
    scores = np.stack([_score(np.abs(x), y, np.array(ANCHORS[name])) for name in REGIONS])
    shares = np.exp(scores - scores.max(axis=0))
    shares /= shares.sum(axis=0)
    face = _rise((z - BACK_MM) / BACK_WIDTH_MM)
    face *= _rise((TOP_MM - y) / EDGE_WIDTH_MM + 0.5) * _rise((y - BOTTOM_MM) / EDGE_WIDTH_MM + 0.5)
    masks = np.zeros((len(REGIONS), len(mean_head)), np.float32)
    masks[:, skin] = shares * face
    return masks


def _score(x: NDArray[Any], y: NDArray[Any], anchors: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) logarithm of the sum of Gaussians round the (k, 2) anchors."""
    square = np.square(x - anchors[:, :1]) + np.square(y - anchors[:, 1:])
    result: NDArray[np.float64] = np.logaddexp.reduce(-square / (2.0 * CROSSOVER_MM**2), axis=0)
    return result


def _rise(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 up to t = 0, 1 from t = 1, smooth between."""
    t = np.clip(t, 0.0, 1.0)
    result: NDArray[np.float64] = t * t * (3.0 - 2.0 * t)
    return result
