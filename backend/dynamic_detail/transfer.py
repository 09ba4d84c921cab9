"""Another head's detail on this one (HiFace Sec. 4, detail transfer).

Every head has the same lattice, so a texel is the same place of the face on both and maps change hands exactly.
What decides when a line shows (activation, tension) stays with the head whose skin moves.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import TopologyMismatch
from .detail_maps import DetailMaps


def with_static_of(detail: DetailMaps, other: DetailMaps) -> DetailMaps:
    """``detail`` with the static lines and pores of ``other``: another person's age, the same expressions.

    Maps of another size are resampled. Raises TopologyMismatch where the heads have different vertices.
    """
    _refuse_strangers(detail, other)
    return replace(
        detail,
        static=_resized(other.static, detail.size),
        pores=_resized(other.pores, detail.size),
        record=detail.record | {"static_of": other.record},
    )


def with_dynamic_of(detail: DetailMaps, other: DetailMaps) -> DetailMaps:
    """``detail`` with the expression wrinkles of ``other``, driven by this head's own blendshapes.

    Maps of another size are resampled. Raises TopologyMismatch where the heads have different vertices.
    """
    _refuse_strangers(detail, other)
    return replace(
        detail,
        dynamic=np.stack([_resized(values, detail.size) for values in other.dynamic]),
        compressed=_resized(other.compressed, detail.size),
        stretched=_resized(other.stretched, detail.size),
        record=detail.record | {"dynamic_of": other.record},
    )


def _refuse_strangers(detail: DetailMaps, other: DetailMaps) -> None:
    if detail.activation.shape != other.activation.shape:
        raise TopologyMismatch("Detail can be transferred only between heads of the same face model.")


def _resized(values: NDArray[np.float32], size: int) -> NDArray[Any]:
    """(S, S) map at ``size``, averaged where it shrinks."""
    if len(values) == size:
        return values
    how = cv2.INTER_AREA if len(values) > size else cv2.INTER_LINEAR
    return cv2.resize(values, (size, size), interpolation=how)
