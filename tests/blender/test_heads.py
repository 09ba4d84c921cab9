"""Heads survive what people do to objects: parts find each other, records stay, the tools go on working."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest
from readback import evaluated, positions

import blender_addon
from blender_addon.backend_door import Head
from blender_addon.heads import active_head, anchor, heads_in_file, heads_of, parts_of, record_of, shape_keys
from blender_addon.scene import seen
from blender_addon.scene.build import HeadObjects, build_head
from blender_addon.scene.rebuild import CannotRebuild, rebuild
from blender_addon.scene.resize import PUPILS, SizeFixed, set_size, size


@pytest.fixture
def addon(empty: None) -> Iterator[None]:
    blender_addon.register()
    yield
    blender_addon.unregister()


@pytest.fixture
def built(addon: None, head: Head) -> HeadObjects:
    objects = build_head(head, bpy.context.scene.collection)
    select(objects.head)
    return objects


@pytest.fixture
def library(built: HeadObjects, tmp_path: Path) -> Iterator[Path]:
    """A file with one head; another, empty file is open afterwards."""
    path = tmp_path / "library.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return path


def select(*objects: bpy.types.Object) -> None:
    bpy.context.view_layer.update()
    for obj in bpy.context.view_layer.objects:
        obj.select_set(obj in objects)
    bpy.context.view_layer.objects.active = objects[0]


def assert_whole(head: bpy.types.Object) -> None:
    """The head has its parts, its record, 52 blendshapes that move it, and can be looked at and resized."""
    bpy.context.view_layer.update()
    parts = parts_of(head)
    assert None not in parts and len({part.name for part in parts}) == 3
    assert parts.camera.parent == parts.armature
    assert record_of(head)["photo"]["name"] == "somebody.jpg"
    keys = shape_keys(head)
    assert len(keys) == 52
    before = evaluated(head)
    keys["cheekPuff"].value = 1.0
    assert abs(evaluated(head) - before).max() > 1e-3
    keys["cheekPuff"].value = 0.0
    seen.show_colours(head)
    seen.hide_colours(head)
    assert rebuild(head) == (head, [])


def test_renamed_everything(built: HeadObjects) -> None:
    for kind in ("objects", "meshes", "armatures", "cameras", "materials", "images", "shape_keys", "collections"):
        for number, block in enumerate(list(getattr(bpy.data, kind))):
            block.name = f"something {number}"
    assert active_head(bpy.context) == built.head
    assert_whole(built.head)


def test_parts_stand_for_the_head(built: HeadObjects, head: Head) -> None:
    other = build_head(head, bpy.context.scene.collection)
    for objects in (built, other):
        for part in (objects.head, objects.armature, objects.camera):
            select(part)
            assert active_head(bpy.context) == objects.head
    empty = bpy.data.objects.new("Mine", None)
    bpy.context.scene.collection.objects.link(empty)
    select(empty)
    assert active_head(bpy.context) is None, "two heads, and neither is meant"
    assert not bpy.ops.facewright.set_size.poll()
    assert list(heads_of(bpy.context.scene)) == [built.head, other.head]


def duplicate_hierarchy(objects: HeadObjects) -> bpy.types.Object:
    select(objects.head, objects.armature, objects.camera)
    bpy.ops.object.duplicate()
    return bpy.context.object


def duplicate_linked_then_single_user(objects: HeadObjects) -> bpy.types.Object:
    select(objects.head, objects.armature, objects.camera)
    bpy.ops.object.duplicate(linked=True)
    bpy.ops.object.make_single_user(object=True, obdata=True)
    return bpy.context.object


def full_copy_of_the_scene(objects: HeadObjects) -> bpy.types.Object:
    bpy.ops.scene.new(type="FULL_COPY")
    return next(heads_of(bpy.context.scene))


@pytest.mark.parametrize("way", [duplicate_hierarchy, duplicate_linked_then_single_user, full_copy_of_the_scene])
def test_copied_with_everything(built: HeadObjects, way: Callable[[HeadObjects], bpy.types.Object]) -> None:
    """The copy is a head of its own: what is done to it leaves the original alone, and the other way round."""
    copy = way(built)
    assert copy != built.head and copy.data != built.head.data
    assert not set(parts_of(copy)) & set(parts_of(built.head))
    assert_whole(copy)
    before = positions(built.head)
    set_size(copy, PUPILS, 0.08)
    assert size(built.head, PUPILS) == pytest.approx(0.064) and (positions(built.head) == before).all()
    parts_of(copy).armature.pose.bones["jaw"].rotation_euler.x = 0.3
    bpy.context.view_layer.update()
    assert evaluated(built.head) == pytest.approx(before, abs=1e-6)


def test_mesh_copied_on_the_same_rig(built: HeadObjects) -> None:
    select(built.head)
    bpy.ops.object.duplicate()
    copy = bpy.context.object
    assert parts_of(copy).armature == built.armature
    assert_whole(copy)
    with pytest.raises(SizeFixed):
        set_size(copy, PUPILS, 0.08)


def test_linked_duplicate(built: HeadObjects) -> None:
    """It shares mesh and shape keys, so its expression too; both stay heads."""
    select(built.head, built.armature, built.camera)
    bpy.ops.object.duplicate(linked=True)
    copy = bpy.context.object
    assert copy.data == built.head.data and parts_of(copy).armature != built.armature
    assert_whole(copy)
    assert_whole(built.head)


def test_collection_instance(built: HeadObjects) -> None:
    instance = bpy.data.objects.new("Instance", None)
    instance.instance_type, instance.instance_collection = "COLLECTION", built.collection
    bpy.context.scene.collection.objects.link(instance)
    instance.location.x = 1.0
    bpy.context.view_layer.update()
    graph = bpy.context.evaluated_depsgraph_get()
    places = [i.matrix_world.translation.x for i in graph.object_instances if i.object.name == built.head.name]
    assert sorted(places) == pytest.approx([0.0, 1.0])
    select(instance)
    assert active_head(bpy.context) == built.head, "the only head of the scene"
    set_size(built.head, PUPILS, 0.08)
    assert_whole(built.head)


def test_saved_and_loaded(built: HeadObjects, tmp_path: Path) -> None:
    set_size(built.head, PUPILS, 0.07)
    record = record_of(built.head)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "head.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "head.blend"))
    (head,) = heads_in_file()
    assert record_of(head) == record and head.facewright_head.overlay_opacity == 0.5
    assert_whole(head)


def test_appended_twice(library: Path, head: Head) -> None:
    for _ in range(2):
        with bpy.data.libraries.load(str(library)) as (source, target):
            target.collections = source.collections
        for collection in target.collections:
            bpy.context.scene.collection.children.link(collection)
    first, second = heads_in_file()
    for found in (first, second):
        assert_whole(found)
    set_size(first, PUPILS, 0.08)
    assert size(second, PUPILS) == pytest.approx(0.064)


def link(library: Path) -> bpy.types.Object:
    with bpy.data.libraries.load(str(library), link=True) as (_, target):
        target.collections = ["Head"]
    bpy.context.scene.collection.children.link(target.collections[0])
    return next(heads_in_file())


def test_linked(library: Path) -> None:
    head = link(library)
    bpy.context.view_layer.objects.active = head
    parts = parts_of(head)
    assert None not in parts and record_of(head)["photo"]["name"] == "somebody.jpg"
    before = positions(head)
    for tool in (lambda: set_size(head, PUPILS, 0.08), lambda: rebuild(head)):
        with pytest.raises((SizeFixed, CannotRebuild), match="linked from another file: make it local"):
            tool()
    for operator in ("set_size", "look_through_photo", "show_seen", "refresh_textures"):
        assert not getattr(bpy.ops.facewright, operator).poll(), operator
    assert (positions(head) == before).all() and size(head, PUPILS) == pytest.approx(0.064)


def test_library_override(library: Path) -> None:
    """Of object and mesh: expressions can be posed, each override for itself; sizes stay the library's."""
    link(library)
    collection = next(c for c in bpy.data.collections if c.library is not None and c.name == "Head")
    override = collection.override_hierarchy_create(
        bpy.context.scene, bpy.context.view_layer, do_fully_editable=True
    )
    bpy.context.scene.collection.children.unlink(collection)
    assert override is not None
    head = next(heads_of(bpy.context.scene))
    select(head)
    assert not bpy.ops.facewright.look_through_photo.poll(), "its mesh is still the library's"
    head.data.override_create(remap_local_usages=True)
    assert head.library is None and head.data.library is None and head.data.shape_keys.library is None
    assert bpy.ops.facewright.look_through_photo.poll()
    parts = parts_of(head)
    assert None not in parts and all(part.library is None for part in parts)
    before = evaluated(head)
    shape_keys(head)["jawOpen"].value = 1.0
    assert abs(evaluated(head) - before).max() > 0.005
    head.facewright_head.overlay_opacity = 0.3
    with pytest.raises(SizeFixed, match="make it local"):
        set_size(head, PUPILS, 0.08)
    path = library.with_name("user.blend")
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.open_mainfile(filepath=str(path))
    head = next(heads_of(bpy.context.scene))
    assert shape_keys(head)["jawOpen"].value == 1.0
    assert head.facewright_head.overlay_opacity == pytest.approx(0.3)


def test_made_local(library: Path) -> None:
    head = link(library)
    select(head)
    bpy.ops.object.make_local(type="ALL")
    head = next(heads_of(bpy.context.scene))
    assert head.library is None
    select(head)
    assert_whole(head)


def test_copied_and_pasted_between_files(built: HeadObjects, tmp_path: Path) -> None:
    """Ctrl+C writes a small .blend of the selection, Ctrl+V appends from it; so does this."""
    path = tmp_path / "copybuffer.blend"
    bpy.data.libraries.write(str(path), {built.head, built.armature, built.camera}, fake_user=False)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(str(path)) as (source, target):
        target.objects = source.objects
    for obj in target.objects:
        bpy.context.scene.collection.objects.link(obj)
    (head,) = heads_of(bpy.context.scene)
    select(head)
    assert_whole(head)


def test_undo_and_redo_of_deletion_and_repair(built: HeadObjects) -> None:
    bpy.ops.ed.undo_push(message="built")
    bpy.data.objects.remove(built.armature)
    bpy.ops.ed.undo_push(message="deleted")
    bpy.ops.facewright.rebuild()
    bpy.ops.ed.undo_push(message="rebuilt")
    for whole in (True, False, True):
        (head,) = heads_in_file()
        assert (parts_of(head).armature is not None) == whole
        bpy.ops.ed.undo() if whole else bpy.ops.ed.redo()
    (head,) = heads_in_file()
    select(head)
    bpy.ops.facewright.rebuild()
    assert_whole(head)


@pytest.mark.parametrize("left", ["armature", "camera"])
def test_what_is_left_of_a_head_is_found(built: HeadObjects, left: str) -> None:
    bpy.data.objects.remove(built.head)
    part = getattr(built, left)
    select(part)
    assert active_head(bpy.context) is None and anchor(bpy.context) == part
    assert bpy.ops.facewright.rebuild() == {"FINISHED"}
    assert active_head(bpy.context) is not None
    assert_whole(active_head(bpy.context))


def test_several_heads_are_repaired_apart(built: HeadObjects, head: Head) -> None:
    """Each gets its own parts back, in its own place, though both come from the same bundle."""
    other = build_head(head, bpy.context.scene.collection)
    built.armature.location.x, other.armature.location.x = -0.2, 0.2
    bpy.context.view_layer.update()
    shown = {name: evaluated(objects.head) for name, objects in (("built", built), ("other", other))}
    bpy.data.objects.remove(built.camera)
    other.head.shape_key_clear()
    select(other.head)
    bpy.ops.facewright.rebuild()
    assert parts_of(built.head).camera is None and len(shape_keys(built.head)) == 52
    select(built.head)
    bpy.ops.facewright.rebuild()
    assert parts_of(built.head).camera.parent == built.armature and parts_of(other.head).camera == other.camera
    for name, objects in (("built", built), ("other", other)):
        assert_whole(objects.head)
        assert np.array_equal(evaluated(objects.head), shown[name])
