"""How the expressions are listed and applied; lives with the window manager."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, PointerProperty, StringProperty

from ..expressions.key_poses import STRONGEST
from ..heads import active_head
from ..scene.pose_previews import draw_pictures, has_pictures


def _show_pictures(settings: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    """Draw the pictures when they are first asked for."""
    head = active_head(context)
    if settings.pictures and head is not None and head.data.shape_keys is not None and not has_pictures(head):
        draw_pictures(head, at_once=bpy.app.background)


class FACEWRIGHT_PG_expressions(bpy.types.PropertyGroup):
    """What the Expressions panel shows and how its buttons act; the expressions themselves are shape keys."""

    search: StringProperty(
        name="Search", options={"TEXTEDIT_UPDATE"},
        description="Show only expressions whose names, region or FACS number hold these words: blink, au12",
    )  # fmt: skip
    facs: BoolProperty(
        name="FACS", default=False,
        description="Name expressions with the numbers of FACS, the Facial Action Coding System: AU12 Smile",
    )  # fmt: skip
    strength: FloatProperty(
        name="Strength", subtype="FACTOR", default=1.0, min=0.0, max=STRONGEST,
        description="How strongly key expressions are applied: 1 is the full expression; no slider goes beyond 1",
    )  # fmt: skip
    mode: EnumProperty(
        name="Mode",
        items=[
            ("REPLACE", "Replace", "The key expression takes the place of what the face shows"),
            ("ADD", "Add", "The key expression comes on top of what the face shows"),
        ],
    )  # fmt: skip
    pictures: BoolProperty(
        name="Pictures", default=False,
        description="Show the key expressions as pictures of this head", update=_show_pictures,
    )  # fmt: skip


def register() -> None:
    """Register this module's classes with Blender."""
    bpy.utils.register_class(FACEWRIGHT_PG_expressions)
    bpy.types.WindowManager.facewright_expressions = PointerProperty(type=FACEWRIGHT_PG_expressions)


def unregister() -> None:
    """Take them back."""
    del bpy.types.WindowManager.facewright_expressions
    bpy.utils.unregister_class(FACEWRIGHT_PG_expressions)
