"""Fine relief of the lips' red: soft vertical grooves that everybody has at rest, as other skin has pores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .crease_ground import SkinGround
from .crease_set import CreaseSet
from .mechanics import line_relief

GROOVE_MM = 0.03
"""Half of groove to ridge on skin of average roughness."""


def lip_relief(ground: SkinGround, sets: Sequence[CreaseSet], roughness: float = 1.0) -> NDArray[np.float32]:
    """(S, S) mm along the normal, to be added to the pores, which leave the lips out.

    Parameters
    ----------
    ground, sets : of one head; the grooves are the set "lips", so those that deepen when lips pucker
    roughness : of the skin, relative to the average
    """
    relief = np.zeros((ground.size, ground.size), np.float32)
    for lines in sets:
        if lines.name == "lips":
            relief[lines.rows, lines.columns] += np.float32(GROOVE_MM * roughness) * line_relief(lines)
    return relief
