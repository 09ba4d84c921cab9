"""The export as a person or a script calls it: processes of its own, reports, refusals, cancelling."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest
from readback import animate

import blender_addon
from blender_addon import preferences
from blender_addon.backend_door import Density, FaceError, Head
from blender_addon.exporting import running
from blender_addon.exporting.sample import Range
from blender_addon.exporting.task import Settings, Task, start
from blender_addon.operators.export import selected_heads, with_suffix
from blender_addon.scene.build import HeadObjects, build_head


@pytest.fixture
def ready(built: HeadObjects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HeadObjects]:
    """The registered add-on with one head; its own folder is a temporary one."""
    (tmp_path / "user").mkdir()
    monkeypatch.setattr(preferences, "user_folder", lambda: tmp_path / "user")
    blender_addon.register()
    bpy.context.view_layer.objects.active = built.head
    yield built
    blender_addon.unregister()


def begin(built: HeadObjects, path: Path, preset: str = "FBX") -> Task:
    return start([built.head], bpy.context.scene, Settings(preset, path, Density.FULL, Range.NONE))


def test_a_script_waits_and_gets_one_line(ready: HeadObjects, tmp_path: Path) -> None:
    animate(ready)
    bpy.context.scene.frame_set(5)
    ready.head.modifiers.new("Smooth", "SUBSURF")
    assert bpy.ops.facewright.export(filepath=str(tmp_path / "Anna"), preset="FBX_UNITY") == {"FINISHED"}
    report = running.last()
    assert report is not None and report.level == "INFO"
    assert report.lines() == [
        "Anna.fbx: 52 channels, 2 curves, 0.285 m tall, 4 textures, largest deviation 0.000 mm",
        "Not in the file: modifier Smooth of Head",
    ]
    assert {path.name for path in tmp_path.iterdir()} == {"Anna.fbx", "Anna.fbm", "user"}
    assert not list((tmp_path / "user").iterdir())  # nothing is left of the job
    assert bpy.context.scene.frame_current == 5 and running.current() is None


def test_several_heads_get_files_of_their_own(ready: HeadObjects, head: Head, tmp_path: Path) -> None:
    second = build_head(head, bpy.context.scene.collection, "Ben")
    for obj in (ready.head, second.armature):
        obj.select_set(True)
    assert [obj.name for obj in selected_heads(bpy.context)] == ["Ben", "Head"]
    assert bpy.ops.facewright.export(filepath=str(tmp_path / "cast.glb"), preset="GLB", heads="SELECTED") == {
        "FINISHED"
    }
    assert {path.name for path in tmp_path.glob("*.glb")} == {"cast_Ben.glb", "cast_Head.glb"}
    assert len(running.last().written) == 2


def test_refusals_are_one_sentence_and_leave_nothing(ready: HeadObjects, tmp_path: Path) -> None:
    for arguments, sentence in (
        ({"filepath": str(tmp_path / "missing" / "a")}, "does not exist"),
        ({"filepath": str(tmp_path / "a"), "density": "HALF"}, "built-in face model"),
        ({"filepath": str(tmp_path / "a"), "heads": "SELECTED"}, "No head is selected"),
    ):
        bpy.ops.object.select_all(action="DESELECT")
        with pytest.raises(RuntimeError, match=sentence):
            bpy.ops.facewright.export(**arguments)
    (tmp_path / "taken.fbx").mkdir()
    with pytest.raises(RuntimeError, match="cannot be written"):
        bpy.ops.facewright.export(filepath=str(tmp_path / "taken"), preset="FBX")
    assert {path.name for path in tmp_path.iterdir()} == {"user", "taken.fbx"}
    assert not list((tmp_path / "user").iterdir())


def test_without_a_head_there_is_nothing_to_export(ready: HeadObjects) -> None:
    bpy.data.objects.remove(ready.head)
    assert not bpy.ops.facewright.export.poll()
    assert not bpy.ops.facewright.export_cancel.poll()


def test_cancelling_ends_the_worker_and_leaves_no_file(ready: HeadObjects, tmp_path: Path) -> None:
    running.begin(begin(ready, tmp_path / "a.fbx"))
    with pytest.raises(FaceError, match="An export is running"):
        running.refuse_second()
    assert not bpy.ops.facewright.export.poll()
    process = running.current()._process
    assert bpy.ops.facewright.export_cancel() == {"FINISHED"}
    assert process.poll() is not None and running.current() is None
    assert running.last().lines() == ["Export cancelled"]
    assert not (tmp_path / "a.fbx").exists() and not list((tmp_path / "user").iterdir())


def test_a_worker_that_dies_is_one_sentence_with_its_log(ready: HeadObjects, tmp_path: Path) -> None:
    task = begin(ready, tmp_path / "a.fbx")
    task._process.kill()
    report = task.wait()
    assert report.level == "ERROR" and "ended unexpectedly" in report.error
    log = tmp_path / "user" / "logs" / "export.log"
    assert str(log) in report.error and log.is_file()


def test_opening_a_file_ends_the_export(ready: HeadObjects, tmp_path: Path) -> None:
    running.begin(begin(ready, tmp_path / "a.fbx"))
    process = running.current()._process
    bpy.ops.wm.read_factory_settings(use_empty=True)
    deadline = time.monotonic() + 5.0
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert process.poll() is not None and running.current() is None and running.last() is None


@pytest.mark.parametrize(
    ("path", "preset", "wanted"),
    [
        ("/a/Anna", "GLB", "/a/Anna.glb"), ("/a/Anna.fbx", "GLB", "/a/Anna.glb"), ("/a/b.c", "USDZ", "/a/b.c.usdz"),
        ("/a/Anna.FBX", "FBX", "/a/Anna.FBX"), ("", "FBX", ""),
    ],
)  # fmt: skip
def test_suffixes(path: str, preset: str, wanted: str) -> None:
    assert with_suffix(path, preset) == wanted
