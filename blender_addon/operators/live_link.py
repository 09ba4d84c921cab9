"""Import a Live Link Face take: from the file list, or dropped on the 3D view."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..backend_door import FaceError
from ..heads import OnHead, active_head
from ..live_link.apply import apply_take
from ..live_link.take import read_take
from ..panels.live_link_options import draw_options
from ..properties.live_link import OPTION_NAMES, STACK, TakeOptions, copy_options, settings_of


class FACEWRIGHT_OT_import_take(OnHead, TakeOptions, bpy.types.Operator):
    """facewright.import_take(filepath=...): key a recorded performance on the active head."""

    bl_idname = "facewright.import_take"
    bl_label = "Import Take"
    bl_description = (
        "Animate the head with a recording of the app Live Link Face (its CSV file): 52 sliders, head and gaze. "
        "Earlier animation of the head stays in the file"
    )
    bl_options = {"REGISTER", "UNDO", "PRESET"}  # noqa: RUF012

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: bpy.props.StringProperty(default="*.csv", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Show the file list, or import at once what was dropped; the scene's choices are the start."""
        chosen = context.scene.facewright_take
        for name in OPTION_NAMES:
            if not self.properties.is_property_set(name, ghost=False):
                setattr(self, name, getattr(chosen, name))
        if self.filepath:
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Read and key the take."""
        scene = context.scene
        try:
            take = read_take(Path(bpy.path.abspath(self.filepath)))
            done = apply_take(self.head_of(context), take, settings_of(self), scene, self.previous == STACK)
        except FaceError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if self.set_range:
            scene.frame_start, scene.frame_end = done.first, done.last
        copy_options(self, scene.facewright_take)
        for sentence in done.warnings:
            self.report({"WARNING"}, sentence)
        self.report(
            {"INFO"}, f"{take.name}: {done.channels} curves, frames {done.first} to {done.last}, {done.keys} keys"
        )
        return {"FINISHED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Beside the file list, and in Adjust Last Operation."""
        draw_options(self.layout, self)


class FACEWRIGHT_FH_take(bpy.types.FileHandler):
    """A take dropped on the 3D view goes on the active head."""

    bl_idname = "FACEWRIGHT_FH_take"
    bl_label = "Live Link Face take"
    bl_import_operator = "facewright.import_take"
    bl_file_extensions = ".csv"

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """Only where there is a head to put it on."""
        return context.area is not None and context.area.type == "VIEW_3D" and active_head(context) is not None


CLASSES = (FACEWRIGHT_OT_import_take, FACEWRIGHT_FH_take)


register, unregister = bpy.utils.register_classes_factory(CLASSES)
