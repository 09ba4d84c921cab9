"""Index lists of the 478 face mesh landmarks; left and right are the subject's.

``LIPS``, ``LEFT_EYE`` and ``RIGHT_EYE`` are, in order, the subsets that the attention mesh refines (they stand in
the network file, which calls the eyes by their side in the image). The first 16 of an eye are its lid contour,
lower lid first, from the outer corner inwards.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..mesh.landmark_schemes import IBUG68_FROM_478, LANDMARKS_478

LIPS = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409,
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415,
    76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306, 184, 74, 73, 72, 11, 302, 303, 304, 408,
    62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292, 183, 42, 41, 38, 12, 268, 271, 272, 407,
)  # fmt: skip
RIGHT_EYE = (
    33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173,
    130, 25, 110, 24, 23, 22, 26, 112, 243, 247, 30, 29, 27, 28, 56, 190,
    226, 31, 228, 229, 230, 231, 232, 233, 244, 113, 225, 224, 223, 222, 221, 189,
    35, 124, 46, 53, 52, 65, 143, 111, 117, 118, 119, 120, 121, 128, 245, 156,
    70, 63, 105, 66, 107, 55, 193,
)  # fmt: skip
LEFT_EYE = (
    263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398,
    359, 255, 339, 254, 253, 252, 256, 341, 463, 467, 260, 259, 257, 258, 286, 414,
    446, 261, 448, 449, 450, 451, 452, 453, 464, 342, 445, 444, 443, 442, 441, 413,
    265, 353, 276, 283, 282, 295, 372, 340, 346, 347, 348, 349, 350, 357, 465, 383,
    300, 293, 334, 296, 336, 285, 417,
)  # fmt: skip
RIGHT_EYE_CONTOUR, LEFT_EYE_CONTOUR = RIGHT_EYE[:16], LEFT_EYE[:16]
# Closed loops, as they run around in the image of an upright face: from the corner at the image's left, along the
# upper edge to the other corner, back along the lower edge.
LIPS_OUTER_LOOP = (LIPS[0], *LIPS[11:20], LIPS[10], *LIPS[9:0:-1])
LIPS_INNER_LOOP = (LIPS[20], *LIPS[31:40], LIPS[30], *LIPS[29:20:-1])
RIGHT_EYE_LOOP = (RIGHT_EYE[0], *RIGHT_EYE[9:16], RIGHT_EYE[8], *RIGHT_EYE[7:0:-1])
LEFT_EYE_LOOP = (LEFT_EYE[8], *LEFT_EYE[15:8:-1], LEFT_EYE[0], *LEFT_EYE[1:8])
# Eyebrows from their outer end inwards, upper edge and lower edge.
RIGHT_BROW_UPPER, RIGHT_BROW_LOWER = (70, 63, 105, 66, 107), (46, 53, 52, 65, 55)
LEFT_BROW_UPPER, LEFT_BROW_LOWER = (300, 293, 334, 296, 336), (276, 283, 282, 295, 285)
RIGHT_BROW = (*RIGHT_BROW_UPPER, *RIGHT_BROW_LOWER)
LEFT_BROW = (*LEFT_BROW_UPPER, *LEFT_BROW_LOWER)
# Outline of the mesh, clockwise in the image from the middle of the forehead.
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
RIGHT_IRIS, LEFT_IRIS = tuple(range(468, 473)), tuple(range(473, 478))  # centre first
RIGHT_EYE_CORNERS, LEFT_EYE_CORNERS = (33, 133), (263, 362)  # outer, inner
OUTER_CANTHI = (33, 263)  # right, left

_ROWS = np.array([k for k, indices in enumerate(IBUG68_FROM_478) for _ in indices])
_COLUMNS = np.array([index for indices in IBUG68_FROM_478 for index in indices])


def ibug68(landmarks: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """The 68 iBUG landmarks of a face mesh.

    Parameters
    ----------
    landmarks : (468 or 478, 2 or 3) float

    Returns
    -------
    (68, 2) float64, the same units. Points that lie between two of the mesh are their mean. Beyond about 30 degrees
    of yaw the jaw points slide along the visible contour.
    """
    if landmarks.ndim != 2 or not 468 <= len(landmarks) <= LANDMARKS_478:
        raise ValueError(f"expected (478, 3) landmarks, got {landmarks.shape}")
    result = np.zeros((68, 2))
    np.add.at(result, _ROWS, landmarks[_COLUMNS, :2].astype(np.float64))
    return result / np.bincount(_ROWS)[:, None]
