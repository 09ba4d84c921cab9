"""HiFace's pair from key expressions: exact where the model holds, bounded where tension says nothing."""

from __future__ import annotations

import numpy as np
from facewright.displacement.tension_maps import LARGEST_MM, explained_energy, tension_maps


def test_a_pair_is_found_again() -> None:
    rng = np.random.default_rng(0)
    compressed, stretched = rng.normal(size=(2, 80, 80)).astype(np.float32)
    tension = rng.uniform(-0.4, 0.4, (19, 80, 80)).astype(np.float32)
    dynamic = np.maximum(tension, 0.0) * compressed + np.maximum(-tension, 0.0) * stretched
    found = tension_maps(dynamic, tension)
    assert np.corrcoef(found[0].ravel(), compressed.ravel())[0, 1] > 0.999
    assert np.median(np.abs(found[0] / compressed - 1.0)) < 0.02
    assert np.median(np.abs(found[1] / stretched - 1.0)) < 0.02
    assert explained_energy(dynamic, tension, *found).min() > 0.998


def test_it_is_the_least_squares_solution_up_to_the_regularisation() -> None:
    rng = np.random.default_rng(1)
    tension = rng.uniform(0.2, 0.5, (19, 66, 66)).astype(np.float32)
    dynamic = rng.normal(size=(19, 66, 66)).astype(np.float32)
    compressed, stretched = tension_maps(dynamic, tension)
    exact = (tension * dynamic).sum(0) / (tension**2).sum(0)
    assert np.abs(compressed - exact).max() < 2e-2
    assert np.abs(stretched).max() == 0.0


def test_no_tension_no_map_and_nothing_beyond_what_can_be_stored() -> None:
    dynamic = np.full((19, 64, 64), 40.0, np.float32)
    tension = np.zeros((19, 64, 64), np.float32)
    tension[:, :, 32:] = 0.05
    compressed, _ = tension_maps(dynamic, tension)
    assert np.abs(compressed[:, :32]).max() == 0.0
    assert compressed[:, 32:].max() == LARGEST_MM
