"""Photos that are dropped onto the 3D view.

Blender itself takes dropped images, too, as references and backgrounds: it then asks which of these is meant.
"""

from __future__ import annotations

import bpy

from .photo_files import EXTENSIONS


class FACEWRIGHT_FH_photo(bpy.types.FileHandler):
    """Makes a dropped photo the scene's photo."""

    bl_idname = "FACEWRIGHT_FH_photo"
    bl_label = "Facewright: head from this photo"
    bl_import_operator = "facewright.drop_photo"
    bl_file_extensions = ";".join(EXTENSIONS)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D"


register, unregister = bpy.utils.register_classes_factory((FACEWRIGHT_FH_photo,))
