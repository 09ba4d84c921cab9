"""tongueOut, the one ARKit blendshape that ICT-FaceKit lacks: the tongue slides out over the lower lip."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# The skin and the jaw part the lips by these weights of other blendshapes; personalised like those.
TONGUE_OUT_RECIPE: dict[str, float] = {
    "jawOpen": 0.36,
    "mouthLowerDownLeft": 0.25,
    "mouthLowerDownRight": 0.25,
    "mouthUpperUpLeft": 0.12,
    "mouthUpperUpRight": 0.12,
}

REACH_MM = 33.0  # how far the tip comes forward
DROP_MM = 6.5  # the front half sinks by this much, to pass between the teeth
DROOP_MM = 11.0  # how far the tip hangs below that
TIP = 0.68  # along the tongue, where the tip begins
FLATTEN = 0.5  # of the front's thickness
NARROW = 0.15  # of its width


def _step(value: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Smooth step from 0 at ``low`` to 1 at ``high``."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def tongue_out(points: NDArray[np.float64], along: NDArray[np.float64]) -> NDArray[np.float64]:
    """Offsets (n, 3) mm of the tongue's own motion relative to the jaw.

    Parameters
    ----------
    points : (n, 3) mm, the tongue at rest, model space
    along : (n,) 0 at the root to 1 at the tip
    """
    # The tongue stretches up to where its tip begins; the tip comes along as it is and stays round.
    forward = REACH_MM * np.minimum(along / TIP, 1.0) ** 1.2
    front = _step(along, 0.25, 0.75)
    # Thickness and width shrink about the middle of the cross-section at the same place along the tongue.
    knots, inverse = np.unique(along, return_inverse=True)
    count = np.bincount(inverse)
    low, high = np.full(len(knots), np.inf), np.full(len(knots), -np.inf)
    np.minimum.at(low, inverse, points[:, 1])
    np.maximum.at(high, inverse, points[:, 1])
    middle = np.where(
        count > 1, 0.5 * (low + high), points[:, 1][np.searchsorted(along, knots, sorter=np.argsort(along))]
    )
    above = points[:, 1] - middle[inverse]
    sink = DROP_MM * front + DROOP_MM * _step(along, 0.5, 1.0)
    return np.stack([-NARROW * front * points[:, 0], -sink - FLATTEN * front * above, forward], axis=1)
