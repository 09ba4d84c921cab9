"""Dynamic detail of a head: defaults, another head's detail, and detail for heads that have none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import bpy
from bpy.props import EnumProperty, IntProperty

from .. import preferences
from ..backend_door import FaceError
from ..detail_nodes.controls import CONTROLS, SIZE, detail_modifier, set_controls
from ..heads import OnHead, active_head, heads_of, record_of
from ..job.operator import JobOperator
from ..job.process import Event, Request
from ..scene.detail_change import can_have_detail, renew_detail
from ..scene.detail_transfer import DYNAMIC, STATIC, transfer
from ..scene.refresh import NewTextures, head_by_id, prepare, texture_request
from .reconstruct import bundle_name, detail_settings

PARTS = (
    (STATIC, "Static", "The lines that the other face has at rest, and its pores"),
    (DYNAMIC, "Dynamic", "The wrinkles that come and go with the other face's expressions"),
)


class OnDetail(OnHead):
    """Mix-in for operators that need the active head to have detail."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        if detail_modifier(cls.head_of(context)) is None:
            cls.poll_message_set("This head has no dynamic detail")
            return False
        return True


class FACEWRIGHT_OT_reset_detail(OnDetail, bpy.types.Operator):
    """Bring every control of detail back to what it was at first."""

    bl_idname = "facewright.reset_detail"
    bl_label = "Reset to Defaults"
    bl_description = "Show the detail as it was made: all controls at their defaults. Keyframes stay"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        modifier = detail_modifier(self.head_of(context))
        set_controls(modifier, {control.key: control.default for control in CONTROLS if control.key != SIZE})
        return {"FINISHED"}


class FACEWRIGHT_OT_transfer_detail(OnDetail, bpy.types.Operator):
    """Take the detail of another head."""

    bl_idname = "facewright.transfer_detail"
    bl_label = "Take Detail from Another Head"
    bl_description = (
        "Give this head the wrinkles of another. Its own expressions go on deciding where they show. Refresh "
        "Textures brings its own back"
    )
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    part: EnumProperty(name="Part", description="Which detail to take", items=PARTS, default=STATIC)
    source: IntProperty(
        name="Head", description="Session UID of the head to take it from", options={"HIDDEN", "SKIP_SAVE"}
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            source = head_by_id(self.source)
            transfer(self.head_of(context), source, self.part)
        except FaceError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"{self.part.capitalize()} detail taken from {source.name}")
        return {"FINISHED"}


class FACEWRIGHT_OT_make_detail(OnHead, JobOperator, bpy.types.Operator):
    """Give a head that has no detail its own."""

    bl_idname = "facewright.make_detail"
    bl_label = "Make Detail"
    bl_description = (
        "Make wrinkles for this head from its photo, with the settings under Photo. Shapes, textures and animation "
        "stay as they are"
    )
    bl_options: ClassVar[set[str]] = {"UNDO"}
    job_kind = "detail"
    job_verb = "reconstruct"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not (OnHead.poll.__func__(cls, context) and JobOperator.poll.__func__(cls, context)):
            return False
        if not can_have_detail(active_head(context)):
            cls.poll_message_set("Only heads of the built-in face model can have dynamic detail")
            return False
        return True

    def request(self, context: bpy.types.Context) -> Callable[[], Request]:
        head = self.head_of(context)
        self._head_id = head.session_uid
        size = record_of(head).get("texture_size", preferences.settings().texture_size)
        settings = texture_request(head, int(size), None, None) | detail_settings(context.scene, wanted=True)
        folder = preferences.heads_folder()
        return lambda: settings | {"output": str(folder / bundle_name(settings)), "overwrite": True}

    @staticmethod
    def prepare(event: Event) -> NewTextures:
        return prepare(Path(event["bundle"]))

    def finish(self, context: bpy.types.Context, event: Event) -> str:
        head = head_by_id(self._head_id)
        renew_detail(head, event["prepared"].head)
        return f"{head.name} has dynamic detail now"


class _TransferMenu(bpy.types.Menu):
    """The other heads of the scene that have detail."""

    part: ClassVar[str]

    def draw(self, context: bpy.types.Context) -> None:
        heads = list(other_heads(context))
        for head in heads:
            button = self.layout.operator(
                FACEWRIGHT_OT_transfer_detail.bl_idname, text=head.name, icon="MESH_DATA", translate=False
            )
            button.part, button.source = self.part, head.session_uid
        if not heads:
            self.layout.label(text="No other head has dynamic detail", icon="INFO")


class FACEWRIGHT_MT_transfer_static(_TransferMenu):
    """Heads to take static detail from."""

    bl_idname = "FACEWRIGHT_MT_transfer_static"
    bl_label = "Static Detail"
    bl_description = PARTS[0][2]
    part = STATIC


class FACEWRIGHT_MT_transfer_dynamic(_TransferMenu):
    """Heads to take dynamic detail from."""

    bl_idname = "FACEWRIGHT_MT_transfer_dynamic"
    bl_label = "Dynamic Detail"
    bl_description = PARTS[1][2]
    part = DYNAMIC


def other_heads(context: bpy.types.Context) -> Iterator[Any]:
    """Heads of the scene with detail, but for the active one, by name."""
    mine = active_head(context)
    heads = (head for head in heads_of(context.scene) if head != mine and detail_modifier(head) is not None)
    return iter(sorted(heads, key=lambda head: head.name))


CLASSES = (
    FACEWRIGHT_OT_reset_detail, FACEWRIGHT_OT_transfer_detail, FACEWRIGHT_OT_make_detail,
    FACEWRIGHT_MT_transfer_static, FACEWRIGHT_MT_transfer_dynamic,
)  # fmt: skip


register, unregister = bpy.utils.register_classes_factory(CLASSES)
