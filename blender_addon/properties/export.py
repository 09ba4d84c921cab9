"""How to export; lives with the scene."""

from __future__ import annotations

import bpy

from ..exporting.presets import PRESETS

FORMAT = "The kind of file, and the program it is meant for"
DENSITY = "How many of the head's faces to write"
ANIMATION = "Which frames to write. Drivers, NLA strips and constraints are baked, one key a frame"
HEADS = "Which heads to write"
WRINKLE_MAPS = (
    "Write the dynamic detail beside the file: normal and height maps in three sets, masks, and the weight of "
    "every blendshape on them, for the engine's material"
)
FORMATS = tuple((preset.key, preset.label, preset.description) for preset in PRESETS.values())
DENSITIES = (
    ("FULL", "Full", "All faces: 45,186 on heads of the built-in face model"),
    (
        "HALF", "Half",
        "Every second line of the mesh, closer where the face bends: 13,766 faces. The vertices that stay are "
        "exact, and all textures fit; on the face, the surface moves by 0.06 mm on average",
    ),
    (
        "QUARTER", "Quarter",
        "Every fourth line of the mesh, closer where the face bends: 4,702 faces, for crowds and distant figures. "
        "On the face, the surface moves by 0.2 mm on average",
    ),
)  # fmt: skip
ANIMATIONS = (
    ("SCENE", "Scene Range", "Export the animation between the scene's start and end frame, if there is any"),
    ("KEYS", "Keyed Range", "Export the animation from the head's first key to its last, if there is any"),
    ("NONE", "None", "Export the head as it stands, without animation"),
)
CHOICES = (
    ("ACTIVE", "Active Head", "Export the head that you work on"),
    ("SELECTED", "Selected Heads", "Export every selected head to a file of its own, with its name added"),
)


class FACEWRIGHT_PG_export(bpy.types.PropertyGroup):
    """``Scene.facewright_export``: the options of the last export, and where it went."""

    preset: bpy.props.EnumProperty(name="Format", description=FORMAT, items=FORMATS, default="FBX_UNREAL")
    density: bpy.props.EnumProperty(name="Mesh Density", description=DENSITY, items=DENSITIES, default="FULL")
    animation: bpy.props.EnumProperty(name="Animation", description=ANIMATION, items=ANIMATIONS, default="SCENE")
    heads: bpy.props.EnumProperty(name="Heads", description=HEADS, items=CHOICES, default="ACTIVE")
    wrinkle_maps: bpy.props.BoolProperty(name="Wrinkle Maps", description=WRINKLE_MAPS, default=True)
    filepath: bpy.props.StringProperty(name="File", description="Where the last export went", subtype="FILE_PATH")


def register() -> None:
    """Register the group and hang it on the scene."""
    bpy.utils.register_class(FACEWRIGHT_PG_export)
    bpy.types.Scene.facewright_export = bpy.props.PointerProperty(type=FACEWRIGHT_PG_export)


def unregister() -> None:
    """Take them back."""
    del bpy.types.Scene.facewright_export
    bpy.utils.unregister_class(FACEWRIGHT_PG_export)
