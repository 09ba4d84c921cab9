"""Blender's nodes give the numbers of ``dynamic_detail``: factors at the vertices, their sum with the maps, and what
Cycles bakes; also after saving, renaming, copying, appending and linking, with scripts disabled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bpy
import bundles
import detail_bundles
import numpy as np
import pytest
from facewright.dynamic_detail.detail_maps import DetailControls
from facewright.dynamic_detail.tension import compression_and_stretch, deformed, skin_edges, tension
from facewright.dynamic_detail.weight_masks import weight_masks
from facewright.head.bundle import HeadBundle, read_bundle
from facewright.head.detail_masks import OFFSET, STEP_MM, TENSION_UNIT, read_masks

from blender_addon.backend_door import ARKIT_NAMES, Head, read_head
from blender_addon.detail_nodes import attributes, controls
from blender_addon.detail_nodes.controls import REGIONS, detail_modifier, set_control
from blender_addon.detail_nodes.detail_group import detail_group
from blender_addon.detail_nodes.displacement import HEIGHT, displacement_group
from blender_addon.detail_nodes.sheet import GROUP
from blender_addon.heads import heads_in_file
from blender_addon.scene import follow
from blender_addon.scene.build import HeadObjects, build_head
from blender_addon.scene.detail import BUMP, SUBDIVISION, TRUE, displacement_of, remove_detail, set_displacement
from blender_addon.scene.detail_images import DETAIL_IMAGES, detail_images, read_pixels
from blender_addon.scene.detail_material import skin_material

SEEDS = range(10)
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


@pytest.mark.parametrize("seed", SEEDS)
def test_factors_at_the_vertices(built: HeadObjects, detail_bundle: Path, seed: int) -> None:
    alpha, chosen = set_randomly(built.head, seed)
    expected = expected_factors(read_bundle(detail_bundle), alpha, chosen)
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
    assert all(image.packed_file is not None and not image.use_half_precision for image in images.values())


def numpy_displacement(folder: Path, alpha: np.ndarray, chosen: DetailControls) -> np.ndarray:
    """(S, S) mm from the backend, row 0 at v = 1."""
    pytest.importorskip("cv2", reason="the backend's image library is not installed beside this Blender")
    from facewright.dynamic_detail.synthesis import displacement
    from facewright.head.detail_files import read_detail
    from facewright.mesh.texel_map import uv_sampler

    bundle, detail = read_bundle(folder), read_detail(folder)
    sampler = uv_sampler(bundle.topology, "skin", detail.size)
    head = bundle.head
    return displacement(detail, bundle.topology, head.neutral, head.blendshapes, alpha, chosen, sampler)


@pytest.mark.parametrize("seed", SEEDS)
def test_sum_of_images_and_attributes(built: HeadObjects, detail_bundle: Path, seed: int) -> None:
    alpha, chosen = set_randomly(built.head, seed)
    expected = numpy_displacement(detail_bundle, alpha, chosen)
    from facewright.mesh.texel_map import uv_sampler

    sampler = uv_sampler(read_bundle(detail_bundle).topology, "skin", len(expected))
    factors = np.stack([sampler.image(values) for values in stored_factors(built.head)[:CHANNELS]], -1)
    images = detail_images(built.head)
    values = np.concatenate([read_pixels(images[name]) for name in DETAIL_IMAGES], -1)[..., :CHANNELS]
    total = ((values.astype(np.float64) - OFFSET) * STEP_MM * factors).sum(-1)
    assert rms(total - expected) < 0.02 * rms(expected)


@pytest.mark.parametrize("seed", (4, 5))
def test_what_cycles_bakes(empty: None, fine_bundle: Path, seed: int) -> None:
    head = build_head(read_head(fine_bundle), bpy.context.scene.collection).head
    alpha, chosen = set_randomly(head, seed)
    expected = numpy_displacement(fine_bundle, alpha, chosen)
    baked = bake_height(head, len(expected))
    inside = np.s_[4:-4, 4:-4]  # texels at the edge of the UV square may lie outside of every face
    assert rms(expected) > 0.05
    assert rms((baked - expected)[inside]) < 0.02 * rms(expected[inside])


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def bake_height(head: bpy.types.Object, size: int) -> np.ndarray:
    """(S, S) mm: the displacement that the head's material computes, baked by Cycles; row 0 at v = 1."""
    material = skin_material(head)
    nodes, link = material.node_tree.nodes, material.node_tree.links.new
    group = next(node for node in nodes if node.type == "GROUP" and node.node_tree == displacement_group())
    emission, target = nodes.new("ShaderNodeEmission"), nodes.new("ShaderNodeTexImage")
    link(group.outputs[HEIGHT], emission.inputs["Color"])
    emission.inputs["Strength"].default_value = 1000.0
    output = next(node for node in nodes if node.type == "OUTPUT_MATERIAL")
    link(emission.outputs[0], output.inputs["Surface"])
    for unused in list(output.inputs["Displacement"].links):
        material.node_tree.links.remove(unused)
    target.image = bpy.data.images.new("height", size, size, float_buffer=True, is_data=True)
    nodes.active = target
    for slot in head.material_slots:  # a bake wants an image in every material
        if slot.material != material:
            tree = slot.material.node_tree
            tree.nodes.active = tree.nodes.new("ShaderNodeTexImage")
            tree.nodes.active.image = bpy.data.images.new("other", 8, 8)
    # Negative heights: emission is cut at 0, so that they are baked upside down.
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    bpy.context.view_layer.objects.active = head
    head.select_set(True)
    heights = []
    for sign in (1.0, -1.0):
        emission.inputs["Strength"].default_value = 1000.0 * sign
        bpy.ops.object.bake(type="EMIT", margin=0, use_clear=True)
        pixels = np.empty(size * size * 4, np.float32)
        target.image.pixels.foreach_get(pixels)
        heights.append(sign * pixels.reshape(size, size, 4)[::-1, :, 0])
    return np.where(np.abs(heights[0]) > np.abs(heights[1]), heights[0], heights[1])
