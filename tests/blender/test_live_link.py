"""Import Take: a recorded performance on a head, in Blender itself."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Vector
from readback import evaluated

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # live_link_takes, made for both kinds of test

from live_link_takes import bump, speech, take_lines, write_take

import blender_addon
from blender_addon.backend_door import ARKIT_NAMES, Head
from blender_addon.scene.build import HeadObjects, build_head, build_scene
from blender_addon.scene.curves import fcurves_of
from blender_addon.scene.links import link_sides

FPS = 24


@pytest.fixture
def added(built: HeadObjects) -> Iterator[HeadObjects]:
    """The small head in a file with the add-on registered."""
    blender_addon.register()
    bpy.context.scene.render.fps, bpy.context.scene.render.fps_base = FPS, 1.0
    yield built
    blender_addon.unregister()


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_take(tmp_path_factory.mktemp("takes") / "MySlate_4_iPhone.csv", take_lines(*speech(3.0)))


def import_take(path: Path, **options: object) -> set[str]:
    return bpy.ops.facewright.import_take(filepath=str(path), **options)


def played(objects: HeadObjects, name: str, frames: np.ndarray) -> np.ndarray:
    """Values of a slider as the scene plays them."""
    scene, values = bpy.context.scene, []
    for frame in frames:
        whole = int(np.floor(frame))
        scene.frame_set(whole, subframe=float(frame - whole))
        values.append(objects.head.data.shape_keys.key_blocks[name].value)
    return np.array(values)


def world_direction(objects: HeadObjects, bone: str, v: tuple[float, float, float]) -> Vector:
    """Where a direction of the resting head points, carried by a bone."""
    pose = objects.armature.pose.bones[bone]
    return (pose.matrix @ pose.bone.matrix_local.inverted()).to_3x3() @ Vector(v)


def test_every_slider_plays_the_take(added: HeadObjects, take: Path) -> None:
    assert import_take(take, start_frame=11, interpolation="LINEAR", smoothing=0.0, tolerance=0.002) == {"FINISHED"}
    keys = added.head.data.shape_keys
    assert len(fcurves_of(keys)) == 52 and keys.animation_data.action.name == "MySlate_4_iPhone"
    channels, _ = speech(3.0)
    frames = np.arange(11, 11 + 3 * FPS + 1)
    moments = (frames - 11) / FPS
    for name in ("jawOpen", "eyeBlinkRight", "mouthSmileLeft", "eyeLookInRight", "tongueOut"):
        recorded = np.interp(moments, np.arange(181) / 60, channels.get(name, np.zeros(181)))
        assert played(added, name, frames) == pytest.approx(recorded, abs=0.002 + 1e-5), name
    assert fcurves_of(keys)[0].keyframe_points[0].co[0] == 11


def test_few_keys_that_stay_editable(added: HeadObjects, take: Path) -> None:
    import_take(take)
    curves = fcurves_of(added.head.data.shape_keys)
    reduced = sum(len(curve.keyframe_points) for curve in curves)
    points = [point for curve in curves for point in curve.keyframe_points]
    assert {point.interpolation for point in points} == {"BEZIER"}
    assert {point.handle_left_type for point in points} == {"ALIGNED"}
    import_take(take, tolerance=0.0)
    full = sum(len(curve.keyframe_points) for curve in fcurves_of(added.head.data.shape_keys))
    assert full == 52 * 73 and reduced < 0.15 * full


def test_simplified_curves_as_blender_plays_them(added: HeadObjects, take: Path) -> None:
    frames = np.arange(1, 74)
    import_take(take, tolerance=0.0)
    full = {name: played(added, name, frames) for name in ("jawOpen", "eyeBlinkLeft", "mouthSmileLeft")}
    import_take(take, tolerance=0.01)
    for name, values in full.items():
        assert np.abs(played(added, name, frames) - values).max() <= 0.01 + 1e-5, name


def test_a_blink_of_a_tenth_of_a_second_survives_the_defaults(added: HeadObjects, tmp_path: Path) -> None:
    t = np.arange(241) / 60
    noise = np.random.default_rng(2).normal(0, 0.004, t.shape)
    blink = np.clip(bump(t, 2.0, 0.1) + noise, 0, 1)
    path = write_take(tmp_path / "blink.csv", take_lines({"eyeBlinkLeft": blink, "jawOpen": 0 * t}))
    bpy.context.scene.render.fps = 60
    import_take(path)
    assert played(added, "eyeBlinkLeft", np.arange(116, 127)).max() > 0.95 * blink.max()


def test_head_turns_as_the_person_did(added: HeadObjects, tmp_path: Path) -> None:
    still = np.zeros(61)
    forward, left, up, right = (0, -1, 0), (1, 0, 0), (0, 0, 1), (-1, 0, 0)
    cases = {"HeadYaw": (forward, left), "HeadPitch": (forward, up), "HeadRoll": (up, right)}
    for column, (carried, towards) in cases.items():
        path = write_take(tmp_path / f"{column}.csv", take_lines({"jawOpen": still}, {column: still + 0.4}))
        assert import_take(path, smoothing=0.0) == {"FINISHED"}
        bpy.context.scene.frame_set(10)
        assert world_direction(added, "head", carried) @ Vector(towards) == pytest.approx(np.sin(0.4), abs=2e-3)
        neck = world_direction(added, "neck", carried) @ Vector(towards)
        assert neck == pytest.approx(np.sin(0.16), abs=2e-3), "the neck takes 40 % of the turn"


@pytest.mark.parametrize("mode", ["QUATERNION", "XYZ", "ZYX", "AXIS_ANGLE"])
def test_a_bones_own_rotation_mode_is_kept(added: HeadObjects, tmp_path: Path, mode: str) -> None:
    for bone in ("head", "neck"):
        added.armature.pose.bones[bone].rotation_mode = mode
    t = np.arange(61) / 60
    angles = {"HeadYaw": 0.5 * np.sin(3 * t), "HeadPitch": 0.3 * np.cos(3 * t), "HeadRoll": 0.2 * t}
    path = write_take(tmp_path / "turns.csv", take_lines({"jawOpen": t * 0}, angles))
    import_take(path, smoothing=0.0, tolerance=0.0)
    bpy.context.scene.frame_set(13)
    assert added.armature.pose.bones["head"].rotation_mode == mode
    yaw, pitch, roll = (angles[f"Head{name}"][30] for name in ("Yaw", "Pitch", "Roll"))
    gaze = world_direction(added, "head", (0, -1, 0))
    assert list(gaze) == pytest.approx(
        [np.cos(pitch) * np.sin(yaw), -np.cos(pitch) * np.cos(yaw), np.sin(pitch)], abs=2e-3
    )
    ear = world_direction(added, "head", (1, 0, 0))
    assert ear.z == pytest.approx(np.cos(pitch) * np.sin(roll), abs=2e-3)


def eye_turns(objects: HeadObjects, head: Head) -> np.ndarray:
    """How far the front of the left eyeball has moved to the subject's left, metres, relative to the head."""
    ids = head.regions["eye_left"]
    pupil = ids[np.argmax(head.neutral[ids, 2])]
    return evaluated(objects.head)[pupil, 0] - head.neutral[pupil, 0] / 1000


def test_the_gaze_is_turned_once(added: HeadObjects, head: Head, take: Path) -> None:
    moments = {}
    for eyes in ("SHAPES", "BONES"):
        import_take(take, head=False, eyes=eyes, smoothing=0.0)
        bpy.context.scene.frame_set(1 + FPS * 3 // 4)  # furthest to the subject's left
        moments[eyes] = eye_turns(added, head)
        paths = {curve.data_path for curve in fcurves_of(added.armature)} if eyes == "BONES" else set()
        assert any("eye_L" in path for path in paths) == (eyes == "BONES")
    assert moments["SHAPES"] > 0.001 and moments["BONES"] > 0.001  # both to the left
    look = added.head.data.shape_keys.key_blocks["eyeLookOutLeft"].value
    assert look == 0.0, "with bones the shape keys rest"
    # The eyeball of the small head turns 20 degrees at 1, the take's own angle is 0.3 rad: alike, not twice.
    assert moments["BONES"] < 2.0 * moments["SHAPES"]


def test_without_head_rotation_the_armature_is_left_alone(added: HeadObjects, take: Path) -> None:
    import_take(take, head=False)
    assert added.armature.animation_data is None or added.armature.animation_data.action is None


def test_neutral_frame_and_region_strength(added: HeadObjects, tmp_path: Path) -> None:
    t = np.arange(121) / 60
    smile = 0.2 + 0.6 * bump(t, 1.0, 0.8)
    path = write_take(
        tmp_path / "calibrate.csv",
        take_lines({"mouthSmileLeft": smile, "jawOpen": smile}, {"HeadYaw": 0.3 + 0 * t}),
    )
    import_take(path, neutral="FRAME", neutral_frame=1, smoothing=0.0, gain_jaw=0.5)
    assert played(added, "mouthSmileLeft", np.array([1, 25])) == pytest.approx([0.0, 0.75], abs=0.006)
    assert played(added, "jawOpen", np.array([1, 25])) == pytest.approx([0.0, 0.375], abs=0.006)
    assert world_direction(added, "head", (0, -1, 0)).x == pytest.approx(0.0, abs=1e-5)
    import_take(path, neutral="QUIET", smoothing=0.0)
    assert played(added, "mouthSmileLeft", np.array([1, 25])) == pytest.approx([0.0, 0.75], abs=0.006)
    with pytest.raises(RuntimeError, match=r"The neutral frame 500 is outside the take, .* frame 1 to 49"):
        import_take(path, neutral="FRAME", neutral_frame=500)


def test_earlier_animation_is_kept(added: HeadObjects, take: Path) -> None:
    keys = added.head.data.shape_keys
    keys.key_blocks["jawOpen"].keyframe_insert("value", frame=3)
    mine = keys.animation_data.action
    mine.name, mine.use_fake_user = "by hand", False
    import_take(take)
    assert keys.animation_data.action != mine and bpy.data.actions["by hand"] == mine and mine.use_fake_user
    assert len(keys.animation_data.nla_tracks) == 0
    first = keys.animation_data.action.name
    import_take(take, previous="STACK")
    assert [strip.action.name for track in keys.animation_data.nla_tracks for strip in track.strips] == [first]
    assert played(added, "jawOpen", np.array([30])).max() > 0.05


def test_scene_range_only_on_request(added: HeadObjects, take: Path) -> None:
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 5, 250
    import_take(take, start_frame=100)
    assert (scene.frame_start, scene.frame_end) == (5, 250)
    import_take(take, start_frame=100, set_range=True)
    assert (scene.frame_start, scene.frame_end) == (100, 172)


def test_scene_with_a_frame_rate_base(added: HeadObjects, take: Path) -> None:
    bpy.context.scene.render.fps, bpy.context.scene.render.fps_base = 30, 1.001
    import_take(take, set_range=True)
    assert bpy.context.scene.frame_end == 1 + int(3.0 * 30 / 1.001)


def test_a_head_whose_keys_were_renamed_and_deleted(added: HeadObjects, take: Path) -> None:
    keys = added.head.data.shape_keys.key_blocks
    keys["jawOpen"].name = "JAWOPEN"
    added.head.shape_key_remove(keys["tongueOut"])
    added.head.name, added.armature.name = "Hero", "Hero bones"
    assert import_take(take) == {"FINISHED"}
    assert len(fcurves_of(added.head.data.shape_keys)) == 51
    assert played(added, "JAWOPEN", np.array([30])).max() > 0.05


def test_two_heads_and_the_active_one(added: HeadObjects, head: Head, take: Path) -> None:
    other = build_head(head, bpy.context.scene.collection, "Other")
    bpy.context.view_layer.objects.active = other.armature
    import_take(take)
    assert other.head.data.shape_keys.animation_data.action is not None
    mine = added.head.data.shape_keys.animation_data
    assert mine is None or mine.action is None


def test_a_damaged_take_changes_nothing(added: HeadObjects, take: Path, tmp_path: Path) -> None:
    import_take(take)
    before = added.head.data.shape_keys.animation_data.action
    bad = tmp_path / "cut.csv"
    bad.write_bytes(take.read_bytes()[:-200])
    with pytest.raises(RuntimeError, match=r"Line 182 has .* is the file cut off or damaged"):
        import_take(bad)
    assert added.head.data.shape_keys.animation_data.action == before and "cut" not in bpy.data.actions


def test_head_without_armature_says_so(added: HeadObjects, take: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bpy.data.objects.remove(added.armature)
    bpy.context.view_layer.objects.active = added.head
    assert import_take(take) == {"FINISHED"}
    assert "armature is missing" in capfd.readouterr().out
    assert len(fcurves_of(added.head.data.shape_keys)) == 52


def test_linked_sides_are_named(added: HeadObjects, take: Path, capfd: pytest.CaptureFixture[str]) -> None:
    link_sides(added.head)
    import_take(take)
    assert "The right side is linked to the left" in capfd.readouterr().out


def test_no_head_no_import(empty: None, take: Path) -> None:
    blender_addon.register()
    try:
        with pytest.raises(RuntimeError, match="Select a Facewright head first"):
            import_take(take)
    finally:
        blender_addon.unregister()


def test_choices_become_the_scenes(added: HeadObjects, take: Path) -> None:
    import_take(take, start_frame=7, smoothing=0.1, gain_mouth=1.2)
    kept = bpy.context.scene.facewright_take
    assert kept.start_frame == 7 and kept.smoothing == pytest.approx(0.1) and kept.gain_mouth == pytest.approx(1.2)


def test_takes_can_be_dropped(added: HeadObjects) -> None:
    handler = bpy.types.FACEWRIGHT_FH_take
    assert ".csv" in handler.bl_file_extensions and handler.bl_import_operator == "facewright.import_take"
    assert not handler.poll_drop(bpy.context)  # no 3D view here


def test_the_take_survives_the_file(added: HeadObjects, take: Path, tmp_path: Path) -> None:
    import_take(take)
    names = [curve.data_path for curve in fcurves_of(added.head.data.shape_keys)]
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "file.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "file.blend"))
    (keys,) = bpy.data.shape_keys
    assert [curve.data_path for curve in fcurves_of(keys)] == names and len(names) == len(ARKIT_NAMES)
    assert keys.animation_data.action["facewright_timecode"] == "12:27:47:47.169"


def test_three_minutes_go_on_fast(added: HeadObjects, tmp_path: Path) -> None:
    channels, angles = speech(180.0)
    rng = np.random.default_rng(9)
    noisy = {name: np.clip(values + rng.normal(0, 0.003, values.shape), 0, 1) for name, values in channels.items()}
    path = write_take(tmp_path / "long.csv", take_lines(noisy, angles))
    bpy.context.scene.render.fps = 60
    start = time.perf_counter()
    import_take(path)
    taken = time.perf_counter() - start
    print(f"3 minutes at 60 fps: {taken:.2f} s")
    assert taken < (2.0 if os.getloadavg()[0] < 3 else 8.0)


def test_build_scene_is_importable_without_registration(empty: None, head: Head) -> None:
    assert not hasattr(bpy.types.Scene, "facewright_take") and build_scene(head).head is not None
