"""Repair a head, and make its textures anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import bpy
from bpy.props import EnumProperty, StringProperty

from .. import preferences
from ..backend_door import FaceError
from ..detail_nodes.controls import detail_modifier
from ..heads import OnHead, anchor
from ..job.operator import JobOperator
from ..job.process import Event, Request
from ..preferences import TEXTURE_SIZES
from ..scene.rebuild import PartlyRebuilt, rebuild
from ..scene.refresh import NewTextures, head_by_id, prepare, refresh, texture_request
from .reconstruct import bundle_name, detail_settings


class FACEWRIGHT_OT_rebuild(bpy.types.Operator):
    """Bring back what was deleted of the active head."""

    bl_idname = "facewright.rebuild"
    bl_label = "Rebuild"
    bl_description = (
        "Bring back what was deleted of this head: armature, camera, blendshapes, materials, textures, weights, or "
        "the mesh. What is there stays as you made it, sculpted shapes and animation too"
    )
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    folder: StringProperty(
        name="Head's Folder", subtype="DIR_PATH", options={"SKIP_SAVE"},
        description="Where the head's data lie; left empty: where they were when the head was made",
    )  # fmt: skip

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if anchor(context) is None:
            cls.poll_message_set("Select a Facewright head, or what is left of it, first")
            return False
        if context.mode != "OBJECT":
            cls.poll_message_set("Switch to Object Mode first")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        places = [Path(bpy.path.abspath(self.folder))] if self.folder else []
        try:
            head, done = rebuild(anchor(context), [*places, preferences.heads_folder()])
        except PartlyRebuilt as error:
            self.report({"WARNING"}, str(error))
            return {"FINISHED"}
        except FaceError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        context.view_layer.objects.active = head
        self.report({"INFO"}, f"Brought back: {', '.join(done)}" if done else "Nothing is missing")
        return {"FINISHED"}


class FACEWRIGHT_OT_refresh_textures(OnHead, JobOperator, bpy.types.Operator):
    """Make the active head's textures anew from its photo."""

    bl_idname = "facewright.refresh_textures"
    bl_label = "Refresh Textures"
    bl_description = (
        "Make the textures anew from the photo, in the size that you choose, for instance after the photo was "
        "retouched. Only the images change: shapes, sculpted ones too, materials and animation stay as they are"
    )
    bl_options: ClassVar[set[str]] = {"UNDO"}
    job_kind = "textures"
    job_verb = "reconstruct"

    texture_size: EnumProperty(
        name="Texture Size", description="Width and height of the skin's texture", items=TEXTURE_SIZES,
        default=preferences.DEFAULT_TEXTURE_SIZE,
    )  # fmt: skip
    photo: StringProperty(
        name="Photo", subtype="FILE_PATH", options={"SKIP_SAVE"},
        description="The photo to take the textures from; left empty: the one that the head was made from",
    )  # fmt: skip

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return OnHead.poll.__func__(cls, context) and JobOperator.poll.__func__(cls, context)

    def request(self, context: bpy.types.Context) -> Callable[[], Request]:
        head = self.head_of(context)
        self._head_id = head.session_uid
        photo = Path(bpy.path.abspath(self.photo)) if self.photo else None
        chosen = context.scene.facewright_photo
        model = Path(bpy.path.abspath(chosen.model_path)) if chosen.model_mode == "FILE" else None
        settings = texture_request(head, int(self.texture_size), photo, model)
        settings |= detail_settings(context.scene, detail_modifier(head) is not None)
        folder = preferences.heads_folder()
        return lambda: settings | {"output": str(folder / bundle_name(settings)), "overwrite": True}

    @staticmethod
    def prepare(event: Event) -> NewTextures:
        return prepare(Path(event["bundle"]))

    def finish(self, context: bpy.types.Context, event: Event) -> str:
        return refresh(head_by_id(self._head_id), event["prepared"])


CLASSES = (FACEWRIGHT_OT_rebuild, FACEWRIGHT_OT_refresh_textures)


register, unregister = bpy.utils.register_classes_factory(CLASSES)
