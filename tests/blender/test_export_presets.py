"""Every preset: the file, its textures beside it, and what its description promises."""

from __future__ import annotations

import json
from pathlib import Path

import bpy
import pytest
from exporting_help import animated_snapshot, export
from PIL import Image

from blender_addon.exporting.gather import gather
from blender_addon.exporting.presets import PRESETS
from blender_addon.exporting.sample import Range
from blender_addon.scene.build import HeadObjects
from blender_addon.scene.curves import fcurves_of

TEXTURES = {"Head_albedo.png", "Head_eye.png", "Head_mouth.png", "Head_teeth.png"}


@pytest.mark.parametrize("preset", [key for key in PRESETS if PRESETS[key].format != "USD"])
def test_a_preset_writes_and_passes_its_own_check(preset: str, built: HeadObjects, tmp_path: Path) -> None:
    snapshot = animated_snapshot(built)
    written = export(tmp_path, preset, built, snapshot)
    assert written["problems"] == []
    assert (written["channels"], written["curves"], written["textures"]) == (52, 2, 4)
    assert written["deviation"] < 1e-6 and written["curve_deviation"] < 1e-5
    files = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    beside = PRESETS[preset].textures.format("Anna")
    expected = {f"{beside}/{name}" for name in TEXTURES} | {f"Anna{PRESETS[preset].suffix}"}
    assert files == expected | ({"Anna.bin"} if preset == "GLTF" else set())
    promised(preset, tmp_path / "out")


def promised(preset: str, folder: Path) -> None:
    """What only this preset says."""
    content = (folder / f"Anna{PRESETS[preset].suffix}").read_bytes()
    if preset.startswith("FBX"):
        # Embedded, too; no place of this machine; the unit is a metre: 100 centimetres.
        assert content.count(b"\x89PNG\r\n") == 4 and str(folder).encode() not in content
        unit = content.index(b"UnitScaleFactor")
        assert b"\x00\x00\x00\x00\x00\x00Y@" in content[unit : unit + 80]  # 100.0 as a double
        assert (b"Armature\x00\x01Model" in content) == (preset == "FBX_UNREAL")
        assert (b"LayerElementSmoothing" in content) == (preset == "FBX_UNREAL")
    if preset == "GLTF":
        document = json.loads(content)
        assert {image["uri"] for image in document["images"]} == {f"Anna_textures/{name}" for name in TEXTURES}
        assert document["buffers"][0]["uri"] == "Anna.bin"


def test_textures_beside_are_the_heads_own_bytes(built: HeadObjects, bundle: Path, tmp_path: Path) -> None:
    export(tmp_path, "GLB", built, gather(built.head, bpy.context.scene, Range.NONE))
    for name, source in (("albedo", "albedo"), ("eye", "iris"), ("teeth", "teeth"), ("mouth", "mouth")):
        written = (tmp_path / "out" / "Anna_textures" / f"Head_{name}.png").read_bytes()
        assert written == (bundle / "textures" / f"{source}.png").read_bytes(), name


def test_paint_that_was_not_saved_is_exported(built: HeadObjects, tmp_path: Path) -> None:
    image = bpy.data.images["Head_albedo"]
    image.pixels = [0.0, 1.0, 0.0, 1.0] * (len(image.pixels) // 4)
    image.update()
    assert image.is_dirty
    written = export(tmp_path, "GLB", built, gather(built.head, bpy.context.scene, Range.NONE))
    assert written["problems"] == []
    with Image.open(tmp_path / "out" / "Anna_textures" / "Head_albedo.png") as shown:
        assert shown.convert("RGB").getpixel((5, 5)) == (0, 255, 0)


def test_the_persons_own_material_is_kept(built: HeadObjects, tmp_path: Path) -> None:
    paint = bpy.data.materials.new("Tattoo")
    if bpy.app.version < (5, 0, 0):
        paint.use_nodes = True
    shader = next(node for node in paint.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Roughness"].default_value = 0.77
    built.head.data.materials.append(paint)
    built.head.data.polygons[0].material_index = 5
    written = export(tmp_path, "GLTF", built, gather(built.head, bpy.context.scene, Range.NONE))
    assert written["problems"] == []
    document = json.loads((tmp_path / "out" / "Anna.gltf").read_bytes())
    materials = {entry["name"]: entry for entry in document["materials"]}
    assert materials["Tattoo"]["pbrMetallicRoughness"]["roughnessFactor"] == pytest.approx(0.77)
    assert materials["Head_cornea"]["alphaMode"] == "BLEND"


def test_a_head_that_was_moved_and_scaled_keeps_its_place(built: HeadObjects, tmp_path: Path) -> None:
    built.armature.location = (1.0, -2.0, 0.5)
    built.armature.rotation_euler = (0.1, 0.2, 0.7)
    built.armature.scale = (1.1, 1.1, 1.1)
    bpy.context.view_layer.update()
    snapshot = gather(built.head, bpy.context.scene, Range.NONE)
    assert snapshot.world_points().mean(0)[1] < -1.5
    # Coordinates of metres are less exact than those of a head at the origin.
    assert export(tmp_path, "FBX", built, snapshot)["deviation"] < 2e-6


@pytest.mark.parametrize("preset", ["FBX_UNREAL", "GLB"])
def test_a_channel_that_is_held_has_a_curve(preset: str, built: HeadObjects, tmp_path: Path) -> None:
    """A smile keyed at 0.9 from the first frame to the last: engines that read only curves must not lose it."""
    smile = built.head.data.shape_keys.key_blocks["mouthSmileLeft"]
    smile.value = 0.9
    bpy.context.scene.frame_end = 9
    for frame in (1, 9):
        smile.keyframe_insert("value", frame=frame)
    written = export(tmp_path, preset, built, gather(built.head, bpy.context.scene, Range.SCENE))
    assert written["problems"] == [] and written["curves"] == 1
    bpy.ops.wm.read_factory_settings(use_empty=True)
    if preset == "GLB":
        bpy.ops.import_scene.gltf(filepath=str(tmp_path / "out" / "Anna.glb"))
    else:
        bpy.ops.import_scene.fbx(filepath=str(tmp_path / "out" / "Anna.fbx"), anim_offset=0.0)
    keys = next(obj.data.shape_keys for obj in bpy.data.objects if obj.type == "MESH")
    curves = [curve for curve in fcurves_of(keys) if '"mouthSmileLeft"' in curve.data_path]
    assert [round(curve.evaluate(5.0), 5) for curve in curves] == [0.9]
