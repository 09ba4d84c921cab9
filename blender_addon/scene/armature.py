"""The armature: bones placed by ``skinning``, vertex groups, and the modifier that binds the head to them."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Vector
from numpy.typing import NDArray

from .coordinates import to_blender
from .skinning import EYE_LEFT, EYE_RIGHT, JAW, PARENTS, ROOT, Bone, Skinning

# Every bone's local x axis is the world's: a positive turn about x nods, opens the jaw and looks down.
UPRIGHT_Z, FORWARD_Z = Vector((0.0, -1.0, 0.0)), Vector((0.0, 0.0, -1.0))


def build_armature(
    skinning: Skinning, name: str, collection: bpy.types.Collection
) -> bpy.types.Object:
    """An armature object linked to ``collection``. Edit bones exist in edit mode only, so it is entered once.

    The active object and the selection of the view layer are as before afterwards.
    """
    data = bpy.data.armatures.new(name)
    obj = bpy.data.objects.new(name, data)
    collection.objects.link(obj)
    layer = bpy.context.view_layer
    before = layer.objects.active
    selected = [other for other in layer.objects if other.select_get()]
    for other in selected:
        other.select_set(False)
    layer.objects.active = obj
    obj.select_set(True)
    bpy.ops.object.mode_set(mode="EDIT")
    try:
        for bone_name, bone in skinning.bones.items():
            _add_bone(data, bone_name, bone)
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")
        obj.select_set(False)
        for other in selected:
            other.select_set(True)
        layer.objects.active = before
    data.display_type = "WIRE"
    # Lines inside the head, not drawn over the face: the shape keys come first, posing bones is for later.
    obj.show_in_front = False
    for bone_name in (EYE_LEFT, EYE_RIGHT, JAW):
        if bone_name in obj.pose.bones:
            # These joints turn; keys on their place would come from a slip of the hand.
            obj.pose.bones[bone_name].rotation_mode = "XYZ"
            obj.pose.bones[bone_name].lock_scale = (True, True, True)
    return obj


def _add_bone(data: bpy.types.Armature, name: str, bone: Bone) -> None:
    edit = data.edit_bones.new(name)
    edit.head, edit.tail = (Vector(map(float, to_blender(np.asarray(end)))) for end in bone)
    parent = PARENTS[name]
    edit.parent = data.edit_bones[parent] if parent else None
    edit.use_connect = False
    forward = name in (JAW, EYE_LEFT, EYE_RIGHT)
    edit.align_roll(FORWARD_Z if forward else UPRIGHT_Z)
    edit.use_deform = True


def bind(obj: bpy.types.Object, armature: bpy.types.Object, weights: dict[str, NDArray[np.float32]]) -> None:
    """Parent the head to the armature, write its vertex groups and add the one modifier.

    The modifier acts after the shape keys: a key's offsets turn along with the bones.
    """
    obj.parent = armature
    for bone_name, weight in weights.items():
        group = obj.vertex_groups.new(name=bone_name)
        # Whole runs of equal weight go in at once; only the blends are written one by one.
        used = np.flatnonzero(weight)
        order = used[np.argsort(weight[used], kind="stable")]
        values = weight[order]
        starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]][: len(values)])
        ends = [*starts[1:].tolist(), len(values)]
        vertices = order.tolist()
        for start, end, value in zip(starts.tolist(), ends, values[starts].tolist()):
            group.add(vertices[start:end], value, "REPLACE")
    modifier = obj.modifiers.new("Armature", "ARMATURE")
    modifier.object = armature
    modifier.use_vertex_groups, modifier.use_bone_envelopes = True, False
    obj.vertex_groups.active_index = list(weights).index(ROOT)
