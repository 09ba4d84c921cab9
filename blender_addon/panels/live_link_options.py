"""The choices of a take's import, drawn alike beside the file list and in the sidebar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..expressions.table import REGIONS
from ..live_link.performance import NEUTRAL_FRAME

if TYPE_CHECKING:
    from ..properties.live_link import TakeOptions


def draw_options(layout: bpy.types.UILayout, options: TakeOptions) -> None:
    """Timing, face, head, and folded away the strength by region."""
    layout.use_property_split = True
    layout.use_property_decorate = False

    column = layout.column(align=True)
    column.prop(options, "start_frame")
    column.prop(options, "set_range")
    column.prop(options, "interpolation")

    column = layout.column(align=True)
    column.prop(options, "neutral")
    if options.neutral == NEUTRAL_FRAME:
        column.prop(options, "neutral_frame")
    column.prop(options, "smoothing")
    column.prop(options, "tolerance")

    column = layout.column(align=True)
    column.prop(options, "head")
    part = column.column(align=True)
    part.active = options.head
    part.prop(options, "neck_share")
    row = part.row(align=True, heading="Flip")
    for name in ("flip_nod", "flip_turn", "flip_tilt"):
        row.prop(options, name, toggle=True)
    layout.prop(options, "eyes")
    layout.prop(options, "previous")

    header, body = layout.panel("FACEWRIGHT_take_strength", default_closed=True)
    header.label(text="Strength")
    if body is not None:
        column = body.column(align=True)
        for region in REGIONS:
            column.prop(options, f"gain_{region.key.lower()}", text=region.label)
