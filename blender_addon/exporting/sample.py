"""What a head's channels and bones do over time, whatever moves them: curves, drivers, NLA strips, constraints.

Plain curves are evaluated as they are. Everything else needs Blender's evaluation, which happens in a scene of our
own that holds nothing but copies of the head and its armature, so that the person's frame, selection and hidden or
excluded objects play no part. Objects that drive them are evaluated as their dependencies.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from math import ceil, floor
from typing import NamedTuple

import bpy
import numpy as np
from numpy.typing import NDArray

from ..heads import HeadParts
from ..scene.curves import fcurves_of
from .kept_values import values_kept

Floats = NDArray[np.float32]


class Range(Enum):
    """Frames of an animation: none, the scene's, or from the first to the last key of the head."""

    NONE = "NONE"
    SCENE = "SCENE"
    KEYS = "KEYS"


class Motion(NamedTuple):
    """``frames`` (n,), ``channels`` (n, E) values, ``bones`` (n, B, 4, 4) relative to rest, ``world`` (n, 4, 4)."""

    frames: NDArray[np.int32]
    channels: Floats
    bones: Floats
    world: Floats


def still(parts: HeadParts) -> Motion:
    """The present values, as one frame."""
    keys = parts.head.data.shape_keys
    return Motion(
        np.zeros(1, np.int32),
        np.array([_values(keys)], np.float32),
        np.array([_pose(parts.armature)], np.float32).reshape(1, -1, 4, 4),
        np.array([parts.armature.matrix_world], np.float32),
    )


def take_motion(parts: HeadParts, scene: bpy.types.Scene, which: Range) -> Motion:
    """The animation over the frames of ``which``; no frames where nothing moves the head."""
    keys, armature = parts.head.data.shape_keys, parts.armature
    nothing = Motion(
        np.empty(0, np.int32), np.empty((0, len(keys.key_blocks) - 1), np.float32),
        np.empty((0, len(armature.data.bones), 4, 4), np.float32), np.empty((0, 4, 4), np.float32),
    )  # fmt: skip
    if which is Range.NONE or not is_moved(parts):
        return nothing
    frames = _frames(parts, scene, which)
    if not frames:
        return nothing
    channels = _plain_curves(keys, frames) if not _is_linked_up(keys) else None
    bones, worlds, driven = [], [], []
    with values_kept(), _own_scene(parts, scene, with_head=channels is None) as (own, layer, rig):
        for frame in frames:
            own.frame_set(frame)
            graph = layer.depsgraph
            shown = rig.evaluated_get(graph)
            bones.append(_pose(shown))
            worlds.append(np.array(shown.matrix_world))
            if channels is None:
                driven.append(_values(keys.evaluated_get(graph)))
    return Motion(
        np.array(frames, np.int32),
        np.array(driven, np.float32) if channels is None else channels,
        np.array(bones, np.float32).reshape(len(frames), -1, 4, 4),
        np.array(worlds, np.float32),
    )


def is_moved(parts: HeadParts) -> bool:
    """Whether anything can move the head's channels or bones over time."""
    owners = _owners(parts)
    return (
        any(fcurves_of(owner) or _is_linked_up(owner) for owner in owners)
        or any(len(bone.constraints) for bone in parts.armature.pose.bones)
        or len(parts.armature.constraints) > 0
    )


def _owners(parts: HeadParts) -> list[bpy.types.ID]:
    """Datablocks whose animation moves the head; the objects that its armature hangs on included."""
    owners: list[bpy.types.ID] = [parts.head.data.shape_keys]
    above = parts.armature
    while above is not None:
        owners.append(above)
        above = above.parent
    return owners


def _is_linked_up(owner: bpy.types.ID) -> bool:
    """Whether more than the curves of one action at full strength moves a datablock."""
    data = owner.animation_data
    if data is None:
        return False
    strips = any(len(track.strips) and not track.mute for track in data.nla_tracks)
    blended = data.action is not None and (data.action_influence != 1.0 or data.action_blend_type != "REPLACE")
    return len(data.drivers) > 0 or strips or blended


def _frames(parts: HeadParts, scene: bpy.types.Scene, which: Range) -> list[int]:
    first, last = scene.frame_start, scene.frame_end
    if which is Range.KEYS:
        ends = [curve.range() for owner in _owners(parts) for curve in fcurves_of(owner)]
        for owner in _owners(parts):
            if owner.animation_data is not None:
                tracks = (track for track in owner.animation_data.nla_tracks if not track.mute)
                ends += [(strip.frame_start, strip.frame_end) for track in tracks for strip in track.strips]
        if ends:
            first, last = floor(min(end[0] for end in ends)), ceil(max(end[1] for end in ends))
    return list(range(first, last + 1))


def _plain_curves(keys: bpy.types.Key, frames: list[int]) -> Floats:
    """(n, E) values of the channels, from the curves of the keys' action alone."""
    blocks = keys.key_blocks[1:]
    result = np.tile(np.array([key.value for key in blocks], np.float32), (len(frames), 1))
    place = {key.path_from_id("value"): k for k, key in enumerate(blocks)}
    for curve in fcurves_of(keys):
        if curve.data_path in place and not curve.mute:
            key = blocks[place[curve.data_path]]
            values = np.array([curve.evaluate(frame) for frame in frames])
            result[:, place[curve.data_path]] = np.clip(values, key.slider_min, key.slider_max)
    result[:, [key.mute for key in blocks]] = 0.0
    return result


def _values(keys: bpy.types.Key) -> list[float]:
    """Present values of the channels; those that are muted do nothing."""
    return [0.0 if key.mute else key.value for key in keys.key_blocks[1:]]


def _pose(armature: bpy.types.Object) -> list[NDArray[np.float64]]:
    """Each bone's matrix relative to its rest and its parent, constraints included."""
    pose = armature.pose.bones
    return [
        np.array(armature.convert_space(pose_bone=bone, matrix=bone.matrix, from_space="POSE", to_space="LOCAL"))
        for bone in (pose[data.name] for data in armature.data.bones)
    ]


@contextmanager
def _own_scene(
    parts: HeadParts, scene: bpy.types.Scene, with_head: bool
) -> Iterator[tuple[bpy.types.Scene, bpy.types.ViewLayer, bpy.types.Object]]:
    """A scene with copies of the armature and, where its channels must be evaluated, of the head."""
    own = bpy.data.scenes.new("Facewright export")
    rig = parts.armature.copy()
    made = [rig]
    rig.hide_viewport = False
    if with_head:
        # The channels live in the mesh's datablock, which this object shares. It shows one of them only, because
        # blending all of them on every frame takes long and nobody looks.
        shown = bpy.data.objects.new("Facewright export", parts.head.data)
        shown.show_only_shape_key = True
        made.append(shown)
    try:
        own.render.fps, own.render.fps_base = scene.render.fps, scene.render.fps_base
        for obj in made:
            own.collection.objects.link(obj)
        layer = own.view_layers[0]
        layer.update()
        yield own, layer, rig
    finally:
        bpy.data.scenes.remove(own)
        for obj in made:
            bpy.data.objects.remove(obj)
