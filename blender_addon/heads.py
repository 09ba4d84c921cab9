"""Which objects are heads, and which objects belong to a head.

A head is a mesh object with the custom property ``facewright`` (its record, see ``scene/build.py``). Its armature
is the object that its Armature modifier names; the photo's camera is a child of that armature. Parts are found by
these links and by the mark ``facewright_part`` on each object, never by name, so that renaming, duplicating,
appending and linking keep them together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import bpy

RECORD = "facewright"
PART = "facewright_part"
HEAD, ARMATURE, CAMERA = "head", "armature", "camera"


class HeadParts(NamedTuple):
    """A head's objects; ``armature`` and ``camera`` are None where somebody deleted them."""

    head: bpy.types.Object
    armature: bpy.types.Object | None
    camera: bpy.types.Object | None


def is_head(obj: bpy.types.Object | None) -> bool:
    """Whether an object is the mesh of a head."""
    return obj is not None and obj.type == "MESH" and RECORD in obj


def heads_of(scene: bpy.types.Scene) -> Iterator[bpy.types.Object]:
    """Every head of a scene."""
    return (obj for obj in scene.objects if is_head(obj))


def heads_in_file() -> Iterator[bpy.types.Object]:
    """Every head of the open file, in whichever scene."""
    return (obj for obj in bpy.data.objects if is_head(obj))


def active_head(context: bpy.types.Context) -> bpy.types.Object | None:
    """The head that the person works on: the active object's, else the scene's only one, else None.

    An armature or camera of a head stands for that head.
    """
    active = context.object
    if is_head(active):
        return active
    heads = list(heads_of(context.scene))
    if active is not None:
        for head in heads:
            if active in parts_of(head):
                return head
    return heads[0] if len(heads) == 1 else None


def anchor(context: bpy.types.Context) -> bpy.types.Object | None:
    """What is left of the head that the person works on: its mesh object, else the active armature or camera."""
    head = active_head(context)
    if head is not None:
        return head
    active = context.object
    return active if active is not None and PART in active and RECORD in active else None


def parts_of(head: bpy.types.Object) -> HeadParts:
    """The head with its armature and its photo's camera."""
    armature = next(
        (m.object for m in head.modifiers if m.type == "ARMATURE" and m.object is not None), None
    )
    if armature is None and head.parent is not None and head.parent.type == "ARMATURE":
        armature = head.parent
    return HeadParts(head, armature, None if armature is None else _camera_on(armature))


def _camera_on(armature: bpy.types.Object) -> bpy.types.Object | None:
    """The photo's camera that hangs on an armature."""
    # Blender finds children by looking at every object of the file; panels ask often, and it is mostly right here.
    nearby = (obj for collection in armature.users_collection for obj in collection.objects)
    for objects in (nearby, bpy.data.objects):
        for obj in objects:
            if obj.type == "CAMERA" and obj.parent == armature and obj.get(PART) == CAMERA:
                return obj
    return None


def shape_keys(head: bpy.types.Object) -> dict[str, bpy.types.ShapeKey]:
    """The head's blendshapes by name, the Basis left out; empty where all were deleted."""
    keys = head.data.shape_keys
    return {} if keys is None else {key.name: key for key in keys.key_blocks[1:]}


def record_of(head: bpy.types.Object) -> dict[str, Any]:
    """A copy of what was written about the head when it was built (``scene/build.py`` names the entries)."""
    return head[RECORD].to_dict()


class OnHead:
    """Mix-in for operators that work on the active head; ``head_of`` is never None after ``poll``."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        head = active_head(context)
        if head is None:
            cls.poll_message_set("Select a Facewright head first")
            return False
        if head.library is not None or head.data.library is not None:
            cls.poll_message_set("This head is linked: make a library override of it and of its mesh to change it")
            return False
        return True

    @staticmethod
    def head_of(context: bpy.types.Context) -> bpy.types.Object:
        """The active head."""
        head = active_head(context)
        assert head is not None  # poll
        return head
