"""Another head's detail on this one (HiFace Sec. 4, detail transfer).

Every head has the same lattice, so a texel is the same place of the face on both and maps change hands exactly.
What decides when a line shows (activation, tension) stays with the head whose skin moves.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..errors import TopologyMismatch
from .detail_maps import DetailMaps
from .resample import resampled


def with_static_of(detail: DetailMaps, other: DetailMaps) -> DetailMaps:
    """``detail`` with the static lines and pores of ``other``: another person's age, the same expressions.

    Maps of another size are resampled. Raises TopologyMismatch where the heads have different vertices.
    """
    _refuse_strangers(detail, other)
    return replace(
        detail,
        static=resampled(other.static, detail.size),
        pores=resampled(other.pores, detail.size),
        record=detail.record | {"static_of": other.record},
    )


def with_dynamic_of(detail: DetailMaps, other: DetailMaps) -> DetailMaps:
    """``detail`` with the expression wrinkles of ``other``, driven by this head's own blendshapes.

    Maps of another size are resampled. Raises TopologyMismatch where the heads have different vertices.
    """
    _refuse_strangers(detail, other)
    return replace(
        detail,
        dynamic=np.stack([resampled(values, detail.size) for values in other.dynamic]),
        compressed=resampled(other.compressed, detail.size),
        stretched=resampled(other.stretched, detail.size),
        record=detail.record | {"dynamic_of": other.record},
    )


def _refuse_strangers(detail: DetailMaps, other: DetailMaps) -> None:
    if detail.activation.shape != other.activation.shape:
        raise TopologyMismatch("Detail can be transferred only between heads of the same face model.")
