"""Engine files: F and D are rebuilt from the folder alone, as an engine would, and compared with the maps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from detail_heads import face_model, head_of, made_up_detail
from engine_files import EngineFolder
from facewright.displacement.crease_ground import SkinGround
from facewright.displacement.mechanics import crease_depths, dynamic_maps, lay_out_creases
from facewright.displacement.settings import SkinSettings
from facewright.displacement.tension_maps import tension_maps
from facewright.dynamic_detail.detail_maps import REGIONS, DetailControls, DetailMaps
from facewright.dynamic_detail.spline_maps import spline_coefficients
from facewright.dynamic_detail.synthesis import displacement
from facewright.errors import BundleInvalid, OutputUnwritable, TopologyMismatch
from facewright.face_model.base import ARKIT_NAMES
from facewright.face_model.key_expressions import KEY_EXPRESSIONS
from facewright.head import blender_export
from facewright.head.bundle import geometry_bytes, read_bundle, read_record, refuse_unless_bundle, write_record
from facewright.head.detail_files import stored_values, write_detail
from facewright.head.detail_masks import STEP_MM, TENSION_UNIT
from facewright.head.engine_detail import EngineSettings, write_engine_detail
from facewright.head.engine_names import ENGINE_FILES, ENGINE_FOLDER
from facewright.head.engine_normals import slope_frame
from facewright.head.engine_regions import ENGINE_REGIONS, at_size, engine_masks
from facewright.head.engine_scene import lattice_topology, write_from_scene
from facewright.mesh.texel_map import uv_sampler
from small_head import small_bundle_record
from test_bundle import write_small_bundle

SIZE = 512
NAMES = tuple(KEY_EXPRESSIONS)[1:]
DEEP = ("smile", "anger", "grin", "brow_raiser", "sadness")
"""Key expressions that wrinkle the face most."""
WHOLE = 0.30
"""RMS that three sets may miss of all 19 maps: more would show. What they miss of the deep ones is at most:"""
OF_THE_DEEP = 0.40


@pytest.fixture(scope="module")
def detail() -> DetailMaps:
    """The mechanics' wrinkles of a person of 50, with made-up pores and static detail."""
    topology, head = face_model().topology, head_of(1)
    ground = SkinGround.of(topology, head.neutral, head.blendshapes, ARKIT_NAMES, SIZE, SkinSettings(age=0.7))
    sets = lay_out_creases(ground)
    dynamic = dynamic_maps(ground, sets, crease_depths(ground, sets))
    made_up = made_up_detail(1, SIZE)
    sampler = uv_sampler(topology, "skin", SIZE)
    pair = tension_maps(dynamic, np.stack([sampler.image(values) for values in made_up.tension]))
    return replace(made_up, dynamic=dynamic, compressed=pair[0], stretched=pair[1])


@pytest.fixture(scope="module")
def folder(detail: DetailMaps, tmp_path_factory: pytest.TempPathFactory) -> EngineFolder:
    return EngineFolder(write(tmp_path_factory.mktemp("engine"), detail), "Anna")


def write(folder: Path, detail: DetailMaps, settings: EngineSettings | None = None) -> Path:
    head = head_of(1)
    made = write_engine_detail(
        folder, "Anna", detail, face_model().topology, head.neutral, head.blendshapes, settings
    )
    assert sorted(made.files) == sorted(folder.iterdir())
    return folder


def error(found: np.ndarray, wanted: np.ndarray, neutral: np.ndarray) -> float:
    """RMS of the difference, relative to what the expression adds to the neutral face."""
    return float(np.sqrt(np.square(found - wanted).sum() / np.square(wanted - neutral).sum()))


def test_key_expressions_are_rebuilt(folder: EngineFolder, detail: DetailMaps) -> None:
    neutral = detail.static + detail.pores
    assert np.abs(folder.height("Anna_neutral") - neutral).max() <= 0.5 * STEP_MM + 1e-6
    rest, total = 0.0, 0.0
    for key, name in enumerate(NAMES):
        wanted = detail.key_map(key + 1)
        found = folder.rebuilt("wrinkle_sets", KEY_EXPRESSIONS[name])
        missed = error(found, wanted, neutral)
        rest, total = rest + np.square(found - wanted).sum(), total + np.square(wanted - neutral).sum()
        assert missed == pytest.approx(folder.table["relative_rms_error"][name], abs=0.02), "the table is honest"
        assert name not in DEEP or missed < OF_THE_DEEP, name
    assert np.sqrt(rest / total) < WHOLE
    assert np.sqrt(rest / total) == pytest.approx(folder.table["relative_rms_error"]["all"], abs=0.01)


def test_neutral_shows_no_wrinkles(folder: EngineFolder) -> None:
    assert np.array_equal(folder.rebuilt("wrinkle_sets", {}), folder.height("Anna_neutral"))
    assert np.array_equal(folder.rebuilt("tension_pair", {}), folder.height("Anna_neutral"))


@pytest.mark.parametrize("name", DEEP)
def test_normals_are_those_of_the_heights(folder: EngineFolder, detail: DetailMaps, name: str) -> None:
    """Slopes added up as in the shader, against the slopes of F; 8 bits a channel are 0.2 degrees."""
    topology, head = face_model().topology, head_of(1)
    frame = slope_frame(topology, head.neutral, uv_sampler(topology, "skin", SIZE))
    wanted = -frame.slopes(detail.key_map(1 + NAMES.index(name)))
    neutral = -frame.slopes(detail.static + detail.pores)
    found = folder.rebuilt_slopes("wrinkle_sets", KEY_EXPRESSIONS[name])
    deep = np.abs(wanted - neutral).max(0) > 0.05
    angles = np.degrees(np.linalg.norm(np.arctan(found) - np.arctan(wanted), axis=0))
    plain = np.degrees(np.linalg.norm(np.arctan(neutral) - np.arctan(wanted), axis=0))
    assert deep.sum() > 500, "there are wrinkles to look at"
    assert np.sqrt(np.square(angles[deep]).mean()) < 0.45 * np.sqrt(np.square(plain[deep]).mean())
    assert np.median(angles[~deep]) < 1.0


def test_the_pair_shows_what_tension_shows(folder: EngineFolder, detail: DetailMaps) -> None:
    """One amount a region instead of tension in every vertex: against D of HiFace Eq. (9)."""
    topology, head = face_model().topology, head_of(1)
    sampler = uv_sampler(topology, "skin", SIZE)
    neutral = detail.static + detail.pores
    for name in DEEP:
        alpha = np.array([KEY_EXPRESSIONS[name].get(blendshape, 0.0) for blendshape in ARKIT_NAMES])
        wanted = displacement(
            detail, topology, head.neutral, head.blendshapes, alpha, DetailControls(mode="hiface"), sampler
        )
        assert error(folder.rebuilt("tension_pair", KEY_EXPRESSIONS[name]), wanted, neutral) < 0.5, name


def test_between_key_expressions(folder: EngineFolder, detail: DetailMaps) -> None:
    """One brow raised, half a smile: sides do not mix, and halves are halves."""
    topology, head = face_model().topology, head_of(1)
    sampler = uv_sampler(topology, "skin", SIZE)
    neutral = detail.static + detail.pores
    alpha = np.zeros(52)
    weights = {"browOuterUpLeft": 1.0, "mouthSmileLeft": 0.5, "cheekSquintLeft": 0.3}
    for name, value in weights.items():
        alpha[ARKIT_NAMES.index(name)] = value
    wanted = displacement(detail, topology, head.neutral, head.blendshapes, alpha, None, sampler) - neutral
    found = folder.rebuilt("wrinkle_sets", weights) - neutral
    right = sampler.image(np.asarray(head.neutral)[:, 0] < -8.0) > 0.99
    left = sampler.image(np.asarray(head.neutral)[:, 0] > 8.0) > 0.99
    assert np.square(found[right]).sum() < 0.05 * np.square(found[left]).sum()
    assert (found * wanted).sum() / np.sqrt(np.square(found).sum() * np.square(wanted).sum()) > 0.8


def test_masks_are_regions_and_lose_nothing(folder: EngineFolder, detail: DetailMaps) -> None:
    assert [entry["name"] for entry in folder.table["regions"]] == list(ENGINE_REGIONS)
    assert np.stack(list(folder.masks.values())).sum(0) == pytest.approx(1.0, abs=1e-5)
    topology, head = face_model().topology, head_of(1)
    x, y = uv_sampler(topology, "skin", SIZE).image(np.asarray(head.neutral)[:, :2]).transpose(2, 0, 1)
    for name, mask in folder.masks.items():
        place = (x * mask).sum() / mask.sum()
        side = 1 if name.endswith("left") else -1 if name.endswith("right") else 0
        assert side * place > 5.0 if side else abs(place) < 5.0, name
    heights = {name: (y * mask).sum() / mask.sum() for name, mask in folder.masks.items()}
    order = ("forehead", "glabella", "cheeks", "upper_mouth", "lower_mouth", "chin")
    assert sorted(order, key=lambda part: -heights[f"{part}_left"]) == list(order)


def test_masks_read_as_an_engine_reads_them(detail: DetailMaps) -> None:
    masks = engine_masks(face_model().topology, detail.regions)
    assert masks.dtype == np.uint8 and (masks.astype(int).sum(0) == 255).all()
    assert at_size(masks, 256) == pytest.approx(masks / 255.0)


def test_same_bytes_and_only_green_for_directx(detail: DetailMaps, folder: EngineFolder, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    write(tmp_path / "a", detail)
    write(tmp_path / "b", detail, EngineSettings(green_down=True))
    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (folder.folder / path.name).read_bytes(), path.name
        same = path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
        assert same == path.name.endswith(("_height.png", "1.png", "2.png", "3.png", "4.png")), path.name
    up, down = (cv2.imread(str(tmp_path / one / "Anna_wrinkle_3_normal.png")).astype(int) for one in "ab")
    assert np.array_equal(up[..., [0, 2]], down[..., [0, 2]]) and np.abs(up[..., 1] + down[..., 1] - 255).max() <= 1
    assert EngineFolder(tmp_path / "b", "Anna").table["maps"]["normal"].endswith("down (DirectX)")


def test_recipes_name_the_files(folder: EngineFolder) -> None:
    for engine in ("Unreal", "Unity"):
        text = (folder.folder / f"{engine}.md").read_text(encoding="utf-8")
        assert "Anna_detail.json" in text and "$" not in text and "points up" in text
        assert "dot(D, " in text and "normalize(float3(slope, 1))" in text


# ---------------------------------------------------------------------------------------- as Blender hands it over


def scene(detail: DetailMaps, path: Path, **changes: object) -> Path:
    """What ``blender_addon.exporting.gather_detail`` writes."""
    topology, head = face_model().topology, head_of(1)
    pair = (detail.compressed * TENSION_UNIT, detail.stretched * TENSION_UNIT)
    maps = np.stack([detail.static, *detail.dynamic, *pair, detail.pores, np.zeros_like(detail.pores)])
    stored = np.stack([stored_values(spline_coefficients(values)) for values in maps])
    pixels = stored.reshape(6, 4, *detail.static.shape)
    values = {
        "quads": topology.quads, "corner_uv": topology.corner_uv, "neutral": head.neutral,
        "blendshapes": head.blendshapes, "activation": detail.activation, "regions": detail.regions,
        "pixels": np.moveaxis(pixels, 1, -1), "static": 1.0, "dynamic": 1.0, "pores": 1.0,
        "region_factors": np.ones(len(REGIONS)), "onset": 0.0, **changes,
    }  # fmt: skip
    np.savez(path, **{name: value for name, value in values.items() if value is not None})
    return path


def test_a_scene_gives_the_same_as_the_bundle(detail: DetailMaps, folder: EngineFolder, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_from_scene(scene(detail, tmp_path / "scene.npz"), tmp_path / "out", "Anna")
    mine = EngineFolder(tmp_path / "out", "Anna")
    for name in ("smile", "brow_raiser"):
        apart = mine.rebuilt("wrinkle_sets", KEY_EXPRESSIONS[name]) - folder.rebuilt(
            "wrinkle_sets", KEY_EXPRESSIONS[name]
        )
        assert np.abs(apart).max() < 0.005


def test_controls_are_in_the_maps(detail: DetailMaps, folder: EngineFolder, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    factors = np.ones(len(REGIONS))
    factors[REGIONS.index("forehead")] = 0.0
    archive = scene(detail, tmp_path / "scene.npz", static=0.0, pores=0.0, dynamic=2.0, region_factors=factors)
    write_from_scene(archive, tmp_path / "out", "Anna")
    mine = EngineFolder(tmp_path / "out", "Anna")
    assert np.abs(mine.height("Anna_neutral")).max() == 0.0
    smile, raised = (mine.rebuilt("wrinkle_sets", KEY_EXPRESSIONS[name]) for name in ("smile", "brow_raiser"))
    before = folder.rebuilt("wrinkle_sets", KEY_EXPRESSIONS["smile"]) - folder.height("Anna_neutral")
    assert smile.std() == pytest.approx(2.0 * before.std(), rel=0.1)
    forehead = mine.masks["forehead_left"] > 0.99
    assert np.abs(raised[forehead]).max() < 0.05 < np.abs(folder.rebuilt(
        "wrinkle_sets", KEY_EXPRESSIONS["brow_raiser"])[forehead]).max()  # fmt: skip


def test_scenes_that_are_not_whole(detail: DetailMaps, tmp_path: Path) -> None:
    topology = face_model().topology
    with pytest.raises(BundleInvalid, match="lacks regions"):
        write_from_scene(scene(detail, tmp_path / "a.npz", regions=None), tmp_path, "Anna")
    moved = topology.corner_uv.copy()
    moved[500] += 0.1
    with pytest.raises(TopologyMismatch, match="Wrinkle Maps off"):
        lattice_topology(topology.quads, moved)
    with pytest.raises(TopologyMismatch):
        lattice_topology(topology.quads[::-1], topology.corner_uv[::-1])
    with pytest.raises(TopologyMismatch):
        lattice_topology(np.zeros((0, 4), np.int32), np.zeros((0, 4, 2), np.float32))
    assert lattice_topology(topology.quads, topology.corner_uv).lattice_size == topology.lattice_size


def test_too_deep_for_sixteen_bits(detail: DetailMaps, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"deeper than 8\.2 mm"):
        write(tmp_path, replace(detail, static=detail.static + 9.0))


# ------------------------------------------------------------------------------------------------- the command line


def small_bundle(folder: Path, detail: DetailMaps | None) -> Path:
    """A bundle of the head of these tests."""
    model = face_model()
    write_small_bundle(folder)
    content = geometry_bytes(model.topology, head_of(1), ARKIT_NAMES, model.embedding, model.ibug68)
    (folder / "geometry.npz").write_bytes(content)
    entry = {} if detail is None else {"detail": write_detail(folder, detail)}
    write_record(folder, {**small_bundle_record(), **entry})
    return folder


def test_bundles_hold_them_beside_fbx(tmp_path: Path) -> None:
    """What ``facewright reconstruct --fbx`` does after Blender has written: whole, listed, and guarded."""
    small_detail = made_up_detail(1, 128)
    bundle = small_bundle(tmp_path / "head", small_detail)
    (bundle / "head.fbx").write_bytes(b"FBX")
    blender_export._write_wrinkle_maps(bundle)
    write_record(bundle, {key: value for key, value in read_record(bundle).items() if key != "files"})
    assert set(ENGINE_FILES) <= read_bundle(bundle).record["files"].keys()
    refuse_unless_bundle(bundle)
    found = EngineFolder(bundle / ENGINE_FOLDER, "head").height("head_neutral")
    assert np.abs(found - small_detail.static - small_detail.pores).max() < 20.0 * STEP_MM
    (bundle / ENGINE_FOLDER / "head_masks_1.png").write_bytes(b"painted")
    with pytest.raises(OutputUnwritable, match="was changed"):
        refuse_unless_bundle(bundle)


def test_bundles_without_detail_get_none(tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path / "head", None)
    blender_export._write_wrinkle_maps(bundle)
    assert not (bundle / ENGINE_FOLDER).exists()
