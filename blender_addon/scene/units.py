"""Lengths of a face in the scene's units, at the fineness that faces need."""

from __future__ import annotations

import bpy

# These would show the distance of two pupils as 0.06 m; faces are measured in millimetres.
COARSE = {"ADAPTIVE", "METERS", "KILOMETERS"}


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
    """A length in Blender units, such as "62.4 mm", "6.24 cm" or "2.46 in", as the scene's units have it."""
    units = scene.unit_settings
    if units.system == "NONE":
        return f"{length:.4g}"
    if in_millimetres(scene):
        return f"{to_millimetres(scene, length):.1f} mm"
    if units.system == "METRIC":
        name, metres = {
            "CENTIMETERS": ("cm", 0.01), "MICROMETERS": ("µm", 1e-6),
        }.get(units.length_unit, ("m", 1.0))  # fmt: skip
        return f"{length * units.scale_length / metres:.4g} {name}"
    return bpy.utils.units.to_string(
        "IMPERIAL", "LENGTH", length * units.scale_length, precision=4, split_unit=False
    )
