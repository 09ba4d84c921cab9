"""What skin is like, as far as its wrinkles go."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from .crease_set import CreaseStyle

AVERAGE_AGE = 0.45
"""An adult of about 35: where all gains are as the tables of styles have them."""


@dataclass(frozen=True)
class SkinSettings:
    """A person's skin; saved with every result.

    age                0 (a child's) to 1.3 (deeply lined); AVERAGE_AGE for an adult of about 35
    thickness          relative to the average: thick skin folds later, wider and deeper, fine lines vanish
    wavelength_factor  distance between lines relative to the average
    roughness          texture of the skin relative to the average (pores; not used by lines)
    seed               which irregular lines of all that are possible
    gains              crease set -> factor of its depth, where the photo says more than age does; else 1
    """

    age: float = AVERAGE_AGE
    thickness: float = 1.0
    wavelength_factor: float = 1.0
    roughness: float = 1.0
    seed: int = 1
    gains: Mapping[str, float] = field(default_factory=dict)

    @property
    def aging(self) -> float:
        """Depth of lines relative to an adult of about 35."""
        return 0.5 + 0.5 * max(self.age, 0.0) / AVERAGE_AGE

    def pitch(self, style: CreaseStyle) -> float:
        """mm between lines of a style on this skin: buckling gets wider with the layer that buckles."""
        return style.wavelength_mm * self.wavelength_factor * math.sqrt(self.thickness)

    def gain(self, name: str, style: CreaseStyle) -> float:
        """Share of the depth of length conservation that a set shows on this skin."""
        return style.gain * self._person(name, style)

    def cap(self, name: str, style: CreaseStyle) -> float:
        """mm, the greatest depth of a set on this skin."""
        return style.cap_mm * math.sqrt(self._person(name, style)) * math.pow(self.thickness, 0.25)

    def _person(self, name: str, style: CreaseStyle) -> float:
        return math.pow(self.aging, style.aging) * self.gains.get(name, 1.0)
