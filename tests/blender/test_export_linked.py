"""Export of heads that live in another file: linked, and overridden."""

from __future__ import annotations

from pathlib import Path

import bpy
import pytest

import blender_addon
from blender_addon.backend_door import Head
from blender_addon.scene.build import build_head


@pytest.mark.parametrize("overridden", [False, True], ids=["linked", "overridden"])
@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside a head of the same names"])
def test_a_head_of_another_file(
    empty: None, head: Head, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overridden: bool, beside: bool,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("FACEWRIGHT_CACHE", str(tmp_path / "user"))
    build_head(head, bpy.context.scene.collection)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    if beside:
        build_head(head, bpy.context.scene.collection)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, wanted):
        wanted.collections = ["Head"]
    collection = wanted.collections[0]
    bpy.context.scene.collection.children.link(collection)
    if overridden:
        collection = collection.override_hierarchy_create(bpy.context.scene, bpy.context.view_layer)
    bpy.context.view_layer.objects.active = next(o for o in collection.all_objects if o.type == "MESH")
    before = [block.name_full for block in (*bpy.data.materials, *bpy.data.armatures)]
    blender_addon.register()
    try:
        path = tmp_path / "out" / "head.fbx"
        path.parent.mkdir()
        assert bpy.ops.facewright.export(filepath=str(path), preset="FBX_UNREAL") == {"FINISHED"}
    finally:
        blender_addon.unregister()
    assert "52 channels, no animation" in capfd.readouterr().out
    assert len(list(path.parent.rglob("*.png"))) == 4
    assert [block.name_full for block in (*bpy.data.materials, *bpy.data.armatures)] == before
