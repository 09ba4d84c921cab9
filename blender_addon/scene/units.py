"""Lengths of a face in the scene's units, at the fineness that faces need."""

from __future__ import annotations

import bpy

# These would show the distance of two pupils as 0.06 m; faces are measured in millimetres.
COARSE = {"ADAPTIVE", "METERS", "KILOMETERS"}
# By Blender's names: metres, decimals that are a tenth of a millimetre at least, and what is written behind.
_UNITS = {
    "MILLIMETERS": (1e-3, 1, " mm"), "CENTIMETERS": (1e-2, 2, " cm"), "MICROMETERS": (1e-6, 0, " µm"),
    "INCHES": (0.0254, 2, '"'),
}  # fmt: skip


def in_millimetres(scene: bpy.types.Scene) -> bool:
    """Whether a face is best shown in millimetres: in metric scenes that do not ask for another small unit."""
    units = scene.unit_settings
    return units.system == "METRIC" and units.length_unit in COARSE | {"MILLIMETERS"}


def to_millimetres(scene: bpy.types.Scene, length: float) -> float:
    """A length in Blender units as the scene understands it, in millimetres."""
    return length * scene.unit_settings.scale_length * 1000.0


def from_millimetres(scene: bpy.types.Scene, length_mm: float) -> float:
    """The opposite of ``to_millimetres``."""
    return length_mm / (scene.unit_settings.scale_length * 1000.0)


def length_text(scene: bpy.types.Scene, length: float) -> str:
    """A length in Blender units as the scene's units have it, such as "62.4 mm", "6.24 cm" or '2.46"'.

    ``bpy.utils.units.to_string`` changes the unit with the number, so that a distance and its uncertainty could not
    be compared: "2.5 in" and "114 thou".
    """
    units = scene.unit_settings
    if units.system == "NONE":
        return f"{length:.4g}"
    if in_millimetres(scene):
        unit = "MILLIMETERS"
    elif units.system == "IMPERIAL":
        unit = "INCHES"
    else:
        unit = units.length_unit
    metres, decimals, name = _UNITS[unit]
    return f"{length * units.scale_length / metres:.{decimals}f}{name}"
