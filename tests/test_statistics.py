"""Pooled numbers, curves, and intervals over people."""

from __future__ import annotations

import time

import numpy as np
import pytest
from facewright.evaluation.metrics.statistics import (
    DistancePool,
    error_removed,
    mean_interval,
    paired_difference,
    paired_ratio,
)

RNG = np.random.default_rng(7)


def test_a_pool_knows_what_all_distances_together_would_say() -> None:
    images = [RNG.gamma(2.0, 0.7, size) for size in (5000, 300, 4711)]
    pool = DistancePool()
    for distances in images:
        pool.add(distances.astype(np.float32))
    everything = np.concatenate(images)
    found = pool.pooled()
    assert found.values == len(everything)
    assert found.median == pytest.approx(np.median(everything), abs=1.1e-3)
    assert found.mean == pytest.approx(everything.mean(), rel=1e-6)
    assert found.std == pytest.approx(everything.std(), rel=1e-6)
    assert pool.quantile(0.9) == pytest.approx(np.quantile(everything, 0.9), abs=2e-3)


def test_images_with_more_points_weigh_more() -> None:
    pool = DistancePool()
    pool.add(np.full(300, 1.0))
    pool.add(np.full(100, 3.0))
    assert pool.pooled().mean == pytest.approx(1.5)
    assert pool.pooled().median == pytest.approx(1.0, abs=1e-3)


def test_curve_and_area_of_even_distances() -> None:
    # Distances spread evenly over 0 to 4 mm: y = x / 4, area up to 4 mm one half, up to 8 mm three quarters.
    pool = DistancePool()
    pool.add((np.arange(40_000) + 0.5) / 1e4)
    curve = pool.curve(8.0, 9)
    np.testing.assert_allclose(curve.x, np.arange(9.0))
    np.testing.assert_allclose(curve.y, np.minimum(np.arange(9) / 4.0, 1.0), atol=1e-3)
    assert pool.area_under_curve(4.0) == pytest.approx(0.5, abs=1e-3)
    assert pool.area_under_curve(8.0) == pytest.approx(0.75, abs=1e-3)


def test_far_points_count_and_nothing_is_refused() -> None:
    pool = DistancePool()
    with pytest.raises(ValueError, match="No distances"):
        pool.pooled()
    pool.add(np.array([0.0, 1.0, 5000.0]))
    assert pool.count == 3
    assert pool.pooled().mean == pytest.approx(5001.0 / 3.0)
    assert pool.curve(7.0, 3).y[-1] == pytest.approx(2.0 / 3.0)
    for bad in ([np.nan], [-0.1]):
        with pytest.raises(ValueError, match="finite"):
            pool.add(np.array(bad))


def test_interval_has_the_width_of_the_mean_over_people() -> None:
    # 100 people, four equal images each: images repeat nothing new, so sigma / sqrt(100) and not / sqrt(400).
    person = RNG.normal(2.0, 1.0, 100)
    subjects = [f"p{k:03d}" for k in range(100) for _ in range(4)]
    found = mean_interval(np.repeat(person, 4), subjects)
    assert found.estimate == pytest.approx(person.mean())
    assert found.ends is not None
    width = 2.0 * 1.96 * person.std() / 10.0
    assert found.ends[1] - found.ends[0] == pytest.approx(width, rel=0.05)
    assert sum(found.ends) / 2.0 == pytest.approx(person.mean(), abs=0.02)
    assert mean_interval(np.repeat(person, 4), subjects) == found  # seeded


def test_pairing_removes_what_both_share() -> None:
    hard = np.repeat(RNG.normal(3.0, 1.0, 40), 2)
    first, second = hard + RNG.normal(0.0, 0.05, 80), hard + 0.1
    subjects = np.repeat(np.arange(40), 2).astype(str).tolist()
    difference = paired_difference(first, second, subjects)
    assert difference.ends is not None
    assert difference.ends[0] < -0.1 < difference.ends[1] < 0.0
    assert difference.ends[1] - difference.ends[0] < 0.05
    ratio = paired_ratio(2.0 * hard, hard, subjects)
    assert ratio.estimate == pytest.approx(2.0)
    assert ratio.ends == pytest.approx((2.0, 2.0))
    removed = error_removed(first, 2.0 * second, subjects)
    assert removed.ends is not None
    assert removed.estimate == pytest.approx(1.0 - first.mean() / (2.0 * second.mean()))
    assert removed.ends[0] < removed.estimate < removed.ends[1]


def test_one_person_has_no_interval() -> None:
    assert mean_interval(np.array([1.0, 3.0]), ["a", "a"]) == (2.0, None)
    assert error_removed(np.array([1.0]), np.array([2.0]), ["a"]) == (0.5, None)
    with pytest.raises(ValueError, match="subject"):
        mean_interval(np.array([1.0, 3.0]), ["a"])
    with pytest.raises(ValueError, match="subject"):
        mean_interval(np.array([]), [])


def test_ten_thousand_resamples_are_quick() -> None:
    values = RNG.random(2000)
    began = time.process_time()
    mean_interval(values, [str(k % 100) for k in range(2000)])
    assert time.process_time() - began < 2.0
