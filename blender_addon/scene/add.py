"""A new head for the scene that a person works in: beside the heads that are there, selected, in view."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import bpy
from mathutils import Vector

from ..backend_door import FaceError, Head, read_head
from ..heads import HeadParts, heads_of, parts_of
from .build import HeadObjects, build_head, face_centre, view_face
from .record import remember_photo
from .skinning import Skinning, skin

SPACING_M = 0.35  # from head to head: wider than any


class Prepared(NamedTuple):
    """A head whose bundle has been read and whose bones are placed: what needs no Blender."""

    head: Head
    skinning: Skinning


def prepare(bundle: Path) -> Prepared:
    """Read a bundle for ``add_head``; in any thread. Raises BundleInvalid."""
    head = read_head(bundle)
    return Prepared(head, skin(head))


def add_head(context: bpy.types.Context, prepared: Prepared, photo: Path) -> HeadObjects:
    """Add a head to the scene: nothing else of it changes but what is selected, and, for its first head, the view.

    Raises FaceError; then everything is as it was.
    """
    scene = context.scene
    if not scene.is_editable:
        raise FaceError(f"The scene {scene.name} is linked from another file, so nothing can be added to it.")
    place = free_place(scene)
    first = next(heads_of(scene), None) is None
    objects = build_head(prepared.head, scene.collection, skinning=prepared.skinning)
    remember_photo(HeadParts(objects.head, objects.armature, objects.camera), photo)
    objects.armature.location = place
    for obj in context.view_layer.objects:
        obj.select_set(False)
    objects.head.select_set(True)
    context.view_layer.objects.active = objects.head
    if first:
        for window in context.window_manager.windows:
            if window.scene == scene:
                view_face(window.screen, face_centre(prepared.head) + place)
    return objects


def free_place(scene: bpy.types.Scene) -> Vector:
    """The origin, or the first place to its left where no other head stands."""
    taken = []
    for head in heads_of(scene):
        armature = parts_of(head).armature
        taken.append((armature or head).matrix_world.translation)
    place = Vector((0.0, 0.0, 0.0))
    while any((other - place).length < 0.9 * SPACING_M for other in taken):
        place.x += SPACING_M
    return place
