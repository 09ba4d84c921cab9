"""Operators on the folder of kept heads; the preferences show them."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..backend_door import FaceError
from ..heads import is_head, record_of
from ..kept_heads import Cleared, clear
from ..preferences import heads_folder, megabytes


class FACEWRIGHT_OT_show_heads_folder(bpy.types.Operator):
    bl_idname = "facewright.show_heads_folder"
    bl_label = "Open Heads Folder"
    bl_description = "Open the folder of kept heads in the file browser of the operating system"

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            return bpy.ops.wm.path_open(filepath=str(heads_folder()))
        except FaceError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}


class FACEWRIGHT_OT_clear_heads(bpy.types.Operator):
    bl_idname = "facewright.clear_heads"
    bl_label = "Delete Kept Heads"
    bl_description = (
        "Delete the kept data of all heads but those of the open file. Heads in other .blend files stay whole, but "
        "can no longer be rebuilt or get textures of another size. Data that you changed yourself are left alone"
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(
            self,
            event,
            title="Delete kept heads?",
            message="Heads of the open file are kept. This cannot be undone.",
            confirm_text="Delete",
            icon="WARNING",
        )

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            done = clear(heads_folder(), _bundles_in_use())
        except FaceError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, _sentence(done))
        return {"FINISHED"}


def _sentence(done: Cleared) -> str:
    """What was deleted and what was not, for the status bar."""
    heads = "1 head" if done.deleted == 1 else f"{done.deleted} heads"
    freed = f" ({megabytes(done.freed_bytes)})" if done.deleted else ""
    kept = [f"{done.used} of the open file"] if done.used else []
    kept += [f"{done.changed} that somebody changed"] if done.changed else []
    return f"Deleted {heads}{freed}" + (f"; kept {' and '.join(kept)}" if kept else "")


def _bundles_in_use() -> frozenset[Path]:
    """The bundles that heads of the open file, in any of its scenes, and their textures came from."""
    records = [record_of(obj) for obj in bpy.data.objects if is_head(obj)]
    places = [record.get(name) for record in records for name in ("bundle", "textures")]
    return frozenset(Path(bpy.path.abspath(place)) for place in places if place)


CLASSES = (FACEWRIGHT_OT_show_heads_folder, FACEWRIGHT_OT_clear_heads)


register, unregister = bpy.utils.register_classes_factory(CLASSES)
