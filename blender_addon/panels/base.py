"""What every panel shares: where it stands, and sentences that are longer than a panel is wide."""

from __future__ import annotations

import blf
import bpy

_FONT = 0  # the interface's own


class FacewrightPanel:
    """Mix-in for panels of the tab "Facewright" in the sidebar of the 3D view."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Facewright"


def draw_sentence(
    layout: bpy.types.UILayout, context: bpy.types.Context, text: str, icon: str = "NONE", alert: bool = False
) -> None:
    """A sentence in as many lines as the panel's width asks for, closely set; the icon stands before the first."""
    column = layout.column(align=True)
    column.alert = alert
    column.scale_y = 0.85
    unit = 20.0 * context.preferences.system.ui_scale  # Blender's: a button's height, and about an icon's width
    room = context.region.width - (3.0 if icon == "NONE" else 4.0) * unit
    for number, line in enumerate(wrapped(context, text, room)):
        column.label(text=line, icon=icon if number == 0 or icon == "NONE" else "BLANK1", translate=False)


def wrapped(context: bpy.types.Context, text: str, width_px: float) -> list[str]:
    """The text in lines that are at most so wide in the interface's font; a longer word has a line of its own."""
    points = context.preferences.ui_styles[0].widget.points
    blf.size(_FONT, points * context.preferences.system.ui_scale)
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and blf.dimensions(_FONT, longer)[0] <= width_px:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
