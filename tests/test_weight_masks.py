"""Weight masks: one at their own key expression, none at neutral, at most one together, continuous, local."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from detail_heads import face_model, head_of, made_up_detail
from facewright.dynamic_detail.activation import activation_masks, inverse_energies, key_weights
from facewright.dynamic_detail.weight_masks import weight_masks
from facewright.face_model.key_expressions import KEY_EXPRESSION_NAMES


@pytest.fixture(scope="module")
def head() -> tuple[np.ndarray, np.ndarray]:
    """Activation of the skin's vertices and key weights of a sampled head."""
    model = face_model()
    activation = activation_masks(model.topology, head_of().blendshapes)
    return activation[:, activation.any(axis=0)], key_weights(model.blendshape_names)


def written_out(activation: np.ndarray, alphahat: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The docstring's formulas for one vertex, in plain Python."""
    keys, shapes = alphahat.shape
    s = sum(alpha[j] ** 2 * activation[j] for j in range(shapes))
    m, w = [], []
    for i in range(keys):
        u = sum(alpha[j] * alphahat[i, j] * activation[j] for j in range(shapes))
        inv = 1.0 / (sum(alphahat[i, j] ** 2 * activation[j] for j in range(shapes)) + 1e-4)
        x = u * u * inv
        m.append(min(max(u * inv, 0.0), 1.0))
        w.append((x / ((1 + 1e-3) * s + 1e-9 - x)) ** 2)
    total = sum(w)
    return np.array([a * b / total if total else 0.0 for a, b in zip(m, w)])


def test_formula_of_the_docstring(head: tuple[np.ndarray, np.ndarray]) -> None:
    activation, alphahat = head
    rng = np.random.default_rng(3)
    alpha = rng.uniform(size=52) * (rng.uniform(size=52) < 0.3)
    masks = weight_masks(activation, alphahat, alpha)
    for vertex in rng.choice(activation.shape[1], 20, replace=False):
        expected = written_out(activation[:, vertex].astype(float), alphahat, alpha)
        np.testing.assert_allclose(masks[:, vertex], expected, atol=2e-5)


def test_neutral_has_none(head: tuple[np.ndarray, np.ndarray]) -> None:
    assert not weight_masks(*head, np.zeros(52)).any()


@pytest.mark.parametrize("key", range(19), ids=KEY_EXPRESSION_NAMES[1:])
def test_key_expression_shows_its_own_map(key: int) -> None:
    """Every key expression's detail is noise of its own here, so that a leak of another would show in full."""
    detail = made_up_detail()
    moved = detail.activation.any(axis=0)
    masks = weight_masks(detail.activation, detail.key_weights, detail.key_weights[key])[:, moved]
    rng = np.random.default_rng(key)
    amount = np.maximum(detail.tension[:, moved] - 0.04, 0.0) * rng.normal(size=(19, moved.sum()))
    error = (masks * amount).sum(axis=0) - amount[key]
    assert np.sqrt(np.mean(error**2)) < 0.05 * np.sqrt(np.mean(amount[key] ** 2))


def test_half_a_key_expression_is_half_its_map(head: tuple[np.ndarray, np.ndarray]) -> None:
    activation, alphahat = head
    for key in range(19):
        strong = (np.square(alphahat[key]) @ activation) > 0.02
        for share in (0.25, 0.5, 0.75):
            masks = weight_masks(activation, alphahat, share * alphahat[key])[:, strong]
            # Where two key expressions use the same blendshape alone, they share.
            assert np.median(masks[key]) == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize("seed", range(4))
def test_sum_is_at_most_one(head: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    rng = np.random.default_rng(seed)
    masks = weight_masks(*head, rng.uniform(size=52))
    assert masks.min() >= 0.0
    assert masks.sum(axis=0).max() <= 1.0 + 1e-5


@pytest.mark.parametrize("seed", range(3))
def test_continuous_along_random_paths(head: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    """Ten times smaller steps make about ten times smaller changes: no jump anywhere on the way."""
    activation, alphahat = head
    rng = np.random.default_rng(seed)
    picked = rng.choice(activation.shape[1], 4000, replace=False)
    start, end = rng.uniform(size=(2, 52)) * (rng.uniform(size=(2, 52)) < 0.3)

    def largest_change(steps: int) -> float:
        path = [
            weight_masks(activation[:, picked], alphahat, start + t * (end - start))
            for t in np.linspace(0.3, 0.5, steps + 1)
        ]
        return max(float(np.abs(b - a).max()) for a, b in itertools.pairwise(path))

    assert largest_change(200) < 0.2 * largest_change(20)


def test_jitter_of_the_weights_changes_little(head: tuple[np.ndarray, np.ndarray]) -> None:
    """Face capture jitters by about a hundredth: the detail must not flicker."""
    activation, alphahat = head
    rng = np.random.default_rng(5)
    for key in (0, 2, 17):
        still = weight_masks(activation, alphahat, 0.7 * alphahat[key])
        noisy = np.clip(0.7 * alphahat[key] + rng.normal(0.0, 0.01, 52) * (alphahat[key] > 0), 0.0, 1.0)
        assert np.sqrt(np.mean((weight_masks(activation, alphahat, noisy) - still) ** 2)) < 0.02


def test_sides_are_independent() -> None:
    """A raised left brow wrinkles the left forehead as a whole raised brow does, and leaves the right alone."""
    model = face_model()
    names, topology = model.blendshape_names, model.topology
    activation = activation_masks(topology, head_of().blendshapes)
    alphahat = key_weights(names)
    left = np.zeros(52)
    left[names.index("browOuterUpLeft")] = 1.0
    masks = weight_masks(activation, alphahat, left)
    raised = KEY_EXPRESSION_NAMES.index("brow_raiser") - 1
    brows = {side: topology.regions[f"brows_{side}"] for side in ("left", "right")}
    assert masks[raised, brows["left"]].max() > 0.5
    # The inner ends lie a centimetre apart and share some skin.
    assert masks[:, brows["right"]].mean() < 0.02 and masks[:, brows["right"]].max() < 0.1


def test_onset(head: tuple[np.ndarray, np.ndarray]) -> None:
    activation, alphahat = head
    alpha = 0.5 * alphahat[0]
    plain, late = weight_masks(activation, alphahat, alpha), weight_masks(activation, alphahat, alpha, 0.4)
    np.testing.assert_allclose(late, np.maximum(plain - 0.4, 0.0) / 0.6, atol=1e-6)
    at_key = weight_masks(activation, alphahat, alphahat[0], 0.9)
    assert np.median(at_key[0][(np.square(alphahat[0]) @ activation) > 0.05]) > 0.98


def test_given_inverse_energies_change_nothing(head: tuple[np.ndarray, np.ndarray]) -> None:
    activation, alphahat = head
    alpha = np.random.default_rng(1).uniform(size=52)
    inverse = inverse_energies(activation, alphahat)
    expected = weight_masks(activation, alphahat, alpha)
    np.testing.assert_array_equal(weight_masks(activation, alphahat, alpha, inverse=inverse), expected)


def test_weights_below_zero_count_as_none(head: tuple[np.ndarray, np.ndarray]) -> None:
    assert not weight_masks(*head, np.full(52, -0.3)).any()
