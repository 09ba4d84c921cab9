"""Which of the 478 landmarks is which one's mirror image, and the few that fitting names."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..mesh.landmark_schemes import LANDMARKS_478

# On the middle line. The network numbers the subject's right half first: of the other 440 skin landmarks the first
# 220 lie on the right and the last 220, in the same order, on the left.
MIDLINE = (
    0, 1, 2, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 94, 151, 152, 164, 168, 175, 195, 197, 199, 200,
)  # fmt: skip
SKIN_LANDMARKS = 468
IRIS_RIGHT = (468, 469, 470, 471, 472)  # centre, then its rim
IRIS_LEFT = (473, 474, 475, 476, 477)
IRIS_RIGHT_MIRRORED = (473, 476, 475, 474, 477)
OUTER_CANTHI = (33, 263)
# Outline of the face, clockwise in the picture from the middle of the forehead.
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
# Bones rather than soft tissue, spread over the face: where the first pose comes from.
STABLE = (33, 133, 362, 263, 1, 4, 5, 6, 168, 195, 197, 61, 291, 0, 17, 152, 10, 9, 8, 159, 145, 386, 374, 50, 280)


def mirror_478() -> NDArray[np.int64]:
    """(478,) index of every landmark's mirror image; its own inverse."""
    mirror = np.arange(LANDMARKS_478)
    middle = set(MIDLINE)
    right = [k for k in range(SKIN_LANDMARKS // 2 + len(MIDLINE) // 2) if k not in middle]
    left = [k for k in range(SKIN_LANDMARKS) if k not in middle and k not in set(right)]
    mirror[right], mirror[left] = left, right
    mirror[list(IRIS_RIGHT)] = IRIS_RIGHT_MIRRORED
    mirror[list(IRIS_RIGHT_MIRRORED)] = IRIS_RIGHT
    return mirror
