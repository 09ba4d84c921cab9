"""Rebuild brings back what was deleted and leaves the rest alone; Refresh changes images only."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import bmesh
import bpy
import bundles
import numpy as np
import pytest
from facewright.face_model.base import ARKIT_NAMES
from PIL import Image
from readback import evaluated, key_positions, positions

import blender_addon
import blender_addon.preferences
from blender_addon.backend_door import BundleInvalid, Head, read_head
from blender_addon.heads import HeadParts, active_head, parts_of
from blender_addon.scene.build import HeadObjects, build_head
from blender_addon.scene.bundle_source import BundleGone
from blender_addon.scene.mend_mesh import TopologyChanged
from blender_addon.scene.rebuild import PartlyRebuilt, rebuild
from blender_addon.scene.record import remember_photo
from blender_addon.scene.refresh import NewTextures, NotThisHead, PhotoGone, refresh, texture_request
from blender_addon.scene.resize import resize

SCULPT = np.float32(0.003)
ASTRONAUT = Path(__file__).resolve().parents[3] / "shared/data/photos/astronaut.png"


@pytest.fixture
def addon(empty: None) -> Iterator[None]:
    blender_addon.register()
    yield
    blender_addon.unregister()


@pytest.fixture
def built(addon: None, head: Head) -> HeadObjects:
    """One head, away from the origin, with a sculpted Basis, which the blendshapes follow, and a sculpted one."""
    objects = build_head(head, bpy.context.scene.collection)
    objects.armature.location = (0.35, 0.1, 0.0)
    for key in objects.head.data.shape_keys.key_blocks:
        points = key_positions(key)
        points[:50, 2] += SCULPT
        points[30:90, 0] += SCULPT if key.name == "cheekPuff" else 0.0
        key.points.foreach_set("co", points.ravel())
        if key.name == "Basis":
            objects.head.data.vertices.foreach_set("co", points.ravel())
    bpy.context.view_layer.objects.active = objects.head
    bpy.context.view_layer.update()
    return objects


def keys_of(obj: bpy.types.Object) -> dict[str, np.ndarray]:
    return {key.name: key_positions(key) for key in obj.data.shape_keys.key_blocks}


def offsets_of(obj: bpy.types.Object) -> dict[str, np.ndarray]:
    keys = keys_of(obj)
    return {name: points - keys["Basis"] for name, points in keys.items()}


def test_whole_head_needs_nothing(built: HeadObjects) -> None:
    before = keys_of(built.head)
    assert rebuild(built.head) == (built.head, [])
    for name, points in keys_of(built.head).items():
        assert (points == before[name]).all(), name


def test_nothing_missing_needs_no_bundle(addon: None, bundle: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(bundle, tmp_path / "mine"))
    objects = build_head(read_head(folder), bpy.context.scene.collection)
    shutil.rmtree(folder)
    assert rebuild(objects.head) == (objects.head, [])
    bpy.data.objects.remove(objects.camera)
    with pytest.raises(BundleGone, match=r"mine any more: move them back there, or reconstruct"):
        rebuild(objects.head)


def test_bundle_is_found_where_heads_are_kept(addon: None, bundle: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(bundle, tmp_path / "first" / "somebody-1234"))
    objects = build_head(read_head(folder), bpy.context.scene.collection)
    bpy.data.objects.remove(objects.camera)
    (tmp_path / "kept").mkdir()
    folder.rename(tmp_path / "kept" / "somebody-1234")
    assert rebuild(objects.head, [tmp_path / "kept"])[1] == ["photo camera"]


def test_head_of_another_photo_is_refused(built: HeadObjects, bundle: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(bundle, tmp_path / "other"))
    photo = read_head(other).record["photo"]
    bundles.change_record(other, photo={**photo, "sha256": "1" * 64})
    bpy.data.objects.remove(built.camera)
    with pytest.raises(BundleInvalid, match="another photo"):
        rebuild(built.head, [other])


@pytest.mark.parametrize(("deleted", "said"), [
    (["jawOpen"], ["1 blendshape"]), (["eyeBlinkLeft", "mouthClose", "tongueOut"], ["3 blendshapes"]),
    (["Basis"], ["Basis"]), (["Basis", "eyeBlinkLeft", "jawOpen"], ["Basis", "2 blendshapes"]),
])  # fmt: skip
def test_deleted_blendshapes(built: HeadObjects, deleted: list[str], said: list[str]) -> None:
    before, offsets = keys_of(built.head), offsets_of(built.head)
    blocks = built.head.data.shape_keys.key_blocks
    blocks["mouthPucker"].value = 0.4
    for name in deleted:
        built.head.shape_key_remove(blocks[name])
    _, done = rebuild(built.head)
    assert done == said
    blocks = built.head.data.shape_keys.key_blocks
    assert [key.name for key in blocks] == ["Basis", *ARKIT_NAMES]
    assert all(key.relative_key == blocks[0] for key in blocks)
    assert blocks["mouthPucker"].value == pytest.approx(0.4)
    for name, points in keys_of(built.head).items():
        if name in deleted or name == "eyeBlinkLeft":
            assert points - keys_of(built.head)["Basis"] == pytest.approx(offsets[name], abs=2e-7), name
        else:
            assert (points == before[name]).all(), name
    assert keys_of(built.head)["Basis"] == pytest.approx(before["Basis"], abs=2e-7)
    assert positions(built.head) == pytest.approx(before["Basis"], abs=2e-7)


def test_animation_and_drivers_survive_a_deleted_basis(built: HeadObjects) -> None:
    keys = built.head.data.shape_keys
    for frame, value in ((1, 0.0), (11, 1.0)):
        keys.key_blocks["eyeBlinkLeft"].value = value
        keys.key_blocks["eyeBlinkLeft"].keyframe_insert("value", frame=frame)
    reader = keys.key_blocks["eyeBlinkRight"].driver_add("value").driver
    reader.type = "SUM"
    variable = reader.variables.new()
    variable.targets[0].id_type, variable.targets[0].id = "KEY", keys
    variable.targets[0].data_path = 'key_blocks["eyeBlinkLeft"].value'
    built.head.shape_key_remove(keys.key_blocks["Basis"])
    assert rebuild(built.head)[1] == ["Basis"]
    bpy.context.scene.frame_set(6)
    keys = built.head.data.shape_keys
    assert keys.key_blocks["eyeBlinkLeft"].value == pytest.approx(0.5)
    assert keys.key_blocks["eyeBlinkRight"].value == pytest.approx(0.5)


def test_all_blendshapes_come_back_on_the_sculpted_basis(built: HeadObjects, head: Head) -> None:
    before = keys_of(built.head)
    built.head.shape_key_clear()
    _, done = rebuild(built.head)
    assert done == ["52 blendshapes"]
    offsets = offsets_of(built.head)
    assert (keys_of(built.head)["Basis"] == before["Basis"]).all()
    jaw = head.blendshapes[ARKIT_NAMES.index("jawOpen")]
    expected = np.stack([jaw[:, 0], -jaw[:, 2], jaw[:, 1]], -1) / 1000.0
    assert offsets["jawOpen"] == pytest.approx(expected, abs=2e-7)


def test_deleted_rig_comes_back_in_its_place(built: HeadObjects) -> None:
    built.armature.rotation_euler = (0.0, 0.0, 0.5)
    bpy.context.view_layer.update()
    bpy.data.objects.remove(built.armature)
    built.head.location = (0.35, 0.1, 0.0)  # Blender lets children fall back; the person puts the head back
    bpy.context.view_layer.update()
    before = evaluated(built.head)
    head, done = rebuild(built.head)
    assert done == ["armature"]
    bpy.context.view_layer.update()
    assert evaluated(head) == pytest.approx(before, abs=1e-6)
    parts = parts_of(head)
    assert parts.camera == built.camera, "the camera that was left is taken back, no second one made"
    assert [bone.name for bone in parts.armature.data.bones] == ["root", "neck", "head", "jaw", "eye_L", "eye_R"]
    parts.armature.pose.bones["jaw"].rotation_euler.x = 0.3
    moved = np.linalg.norm(evaluated(head) - before, axis=1)
    assert moved.max() > 0.01 and np.median(moved) < 1e-5


def remove_modifier(objects: HeadObjects) -> None:
    objects.head.modifiers.clear()


def unset_modifier(objects: HeadObjects) -> None:
    objects.head.modifiers[0].object = None


def remove_groups(objects: HeadObjects) -> None:
    objects.head.vertex_groups.remove(objects.head.vertex_groups["jaw"])


def remove_camera(objects: HeadObjects) -> None:
    bpy.data.objects.remove(objects.camera)


def remove_photo(objects: HeadObjects) -> None:
    bpy.data.images.remove(objects.camera.data.background_images[0].image)


def remove_materials(objects: HeadObjects) -> None:
    for slot in (0, 2):
        bpy.data.materials.remove(objects.head.data.materials[slot])


def remove_slots(objects: HeadObjects) -> None:
    objects.head.data.materials.clear()


def remove_images(objects: HeadObjects) -> None:
    for image in [image for image in bpy.data.images if "photo" not in image.name]:
        bpy.data.images.remove(image)


def remove_uv(objects: HeadObjects) -> None:
    objects.head.data.uv_layers.remove(objects.head.data.uv_layers[0])


def remove_seen(objects: HeadObjects) -> None:
    objects.head.data.attributes.remove(objects.head.data.attributes["facewright_seen"])


@pytest.mark.parametrize(("damage", "said"), [
    (remove_modifier, ["armature modifier"]), (unset_modifier, ["armature modifier"]),
    (remove_groups, ["1 vertex group"]), (remove_camera, ["photo camera"]), (remove_photo, ["photo"]),
    (remove_materials, ["2 materials"]), (remove_slots, ["5 materials"]), (remove_images, ["4 textures"]),
    (remove_uv, ["UV map"]), (remove_seen, ["what the photo showed"]),
])  # fmt: skip
def test_deleted_parts(
    built: HeadObjects, head: Head, damage: Callable[[HeadObjects], None], said: list[str]
) -> None:
    before, shapes = state(built.head), keys_of(built.head)
    damage(built)
    assert state(built.head) != before
    assert rebuild(built.head) == (built.head, said)
    assert state(built.head) == before
    for name, points in keys_of(built.head).items():
        assert (points == shapes[name]).all(), name
    assert rebuild(built.head)[1] == []


def state(obj: bpy.types.Object) -> dict[str, object]:
    """What of a head Rebuild answers for, besides the shape keys."""
    bpy.context.view_layer.update()
    camera = parts_of(obj).camera
    mesh = obj.data
    slots = [None if material is None else material["facewright_material"] for material in mesh.materials]
    weights = np.zeros((len(mesh.vertices), 6))
    for vertex in mesh.vertices:
        for group in vertex.groups:
            name = obj.vertex_groups[group.group].name
            weights[vertex.index, ["root", "neck", "head", "jaw", "eye_L", "eye_R"].index(name)] = group.weight
    images = [node.image for material in mesh.materials if material for node in material.node_tree.nodes
              if node.type == "TEX_IMAGE"]  # fmt: skip
    uv = np.zeros(len(mesh.loops) * 2, np.float32)
    if mesh.uv_layers:
        mesh.uv_layers[0].data.foreach_get("uv", uv)
    seen = mesh.attributes.get("facewright_seen")
    return {
        "modifiers": [(m.type, getattr(m, "object", None)) for m in obj.modifiers],
        "weights": weights.tobytes(),
        "camera": None if camera is None else [round(v, 5) for row in camera.matrix_local for v in row],
        "photo": camera and [tuple(entry.image.size) for entry in camera.data.background_images if entry.image],
        "materials": [slots[polygon.material_index] if slots else None for polygon in mesh.polygons],
        "images": [image and (tuple(image.size), image.packed_file is not None) for image in images],
        "uv": uv.tobytes(),
        "seen": None if seen is None else [round(value.value, 5) for value in seen.data],
    }


def test_artists_own_materials_stay(built: HeadObjects) -> None:
    mine = bpy.data.materials.new("Mine")
    built.head.data.materials[0] = mine
    bpy.data.materials.remove(built.head.data.materials[3])
    assert rebuild(built.head)[1] == ["1 material"]
    assert built.head.data.materials[0] == mine
    assert built.head.data.materials[3]["facewright_material"] == "teeth"


@pytest.mark.parametrize("left", ["armature", "camera"])
def test_deleted_mesh(built: HeadObjects, head: Head, left: str) -> None:
    resize(built.head, 1.1)
    place = built.armature.matrix_world.copy()
    bpy.data.meshes.remove(built.head.data)  # and with it the object
    again, done = rebuild(getattr(built, left))
    assert done[0] == "mesh"
    bpy.context.view_layer.update()
    assert parts_of(again) == (again, built.armature, built.camera)
    expected = np.stack([head.neutral[:, 0], -head.neutral[:, 2], head.neutral[:, 1]], -1) * 0.0011
    assert positions(again) == pytest.approx(expected, abs=1e-6)
    assert evaluated(again) == pytest.approx(expected + np.array(place.translation), abs=1e-6)
    assert len(again.data.materials) == 5 and len(again.data.shape_keys.key_blocks) == 53
    assert rebuild(again)[1] == []


def test_cut_mesh_is_left_alone(built: HeadObjects) -> None:
    built.head.shape_key_clear()
    mesh = built.head.data
    cut = bmesh.new()
    cut.from_mesh(mesh)
    cut.verts.ensure_lookup_table()
    bmesh.ops.delete(cut, geom=[cut.verts[0]], context="VERTS")
    cut.to_mesh(mesh)
    cut.free()
    with pytest.raises(TopologyChanged, match="other vertices or faces"):
        rebuild(built.head)
    assert mesh.shape_keys is None
    bpy.data.objects.remove(built.camera)
    with pytest.raises(PartlyRebuilt, match=r"^Brought back: photo camera\. The mesh of Head has other vertices"):
        rebuild(built.head)
    assert parts_of(built.head).camera is not None and mesh.shape_keys is None


def test_drivers_of_deleted_keys(built: HeadObjects) -> None:
    curve = built.head.driver_add("pass_index")
    target = curve.driver.variables.new()
    target.type = "SINGLE_PROP"
    target.targets[0].id_type = "KEY"
    target.targets[0].id = built.head.data.shape_keys
    target.targets[0].data_path = 'key_blocks["jawOpen"].value'
    built.head.shape_key_clear()
    assert target.targets[0].id is None
    assert rebuild(built.head)[1] == ["52 blendshapes", "1 driver"]
    assert target.targets[0].id == built.head.data.shape_keys


def test_head_of_an_earlier_version(built: HeadObjects, bundle: Path) -> None:
    for part in (built.head, built.armature, built.camera):
        kept = ("versions", "photo_sha256", "identity", "expression", "camera", "rotation", "translation_mm",
                "jaw_open_degrees")  # fmt: skip
        record = part["facewright"].to_dict()
        part["facewright"] = {name: record[name] for name in kept}
    del built.armature["facewright"], built.camera["facewright"]
    bpy.data.objects.remove(built.camera)
    with pytest.raises(BundleGone):
        rebuild(built.head)
    assert rebuild(built.head, [bundle])[1] == ["photo camera"]
    assert built.head["facewright"]["bundle"] == str(bundle)
    assert built.head["facewright"]["size_factor"] == 1.0


def test_operator(built: HeadObjects) -> None:
    bpy.ops.ed.undo_push(message="built")
    bpy.data.meshes.remove(built.head.data)
    bpy.context.view_layer.objects.active = built.armature
    assert bpy.ops.facewright.rebuild() == {"FINISHED"}
    assert active_head(bpy.context) is not None
    bpy.context.view_layer.objects.active = None
    bpy.data.objects.remove(active_head(bpy.context))
    assert not bpy.ops.facewright.rebuild.poll()


# ------------------------------------------------------------------------------------------------ refresh


@pytest.fixture
def brighter(bundle: Path, tmp_path: Path) -> Path:
    """The head's bundle with another skin texture, of another size."""
    folder = Path(shutil.copytree(bundle, tmp_path / "brighter"))
    Image.new("RGB", (512, 512), (250, 10, 10)).save(folder / "textures/albedo.png")
    Image.new("L", (64, 64), 0).save(folder / "textures/visibility.png")
    bundles.change_record(folder, texture={"size": 512, "effective_size": 100, "seen_percent": 0.0})
    bundles.write_record(folder, {k: v for k, v in read_head(folder, False).record.items() if k != "files"})
    return folder


def test_refresh_changes_images_only(built: HeadObjects, brighter: Path) -> None:
    shapes, before = keys_of(built.head), state(built.head)
    names = sorted(image.name for image in bpy.data.images)
    material = built.head.data.materials[0]
    mine = material.node_tree.nodes.new("ShaderNodeTexImage")  # the artist uses the skin a second time
    mine.image = bpy.data.images["Head_albedo"]
    assert refresh(built.head, NewTextures(read_head(brighter))) == "4 textures of Head made anew, 512 px"
    albedo = bpy.data.images["Head_albedo"]
    assert tuple(albedo.size) == (512, 512) and albedo.packed_file is not None
    assert albedo.pixels[0] == pytest.approx(250 / 255) and mine.image == albedo
    assert sorted(image.name for image in bpy.data.images) == names
    for name, points in keys_of(built.head).items():
        assert (points == shapes[name]).all(), name
    after = state(built.head)
    assert {name for name in before if after[name] != before[name]} == {"images", "seen"}
    assert built.head["facewright"]["texture_size"] == 512
    assert built.armature["facewright"]["textures"] == str(brighter)
    # Rebuild knows where the skin comes from now, and where the shape does.
    bpy.data.images.remove(albedo)
    assert rebuild(built.head)[1] == ["1 texture"]
    assert bpy.data.images["Head_albedo"].size[0] == 512


@pytest.mark.skipif(not ASTRONAUT.is_file(), reason="needs ../shared/data/photos/astronaut.png")
def test_refresh_by_the_worker(addon: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real thing: photo, worker, operator. Sculpted shapes stay to the last bit."""
    pytest.importorskip("scipy", reason="the other Blenders of the matrix have no backend to run")
    from facewright.api import ReconstructRequest, reconstruct

    monkeypatch.setattr(blender_addon.preferences, "heads_folder", lambda: tmp_path)
    made = reconstruct(ReconstructRequest(ASTRONAUT, tmp_path / "head", texture_size=512))
    objects = build_head(read_head(made.bundle), bpy.context.scene.collection)
    remember_photo(HeadParts(objects.head, objects.armature, objects.camera), ASTRONAUT)
    bpy.context.view_layer.objects.active = objects.head
    for key in objects.head.data.shape_keys.key_blocks:
        points = key_positions(key)
        points[:200] += SCULPT
        key.points.foreach_set("co", points.ravel())
    shapes, seen = keys_of(objects.head), state(objects.head)["seen"]
    assert bpy.ops.facewright.refresh_textures(texture_size="1024") == {"FINISHED"}
    assert tuple(bpy.data.images["Head_albedo"].size) == (1024, 1024)
    for name, points in keys_of(objects.head).items():
        assert (points == shapes[name]).all(), name
    # The same photo: what it showed is the same, but for the finer map.
    assert np.mean(np.abs(np.subtract(state(objects.head)["seen"], seen)) > 0.25) < 0.02


def test_refresh_refuses_another_face_model(built: HeadObjects, brighter: Path) -> None:
    record = read_head(brighter).record
    bundles.change_record(brighter, model={"name": "Other", "sha256": "2" * 64, "metric": True})
    with pytest.raises(NotThisHead, match="face model"):
        refresh(built.head, NewTextures(read_head(brighter)))
    assert "Head_albedo" in bpy.data.images and bpy.data.images["Head_albedo"].size[0] == 256
    assert record["model"]["name"] == "Facewright"


def test_refresh_asks_for_the_photo_it_was_made_from(built: HeadObjects, bundle: Path, tmp_path: Path) -> None:
    photo = tmp_path / "me.jpg"
    shutil.copy(bundle / "photo.jpg", photo)
    asked = texture_request(built.head, 1024, None, None)
    assert asked["photo"] == str(bundle / "photo.jpg"), "the bundle's copy, where nobody said where the photo was"
    assert (asked["face"], asked["focal_length_mm"], asked["texture_size"]) == (2, 50.0, 1024)
    remember_photo(parts_of(built.head), photo)
    asked = texture_request(built.head, 1024, None, None)
    assert (asked["photo"], asked["focal_length_mm"]) == (str(photo), None), "the photo says it itself"
    for part in (built.head, built.armature, built.camera):
        part["facewright"] = part["facewright"].to_dict() | {"bundle": str(tmp_path), "textures": str(tmp_path)}
    photo.unlink()
    with pytest.raises(PhotoGone, match=r"somebody\.jpg is not where it was"):
        texture_request(built.head, 1024, None, None)
