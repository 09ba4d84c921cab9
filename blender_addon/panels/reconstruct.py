"""Panel: the Reconstruct button, progress, and how the last run ended."""

from __future__ import annotations

import bpy

from ..job import session
from .base import FacewrightPanel, draw_sentence

ICONS = {"INFO": "CHECKMARK", "WARNING": "ERROR", "ERROR": "CANCEL"}


class FACEWRIGHT_PT_reconstruct(FacewrightPanel, bpy.types.Panel):
    """The big button, or the running job in its place."""

    bl_label = "Reconstruct"
    # With its header: Blender puts panels without one above all others.
    bl_order = 1

    def draw(self, context: bpy.types.Context) -> None:
        job = session.running()
        if job is not None and job.kind != "faces":
            draw_job(self.layout, job)
            return
        row = self.layout.row()
        row.scale_y = 1.6
        row.operator("facewright.reconstruct", icon="USER")
        outcome = session.last()
        if outcome is not None:
            draw_outcome(self.layout, context, outcome)


def draw_job(layout: bpy.types.UILayout, job: session.Job) -> None:
    """Progress bar with what is being done, the seconds so far, and Cancel."""
    row = layout.row(align=True)
    row.scale_y = 1.6
    row.progress(factor=job.fraction, text=f"{job.stage}  ({job.seconds:.0f} s)")
    row.operator("facewright.cancel", text="", icon="X")


def draw_outcome(layout: bpy.types.UILayout, context: bpy.types.Context, outcome: session.Outcome) -> None:
    """One sentence about the last job; where it crashed, the way to its log."""
    draw_sentence(layout, context, outcome.message, ICONS[outcome.level], outcome.level == "ERROR")
    if outcome.log is not None:
        layout.operator("facewright.show_log", icon="TEXT")


register, unregister = bpy.utils.register_classes_factory((FACEWRIGHT_PT_reconstruct,))
