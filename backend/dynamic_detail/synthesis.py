"""The displacement map of any expression, from the 20 maps (FaceScape) or from tension (HiFace).

    F = F_0 + sum_i M_i (F_i - F_0)             FaceScape Eq. (6): M_0 = 1 - sum_i M_i, see ``weight_masks``
    D = D_sta + t+ D_com + t- D_str             HiFace Eq. (4) and (9)

Both are a sum of 23 maps, each times a factor that is known at the vertices. The factors hold everything else, the
artist's controls too; Blender's modifier computes the same factors and its shader the same sum.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import TopologyMismatch
from ..mesh.texel_map import UvSampler
from ..mesh.topology import Topology
from .detail_maps import KEYS, DetailControls, DetailMaps
from .tension import compression_and_stretch, deformed, skin_edges, tension
from .weight_masks import weight_masks

FloatArray = NDArray[np.floating[Any]]

CHANNELS = ("static", *(f"dynamic_{key}" for key in range(1, KEYS + 1)), "compressed", "stretched", "pores")
"""The maps of the sum, in the order of their factors."""


def channel_maps(detail: DetailMaps) -> tuple[NDArray[np.float32], ...]:
    """The (S, S) maps of CHANNELS, mm."""
    return (detail.static, *detail.dynamic, detail.compressed, detail.stretched, detail.pores)


def channel_factors(
    detail: DetailMaps,
    topology: Topology,
    neutral: FloatArray,
    blendshapes: FloatArray,
    alpha: FloatArray,
    controls: DetailControls | None = None,
) -> NDArray[np.float32]:
    """What every map of CHANNELS is multiplied with, at every vertex.

    Parameters
    ----------
    detail : of this head
    topology : with a lattice
    neutral : (V, 3) mm
    blendshapes : (E, V, 3) offsets mm
    alpha : (E,) blendshape weights
    controls : what the artist set (default: everything at 1, FaceScape's way)

    Returns
    -------
    (23, V) float32
    """
    chosen = controls or DetailControls()
    count = len(neutral)
    if detail.activation.shape != (len(blendshapes), count) or len(alpha) != len(blendshapes):
        raise TopologyMismatch("The detail belongs to a head with other vertices or blendshapes.")
    factors = np.zeros((len(CHANNELS), count), np.float32)
    local = chosen.strength * (1.0 + (np.asarray(chosen.regions, np.float32) - 1.0) @ detail.regions)
    factors[0] = chosen.static * local
    factors[-1] = chosen.pores * local
    moving = chosen.dynamic * local
    if chosen.mode == "facescape":
        masks = weight_masks(detail.activation, detail.key_weights, alpha, chosen.onset)
        np.multiply(masks, moving, out=factors[1 : KEYS + 1])
    elif chosen.mode == "hiface":
        edges = skin_edges(topology, neutral)
        now = tension(edges, deformed(neutral, blendshapes, alpha))
        parts = compression_and_stretch(now, chosen.onset)
        np.multiply(parts, moving, out=factors[KEYS + 1 : KEYS + 3])
    else:
        raise ValueError(f"no mode {chosen.mode!r}")
    return factors


def displacement(
    detail: DetailMaps,
    topology: Topology,
    neutral: FloatArray,
    blendshapes: FloatArray,
    alpha: FloatArray,
    controls: DetailControls | None,
    sampler: UvSampler,
) -> NDArray[np.float32]:
    """The displacement map at blendshape weights ``alpha``; parameters as of ``channel_factors``.

    Parameters
    ----------
    sampler : of the skin, ``mesh.texel_map.uv_sampler(topology, "skin", detail.size)``

    Returns
    -------
    (S, S) float32 mm along the normal, outwards, row 0 at v = 1
    """
    if sampler.size != detail.size:
        raise ValueError(f"a sampler of {sampler.size} texels a side for maps of {detail.size}")
    factors = channel_factors(detail, topology, neutral, blendshapes, alpha, controls)
    total = np.zeros((detail.size, detail.size), np.float32)
    for factor, values in zip(factors, channel_maps(detail), strict=True):
        if factor.any():
            total += sampler.image(factor) * values
    return total
