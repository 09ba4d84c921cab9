"""Files for other programs, read back: channels, deltas, names, animation, scale, textures, rig, materials."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest
from facewright.face_model.base import ARKIT_NAMES
from PIL import Image
from readback import animate, key_offsets, only_armature, only_mesh, positions, shape_values

from blender_addon import export
from blender_addon.backend_door import Head, OutputUnwritable
from blender_addon.scene.build import HeadObjects, build_head

FRAMES = range(1, 12)
METRE_TOLERANCE = 2e-6  # 0.002 mm


def world(obj: bpy.types.Object) -> np.ndarray:
    """(V, 3) the mesh's own vertices in the world."""
    matrix = np.array(obj.matrix_world, np.float64)
    return positions(obj) @ matrix[:3, :3].T + matrix[:3, 3]


def import_fbx(path: Path) -> bpy.types.Object:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.fbx(filepath=str(path), anim_offset=0.0, automatic_bone_orientation=False)
    return only_mesh()


def import_glb(path: Path) -> bpy.types.Object:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.gltf(filepath=str(path))
    return only_mesh()


def open_blend(path: Path) -> bpy.types.Object:
    bpy.ops.wm.open_mainfile(filepath=str(path))
    return only_mesh()


def written_curves(objects: HeadObjects) -> dict[str, list[float]]:
    names = animate(objects)
    return {name: shape_values(objects.head, name, FRAMES) for name in names}


def test_fbx_keeps_everything(built: HeadObjects, head: Head, tmp_path: Path) -> None:
    vertices, offsets, curves = world(built.head), key_offsets(built.head), written_curves(built)
    bones = {b.name: np.array(b.head_local) for b in built.armature.data.bones}
    groups = weights_of(built.head)
    export.export_fbx(tmp_path / "head.fbx", built)
    again = import_fbx(tmp_path / "head.fbx")
    assert again.name == "Head" and len(again.data.polygons) == len(head.quads)
    assert world(again) == pytest.approx(vertices, abs=METRE_TOLERANCE)  # same order, same size in metres
    found = key_offsets(again)
    assert list(found) == list(ARKIT_NAMES)
    worst = max(abs(found[name] - offsets[name]).max() for name in ARKIT_NAMES)
    assert worst < METRE_TOLERANCE
    for name, values in curves.items():
        assert shape_values(again, name, FRAMES) == pytest.approx(values, abs=1e-4), name
    assert shape_values(again, "mouthPucker", FRAMES) == [0.0] * len(FRAMES)
    rig = only_armature()
    for name, at in bones.items():
        assert np.array(rig.matrix_world @ rig.data.bones[name].head_local) == pytest.approx(at, abs=1e-5)
    assert {b.name: b.parent.name if b.parent else None for b in rig.data.bones}["jaw"] == "head"
    assert_same_weights(weights_of(again), groups)
    assert [m.name for m in again.data.materials] == [f"Head_{m}" for m in head.material_names]
    assert_textured(again, "Head_skin", head.albedo)
    assert_clear_cornea(again)
    bpy.context.scene.frame_set(11)
    jaw = rig.pose.bones["jaw"].matrix_basis.to_euler()
    assert abs(jaw.x) + abs(jaw.y) + abs(jaw.z) == pytest.approx(0.3, abs=1e-3)


def test_fbx_is_understood_by_another_reader(built: HeadObjects, head: Head, tmp_path: Path) -> None:
    """Blender's importer in C++ (the ufbx library) shares no code with the exporter."""
    if not hasattr(bpy.ops.wm, "fbx_import") or bpy.app.version < (4, 5, 0):
        pytest.skip("this Blender has no FBX importer in C++")
    vertices, offsets = world(built.head), key_offsets(built.head)
    export.export_fbx(tmp_path / "head.fbx", built)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.fbx_import(filepath=str(tmp_path / "head.fbx"))
    again = only_mesh()
    assert world(again) == pytest.approx(vertices, abs=METRE_TOLERANCE)
    found = key_offsets(again)
    assert list(found) == list(ARKIT_NAMES)
    assert max(abs(found[name] - offsets[name]).max() for name in ARKIT_NAMES) < METRE_TOLERANCE
    assert set(only_armature().data.bones.keys()) == set(weights_of(again))
    assert_textured(again, "Head_skin", head.albedo)


def test_glb_keeps_everything(built: HeadObjects, head: Head, tmp_path: Path) -> None:
    vertices, offsets, curves = world(built.head), key_offsets(built.head), written_curves(built)
    export.export_glb(tmp_path / "head.glb", built)
    document = json_chunk(tmp_path / "head.glb")
    mesh = document["meshes"][0]
    assert mesh["extras"]["targetNames"] == list(ARKIT_NAMES)
    assert all(set(target) == {"POSITION", "NORMAL"} for p in mesh["primitives"] for target in p["targets"])
    attributes = {"JOINTS_0", "WEIGHTS_0", "TEXCOORD_0", "NORMAL"}
    assert all(attributes <= set(p["attributes"]) for p in mesh["primitives"])
    assert len(document["skins"][0]["joints"]) == 6
    materials = {m["name"]: m for m in document["materials"]}
    assert set(materials) == {f"Head_{m}" for m in head.material_names}
    assert materials["Head_cornea"]["alphaMode"] == "BLEND"
    assert materials["Head_skin"].get("alphaMode", "OPAQUE") == "OPAQUE"
    assert len(document["images"]) == 4

    again = import_glb(tmp_path / "head.glb")
    found, order = key_offsets(again), nearest(vertices, world(again))
    assert list(found) == list(ARKIT_NAMES)
    # glTF splits vertices at UV seams and may order them anew: compare each with the vertex it came from.
    worst = max(abs(found[name] - offsets[name][order]).max() for name in ARKIT_NAMES)
    assert worst < METRE_TOLERANCE
    for name, values in curves.items():
        assert shape_values(again, name, FRAMES) == pytest.approx(values, abs=1e-4), name
    assert set(only_armature().data.bones.keys()) == {"root", "neck", "head", "jaw", "eye_L", "eye_R"}
    assert_textured(again, "Head_skin", head.albedo)


def test_blend_keeps_everything(built: HeadObjects, head: Head, tmp_path: Path) -> None:
    vertices, offsets = world(built.head), key_offsets(built.head)
    export.save_blend(tmp_path / "head.blend")
    assert (tmp_path / "head.blend").read_bytes()[:4] == b"\x28\xb5\x2f\xfd"  # zstd: compressed
    assert not bpy.data.filepath  # saving a copy does not rename the open file
    again = open_blend(tmp_path / "head.blend")
    assert world(again) == pytest.approx(vertices)
    found = key_offsets(again)
    assert max(abs(found[name] - offsets[name]).max() for name in ARKIT_NAMES) == 0.0
    assert all(image.packed_file for image in bpy.data.images if image.type == "IMAGE")
    assert_textured(again, "Head_skin", head.albedo)
    assert bpy.data.images["Head_albedo"].filepath == "//textures/albedo.png"
    assert bpy.data.images["Head_albedo"].packed_files[0].filepath == "//textures/albedo.png"
    assert bpy.context.scene.camera.data.background_images[0].image.packed_file
    assert "Head_photo_expression" in bpy.data.actions
    assert bpy.context.scene.view_settings.view_transform == "Khronos PBR Neutral"
    assert bpy.data.screens and all(
        area.spaces.active.shading.type == "MATERIAL"
        for screen in bpy.data.screens for area in screen.areas if area.type == "VIEW_3D"
    )  # fmt: skip


def test_no_paths_of_this_machine_leave_it(built: HeadObjects, bundle: Path, tmp_path: Path) -> None:
    export.export_fbx(tmp_path / "head.fbx", built)
    export.export_glb(tmp_path / "head.glb", built)
    for name in ("head.fbx", "head.glb"):
        content = (tmp_path / name).read_bytes()
        for path in (bundle, tmp_path, Path.home()):
            assert str(path).encode() not in content, (name, path)
        assert b".facewright-" not in content


def test_a_head_at_rest_exports_without_animation(built: HeadObjects, tmp_path: Path) -> None:
    assert not export.is_animated(built)
    export.export_fbx(tmp_path / "head.fbx", built)
    export.export_glb(tmp_path / "head.glb", built)
    assert "animations" not in json_chunk(tmp_path / "head.glb")
    import_fbx(tmp_path / "head.fbx")
    assert not bpy.data.actions


def test_driven_keys_are_exported(built: HeadObjects, tmp_path: Path) -> None:
    """A key driven by another channel reaches the file as a baked curve."""
    key = built.head.data.shape_keys.key_blocks["mouthSmileLeft"]
    driver = key.driver_add("value").driver
    driver.type = "SUM"
    variable = driver.variables.new()
    variable.type = "SINGLE_PROP"
    target = variable.targets[0]
    target.id_type, target.id = "OBJECT", built.armature
    target.data_path = "location[0]"
    for frame, x in ((1, 0.0), (11, 1.0)):
        built.armature.location.x = x
        built.armature.keyframe_insert("location", index=0, frame=frame)
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = 1, 11
    values = shape_values(built.head, "mouthSmileLeft", FRAMES)
    assert values[-1] == pytest.approx(1.0) and 0.2 < values[5] < 0.8
    export.export_fbx(tmp_path / "head.fbx", built)
    export.export_glb(tmp_path / "head.glb", built)
    again = import_fbx(tmp_path / "head.fbx")
    assert shape_values(again, "mouthSmileLeft", FRAMES) == pytest.approx(values, abs=1e-3)
    again = import_glb(tmp_path / "head.glb")
    assert shape_values(again, "mouthSmileLeft", FRAMES) == pytest.approx(values, abs=1e-3)


def test_one_of_two_heads_is_exported_and_the_scene_stays(built: HeadObjects, head: Head, tmp_path: Path) -> None:
    second = build_head(head, bpy.context.scene.collection)
    built.head.select_set(True)
    bpy.context.view_layer.objects.active = built.camera
    bpy.context.scene.frame_set(7)
    cornea = second.head.data.materials[2]
    export.export_glb(tmp_path / "head.glb", second)
    export.export_fbx(tmp_path / "head.fbx", second)
    assert [m["name"] for m in json_chunk(tmp_path / "head.glb")["meshes"]] == ["Head_2"]
    assert second.head.data.materials[2] == cornea and cornea.name == "Head_2_cornea"
    assert built.head.select_get() and not second.head.select_get()
    assert bpy.context.view_layer.objects.active == built.camera and bpy.context.scene.frame_current == 7
    assert import_fbx(tmp_path / "head.fbx").name == "Head_2"


def test_unwritable_places_are_one_sentence(built: HeadObjects, tmp_path: Path) -> None:
    for write in (
        lambda path: export.save_blend(path),
        lambda path: export.export_fbx(path, built),
        lambda path: export.export_glb(path, built),
    ):
        with pytest.raises(OutputUnwritable, match="cannot be written"):
            write(tmp_path / "missing" / "head.file")
    (tmp_path / "taken.fbx").mkdir()
    with pytest.raises(OutputUnwritable):
        export.export_fbx(tmp_path / "taken.fbx", built)
    assert [p.name for p in tmp_path.iterdir()] == ["taken.fbx"]


def test_overwriting_leaves_no_backup(built: HeadObjects, tmp_path: Path) -> None:
    for _ in range(2):
        export.save_blend(tmp_path / "head.blend")
    assert [p.name for p in tmp_path.iterdir()] == ["head.blend"]


@pytest.mark.parametrize(("write", "name"), [(export.export_glb, "h.glb"), (export.export_fbx, "h.fbx")])
def test_the_same_bytes_every_time(
    built: HeadObjects, tmp_path: Path, write: Callable[..., None], name: str
) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / name, built)
        time.sleep(0.01)  # FBX notes milliseconds
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def json_chunk(path: Path) -> dict:
    """The JSON of a binary glTF."""
    content = path.read_bytes()
    magic, version, length, size, kind = struct.unpack_from("<4sIII4s", content)
    assert (magic, version, length, kind) == (b"glTF", 2, len(content), b"JSON")
    return json.loads(content[20 : 20 + size])


def nearest(points: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Index of the point at each query's place; the place must be met to a thousandth of a millimetre."""
    out = np.empty(len(queries), int)
    for k, query in enumerate(queries):
        distance = abs(points - query).max(1)
        out[k] = distance.argmin()
        assert distance[out[k]] < METRE_TOLERANCE
    return out


def weights_of(obj: bpy.types.Object) -> dict[str, np.ndarray]:
    """Vertex group name to (V,) weights."""
    out = {group.name: np.zeros(len(obj.data.vertices)) for group in obj.vertex_groups}
    names = {group.index: group.name for group in obj.vertex_groups}
    for vertex in obj.data.vertices:
        for entry in vertex.groups:
            out[names[entry.group]][vertex.index] = entry.weight
    return out


def assert_same_weights(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    assert set(found) == set(wanted)
    for name in wanted:
        assert found[name] == pytest.approx(wanted[name], abs=1e-4), name


def assert_textured(obj: bpy.types.Object, material: str, file: Path) -> None:
    """The material's base colour is an image with the file's pixels."""
    slot = next(m for m in obj.data.materials if m.name == material)
    shader = next(n for n in slot.node_tree.nodes if n.type == "BSDF_PRINCIPLED")
    image = shader.inputs["Base Color"].links[0].from_node.image
    pixels = np.array(image.pixels[:]).reshape(image.size[1], image.size[0], -1)[::-1, :, :3]
    with Image.open(file) as wanted:
        assert pixels * 255 == pytest.approx(np.array(wanted.convert("RGB")), abs=0.6)


def assert_clear_cornea(obj: bpy.types.Object) -> None:
    slot = next(m for m in obj.data.materials if m.name == "Head_cornea")
    shader = next(n for n in slot.node_tree.nodes if n.type == "BSDF_PRINCIPLED")
    assert shader.inputs["Alpha"].default_value == pytest.approx(0.08, abs=1e-3)
