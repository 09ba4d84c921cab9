"""Give a head the size of the person."""

from __future__ import annotations

from typing import ClassVar

import bpy
from bpy.props import EnumProperty, FloatProperty

from ..backend_door import FaceError
from ..heads import OnHead
from ..scene.resize import HEIGHT, PUPILS, set_size, size, why_fixed
from ..scene.units import length_text


class FACEWRIGHT_OT_set_size(OnHead, bpy.types.Operator):
    """Resize the active head to a known measure."""

    bl_idname = "facewright.set_size"
    bl_label = "Set Head Size"
    bl_description = (
        "Give the head the size of the person from one known measure. Mesh, blendshapes, bones, animation and the "
        "photo's camera change together; the objects' scale stays 1"
    )
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    measure: EnumProperty(
        name="Measure",
        description="What is known about the person",
        items=(
            (PUPILS, "Pupil Distance", "Between the pupils' centres when the eyes look straight ahead"),
            (HEIGHT, "Head Height", "From the underside of the chin to the crown, hair not counted"),
        ),
        default=PUPILS,
    )
    length: FloatProperty(
        name="Length", description="The person's own measure, in the scene's units", subtype="DISTANCE",
        min=1e-6, precision=4, default=0.063,
    )  # fmt: skip

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        reason = why_fixed(cls.head_of(context))
        if reason is not None:
            cls.poll_message_set(reason.rstrip("."))
        return reason is None

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        self.length = size(self.head_of(context), self.measure) or self.length
        return context.window_manager.invoke_props_dialog(self)

    def execute(self, context: bpy.types.Context) -> set[str]:
        head = self.head_of(context)
        try:
            factor = set_size(head, self.measure, self.length)
        except FaceError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        what = "pupils are" if self.measure == PUPILS else "height is"
        now = length_text(context.scene, self.length)
        self.report({"INFO"}, f"{head.name} is now {100.0 * factor:.1f} % of its size before: its {what} {now}")
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory((FACEWRIGHT_OT_set_size,))
