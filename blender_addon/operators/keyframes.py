"""Keyframes for all or some expressions."""

from __future__ import annotations

from typing import ClassVar

import bpy
from bpy.props import EnumProperty

from ..scene.keyframes import changed_names, clear_animation, delete_keys, insert_keys
from .expressions import REGION_ITEMS, OnExpressions, names_in


class FACEWRIGHT_OT_key_expressions(OnExpressions, bpy.types.Operator):
    """Insert keyframes."""

    bl_idname = "facewright.key_expressions"
    bl_label = "Key Expressions"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    which: EnumProperty(
        name="Which",
        items=[
            ("ALL", "All", "Every expression of the region, so that the whole pose is held", "KEY_HLT", 0),
            ("CHANGED", "Changed Only", "Expressions that differ from their animation at this frame; of those that "
             "are not animated yet, the ones that are not 0", "KEY_DEHLT", 1),
        ],
    )  # fmt: skip
    region: EnumProperty(name="Region", items=REGION_ITEMS, default="ALL")

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        region = "" if properties.region == "ALL" else " of this region"
        if properties.which == "CHANGED":
            return (
                f"Insert keyframes at the current frame for the expressions{region} that differ from their "
                "animation, or that are not animated yet and not 0"
            )
        return (
            f"Insert keyframes at the current frame for all expressions{region}. For a single slider, hover over "
            "it and press I"
        )

    def execute(self, context: bpy.types.Context) -> set[str]:
        def key() -> str:
            head, frame = self.head_of(context), context.scene.frame_current_final
            names = names_in(head, self.region)
            if self.which == "CHANGED":
                changed = set(changed_names(head, frame))
                names = [name for name in names if name in changed]
            count = insert_keys(head, names, frame)
            return f"Keyed {count} expressions at frame {frame:g}" if count else "Nothing has changed: no keys"

        return self.attempt(key)


class OnAnimation(OnExpressions):
    """Mix-in for operators that need the active head's expressions to be animated."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        data = cls.head_of(context).data.shape_keys.animation_data
        if data is None or data.action is None:
            cls.poll_message_set("The expressions of this head have no keyframes")
            return False
        return True


class FACEWRIGHT_OT_delete_keys(OnAnimation, bpy.types.Operator):
    """Delete the keyframes at this frame."""

    bl_idname = "facewright.delete_keys"
    bl_label = "Delete Keys Here"
    bl_description = "Delete the keyframes that the expressions have at the current frame"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    region: EnumProperty(name="Region", items=REGION_ITEMS, default="ALL")

    def execute(self, context: bpy.types.Context) -> set[str]:
        def delete() -> str:
            head, frame = self.head_of(context), context.scene.frame_current_final
            count = delete_keys(head, names_in(head, self.region), frame)
            return f"Deleted {count} keys at frame {frame:g}" if count else f"No keys at frame {frame:g}"

        return self.attempt(delete)


class FACEWRIGHT_OT_clear_animation(OnAnimation, bpy.types.Operator):
    """Delete all keyframes."""

    bl_idname = "facewright.clear_animation"
    bl_label = "Clear Animation"
    bl_description = (
        "Delete all keyframes of the expressions; the face stays as it looks at this frame. The animation of "
        "bones and of shape keys of your own stays"
    )
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    region: EnumProperty(name="Region", items=REGION_ITEMS, default="ALL")

    def execute(self, context: bpy.types.Context) -> set[str]:
        def clear() -> str:
            head = self.head_of(context)
            count = clear_animation(head, names_in(head, self.region))
            return f"Removed the animation of {count} expressions"

        return self.attempt(clear)


class FACEWRIGHT_MT_keyframes(bpy.types.Menu):
    """What else can be done with keyframes."""

    bl_idname = "FACEWRIGHT_MT_keyframes"
    bl_label = "Keyframes"
    bl_description = "More about keyframes: delete them here, or all of them"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator_enum(FACEWRIGHT_OT_key_expressions.bl_idname, "which")
        layout.separator()
        layout.operator(FACEWRIGHT_OT_delete_keys.bl_idname, icon="KEYFRAME")
        layout.operator(FACEWRIGHT_OT_clear_animation.bl_idname, icon="X")


CLASSES = (
    FACEWRIGHT_OT_key_expressions, FACEWRIGHT_OT_delete_keys, FACEWRIGHT_OT_clear_animation,
    FACEWRIGHT_MT_keyframes,
)  # fmt: skip


register, unregister = bpy.utils.register_classes_factory(CLASSES)
