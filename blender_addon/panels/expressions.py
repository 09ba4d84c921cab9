"""Panel: the 52 sliders by region, and the key expressions.

A row shows the subject's right side on the left and the left side on the right, as a face that looks at the artist
has them. The sliders are the shape keys' own values: everything that Blender does with a property works on them.
"""

from __future__ import annotations

from collections.abc import Mapping

import bpy

from ..expressions.key_poses import POSES, SHORT_LABELS, label_of_pose
from ..expressions.sides import LINKED_GAZE
from ..expressions.table import OTHER, REGION_OF, REGIONS, Region, Row, label_of, search
from ..heads import active_head, shape_keys
from ..operators.expressions import FACEWRIGHT_MT_mirror
from ..operators.key_expressions import FACEWRIGHT_MT_key_expressions
from ..operators.keyframes import FACEWRIGHT_MT_keyframes
from ..scene.links import links
from ..scene.pose_previews import has_pictures, icon_of
from .base import FacewrightPanel

LABEL_SHARE, LABEL_SHARE_FACS = 0.43, 0.5
"""Part of a row's width that its label takes."""
PICTURE_SCALE = 3.6
"""Height of a picture in heights of a button."""
CLOSED = {"CHEEKS_NOSE", "TONGUE", OTHER}
"""Regions that are folded until they are opened."""
Keys = Mapping[str, bpy.types.ShapeKey]


class FACEWRIGHT_PT_expressions(FacewrightPanel, bpy.types.Panel):
    """Pose the face."""

    bl_label = "Expressions"
    bl_order = 3

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        head = active_head(context)
        return head is not None and head.data.shape_keys is not None

    def draw(self, context: bpy.types.Context) -> None:
        head = active_head(context)
        settings = context.window_manager.facewright_expressions
        blocks, linked = shape_keys(head), links(head.data.shape_keys)
        _draw_actions(self.layout, bool(linked))
        header, body = self.layout.panel("facewright_key_expressions", default_closed=True)
        header.label(text="Key Expressions")
        header.prop(settings, "pictures", text="", icon="IMGDISPLAY")
        header.menu(FACEWRIGHT_MT_key_expressions.bl_idname, text="", icon="DOWNARROW_HLT")
        if body is not None:
            _draw_key_expressions(body, settings, head)
        row = self.layout.split(factor=0.75, align=True)
        row.prop(settings, "search", text="", icon="VIEWZOOM")
        row.prop(settings, "facs", toggle=True)
        if settings.search.strip():
            _draw_found(self.layout, settings.search, blocks, linked, settings.facs)
            return
        for region in REGIONS:
            _draw_region(self.layout, region, blocks, linked, settings.facs)
        own = [name for name in blocks if name not in REGION_OF]
        if own:
            _draw_region(self.layout, Region(OTHER, "Other", _rows_of(own)), blocks, linked, settings.facs)


def _draw_actions(layout: bpy.types.UILayout, linked: bool) -> None:
    row = layout.row(align=True)
    row.operator("facewright.reset_expressions", text="Reset").region = "ALL"
    row.operator("facewright.photo_expression", text="From Photo")
    row.menu(FACEWRIGHT_MT_mirror.bl_idname)
    button = layout.operator(
        "facewright.link_sides", text="Link Left and Right", icon="LINKED" if linked else "UNLINKED", depress=linked
    )
    button.link = not linked
    row = layout.row(align=True)
    row.operator("facewright.key_expressions", text="Key All").which = "ALL"
    row.operator("facewright.key_expressions", text="Key Changed").which = "CHANGED"
    row.menu(FACEWRIGHT_MT_keyframes.bl_idname, text="", icon="DOWNARROW_HLT")


def _draw_key_expressions(
    layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup, head: bpy.types.Object
) -> None:
    column = layout.column(align=True)
    column.row(align=True).prop(settings, "mode", expand=True)
    column.prop(settings, "strength", slider=True)
    pictures = settings.pictures and has_pictures(head)
    if settings.pictures and not pictures:
        column.operator("facewright.draw_pose_pictures", text="Draw Pictures of This Head", icon="IMGDISPLAY")
    columns = 3 if pictures else 2
    grid = layout.grid_flow(
        columns=columns, row_major=True, even_columns=True, even_rows=True, align=not pictures
    )
    for name in POSES:
        cell = grid.column(align=True)
        if pictures:
            cell.template_icon(icon_of(head, name), scale=PICTURE_SCALE)
        label = SHORT_LABELS.get(name) if pictures else None
        button = cell.operator("facewright.apply_key_expression", text=label or label_of_pose(name))
        button.expression, button.strength, button.mode = name, settings.strength, settings.mode


def _draw_region(
    layout: bpy.types.UILayout, region: Region, blocks: Keys, linked: Mapping[str, str], facs: bool
) -> None:
    header, body = layout.panel(f"facewright_{region.key}", default_closed=region.key in CLOSED)
    _draw_header(header, region.key, region.label)
    if body is not None:
        _draw_rows(body, region.rows, blocks, linked, facs)


def _draw_header(header: bpy.types.UILayout, region: str, label: str) -> None:
    header.label(text=label)
    buttons = header.row(align=True)
    buttons.emboss = "NONE"
    buttons.operator("facewright.reset_expressions", text="", icon="LOOP_BACK").region = region
    key = buttons.operator("facewright.key_expressions", text="", icon="KEY_HLT")
    key.which, key.region = "ALL", region


def _draw_found(
    layout: bpy.types.UILayout, text: str, blocks: Keys, linked: Mapping[str, str], facs: bool
) -> None:
    """The rows that fit a search, under their regions' names, and the artist's own shape keys that fit."""
    found = list(search(text))
    words = text.casefold().split()
    own = [name for name in blocks if name not in REGION_OF and all(word in name.casefold() for word in words)]
    if own:
        found.append(Region(OTHER, "Other", _rows_of(own)))
    for region in found:
        layout.label(text=region.label)
        _draw_rows(layout, region.rows, blocks, linked, facs)
    if not found:
        layout.label(text="No expression fits", icon="INFO")


def _draw_rows(
    layout: bpy.types.UILayout, rows: tuple[Row, ...], blocks: Keys, linked: Mapping[str, str], facs: bool
) -> None:
    """Label and sliders of each row; one slider where the sides are linked. Columns of two are named above."""
    share = LABEL_SHARE_FACS if facs else LABEL_SHARE
    column = layout.column(align=True)
    if any(set(row.names) <= blocks.keys() and row.right and row.right not in linked for row in rows):
        _name_sides(column, share)
    for row in rows:
        present = [name for name in row.names if name in blocks]
        if not present:
            continue
        one = row.right in linked
        if one and row.left in LINKED_GAZE:
            label, unit = LINKED_GAZE[row.left]
            row = row._replace(label=label, unit=unit)
        split = column.split(factor=share, align=True)
        caption = split.row()
        caption.alignment = "LEFT"
        caption.operator("facewright.pick_expression", text=label_of(row, facs), emboss=False).name = present[-1]
        sliders = split.row(align=True)
        for name in present[-1:] if one else present:
            sliders.prop(blocks[name], "value", text="", slider=True)


def _name_sides(layout: bpy.types.UILayout, share: float) -> None:
    """Captions of the two columns of sliders."""
    split = layout.split(factor=share, align=True)
    split.scale_y = 0.7
    split.label(text="")
    captions = split.row(align=True)
    for side in ("Right", "Left"):
        caption = captions.row()
        caption.alignment = "CENTER"
        caption.active = False
        caption.label(text=side)


def _rows_of(own: list[str]) -> tuple[Row, ...]:
    """Rows for shape keys that are none of the 52."""
    return tuple(Row(name, "", name, "", "", "") for name in own)


CLASSES = (FACEWRIGHT_PT_expressions,)


register, unregister = bpy.utils.register_classes_factory(CLASSES)
