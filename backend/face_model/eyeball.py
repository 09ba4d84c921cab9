"""The eyeball's measures and its UV square, shared by the mesh, its textures and the correctives."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# All lengths in eyeball radii, all angles in degrees from the front pole, seen from the eyeball's centre.
# The mean eyeball has a radius of 15.3 mm (ICT's measure, larger than life): its iris is 11.7 mm wide.
LIMBUS_DEGREES = 22.5
IRIS_DEPTH = 0.02  # the pupil lies this far behind the rim of the iris
CORNEA_DEGREES = 30.0  # the cornea's bulge begins here
CORNEA_APEX = 0.065  # its height over the ball
SHELL_GAP = 0.004  # between the ball and the clear shell: 0.06 mm
SHELL_RIM_DEGREES = 96.0  # the clear shell ends here, inside the ball and behind the lids
# The UV square of "eye" and "cornea": the front pole at (0.5, 0.5), u to the subject's left, v up.
IRIS_UV_RADIUS = 0.2
SCLERA_EXPONENT = 0.6

# Gaze at weight 1, degrees. ICT's shapes move the lids only: its upper lid turns 14 degrees about the eyeball's
# centre in eyeLookDown and 8 in eyeLookUp, its lid rims shift by 1.1 mm in eyeLookIn and eyeLookOut. The upper lid
# follows the eye with a gain of about 0.7 downwards and less upwards, and sideways only by the cornea's push.
GAZE_DEGREES = {"Down": 20.0, "Up": 20.0, "In": 27.0, "Out": 27.0}


def eye_uv_radius(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance from the middle of the UV square for an angle from the front pole.

    Inside the limbus proportional to the sine (the flat iris is not distorted), outside growing to 0.5 at the back.
    """
    inside = IRIS_UV_RADIUS * np.sin(np.radians(degrees)) / np.sin(np.radians(LIMBUS_DEGREES))
    beyond = np.clip((degrees - LIMBUS_DEGREES) / (180.0 - LIMBUS_DEGREES), 0.0, 1.0)
    outside = IRIS_UV_RADIUS + (0.5 - IRIS_UV_RADIUS) * beyond**SCLERA_EXPONENT
    return np.where(degrees <= LIMBUS_DEGREES, inside, outside)


def eye_degrees(uv_radius: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angle from the front pole for a distance from the middle of the UV square: the inverse of eye_uv_radius."""
    sine = np.clip(uv_radius / IRIS_UV_RADIUS, 0.0, 1.0) * np.sin(np.radians(LIMBUS_DEGREES))
    beyond = np.clip((uv_radius - IRIS_UV_RADIUS) / (0.5 - IRIS_UV_RADIUS), 0.0, 1.0)
    outside = LIMBUS_DEGREES + (180.0 - LIMBUS_DEGREES) * beyond ** (1.0 / SCLERA_EXPONENT)
    return np.where(uv_radius <= IRIS_UV_RADIUS, np.degrees(np.arcsin(sine)), outside)


def _polar(uv: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distance (n,) from the middle of the UV square and unit direction (n, 2) there."""
    arm = uv - 0.5
    distance = np.linalg.norm(arm, axis=-1)
    return distance, arm / np.maximum(distance, 1e-12)[..., None]


def ball_places(uv: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 2) UVs of the opaque ball to (n, 3) places about its centre, in eyeball radii: sclera and sunken iris."""
    distance, direction = _polar(uv)
    theta = np.radians(eye_degrees(distance))
    inside = distance <= IRIS_UV_RADIUS * (1.0 + 1e-6)
    sunk = np.cos(np.radians(LIMBUS_DEGREES)) - IRIS_DEPTH * (1.0 - (distance / IRIS_UV_RADIUS) ** 2)
    z = np.where(inside, sunk, np.cos(theta))
    return np.concatenate([np.sin(theta)[..., None] * direction, z[..., None]], axis=-1)


def shell_radius(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of the clear shell from the centre, in eyeball radii: ball, bulge of the cornea, a hair's gap."""
    bulge = np.clip(1.0 - (degrees / CORNEA_DEGREES) ** 2, 0.0, None) ** 2
    ends = np.clip((degrees - 85.0) / (SHELL_RIM_DEGREES - 85.0), 0.0, 1.0)
    return 1.0 + CORNEA_APEX * bulge + SHELL_GAP * (1.0 - 2.0 * ends)


def shell_places(uv: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 2) UVs of the clear shell to (n, 3) places about the centre, in eyeball radii."""
    distance, direction = _polar(uv)
    degrees = eye_degrees(distance)
    theta, radius = np.radians(degrees), shell_radius(degrees)
    return np.concatenate(
        [(radius * np.sin(theta))[..., None] * direction, (radius * np.cos(theta))[..., None]], axis=-1
    )


def gaze_rotation(direction: str, side: str) -> NDArray[np.float64]:
    """(3, 3) rotation of an eyeball at weight 1: direction "Down", "Up", "In" or "Out", side "Left" or "Right"."""
    angle = np.radians(GAZE_DEGREES[direction])
    c, s = np.cos(angle), np.sin(angle)
    if direction in ("Down", "Up"):
        s = s if direction == "Down" else -s  # about +x, z turns towards -y
        return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])
    # About +y, z turns towards +x, which is outwards for the subject's left eye.
    s = s if (direction == "Out") == (side == "Left") else -s
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
