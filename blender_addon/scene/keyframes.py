"""Keyframes of a head's expressions: set, remove, and what Blender's auto-keying would set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import bpy

from ..heads import shape_keys
from .curves import AnimationLocked, fcurves_of, find_fcurve, remove_fcurve
from .expression import pose, settable
from .links import name_of_path, value_path

SAME_FRAME = 0.01
"""Frames that differ by less are the same, as in Blender."""
CHANGED = 1e-4
"""A value that differs from its curve by more has been changed."""


def insert_keys(
    head: bpy.types.Object, names: Iterable[str], frame: float, options: frozenset[str] = frozenset()
) -> int:
    """Key the named blendshapes as they stand; returns how many keys were set. Of linked pairs the leader is keyed.

    options : of Blender's ``keyframe_insert``. Raises AnimationLocked, NoExpressions.
    """
    blocks, wanted = shape_keys(head), settable(head, names)
    check_editable(head)
    return sum(
        bool(blocks[name].keyframe_insert("value", frame=frame, options=set(options))) for name in wanted
    )


def changed_names(head: bpy.types.Object, frame: float) -> list[str]:
    """Blendshapes that differ from their curve at this frame, and those without a curve that are not 0."""
    keys, blocks, changed = head.data.shape_keys, shape_keys(head), []
    for name in settable(head, blocks):
        curve = find_fcurve(keys, value_path(name))
        if abs(blocks[name].value - (curve.evaluate(frame) if curve is not None else 0.0)) > CHANGED:
            changed.append(name)
    return changed


def delete_keys(head: bpy.types.Object, names: Iterable[str], frame: float) -> int:
    """Remove the keys of the named blendshapes at this frame; returns how many. Empty curves go too."""
    wanted = settable(head, names)
    check_editable(head)
    keys, count = head.data.shape_keys, 0
    for name in wanted:
        curve = find_fcurve(keys, value_path(name))
        if curve is None:
            continue
        here = [point for point in curve.keyframe_points if abs(point.co[0] - frame) < SAME_FRAME]
        for point in here:
            curve.keyframe_points.remove(point)
        count += len(here)
        if here and len(curve.keyframe_points) == 0:
            remove_fcurve(keys, curve)
    return count


def clear_animation(head: bpy.types.Object, names: Iterable[str]) -> int:
    """Remove the curves of the named blendshapes, which stay as they look now; returns how many curves went.

    An action without a curve left for this head is taken off it. Raises AnimationLocked, NoExpressions.
    """
    keys, blocks = head.data.shape_keys, shape_keys(head)
    wanted = set(settable(head, names))
    values = {name: blocks[name].value for name in wanted}
    check_editable(head)
    paths = [curve.data_path for curve in fcurves_of(keys) if name_of_path(curve.data_path) in wanted]
    for path in paths:  # looked up one by one: removing a curve moves the others in memory
        remove_fcurve(keys, find_fcurve(keys, path))
    if paths and not fcurves_of(keys):
        keys.animation_data.action = None
    for name, value in values.items():
        blocks[name].value = value
    return len(paths)


def auto_key(context: bpy.types.Context, head: bpy.types.Object, names: Iterable[str]) -> int:
    """Key the named blendshapes if the scene's auto-keying is on, the way its settings ask; returns how many."""
    tools = context.scene.tool_settings
    if not tools.use_keyframe_insert_auto:
        return 0
    edit = context.preferences.edit
    options = set()
    if tools.auto_keying_mode == "REPLACE_KEYS":
        options.add("INSERTKEY_REPLACE")
    if edit.use_keyframe_insert_available:
        options.add("INSERTKEY_AVAILABLE")
    if edit.use_auto_keyframe_insert_needed:
        options.add("INSERTKEY_NEEDED")
    if tools.use_keyframe_cycle_aware:
        options.add("INSERTKEY_CYCLE_AWARE")
    return insert_keys(head, names, context.scene.frame_current_final, frozenset(options))


def show(context: bpy.types.Context, head: bpy.types.Object, weights: Mapping[str, float]) -> int:
    """Set the named blendshapes and key them where auto-keying asks for it; returns how many changed.

    Raises NoExpressions, AnimationLocked; the face is as before then.
    """
    if context.scene.tool_settings.use_keyframe_insert_auto and shape_keys(head):
        check_editable(head)
    changed = pose(head, weights)
    auto_key(context, head, changed)
    return len(changed)


def check_editable(head: bpy.types.Object) -> None:
    """Raise AnimationLocked where the action of the head's shape keys is another file's; Blender only warns."""
    data = head.data.shape_keys.animation_data
    action = None if data is None else data.action
    if action is not None and not action.is_editable:
        raise AnimationLocked(f"The action {action.name} is linked from another file; make it local first.")
