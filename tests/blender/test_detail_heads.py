"""A head's dynamic detail goes along with whatever is done to the head: copies, repairs, sizes, other files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import bpy
import bundles
import detail_bundles
import numpy as np
import pytest

import blender_addon
from blender_addon.backend_door import ARKIT_NAMES, Head, read_head
from blender_addon.detail_nodes import attributes, controls
from blender_addon.detail_nodes.controls import detail_modifier, get_control, input_path, set_control
from blender_addon.heads import heads_in_file, parts_of, record_of, shape_keys
from blender_addon.scene.build import HeadObjects, build_head
from blender_addon.scene.detail import TRUE, displacement_of
from blender_addon.scene.detail_change import can_have_detail, renew_detail
from blender_addon.scene.detail_images import DETAIL_IMAGES, detail_images, read_pixels
from blender_addon.scene.detail_transfer import DYNAMIC, STATIC, CannotTransfer, resized, transfer
from blender_addon.scene.rebuild import rebuild
from blender_addon.scene.refresh import NewTextures, refresh
from blender_addon.scene.resize import resize


@pytest.fixture
def addon(empty: None) -> Iterator[None]:
    blender_addon.register()
    yield
    blender_addon.unregister()


@pytest.fixture
def built(addon: None, detailed: Head) -> HeadObjects:
    objects = build_head(detailed, bpy.context.scene.collection)
    bpy.context.view_layer.objects.active = objects.head
    bpy.context.view_layer.update()
    return objects


@pytest.fixture
def other_bundle(tmp_path: Path) -> Path:
    """The same head with other maps, twice as fine."""
    topology, head = bundles.synthetic_head()
    folder = bundles.write_bundle(tmp_path / "other", topology, head)
    return detail_bundles.add_detail(folder, detail_bundles.small_detail(topology, head, seed=2, size=256))


def factors(head: bpy.types.Object, name: str = "fw_detail_1") -> np.ndarray:
    """(V, 4) what the modifier gives the material."""
    bpy.context.view_layer.update()
    mesh = head.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    values = np.zeros(4 * len(mesh.vertices), np.float32)
    mesh.attributes[name].data.foreach_get("color", values)
    return values.reshape(-1, 4)


def smile(head: bpy.types.Object, value: float = 1.0) -> None:
    for name in ("mouthSmileLeft", "mouthSmileRight", "cheekSquintLeft", "cheekSquintRight"):
        shape_keys(head)[name].value = value


def reads_from(head: bpy.types.Object) -> set[bpy.types.ID]:
    return {target.id for curve in head.animation_data.drivers for variable in curve.driver.variables
            for target in variable.targets}  # fmt: skip


def select(*objects: bpy.types.Object) -> None:
    for obj in bpy.context.view_layer.objects:
        obj.select_set(obj in objects)
    bpy.context.view_layer.objects.active = objects[0]


# ------------------------------------------------------------------------------------------------------- copies


def test_a_copy_wrinkles_by_its_own_face(built: HeadObjects) -> None:
    """The hardest way: object and mesh copied one after the other, by a script."""
    copy = built.head.copy()
    copy.data = built.head.data.copy()
    bpy.context.scene.collection.objects.link(copy)
    bpy.context.view_layer.update()
    assert reads_from(copy) == {copy.data.shape_keys} and reads_from(built.head) == {built.head.data.shape_keys}
    smile(copy)
    assert factors(copy)[:, 1].max() > 0.5 > factors(built.head)[:, 1].max() == 0.0


def test_duplicates_and_renamed_heads(built: HeadObjects) -> None:
    select(built.head, built.armature)
    bpy.ops.object.duplicate()
    copy = next(obj for obj in bpy.context.selected_objects if obj.type == "MESH")
    for number, key in enumerate(copy.data.shape_keys.key_blocks):
        if key.name not in ARKIT_NAMES:
            key.name = f"mine_{number}"
    copy.name, copy.data.name, copy.data.shape_keys.name = "Ä", "Ö", "Ü"
    detail_modifier(copy).name = 'With "quotes"'
    smile(copy)
    assert factors(copy)[:, 1].max() > 0.5 > factors(built.head)[:, 1].max()
    set_control(detail_modifier(copy), controls.STRENGTH, 0.5)
    assert factors(copy)[0, 0] == pytest.approx(0.5) and factors(built.head)[0, 0] == pytest.approx(1.0)


def test_heads_share_one_node_group(built: HeadObjects, detailed: Head) -> None:
    second = build_head(detailed, bpy.context.scene.collection).head
    assert detail_modifier(second).node_group == detail_modifier(built.head).node_group


def test_a_deleted_head_leaves_nothing(built: HeadObjects) -> None:
    for part in (built.head, built.armature, built.camera):
        bpy.data.objects.remove(part)
    bpy.data.collections.remove(built.collection)
    bpy.data.actions.remove(built.photo_expression)  # kept for whoever wants it, by a fake user
    bpy.ops.outliner.orphans_purge(do_recursive=True)
    left = {kind: [block.name for block in getattr(bpy.data, kind)]
            for kind in ("images", "node_groups", "materials", "meshes", "shape_keys")}  # fmt: skip
    assert not any(left.values()), left


# ----------------------------------------------------------------------------------------------------- other files


@pytest.mark.parametrize("link", [False, True])
def test_other_files(built: HeadObjects, tmp_path: Path, link: bool) -> None:
    set_control(detail_modifier(built.head), controls.STATIC, 0.25)
    path = tmp_path / "head.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(str(path), link=link) as (_, wanted):
        wanted.collections = ["Head"]
    (collection,) = wanted.collections
    bpy.context.scene.collection.children.link(collection)
    (head,) = heads_in_file()
    assert factors(head)[0, 0] == pytest.approx(0.25)
    assert len(detail_images(head)) == len(DETAIL_IMAGES)
    if link:
        collection.override_hierarchy_create(bpy.context.scene, bpy.context.view_layer, do_fully_editable=True)
        head = next(obj for obj in heads_in_file() if obj.override_library is not None)
        set_control(detail_modifier(head), controls.STATIC, 0.75)
        assert factors(head)[0, 0] == pytest.approx(0.75), "an override's controls can be set"
    smile(head)
    assert reads_from(head) == {head.data.shape_keys}
    assert factors(head)[:, 1].max() > 0.5


def test_saved_and_loaded_without_scripts(built: HeadObjects, tmp_path: Path) -> None:
    modifier = detail_modifier(built.head)
    built.head.keyframe_insert(input_path(modifier, controls.STRENGTH), frame=1)
    set_control(modifier, controls.STRENGTH, 0.5)
    built.head.keyframe_insert(input_path(modifier, controls.STRENGTH), frame=11)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "head.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "head.blend"), use_scripts=False)
    (head,) = heads_in_file()
    smile(head)
    shown = {}
    for frame in (1, 6, 11):
        bpy.context.scene.frame_set(frame)
        shown[frame] = float(factors(head)[0, 0])
    assert shown == pytest.approx({1: 1.0, 6: 0.75, 11: 0.5}, abs=1e-3)
    assert factors(head)[:, 1].max() > 0.25


# ---------------------------------------------------------------------------------------------- rebuild and refresh


def test_nothing_is_rebuilt_that_is_there(built: HeadObjects) -> None:
    assert rebuild(built.head) == (built.head, [])


def remove_image(head: bpy.types.Object) -> None:
    bpy.data.images.remove(detail_images(head)["keys_3"])


@pytest.mark.parametrize("delete", [
    lambda head: head.modifiers.remove(detail_modifier(head)),
    lambda head: head.data.attributes.remove(head.data.attributes[attributes.ACTIVATION[7]]),
    lambda head: head.driver_remove(input_path(detail_modifier(head), "jawOpen")),
    remove_image,
], ids=["modifier", "mask", "driver", "image"])  # fmt: skip
def test_rebuild(built: HeadObjects, delete: object) -> None:
    head = built.head
    set_control(detail_modifier(head), controls.PORES, 0.5)
    smile(head)
    before = factors(head).copy()
    delete(head)
    assert rebuild(head)[1] == ["dynamic detail"]
    set_control(detail_modifier(head), controls.PORES, 0.5)
    assert np.array_equal(factors(head), before)
    assert rebuild(head)[1] == []
    assert head.modifiers[0] == detail_modifier(head), "before the armature"


def test_rebuild_after_the_worst(built: HeadObjects) -> None:
    """Shape keys and mesh deleted: the wrinkles follow the new ones."""
    built.head.shape_key_clear()
    bpy.context.view_layer.update()
    assert rebuild(built.head)[1] == ["52 blendshapes", "52 drivers"]
    assert reads_from(built.head) == {built.head.data.shape_keys}
    bpy.data.meshes.remove(built.head.data)
    head, done = rebuild(built.armature)
    assert done[:2] == ["mesh", "6 vertex groups"] and "dynamic detail" in done
    smile(head)
    assert factors(head)[:, 1].max() > 0.5


def test_artists_own_skin_needs_no_detail(built: HeadObjects) -> None:
    built.head.data.materials[0] = bpy.data.materials.new("Mine")
    assert rebuild(built.head)[1] == []


def test_refresh_renews_the_detail(built: HeadObjects, other_bundle: Path) -> None:
    modifier = detail_modifier(built.head)
    set_control(modifier, controls.MODE, True)
    built.head.keyframe_insert(input_path(modifier, controls.ONSET), frame=1)
    images = len(bpy.data.images)
    new = NewTextures(read_head(other_bundle))
    assert refresh(built.head, new) == "4 textures and the detail of Head made anew, 256 px"
    shown = detail_images(built.head)
    assert all(tuple(image.size) == (256, 256) and image.packed_file for image in shown.values())
    assert get_control(modifier, controls.MODE) is True
    assert len(built.head.animation_data.drivers) == len(ARKIT_NAMES)
    assert record_of(built.head)["detail"] == str(other_bundle)
    bpy.ops.outliner.orphans_purge(do_recursive=True)
    assert len(bpy.data.images) == images, "the old ones are not kept"
    # Rebuild knows where the detail comes from now.
    remove_image(built.head)
    assert rebuild(built.head)[1] == ["dynamic detail"]
    assert detail_images(built.head)["keys_3"].size[0] == 256


def test_a_head_without_detail_gets_some(addon: None, bundle: Path, other_bundle: Path) -> None:
    objects = build_head(read_head(bundle), bpy.context.scene.collection)
    resize(objects.head, 1.25)
    assert detail_modifier(objects.head) is None and "detail" not in record_of(objects.head)
    assert can_have_detail(objects.head)
    renew_detail(objects.head, read_head(other_bundle))
    smile(objects.head)
    assert factors(objects.head)[0, 0] == pytest.approx(1.25), "millimetres of a larger head"
    assert record_of(objects.armature)["detail"] == str(other_bundle)


# ---------------------------------------------------------------------------------------------------------- size


def test_depth_grows_with_the_head(built: HeadObjects) -> None:
    smile(built.head)
    before = factors(built.head).copy()
    resize(built.head, 1.5)
    assert factors(built.head) == pytest.approx(1.5 * before, abs=1e-5)
    assert rebuild(built.head)[1] == []
    built.head.modifiers.remove(detail_modifier(built.head))
    rebuild(built.head)
    assert factors(built.head) == pytest.approx(1.5 * before, abs=1e-5)


# -------------------------------------------------------------------------------------------------------- transfer


@pytest.mark.parametrize("part", [STATIC, DYNAMIC])
def test_transfer(built: HeadObjects, other_bundle: Path, part: str) -> None:
    other = build_head(read_head(other_bundle), bpy.context.scene.collection).head
    copy = built.head.copy()
    copy.data = built.head.data.copy()  # shares the materials
    bpy.context.scene.collection.objects.link(copy)
    own = {name: read_pixels(image) for name, image in detail_images(built.head).items()}
    theirs = {name: resized(read_pixels(image), 128) for name, image in detail_images(other).items()}
    transfer(built.head, other, part)
    bpy.ops.wm.save_as_mainfile(filepath=str(other_bundle / "saved.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(other_bundle / "saved.blend"))
    head, copy = bpy.data.objects["Head"], bpy.data.objects["Head.001"]
    static = {"keys_1": [0], "tension": [2]}
    for name, image in detail_images(head).items():
        found = read_pixels(image)
        for channel in range(3 if name == "tension" else 4):
            wanted = theirs if (channel in static.get(name, [])) == (part == STATIC) else own
            assert np.array_equal(found[..., channel], wanted[name][..., channel]), (name, channel)
    for name, image in detail_images(copy).items():
        assert np.array_equal(read_pixels(image), own[name]), "the copy keeps its own"
    assert parts_of(head).armature is not None


def test_transfer_needs_two_heads_with_detail(built: HeadObjects, head: Head) -> None:
    plain = build_head(head, bpy.context.scene.collection).head
    with pytest.raises(CannotTransfer, match="has no dynamic detail"):
        transfer(built.head, plain, STATIC)
    remove_image(built.head)
    with pytest.raises(CannotTransfer, match="lost its image keys_3"):
        transfer(built.head, built.head, DYNAMIC)


def test_resized_keeps_means_and_slopes() -> None:
    rows = np.arange(64, dtype=np.uint16)[:, None, None] * np.ones((1, 64, 1), np.uint16) * 100
    half = resized(rows, 32).astype(int)
    assert np.abs(half[4:-4, 0, 0] - np.arange(32)[4:-4] * 200 - 50).max() <= 1
    double = resized(half.astype(np.uint16), 64).astype(int)
    assert np.abs(double[8:-8, 5, 0] - rows[8:-8, 0, 0]).max() <= 1, "a slope stays the same slope"
    assert resized(rows, 64) is rows


def test_resized_maps_are_those_that_the_spline_shows() -> None:
    """What is stored are coefficients: the backend, which wrote them, shows the mean of each square."""
    splines = pytest.importorskip("facewright.dynamic_detail.spline_maps", reason="needs scipy and OpenCV")
    random = np.random.default_rng(1)
    waves = random.normal(0.0, 2000.0, (64, 64)).astype(np.float32)
    stored = np.rint(splines.spline_coefficients(waves) + 32768.0).astype(np.uint16)[..., None]
    shown = splines.spline_values(resized(stored, 32)[..., 0].astype(np.float32) - 32768.0)
    wanted = waves.reshape(32, 2, 32, 2).mean((1, 3))
    assert np.abs(shown - wanted)[2:-2, 2:-2].max() < 3.0


# ------------------------------------------------------------------------------------------------------- operators


def test_reset(built: HeadObjects) -> None:
    modifier = detail_modifier(built.head)
    for control in controls.CONTROLS:
        set_control(modifier, control.key, 0.5)
    assert bpy.ops.facewright.reset_detail() == {"FINISHED"}
    values = controls.get_controls(modifier)
    assert values.pop(controls.SIZE) == 0.5, "the head's size is not the artist's taste"
    assert values == {c.key: c.default for c in controls.CONTROLS if c.key != controls.SIZE}


def test_controls_stay_within_their_range(built: HeadObjects) -> None:
    modifier = detail_modifier(built.head)
    set_control(modifier, controls.ONSET, 3.0)
    assert get_control(modifier, controls.ONSET) == pytest.approx(0.9)
    set_control(modifier, controls.STRENGTH, -1.0)
    assert get_control(modifier, controls.STRENGTH) == 0.0
    with pytest.raises(KeyError):
        get_control(modifier, "no such control")


def test_transfer_operator(built: HeadObjects, other_bundle: Path) -> None:
    other = build_head(read_head(other_bundle), bpy.context.scene.collection).head
    before = {name: image.name for name, image in detail_images(built.head).items()}
    select(built.head)
    assert bpy.ops.facewright.transfer_detail(part=STATIC, source=other.session_uid) == {"FINISHED"}
    changed = {name for name, image in detail_images(built.head).items() if image.name != before[name]}
    assert changed == {"keys_1", "tension"}
    with pytest.raises(RuntimeError, match="deleted meanwhile"):
        bpy.ops.facewright.transfer_detail(part=STATIC, source=0)


def test_operators_need_detail(built: HeadObjects, head: Head) -> None:
    plain = build_head(head, bpy.context.scene.collection).head
    select(plain)
    assert not bpy.ops.facewright.reset_detail.poll() and not bpy.ops.facewright.transfer_detail.poll()
    assert bpy.ops.facewright.make_detail.poll()
    record = plain["facewright"].to_dict()
    plain["facewright"] = record | {"model": "ICT-FaceKit Light"}
    assert not bpy.ops.facewright.make_detail.poll()


def test_displacement_of_the_surface(built: HeadObjects) -> None:
    settings = built.head.facewright_head
    assert settings.displacement == "BUMP"
    settings.displacement = "DISPLACEMENT"
    assert displacement_of(built.head) == TRUE
    assert [modifier.type for modifier in built.head.modifiers] == ["NODES", "ARMATURE", "SUBSURF"]
    settings.displacement = "BUMP"
    assert [modifier.type for modifier in built.head.modifiers] == ["NODES", "ARMATURE"]


def test_folder_of_the_record_moves_with_copies(built: HeadObjects, detail_bundle: Path, tmp_path: Path) -> None:
    """A head whose folder lies elsewhere now gets its detail from there."""
    moved = Path(shutil.copytree(detail_bundle, tmp_path / "moved"))
    for part in (built.head, built.armature, built.camera):
        part["facewright"] = part["facewright"].to_dict() | dict.fromkeys(("bundle", "textures", "detail"), "/gone")
    built.head.modifiers.remove(detail_modifier(built.head))
    assert rebuild(built.head, [moved])[1] == ["dynamic detail"]
