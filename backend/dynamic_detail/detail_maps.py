"""The one representation of a head's detail, whoever made it: what FaceScape and HiFace need, side by side.

FaceScape Eq. (6) blends 20 maps F_0 .. F_19 by weight masks that sum to at most 1, with M_0 = max(0, 1 - sum M_i).
Then F = F_0 + sum_i M_i (F_i - F_0), and only the differences to neutral are kept: they are zero wherever an
expression does not wrinkle the skin, so they compress, and static detail can be scaled by itself.

HiFace Eq. (4) and (9): D = D_sta + t+ D_com + t- D_str. Both share the static detail: D_sta is F_0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

KEYS = 19
"""Key expressions besides neutral."""

REGIONS = ("forehead", "glabella", "eyes", "cheeks", "mouth", "chin")
"""Regions whose detail can be scaled by itself, in this order everywhere."""

Map = NDArray[np.float32]


@dataclass(frozen=True)
class DetailMaps:
    """All detail of one head on the built-in topology.

    Maps are (S, S) float32 millimetres along the neutral normal, positive outwards, in the skin's UV square (row 0
    at v = 1). Masks are per vertex, because that is where blendshapes live; maps in between are interpolated.

    static       F_0 and D_sta without pores
    pores        what static detail has below the photo's resolution; F_0 = static + pores
    dynamic      (19, S, S) F_i - F_0 of the key expressions 1 to 19, in FaceScape's order
    compressed   D_com, for t+ = 1
    stretched    D_str, for t- = 1 (t- is the amount of stretch, not negative)
    activation   (52, V) float32 in 0..1, A_j of FaceScape Eq. (7)
    key_weights  (19, 52) alphahat of FaceScape Eq. (8)
    tension      (19, V) float32, HiFace Eq. (8) at the key expressions
    regions      (6, V) float32 in 0..1, REGIONS; they sum to at most 1
    record       how it was made: for head.json, plain data
    """

    static: Map
    pores: Map
    dynamic: Map
    compressed: Map
    stretched: Map
    activation: NDArray[np.float32]
    key_weights: NDArray[np.float64]
    tension: NDArray[np.float32]
    regions: NDArray[np.float32]
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """S, texels a side."""
        return len(self.static)

    def key_map(self, key: int) -> Map:
        """(S, S) mm, F_key of FaceScape Eq. (6), ``key`` 0 (neutral) to 19."""
        neutral = self.static + self.pores
        return neutral if key == 0 else neutral + self.dynamic[key - 1]


@dataclass(frozen=True)
class DetailControls:
    """What an artist sets; every number may be keyframed. The defaults show the detail as it was made.

    mode       "facescape" (weight masks) or "hiface" (tension)
    strength   factor of everything
    static, dynamic, pores   factors of the parts
    regions    factors of REGIONS
    onset      share of an expression, 0 to 0.9, before its wrinkles begin
    """

    mode: str = "facescape"
    strength: float = 1.0
    static: float = 1.0
    dynamic: float = 1.0
    pores: float = 1.0
    regions: tuple[float, ...] = (1.0,) * len(REGIONS)
    onset: float = 0.0
