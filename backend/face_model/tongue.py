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

REACH_MM = 30.0  # how far the tip comes forward
DROOP_MM = 14.0  # how far the tip hangs below the straight line
FLATTEN = 0.45  # of the tip's thickness
NARROW = 0.2  # of its width


def tongue_out(points: NDArray[np.float64], along: NDArray[np.float64]) -> NDArray[np.float64]:
    """Offsets (n, 3) mm of the tongue's own motion relative to the jaw.

    Parameters
    ----------
    points : (n, 3) mm, the tongue at rest, model space
    along : (n,) 0 at the root to 1 at the tip
    """
    forward = along**1.5
    hanging = np.clip((along - 0.55) / 0.45, 0.0, 1.0) ** 2
    front = np.clip((along - 0.3) / 0.4, 0.0, 1.0)
    front = front * front * (3.0 - 2.0 * front)
    # Thickness and width shrink about the middle of the cross-section at the same place along the tongue.
    order = np.argsort(along)
    knots, inverse = np.unique(along[order], return_inverse=True)
    middle = np.bincount(inverse, weights=points[order, 1]) / np.bincount(inverse)
    above = points[:, 1] - np.interp(along, knots, middle)
    return np.stack(
        [
            -NARROW * front * points[:, 0],
            -DROOP_MM * hanging - FLATTEN * front * above,
            REACH_MM * forward,
        ],
        axis=1,
    )
