"""Lines that stay when the face relaxes: which do, and how deep they usually are at some age."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESTING: Mapping[str, float] = {
    "forehead": 0.5, "glabella": 0.6, "crows_feet": 1.0, "under_eye": 1.0, "nasolabial": 1.4, "cheek": 1.5,
    "marionette": 1.0, "perioral": 1.0, "mentolabial": 1.0,
}  # fmt: skip
"""Sets whose lines at rest come with age, and how much of their cap rests on old skin relative
to the others: a forehead's few lines fill a large area, a nasolabial fold all of its own. Lid furrows and the
nasion's are in every face and tell nothing, and grain is too much like the finer lines."""
FINE_LINES_REST = 0.6
"""Of sets that tell no age: how much of them stays at rest, relative to the others."""
REST_FROM = 0.25
"""Age factor from which lines stay at rest."""
REST_SLOPE = 0.35
"""Share of their cap that a unit of age adds."""


def resting_share(age: float | NDArray[np.float64]) -> Any:
    """Depth of lines at rest over the deepest that they can be, on skin of an age factor."""
    return REST_SLOPE * np.maximum(np.asarray(age) - REST_FROM, 0.0)


def usual_rest(stem: str, age: float) -> float:
    """The same for a set, named without its side, as a share of its cap."""
    return float(resting_share(age)) * RESTING.get(stem, FINE_LINES_REST)
