"""Set-ups of light for rendered benchmarks: lamps about the head, and what surrounds it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Colour = tuple[float, float, float]

WHITE: Colour = (1.0, 1.0, 1.0)
WARM: Colour = (1.0, 0.72, 0.46)
SUN: Colour = (1.0, 0.93, 0.82)
COOL: Colour = (0.86, 0.93, 1.0)


class Lamp(NamedTuple):
    """A round lamp that points at the head.

    ``azimuth`` from the camera to the right of the picture and ``elevation`` above it, degrees; ``distance`` and
    ``size`` in metres; ``power`` in watts; ``colour`` linear RGB.
    """

    azimuth: float
    elevation: float
    distance: float
    size: float
    power: float
    colour: Colour = WHITE

    @property
    def direction(self) -> Array:
        """(3,) unit vector from the head to the lamp, in axes parallel to the camera's."""
        azimuth, elevation = np.radians([self.azimuth, self.elevation])
        return np.array(
            [np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)]
        )


class Light(NamedTuple):
    """Lamps and surroundings.

    ``sky`` and ``ground``: linear RGB of what surrounds the head above and below; ``backdrop``: sRGB of what the
    camera sees behind it at the top and at the bottom; ``exposure``: how bright lit skin of a medium tone is
    without the camera's correction, linear, 1 = white; ``noise``: standard deviation of the sensor's noise, share
    of white; ``warmth``: how much of the lamps' tint the camera's white balance leaves.
    """

    lamps: tuple[Lamp, ...]
    sky: Colour
    ground: Colour
    backdrop: tuple[Colour, Colour]
    exposure: float = 0.4
    noise: float = 0.004
    warmth: float = 0.3


LIGHTS: Mapping[str, Light] = MappingProxyType({
    # Large soft key, weak fill, hair light: the portrait studio.
    "studio": Light(
        (Lamp(35.0, 30.0, 1.3, 0.7, 21.0, (1.0, 0.97, 0.93)), Lamp(-50.0, 5.0, 1.5, 1.2, 9.5, COOL),
         Lamp(160.0, 40.0, 1.2, 0.4, 12.6)),
        (0.13, 0.13, 0.13), (0.08, 0.08, 0.08), ((0.42, 0.44, 0.47), (0.25, 0.26, 0.28)), exposure=0.42,
    ),
    # The sun high on one side, a bright sky, light from the grass.
    "outdoor": Light(
        (Lamp(-48.0, 42.0, 4.0, 0.12, 240.0, SUN),),
        (0.50, 0.62, 0.85), (0.20, 0.21, 0.13), ((0.62, 0.73, 0.86), (0.45, 0.53, 0.36)), exposure=0.45,
    ),
    # Clouds: light from above without a direction.
    "overcast": Light(
        (Lamp(10.0, 75.0, 2.5, 3.0, 33.0),),
        (0.94, 0.97, 1.01), (0.24, 0.23, 0.22), ((0.80, 0.82, 0.85), (0.52, 0.53, 0.53)), exposure=0.42,
    ),
    # One window beside the face, little else.
    "side": Light(
        (Lamp(78.0, 12.0, 1.4, 0.8, 29.9, (1.0, 0.98, 0.95)),),
        (0.07, 0.07, 0.08), (0.06, 0.06, 0.06), ((0.30, 0.28, 0.27), (0.19, 0.18, 0.17)), exposure=0.35,
    ),
    # Lamps of an evening at home.
    "warm": Light(
        (Lamp(-25.0, 48.0, 1.6, 0.35, 38.5, WARM), Lamp(65.0, 8.0, 1.8, 0.3, 15.8, (1.0, 0.62, 0.35))),
        (0.18, 0.13, 0.09), (0.10, 0.08, 0.05), ((0.42, 0.32, 0.23), (0.26, 0.19, 0.14)), exposure=0.35,
        noise=0.008, warmth=0.45,
    ),
    # Not enough light: a screen in front, a far lamp behind, noise.
    "dim": Light(
        (Lamp(5.0, -22.0, 0.9, 0.5, 4.3, COOL), Lamp(-120.0, 40.0, 2.0, 0.3, 13.0, WARM)),
        (0.07, 0.07, 0.09), (0.04, 0.04, 0.04), ((0.17, 0.16, 0.19), (0.11, 0.10, 0.11)), exposure=0.16,
        noise=0.02,
    ),
    # A flash beside the lens.
    "flash": Light(
        (Lamp(3.0, 8.0, 1.2, 0.06, 18.2),),
        (0.13, 0.13, 0.13), (0.09, 0.09, 0.09), ((0.36, 0.35, 0.33), (0.24, 0.22, 0.20)), exposure=0.45,
    ),
})  # fmt: skip
"""Name -> set-up."""
