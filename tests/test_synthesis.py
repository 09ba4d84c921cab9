"""Synthesis: FaceScape Eq. (6) and HiFace Eq. (9), and every control."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from detail_heads import face_model, head_of, made_up_detail
from facewright.dynamic_detail.detail_maps import KEYS, REGIONS, DetailControls, DetailMaps
from facewright.dynamic_detail.synthesis import CHANNELS, channel_factors, channel_maps, displacement
from facewright.dynamic_detail.tension import deformed, skin_edges, tension
from facewright.dynamic_detail.weight_masks import weight_masks
from facewright.errors import TopologyMismatch
from facewright.face_model.key_expressions import KEY_EXPRESSION_NAMES
from facewright.mesh.texel_map import uv_sampler

SIZE = 128


@pytest.fixture(scope="module")
def detail() -> DetailMaps:
    return made_up_detail(size=SIZE)


def synthesised(detail: DetailMaps, alpha: np.ndarray, controls: DetailControls | None = None) -> np.ndarray:
    model, head = face_model(), head_of()
    sampler = uv_sampler(model.topology, "skin", detail.size)
    return displacement(detail, model.topology, head.neutral, head.blendshapes, alpha, controls, sampler)


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def random_alpha(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform(size=52) * (rng.uniform(size=52) < 0.25)


def test_neutral_is_f0(detail: DetailMaps) -> None:
    np.testing.assert_allclose(synthesised(detail, np.zeros(52)), detail.key_map(0), atol=1e-6)


@pytest.mark.parametrize("key", range(1, KEYS + 1), ids=KEY_EXPRESSION_NAMES[1:])
def test_key_expression_is_its_map(detail: DetailMaps, key: int) -> None:
    """Within 5 % of RMS, of the expression's own part alone, without what neutral has too."""
    found = synthesised(detail, detail.key_weights[key - 1])
    assert rms(found - detail.key_map(key)) < 0.05 * rms(detail.dynamic[key - 1])


@pytest.mark.parametrize("seed", range(3))
def test_equation_6(detail: DetailMaps, seed: int) -> None:
    """M_0 F_0 + sum M_i F_i with M_0 = 1 - sum M_i, as the paper has it."""
    sampler = uv_sampler(face_model().topology, "skin", SIZE)
    alpha = random_alpha(seed)
    masks = sampler.image(weight_masks(detail.activation, detail.key_weights, alpha).T)
    rest = np.maximum(0.0, 1.0 - masks.sum(axis=-1))
    expected = rest * detail.key_map(0)
    for i in range(KEYS):
        expected += masks[..., i] * detail.key_map(i + 1)
    np.testing.assert_allclose(synthesised(detail, alpha), expected, atol=2e-6)


@pytest.mark.parametrize("seed", range(3))
def test_hiface_equation_9(detail: DetailMaps, seed: int) -> None:
    model, head = face_model(), head_of()
    alpha = random_alpha(seed)
    t = tension(skin_edges(model.topology, head.neutral), deformed(head.neutral, head.blendshapes, alpha))
    sampler = uv_sampler(model.topology, "skin", SIZE)
    expected = detail.static + detail.pores
    expected = expected + sampler.image(np.maximum(t, 0)) * detail.compressed
    expected += sampler.image(np.maximum(-t, 0)) * detail.stretched
    found = synthesised(detail, alpha, DetailControls(mode="hiface"))
    np.testing.assert_allclose(found, expected, atol=2e-6)
    assert rms(found - detail.key_map(0)) > 0.01


def test_strength_and_parts(detail: DetailMaps) -> None:
    alpha = random_alpha()
    whole = synthesised(detail, alpha)
    np.testing.assert_allclose(synthesised(detail, alpha, DetailControls(strength=0.5)), 0.5 * whole, atol=1e-6)
    assert not synthesised(detail, alpha, DetailControls(strength=0.0)).any()
    moving = synthesised(detail, alpha, DetailControls(static=0.0, pores=0.0))
    still = synthesised(detail, alpha, DetailControls(dynamic=0.0))
    np.testing.assert_allclose(still, detail.static + detail.pores, atol=1e-6)
    np.testing.assert_allclose(moving + still, whole, atol=2e-6)
    rough = synthesised(detail, alpha, DetailControls(pores=2.0))
    np.testing.assert_allclose(rough - whole, detail.pores, atol=2e-6)


@pytest.mark.parametrize("number", range(len(REGIONS)), ids=REGIONS)
@pytest.mark.parametrize("mode", ["facescape", "hiface"])
def test_region_scales_itself_only(detail: DetailMaps, number: int, mode: str) -> None:
    alpha = random_alpha()
    factors = tuple(0.0 if i == number else 1.0 for i in range(len(REGIONS)))
    whole = synthesised(detail, alpha, DetailControls(mode=mode))
    without = synthesised(detail, alpha, DetailControls(mode=mode, regions=factors))
    mask = uv_sampler(face_model().topology, "skin", SIZE).image(detail.regions[number])
    assert mask.max() > 0.99
    np.testing.assert_allclose(without[mask == 0.0], whole[mask == 0.0], atol=1e-6)
    assert rms(without[mask > 0.99]) < 0.01 * rms(whole[mask > 0.99]) + 1e-6


def test_all_regions_at_a_factor_scale_the_face(detail: DetailMaps) -> None:
    alpha = random_alpha()
    whole = synthesised(detail, alpha)
    half = synthesised(detail, alpha, DetailControls(regions=(0.5,) * 6))
    face = uv_sampler(face_model().topology, "skin", SIZE).image(detail.regions.sum(axis=0)) > 0.9999
    np.testing.assert_allclose(half[face], 0.5 * whole[face], atol=1e-3 * np.abs(whole).max())


@pytest.mark.parametrize("mode", ["facescape", "hiface"])
def test_onset_delays_and_neither_mode_moves_static_detail(detail: DetailMaps, mode: str) -> None:
    alpha = 0.3 * detail.key_weights[0]
    plain = synthesised(detail, alpha, DetailControls(mode=mode))
    late = synthesised(detail, alpha, DetailControls(mode=mode, onset=0.9))
    assert rms(late - detail.key_map(0)) < 0.1 * rms(plain - detail.key_map(0))


def test_factors_name_every_map_once(detail: DetailMaps) -> None:
    model, head = face_model(), head_of()
    factors = channel_factors(detail, model.topology, head.neutral, head.blendshapes, random_alpha())
    assert factors.shape == (len(CHANNELS), len(head.neutral))
    assert len(channel_maps(detail)) == len(CHANNELS) == 23
    assert channel_maps(detail)[CHANNELS.index("dynamic_18")] is not None
    np.testing.assert_array_equal(channel_maps(detail)[CHANNELS.index("dynamic_18")], detail.dynamic[17])
    assert not factors[CHANNELS.index("compressed")].any() and factors[0].max() == 1.0


def test_detail_of_other_meshes_is_refused(detail: DetailMaps) -> None:
    model, head = face_model(), head_of()
    stranger = replace(detail, activation=detail.activation[:, :-1])
    with pytest.raises(TopologyMismatch):
        channel_factors(stranger, model.topology, head.neutral, head.blendshapes, np.zeros(52))
