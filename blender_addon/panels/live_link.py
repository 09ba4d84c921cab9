"""Panel: Live Link Face takes."""

from __future__ import annotations

import bpy

from ..heads import active_head, parts_of
from ..live_link.apply import TIMECODE
from .base import FacewrightPanel
from .live_link_options import draw_options


class FACEWRIGHT_PT_live_link(FacewrightPanel, bpy.types.Panel):
    """A recorded performance on the head."""

    bl_label = "Live Link Face"
    bl_order = 5
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return active_head(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        """One button, and what the head plays."""
        layout = self.layout
        layout.operator("facewright.import_take", text="Import Take...", icon="IMPORT")
        action = _take_on(active_head(context))
        if action is None:
            return
        first, last = (int(frame) for frame in action.frame_range)
        column = layout.column(align=True)
        column.label(text=action.name, icon="ACTION")
        column.label(text=f"Frames {first} to {last}", icon="BLANK1")
        if action[TIMECODE]:
            column.label(text=f"From {action[TIMECODE].partition('.')[0]}", icon="BLANK1")


class FACEWRIGHT_PT_live_link_options(FacewrightPanel, bpy.types.Panel):
    """How the next take, also a dropped one, is imported."""

    bl_label = "Import Options"
    bl_parent_id = "FACEWRIGHT_PT_live_link"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context: bpy.types.Context) -> None:
        """The same choices as beside the file list."""
        draw_options(self.layout, context.scene.facewright_take)


def _take_on(head: bpy.types.Object | None) -> bpy.types.Action | None:
    """The action of a take that the head wears, or None."""
    if head is None:
        return None
    for owner in (head.data.shape_keys, parts_of(head).armature):
        data = owner.animation_data if owner is not None else None
        if data is not None and data.action is not None and TIMECODE in data.action:
            return data.action
    return None


CLASSES = (FACEWRIGHT_PT_live_link, FACEWRIGHT_PT_live_link_options)


register, unregister = bpy.utils.register_classes_factory(CLASSES)
