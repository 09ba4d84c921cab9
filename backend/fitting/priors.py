"""What is believed about a head before its landmarks are seen: P(x) = x^T A x + 2 b^T x (+ constant)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Blendshapes that also look like somebody's neutral face: believed smaller, so that they do not explain the person.
CONFUSABLE_SD = {
    "cheekPuff": 0.10, "noseSneerLeft": 0.15, "noseSneerRight": 0.15, "jawForward": 0.10, "mouthShrugLower": 0.2,
    "mouthShrugUpper": 0.2, "mouthRollLower": 0.2, "mouthRollUpper": 0.2,
}  # fmt: skip
# What people do in photos, often strongly: believed larger, so that identities do not have to explain a smile.
COMMON_SD = {
    "mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "jawOpen": 0.6, "eyeBlinkLeft": 0.6, "eyeBlinkRight": 0.6,
    "mouthUpperUpLeft": 0.4, "mouthUpperUpRight": 0.4, "cheekSquintLeft": 0.3, "cheekSquintRight": 0.3,
}  # fmt: skip
NEVER_FITTED = ("tongueOut",)  # no landmark sees it


class Quadratic(NamedTuple):
    """``matrix`` A (n, n) and ``linear`` b (n,)."""

    matrix: Array
    linear: Array

    def value(self, x: Array) -> float:
        """P(x)."""
        return float(x @ self.matrix @ x + 2.0 * self.linear @ x)

    def negative_half_gradient(self, x: Array) -> Array:
        """-(A x + b): what is added to J^T C^-1 r."""
        result: Array = -(self.matrix @ x + self.linear)
        return result


def identity_prior(dims: int, weight: float) -> Quadratic:
    """Identity coefficients are standard normal."""
    return Quadratic(weight * np.eye(dims), np.zeros(dims))


def expression_prior(names: tuple[str, ...], sd: float, sparsity: float, asymmetry_sd: float) -> Quadratic:
    """Blendshape weights are small, few, and alike on both sides.

    Parameters
    ----------
    names : E blendshapes
    sd : of one weight, where neither table names another
    sparsity : rate of an exponential distribution on top: with the bound at 0 it makes weak evidence exactly zero
    asymmetry_sd : of the difference between a left weight and its right twin
    """
    index = {name: k for k, name in enumerate(names)}
    own = CONFUSABLE_SD | COMMON_SD
    spread = np.array([own.get(name, sd) for name in names])
    matrix = np.diag(1.0 / spread**2)
    for name, left in index.items():
        if not name.endswith("Left") or name in ("jawLeft", "mouthLeft") or name.startswith("eyeLook"):
            continue
        right = index.get(name.removesuffix("Left") + "Right")
        if right is not None:
            matrix[left, left] += asymmetry_sd**-2
            matrix[right, right] += asymmetry_sd**-2
            matrix[left, right] -= asymmetry_sd**-2
            matrix[right, left] -= asymmetry_sd**-2
    return Quadratic(matrix, np.full(len(names), 0.5 * sparsity))


def gaze_prior(names: tuple[str, ...], sd: float, conjugate_sd: float) -> Quadratic:
    """Both eyes look the same way, and no eye two ways at once; zero rows for all other blendshapes.

    Parameters
    ----------
    names : E blendshapes
    sd : of one eyeLook weight
    conjugate_sd : of the difference between both eyes' weights for one direction of the picture
    """
    index = {name: k for k, name in enumerate(names)}
    matrix = np.zeros((len(names), len(names)))

    def add(first: str, second: str, both: float, crossed: float) -> None:
        if first in index and second in index:
            a, b = index[first], index[second]
            matrix[[a, b], [a, b]] += both
            matrix[[a, b], [b, a]] += crossed

    for side in ("Left", "Right"):
        # Opposite directions nearly exclude each other: the sum of both counts, not each on its own.
        add(f"eyeLookIn{side}", f"eyeLookOut{side}", sd**-2, 0.95 * sd**-2)
        add(f"eyeLookUp{side}", f"eyeLookDown{side}", sd**-2, 0.95 * sd**-2)
    for left, right in (("In", "Out"), ("Out", "In"), ("Up", "Up"), ("Down", "Down")):
        add(f"eyeLook{left}Left", f"eyeLook{right}Right", conjugate_sd**-2, -(conjugate_sd**-2))
    return Quadratic(matrix, np.zeros(len(names)))


def expression_bounds(names: tuple[str, ...]) -> tuple[Array, Array]:
    """(E,) lower and upper weights."""
    upper = np.array([0.0 if name in NEVER_FITTED else 1.0 for name in names])
    return np.zeros(len(names)), upper


class FocalPrior(NamedTuple):
    """Belief about a lens nobody tells us of, in logarithms.

    Two opinions are multiplied. The picture is a whole one from a common lens: focal length about
    ``focal_per_side`` times the long side. And wherever it was cropped, portraits are taken from about
    ``distance_mm``. Standard deviations are of the natural logarithms.
    """

    focal_per_side: float = 1.5
    focal_log_sd: float = 0.45
    distance_mm: float = 1000.0
    distance_log_sd: float = 0.45

    def best_log_focal(self, long_side: float, px_per_mm: float) -> float:
        """Most likely log focal length in pixels for a face of a given scale (distance = focal / px_per_mm)."""
        a, b = self.focal_log_sd**-2, self.distance_log_sd**-2
        by_side = np.log(self.focal_per_side * long_side)
        return float((a * by_side + b * np.log(self.distance_mm * px_per_mm)) / (a + b))

    @property
    def log_sd(self) -> float:
        """Of the product of both opinions."""
        return float((self.focal_log_sd**-2 + self.distance_log_sd**-2) ** -0.5)
