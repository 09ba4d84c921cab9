"""Deforming maps: how the surface moves between expressions, as images of the lattice. FaceScape Sec. 4.2.

FaceScape's deforming map is the difference of vertex positions between the source expression (the one that the
photo shows, and so the texture) and a target expression, in UV space. What wrinkles skin is not where it goes
but how it is squeezed, which a network would have to work out of the differences by derivatives in a metric that
differs from place to place. That part is known, so the strain goes with the differences, as three more channels.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .lattice_frame import LatticeFrame
from .strain import key_strain

Floats = NDArray[np.floating[Any]]
Float32 = NDArray[np.float32]

CHANNELS = 6
LARGEST_MOVE_MM = 40.0
"""Far more than skin moves; only the inner rims of lips and lids may, and they are of no account."""


def deforming_maps(
    frame: LatticeFrame, targets: Floats, size: int, strain: NDArray[np.floating[Any]] | None = None
) -> Float32:
    """Deforming maps to K target expressions.

    Parameters
    ----------
    frame : of the source: the head as the photo shows it
    targets : (K, V, 3) mm, the same head in the target expressions
    size : n, pixels a side; the lattice's 192 or more keep all there is
    strain : (K, N, N, 3) of ``strain.key_strain`` for the same targets, where it is known already

    Returns
    -------
    (K, 6, n, n) float32, row 0 at v = 1. Channels: difference of positions x, y, z (mm, model space); Hencky strain
    E11, E22, E12 in the source's tangent axes.
    """
    moves = np.asarray(targets, np.float32) - frame.places.astype(np.float32)
    if strain is None:
        strain = key_strain(frame, targets)
    result = np.empty((len(moves), CHANNELS, size, size), np.float32)
    for image, move, squeeze in zip(result, moves, strain):
        cells = np.clip(frame.cell_means(move), -LARGEST_MOVE_MM, LARGEST_MOVE_MM)
        image[:3] = _image(cells, size)
        image[3:] = _image(np.asarray(squeeze, np.float32), size)
    return result


def _image(cells: Float32, size: int) -> Float32:
    """(N, N, 3) on cells, rows from the bottom, to (3, n, n), rows from the top."""
    upright = np.ascontiguousarray(cells[::-1])
    resized = cv2.resize(upright, (size, size), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, np.float32).transpose(2, 0, 1)
