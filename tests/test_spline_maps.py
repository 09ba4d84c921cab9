"""Maps as coefficients of cubic B-splines: a cubic filter gives the map back, and smoothly."""

from __future__ import annotations

import numpy as np
from facewright.dynamic_detail.spline_maps import spline_coefficients, spline_values
from scipy.ndimage import map_coordinates


def noise(size: int = 64) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(size, size)).astype(np.float32)


def test_the_cubic_filter_gives_the_map_back() -> None:
    values = noise()
    assert np.abs(spline_values(spline_coefficients(values)) - values).max() < 1e-5


def test_a_filter_by_definition_agrees() -> None:
    coefficients = spline_coefficients(noise())
    places = np.mgrid[:64, :64].astype(float)
    by_definition = map_coordinates(coefficients, places, order=3, prefilter=False, mode="nearest")
    assert np.abs(spline_values(coefficients) - by_definition).max() < 1e-5


def test_without_coefficients_fine_detail_is_lost() -> None:
    values = noise()
    assert spline_values(values).std() < 0.6 * values.std()


def test_nothing_stays_nothing_and_spreads_no_further_than_some_texels() -> None:
    values = np.zeros((64, 64), np.float32)
    assert not spline_coefficients(values).any()
    values[32, 32] = 1.0
    far = spline_coefficients(values)[:, :20]
    assert np.abs(far).max() < 1e-6
