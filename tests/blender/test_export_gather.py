"""A head is read whatever state it is in, and the scene is afterwards as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import bpy
import numpy as np
import pytest
from readback import animate, key_offsets, positions, shape_values

from blender_addon.exporting.gather import CannotExport, gather, left_out
from blender_addon.exporting.sample import Range
from blender_addon.exporting.snapshot import Snapshot
from blender_addon.scene.build import HeadObjects

FRAMES = range(1, 12)


def take(built: HeadObjects, which: Range = Range.SCENE) -> Snapshot:
    return gather(built.head, bpy.context.scene, which)


def state() -> dict[str, object]:
    """What an export must not change."""
    scene, layer = bpy.context.scene, bpy.context.view_layer
    return {
        "frame": (scene.frame_current, scene.frame_start, scene.frame_end),
        "active": layer.objects.active, "selected": {obj.name for obj in layer.objects if obj.select_get()},
        "mode": bpy.context.mode, "scene": bpy.context.scene,
        "data": {
            kind: sorted(getattr(bpy.data, kind).keys())
            for kind in ("scenes", "objects", "meshes", "armatures", "actions", "materials", "images", "shape_keys")
        },
        "values": {keys.name: [round(key.value, 6) for key in keys.key_blocks] for keys in bpy.data.shape_keys},
        "places": {
            obj.name: [round(value, 6) for value in (*obj.location, *obj.rotation_euler)]
            for obj in bpy.data.objects
        },
    }  # fmt: skip


@contextmanager
def unchanged() -> Iterator[None]:
    before = state()
    yield
    assert state() == before


def hidden(built: HeadObjects) -> None:
    built.head.hide_set(True)
    built.armature.hide_set(True)


def disabled(built: HeadObjects) -> None:
    built.head.hide_viewport = built.armature.hide_viewport = True


def excluded(built: HeadObjects) -> None:
    bpy.context.view_layer.layer_collection.children[built.collection.name].exclude = True


def edited(built: HeadObjects) -> None:
    bpy.context.view_layer.objects.active = built.head
    bpy.ops.object.mode_set(mode="EDIT")


def posed(built: HeadObjects) -> None:
    bpy.context.view_layer.objects.active = built.armature
    bpy.ops.object.mode_set(mode="POSE")


def subdivided(built: HeadObjects) -> None:
    built.head.modifiers.new("Smooth", "SUBSURF").levels = 2


def ordered_before(built: HeadObjects) -> None:
    built.head.modifiers.new("Thick", "SOLIDIFY")
    built.head.modifiers.move(1, 0)


@pytest.mark.parametrize("change", [hidden, disabled, excluded, edited, posed, subdivided, ordered_before])
def test_the_state_of_the_head_does_not_matter(change: Callable[[HeadObjects], None], built: HeadObjects) -> None:
    wanted, offsets = positions(built.head), key_offsets(built.head)
    animate(built)
    jaw = shape_values(built.head, "jawOpen", FRAMES)
    bpy.context.scene.frame_set(4)
    change(built)
    with unchanged():
        snapshot = take(built)
    assert np.array_equal(snapshot.basis, wanted)
    for k, name in enumerate(snapshot.channels):
        assert snapshot.offsets[k] == pytest.approx(offsets[name], abs=1e-7)
    assert snapshot.frames.tolist() == list(FRAMES)
    assert snapshot.curves[:, snapshot.channels.index("jawOpen")] == pytest.approx(jaw, abs=1e-6)
    turned = snapshot.bone_curves[-1, snapshot.bones.index("jaw")]
    assert np.arccos((np.trace(turned[:3, :3]) - 1.0) / 2.0) == pytest.approx(0.3, abs=1e-5)
    assert left_out(built.head) == {subdivided: ["Smooth"], ordered_before: ["Thick"]}.get(change, [])


def test_sculpted_and_extra_keys_are_taken_as_they_act(built: HeadObjects) -> None:
    """A key on another key counts from that; a key with a vertex group acts only there; a muted one is still."""
    keys = built.head.data.shape_keys.key_blocks
    smile = keys["mouthSmileLeft"]
    smile.data[7].co.z += 0.01
    on_smile = built.head.shape_key_add(name="dimple", from_mix=False)
    on_smile.relative_key = smile
    for k in range(len(on_smile.data)):
        on_smile.data[k].co = smile.data[k].co
    on_smile.data[3].co.x += 0.02
    masked = built.head.shape_key_add(name="masked", from_mix=False)
    for k in (5, 6):
        masked.data[k].co.y += 0.03
    built.head.vertex_groups.new(name="here").add([5], 0.5, "REPLACE")
    masked.vertex_group = "here"
    keys["jawOpen"].value, keys["jawOpen"].mute = 0.7, True
    snapshot = take(built)
    assert snapshot.channels[-2:] == ("dimple", "masked") and len(snapshot.channels) == 54
    assert abs(snapshot.offsets[-2]).sum() == pytest.approx(0.02, abs=1e-6)
    assert snapshot.offsets[-1, [5, 6], 1] == pytest.approx([0.015, 0.0], abs=1e-7)
    assert snapshot.values[snapshot.channels.index("jawOpen")] == 0.0


def test_drivers_and_strips_are_baked_without_touching_the_scene(built: HeadObjects) -> None:
    """A channel driven by the armature's place; another one by a strip."""
    key = built.head.data.shape_keys.key_blocks["mouthSmileLeft"]
    driver = key.driver_add("value").driver
    driver.type = "SUM"
    variable = driver.variables.new()
    target = variable.targets[0]
    target.id, target.data_path = built.armature, "location[0]"
    for frame, x in ((1, 0.0), (11, 1.0)):
        built.armature.location.x = x
        built.armature.keyframe_insert("location", index=0, frame=frame)
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = 1, 11
    values = shape_values(built.head, "mouthSmileLeft", FRAMES)
    bpy.context.scene.frame_set(6)
    built.armature.location.x = 0.123  # moved, and not keyed
    hidden(built)
    with unchanged():
        snapshot = take(built)
    assert snapshot.curves[:, snapshot.channels.index("mouthSmileLeft")] == pytest.approx(values, abs=1e-6)
    assert 0.2 < values[5] < 0.8
    assert snapshot.world_curve[[0, -1], 0, 3] == pytest.approx([0.0, 1.0])


def test_strips_play(built: HeadObjects) -> None:
    animate(built)
    values = shape_values(built.head, "jawOpen", FRAMES)
    data = built.head.data.shape_keys.animation_data
    track = data.nla_tracks.new()
    track.strips.new("take", 1, data.action)
    data.action = None
    assert take(built).curves[:, 17] == pytest.approx(values, abs=1e-5)


def test_constraints_on_bones_are_baked(built: HeadObjects) -> None:
    target = bpy.data.objects.new("Target", None)
    bpy.context.scene.collection.objects.link(target)
    copy = built.armature.pose.bones["head"].constraints.new("COPY_ROTATION")
    copy.target = target
    copy.target_space = copy.owner_space = "WORLD"
    for frame, angle in ((1, 0.0), (11, 0.4)):
        target.rotation_euler = (0.0, 0.0, angle)
        target.keyframe_insert("rotation_euler", frame=frame)
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = 1, 11
    bones = take(built).bone_curves[:, list(built.armature.data.bones.keys()).index("head")]
    first, last = (np.array(matrix[:3, :3]) for matrix in (bones[0], bones[-1]))
    turn = np.arccos((np.trace(first.T @ last) - 1.0) / 2.0)
    assert turn == pytest.approx(0.4, abs=1e-3)


def test_ranges(built: HeadObjects) -> None:
    assert len(take(built).frames) == 0  # nothing moves
    animate(built)
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = 5, 30
    assert take(built).frames.tolist() == list(range(5, 31))
    assert take(built, Range.KEYS).frames.tolist() == list(FRAMES)
    assert take(built, Range.NONE).frames.tolist() == [] and not take(built, Range.NONE).animated


def test_a_head_without_keys_or_armature_is_refused(built: HeadObjects) -> None:
    bpy.data.objects.remove(built.armature)
    with pytest.raises(CannotExport, match="has lost its armature"):
        take(built)
    built.head.shape_key_clear()
    with pytest.raises(CannotExport, match="has no shape keys"):
        take(built)
