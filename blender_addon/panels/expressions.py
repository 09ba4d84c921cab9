"""Panel: the 52 sliders by region, and the key expressions.

A row shows the subject's right side on the left and the left side on the right, as a face that looks at the artist
has them. The sliders are the shape keys' own values: everything that Blender does with a property works on them.
"""

from __future__ import annotations

from collections.abc import Mapping

import bpy

from ..expressions.key_poses import POSES, label_of_pose
from ..expressions.sides import LINKED_LABELS
from ..expressions.table import OTHER, REGION_OF, REGIONS, Region, Row, label_of, search
from ..heads import active_head, shape_keys
from ..operators.expressions import FACEWRIGHT_MT_mirror
from ..operators.key_expressions import FACEWRIGHT_MT_key_expressions
from ..operators.keyframes import FACEWRIGHT_MT_keyframes
from ..scene.links import links
from .base import FacewrightPanel

LABEL_SHARE = {"ARKIT": 0.36, "FACS": 0.46}
"""Part of a row's width that its label takes."""
CLOSED = {"CHEEKS_NOSE", "TONGUE", OTHER}
"""Regions that are folded until they are opened."""
Keys = Mapping[str, bpy.types.ShapeKey]


class OnHeadPanel(FacewrightPanel):
    """Mix-in for panels that are there when a head with expressions is."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        head = active_head(context)
        return head is not None and head.data.shape_keys is not None


class FACEWRIGHT_PT_expressions(OnHeadPanel, bpy.types.Panel):
    """Pose the face."""

    bl_label = "Expressions"
    bl_order = 3

    def draw(self, context: bpy.types.Context) -> None:
        head = active_head(context)
        settings = context.window_manager.facewright_expressions
        blocks, linked = shape_keys(head), links(head.data.shape_keys)
        _draw_actions(self.layout, bool(linked))
        row = self.layout.row(align=True)
        row.prop(settings, "search", text="", icon="VIEWZOOM")
        row.prop(settings, "names", expand=True)
        facs = settings.names == "FACS"
        if settings.search.strip():
            _draw_found(self.layout, search(settings.search), settings.search, blocks, linked, facs)
            return
        for region in REGIONS:
            header, body = self.layout.panel(f"facewright_{region.key}", default_closed=region.key in CLOSED)
            _draw_header(header, region.key, region.label)
            if body is not None:
                _draw_rows(body, region.rows, blocks, linked, facs)
        own = [name for name in blocks if name not in REGION_OF]
        if own:
            header, body = self.layout.panel("facewright_OTHER", default_closed=True)
            _draw_header(header, OTHER, "Other")
            if body is not None:
                _draw_rows(body, _rows_of(own), blocks, linked, facs)


class FACEWRIGHT_PT_key_expressions(OnHeadPanel, bpy.types.Panel):
    """Whole expressions with one click."""

    bl_label = "Key Expressions"
    bl_parent_id = "FACEWRIGHT_PT_expressions"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender reads a set

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        self.layout.menu(FACEWRIGHT_MT_key_expressions.bl_idname, text="", icon="DOWNARROW_HLT")

    def draw(self, context: bpy.types.Context) -> None:
        settings = context.window_manager.facewright_expressions
        layout = self.layout
        row = layout.row(align=True)
        row.prop(settings, "strength", slider=True)
        row = layout.row(align=True)
        row.prop(settings, "mode", expand=True)
        grid = layout.grid_flow(columns=2, row_major=True, even_columns=True, even_rows=True, align=True)
        for name in POSES:
            button = grid.operator("facewright.apply_key_expression", text=label_of_pose(name))
            button.expression, button.strength, button.mode = name, settings.strength, settings.mode


def _draw_actions(layout: bpy.types.UILayout, linked: bool) -> None:
    column = layout.column(align=True)
    row = column.row(align=True)
    row.operator("facewright.reset_expressions", text="Reset").region = "ALL"
    row.operator("facewright.photo_expression", text="Photo")
    row.menu(FACEWRIGHT_MT_mirror.bl_idname)
    row = column.row(align=True)
    row.operator("facewright.key_expressions", text="Key All", icon="KEY_HLT").which = "ALL"
    row.operator("facewright.key_expressions", text="Changed", icon="KEY_DEHLT").which = "CHANGED"
    row.menu(FACEWRIGHT_MT_keyframes.bl_idname, text="", icon="DOWNARROW_HLT")
    button = column.operator(
        "facewright.link_sides", text="Link Left and Right", icon="LINKED" if linked else "UNLINKED", depress=linked
    )
    button.link = not linked


def _draw_header(header: bpy.types.UILayout, region: str, label: str) -> None:
    header.label(text=label)
    buttons = header.row(align=True)
    buttons.emboss = "NONE"
    buttons.operator("facewright.reset_expressions", text="", icon="LOOP_BACK").region = region
    key = buttons.operator("facewright.key_expressions", text="", icon="KEY_HLT")
    key.which, key.region = "ALL", region


def _draw_found(
    layout: bpy.types.UILayout, found: tuple[Region, ...], text: str, blocks: Keys, linked: Mapping[str, str],
    facs: bool,
) -> None:  # fmt: skip
    """The rows that a search found, under their regions' names, and the artist's own shape keys that fit."""
    for region in found:
        layout.label(text=region.label)
        _draw_rows(layout, region.rows, blocks, linked, facs)
    words = text.casefold().split()
    own = [name for name in blocks if name not in REGION_OF and all(word in name.casefold() for word in words)]
    if own:
        layout.label(text="Other")
        _draw_rows(layout, _rows_of(own), blocks, linked, facs)
    if not found and not own:
        layout.label(text="No expression fits", icon="INFO")


def _draw_rows(
    layout: bpy.types.UILayout, rows: tuple[Row, ...], blocks: Keys, linked: Mapping[str, str], facs: bool
) -> None:
    column = layout.column(align=True)
    for row in rows:
        present = [name for name in row.names if name in blocks]
        if not present:
            continue
        split = column.split(factor=LABEL_SHARE["FACS" if facs else "ARKIT"], align=True)
        label = split.row()
        label.alignment = "LEFT"
        one = row.right in linked
        if one and row.left in LINKED_LABELS:
            row = row._replace(label=LINKED_LABELS[row.left])
        label.operator("facewright.pick_expression", text=label_of(row, facs), emboss=False).name = present[-1]
        sliders = split.row(align=True)
        if len(present) == 2 and not one:
            sliders.prop(blocks[row.right], "value", text="R", slider=True)
            sliders.prop(blocks[row.left], "value", text="L", slider=True)
        else:
            sliders.prop(blocks[present[-1]], "value", text="", slider=True)


def _rows_of(own: list[str]) -> tuple[Row, ...]:
    """Rows for shape keys that are none of the 52."""
    return tuple(Row(name, "", name, "", "", "") for name in own)


CLASSES = (FACEWRIGHT_PT_expressions, FACEWRIGHT_PT_key_expressions)


def register() -> None:
    """Register this module's classes with Blender."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Take them back."""
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
