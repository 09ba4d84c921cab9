"""Panel: dynamic detail. The fields are the modifier's own inputs: they are keyframed as any other property is."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ..detail_nodes import controls
from ..detail_nodes.controls import detail_modifier, input_field
from ..heads import active_head
from ..operators.detail import FACEWRIGHT_MT_transfer_dynamic, FACEWRIGHT_MT_transfer_static
from ..scene.detail_change import can_have_detail
from .base import FacewrightPanel, draw_sentence


class FACEWRIGHT_PT_detail(FacewrightPanel, bpy.types.Panel):
    """Where wrinkles come from, and how strong they are."""

    bl_label = "Dynamic Detail"
    bl_order = 4

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return active_head(context) is not None

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        modifier = detail_modifier(active_head(context))
        if modifier is not None:
            row = self.layout.row(align=True)
            row.prop(modifier, "show_viewport", text="", emboss=False)
            row.prop(modifier, "show_render", text="", emboss=False)

    def draw(self, context: bpy.types.Context) -> None:
        head = active_head(context)
        modifier = detail_modifier(head)
        if modifier is None:
            _draw_none(self.layout, context, head)
            return
        layout = self.layout
        layout.use_property_split = True
        owner, name = input_field(modifier, controls.MODE)
        # Two buttons for one switch, as wide as their words ask for; either can be keyframed.
        row = layout.row(align=True)
        row.use_property_split = False
        row.prop(owner, name, text="FaceScape", toggle=True, invert_checkbox=True)
        row.prop(owner, name, text="HiFace", toggle=True)
        _draw_inputs(layout.column(align=True), modifier, (controls.STRENGTH,))
        _draw_inputs(
            layout.column(align=True), modifier, (controls.STATIC, controls.DYNAMIC, controls.PORES, controls.ONSET)
        )
        _draw_inputs(layout.column(align=True), modifier, (controls.BLOOD_FLOW,))
        layout.operator("facewright.reset_detail", icon="LOOP_BACK")


class _OfDetail(FacewrightPanel):
    """A folded part of the panel, for heads that have detail."""

    bl_parent_id = "FACEWRIGHT_PT_detail"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        head = active_head(context)
        return head is not None and detail_modifier(head) is not None


class FACEWRIGHT_PT_detail_regions(_OfDetail, bpy.types.Panel):
    """The strength of detail in each region."""

    bl_label = "Regions"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        _draw_inputs(layout.column(align=True), detail_modifier(active_head(context)), controls.REGIONS)


class FACEWRIGHT_PT_detail_surface(_OfDetail, bpy.types.Panel):
    """How renderers show it."""

    bl_label = "Surface"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        head = active_head(context)
        layout.row().prop(head.facewright_head, "displacement", expand=True)
        layout.use_property_split = True
        layout.use_property_decorate = False
        subdivision = next((modifier for modifier in head.modifiers if modifier.type == "SUBSURF"), None)
        if subdivision is not None:
            column = layout.column(align=True)
            column.prop(subdivision, "levels", text="Subdivision Viewport")
            column.prop(subdivision, "render_levels", text="Render")


class FACEWRIGHT_PT_detail_transfer(_OfDetail, bpy.types.Panel):
    """Another head's detail on this one."""

    bl_label = "Take from Another Head"

    def draw(self, _context: bpy.types.Context) -> None:
        column = self.layout.column(align=True)
        column.menu(FACEWRIGHT_MT_transfer_static.bl_idname)
        column.menu(FACEWRIGHT_MT_transfer_dynamic.bl_idname)


def _draw_none(layout: bpy.types.UILayout, context: bpy.types.Context, head: bpy.types.Object) -> None:
    if not can_have_detail(head):
        draw_sentence(layout, context, "Only heads of the built-in face model can have dynamic detail.", "INFO")
        return
    draw_sentence(layout, context, "This head has no dynamic detail yet.", "INFO")
    layout.operator("facewright.make_detail", icon="MOD_DISPLACE")


def _draw_inputs(layout: bpy.types.UILayout, modifier: bpy.types.NodesModifier, keys: tuple[str, ...]) -> None:
    labels = {control.key: control.name for control in controls.CONTROLS}
    for key in keys:
        owner, name = input_field(modifier, key)
        layout.prop(owner, name, text=labels[key], slider=True)


CLASSES = (
    FACEWRIGHT_PT_detail, FACEWRIGHT_PT_detail_regions, FACEWRIGHT_PT_detail_surface, FACEWRIGHT_PT_detail_transfer,
)  # fmt: skip


register, unregister = bpy.utils.register_classes_factory(CLASSES)
