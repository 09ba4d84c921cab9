"""Panel: how close the head came, how to compare it with the photo, and how large it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import bpy

from ..heads import active_head, anchor, record_of
from ..scene import look, seen
from ..scene.report import likeness, warnings
from ..scene.resize import PUPILS, size, why_fixed
from ..scene.units import in_millimetres, length_text
from ..scene.views import View, view_of
from .base import FacewrightPanel, draw_sentence


class FACEWRIGHT_PT_result(FacewrightPanel, bpy.types.Panel):
    """Likeness, warnings, comparison with the photo, and repairs."""

    bl_label = "Result"
    bl_order = 2

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return anchor(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        head = active_head(context)
        if head is None:
            draw_sentence(layout, context, "The mesh of this head is gone.", "ERROR")
            layout.operator("facewright.rebuild", icon="FILE_REFRESH")
            return
        record = record_of(head)
        _draw_likeness(layout, context, record)
        view = view_of(context)
        if view is not None:
            _draw_comparison(layout, context, head, record, view)


class FACEWRIGHT_PT_size(FacewrightPanel, bpy.types.Panel):
    """The head's real size."""

    bl_label = "Size"
    bl_parent_id = "FACEWRIGHT_PT_result"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        head = active_head(context)
        return head is not None and size(head, PUPILS) is not None

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        head = active_head(context)
        draw_sentence(layout, context, size_sentence(head, context.scene))
        reason = why_fixed(head)
        column = layout.column(align=True)
        column.use_property_split = True
        column.use_property_decorate = False
        column.enabled = reason is None
        unit = "_mm" if in_millimetres(context.scene) else ""
        column.prop(head.facewright_head, f"pupil_distance{unit}")
        column.prop(head.facewright_head, f"head_height{unit}")
        if reason is not None:
            draw_sentence(layout, context, reason, "LOCKED")


class FACEWRIGHT_PT_repair(FacewrightPanel, bpy.types.Panel):
    """Bring back what was deleted; make the textures anew."""

    bl_label = "Repair"
    bl_parent_id = "FACEWRIGHT_PT_result"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return active_head(context) is not None

    def draw(self, _context: bpy.types.Context) -> None:
        column = self.layout.column(align=True)
        column.operator("facewright.rebuild", icon="FILE_REFRESH")
        column.operator_menu_enum("facewright.refresh_textures", "texture_size", icon="TEXTURE")


def size_sentence(head: bpy.types.Object, scene: bpy.types.Scene) -> str:
    """How large the head is and how sure that is, such as "Pupils 62.2 mm apart, ±3.0 mm (from ...)"."""
    pupils = size(head, PUPILS)
    scale = record_of(head)["scale"]
    source = scale["source"]
    if scale["relative_sd"] == 0.0:
        return f"Pupils {length_text(scene, pupils)} apart ({source})."
    sd = length_text(scene, pupils * scale["relative_sd"])
    return f"Pupils {length_text(scene, pupils)} apart, \u00b1{sd} (from {source})."


def _draw_likeness(layout: bpy.types.UILayout, context: bpy.types.Context, record: Mapping[str, Any]) -> None:
    words = likeness(record)
    row = layout.row(align=True)
    row.label(text="Likeness" if words is None else f"Likeness: {words}", icon="CHECKMARK")
    row.operator("facewright.head_details", text="", icon="INFO", emboss=False)
    for sentence in warnings(record):
        draw_sentence(layout, context, sentence, "ERROR")


def _draw_comparison(
    layout: bpy.types.UILayout, context: bpy.types.Context, head: bpy.types.Object, record: Mapping[str, Any],
    view: View,
) -> None:  # fmt: skip
    column = layout.column(align=True)
    looking = look.is_looking(view)
    column.operator("facewright.look_through_photo", icon="CAMERA_DATA", depress=looking)
    if looking:
        column.prop(head.facewright_head, "overlay_opacity", slider=True)
    shown = seen.is_shown(view)
    layout.operator("facewright.show_seen", icon="COLOR", depress=shown)
    if shown:
        _draw_legend(layout, head, record)


def _draw_legend(layout: bpy.types.UILayout, head: bpy.types.Object, record: Mapping[str, Any]) -> None:
    seen_percent = record.get("seen_percent")
    shares = ("", "") if seen_percent is None else (f", {seen_percent:.0f} %", f", {100.0 - seen_percent:.0f} %")
    column = layout.column(align=True)
    lines = (
        ("seen_colour", f"From the photo{shares[0]}"),
        ("completed_colour", f"Completed{shares[1]}"),
        ("other_colour", "Eyes, teeth, mouth"),
    )
    for colour, text in lines:
        split = column.split(factor=0.12)
        split.prop(head.facewright_head, colour, text="")
        split.label(text=text)


CLASSES = (FACEWRIGHT_PT_result, FACEWRIGHT_PT_size, FACEWRIGHT_PT_repair)


register, unregister = bpy.utils.register_classes_factory(CLASSES)
