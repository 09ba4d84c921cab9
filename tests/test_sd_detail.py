"""SD-DeTail as it ships: files that belong together, HiFace's equations, and what damaged files are called."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from facewright.config import assets_dir
from facewright.displacement.canonical import canonical_places
from facewright.displacement.lattice_frame import LatticeFrame
from facewright.displacement.sd_detail import (
    BASES_FILE,
    DYNAMIC_FILE,
    SEEN_CHANNELS,
    STATIC_FILE,
    SdDetail,
    network_input,
    sd_detail,
)
from facewright.dynamic_detail.tension import key_tension, skin_edges
from facewright.errors import ModelFileInvalid
from facewright.face_model.key_expressions import KEY_EXPRESSION_NAMES, key_expression_weights
from facewright.face_model.load import load_face_model

FILES = (BASES_FILE, STATIC_FILE, DYNAMIC_FILE)
SIZE = 512
BROW_RAISER, SMILE = (KEY_EXPRESSION_NAMES.index(name) - 1 for name in ("brow_raiser", "smile"))


@pytest.fixture(scope="module")
def trained() -> SdDetail:
    return SdDetail.load(threads=1)


@pytest.fixture(scope="module")
def photographed() -> tuple[np.ndarray, np.ndarray]:
    """A texture with dark lines across the forehead, and full trust."""
    texture = np.full((SIZE, SIZE, 3), (196, 150, 130), np.uint8)
    for row in range(60, 110, 14):
        texture[row : row + 2, 150:360] = (150, 105, 90)
    return texture, np.ones((SIZE, SIZE), np.float32)


def test_the_shipped_files_are_small() -> None:
    assert sum((assets_dir() / name).stat().st_size for name in FILES) < 2.0e6


def test_coefficients_are_of_the_order_of_the_population(trained: SdDetail, photographed: tuple) -> None:
    at_rest = np.zeros((trained.texture_size,) * 2, np.float32)
    static = trained.static_coefficients(*photographed, at_rest)
    assert static.shape == (len(trained.bases["static"].components),)
    com, stretch = trained.dynamic_coefficients(static, key_expression_weights()[1:])
    assert com.shape == (19, len(trained.bases["compressed"].components))
    assert stretch.shape == (19, len(trained.bases["stretched"].components))
    for values in (static, com, stretch):
        assert 0.05 < np.abs(values).mean() < 3.0


def test_the_photo_decides_the_static_detail(trained: SdDetail, photographed: tuple) -> None:
    texture, trust = photographed
    plain = np.full_like(texture, texture[0, 0])
    at_rest = np.zeros((trained.texture_size,) * 2, np.float32)
    lined, bare, unseen = (
        trained.bases["static"].maps(trained.static_coefficients(image, seen, at_rest)[None])[0]
        for image, seen in ((texture, trust), (plain, trust), (texture, 0.0 * trust))
    )
    forehead = slice(20, 60), slice(75, 180)
    assert np.abs(lined - bare)[forehead].max() > 0.05
    assert lined[forehead].std() > 1.5 * bare[forehead].std()
    assert np.abs(unseen - bare)[forehead].max() < np.abs(lined - bare)[forehead].max()


def test_the_expression_decides_the_states(trained: SdDetail, photographed: tuple) -> None:
    at_rest = np.zeros((trained.texture_size,) * 2, np.float32)
    static = trained.static_coefficients(*photographed, at_rest)
    weights = key_expression_weights()[1:]
    com, _ = trained.dynamic_coefficients(static, np.concatenate([np.zeros((1, 52)), weights]))
    assert np.abs(com[1 + BROW_RAISER] - com[1 + SMILE]).max() > 0.1
    again, _ = trained.dynamic_coefficients(static, weights[[SMILE]])
    np.testing.assert_allclose(again[0], com[1 + SMILE], atol=1e-4)  # one at a time or together


def test_dynamic_maps_are_equation_9(trained: SdDetail, photographed: tuple) -> None:
    size = trained.bases["static"].size
    weights = key_expression_weights()[1:3]
    tension = np.random.default_rng(0).uniform(-0.3, 0.3, (2, size, size)).astype(np.float32)
    at_rest = np.zeros((trained.texture_size,) * 2, np.float32)
    maps = trained.maps(*photographed, at_rest, weights, tension)
    static = trained.static_coefficients(*photographed, at_rest)
    com, stretch = trained.dynamic_coefficients(static, weights)
    d_com, d_str = trained.bases["compressed"].maps(com), trained.bases["stretched"].maps(stretch)
    expected = np.maximum(tension, 0) * d_com + np.maximum(-tension, 0) * d_str
    np.testing.assert_allclose(maps.dynamic, expected, atol=1e-5)
    polarised, _ = trained.dynamic_coefficients(static, np.zeros((1, 52)))
    np.testing.assert_allclose(maps.compressed, trained.bases["compressed"].maps(polarised)[0], atol=1e-5)


def test_detail_of_a_head(trained: SdDetail, photographed: tuple) -> None:
    model = load_face_model(None)
    head = model.head(np.zeros(model.identity_dims))
    weights = key_expression_weights(model.blendshape_names)[1:][[BROW_RAISER, SMILE]]
    edges = skin_edges(model.topology, head.neutral)
    tension = key_tension(edges, head.neutral, head.blendshapes, weights)
    maps = sd_detail(
        model.topology, head.neutral, head.neutral, *photographed, weights, tension, SIZE, trained
    )
    assert maps.dynamic.shape == (2, SIZE, SIZE)
    assert maps.static.shape == maps.compressed.shape == maps.stretched.shape == (SIZE, SIZE)
    assert np.isfinite(maps.dynamic).all()
    # Raised brows fold the forehead, a smile folds the skin beside mouth and eyes.
    places = _places(model.topology, SIZE)
    forehead = (places[..., 1] > 35) & (places[..., 1] < 75) & (np.abs(places[..., 0]) < 40) & (places[..., 2] > 0)
    low = (np.abs(places[..., 1] + 55) < 25) & (places[..., 2] > -20) & (np.abs(places[..., 0]) < 60)
    power = [[float(np.square(each[where]).sum()) for where in (forehead, low)] for each in maps.dynamic]
    assert power[0][0] > 5.0 * power[0][1]
    assert power[1][1] > power[1][0]
    assert 0.05 < np.abs(maps.dynamic[0][forehead]).max() < 3.0
    # Nothing within a millimetre of lids and lips.
    frame = LatticeFrame.of(model.topology, head.neutral)
    beside = _image(model.topology, np.minimum(frame.lid_mm, frame.lip_mm), SIZE)
    for each in (maps.static, *maps.dynamic):
        assert np.abs(each[beside < 1.0]).max() < 0.005


def _image(topology, values: np.ndarray, size: int) -> np.ndarray:  # type: ignore[no-untyped-def]
    from facewright.mesh.texel_map import uv_sampler

    return uv_sampler(topology, "skin", size).image(values)


def _places(topology, size: int) -> np.ndarray:  # type: ignore[no-untyped-def]
    return _image(topology, canonical_places(topology), size)


def test_network_input_keeps_trust_and_tension() -> None:
    texture = np.random.default_rng(1).integers(100, 140, (64, 64, 3)).astype(np.uint8)
    trust = np.zeros((64, 64), np.float32)
    trust[:, :32] = 1.0
    seen = network_input(texture, trust, np.full((32, 32), 0.1, np.float32))
    assert seen.shape == (SEEN_CHANNELS, 32, 32)
    assert (seen[:-1, :, 16:] == 0.0).all() and np.abs(seen[0, :, :16]).max() > 0.0
    np.testing.assert_allclose(seen[-1], 0.5)


@pytest.mark.parametrize("damaged", FILES)
def test_damaged_and_missing_files_are_named(tmp_path: Path, damaged: str) -> None:
    for name in FILES:
        shutil.copy(assets_dir() / name, tmp_path / name)
    content = (tmp_path / damaged).read_bytes()
    (tmp_path / damaged).write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelFileInvalid, match=damaged):
        SdDetail.load(tmp_path)
    (tmp_path / damaged).unlink()
    with pytest.raises(ModelFileInvalid, match=damaged):
        SdDetail.load(tmp_path)


def test_networks_of_another_training_are_refused(tmp_path: Path) -> None:
    for name in FILES:
        shutil.copy(assets_dir() / name, tmp_path / name)
    with np.load(tmp_path / BASES_FILE) as data:
        arrays = dict(data)
    arrays["static_components"] = arrays["static_components"][:-1]
    arrays["static_step"] = arrays["static_step"][:-1]
    np.savez_compressed(tmp_path / BASES_FILE, **arrays)
    with pytest.raises(ModelFileInvalid, match="do not belong together"):
        SdDetail.load(tmp_path)
