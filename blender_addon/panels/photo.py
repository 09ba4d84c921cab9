"""Panel: the photo, the faces in it, and how to reconstruct it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy

from .. import photo_previews
from ..photo_files import photo_path
from ..properties.photo import WRINKLE_SOURCES
from .base import FacewrightPanel, draw_sentence

PHOTO_SCALE = 8.0  # of the pictures, in heights of a button
FACE_SCALE = 3.0
FACES_IN_A_ROW = 4


class FACEWRIGHT_PT_photo(FacewrightPanel, bpy.types.Panel):
    """Which face of which photo."""

    bl_label = "Photo"
    bl_order = 0

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        photo = context.scene.facewright_photo
        if not photo.filepath:
            _draw_invitation(layout)
            return
        path = photo_path(context.scene)
        found = context.window_manager.facewright_found
        known = found.filepath == str(path)
        icon = photo_previews.photo_icon() if known else 0
        if icon:
            layout.template_icon(icon_value=icon, scale=PHOTO_SCALE)
        _draw_file(layout, path)
        if not known or found.state == "NONE":
            layout.operator("facewright.look_for_faces", icon="VIEWZOOM")
        elif found.state == "LOOKING":
            layout.label(text="Looking for faces...", icon="SORTTIME")
        else:
            _draw_found(layout, context, photo, found)


class FACEWRIGHT_PT_photo_settings(FacewrightPanel, bpy.types.Panel):
    """How to reconstruct."""

    bl_label = "Settings"
    bl_parent_id = "FACEWRIGHT_PT_photo"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        photo = context.scene.facewright_photo
        column = layout.column()
        column.row().prop(photo, "focal_mode", expand=True)
        if photo.focal_mode == "TYPED":
            column.prop(photo, "focal_length_mm", text="35 mm Equiv.")
        else:
            _draw_split_label(column, _automatic_focal_length(context))
            _draw_notes(column, context)
        layout.prop(photo, "texture_size")
        _draw_detail(layout, photo)
        column = layout.column()
        column.row().prop(photo, "model_mode", expand=True)
        if photo.model_mode == "FILE":
            column.prop(photo, "model_path")


def _draw_detail(layout: bpy.types.UILayout, photo: bpy.types.PropertyGroup) -> None:
    """Whether and how wrinkles are made; the built-in face model's heads can have them."""
    column = layout.column(heading="Wrinkles")
    column.active = photo.model_mode == "BUILTIN"
    column.prop(photo, "use_detail")
    options = column.column()
    options.active = photo.use_detail
    options.prop(photo, "detail_size", text="Size")
    if len(WRINKLE_SOURCES) > 1:
        options.prop(photo, "detail_source", text="From")
    options.row().prop(photo, "age_mode", expand=True)
    if photo.age_mode == "TYPED":
        options.prop(photo, "age_years")


def _draw_invitation(layout: bpy.types.UILayout) -> None:
    row = layout.row(align=True)
    row.scale_y = 1.6
    row.operator("facewright.choose_photo", text="Choose Photo...", icon="IMAGE_DATA")
    row.menu("FACEWRIGHT_MT_open_images", text="", icon="DOWNARROW_HLT")
    hint = layout.row()
    hint.enabled = False
    hint.alignment = "CENTER"
    hint.label(text="or drop one onto the 3D view")


def _draw_file(layout: bpy.types.UILayout, path: Path) -> None:
    row = layout.row(align=True)
    row.operator("facewright.choose_photo", text=path.name, icon="IMAGE_DATA", translate=False)
    row.menu("FACEWRIGHT_MT_open_images", text="", icon="DOWNARROW_HLT")
    row.operator("facewright.clear_photo", text="", icon="X")


def _draw_found(
    layout: bpy.types.UILayout, context: bpy.types.Context, photo: bpy.types.PropertyGroup,
    found: bpy.types.PropertyGroup,
) -> None:  # fmt: skip
    """What was found: nothing more than a quiet line where all is well."""
    count = len(found.faces)
    chosen = max(photo.face, 1)
    if count > 1:
        _draw_faces(layout, count, chosen)
    if found.state == "DONE":
        column = layout.column(align=True)
        column.enabled = False
        column.label(text=f"{found.width} × {found.height} px", translate=False)
        if 1 <= chosen <= count:
            which = "1 face" if count == 1 else f"Face {chosen} of {count}"
            column.label(text=f"{which}, {found.faces[chosen - 1].width:.0f} px wide", translate=False)
    if found.message:
        draw_sentence(layout, context, found.message, "ERROR")
    elif chosen > count:
        there = "no face" if not count else "only 1 face" if count == 1 else f"only {count} faces"
        draw_sentence(layout, context, f"Face {chosen} was chosen, but the photo holds {there}.", "ERROR")
    elif found.faces[chosen - 1].warning:
        draw_sentence(layout, context, found.faces[chosen - 1].warning, "ERROR")


def _draw_faces(layout: bpy.types.UILayout, count: int, chosen: int) -> None:
    """A picture of each face with a button below it; the chosen one's is pressed."""
    pictured = min(count, photo_previews.MAX_FACES)
    columns = min(pictured, FACES_IN_A_ROW)
    grid = layout.grid_flow(row_major=True, columns=columns, even_columns=True, align=True)
    for number in range(1, pictured + 1):
        cell = grid.column(align=True)
        cell.template_icon(icon_value=photo_previews.face_icon(number), scale=FACE_SCALE)
        cell.operator(
            "facewright.choose_face", text=str(number), depress=number == chosen, translate=False
        ).index = number
    if count > pictured:
        layout.prop(bpy.context.scene.facewright_photo, "face")


def _automatic_focal_length(context: bpy.types.Context) -> str:
    """What Auto means for this photo, in a few words."""
    found = context.window_manager.facewright_found
    if found.state != "DONE" or found.filepath != str(photo_path(context.scene)):
        return "From the photo or estimated"
    if found.focal_length_mm > 0.0:
        return f"{found.focal_length_mm:.0f} mm, from the photo"
    return "Estimated from the face"


def _draw_notes(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """What the file gives away about lens and cropping, quietly: the head's result says it again."""
    found = context.window_manager.facewright_found
    if found.filepath != str(photo_path(context.scene)):
        return
    column = layout.column()
    column.enabled = False
    for note in found.notes.splitlines():
        draw_sentence(column, context, note)


def _draw_split_label(layout: bpy.types.UILayout, text: str) -> None:
    """A line in the column of values."""
    split = layout.split(factor=0.4)
    split.label()
    row = split.row()
    row.enabled = False
    row.label(text=text, translate=False)


_CLASSES = (FACEWRIGHT_PT_photo, FACEWRIGHT_PT_photo_settings)


register, unregister = bpy.utils.register_classes_factory(_CLASSES)
