"""Panel: write the head for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy

from ..exporting import running
from ..exporting.task import Report, Task
from ..heads import heads_of
from ..operators.export import draw_options
from .base import FacewrightPanel, draw_sentence

ICONS = {"INFO": "CHECKMARK", "WARNING": "ERROR", "ERROR": "CANCEL"}


class FACEWRIGHT_PT_export(FacewrightPanel, bpy.types.Panel):
    """The options, the button, and what the check of the last file says."""

    bl_label = "Export"
    bl_order = 6
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return next(heads_of(context.scene), None) is not None

    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.facewright_export
        task = running.current()
        options = self.layout.column()
        options.enabled = task is None
        draw_options(options, settings, list(heads_of(context.scene)))
        if task is not None:
            _draw_task(self.layout, task)
            return
        column = self.layout.column(align=True)
        row = column.row(align=True)
        row.scale_y = 1.4
        row.operator("facewright.export", text="Export...", icon="EXPORT")
        if settings.filepath:
            name = Path(settings.filepath).with_suffix("").name
            again = column.operator("facewright.export", text=f"Export Again ({name})", icon="FILE_REFRESH")
            again.filepath = settings.filepath
        report = running.last()
        if report is not None:
            _draw_report(self.layout, context, report)


def _draw_task(layout: bpy.types.UILayout, task: Task) -> None:
    row = layout.row(align=True)
    row.scale_y = 1.4
    row.progress(factor=task.fraction, text=f"{task.stage}  ({task.seconds:.0f} s)")
    row.operator("facewright.export_cancel", text="", icon="X")


def _draw_report(layout: bpy.types.UILayout, context: bpy.types.Context, report: Report) -> None:
    column = layout.column()
    for number, line in enumerate(report.lines()):
        icon = "INFO" if report.cancelled or number else ICONS[report.level]
        draw_sentence(column, context, line, icon, alert=report.level == "ERROR")
    if report.written:
        opener = layout.operator("wm.path_open", text="Open Folder", icon="FILE_FOLDER")
        opener.filepath = str(report.written[0].path.parent)


register, unregister = bpy.utils.register_classes_factory((FACEWRIGHT_PT_export,))
