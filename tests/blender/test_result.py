"""Compare with the photo, and what was seen: the view and the head are exactly as before afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import bundles
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Quaternion, Vector
from PIL import Image

import blender_addon
from blender_addon.backend_door import Head, read_head
from blender_addon.heads import parts_of, record_of, shape_keys
from blender_addon.scene import look, report, seen
from blender_addon.scene.build import HeadObjects, build_head
from blender_addon.scene.views import View, view_of


@pytest.fixture
def addon() -> Iterator[None]:
    """The extension in Blender's own start-up file, which has a window with a 3D view."""
    bpy.ops.wm.read_factory_settings(use_empty=False)
    blender_addon.register()
    yield
    blender_addon.unregister()


@pytest.fixture
def built(addon: None, head: Head) -> HeadObjects:
    return add(head)


def add(head: Head) -> HeadObjects:
    objects = build_head(head, bpy.context.scene.collection)
    bpy.context.view_layer.objects.active = objects.head
    bpy.context.view_layer.update()
    return objects


def state(view: View) -> dict[str, Any]:
    space, region = view.space, view.space.region_3d
    return {
        "perspective": region.view_perspective, "location": tuple(region.view_location),
        "rotation": tuple(region.view_rotation), "distance": region.view_distance,
        "offset": tuple(region.view_camera_offset), "zoom": region.view_camera_zoom, "camera": space.camera,
        "own": space.use_local_camera, "lock": space.lock_camera, "overlays": space.overlay.show_overlays,
        "bones": space.overlay.show_bones, "floor": space.overlay.show_floor, "shading": space.shading.type,
        "colour": space.shading.color_type, "notes": list(view.screen.keys()),
        "scene camera": bpy.context.scene.camera, "size": bpy.context.scene.render.resolution_x,
    }  # fmt: skip


def head_state(objects: HeadObjects) -> dict[str, Any]:
    data = objects.camera.data
    (entry,) = data.background_images
    return {
        "weights": {name: key.value for name, key in shape_keys(objects.head).items()},
        "photo": (entry.alpha, entry.display_depth, entry.frame_method, data.show_passepartout),
        "notes": [name for name in objects.head.keys() if "before" in name],  # noqa: SIM118
        "colours": objects.head.data.color_attributes.keys(),
        "chosen colours": (objects.head.data.color_attributes.active_color_name,
                           objects.head.data.color_attributes.default_color_name),
    }  # fmt: skip


def test_compare_and_back(built: HeadObjects) -> None:
    view = view_of(bpy.context)
    view.space.region_3d.view_rotation = Quaternion((0.3, -0.8, 0.5), 1.1)
    view.space.overlay.show_overlays = False
    view.space.lock_camera = True
    shape_keys(built.head)["cheekPuff"].value = 0.3
    before, head_before = state(view), head_state(built)

    built.head.facewright_head.overlay_opacity = 0.25
    assert bpy.ops.facewright.look_through_photo() == {"FINISHED"}
    assert view.space.camera == built.camera and view.space.region_3d.view_perspective == "CAMERA"
    assert bpy.context.scene.camera == before["scene camera"], "the scene's camera stays"
    shown = {name: round(key.value, 6) for name, key in shape_keys(built.head).items() if key.value}
    assert shown == bundles.EXPRESSION
    (entry,) = built.camera.data.background_images
    assert (entry.display_depth, entry.alpha) == ("FRONT", 0.25)
    built.head.facewright_head.overlay_opacity = 0.75
    assert entry.alpha == 0.75
    view.space.region_3d.view_rotation = (1.0, 0.0, 0.0, 0.0)  # the person turns the view meanwhile
    view.space.region_3d.view_perspective = "PERSP"

    assert bpy.ops.facewright.look_through_photo() == {"FINISHED"}
    assert state(view) == before and head_state(built) == head_before
    built.head.facewright_head.overlay_opacity = 0.1
    assert entry.alpha == 1.0, "the slider changes nothing while nobody looks"


@pytest.mark.parametrize("last", ["look_through_photo", "show_seen"])
def test_both_at_once(built: HeadObjects, last: str) -> None:
    """Whichever is given back first, nothing stays."""
    view = view_of(bpy.context)
    before, head_before = state(view), head_state(built)
    first = {"look_through_photo": "show_seen", "show_seen": "look_through_photo"}[last]
    for name in ("look_through_photo", "show_seen"):
        getattr(bpy.ops.facewright, name)()
    assert not view.space.overlay.show_bones
    for name in (first, last):
        getattr(bpy.ops.facewright, name)()
    assert state(view) == before and head_state(built) == head_before


def test_sliders_moved_meanwhile_stay(built: HeadObjects) -> None:
    keys = shape_keys(built.head)
    keys["cheekPuff"].value = 0.3
    bpy.ops.facewright.look_through_photo()
    keys["jawOpen"].value = 0.9
    bpy.ops.facewright.look_through_photo()
    left = {name: round(key.value, 6) for name, key in keys.items() if key.value}
    assert left == {"jawOpen": 0.9, "cheekPuff": 0.3}


def test_animated_head_keeps_its_expression(built: HeadObjects) -> None:
    key = shape_keys(built.head)["mouthPucker"]
    key.value = 0.4
    key.keyframe_insert("value", frame=1)
    view = view_of(bpy.context)
    assert look.toggle(view, built.head, bpy.context.scene) is look.Shown.WITHOUT_EXPRESSION
    assert {name: k.value for name, k in shape_keys(built.head).items() if k.value} == {"mouthPucker": key.value}
    assert look.toggle(view, built.head, bpy.context.scene) is look.Shown.AS_BEFORE


def test_change_over_to_another_head(built: HeadObjects, head: Head) -> None:
    view = view_of(bpy.context)
    before, first = state(view), head_state(built)
    other = add(head)
    bpy.ops.facewright.look_through_photo()
    bpy.context.view_layer.objects.active = built.head
    bpy.ops.facewright.look_through_photo()
    assert view.space.camera == built.camera and not any(k.value for k in shape_keys(other.head).values())
    bpy.ops.facewright.look_through_photo()
    assert state(view) == before and head_state(built) == first


def test_undo_while_looking(built: HeadObjects) -> None:
    bpy.ops.ed.undo_push(message="built")
    name, view = built.head.name, view_of(bpy.context)
    before = state(view) | {"camera": view.space.camera.name}
    bpy.ops.facewright.look_through_photo()
    bpy.ops.ed.undo_push(message="look")
    bpy.ops.ed.undo()
    head, view = bpy.data.objects[name], view_of(bpy.context)
    assert not any(key.value for key in shape_keys(head).values()) and look.BEFORE not in head
    bpy.context.view_layer.objects.active = head
    bpy.ops.facewright.look_through_photo()
    after = state(view)
    assert after | {"camera": after["camera"].name, "scene camera": None} == before | {"scene camera": None}


def test_saved_while_looking(built: HeadObjects, tmp_path: Path) -> None:
    before = state(view_of(bpy.context))
    bpy.ops.facewright.look_through_photo()
    bpy.ops.facewright.show_seen()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "looking.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "looking.blend"))
    view, head = view_of(bpy.context), bpy.context.object
    assert look.is_looking(view) and seen.is_shown(view)
    bpy.ops.facewright.look_through_photo()
    bpy.ops.facewright.show_seen()
    after = state(view)
    for name in ("perspective", "rotation", "distance", "zoom", "own", "overlays", "shading", "colour", "notes"):
        assert after[name] == before[name], name
    assert not any(key.value for key in shape_keys(head).values())
    assert head.data.color_attributes.keys() == []


def test_without_camera_nothing_happens(built: HeadObjects) -> None:
    view = view_of(bpy.context)
    bpy.data.objects.remove(built.camera)
    before = state(view)
    with pytest.raises(RuntimeError, match="photo camera is gone; Rebuild brings it back"):
        bpy.ops.facewright.look_through_photo()
    assert state(view) == before and not any(key.value for key in shape_keys(built.head).values())


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1080, 1080), (400, 1600), (320, 400)])
def test_photo_is_as_wide_as_the_frame(built: HeadObjects, width: int, height: int) -> None:
    """The lens was matched to the photo's width: whatever the scene's picture, the photo must keep that."""
    render = bpy.context.scene.render
    render.resolution_x, render.resolution_y = width, height
    (entry,) = built.camera.data.background_images
    method = look.frame_method(entry.image, render)
    # FIT makes it the largest that lies within the frame, CROP the smallest that covers it; the photo is 320 x 400.
    sizes = (width / 320, height / 400)
    assert 320 * (min(sizes) if method == "FIT" else max(sizes)) == pytest.approx(width)


def test_face_comes_into_the_middle(built: HeadObjects) -> None:
    """What the view shows of the camera's frame: the box around the face, in the middle, most of its height."""
    view = view_of(bpy.context)
    bpy.ops.facewright.look_through_photo()
    region = view.space.region_3d
    fac = (np.sqrt(2) + region.view_camera_zoom / 50) ** 2 / 4
    frame = fac * view.width  # pixels of the view
    x, y, width, height = record_of(built.head)["photo"]["box"]
    middle = np.array([x + width / 2, bundles.PHOTO_SIZE[1] - (y + height / 2)])  # from below
    scale = frame / bundles.PHOTO_SIZE[0]
    offset = 2 * fac * np.array(region.view_camera_offset) * (view.width, view.height)
    place = (middle - np.array(bundles.PHOTO_SIZE) / 2) * scale - offset
    assert abs(place[0]) < 1.0 and -0.1 * view.height < place[1] < 0.0
    assert 0.4 < height * scale / view.height < 0.6


def test_seen_follows_the_map(addon: None, tmp_path: Path) -> None:
    """The left half of the texture was seen: the skin is blue there, orange elsewhere, the eyes grey."""
    half = Image.new("L", (256, 256), 0)
    half.paste(255, (0, 0, 128, 256))
    topology, geometry = bundles.synthetic_head()
    folder = bundles.write_bundle(tmp_path / "half", topology, geometry, textures={"visibility": half})
    head = read_head(folder)
    objects = add(head)
    view = view_of(bpy.context)
    before, head_before = state(view), head_state(objects)
    assert bpy.ops.facewright.show_seen() == {"FINISHED"}
    assert (view.space.shading.type, view.space.shading.color_type) == ("SOLID", "VERTEX")
    layer = objects.head.data.color_attributes.active_color
    colours = np.empty(len(layer.data) * 4, np.float32)
    layer.data.foreach_get("color", colours)
    colours = colours.reshape(-1, 4)[:, :3]
    u = np.zeros(len(geometry.neutral))
    u[topology.quads[topology.quads >= 0]] = topology.corner_uv[topology.quads >= 0][:, 0]
    face = head.regions["face"]
    for where, colour in (
        (face[u[face] < 0.49], seen.SEEN_COLOUR), (face[u[face] > 0.51], seen.COMPLETED_COLOUR),
        (head.regions["eye_left"], seen.OTHER_COLOUR),
    ):  # fmt: skip
        assert len(where) and abs(colours[where] - colour).max() < 1e-3
    assert bpy.ops.facewright.show_seen() == {"FINISHED"}
    assert state(view) == before and head_state(objects) == head_before


def test_artists_colours_are_active_again(built: HeadObjects) -> None:
    colours = built.head.data.color_attributes
    colours.active_color = colours.new("Mine", "BYTE_COLOR", "CORNER")
    bpy.ops.facewright.show_seen()
    assert colours.active_color.name != "Mine"
    bpy.ops.facewright.show_seen()
    assert colours.active_color.name == "Mine" and colours.keys() == ["Mine"]


def test_head_that_does_not_say_what_was_seen(built: HeadObjects) -> None:
    built.head.data.attributes.remove(built.head.data.attributes[seen.SEEN])
    before = state(view_of(bpy.context))
    with pytest.raises(RuntimeError, match="does not say what the photo showed"):
        bpy.ops.facewright.show_seen()
    assert state(view_of(bpy.context)) == before


@pytest.mark.parametrize(("mean_px", "words"), [(0.7, "Very close"), (1.5, "Close"), (3.0, "Fair"), (9.0, "Loose")])
def test_likeness_in_words(mean_px: float, words: str) -> None:
    residual = {"mean_px": mean_px, "mean_mm": mean_px * 1.2, "relative": 0.01}
    assert report.likeness({"residual": residual}) == words
    grown = {"residual": residual | {"mean_mm": mean_px * 2.4}, "size_factor": 2.0}
    assert report.likeness(grown) == words, "a larger head fits as well as before"


def test_record_in_words(built: HeadObjects) -> None:
    record = record_of(built.head)
    assert record["residual"]["mean_mm"] == pytest.approx(1.3 * 600.0 / 520.0)
    assert report.likeness(record) == "Very close"
    assert report.warnings(record) == ["The photo is small.", "The head's real size is uncertain by 7 %."]
    said = dict(report.details(record))
    assert said["Photo"] == "somebody.jpg, 320 x 400 px" and said["Skin seen in the photo"] == "23 %"
    for part in parts_of(built.head):
        assert part["facewright"].to_dict() == record


def test_head_of_an_earlier_version(built: HeadObjects) -> None:
    """Its record lacks what later ones say: nothing fails, and nothing is invented."""
    kept = ("versions", "photo_sha256", "identity", "expression", "camera", "rotation", "translation_mm",
            "jaw_open_degrees")  # fmt: skip
    record = record_of(built.head)
    built.head["facewright"] = {name: record[name] for name in kept}
    assert report.likeness(record_of(built.head)) is None and report.warnings(record_of(built.head)) == []
    assert bpy.ops.facewright.look_through_photo() == {"FINISHED"}
    assert built.head.facewright_head.pupil_distance == 0.0


def test_camera_matches_the_photo(built: HeadObjects, head: Head) -> None:
    """Through the view's camera a vertex stands where head.json says it stands in the photo."""
    bpy.ops.facewright.look_through_photo()
    render = bpy.context.scene.render
    render.resolution_x, render.resolution_y = bundles.PHOTO_SIZE
    for vertex in head.regions["teeth_upper"][:5]:
        x, y, z = head.neutral[vertex] @ head.rotation.T + head.translation_mm
        expected = (head.camera.cx - head.camera.fx * x / z, head.camera.cy + head.camera.fy * y / z)
        right, up, front = head.neutral[vertex] / 1000.0
        place = world_to_camera_view(bpy.context.scene, built.camera, Vector((right, -front, up)))
        assert (place.x * 320, (1 - place.y) * 400) == pytest.approx(expected, abs=0.01)
