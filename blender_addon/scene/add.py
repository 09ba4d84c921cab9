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
REACH_M = (0.12, 0.15, 0.2)  # how far a head reaches from its origin, at most
ROOM_M = 4.0  # what is larger is what a head stands in or on
PAINTERS_LIGHT = "paint.sl"  # of Blender's own studio lights the one that leaves a skin its colour


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
    context.view_layer.update()  # so that the next head finds this one where it stands
    for obj in context.view_layer.objects:
        obj.select_set(False)
    objects.head.select_set(True)
    context.view_layer.objects.active = objects.head
    if first:
        for window in context.window_manager.windows:
            if window.scene == scene:
                _show(window.screen, face_centre(prepared.head) + place)
    return objects


def _show(screen: bpy.types.Screen, target: Vector) -> None:
    """Let the views of a screen show the face with its skin.

    Plain shading shows the texture at once; Material Preview would first compile shaders, for seconds or longer.
    """
    lights = {light.name for light in bpy.context.preferences.studio_lights if light.type == "STUDIO"}
    for space in view_face(screen, target):
        if space.shading.type == "SOLID":
            space.shading.color_type = "TEXTURE"
            space.shading.show_specular_highlight = False  # a studio light would wash out the irises
            if space.shading.light == "STUDIO" and PAINTERS_LIGHT in lights:
                space.shading.studio_light = PAINTERS_LIGHT


def free_place(scene: bpy.types.Scene) -> Vector:
    """The origin, or the first place to the left of it where no other head stands and no object is in the way.

    A new file's cube would be: the head would appear inside of it.
    """
    heads = list(heads_of(scene))
    taken = [(parts_of(head).armature or head).matrix_world.translation for head in heads]
    bodies = [
        [obj.matrix_world @ Vector(corner) for corner in obj.bound_box]
        for obj in scene.objects
        if obj.type == "MESH" and obj not in heads and obj.visible_get() and max(obj.dimensions) < ROOM_M
    ]
    place = Vector((0.0, 0.0, 0.0))
    while any((other - place).length < 0.9 * SPACING_M for other in taken) or any(
        _meets(place, corners) for corners in bodies
    ):
        place.x += SPACING_M
    return place


def _meets(place: Vector, corners: list[Vector]) -> bool:
    """Whether a head at ``place`` would meet the box around the corners."""
    return all(
        min(corner[axis] for corner in corners) < place[axis] + reach
        and max(corner[axis] for corner in corners) > place[axis] - reach
        for axis, reach in enumerate(REACH_M)
    )
