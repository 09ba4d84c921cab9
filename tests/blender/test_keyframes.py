"""Keyframes for all, changed or some expressions: set, deleted, cleared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest

import blender_addon
from blender_addon.expressions.table import REGION_OF, region_names
from blender_addon.heads import shape_keys
from blender_addon.scene.build import HeadObjects
from blender_addon.scene.curves import (
    AnimationLocked,
    add_to_action,
    ensure_fcurve,
    fcurves_of,
    find_fcurve,
    set_keys,
)
from blender_addon.scene.expression import pose
from blender_addon.scene.keyframes import auto_key, changed_names, clear_animation, delete_keys, insert_keys
from blender_addon.scene.links import link_sides, name_of_path, value_path

LEFT, RIGHT = "mouthSmileLeft", "mouthSmileRight"


@pytest.fixture
def rig(empty: None) -> Iterator[None]:
    blender_addon.register()
    yield
    blender_addon.unregister()


def keyed(head: bpy.types.Object) -> dict[str, list[float]]:
    """Frames of the keys of each blendshape."""
    curves = fcurves_of(head.data.shape_keys)
    return {name_of_path(curve.data_path): [point.co[0] for point in curve.keyframe_points] for curve in curves}


def test_key_all_then_changed(rig: None, built: HeadObjects) -> None:
    scene = bpy.context.scene
    scene.frame_set(1)
    assert bpy.ops.facewright.key_expressions(which="ALL") == {"FINISHED"}
    assert keyed(built.head) == {name: [1.0] for name in REGION_OF}
    scene.frame_set(11)
    pose(built.head, {LEFT: 0.5})
    assert changed_names(built.head, 11.0) == [LEFT]
    bpy.ops.facewright.key_expressions(which="CHANGED")
    assert keyed(built.head) == {name: [1.0] for name in REGION_OF} | {LEFT: [1.0, 11.0]}
    assert changed_names(built.head, 11.0) == []
    scene.frame_set(1)
    scene.frame_set(11)
    assert shape_keys(built.head)[LEFT].value == pytest.approx(0.5)


def test_changed_without_animation_means_not_zero(built: HeadObjects) -> None:
    pose(built.head, {"jawOpen": 0.25})
    assert changed_names(built.head, 1.0) == ["jawOpen"]
    assert insert_keys(built.head, changed_names(built.head, 1.0), 1.0) == 1
    pose(built.head, {"jawOpen": 0.0})
    assert changed_names(built.head, 1.0) == ["jawOpen"]  # back at 0, but its curve says otherwise


def test_key_a_region(rig: None, built: HeadObjects) -> None:
    bpy.ops.facewright.key_expressions(region="BROWS")
    assert set(keyed(built.head)) == set(region_names("BROWS"))


def test_linked_and_driven_expressions(built: HeadObjects) -> None:
    link_sides(built.head)
    built.head.data.shape_keys.driver_add(value_path("jawOpen")).driver.type = "AVERAGE"
    assert insert_keys(built.head, [LEFT, RIGHT, "jawOpen", "noSuchShape"], 1.0) == 1
    assert set(keyed(built.head)) == {LEFT}
    assert delete_keys(built.head, [RIGHT], 1.0) == 1
    assert keyed(built.head) == {}


def test_delete_here(rig: None, built: HeadObjects) -> None:
    keys = built.head.data.shape_keys
    set_keys(ensure_fcurve(keys, value_path(LEFT)), [1, 5, 9], [0, 1, 0])
    set_keys(ensure_fcurve(keys, value_path("jawOpen")), [5], [1])
    bpy.context.scene.frame_set(5)
    assert bpy.ops.facewright.delete_keys() == {"FINISHED"}
    assert keyed(built.head) == {LEFT: [1.0, 9.0]}
    assert delete_keys(built.head, [LEFT], 5.0) == 0


def test_clear_keeps_the_look_and_what_is_not_asked_for(rig: None, built: HeadObjects) -> None:
    keys = built.head.data.shape_keys
    built.head.shape_key_add(name="Scar")
    for name in (LEFT, "jawOpen", "Scar"):
        set_keys(ensure_fcurve(keys, value_path(name)), [1, 11], [0.0, 1.0], "LINEAR")
    set_keys(ensure_fcurve(keys, "eval_time"), [1], [0.0])
    bpy.context.scene.frame_set(6)
    assert clear_animation(built.head, ["jawOpen"]) == 1
    assert set(keyed(built.head)) == {LEFT, "Scar", None}
    assert bpy.ops.facewright.clear_animation() == {"FINISHED"}
    assert {c.data_path for c in fcurves_of(keys)} == {value_path("Scar"), "eval_time"}
    bpy.context.scene.frame_set(11)
    blocks = shape_keys(built.head)
    assert (blocks[LEFT].value, blocks["jawOpen"].value, blocks["Scar"].value) == pytest.approx((0.5, 0.5, 1.0))


def test_clearing_the_last_curve_takes_the_action_off(built: HeadObjects) -> None:
    keys = built.head.data.shape_keys
    insert_keys(built.head, REGION_OF, 1.0)
    assert clear_animation(built.head, REGION_OF) == 52
    assert keys.animation_data.action is None and clear_animation(built.head, REGION_OF) == 0


def test_operators_on_animation_need_some(rig: None, built: HeadObjects) -> None:
    for operator in (bpy.ops.facewright.delete_keys, bpy.ops.facewright.clear_animation):
        with pytest.raises(RuntimeError, match="no keyframes"):
            operator()


def test_auto_keying_follows_its_settings(built: HeadObjects) -> None:
    scene, edit = bpy.context.scene, bpy.context.preferences.edit
    scene.frame_set(3)
    tools = scene.tool_settings
    assert auto_key(bpy.context, built.head, [LEFT]) == 0
    tools.use_keyframe_insert_auto, tools.auto_keying_mode = True, "REPLACE_KEYS"
    assert auto_key(bpy.context, built.head, [LEFT]) == 0 and keyed(built.head) == {}
    tools.auto_keying_mode = "ADD_REPLACE_KEYS"
    edit.use_keyframe_insert_available = True
    assert auto_key(bpy.context, built.head, [LEFT]) == 0
    edit.use_keyframe_insert_available = False
    assert auto_key(bpy.context, built.head, [LEFT]) == 1 and keyed(built.head) == {LEFT: [3.0]}


def test_linked_action_is_one_sentence(rig: None, built: HeadObjects, tmp_path: Path) -> None:
    action = bpy.data.actions.new("Shared")
    set_keys(add_to_action(action, "KEY", value_path(LEFT)), [1], [0.5])
    bpy.data.libraries.write(str(tmp_path / "library.blend"), {action})
    bpy.data.actions.remove(action)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (source, target):
        target.actions = source.actions
    keys = built.head.data.shape_keys
    keys.animation_data_create().action = target.actions[0]
    if hasattr(keys.animation_data, "action_slot"):
        keys.animation_data.action_slot = target.actions[0].slots[0]
    for act in (insert_keys, delete_keys):
        with pytest.raises(AnimationLocked):
            act(built.head, [LEFT], 1.0)
    with pytest.raises(AnimationLocked, match="linked"):
        clear_animation(built.head, [LEFT])
    with pytest.raises(RuntimeError, match="linked"):
        bpy.ops.facewright.key_expressions()
    assert find_fcurve(keys, value_path(LEFT)).keyframe_points[0].co[1] == 0.5
