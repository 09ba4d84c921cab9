"""Blender's nodes give the numbers of ``dynamic_detail``: factors at the vertices, their sum with the maps, what
Cycles bakes; also after saving, renaming, copying, appending and linking, with scripts disabled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
import bundles
import detail_bundles
import numpy as np
import pytest
from facewright.dynamic_detail.detail_maps import DetailControls
from facewright.dynamic_detail.tension import compression_and_stretch, deformed, skin_edges, tension
from facewright.dynamic_detail.weight_masks import weight_masks
from facewright.head.bundle import HeadBundle, read_bundle
from facewright.head.detail_masks import TENSION_UNIT, read_masks
from readback import only_mesh

from blender_addon import export
from blender_addon.backend_door import ARKIT_NAMES, Head, read_head
from blender_addon.detail_nodes import attributes, controls
from blender_addon.detail_nodes.blood_flow import blood_flow_group
from blender_addon.detail_nodes.controls import REGIONS, detail_modifier, set_control
from blender_addon.detail_nodes.detail_group import detail_group
from blender_addon.detail_nodes.displacement import HEIGHT, displacement_group
from blender_addon.detail_nodes.sheet import GROUP
from blender_addon.heads import heads_in_file
from blender_addon.scene import follow
from blender_addon.scene.build import HeadObjects, build_head
from blender_addon.scene.detail import (
    BUMP,
    SUBDIVISION,
    TRUE,
    add_detail,
    displacement_of,
    remove_detail,
    set_displacement,
)  # fmt: skip
from blender_addon.scene.detail_images import DETAIL_IMAGES, detail_images, read_pixels
from blender_addon.scene.detail_material import skin_material

if TYPE_CHECKING:
    from facewright.mesh.texel_map import UvSampler

SEEDS = range(10)
UNTOUCHED = 1e6  # mm, of a texel that no face covers
CROWN = 3  # rows of texels in which the small head's faces have no area
CHANNELS = 23  # static, 19 key expressions, compressed, stretched, pores


@pytest.fixture
def built(empty: None, detailed: Head) -> HeadObjects:
    objects = build_head(detailed, bpy.context.scene.collection)
    bpy.context.view_layer.update()
    return objects


@pytest.fixture(scope="session")
def fine_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A head whose faces are small against its maps' waves, with maps of 256 texels."""
    topology, head = bundles.synthetic_head(96)
    folder = bundles.write_bundle(tmp_path_factory.mktemp("bundle") / "fine", topology, head)
    return detail_bundles.add_detail(folder, detail_bundles.small_detail(topology, head, size=256))


def set_randomly(head: bpy.types.Object, seed: int) -> tuple[np.ndarray, DetailControls]:
    """Set weights and controls of a head; what they are then. Even seeds are FaceScape's, odd ones HiFace's."""
    random = np.random.default_rng(seed)
    alpha = random.random(len(ARKIT_NAMES)) * (random.random(len(ARKIT_NAMES)) < (1.0 if seed % 3 else 0.4))
    chosen = DetailControls(
        ("facescape", "hiface")[seed % 2],
        *random.uniform(0.3, 1.5, 4),
        regions=tuple(random.uniform(0.0, 2.0, len(REGIONS))) if seed % 4 < 2 else (1.0,) * len(REGIONS),
        onset=float(random.uniform(0.0, 0.4)) if seed % 5 else 0.0,
    )
    set_weights(head, alpha)
    set_controls(head, chosen)
    return np.array([head.data.shape_keys.key_blocks[name].value for name in ARKIT_NAMES]), chosen


def set_weights(head: bpy.types.Object, alpha: np.ndarray) -> None:
    for name, value in zip(ARKIT_NAMES, alpha, strict=True):
        head.data.shape_keys.key_blocks[name].value = value


def set_controls(head: bpy.types.Object, chosen: DetailControls) -> None:
    modifier = detail_modifier(head)
    set_control(modifier, controls.MODE, chosen.mode == "hiface")
    for key in (controls.STRENGTH, controls.STATIC, controls.DYNAMIC, controls.PORES, controls.ONSET):
        set_control(modifier, key, getattr(chosen, key))
    for region, factor in zip(REGIONS, chosen.regions, strict=True):
        set_control(modifier, region, factor)


def stored_factors(head: bpy.types.Object) -> np.ndarray:
    """(24, V) what the modifier has stored at the vertices: the 23 factors, and blood flow."""
    bpy.context.view_layer.update()
    mesh = head.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    values = np.empty((6, len(mesh.vertices), 4), np.float32)
    for row, name in zip(values, (*attributes.DETAIL, attributes.TENSION), strict=True):
        flat = np.empty(row.size, np.float32)
        mesh.attributes[name].data.foreach_get("color", flat)
        row[:] = flat.reshape(row.shape)
    return values.transpose(0, 2, 1).reshape(24, -1)


def expected_factors(bundle: HeadBundle, alpha: np.ndarray, chosen: DetailControls) -> np.ndarray:
    """(23, V) the same from ``dynamic_detail``, tension in the unit of its image."""
    masks, head = read_masks(bundle.path), bundle.head
    local = chosen.strength * (1.0 + (np.array(chosen.regions) - 1.0) @ masks.regions)
    factors = np.zeros((CHANNELS, len(head.neutral)))
    factors[0], factors[22] = chosen.static * local, chosen.pores * local
    if chosen.mode == "facescape":
        factors[1:20] = weight_masks(masks.activation, masks.key_weights, alpha, chosen.onset)
    else:
        now = tension(skin_edges(bundle.topology, head.neutral), deformed(head.neutral, head.blendshapes, alpha))
        factors[20:22] = np.array(compression_and_stretch(now, chosen.onset)) / TENSION_UNIT
    factors[1:22] *= chosen.dynamic * local
    return factors


def assert_agrees(head: bpy.types.Object, bundle: HeadBundle, seed: int = 4) -> None:
    """Factors of a head are those that numpy has for its weights and controls."""
    alpha, chosen = set_randomly(head, seed)
    expected = expected_factors(bundle, alpha, chosen)
    assert np.abs(stored_factors(head)[:CHANNELS] - expected).max() < 1e-4 * max(1.0, expected.max())


# ------------------------------------------------------------------------------------------------------- numbers


def test_factors_at_the_vertices(built: HeadObjects, detail_bundle: Path) -> None:
    bundle = read_bundle(detail_bundle)
    for seed in SEEDS:
        alpha, chosen = set_randomly(built.head, seed)
        expected = expected_factors(bundle, alpha, chosen)
        got = stored_factors(built.head)
        assert expected[1:22].max() > 0.05  # something shows
        assert np.abs(got[:20] - expected[:20]).max() < 1e-4
        assert np.abs(got[22] - expected[22]).max() < 1e-4
        assert np.abs(got[20:22] - expected[20:22]).max() < 1e-4 * max(1.0, expected[20:22].max())
        assert not got[23].any()  # no blood flow unless asked for


def test_weights_below_zero_count_as_zero(built: HeadObjects, detail_bundle: Path) -> None:
    for key in built.head.data.shape_keys.key_blocks[1:]:
        key.slider_min = -1.0
    alpha = np.where(np.arange(len(ARKIT_NAMES)) % 3, 0.6, -0.6)
    set_weights(built.head, alpha)
    expected = expected_factors(read_bundle(detail_bundle), alpha, DetailControls())
    assert np.abs(stored_factors(built.head)[:CHANNELS] - expected).max() < 1e-4


def test_neutral_shows_static_detail_and_pores_alone(built: HeadObjects) -> None:
    for hiface in (False, True):
        set_control(detail_modifier(built.head), controls.MODE, hiface)
        factors = stored_factors(built.head)
        assert (factors[[0, 22]] == 1.0).all() and np.abs(factors[1:22]).max() < 1e-5


def test_blood_flow_follows_tension_in_both_modes(built: HeadObjects, detail_bundle: Path) -> None:
    bundle, modifier = read_bundle(detail_bundle), detail_modifier(built.head)
    alpha, _ = set_randomly(built.head, 5)
    set_control(modifier, controls.BLOOD_FLOW, 0.5)
    edges = skin_edges(bundle.topology, bundle.head.neutral)
    expected = -0.5 * tension(edges, deformed(bundle.head.neutral, bundle.head.blendshapes, alpha))
    for hiface in (False, True):
        set_control(modifier, controls.MODE, hiface)
        assert np.abs(stored_factors(built.head)[23] - expected).max() < 1e-4 * np.abs(expected).max()


def test_size_makes_all_detail_deeper(built: HeadObjects) -> None:
    set_randomly(built.head, 4)
    before = stored_factors(built.head)
    set_control(detail_modifier(built.head), controls.SIZE, 2.0)
    assert np.allclose(stored_factors(built.head), 2.0 * before, rtol=1e-5, atol=1e-6)


def test_images_hold_the_files_values(built: HeadObjects, detailed: Head) -> None:
    topology, head = bundles.synthetic_head()
    detail = detail_bundles.small_detail(topology, head)
    maps = [detail.static, *detail.dynamic, *(m * TENSION_UNIT for m in (detail.compressed, detail.stretched))]
    expected = detail_bundles.stored(*maps, detail.pores)
    images = detail_images(built.head)
    got = np.concatenate([read_pixels(images[name]) for name in DETAIL_IMAGES], axis=-1)
    assert np.array_equal(got[..., :CHANNELS], expected)
    assert {image.colorspace_settings.name for image in images.values()} == {"Non-Color"}
    assert all(image.packed_file is not None and not image.use_half_precision for image in images.values())


def sampler_of(folder: Path) -> UvSampler:
    """Of the skin, in the size of the bundle's detail; skips where the backend's image library is not installed."""
    pytest.importorskip("cv2", reason="the backend's image library is not installed beside this Blender")
    from facewright.mesh.texel_map import uv_sampler

    bundle = read_bundle(folder)
    return uv_sampler(bundle.topology, "skin", bundle.record["detail"]["size"])


def numpy_displacement(folder: Path, alpha: np.ndarray, chosen: DetailControls) -> np.ndarray:
    """(S, S) mm from the backend, row 0 at v = 1."""
    from facewright.dynamic_detail.synthesis import displacement
    from facewright.head.detail_files import read_detail

    bundle, head, detail = read_bundle(folder), read_bundle(folder).head, read_detail(folder)
    return displacement(
        detail, bundle.topology, head.neutral, head.blendshapes, alpha, chosen, sampler_of(folder)
    )  # fmt: skip


def test_sum_of_images_and_attributes(built: HeadObjects, detail_bundle: Path) -> None:
    sampler = sampler_of(detail_bundle)
    from facewright.head.detail_files import map_of

    images = detail_images(built.head)
    values = np.concatenate([read_pixels(images[name]) for name in DETAIL_IMAGES], -1)[..., :CHANNELS]
    maps = np.stack([map_of(channel) for channel in np.moveaxis(values, 2, 0)], -1)
    for seed in SEEDS:
        expected = numpy_displacement(detail_bundle, *set_randomly(built.head, seed))
        factors = np.stack([sampler.image(values) for values in stored_factors(built.head)[:CHANNELS]], -1)
        total = (maps * factors).sum(-1)
        assert rms(total - expected) < 0.02 * rms(expected)


def test_what_cycles_bakes(empty: None, fine_bundle: Path) -> None:
    sampler_of(fine_bundle)
    head = build_head(read_head(fine_bundle), bpy.context.scene.collection).head
    for seed in (4, 5):
        expected = numpy_displacement(fine_bundle, *set_randomly(head, seed))
        baked = bake_height(head, len(expected))[CROWN:]
        expected = expected[CROWN:]
        hit = baked != UNTOUCHED
        assert rms(expected) > 0.05 and hit.mean() > 0.99
        assert rms((baked - expected)[hit]) < 0.02 * rms(expected[hit])


def test_with_the_modifier_switched_off(built: HeadObjects) -> None:
    # A colour attribute that is missing has an alpha of 1 in Cycles: unguarded, every fourth channel would show.
    set_randomly(built.head, 4)
    detail_modifier(built.head).show_viewport = detail_modifier(built.head).show_render = False
    colour = bake(built.head, 64, skin_group(built.head, blood_flow_group()).outputs["Color"])
    height = bake(built.head, 64, skin_group(built.head, displacement_group()).outputs[HEIGHT], 1000.0)
    assert not height[height != UNTOUCHED].any()
    plain = bake(built.head, 64, skin_group(built.head, blood_flow_group()).inputs["Color"].links[0].from_socket)
    assert np.array_equal(colour, plain) and np.ptp(plain[plain != UNTOUCHED]) > 0.1


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def bake_height(head: bpy.types.Object, size: int) -> np.ndarray:
    """(S, S) mm, the displacement that the head's material computes, baked by Cycles; row 0 at v = 1."""
    return bake(head, size, skin_group(head, displacement_group()).outputs[HEIGHT], 1000.0)[:, :, 0]


def skin_group(head: bpy.types.Object, group: bpy.types.NodeTree) -> bpy.types.Node:
    nodes = skin_material(head).node_tree.nodes
    return next(node for node in nodes if node.type == "GROUP" and node.node_tree == group)


def bake(head: bpy.types.Object, size: int, socket: bpy.types.NodeSocket, times: float = 1.0) -> np.ndarray:
    """(S, S, 3) what a socket of the skin's material holds; row 0 at v = 1; UNTOUCHED where nothing was baked."""
    material, scene = skin_material(head), bpy.context.scene
    nodes, link = material.node_tree.nodes, material.node_tree.links.new
    emission, target = nodes.new("ShaderNodeEmission"), nodes.new("ShaderNodeTexImage")
    link(socket, emission.inputs["Color"])
    output = next(node for node in nodes if node.type == "OUTPUT_MATERIAL")
    link(emission.outputs[0], output.inputs["Surface"])
    target.image = bpy.data.images.new("height", size, size, float_buffer=True, is_data=True)
    nodes.active = target
    for slot in head.material_slots:  # a bake wants an image in every material
        if slot.material != material:
            tree = slot.material.node_tree
            tree.nodes.active = tree.nodes.new("ShaderNodeTexImage")
            tree.nodes.active.image = bpy.data.images.new("other", 8, 8)
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    bpy.context.view_layer.objects.active = head
    head.select_set(True)
    emission.inputs["Strength"].default_value = times
    pixels = np.full(size * size * 4, UNTOUCHED, np.float32)
    target.image.pixels.foreach_set(pixels)
    bpy.ops.object.bake(type="EMIT", margin=0, use_clear=False)
    target.image.pixels.foreach_get(pixels)
    return pixels.reshape(size, size, 4)[::-1, :, :3]


# ------------------------------------------------------------------------------- what becomes of a head in a file


@pytest.mark.parametrize("scripts", (False, True))
def test_after_saving_and_loading(built: HeadObjects, detail_bundle: Path, tmp_path: Path, scripts: bool) -> None:
    path = tmp_path / "head.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.open_mainfile(filepath=str(path), use_scripts=scripts)
    (head,) = heads_in_file()
    assert_agrees(head, read_bundle(detail_bundle))
    assert all(image.size[0] == detail_bundles.SIZE for image in detail_images(head).values())


def test_after_renaming(built: HeadObjects, detail_bundle: Path) -> None:
    head = built.head
    detail_modifier(head).name = 'Falten "tief"'
    head.name, head.data.name, head.data.shape_keys.name = "Anna", "Annas Netz", "Annas Mimik"
    for group in bpy.data.node_groups:
        group.name = f"Gruppe {group.name}"
    for socket in detail_modifier(head).node_group.interface.items_tree:
        if socket.item_type == "SOCKET":
            socket.name = f"Eingang {socket.name}"
    assert_agrees(head, read_bundle(detail_bundle))


def test_when_a_blendshape_is_animated(built: HeadObjects, detail_bundle: Path) -> None:
    bundle, key = read_bundle(detail_bundle), built.head.data.shape_keys.key_blocks["browInnerUp"]
    for frame, value in ((1, 0.0), (11, 1.0)):
        key.value = value
        key.keyframe_insert("value", frame=frame)
    bpy.context.scene.frame_set(8)
    alpha = np.array([built.head.data.shape_keys.key_blocks[name].value for name in ARKIT_NAMES])
    assert 0.5 < alpha.max() < 1.0
    expected = expected_factors(bundle, alpha, DetailControls())
    assert np.abs(stored_factors(built.head)[:CHANNELS] - expected).max() < 1e-4


def test_when_a_control_is_animated(built: HeadObjects) -> None:
    path = controls.input_path(detail_modifier(built.head), controls.STRENGTH)
    for frame, value in ((1, 0.0), (11, 1.0)):
        set_control(detail_modifier(built.head), controls.STRENGTH, value)
        built.head.keyframe_insert(path, frame=frame)
    for frame, expected in ((1, 0.0), (6, 0.5), (11, 1.0)):
        bpy.context.scene.frame_set(frame)
        assert np.allclose(stored_factors(built.head)[0], expected, atol=1e-3)


@pytest.fixture
def following() -> Iterator[None]:
    follow.register()
    yield
    follow.unregister()


def test_a_copy_wrinkles_by_itself(following: None, built: HeadObjects, detail_bundle: Path) -> None:
    copy = built.head.copy()
    copy.data = built.head.data.copy()
    bpy.context.collection.objects.link(copy)
    bpy.context.view_layer.update()
    before = stored_factors(built.head)
    assert_agrees(copy, read_bundle(detail_bundle))
    assert np.array_equal(stored_factors(built.head), before)


@pytest.mark.parametrize("link", (False, True), ids=("append", "link"))
def test_in_another_file(built: HeadObjects, detail_bundle: Path, tmp_path: Path, link: bool) -> None:
    alpha, chosen = set_randomly(built.head, 4)
    path = str(tmp_path / "head.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(path, link=link) as (there, here):
        here.collections = [there.collections[0]]
    bpy.context.scene.collection.children.link(here.collections[0])
    head = next(heads_in_file())
    expected = expected_factors(read_bundle(detail_bundle), alpha, chosen)
    assert np.abs(stored_factors(head)[:CHANNELS] - expected).max() < 1e-4
    if not link:
        assert_agrees(head, read_bundle(detail_bundle), seed=7)


# --------------------------------------------------------------------------------------------- groups and material


def trees() -> list[tuple[str, int, int]]:
    return sorted((tree.name, len(tree.nodes), len(tree.links)) for tree in bpy.data.node_groups)


def test_heads_share_their_groups(built: HeadObjects, detailed: Head) -> None:
    before = trees()
    assert detail_group(detailed.detail.key_weights) == detail_modifier(built.head).node_group
    second = build_head(detailed, bpy.context.scene.collection)
    assert trees() == before
    assert detail_modifier(second.head).node_group == detail_modifier(built.head).node_group
    other = np.array(detailed.detail.key_weights)
    other[0, 0] = 0.125
    assert detail_group(other) != detail_group(detailed.detail.key_weights)


def test_groups_of_an_earlier_version_are_left_alone(built: HeadObjects, detailed: Head) -> None:
    group = detail_modifier(built.head).node_group
    group[GROUP] = "detail 0"
    second = build_head(detailed, bpy.context.scene.collection)
    assert detail_modifier(second.head).node_group != group
    assert detail_modifier(built.head).node_group == group


def test_groups_can_be_read(built: HeadObjects) -> None:
    for tree in bpy.data.node_groups:
        for item in tree.interface.items_tree:
            assert item.description, f"{tree.name}: {item.name} is not explained"
        kinds = {node.bl_idname for node in tree.nodes}
        assert len(tree.nodes) < 12 or "NodeFrame" in kinds, f"{tree.name} has no frames"
        for node in tree.nodes:
            if node.bl_idname not in ("NodeFrame", "NodeGroupInput", "NodeGroupOutput"):
                assert any(socket.is_linked for socket in node.outputs), f"{tree.name}: {node.name} leads nowhere"


def test_displacement_as_bump_and_true(built: HeadObjects) -> None:
    head, material = built.head, skin_material(built.head)
    assert (displacement_of(head), material.displacement_method) == (BUMP, "BUMP")
    set_displacement(head, TRUE, levels=1)
    assert displacement_of(head) == TRUE and material.displacement_method == "BOTH"
    assert [modifier.type for modifier in head.modifiers] == ["NODES", "ARMATURE", "SUBSURF"]
    set_displacement(head, TRUE, levels=2)
    assert [modifier.render_levels for modifier in head.modifiers if modifier.type == "SUBSURF"] == [2]
    set_displacement(head, BUMP)
    assert [modifier.type for modifier in head.modifiers] == ["NODES", "ARMATURE"]
    assert SUBDIVISION not in head and material.displacement_method == "BUMP"


def test_a_subdivision_of_the_artist_stays(built: HeadObjects) -> None:
    own = built.head.modifiers.new("Mine", "SUBSURF")
    own.render_levels = 4
    set_displacement(built.head, TRUE)
    set_displacement(built.head, BUMP)
    assert [modifier.name for modifier in built.head.modifiers][-1] == "Mine" and own.render_levels == 4


def test_plain_shading_still_shows_the_skin(built: HeadObjects) -> None:
    assert skin_material(built.head).node_tree.nodes.active.image.name.endswith("albedo")


def test_a_head_without_detail_keeps_its_bump(empty: None, head: Head, detailed: Head) -> None:
    plain = build_head(head, bpy.context.scene.collection).head
    assert detail_modifier(plain) is None and not any(name in plain.data.attributes for name in attributes.STATIC)
    before = {node.bl_idname for node in skin_material(plain).node_tree.nodes}
    assert "ShaderNodeBump" in before and "ShaderNodeDisplacement" not in before
    add_detail(plain, detailed)
    after = [node.bl_idname for node in skin_material(plain).node_tree.nodes]
    assert not {"ShaderNodeBump", "ShaderNodeTexNoise", "ShaderNodeTexCoord", "ShaderNodeMapping"} & set(after)
    assert after.count("ShaderNodeDisplacement") == 1
    add_detail(plain, detailed)
    assert sorted(after) == sorted(node.bl_idname for node in skin_material(plain).node_tree.nodes)


def test_detail_can_be_taken_off(built: HeadObjects) -> None:
    head, tree = built.head, skin_material(built.head).node_tree
    remove_detail(head)
    assert detail_modifier(head) is None and not detail_images(head)
    assert not any(name in head.data.attributes for name in attributes.STATIC)
    assert head.animation_data is None or not len(head.animation_data.drivers)
    assert {node.bl_idname for node in tree.nodes} == {
        "ShaderNodeTexImage", "ShaderNodeBsdfPrincipled", "ShaderNodeOutputMaterial",
    }  # fmt: skip
    assert tree.nodes["Principled BSDF"].inputs["Base Color"].links[0].from_node.bl_idname == "ShaderNodeTexImage"


def test_files_keep_channels_and_texture(built: HeadObjects, detailed: Head, tmp_path: Path) -> None:
    """FBX knows neither modifiers nor node groups: both stay out of its way, and as they were."""
    assert not export.is_animated(built)
    before = trees(), sorted(node.bl_idname for node in skin_material(built.head).node_tree.nodes)
    export.export_fbx(tmp_path / "head.fbx", built)
    export.export_glb(tmp_path / "head.glb", built)
    assert before == (trees(), sorted(node.bl_idname for node in skin_material(built.head).node_tree.nodes))
    for name, read in (("head.fbx", bpy.ops.import_scene.fbx), ("head.glb", bpy.ops.import_scene.gltf)):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        read(filepath=str(tmp_path / name))
        again = only_mesh()
        assert again.data.shape_keys.key_blocks.keys()[1:] == list(ARKIT_NAMES)
        skin = next(slot.material for slot in again.material_slots if "skin" in slot.material.name)
        shader = next(node for node in skin.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
        assert "albedo" in shader.inputs["Base Color"].links[0].from_node.image.name
