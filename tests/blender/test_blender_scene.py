"""The scene that a bundle becomes: mesh, shape keys, materials, rig, camera, expression, several heads."""

from __future__ import annotations

import time
from pathlib import Path

import bpy
import bundles
import numpy as np
import pytest
from facewright.face_model.base import ARKIT_NAMES
from PIL import Image
from readback import evaluated, key_offsets, positions

from blender_addon.backend_door import BundleInvalid, Head, PhotoCamera
from blender_addon.scene.build import HeadObjects, build_head, build_scene
from blender_addon.scene.camera import match_lens, match_render
from blender_addon.scene.coordinates import to_blender
from blender_addon.scene.expression import set_expression


def expected(points: np.ndarray) -> np.ndarray:
    """Model millimetres to Blender metres, written out: x stays, out of the face is -Y, up is Z."""
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], -1) / 1000.0


def test_mesh_is_the_bundles(built: HeadObjects, head: Head) -> None:
    mesh = built.head.data
    assert positions(built.head) == pytest.approx(expected(head.neutral), abs=1e-7)
    assert np.array(built.head.matrix_world) == pytest.approx(np.eye(4))
    assert len(mesh.polygons) == len(head.quads)
    for polygon, quad, material in zip(mesh.polygons, head.quads, head.material, strict=True):
        assert list(polygon.vertices) == [v for v in quad if v >= 0]
        assert polygon.material_index == material and polygon.use_smooth
    uv = np.empty(len(mesh.loops) * 2, np.float32)
    mesh.uv_layers["UVMap"].data.foreach_get("uv", uv)
    assert uv.reshape(-1, 2) == pytest.approx(head.uv[head.quads >= 0])
    face = positions(built.head)[head.regions["teeth_upper"]]
    assert face[:, 1].mean() < positions(built.head)[:, 1].mean()  # the mouth looks along -Y


def test_52_shape_keys(built: HeadObjects, head: Head) -> None:
    keys = built.head.data.shape_keys.key_blocks
    assert [key.name for key in keys] == ["Basis", *ARKIT_NAMES]
    assert all((k.slider_min, k.slider_max, k.value, k.mute) == (0.0, 1.0, 0.0, False) for k in keys[1:])
    offsets = key_offsets(built.head)
    for name, offset in zip(head.blendshape_names, head.blendshapes, strict=True):
        assert offsets[name] == pytest.approx(expected(offset), abs=2e-7), name


def test_shape_keys_mix_linearly_under_the_armature(built: HeadObjects, head: Head) -> None:
    weights = {"jawOpen": 0.5, "mouthSmileLeft": 1.0, "eyeLookUpRight": 0.25}
    set_expression(built.head, weights)
    shape = head.neutral + sum(w * head.blendshapes[ARKIT_NAMES.index(n)] for n, w in weights.items())
    assert evaluated(built.head) == pytest.approx(expected(shape), abs=1e-6)
    set_expression(built.head, {})
    assert evaluated(built.head) == pytest.approx(expected(head.neutral), abs=1e-6)


def test_materials_and_packed_textures(built: HeadObjects) -> None:
    slots = [material.name for material in built.head.data.materials]
    assert slots == ["Head_skin", "Head_eye", "Head_cornea", "Head_teeth", "Head_mouth"]
    for slot, file in (("skin", "albedo"), ("eye", "iris"), ("teeth", "teeth"), ("mouth", "mouth")):
        nodes = bpy.data.materials[f"Head_{slot}"].node_tree.nodes
        shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
        image = shader.inputs["Base Color"].links[0].from_node.image
        assert image.packed_file is not None
        assert image.filepath == f"//textures/{file}.png"
        assert image.has_data or image.size[0] > 0
        assert image.colorspace_settings.name == "sRGB"
    skin = next(n for n in bpy.data.materials["Head_skin"].node_tree.nodes if n.type == "BSDF_PRINCIPLED")
    depth = skin.inputs["Subsurface Scale"].default_value
    assert 0.0005 < depth < 0.005  # metres: light goes millimetres deep, not centimetres
    kinds = {node.type for node in bpy.data.materials["Head_cornea"].node_tree.nodes}
    assert {"BSDF_TRANSPARENT", "BSDF_GLOSSY", "FRESNEL"} <= kinds


def test_pixels_arrive_upright(built: HeadObjects, bundle: Path) -> None:
    image = bpy.data.images["Head_albedo"]
    width, height = image.size
    pixels = np.array(image.pixels[:]).reshape(height, width, 4)  # Blender's row 0 is the bottom, v = 0
    with Image.open(bundle / "textures" / "albedo.png") as file:
        assert pixels[::-1, :, :3] * 255 == pytest.approx(np.array(file.convert("RGB")), abs=0.6)


def test_rig_at_rest_moves_nothing(built: HeadObjects, head: Head) -> None:
    bones = built.armature.data.bones
    parents = {bone.name: bone.parent.name if bone.parent else None for bone in bones}
    below_head = dict.fromkeys(("jaw", "eye_L", "eye_R"), "head")
    assert parents == {"root": None, "neck": "root", "head": "neck", **below_head}
    assert built.head.parent == built.armature
    assert evaluated(built.head) == pytest.approx(expected(head.neutral), abs=1e-6)
    for bone in bones:  # one axis for all: a positive turn about x nods, opens, looks down
        assert np.array(bone.x_axis) == pytest.approx([1.0, 0.0, 0.0], abs=1e-5), bone.name
    sums = [sum(group.weight for group in vertex.groups) for vertex in built.head.data.vertices]
    assert sums == pytest.approx(np.ones(len(sums)), abs=1e-5)


def test_jaw_bone_opens_the_mouth_like_the_blendshape(built: HeadObjects, head: Head) -> None:
    angle = np.radians(built.head["facewright"]["jaw_open_degrees"])
    bone = built.armature.pose.bones["jaw"]
    bone.rotation_euler = (angle, 0.0, 0.0)
    opened = expected(head.neutral + head.blendshapes[ARKIT_NAMES.index("jawOpen")])
    moved = evaluated(built.head)
    for part in ("teeth_lower", "tongue"):
        ids = head.regions[part]
        assert moved[ids] == pytest.approx(opened[ids], abs=1e-5), part
    assert abs(moved - opened).max() < 0.0008  # skin that follows by less than JAW_NOISE is left alone
    upper = head.regions["teeth_upper"]
    assert moved[upper] == pytest.approx(expected(head.neutral[upper]), abs=1e-6)


def test_bones_and_keys_add(built: HeadObjects, head: Head) -> None:
    """A key set on top of a turned bone moves the vertex by the key's offset, turned along, and once."""
    ids = head.regions["tongue"]
    built.armature.pose.bones["jaw"].rotation_euler = (0.2, 0.0, 0.0)
    before = evaluated(built.head)[ids]
    set_expression(built.head, {"tongueOut": 1.0})
    moved = np.linalg.norm(evaluated(built.head)[ids] - before, axis=1)
    assert moved == pytest.approx(0.020, abs=1e-5)


@pytest.mark.parametrize(("bone", "side", "other"), [("eye_L", "left", "right"), ("eye_R", "right", "left")])
def test_eye_bones_turn_the_eyeballs(built: HeadObjects, head: Head, bone: str, side: str, other: str) -> None:
    built.armature.pose.bones[bone].rotation_euler = (0.35, 0.0, 0.0)
    moved = evaluated(built.head)
    ids = head.regions[f"eye_{side}"]
    centre = expected(bundles.EYE_CENTRES[side])
    assert np.linalg.norm(moved[ids] - centre, axis=1) == pytest.approx(0.012, abs=1e-5)
    pole = ids[-2]  # the pupil
    assert moved[pole, 2] == pytest.approx(-0.012 * np.sin(0.35), abs=1e-5)
    still = np.setdiff1d(np.arange(len(moved)), np.concatenate([ids, head.regions[f"cornea_{side}"]]))
    assert moved[still] == pytest.approx(expected(head.neutral[still]), abs=1e-6)
    assert other != side


def test_head_bone_turns_everything_above_the_neck(built: HeadObjects, head: Head) -> None:
    built.armature.pose.bones["head"].rotation_quaternion = (0.966, 0.259, 0.0, 0.0)  # nod 30 degrees
    moved = np.linalg.norm(evaluated(built.head) - expected(head.neutral), axis=1)
    rim = head.regions["face"][:25]
    assert moved[rim] == pytest.approx(0.0, abs=1e-6)
    assert moved[head.regions["eye_left"]].min() > 0.02


def project(head: Head, camera: PhotoCamera) -> np.ndarray:
    """The contract of head.json, written out: (V, 2) pixels, origin top left."""
    x, y, z = (head.neutral @ head.rotation.T + head.translation_mm).T
    return np.stack([camera.cx - camera.fx * x / z, camera.cy + camera.fy * y / z], -1)


@pytest.mark.parametrize("fy", [520.0, 610.0, 455.0])
def test_camera_sees_what_the_photo_saw(built: HeadObjects, head: Head, fy: float) -> None:
    camera = head.camera._replace(fy=fy)
    scene = bpy.context.scene
    match_lens(built.camera.data, camera)
    match_render(scene.render, camera)
    graph = bpy.context.evaluated_depsgraph_get()
    graph.update()
    render = scene.render
    projection = np.array(built.camera.calc_matrix_camera(
        graph, x=render.resolution_x, y=render.resolution_y,
        scale_x=render.pixel_aspect_x, scale_y=render.pixel_aspect_y,
    ))  # fmt: skip
    view = np.linalg.inv(np.array(built.camera.matrix_world))
    points = np.column_stack([expected(head.neutral), np.ones(len(head.neutral))])
    clip = points @ (projection @ view).T
    ndc = clip[:, :2] / clip[:, 3:]
    pixels = np.stack([(ndc[:, 0] + 1) / 2 * camera.width, (1 - ndc[:, 1]) / 2 * camera.height], -1)
    assert pixels == pytest.approx(project(head, camera), abs=0.01)


def test_photo_is_the_cameras_background(built: HeadObjects) -> None:
    scene = bpy.context.scene
    assert scene.camera == built.camera
    assert (scene.render.resolution_x, scene.render.resolution_y) == (320, 400)
    (background,) = built.camera.data.background_images
    assert built.camera.data.show_background_images and background.show_background_image
    assert tuple(background.image.size) == bundles.PHOTO_SIZE
    assert background.image.packed_file is not None
    assert background.frame_method == "STRETCH" and background.display_depth == "BACK"


def test_camera_follows_a_moved_head(built: HeadObjects) -> None:
    before = built.camera.matrix_world.translation.copy()
    built.armature.location = (1.0, 2.0, 3.0)
    bpy.context.view_layer.update()
    assert list(built.camera.matrix_world.translation - before) == pytest.approx([1.0, 2.0, 3.0], abs=1e-6)


def test_photos_expression_is_kept_and_the_head_opens_neutral(built: HeadObjects) -> None:
    keys = built.head.data.shape_keys
    assert all(key.value == 0.0 for key in keys.key_blocks[1:])
    assert keys.animation_data is None or keys.animation_data.action is None
    action = bpy.data.actions["Head_photo_expression"]
    assert action.use_fake_user and action == built.photo_expression
    data = keys.animation_data_create()
    data.action = action
    if hasattr(data, "action_slot") and data.action_slot is None:
        data.action_slot = action.slots[0]
    bpy.context.scene.frame_set(1)
    found = {key.name: round(key.value, 6) for key in keys.key_blocks[1:] if key.value}
    assert found == bundles.EXPRESSION


def test_metadata(built: HeadObjects, head: Head) -> None:
    data = built.head["facewright"]
    assert list(data["identity"]) == bundles.IDENTITY
    assert data["expression"].to_dict() == bundles.EXPRESSION
    assert data["camera"]["fx"] == head.camera.fx
    assert data["versions"]["facewright"] == "0.1.0"


def test_several_heads_in_one_file(built: HeadObjects, head: Head) -> None:
    scene = bpy.context.scene
    camera, engine = scene.camera, scene.render.engine
    bigger = head._replace(neutral=head.neutral * 1.1, expression={"jawOpen": 1.0})
    second = build_head(bigger, scene.collection)
    third = build_head(head, scene.collection)
    assert [o.head.name for o in (built, second, third)] == ["Head", "Head_2", "Head_3"]
    assert second.armature.name == "Head_2_rig" and third.camera.name == "Head_3_photo_camera"
    assert second.photo_expression.name == "Head_2_photo_expression"
    assert second.head.data.materials[0].name == "Head_2_skin"
    assert not any(name.endswith(".001") for kind in ("objects", "materials", "meshes", "images", "actions")
                   for name in [block.name for block in getattr(bpy.data, kind)])  # fmt: skip
    assert scene.camera == camera and scene.render.engine == engine  # the scene is left alone
    second.armature.location.x = 0.5
    second.armature.pose.bones["jaw"].rotation_euler.x = 0.3
    set_expression(third.head, {"cheekPuff": 1.0})
    assert evaluated(built.head) == pytest.approx(expected(head.neutral), abs=1e-6)
    assert positions(second.head) == pytest.approx(expected(bigger.neutral), abs=1e-6)


def test_build_in_a_scene_with_an_active_object(empty: None, head: Head) -> None:
    """Selection, active object and mode of the artist's scene survive."""
    cube = bpy.data.objects.new("Mine", bpy.data.meshes.new("Mine"))
    bpy.context.scene.collection.objects.link(cube)
    bpy.context.view_layer.objects.active = cube
    cube.select_set(True)
    build_head(head, bpy.context.scene.collection)
    assert bpy.context.view_layer.objects.active == cube and cube.select_get()
    assert cube.mode == "OBJECT"


def test_inconsistent_faces_are_refused_and_leave_nothing(empty: None, head: Head) -> None:
    quads = head.quads.copy()
    quads[5, 1] = quads[5, 0]
    with pytest.raises(BundleInvalid, match="not a consistent mesh"):
        build_scene(head._replace(quads=quads))
    assert not bpy.data.objects and not bpy.data.meshes and not bpy.data.materials and not bpy.data.images


def test_axes_and_units() -> None:
    # Left of the subject, up, and out of the face, one metre each.
    moved = to_blender(np.eye(3) * 1000.0)
    assert moved.tolist() == [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]
    assert moved.dtype == np.float32 and moved.flags.c_contiguous


def test_time_for_a_real_size(empty: None) -> None:
    """46,000 vertices, 52 shape keys: at most 1.5 s on one free core (allow a busy machine twice that)."""
    topology, geometry = bundles.synthetic_head(cells=212)
    from blender_addon.scene.mesh import build_mesh
    from blender_addon.scene.skinning import skin

    small = Head(
        geometry.neutral, geometry.blendshapes, ARKIT_NAMES, topology.quads, topology.corner_uv, topology.material,
        ("skin", "eye", "cornea", "teeth", "mouth"), topology.regions, PhotoCamera(**bundles.CAMERA), np.eye(3),
        np.zeros(3), {}, *[None] * 5, {},
    )  # fmt: skip
    assert len(small.neutral) > 45_000
    started = time.process_time()
    build_mesh(small, "Head")
    skin(small)
    assert time.process_time() - started < 1.5
