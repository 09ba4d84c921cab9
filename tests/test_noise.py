"""Irregularity of lines: periodic, smooth, the same for the same seed."""

from __future__ import annotations

import numpy as np
from facewright.displacement.noise import LINES, PERIOD, LineNoise, between_lines


def test_same_seed_same_noise_other_seed_other_noise() -> None:
    line, along = np.random.default_rng(0).uniform(0.0, 40.0, (2, 500))
    first, again, other = (LineNoise.of(seed).at(line, along, 3) for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert abs(np.corrcoef(first[0], other[0])[0, 1]) < 0.3
    assert abs(np.corrcoef(first[0], first[1])[0, 1]) < 0.3


def test_it_repeats_without_a_seam() -> None:
    noise = LineNoise.of(2)
    line, along = np.random.default_rng(1).uniform(0.0, 30.0, (2, 400))
    plain = noise.at(line, along, 0)[0]
    assert np.allclose(plain, noise.at(line, along + PERIOD, 0)[0], atol=1e-4)
    assert np.allclose(plain, noise.at(line - LINES, along, 0)[0], atol=1e-4)
    steps = np.diff(noise.at(np.full(8000, 3.2), np.linspace(-3.0, 80.0, 8000), 0)[0])
    assert np.abs(steps).max() < 0.06


def test_statistics() -> None:
    rng = np.random.default_rng(2)
    stray, vary = LineNoise.of(4).at(rng.integers(0, 90, 20000) + 0.0, rng.uniform(0.0, PERIOD, 20000), 0)
    for values in (stray, vary):
        assert abs(values.mean()) < 0.1
        assert 0.75 < values.std() < 1.05
        assert np.abs(values).max() <= 2.2


def test_a_line_is_itself_at_its_middle_and_blends_to_the_next() -> None:
    table = np.array([[1.0, 1.0], [3.0, 3.0], [7.0, 7.0]], np.float32)
    found = between_lines(table, np.array([0.0, 0.5, 1.0, 2.0, 2.5]), np.zeros(5))
    assert np.allclose(found, [1.0, 2.0, 3.0, 7.0, 4.0])
