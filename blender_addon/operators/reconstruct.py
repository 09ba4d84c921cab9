"""Reconstruct a head from the photo, cancel, and read the log of what went wrong."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import bpy

from .. import preferences
from ..backend_door import FaceError
from ..job import session
from ..job.operator import JobOperator
from ..job.process import Event, Request
from ..photo_files import photo_path
from ..scene.add import Prepared, add_head, prepare


class FACEWRIGHT_OT_reconstruct(JobOperator, bpy.types.Operator):
    """Runs the worker on the scene's photo, then adds the head."""

    bl_idname = "facewright.reconstruct"
    bl_label = "Reconstruct Head"
    bl_description = (
        "Make a head with 52 facial expressions from the photo. It takes some seconds, in which you can go on "
        "working; Esc cancels"
    )
    bl_options: ClassVar[set[str]] = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not context.scene.facewright_photo.filepath:
            cls.poll_message_set("Choose a photo first")
            return False
        found = context.window_manager.facewright_found
        if found.state == "DONE" and not found.faces and found.filepath == str(photo_path(context.scene)):
            cls.poll_message_set("There is no face in this photo")
            return False
        return super().poll(context)

    def request(self, context: bpy.types.Context) -> Callable[[], Request]:
        settings = photo_settings(context.scene)
        self._photo = Path(settings["photo"])
        folder = preferences.heads_folder()
        # The photo is read in another thread: a large one takes longer than a frame.
        return lambda: settings | {"output": str(folder / bundle_name(settings)), "overwrite": True}

    @staticmethod
    def prepare(event: Event) -> Prepared:
        return prepare(Path(event["bundle"]))

    def finish(self, context: bpy.types.Context, event: Event) -> str:
        add_head(context, event["prepared"], self._photo)
        return f"Head added in {self._job.seconds:.1f} s"


def photo_settings(scene: bpy.types.Scene) -> dict[str, Any]:
    """The worker's request for the scene's photo, but for where the bundle goes. Raises FaceError."""
    chosen = scene.facewright_photo
    if not chosen.filepath:
        raise FaceError("Choose a photo first.")
    model = None
    if chosen.model_mode == "FILE":
        if not chosen.model_path:
            raise FaceError("Choose the file of the face model, or take the built-in one.")
        model = str(Path(bpy.path.abspath(chosen.model_path)))
    return {
        "photo": str(Path(bpy.path.abspath(chosen.filepath))),
        "face": chosen.face or None,
        "focal_length_mm": chosen.focal_length_mm if chosen.focal_mode == "TYPED" else None,
        "model": model,
        "texture_size": int(chosen.texture_size),
        **detail_settings(scene, chosen.use_detail),
    }


def detail_settings(scene: bpy.types.Scene, wanted: bool) -> dict[str, Any]:
    """What the worker's request says about detail."""
    chosen = scene.facewright_photo
    return {
        "detail": chosen.detail_source.lower() if wanted else "none",
        "detail_size": int(chosen.detail_size),
        "age_years": chosen.age_years if chosen.age_mode == "TYPED" else None,
    }


def bundle_name(settings: dict[str, Any]) -> str:
    """A folder's name for the head of a photo with these settings: the photo's own, and a sum over both."""
    photo = Path(settings["photo"])
    try:
        with photo.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:  # the worker says what is wrong with the photo
        content = ""
    others = {name: value for name, value in settings.items() if name != "photo"}
    summed = hashlib.sha256(json.dumps([content, others], sort_keys=True).encode()).hexdigest()
    stem = re.sub(r"[^\w-]+", "_", photo.stem)[:40].strip("_") or "photo"
    return f"{stem}-{summed[:8]}"


class FACEWRIGHT_OT_cancel(bpy.types.Operator):
    """Stops the running job."""

    bl_idname = "facewright.cancel"
    bl_label = "Cancel"
    bl_description = "Stop at once. The scene stays as it is"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if session.running() is None:
            cls.poll_message_set("Nothing is running")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        session.cancel()
        return {"FINISHED"}


class FACEWRIGHT_OT_show_log(bpy.types.Operator):
    """Opens the log of the job that failed in a text editor."""

    bl_idname = "facewright.show_log"
    bl_label = "Show Log"
    bl_description = "Open what the job wrote down before it failed, in a text editor of its own"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        outcome = session.last()
        if outcome is None or outcome.log is None or not Path(outcome.log).is_file():
            cls.poll_message_set("There is no log")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        path = str(Path(session.last().log))
        text = next((text for text in bpy.data.texts if text.filepath == path), None)
        text = text or bpy.data.texts.load(path)
        if not bpy.app.background:
            bpy.ops.wm.window_new()
            area = context.window_manager.windows[-1].screen.areas[0]
            area.type = "TEXT_EDITOR"
            area.spaces.active.text = text
        self.report({"INFO"}, path)
        return {"FINISHED"}


CLASSES = (FACEWRIGHT_OT_reconstruct, FACEWRIGHT_OT_cancel, FACEWRIGHT_OT_show_log)


register, unregister = bpy.utils.register_classes_factory(CLASSES)
