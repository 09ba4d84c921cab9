"""Three sets instead of 19 maps: the choice is the best there is, weights are exact where they can be."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from facewright.dynamic_detail.activation import key_weights
from facewright.dynamic_detail.detail_maps import KEYS
from facewright.head.engine_sets import (
    Plan,
    balanced,
    best_three,
    fit_weights,
    intensities,
    mixtures,
    plan_sets,
    reach_of_blendshapes,
    region_products,
    samples,
    set_maps,
    shown_in_regions,
)
from scipy.optimize import nnls

EVERYWHERE = np.ones((1, 52), bool)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(3)


def planted(random: np.random.Generator, size: int = 32) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Maps (19, S, S) that are mixed of three of them, (19, 3) by what, and which."""
    chosen = np.array([2, 8, 15])
    mix = random.uniform(0.0, 0.9, (KEYS, 3))
    mix[chosen] = np.eye(3)
    own = random.normal(size=(3, size, size))
    return np.einsum("ks,syx->kyx", mix, own).astype(np.float32), mix, chosen


def test_mixtures_are_non_negative_least_squares(random: np.random.Generator) -> None:
    maps = random.normal(size=(KEYS, 60)) + 0.4
    product = maps @ maps.T
    triples = np.array(list(combinations(range(KEYS), 3)))[::97]
    for triple, mix in zip(triples, mixtures(product, triples), strict=True):
        for key in range(KEYS):
            assert mix[key] == pytest.approx(nnls(maps[triple].T, maps[key])[0], abs=1e-6)


def test_the_three_are_found_that_all_others_are_made_of(random: np.random.Generator) -> None:
    maps, mix, chosen = planted(random)
    product = region_products(maps, np.ones((1, 32, 32), np.float32), step=1)[0]
    assert sorted(best_three(product) - 1) == chosen.tolist()
    found = mixtures(product, chosen[None])[0]
    assert found == pytest.approx(mix, abs=1e-4)
    assert not best_three(np.zeros((KEYS, KEYS))).any(), "a region without wrinkles has no keys"


def test_products_count_regions_alone(random: np.random.Generator) -> None:
    maps = random.normal(size=(KEYS, 16, 16)).astype(np.float32)
    masks = np.zeros((2, 16, 16), np.float32)
    masks[0, :8], masks[1, 8:] = 1.0, 0.5
    found = region_products(maps, masks, step=1)
    assert found[0] == pytest.approx(np.einsum("iyx,kyx->ik", maps[:, :8], maps[:, :8]), rel=1e-4, abs=1e-3)
    assert found[1] == pytest.approx(0.25 * np.einsum("iyx,kyx->ik", maps[:, 8:], maps[:, 8:]), rel=1e-4, abs=1e-3)
    both = balanced(found, 1000.0 * found)
    assert both == pytest.approx(2.0 * found / np.einsum("rkk->", found))


def test_weights_show_each_key_what_it_asks_for(random: np.random.Generator) -> None:
    drawn = samples(key_weights())
    assert drawn.alpha.min() == 0.0 and drawn.alpha.max() == 1.0
    assert np.array_equal(drawn.alpha[:KEYS], key_weights())
    true = np.where(random.uniform(size=(2, 52)) < 0.1, random.uniform(0.2, 0.8, (2, 52)), 0.0)
    assert fit_weights(drawn, drawn.alpha @ true.T, EVERYWHERE[0]) == pytest.approx(true, abs=1e-6)
    near = true > 0.0
    far = fit_weights(drawn, drawn.alpha @ true[:1].T, ~near[0])
    assert not far[0, near[0]].any(), "no weight beyond the reach"
    amounts = intensities(np.full((3, 1, 52), 2.0), drawn.alpha)
    assert amounts.max() == 1.0 and amounts.shape == (len(drawn.alpha), 3, 1)


def test_sets_rebuild_what_three_maps_can_hold(random: np.random.Generator) -> None:
    maps, _, chosen = planted(random)
    masks = np.ones((1, 32, 32), np.float32)
    drawn = samples(key_weights())
    # Where every key expression shows itself, all of it and nothing else.
    shown = np.zeros((len(drawn.alpha), 1, KEYS))
    shown[range(KEYS), 0, range(KEYS)] = 1.0
    keys_only = drawn._replace(share=np.where(np.arange(len(drawn.share)) < KEYS, 1.0, 0.0))
    plan = plan_sets(region_products(maps, masks), shown, keys_only, EVERYWHERE)
    assert sorted(plan.keys[0] - 1) == chosen.tolist()
    sets = set_maps(maps, masks, plan, key_weights())
    amounts = intensities(plan.weights, key_weights())[:, :, 0]
    rebuilt = np.einsum("ks,syx->kyx", amounts, sets)
    # Weights are not negative, and key expressions share blendshapes: not all of a random mixture can be had.
    assert np.sqrt(np.square(rebuilt - maps).mean() / np.square(maps).mean()) < 0.2


def test_a_key_is_in_the_same_set_in_every_region(random: np.random.Generator) -> None:
    maps, _, _ = planted(random)
    masks = np.zeros((3, 32, 32), np.float32)
    masks[0, :16], masks[1, 16:24], masks[2, 24:] = 1.0, 1.0, 1.0
    drawn = samples(key_weights())
    shown = np.zeros((len(drawn.alpha), 3, KEYS))
    keys = plan_sets(region_products(maps, masks, step=1), shown, drawn, np.ones((3, 52), bool)).keys
    assert (keys == keys[0]).all()


def test_where_a_region_looks_at_the_weight_masks() -> None:
    """Left alone active: the region on the left sees its key, the one on the right nothing."""
    activation = np.zeros((52, 2), np.float32)
    weights = np.zeros((KEYS, 52))
    weights[0, 0], weights[1, 1] = 1.0, 1.0
    activation[0, 0], activation[1, 1] = 1.0, 1.0
    alpha, masks, energy = np.eye(52)[:1], np.eye(2, dtype=np.float32), np.ones((KEYS, 2), np.float32)
    shown = shown_in_regions(activation, weights, masks, energy, alpha)
    assert shown[0, 0, 0] == pytest.approx(1.0, abs=1e-3) and shown[0, 1].max() == 0.0
    half = shown_in_regions(activation, weights, masks, energy, 0.5 * alpha, onset=0.5)
    assert half.max() == pytest.approx(0.0, abs=1e-3), "not begun yet"


def test_reach() -> None:
    """The first blendshape moves the wrinkled half of region 0 and a smooth corner of region 1."""
    activation = np.array([[1.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.5, 0.0]], np.float32)
    masks = np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]], np.float32)
    energy = np.zeros((KEYS, 4), np.float32)
    energy[3, :3] = 1.0
    assert reach_of_blendshapes(activation, masks, energy).tolist() == [[True, False], [False, True]]


def test_nothing_to_show_gives_nothing() -> None:
    maps, masks = np.zeros((KEYS, 8, 8), np.float32), np.ones((1, 8, 8), np.float32)
    drawn = samples(key_weights())
    plan = plan_sets(region_products(maps, masks), np.zeros((len(drawn.alpha), 1, KEYS)), drawn, EVERYWHERE)
    assert isinstance(plan, Plan) and not plan.keys.any() and not plan.weights.any()
    assert not set_maps(maps, masks, plan, key_weights()).any()
