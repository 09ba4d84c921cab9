"""Linked sides: drivers that let the right side follow the left, made, read and taken away."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest
from readback import evaluated

from blender_addon.expressions.sides import LEADER_OF
from blender_addon.heads import is_head, shape_keys
from blender_addon.scene.build import HeadObjects
from blender_addon.scene.curves import ensure_fcurve, find_fcurve, set_keys
from blender_addon.scene.links import (
    NotLinkable,
    driven,
    is_linked,
    link_sides,
    links,
    name_of_path,
    unlink_sides,
    value_path,
)

LEFT, RIGHT = "mouthSmileLeft", "mouthSmileRight"


def at_frame(frame: int) -> None:
    bpy.context.scene.frame_set(frame)
    bpy.context.view_layer.update()


def test_right_follows_left(built: HeadObjects, capfd: pytest.CaptureFixture[str]) -> None:
    head, keys = built.head, built.head.data.shape_keys
    assert not is_linked(head)
    assert link_sides(head) == (18, ()) and link_sides(head) == (18, ())  # a second time changes nothing
    assert links(keys) == LEADER_OF and is_linked(head)
    blocks = shape_keys(head)
    blocks[LEFT].value, blocks["eyeLookInLeft"].value = 0.625, 0.25
    bpy.context.view_layer.update()
    assert blocks[RIGHT].value == 0.625
    assert blocks["eyeLookOutRight"].value == 0.25 and blocks["eyeLookInRight"].value == 0.0
    assert "cycle" not in "".join(capfd.readouterr()).lower()
    for curve in driven(keys).values():
        assert curve.driver.is_valid and curve.driver.type == "SUM"
        assert curve.driver.variables[0].targets[0].id == keys


def test_the_mesh_follows(built: HeadObjects) -> None:
    blocks = shape_keys(built.head)
    blocks[LEFT].value = blocks[RIGHT].value = 0.5
    bpy.context.view_layer.update()
    wanted = evaluated(built.head)
    blocks[LEFT].value = blocks[RIGHT].value = 0.0
    link_sides(built.head)
    blocks[LEFT].value = 0.5
    bpy.context.view_layer.update()
    assert evaluated(built.head) == pytest.approx(wanted, abs=1e-7)


def test_the_only_posed_side_is_kept(built: HeadObjects) -> None:
    blocks = shape_keys(built.head)
    blocks[RIGHT].value, blocks["browDownLeft"].value, blocks["browDownRight"].value = 0.75, 0.25, 0.5
    link_sides(built.head)
    bpy.context.view_layer.update()
    assert (blocks[LEFT].value, blocks[RIGHT].value) == (0.75, 0.75)
    assert (blocks["browDownLeft"].value, blocks["browDownRight"].value) == (0.25, 0.25)


def test_animation_of_one_side_moves_to_the_leader(built: HeadObjects) -> None:
    keys, blocks = built.head.data.shape_keys, shape_keys(built.head)
    set_keys(ensure_fcurve(keys, value_path(RIGHT)), [1, 11], [0.0, 1.0], "LINEAR")
    set_keys(ensure_fcurve(keys, value_path("browDownLeft")), [1, 11], [0.5, 0.75], "LINEAR")
    set_keys(ensure_fcurve(keys, value_path("browDownRight")), [1, 11], [0.0, 0.0], "LINEAR")
    link_sides(built.head)
    assert find_fcurve(keys, value_path(RIGHT)) is None
    assert find_fcurve(keys, value_path("browDownRight")) is None
    at_frame(6)
    assert blocks[LEFT].value == pytest.approx(0.5) == blocks[RIGHT].value
    assert blocks["browDownRight"].value == pytest.approx(0.625)


def test_unlinking_leaves_every_frame_as_it_was(built: HeadObjects) -> None:
    keys, blocks = built.head.data.shape_keys, shape_keys(built.head)
    link_sides(built.head)
    curve = ensure_fcurve(keys, value_path(LEFT))
    set_keys(curve, [1, 8, 20], [0.0, 1.0, 0.25])
    curve.keyframe_points[1].handle_right_type = "FREE"
    curve.keyframe_points[1].handle_right = (12.0, 0.125)
    curve.keyframe_points[0].easing, curve.keyframe_points[0].interpolation = "EASE_IN", "BOUNCE"
    curve.modifiers.new("CYCLES").cycles_after = 2
    blocks["browDownLeft"].value = 0.375
    before = {}
    for frame in range(0, 50, 3):
        at_frame(frame)
        before[frame] = evaluated(built.head)
    assert unlink_sides(built.head) == 18
    assert links(keys) == {} and len(keys.animation_data.drivers) == 0
    for frame, shape in before.items():
        at_frame(frame)
        assert np.abs(evaluated(built.head) - shape).max() < 1e-6, frame
    assert blocks["browDownRight"].value == 0.375
    copy = find_fcurve(keys, value_path(RIGHT))
    assert copy.modifiers[0].cycles_after == 2 and copy != find_fcurve(keys, value_path(LEFT))
    blocks["browDownLeft"].value = 0.0
    bpy.context.view_layer.update()
    assert blocks["browDownRight"].value == 0.375
    assert unlink_sides(built.head) == 0


def test_own_drivers_stay(built: HeadObjects) -> None:
    keys = built.head.data.shape_keys
    own = keys.driver_add(value_path(RIGHT)).driver
    own.type = "AVERAGE"
    backwards = keys.driver_add(value_path("browDownLeft")).driver
    backwards.type = "SUM"
    variable = backwards.variables.new()
    variable.type = "SINGLE_PROP"
    variable.targets[0].id_type, variable.targets[0].id = "KEY", keys
    variable.targets[0].data_path = value_path("browDownRight")
    report = link_sides(built.head)
    assert report.linked == 16 and set(report.skipped) == {RIGHT, "browDownRight"}
    assert driven(keys)[RIGHT].driver.type == "AVERAGE"
    assert unlink_sides(built.head) == 16
    assert set(driven(keys)) == {RIGHT, "browDownLeft"}


def test_links_survive_saving(built: HeadObjects, tmp_path: Path) -> None:
    link_sides(built.head)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "linked.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "linked.blend"), use_scripts=False)
    head = next(obj for obj in bpy.data.objects if is_head(obj))
    assert links(head.data.shape_keys) == LEADER_OF
    shape_keys(head)[LEFT].value = 0.875
    bpy.context.view_layer.update()
    assert shape_keys(head)[RIGHT].value == 0.875


def test_head_without_pairs(built: HeadObjects) -> None:
    for name in list(shape_keys(built.head)):
        if name != "jawOpen":
            built.head.shape_key_remove(shape_keys(built.head)[name])
    with pytest.raises(NotLinkable, match="no pairs"):
        link_sides(built.head)
    built.head.shape_key_clear()
    assert not is_linked(built.head)
    with pytest.raises(NotLinkable, match="no pairs"):
        unlink_sides(built.head)


def test_paths() -> None:
    assert name_of_path(value_path('a "quoted" \\ name')) == 'a "quoted" \\ name'
    assert name_of_path("location") is None and name_of_path('key_blocks["x"].slider_max') is None
