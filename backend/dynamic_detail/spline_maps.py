"""Maps as cubic B-splines: the coefficients whose spline goes through the maps' values at the texels' centres.

Shaders interpolate images linearly, which shows every texel as a facet in the highlights of skin seen from close
by, or by a cubic B-spline, which is smooth but blurs: of pores it leaves two thirds, of noise in texels less.
A map that is stored as coefficients keeps its values and is smooth: the shader's cubic filter undoes the prefilter
(Unser 1999, "Splines: a perfect fit for signal and image processing").
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import spline_filter

KERNEL = np.array([1.0, 4.0, 1.0], np.float32) / 6.0
"""The cubic B-spline at whole numbers."""


def spline_coefficients(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """(S, S) coefficients of the map ``values`` (S, S), for filters that repeat the edge beyond itself."""
    if not values.any():
        return values
    # "reflect" repeats the edge once and then turns back; the filter reaches no further than that.
    coefficients: NDArray[np.float32] = spline_filter(values, 3, output=np.float32, mode="reflect")
    return coefficients


def spline_values(coefficients: NDArray[np.float32]) -> NDArray[np.float32]:
    """(S, S) the map whose ``spline_coefficients`` these are: what a cubic filter shows at the texels' centres."""
    result: NDArray[np.float32] = cv2.sepFilter2D(
        coefficients, cv2.CV_32F, KERNEL, KERNEL, borderType=cv2.BORDER_REPLICATE
    ).astype(np.float32, copy=False)
    return result
