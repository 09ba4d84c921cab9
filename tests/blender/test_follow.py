"""Drivers of a copied head read from the copy, however it was copied, and stay when a person sets them up."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import bpy
import pytest

from blender_addon.backend_door import Head
from blender_addon.heads import heads_in_file
from blender_addon.scene import follow
from blender_addon.scene.build import HeadObjects, build_head


@pytest.fixture
def built(empty: None, head: Head) -> Iterator[HeadObjects]:
    """A head whose drivers read from its own shape keys, in every kind of datablock."""
    follow.register()
    objects = build_head(head, bpy.context.scene.collection)
    keys, material = objects.head.data.shape_keys, objects.head.data.materials[0]
    drive(keys.key_blocks["eyeBlinkRight"], "value", keys)
    drive(objects.head, "pass_index", keys)
    drive(objects.armature.pose.bones["jaw"], "location", keys)
    drive(material.node_tree.nodes["Principled BSDF"].inputs["Roughness"], "default_value", keys)
    bpy.context.view_layer.update()
    yield objects
    follow.unregister()


def drive(owner: object, path: str, keys: bpy.types.Key, read: str = "eyeBlinkLeft") -> None:
    curve = owner.driver_add(path)
    driver = (curve[0] if isinstance(curve, list) else curve).driver
    driver.type = "SUM"
    variable = driver.variables.new()
    variable.targets[0].id_type, variable.targets[0].id = "KEY", keys
    variable.targets[0].data_path = f'key_blocks["{read}"].value'


def read_by(owner: bpy.types.ID) -> list[bpy.types.ID]:
    """What the drivers of a datablock read from."""
    return [target.id for curve in owner.animation_data.drivers for variable in curve.driver.variables
            for target in variable.targets]  # fmt: skip


def select(*objects: bpy.types.Object) -> None:
    for obj in bpy.context.view_layer.objects:
        obj.select_set(obj in objects)
    bpy.context.view_layer.objects.active = objects[0]


def duplicate(objects: HeadObjects) -> bpy.types.Object:
    select(objects.head)
    bpy.ops.object.duplicate()
    return bpy.context.object


def duplicate_hierarchy(objects: HeadObjects) -> bpy.types.Object:
    select(objects.head, objects.armature, objects.camera)
    bpy.ops.object.duplicate()
    return bpy.context.object


def copy_in_script(objects: HeadObjects) -> bpy.types.Object:
    copy = objects.head.copy()
    copy.data = objects.head.data.copy()
    bpy.context.collection.objects.link(copy)
    return copy


def single_user(objects: HeadObjects) -> bpy.types.Object:
    select(objects.head)
    bpy.ops.object.duplicate(linked=True)
    bpy.ops.object.make_single_user(object=True, obdata=True)
    return bpy.context.object


def single_user_material(objects: HeadObjects) -> bpy.types.Object:
    select(objects.head)
    bpy.ops.object.duplicate(linked=True)
    bpy.ops.object.make_single_user(object=True, obdata=True, material=True)
    return bpy.context.object


WAYS = (duplicate, duplicate_hierarchy, copy_in_script, single_user, single_user_material)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_copies_read_from_themselves(built: HeadObjects, way: Callable[[HeadObjects], bpy.types.Object]) -> None:
    copy = way(built)
    bpy.context.view_layer.update()
    own, theirs = copy.data.shape_keys, built.head.data.shape_keys
    assert own != theirs and own[follow.KEY_TOKEN] != theirs[follow.KEY_TOKEN]
    for head in (copy, built.head):
        keys = head.data.shape_keys
        assert set(read_by(keys)) == {keys}
        assert set(read_by(head)) == {keys}
    assert set(read_by(built.armature)) == {theirs}
    if way is duplicate_hierarchy:
        assert set(read_by(copy.parent)) == {own}
    material = copy.data.materials[0]
    expected = theirs if material == built.head.data.materials[0] else own
    assert set(read_by(material.node_tree)) == {expected}
    own.key_blocks["eyeBlinkLeft"].value = 1.0
    bpy.context.view_layer.update()
    assert (own.key_blocks["eyeBlinkRight"].value, theirs.key_blocks["eyeBlinkRight"].value) == (1.0, 0.0)
    assert (copy.pass_index, built.head.pass_index) == (1, 0)


def test_linked_duplicates_share_their_drivers(built: HeadObjects) -> None:
    select(built.head)
    bpy.ops.object.duplicate(linked=True)
    bpy.context.view_layer.update()
    copy = bpy.context.object
    assert copy.data.shape_keys == built.head.data.shape_keys
    assert set(read_by(copy)) == {built.head.data.shape_keys}


def test_drivers_from_one_head_to_another_stay(built: HeadObjects) -> None:
    copy = copy_in_script(built)
    bpy.context.view_layer.update()
    theirs = built.head.data.shape_keys
    drive(copy.data.shape_keys.key_blocks["jawOpen"], "value", theirs, "jawOpen")
    for change in (duplicate, duplicate_hierarchy):
        change(built)
        bpy.context.view_layer.update()
        follow.follow_after_jump()
        assert theirs in read_by(copy.data.shape_keys)
    assert follow.follow_copies() == 0


def test_undo_and_redo(built: HeadObjects) -> None:
    bpy.ops.ed.undo_push(message="built")
    copy_in_script(built)
    bpy.ops.ed.undo_push(message="copied")  # before the handler has run
    bpy.context.view_layer.update()
    for _ in range(2):
        bpy.ops.ed.undo()
        assert len(list(heads_in_file())) == 1
        bpy.ops.ed.redo()
        for head in heads_in_file():
            assert set(read_by(head)) == {head.data.shape_keys}, head.name


def test_file_saved_without_the_extension(built: HeadObjects, tmp_path: object) -> None:
    follow.unregister()
    copy_in_script(built)
    path = str(tmp_path / "two.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    follow.register()
    bpy.ops.wm.open_mainfile(filepath=path)
    heads = list(heads_in_file())
    assert len(heads) == 2
    for head in heads:
        assert set(read_by(head)) == {head.data.shape_keys}
        assert set(read_by(head.data.shape_keys)) == {head.data.shape_keys}


def test_costs_nothing_while_nothing_is_copied(built: HeadObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    monkeypatch.setattr(follow, "follow_copies", lambda: looked.append(1))
    follow.follow_after_change()
    del looked[:]
    for frame in range(20):
        bpy.context.scene.frame_set(frame)
        built.head.data.shape_keys.key_blocks["jawOpen"].value = frame / 20.0
        bpy.context.view_layer.update()
    assert not looked
    duplicate(built)
    bpy.context.view_layer.update()
    assert looked


def test_heads_of_an_earlier_version_get_tokens(built: HeadObjects) -> None:
    keys = built.head.data.shape_keys
    del keys[follow.KEY_TOKEN]
    follow.follow_after_jump()
    assert keys[follow.KEY_TOKEN]
