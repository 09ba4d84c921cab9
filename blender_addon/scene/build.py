"""Puts a head together: a collection with the head object, its rig and the photo's camera; or a whole scene."""

from __future__ import annotations

from typing import NamedTuple

import bpy
from mathutils import Vector

from ..backend_door import Head
from ..heads import HeadParts
from .armature import bind, build_armature
from .camera import build_camera, match_render
from .coordinates import to_blender
from .detail import add_detail
from .expression import store_expression
from .lights import build_lights, neutral_world
from .materials import build_materials, load_image
from .mesh import build_mesh
from .record import describe, mark
from .seen import store_seen
from .skinning import Skinning, skin
from .whole import all_or_nothing


class HeadObjects(NamedTuple):
    """What ``build_head`` made. ``photo_expression``: the action that shows the photo's own expression."""

    collection: bpy.types.Collection
    head: bpy.types.Object
    armature: bpy.types.Object
    camera: bpy.types.Object
    photo_expression: bpy.types.Action


def build_head(
    head: Head, parent: bpy.types.Collection, name: str = "Head", skinning: Skinning | None = None
) -> HeadObjects:
    """Build one head into a new collection under ``parent``; nothing else of the file is touched.

    The head stands upright at the origin, neutral, in metres, looking along -Y; the photo's camera hangs on
    the armature, so that moving a head keeps the photo behind it. Where ``name`` is taken, a number is added,
    to every datablock alike. ``skinning``: what ``skin`` says of this head, where that is known already.

    Raises
    ------
    BundleInvalid : the geometry cannot be a head (see build_mesh, skin), or a picture cannot be read; nothing has
        been added then
    """
    skinning = skinning or skin(head)
    with all_or_nothing():
        return _build(head, skinning, parent, _free_name(name))


def _build(head: Head, skinning: Skinning, parent: bpy.types.Collection, name: str) -> HeadObjects:
    obj = build_mesh(head, name)
    for material in build_materials(head, name):
        obj.data.materials.append(material)
    collection = bpy.data.collections.new(name)
    parent.children.link(collection)
    collection.objects.link(obj)
    armature = build_armature(skinning, f"{name}_rig", collection)
    bind(obj, armature, skinning.weights)
    photo = load_image(head.photo, f"{name}_photo", f"//{head.photo.name}")
    camera = build_camera(head, f"{name}_photo_camera", photo)
    collection.objects.link(camera)
    camera.parent = armature
    action = store_expression(obj, f"{name}_photo_expression", head.expression)
    mark(HeadParts(obj, armature, camera), describe(head, skinning.jaw_open_degrees))
    store_seen(obj, head)
    if head.detail is not None:
        add_detail(obj, head)
    return HeadObjects(collection, obj, armature, camera, action)


def build_scene(head: Head, name: str = "Head") -> HeadObjects:
    """Turn the current, empty scene into one for this head: head, lights, world, camera, picture size."""
    scene = bpy.context.scene
    objects = build_head(head, scene.collection, name)
    lights = bpy.data.collections.new("Lights")
    scene.collection.children.link(lights)
    build_lights(lights, face_centre(head))
    neutral_world(scene)
    scene.camera = objects.camera
    match_render(scene.render, head.camera)
    # The default transform is made for scenes with a wide range of light and greys out a skin's colours.
    scene.view_settings.view_transform = "Khronos PBR Neutral"
    # Without it EEVEE lets the world shine into nostrils and mouth.
    scene.eevee.use_raytracing = True
    # Rays for what mirrors, the approximation for skin: it looks the same and takes half the time.
    scene.eevee.ray_tracing_options.trace_max_roughness = 0.1
    bpy.context.view_layer.objects.active = objects.head
    frame_viewports(face_centre(head))
    return objects


def face_centre(head: Head) -> Vector:
    """The middle of the face in Blender, metres: half-way from the eyes to the chin, a little inside."""
    region = head.regions.get("face")
    points = head.neutral if region is None or len(region) == 0 else head.neutral[region]
    middle = to_blender(0.5 * (points.min(0) + points.max(0)))
    return Vector((0.0, float(middle[1]), float(middle[2])))


def frame_viewports(target: Vector) -> None:
    """Let every 3D view of the file open on the face, textured, close enough and clipping nothing."""
    for screen in bpy.data.screens:
        for space in view_face(screen, target):
            space.shading.type = "MATERIAL"


def view_face(screen: bpy.types.Screen, target: Vector) -> list[bpy.types.SpaceView3D]:
    """Let the 3D views of a screen show the face at ``target``, close enough and clipping nothing; these views."""
    spaces = [area.spaces.active for area in screen.areas if area.type == "VIEW_3D"]
    for space in spaces:
        space.clip_start = min(space.clip_start, 0.005)
        view = space.region_3d
        view.view_perspective = "PERSP"
        view.view_location = target
        view.view_distance = 0.65
        view.view_rotation = Vector((0.35, -1.0, 0.12)).to_track_quat("Z", "Y")
    return spaces


def _free_name(name: str) -> str:
    """``name``, or ``name_2``, ``name_3``, ... so that no datablock of this head must be renamed by Blender."""
    taken = {*bpy.data.collections.keys(), *bpy.data.objects.keys(), *bpy.data.meshes.keys()}
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate
