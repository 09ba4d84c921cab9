"""Curves of a datablock, found, made and removed the same way in every Blender."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest
from readback import evaluated

from blender_addon.scene.build import HeadObjects
from blender_addon.scene.curves import (
    AnimationLocked,
    add_to_action,
    curves_in_action,
    ensure_fcurve,
    fcurves_of,
    find_fcurve,
    remove_fcurve,
    set_keys,
)

PATH = 'key_blocks["jawOpen"].value'


def test_curve_is_made_worn_and_played(built: HeadObjects) -> None:
    keys = built.head.data.shape_keys
    assert fcurves_of(keys) == [] and find_fcurve(keys, PATH) is None
    curve = ensure_fcurve(keys, PATH, action_name="Take 1")
    set_keys(curve, [1, 11], [0.0, 1.0], "LINEAR")
    assert keys.animation_data.action.name == "Take 1"
    assert ensure_fcurve(keys, PATH) == curve and fcurves_of(keys) == [curve] == [find_fcurve(keys, PATH)]
    scene = bpy.context.scene
    at = {}
    for frame in (1, 6, 11):
        scene.frame_set(frame)
        at[frame] = (keys.key_blocks["jawOpen"].value, evaluated(built.head))
    assert [at[f][0] for f in (1, 6, 11)] == pytest.approx([0.0, 0.5, 1.0], abs=1e-6)
    assert np.abs(at[11][1] - at[1][1]).max() > 0.005  # metres: the mesh follows
    assert at[6][1] == pytest.approx(0.5 * (at[1][1] + at[11][1]), abs=1e-6)


def test_finds_what_blender_itself_keyed(built: HeadObjects) -> None:
    keys = built.head.data.shape_keys
    keys.key_blocks["jawOpen"].keyframe_insert("value", frame=3)
    built.head.keyframe_insert("location", frame=1)
    assert [curve.data_path for curve in fcurves_of(keys)] == [PATH]
    assert [curve.array_index for curve in fcurves_of(built.head)] == [0, 1, 2]
    assert find_fcurve(built.head, "location", 2).array_index == 2
    assert ensure_fcurve(keys, PATH).keyframe_points[0].co[0] == 3


def test_remove(built: HeadObjects) -> None:
    keys = built.head.data.shape_keys
    ensure_fcurve(keys, 'key_blocks["mouthLeft"].value')
    remove_fcurve(keys, ensure_fcurve(keys, 'key_blocks["mouthRight"].value'))
    assert [curve.data_path for curve in fcurves_of(keys)] == ['key_blocks["mouthLeft"].value']
    foreign = ensure_fcurve(built.head, "location", 1)
    with pytest.raises(ValueError, match="not a curve of"):
        remove_fcurve(keys, foreign)


def test_two_wearers_of_one_action_have_their_own_curves_where_there_are_slots(built: HeadObjects) -> None:
    first = built.head.data.shape_keys
    curve = ensure_fcurve(first, PATH)
    set_keys(curve, [1], [0.25])
    copy = built.head.copy()
    copy.data = built.head.data.copy()
    bpy.context.scene.collection.objects.link(copy)
    second = copy.data.shape_keys
    assert second != first
    other = ensure_fcurve(second, 'key_blocks["mouthLeft"].value')
    assert other in fcurves_of(second)
    assert first.animation_data.action is not None
    assert find_fcurve(first, PATH).keyframe_points[0].co[1] == 0.25


def test_action_without_wearer(built: HeadObjects) -> None:
    action = bpy.data.actions.new("Pose")
    assert curves_in_action(action, "KEY") == []
    curve = add_to_action(action, "KEY", PATH)
    set_keys(curve, [1], [0.75])
    add_to_action(action, "KEY", 'key_blocks["mouthLeft"].value')
    assert [c.data_path for c in curves_in_action(action, "KEY")] == [PATH, 'key_blocks["mouthLeft"].value']
    assert curves_in_action(action, "OBJECT") == []
    keys = built.head.data.shape_keys
    keys.animation_data_create().action = action
    bpy.context.scene.frame_set(5)
    if keys.animation_data.action is not None and not fcurves_of(keys):
        keys.animation_data.action_slot = action.slots[0]
        bpy.context.scene.frame_set(6)
    assert keys.key_blocks["jawOpen"].value == pytest.approx(0.75)


def test_linked_action_is_refused(built: HeadObjects, tmp_path: Path) -> None:
    action = bpy.data.actions.new("Shared")
    set_keys(add_to_action(action, "KEY", PATH), [1], [0.5])
    library = tmp_path / "library.blend"
    bpy.data.libraries.write(str(library), {action})
    bpy.data.actions.remove(action)
    with bpy.data.libraries.load(str(library), link=True) as (source, target):
        target.actions = source.actions
    keys = built.head.data.shape_keys
    keys.animation_data_create().action = target.actions[0]
    if hasattr(keys.animation_data, "action_slot"):
        keys.animation_data.action_slot = target.actions[0].slots[0]
    with pytest.raises(AnimationLocked, match="linked"):
        ensure_fcurve(keys, 'key_blocks["mouthLeft"].value')
    with pytest.raises(AnimationLocked, match="linked"):
        remove_fcurve(keys, fcurves_of(keys)[0])
