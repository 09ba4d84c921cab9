"""Maps of the UV square at another size."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]


def resampled(values: Float32, size: int) -> Float32:
    """(S, S) map as (size, size), averaged where it shrinks, bilinear where it grows; nothing is shifted."""
    if len(values) == size:
        return values
    how = cv2.INTER_AREA if len(values) > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(values, (size, size), interpolation=how), np.float32)
