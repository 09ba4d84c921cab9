"""Look at the result: the photo's camera, its overlay, what was seen and what was completed."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ..backend_door import FaceError
from ..heads import OnHead, active_head, record_of
from ..scene import look, seen
from ..scene.report import details
from ..scene.views import view_of


class InView(OnHead):
    """Mix-in for operators that change how the active head is shown in a 3D view."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        if view_of(context) is None:
            cls.poll_message_set("There is no 3D view on this screen")
            return False
        return True


class FACEWRIGHT_OT_look_through_photo(InView, bpy.types.Operator):
    """Put the view behind the photo's camera, or give it back."""

    bl_idname = "facewright.look_through_photo"
    bl_label = "Compare with Photo"
    bl_description = (
        "See the head through the photo's camera, with the photo laid over it and the photo's own expression. "
        "Click again to get view and expression back as they were. The scene's own camera stays as it is"
    )
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            shown = look.toggle(view_of(context), self.head_of(context), context.scene)
        except FaceError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if shown is look.Shown.WITHOUT_EXPRESSION:
            self.report({"INFO"}, "The head is animated, so it keeps its own expression")
        return {"FINISHED"}


class FACEWRIGHT_OT_show_seen(InView, bpy.types.Operator):
    """Colour the head by what the photo showed, or give the view back."""

    bl_idname = "facewright.show_seen"
    bl_label = "Seen and Completed"
    bl_description = (
        "Colour the head by where its skin comes from: seen in the photo, or completed by Facewright. "
        "Click again to get the view back as it was"
    )
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            seen.toggle(view_of(context), self.head_of(context))
        except FaceError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class FACEWRIGHT_OT_head_details(bpy.types.Operator):
    """Show what is known about the active head."""

    bl_idname = "facewright.head_details"
    bl_label = "About This Head"
    bl_description = "What was measured, which photo it comes from, and where its data lie"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if active_head(context) is None:
            cls.poll_message_set("Select a Facewright head first")
            return False
        return True

    @classmethod
    def description(cls, context: bpy.types.Context, _properties: bpy.types.OperatorProperties) -> str:
        """The numbers themselves, for whoever rests the pointer on the words."""
        head = active_head(context)
        residual = {} if head is None else record_of(head).get("residual", {})
        if not residual:
            return cls.bl_description
        return (
            f"The features of the face lie {residual['mean_mm']:.1f} mm beside the photo's on average "
            f"({residual['mean_px']:.1f} pixels, {100.0 * residual['relative']:.1f} % of the width of both eyes). "
            "Click for all that is known about this head"
        )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_popup(self, width=420)

    def draw(self, context: bpy.types.Context) -> None:
        head = active_head(context)
        if head is None:
            return
        self.layout.label(text=head.name, icon="USER")
        column = self.layout.column(align=True)
        for what, value in details(record_of(head)):
            split = column.split(factor=0.32)
            split.label(text=what)
            split.label(text=value)

    def execute(self, context: bpy.types.Context) -> set[str]:
        for what, value in details(record_of(active_head(context))):
            self.report({"INFO"}, f"{what}: {value}")
        return {"FINISHED"}


CLASSES = (FACEWRIGHT_OT_look_through_photo, FACEWRIGHT_OT_show_seen, FACEWRIGHT_OT_head_details)


register, unregister = bpy.utils.register_classes_factory(CLASSES)
