"""Pictures of key expressions: drawn from the mesh, kept as icons, forgotten in time."""

from __future__ import annotations

from collections.abc import Iterator

import bpy
import numpy as np
import pytest

from blender_addon.backend_door import Head
from blender_addon.expressions.key_poses import POSES
from blender_addon.heads import shape_keys
from blender_addon.scene import pose_previews
from blender_addon.scene.build import HeadObjects, build_head
from blender_addon.scene.pose_pictures import Portrait, draw_pose, portrait_of
from blender_addon.scene.pose_previews import clear, draw_pictures, has_pictures, icon_of

USED = [name for pose in POSES.values() for name in pose]


@pytest.fixture
def portrait(built: HeadObjects) -> Portrait:
    return portrait_of(built.head, [*USED, "noSuchShape"])


@pytest.fixture
def previews() -> Iterator[None]:
    yield
    clear()


def test_picture_shows_the_face_upright_and_in_the_middle(portrait: Portrait) -> None:
    picture = draw_pose(portrait, {}, 64)
    assert picture.shape == (64, 64, 4) and picture.dtype == np.float32
    assert picture.min() >= 0.0 and picture.max() <= 1.0
    opacity = picture[..., 3]
    assert opacity[32, 32] == 1.0 and opacity[:, [0, -1]].mean() < opacity.mean()
    # Rows run from the bottom: there is the neck, thinner than the head. The key light comes from above.
    assert 10 < opacity[2].sum() < 0.8 * opacity[32].sum()
    assert picture[44, 32, :3].sum() > picture[20, 32, :3].sum()


def test_pictures_tell_expressions_apart(portrait: Portrait) -> None:
    neutral = draw_pose(portrait, {}, 48)
    differences = [np.abs(draw_pose(portrait, pose, 48) - neutral).max() for pose in POSES.values()]
    assert differences[0] == 0.0 and min(differences[1:]) > 0.005


def test_picture_is_of_the_head_as_it_is(built: HeadObjects, portrait: Portrait) -> None:
    before = draw_pose(portrait, {}, 48)
    for name in ("Basis", *shape_keys(built.head)):
        points = built.head.data.shape_keys.key_blocks[name].data
        for point in points:
            point.co.x *= 0.5
    assert draw_pose(portrait, {}, 48) == pytest.approx(before)  # read once
    assert np.abs(draw_pose(portrait_of(built.head, USED), {}, 48) - before).max() > 0.05


def test_colours_come_from_the_materials(built: HeadObjects) -> None:
    skin = next(m for m in built.head.data.materials if m["facewright_material"] == "skin")
    shader = next(node for node in skin.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    base = shader.inputs["Base Color"]
    skin.node_tree.links.remove(base.links[0])
    base.default_value = (0.0, 0.8, 0.0, 1.0)
    picture = draw_pose(portrait_of(built.head, USED), {}, 32)
    red, green = picture[12, 16, :2]
    assert red < 0.01 and green > 0.5
    built.head.data.materials.clear()
    grey = draw_pose(portrait_of(built.head, USED), {}, 32)[12, 16]
    assert np.ptp(grey[:3]) < 1e-6 and grey[3] == 1.0


def test_icons_are_kept_for_each_head(built: HeadObjects, head: Head, previews: None) -> None:
    other = build_head(head, bpy.context.scene.collection, "Other").head
    assert not has_pictures(built.head) and icon_of(built.head, "smile") == 0
    draw_pictures(built.head, at_once=True)
    assert has_pictures(built.head) and not has_pictures(other)
    icons = [icon_of(built.head, name) for name in POSES]
    # Without a window Blender gives no numbers to icons; the pictures are there all the same.
    assert len(set(icons)) == (1 if bpy.app.background else len(POSES)) and icon_of(other, "smile") == 0
    (collection,) = pose_previews._icons.values()
    assert list(collection) == list(POSES)
    pixels = np.empty(4 * pose_previews.SIZE**2, np.float32)
    collection["smile"].image_pixels_float.foreach_get(pixels)
    wanted = draw_pose(portrait_of(built.head, USED), POSES["smile"], pose_previews.SIZE)
    assert pixels == pytest.approx(wanted.ravel(), abs=1 / 255)
    built.head.name, built.head.data.name, built.head.data.shape_keys.name = "A", "B", "C"
    assert has_pictures(built.head)
    draw_pictures(other)
    assert bpy.app.timers.is_registered(pose_previews._step)
    clear()
    assert not has_pictures(built.head) and not bpy.app.timers.is_registered(pose_previews._step)


def test_pictures_come_one_by_one_and_the_head_may_go(built: HeadObjects, previews: None) -> None:
    draw_pictures(built.head)
    bpy.data.objects.remove(built.head)
    steps = 0
    while pose_previews._step() is not None:
        steps += 1
    assert steps == len(POSES) - 1 and pose_previews._step() is None


def test_only_so_many_heads_are_kept(
    built: HeadObjects, head: Head, previews: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pose_previews, "MOST_HEADS", 1)
    other = build_head(head, bpy.context.scene.collection, "Other").head
    draw_pictures(built.head, at_once=True)
    draw_pictures(other, at_once=True)
    assert has_pictures(other) and not has_pictures(built.head)
