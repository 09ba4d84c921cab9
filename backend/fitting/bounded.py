"""Minimum of a convex quadratic within bounds: the inner step of the fit."""

from __future__ import annotations

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

Array = NDArray[np.float64]


def bounded_quadratic(hessian: Array, gradient: Array, lower: Array, upper: Array, rounds: int = 12) -> Array:
    """Minimise x^T H x / 2 - g^T x subject to lower <= x <= upper, by an active set.

    Parameters
    ----------
    hessian : (n, n) positive definite
    gradient : (n,) g, the *negative* gradient at zero
    lower, upper : (n,), -inf and inf where free; lower <= 0 <= upper
    rounds : most changes of the active set. Stopping early leaves a feasible, slightly suboptimal point.

    Returns
    -------
    x (n,)

    Coordinates that leave the bounds are clamped there; clamped ones whose gradient points inwards are freed again.
    """
    x = np.zeros(len(gradient))
    # Most blendshapes rest at a bound and want to go beyond it: begin with those clamped.
    clamped = ((lower >= 0.0) & (gradient < 0.0)) | ((upper <= 0.0) & (gradient > 0.0))
    for _ in range(rounds):
        free = np.flatnonzero(~clamped)
        right = gradient[free] - hessian[np.ix_(free, np.flatnonzero(clamped))] @ x[clamped]
        x[free] = scipy.linalg.solve(hessian[np.ix_(free, free)], right, assume_a="pos", check_finite=False)
        low, high = x < lower - 1e-9, x > upper + 1e-9
        if (low | high).any():
            x = np.clip(x, lower, upper)
            clamped |= low | high
            continue
        slope = gradient - hessian @ x
        inwards = clamped & (((x <= lower) & (slope > 1e-9)) | ((x >= upper) & (slope < -1e-9)))
        if not inwards.any():
            break
        clamped &= ~inwards
    return np.clip(x, lower, upper)
