"""Puts a take on a head: one action for its shape keys, one for neck, head and eyes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import bpy
import numpy as np
from mathutils import Quaternion
from numpy.typing import NDArray

from ..backend_door import ARKIT_NAMES
from ..heads import parts_of, shape_keys
from ..scene.curves import AnimationLocked, ensure_fcurve
from ..scene.links import driven, links, value_path
from ..scene.skinning import EYE_LEFT, EYE_RIGHT, HEAD, NECK
from .key_reduction import Keys, reduce_keys
from .performance import EYES_BONES, Performance, TakeSettings, perform
from .rotations import continuous, part_of
from .take import Take

TIMECODE = "facewright_timecode"
"""Custom property of a take's actions: the timecode of its first frame, as the app wrote it."""


class Applied(NamedTuple):
    """What was keyed: ``channels`` curves with ``keys`` keys over frames ``first`` to ``last``; ``warnings``."""

    channels: int
    keys: int
    first: int
    last: int
    warnings: tuple[str, ...]


class _Channel(NamedTuple):
    """One curve to be: its property and its keys."""

    data_path: str
    index: int
    keys: Keys


def apply_take(
    head: bpy.types.Object, take: Take, settings: TakeSettings, scene: bpy.types.Scene, stack: bool = False
) -> Applied:
    """Key a take on a head as actions of their own, named after the take.

    Actions that were there stay in the file with a fake user; with ``stack`` they go on as NLA strips below.
    Raises TakeUnreadable, AnimationLocked; then nothing was changed.
    """
    performance = perform(take, settings, scene.render.fps / scene.render.fps_base)
    warnings = list(take.warnings)
    keys = head.data.shape_keys
    weights = list(_weight_channels(head, performance, settings.tolerance))
    if len(weights) < len(ARKIT_NAMES):
        warnings.append(f"The head lacks {len(ARKIT_NAMES) - len(weights)} of the 52 shape keys.")
    if not weights:
        raise AnimationLocked("This head has no shape keys left; rebuild it first.")
    warnings += _sentences_about_drivers(keys, weights)
    armature = parts_of(head).armature
    turns = _turn_channels(armature, performance, settings)
    warnings += _sentences_about_turns(take, settings, armature, bool(turns))

    owners = [(keys, weights)] + ([(armature, turns)] if turns else [])
    for owner, _ in owners:
        _refuse_locked(owner)
    written = 0
    for owner, channels in owners:
        _set_aside(owner, stack)
        written += _write(owner, channels, take)
    scene.frame_set(scene.frame_current)  # show it
    frames = performance.frames
    channels = sum(len(channels) for _, channels in owners)
    return Applied(channels, written, int(frames[0]), int(frames[-1]), tuple(warnings))


def _weight_channels(
    head: bpy.types.Object, performance: Performance, tolerance: float
) -> Iterator[_Channel]:
    names = {name.lower(): name for name in shape_keys(head)}
    for k, name in enumerate(ARKIT_NAMES):
        own = names.get(name.lower())
        if own is not None:
            keys = reduce_keys(performance.frames, performance.weights[:, k], tolerance)
            yield _Channel(value_path(own), 0, keys)


def _sentences_about_drivers(keys: bpy.types.Key, channels: list[_Channel]) -> list[str]:
    """A driver wins over curves: say which of the take's values will not show."""
    followers = links(keys)
    paths = {channel.data_path for channel in channels}
    other = [name for name in driven(keys) if name not in followers and value_path(name) in paths]
    sentences = []
    if followers:
        sentences.append("The right side is linked to the left; unlink the sides to see the take's own.")
    if other:
        sentences.append(f"{len(other)} shape keys have drivers, which win over the take.")
    return sentences


def _turn_channels(
    armature: bpy.types.Object | None, performance: Performance, settings: TakeSettings
) -> list[_Channel]:
    """Curves of the bones' rotations, each in its bone's own rotation mode."""
    if armature is None:
        return []
    turns: list[tuple[str, NDArray[np.float64] | None]] = [
        (EYE_LEFT, performance.left_eye), (EYE_RIGHT, performance.right_eye),
    ]  # fmt: skip
    if performance.head is not None:
        # Both parts turn about the same axis, so that one after the other they are the whole turn.
        turns += [
            (NECK, part_of(performance.head, settings.neck_share)),
            (HEAD, part_of(performance.head, 1.0 - settings.neck_share)),
        ]
    channels = []
    for name, turn in turns:
        bone = armature.pose.bones.get(name)
        if bone is not None and turn is not None:
            channels += _bone_channels(bone, turn, performance.frames, settings.tolerance)
    return channels


def _bone_channels(
    bone: bpy.types.PoseBone, turn: NDArray[np.float64], frames: NDArray[np.float64], tolerance: float
) -> Iterator[_Channel]:
    """``turn`` (N, 4) in the armature's axes, as the bone's own rotation values at each frame."""
    rest = bone.bone.matrix_local.to_quaternion()
    matrix = np.array(rest.to_matrix())
    local = np.concatenate([turn[:, :1], turn[:, 1:] @ matrix], 1)  # the axis, seen from the bone at rest
    local = continuous(local)
    path = bone.path_from_id()
    if bone.rotation_mode == "QUATERNION":
        values, path = local, f"{path}.rotation_quaternion"
    elif bone.rotation_mode == "AXIS_ANGLE":
        values, path = _axis_angles(local), f"{path}.rotation_axis_angle"
    else:
        values, path = _eulers(local, bone.rotation_mode), f"{path}.rotation_euler"
    for index in range(values.shape[1]):
        yield _Channel(path, index, reduce_keys(frames, values[:, index], tolerance))


def _eulers(q: NDArray[np.float64], order: str) -> NDArray[np.float64]:
    """(N, 3) radians without jumps."""
    result, last = [], None
    for row in q.tolist():
        last = Quaternion(row).to_euler(order, last) if last is not None else Quaternion(row).to_euler(order)
        result.append(tuple(last))
    return np.array(result)


def _axis_angles(q: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 4) angle in radians and axis."""
    length = np.linalg.norm(q[:, 1:], axis=1, keepdims=True)
    axis = np.where(length > 1e-9, q[:, 1:] / np.maximum(length, 1e-9), [0.0, 1.0, 0.0])
    return np.concatenate([2.0 * np.arctan2(length, q[:, :1]), axis], 1)


def _sentences_about_turns(
    take: Take, settings: TakeSettings, armature: bpy.types.Object | None, keyed: bool
) -> list[str]:
    wanted_head, wanted_eyes = settings.head, settings.eyes == EYES_BONES
    if (wanted_head or wanted_eyes) and armature is None:
        return ["The head's armature is missing; rebuild it to key head and eye rotation."]
    sentences = []
    if wanted_head and take.head is None:
        sentences.append("The take was recorded without head rotation.")
    if wanted_eyes and take.left_eye is None:
        sentences.append("The take was recorded without eye rotation; the eyes' shape keys turn them instead.")
    recorded = (wanted_head and take.head is not None) or (wanted_eyes and take.left_eye is not None)
    if recorded and not keyed:
        sentences.append("The armature's bones for head and eyes were renamed or deleted.")
    return sentences


def _refuse_locked(owner: bpy.types.ID) -> None:
    if not owner.is_editable:
        raise AnimationLocked(f"{owner.name} is linked from another file; make it local first.")


def _set_aside(owner: bpy.types.ID, stack: bool) -> None:
    """Take off the datablock's action: it stays in the file, or goes on as a strip below what comes."""
    data = owner.animation_data_create()
    action = data.action
    if action is None:
        return
    if action.is_editable:
        action.use_fake_user = True
    if stack:
        slot = getattr(data, "action_slot", None)
        data.action = None
        track = data.nla_tracks.new()
        track.name = action.name
        strip = track.strips.new(action.name, int(np.floor(action.frame_range[0])), action)
        if slot is not None:
            strip.action_slot = slot
    else:
        data.action = None


def _write(owner: bpy.types.ID, channels: list[_Channel], take: Take) -> int:
    """A new action on the datablock with these curves; returns how many keys it has."""
    for channel in channels:
        curve = ensure_fcurve(owner, channel.data_path, channel.index, action_name=take.name)
        points = curve.keyframe_points
        points.add(len(channel.keys.frames))
        left, right = channel.keys.handles()
        co = np.stack([channel.keys.frames, channel.keys.values], 1)
        for name, values in (("co", co), ("handle_left", left), ("handle_right", right)):
            points.foreach_set(name, values.astype(np.float32).ravel())
        for name, identifier in (
            ("interpolation", "BEZIER"), ("handle_left_type", "ALIGNED"), ("handle_right_type", "ALIGNED"),
        ):  # fmt: skip
            number = bpy.types.Keyframe.bl_rna.properties[name].enum_items[identifier].value
            points.foreach_set(name, np.full(len(points), number, np.int32))
        curve.update()
    action = owner.animation_data.action
    action[TIMECODE] = take.first_timecode
    return sum(len(channel.keys.frames) for channel in channels)
