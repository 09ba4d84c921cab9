"""The 20 key expressions on a head: as poses, and as assets that fit every head."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest

import blender_addon
from blender_addon.backend_door import ARKIT_NAMES, FaceError, Head, OutputUnwritable
from blender_addon.expressions.key_poses import POSES
from blender_addon.heads import shape_keys
from blender_addon.scene.build import HeadObjects, build_head
from blender_addon.scene.curves import curves_in_action, find_fcurve, set_keys
from blender_addon.scene.expression import weights_of
from blender_addon.scene.links import link_sides, value_path
from blender_addon.scene.pose_assets import (
    CATALOG_FILE,
    CATALOG_ID,
    MARK,
    NotAnExpression,
    make_pose_assets,
    read_expression,
    read_from_library,
    write_catalog,
)


@pytest.fixture
def rig(empty: None) -> Iterator[None]:
    blender_addon.register()
    yield
    blender_addon.unregister()


def shown(head: bpy.types.Object) -> dict[str, float]:
    bpy.context.view_layer.update()
    return {name: round(value, 5) for name, value in weights_of(head).items() if value}


def test_every_key_expression_is_one_click(rig: None, built: HeadObjects) -> None:
    for name, pose in POSES.items():
        assert bpy.ops.facewright.apply_key_expression(expression=name) == {"FINISHED"}
        assert shown(built.head) == pose, name


def test_strength_and_adding(rig: None, built: HeadObjects) -> None:
    apply = bpy.ops.facewright.apply_key_expression
    apply(expression="jaw_left", strength=0.5)
    assert shown(built.head) == {"jawLeft": 0.5, "mouthLeft": 0.15}
    apply(expression="mouth_left", mode="ADD")
    assert shown(built.head) == {"jawLeft": 0.5, "mouthLeft": 1.0}
    apply(expression="jaw_forward", strength=1.5, mode="ADD")
    assert shown(built.head) == {"jawLeft": 0.5, "mouthLeft": 1.0, "jawForward": 1.0}
    apply(expression="neutral", mode="ADD")
    assert len(shown(built.head)) == 3
    apply(expression="neutral")
    assert shown(built.head) == {}


def test_linked_head_and_auto_keying(rig: None, built: HeadObjects) -> None:
    link_sides(built.head)
    tools = bpy.context.scene.tool_settings
    tools.use_keyframe_insert_auto = True
    bpy.context.preferences.edit.use_keyframe_insert_available = False  # on by default in 5.2
    bpy.context.scene.frame_set(4)
    bpy.ops.facewright.apply_key_expression(expression="smile")
    tools.use_keyframe_insert_auto = False
    assert shown(built.head) == POSES["smile"]
    keys = built.head.data.shape_keys
    assert tuple(find_fcurve(keys, value_path("mouthSmileLeft")).keyframe_points[0].co) == pytest.approx((4.0, 0.9))
    assert find_fcurve(keys, value_path("mouthSmileRight")) is None


def test_assets(built: HeadObjects) -> None:
    picture = np.zeros((8, 6, 4), np.float32)
    picture[..., 1] = picture[..., 3] = 1.0
    actions = make_pose_assets({"smile": picture})
    assert [action[MARK] for action in actions] == list(POSES)
    for action in actions:
        assert len(curves_in_action(action, "KEY")) == 52
        assert action.asset_data.catalog_id == CATALOG_ID and "facewright" in action.asset_data.tags
        held = read_expression(action)
        assert list(held) == list(ARKIT_NAMES)
        assert {n: round(v, 5) for n, v in held.items() if v} == POSES[action[MARK]]
    smile = actions[list(POSES).index("smile")]
    assert tuple(smile.preview.image_size) == (6, 8)
    # A second time nothing is doubled, and what was changed is made good.
    set_keys(curves_in_action(smile, "KEY")[0], [1, 20], [1.0, 1.0])
    smile.name = "My smile"
    assert make_pose_assets() == actions and smile.name == "My smile"
    assert read_expression(smile)["eyeBlinkLeft"] == 0.0


def test_assets_fit_every_head(rig: None, built: HeadObjects, head: Head) -> None:
    make_pose_assets()
    second = build_head(head, bpy.context.scene.collection, "Other").head
    bpy.context.view_layer.objects.active = second
    assert bpy.ops.facewright.apply_pose_asset(action="Facewright Grin") == {"FINISHED"}
    assert shown(second) == POSES["grin"] and shown(built.head) == {}
    # An action can also be worn, as in the Shape Key editor.
    keys = built.head.data.shape_keys
    keys.animation_data_create().action = bpy.data.actions["Facewright Smile"]
    if hasattr(keys.animation_data, "action_slot") and keys.animation_data.action_slot is None:
        keys.animation_data.action_slot = keys.animation_data.action_suitable_slots[0]
    bpy.context.scene.frame_set(2)
    assert shown(built.head) == POSES["smile"]


def test_photo_expression_action_is_a_pose_too(rig: None, built: HeadObjects) -> None:
    bpy.ops.facewright.apply_pose_asset(action=built.photo_expression.name, strength=0.5)
    assert shown(built.head)["mouthSmileLeft"] == 0.25


def test_actions_without_an_expression_are_refused(rig: None, built: HeadObjects) -> None:
    built.armature.keyframe_insert("location", frame=1)
    action = built.armature.animation_data.action
    with pytest.raises(NotAnExpression, match="no shape keys"):
        read_expression(action)
    with pytest.raises(RuntimeError, match="no shape keys"):
        bpy.ops.facewright.apply_pose_asset(action=action.name)
    with pytest.raises(RuntimeError, match="no action called"):
        bpy.ops.facewright.apply_pose_asset(action="nowhere")
    with pytest.raises(RuntimeError, match="Choose an action"):
        bpy.ops.facewright.apply_pose_asset()
    assert shown(built.head) == {}


def test_operator_writes_the_catalog_beside_the_file(rig: None, built: HeadObjects, tmp_path: Path) -> None:
    assert bpy.ops.facewright.make_pose_assets() == {"FINISHED"}
    assert not list(tmp_path.iterdir())
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "heads.blend"))
    bpy.ops.facewright.make_pose_assets()
    text = (tmp_path / CATALOG_FILE).read_text(encoding="utf-8")
    assert "VERSION 1\n" in text
    assert text.endswith(f"{CATALOG_ID}:Facewright/Key expressions:Facewright-Key expressions\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == [CATALOG_FILE, "heads.blend"]


def test_catalog_keeps_other_catalogs(tmp_path: Path) -> None:
    path = tmp_path / CATALOG_FILE
    theirs = "VERSION 1\n\n2b9a6c1e-0000-4000-8000-000000000000:Poses/Hands:Poses-Hands"
    path.write_text(theirs, encoding="utf-8")
    write_catalog(tmp_path)
    once = path.read_text(encoding="utf-8")
    assert once.startswith(theirs + "\n") and once.count(CATALOG_ID) == 1
    write_catalog(tmp_path)
    assert path.read_text(encoding="utf-8") == once
    with pytest.raises(OutputUnwritable, match="asset catalog"):
        write_catalog(tmp_path / "missing")


def test_poses_do_not_touch_own_shapes_when_added(rig: None, built: HeadObjects) -> None:
    built.head.shape_key_add(name="Scar").value = 0.5
    bpy.ops.facewright.apply_key_expression(expression="smile", mode="ADD")
    assert shape_keys(built.head)["Scar"].value == 0.5


def test_asset_of_another_file_leaves_nothing_behind(built: HeadObjects, tmp_path: Path) -> None:
    library = tmp_path / "poses.blend"
    grin = next(action for action in make_pose_assets() if action[MARK] == "grin")
    name = grin.name
    bpy.data.libraries.write(str(library), {grin}, fake_user=True)
    before = list(bpy.data.actions)
    held = read_from_library(library, name)
    assert {n: round(v, 5) for n, v in held.items() if v} == POSES["grin"]
    assert list(bpy.data.actions) == before and not bpy.data.libraries
    with pytest.raises(FaceError, match="no action called"):
        read_from_library(library, "nothing")
    with pytest.raises(FaceError, match="cannot be read"):
        read_from_library(tmp_path / "missing.blend", name)
