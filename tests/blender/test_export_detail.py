"""Wrinkle maps beside an exported file: made of the head as it stands in the scene, in the export's own process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import bpy
import bundles
import detail_bundles
import numpy as np
import pytest
from exporting_help import animated_snapshot

pytest.importorskip("scipy", reason="the other Blenders of the matrix have no backend to run")
pytest.importorskip("cv2", reason="the other Blenders of the matrix have no backend to run")

from facewright.face_model.load import load_face_model

import blender_addon
from blender_addon import preferences
from blender_addon.backend_door import ARKIT_NAMES, FaceError, Head, read_head, write_engine_detail
from blender_addon.detail_nodes import attributes, controls
from blender_addon.detail_nodes.controls import detail_modifier, set_control
from blender_addon.exporting import running
from blender_addon.exporting.gather import gather
from blender_addon.exporting.gather_detail import DetailIncomplete, save_detail
from blender_addon.exporting.sample import Range
from blender_addon.exporting.task import Settings, start
from blender_addon.scene.build import HeadObjects, build_head
from blender_addon.scene.detail_images import detail_images, new_image, read_pixels


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Head:
    """The built-in model's mean head with made-up detail: engines' regions need its eyes and mouth."""
    from facewright.face_model.base import HeadGeometry

    model = load_face_model(None)
    identity = np.zeros(model.identity_dims)
    head = HeadGeometry(model.neutral(identity), model.blendshapes(identity))
    folder = tmp_path_factory.mktemp("person") / "head"
    bundles.write_bundle(folder, model.topology, head)
    return read_head(detail_bundles.add_detail(folder, detail_bundles.small_detail(model.topology, head)))


@pytest.fixture
def ready(empty: None, person: Head, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HeadObjects]:
    (tmp_path / "user").mkdir()
    monkeypatch.setattr(preferences, "user_folder", lambda: tmp_path / "user")
    blender_addon.register()
    objects = build_head(person, bpy.context.scene.collection)
    bpy.context.view_layer.objects.active = objects.head
    yield objects
    blender_addon.unregister()


def test_maps_lie_beside_the_file(ready: HeadObjects, tmp_path: Path) -> None:
    """The whole way, as a person goes it; at half density, since maps fit every density."""
    export = {"filepath": str(tmp_path / "Anna"), "preset": "FBX_UNREAL", "density": "HALF", "animation": "NONE"}
    assert bpy.ops.facewright.export(**export) == {"FINISHED"}
    report = running.last()
    assert report.level == "INFO"
    line, note = report.lines()
    assert line.startswith("Anna.fbx: 52 channels")
    assert note.startswith("Anna_detail: wrinkle maps, within ") and note.endswith(" % of the head's own")
    assert {path.name for path in tmp_path.iterdir()} == {"Anna.fbx", "Anna.fbm", "Anna_detail", "user"}
    table = json.loads((tmp_path / "Anna_detail" / "Anna_detail.json").read_text(encoding="utf-8"))
    assert table["maps"]["normal"].endswith("down (DirectX)"), "as Unreal wants it"
    files = {path.name for path in (tmp_path / "Anna_detail").iterdir()}
    named = {f"{entry['file']}_{kind}.png" for entry in (*table["wrinkle_sets"], *table["tension_pair"])
             for kind in ("normal", "height")}  # fmt: skip
    masks = {entry["mask"] for entry in table["regions"]}
    neutral = {"Anna_neutral_normal.png", "Anna_neutral_height.png"}
    assert files == named | masks | neutral | {"Anna_detail.json", "Unreal.md", "Unity.md"}
    known = {name for part in table["wrinkle_sets"] for row in part["weights"] for name in row["blendshapes"]}
    assert known and known <= set(ARKIT_NAMES)


def test_without_the_option_there_are_none(
    empty: None, detailed: Head, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "user").mkdir()
    monkeypatch.setattr(preferences, "user_folder", lambda: tmp_path / "user")
    head = build_head(detailed, bpy.context.scene.collection).head
    settings = Settings("GLB", tmp_path / "Anna.glb", animation=Range.NONE, wrinkle_maps=False)
    assert start([head], bpy.context.scene, settings).wait().lines()[1:] == [
        "Not in the file: modifier Facewright Detail of Head"
    ]
    assert {path.name for path in tmp_path.iterdir()} == {"Anna.glb", "Anna_textures", "user"}


def test_what_is_gathered_is_what_the_scene_shows(ready: HeadObjects, person: Head, tmp_path: Path) -> None:
    """Painted pixels, sculpted shapes, and the controls as they are set; the scene stays as it is."""
    head, modifier = ready.head, detail_modifier(ready.head)
    for key, value in {controls.STRENGTH: 0.5, controls.SIZE: 2.0, controls.STATIC: 0.5, controls.ONSET: 0.25,
                       controls.REGIONS[2]: 0.75}.items():  # fmt: skip
        set_control(modifier, key, value)
    old = detail_images(head)["keys_2"]
    painted = read_pixels(old)
    painted[5, 7] = (1, 2, 3, 4)
    old.user_remap(new_image(old, painted))
    head.data.shape_keys.key_blocks["jawOpen"].data[11].co.z += 0.01
    assert save_detail(head, gather(head, bpy.context.scene, Range.NONE), tmp_path / "detail.npz")
    with np.load(tmp_path / "detail.npz") as saved:
        assert saved["pixels"].shape == (6, 128, 128, 4) and saved["pixels"][1, 5, 7].tolist() == [1, 2, 3, 4]
        factors = {name: float(saved[name]) for name in ("static", "dynamic", "pores", "onset")}
        assert factors == pytest.approx({"static": 0.5, "dynamic": 1.0, "pores": 1.0, "onset": 0.25})
        assert saved["region_factors"] == pytest.approx([1.0, 1.0, 0.75, 1.0, 1.0, 1.0])
        assert saved["activation"] == pytest.approx(person.detail.activation, abs=1e-6)
        assert saved["regions"] == pytest.approx(person.detail.regions, abs=1e-6)
        assert np.array_equal(saved["quads"], person.quads) and saved["corner_uv"] == pytest.approx(person.uv)
        length = np.linalg.norm(saved["blendshapes"], axis=2)
        wanted = np.linalg.norm(person.blendshapes, axis=2)
        apart = np.argwhere(np.abs(length - wanted) > 1e-2)
        assert (ARKIT_NAMES.index("jawOpen"), 11) in {tuple(pair) for pair in apart} and len(apart) == 1


def test_heads_without_detail_have_no_maps(empty: None, head: Head, tmp_path: Path) -> None:
    objects = build_head(head, bpy.context.scene.collection)
    assert not save_detail(objects.head, animated_snapshot(objects), tmp_path / "detail.npz")
    assert not (tmp_path / "detail.npz").exists()


@pytest.mark.parametrize("lose", [
    lambda head: bpy.data.images.remove(detail_images(head)["tension"]),
    lambda head: head.data.attributes.remove(head.data.attributes[attributes.REGION[0]]),
    lambda head: setattr(head.data.shape_keys.key_blocks["jawOpen"], "name", "mine"),
], ids=["image", "mask", "blendshape"])  # fmt: skip
def test_detail_that_is_not_whole_is_refused(ready: HeadObjects, tmp_path: Path, lose: object) -> None:
    lose(ready.head)
    snapshot = gather(ready.head, bpy.context.scene, Range.NONE)
    with pytest.raises(DetailIncomplete, match="Rebuild brings it back, or switch Wrinkle Maps off"):
        save_detail(ready.head, snapshot, tmp_path / "detail.npz")
    with pytest.raises(RuntimeError, match="is not whole"):
        bpy.ops.facewright.export(filepath=str(tmp_path / "Anna"), preset="GLB")
    assert {path.name for path in tmp_path.iterdir()} == {"user"} and not list((tmp_path / "user").iterdir())


def test_a_small_head_has_no_mouth_to_cut_regions_by(empty: None, detailed: Head, tmp_path: Path) -> None:
    objects = build_head(detailed, bpy.context.scene.collection)
    objects.head.data.shape_keys.name = "Key"
    snapshot = gather(objects.head, bpy.context.scene, Range.NONE)
    with pytest.raises(FaceError, match=r"not whole \(its faces\)"):  # its eyeballs have triangles
        save_detail(objects.head, snapshot, tmp_path / "detail.npz")


def test_a_mesh_that_was_changed_is_one_sentence(ready: HeadObjects, tmp_path: Path) -> None:
    ready.head.data.uv_layers[0].data[40].uv.x += 0.2
    snapshot = gather(ready.head, bpy.context.scene, Range.NONE)
    save_detail(ready.head, snapshot, tmp_path / "detail.npz")
    with pytest.raises(FaceError, match="Switch Wrinkle Maps off"):
        write_engine_detail(tmp_path / "detail.npz", tmp_path, "Anna", False)
