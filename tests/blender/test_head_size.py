"""The head's size: what the record says, and a change of it that leaves everything else in proportion."""

from __future__ import annotations

from collections.abc import Iterator

import bpy
import numpy as np
import pytest
from facewright.face_model.base import ARKIT_NAMES
from mathutils import Matrix, Vector
from readback import evaluated, key_positions, positions

import blender_addon
from blender_addon.backend_door import Head
from blender_addon.heads import parts_of, record_of
from blender_addon.panels.result import size_sentence
from blender_addon.scene.build import HeadObjects, build_head
from blender_addon.scene.curves import fcurves_of
from blender_addon.scene.record import head_height_mm
from blender_addon.scene.resize import HEIGHT, PUPILS, SizeFixed, resize, set_size, size, why_fixed

FACTOR = 1.0625  # a sum of powers of two: floats take it exactly


@pytest.fixture
def addon(empty: None) -> Iterator[None]:
    blender_addon.register()
    yield
    blender_addon.unregister()


@pytest.fixture
def built(addon: None, head: Head) -> HeadObjects:
    objects = build_head(head, bpy.context.scene.collection)
    bpy.context.view_layer.objects.active = objects.head
    bpy.context.view_layer.update()
    return objects


def picture(objects: HeadObjects) -> np.ndarray:
    """(V, 2) where the head's vertices, posed, stand in the photo's camera, in units of the focal length."""
    bpy.context.view_layer.update()
    camera = np.linalg.inv(np.array(objects.camera.matrix_world))
    points = evaluated(objects.head) @ camera[:3, :3].T + camera[:3, 3]
    return points[:, :2] / points[:, 2:]


def test_record_says_the_size(built: HeadObjects) -> None:
    assert size(built.head, PUPILS) == pytest.approx(0.064)
    built.armature.scale = (2.0, 2.0, 2.0)
    bpy.context.view_layer.update()
    assert size(built.head, PUPILS) == pytest.approx(0.128)


def test_head_height(head: Head) -> None:
    """Chin to crown: the crown is the highest point of the skin, the chin where its profile turns downwards."""
    round_chin = np.stack([np.zeros(91), -80 - 20 * np.sin(np.radians(range(91))),
                           20 * np.cos(np.radians(range(91)))], 1)  # fmt: skip
    skin = np.unique(head.quads[head.material == head.material_names.index("skin")])
    neutral = head.neutral.copy()
    neutral[skin[:91]] = round_chin
    with_chin = head._replace(neutral=neutral, regions={**head.regions, "chin": skin[:91]})
    assert head_height_mm(with_chin) == pytest.approx(neutral[skin, 1].max() + 80 + 20 * np.sqrt(0.5), abs=0.3)
    assert 100.0 < head_height_mm(head) < 250.0  # a model that does not name its chin


def test_everything_grows(built: HeadObjects) -> None:
    """With a posed, animated, sculpted head beside the origin: the camera's picture does not change at all."""
    keys = built.head.data.shape_keys
    extra = built.head.shape_key_add(name="Scar", from_mix=False)
    sculpted = key_positions(extra)
    sculpted[:40] += 0.01
    extra.points.foreach_set("co", sculpted.ravel())
    extra.value = keys.key_blocks["jawOpen"].value = 0.5
    built.armature.location = (0.35, 0.0, 1.0)
    built.armature.rotation_euler = (0.0, 0.1, 0.4)
    built.armature.keyframe_insert("location", frame=1)
    bone = built.armature.pose.bones["head"]
    for frame, place in ((1, (0.0, 0.0, 0.0)), (11, (0.01, 0.02, 0.03))):
        bone.location = place
        bone.keyframe_insert("location", frame=frame)
    bpy.context.scene.frame_set(6)
    shapes = {key.name: key_positions(key) for key in keys.key_blocks}
    ends = {b.name: (b.head_local.copy(), b.tail_local.copy(), b.matrix_local.to_3x3().copy())
            for b in built.armature.data.bones}  # fmt: skip
    before, seen = evaluated(built.head), picture(built)

    assert bpy.ops.facewright.set_size(measure="PUPILS", length=0.064 * FACTOR) == {"FINISHED"}

    for key in keys.key_blocks:
        assert (key_positions(key) == shapes[key.name] * np.float32(FACTOR)).all(), key.name
    assert (positions(built.head) == shapes["Basis"] * np.float32(FACTOR)).all()
    for b in built.armature.data.bones:
        assert (b.head_local - ends[b.name][0] * FACTOR).length < 1e-7
        assert (b.tail_local - ends[b.name][1] * FACTOR).length < 1e-7
        assert np.array(b.matrix_local.to_3x3()) == pytest.approx(np.array(ends[b.name][2]), abs=1e-5)
    for frame in (6, 11, 6):
        bpy.context.scene.frame_set(frame)
    origin = np.array(built.armature.matrix_world.translation)
    assert evaluated(built.head) - origin == pytest.approx((before - origin) * FACTOR, abs=2e-7)
    assert picture(built) == pytest.approx(seen, abs=2e-6)
    for obj in parts_of(built.head):
        assert tuple(obj.scale) == pytest.approx((1.0, 1.0, 1.0), abs=1e-6)
    assert tuple(built.armature.location) == pytest.approx((0.35, 0.0, 1.0)), "the head stays where it stands"
    curves = {curve.data_path: curve for curve in fcurves_of(built.armature)}
    assert curves["location"].evaluate(1) == pytest.approx(1.0)
    (moved,) = [c for c in fcurves_of(built.armature) if c.data_path.endswith("].location") and c.array_index == 2]
    assert [point.co.y for point in moved.keyframe_points] == pytest.approx([0.0, 0.03 * FACTOR])


def test_record_follows_on_all_parts(built: HeadObjects) -> None:
    before = record_of(built.head)
    set_size(built.head, HEIGHT, size(built.head, HEIGHT) * 1.1)
    for part in parts_of(built.head):
        record = part["facewright"].to_dict()
        assert record["size_factor"] == pytest.approx(1.1)
        assert record["scale"]["pupils_mm"] == pytest.approx(64.0 * 1.1)
        assert record["scale"]["relative_sd"] == 0.0
        assert record["translation_mm"] == pytest.approx([1.1 * value for value in before["translation_mm"]])
        assert record["identity"] == before["identity"]
    assert size_sentence(built.head, bpy.context.scene) == "Pupils 70.4 mm apart (set by head height)."


def test_undo(built: HeadObjects) -> None:
    bpy.ops.ed.undo_push(message="built")
    name, before = built.head.name, positions(built.head)
    bpy.ops.facewright.set_size(measure="PUPILS", length=0.08)
    bpy.ops.ed.undo_push(message="size")
    bpy.ops.ed.undo()
    head = bpy.data.objects[name]
    assert (positions(head) == before).all() and size(head, PUPILS) == pytest.approx(0.064)
    bpy.ops.ed.redo()
    head = bpy.data.objects[name]
    assert positions(head) == pytest.approx(before * 1.25, abs=1e-7) and size(head, PUPILS) == pytest.approx(0.08)


def test_there_and_back(built: HeadObjects) -> None:
    before = positions(built.head)
    for length in (0.08, 0.05, 0.061, 0.064):
        set_size(built.head, PUPILS, length)
    assert positions(built.head) == pytest.approx(before, abs=1e-7)


def test_fields(built: HeadObjects) -> None:
    """The fields show the size and set it, in the scene's units or in millimetres."""
    fields = built.head.facewright_head
    assert fields.pupil_distance == pytest.approx(0.064) and fields.pupil_distance_mm == pytest.approx(64.0)
    fields.pupil_distance_mm = 60.0
    assert size(built.head, PUPILS) == pytest.approx(0.060)
    fields.head_height = 0.25
    assert size(built.head, HEIGHT) == pytest.approx(0.25) and fields.head_height_mm == pytest.approx(250.0)
    bpy.context.scene.unit_settings.scale_length = 0.01  # a Blender unit is a centimetre: the head is a doll's
    assert fields.head_height_mm == pytest.approx(2.5)
    fields.head_height_mm = 250.0
    assert size(built.head, HEIGHT) == pytest.approx(25.0)


@pytest.mark.parametrize(("system", "unit", "expected"), [
    ("METRIC", "METERS", "Pupils 64.0 mm apart, ±2.9 mm (from iris and pupil distance)."),
    ("METRIC", "CENTIMETERS", "Pupils 6.40 cm apart, ±0.29 cm (from iris and pupil distance)."),
    ("IMPERIAL", "INCHES", 'Pupils 2.52" apart, ±0.11" (from iris and pupil distance).'),
    ("NONE", None, "Pupils 0.064 apart, ±0.00288 (from iris and pupil distance)."),
])  # fmt: skip
def test_sentence_in_the_scenes_units(built: HeadObjects, system: str, unit: str | None, expected: str) -> None:
    units = bpy.context.scene.unit_settings
    units.system = system
    if unit:
        units.length_unit = unit
    assert size_sentence(built.head, bpy.context.scene) == expected


def duplicate_linked(objects: HeadObjects) -> None:
    twin = objects.head.copy()
    bpy.context.collection.objects.link(twin)


def second_head_on_the_rig(objects: HeadObjects) -> None:
    twin = objects.head.copy()
    twin.data = objects.head.data.copy()
    bpy.context.collection.objects.link(twin)


def edit_mode(objects: HeadObjects) -> None:
    bpy.ops.object.mode_set(mode="EDIT")


def multires(objects: HeadObjects) -> None:
    objects.head.modifiers.new("Multires", "MULTIRES")


@pytest.mark.parametrize(("make", "reason"), [
    (duplicate_linked, "shares Head's data"), (second_head_on_the_rig, "hangs on the same armature"),
    (edit_mode, "Object Mode"), (multires, "Multiresolution"),
])  # fmt: skip
def test_refused(built: HeadObjects, make: object, reason: str) -> None:
    make(built)
    before = positions(built.head)
    assert reason in why_fixed(built.head)
    with pytest.raises(SizeFixed, match=reason):
        set_size(built.head, PUPILS, 0.07)
    assert not bpy.ops.facewright.set_size.poll()
    assert (positions(built.head) == before).all() and size(built.head, PUPILS) == pytest.approx(0.064)


@pytest.mark.parametrize("length", [0.0, -1.0, float("nan"), float("inf")])
def test_no_length(built: HeadObjects, length: float) -> None:
    with pytest.raises(SizeFixed):
        set_size(built.head, PUPILS, length)


def test_other_heads_and_shared_actions_stay(built: HeadObjects, head: Head) -> None:
    """Two heads wear the same action; only the curves of the one that grows change."""
    other = build_head(head, bpy.context.scene.collection)
    bone = built.armature.pose.bones["head"]
    bone.location = (0.0, 0.0, 0.04)
    bone.keyframe_insert("location", frame=1)
    source = built.armature.animation_data
    data = other.armature.animation_data_create()
    data.action = source.action
    if hasattr(data, "action_slot"):
        data.action_slot = source.action_slot
    before = positions(other.head)
    resize(built.head, 2.0)
    values = [next(c for c in fcurves_of(owner) if c.array_index == 2).evaluate(1)
              for owner in (built.armature, other.armature)]  # fmt: skip
    assert values == pytest.approx([0.08, 0.04])
    assert (positions(other.head) == before).all()


def test_curve_modifiers_and_nla(built: HeadObjects) -> None:
    bone = built.armature.pose.bones["head"]
    bone.keyframe_insert("location", index=0, frame=1)
    (curve,) = fcurves_of(built.armature)
    noise = curve.modifiers.new("NOISE")
    noise.strength, noise.scale = 0.02, 3.0
    data = built.armature.animation_data
    track = data.nla_tracks.new()
    strip = track.strips.new("take", 1, data.action)
    if hasattr(strip, "action_slot"):
        strip.action_slot = data.action_slot
    data.action = None
    values = []
    for factor in (1.0, 1.5):
        resize(built.head, factor)
        bpy.context.scene.frame_set(7)
        values.append(built.armature.pose.bones["head"].location.x)
    assert abs(values[0]) > 1e-4 and values[1] == pytest.approx(1.5 * values[0])


def test_head_moved_within_its_rig(built: HeadObjects) -> None:
    """The mesh object moved against the armature, and the camera parented with an offset, stay in proportion."""
    built.head.location = (0.0, 0.01, 0.0)
    built.camera.matrix_parent_inverse = Matrix.Translation(Vector((0.1, 0.0, 0.0)))
    built.camera.delta_location = (0.0, 0.0, 0.05)
    built.armature.pose.bones["jaw"].rotation_euler.x = 0.3
    bpy.context.view_layer.update()
    before, seen = evaluated(built.head), picture(built)
    resize(built.head, FACTOR)
    bpy.context.view_layer.update()
    assert evaluated(built.head) == pytest.approx(before * FACTOR, abs=2e-7)
    assert picture(built) == pytest.approx(seen, abs=2e-6)
    assert len(built.head.data.shape_keys.key_blocks) == 1 + len(ARKIT_NAMES)
