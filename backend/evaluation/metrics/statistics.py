"""Numbers over many images: pooled distances, cumulative curves, intervals over people, error removed.

Photographs of one person are no independent evidence, so every interval resamples people with all their images, and
not images (the bootstrap of clusters).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
BIN_MM = 1e-3
HIGHEST_MM = 100.0
RESAMPLES = 10_000
CONFIDENCE = 0.95


class Pooled(NamedTuple):
    """Median, mean and standard deviation (population) of pooled values, and how many values there were."""

    median: float
    mean: float
    std: float
    values: int


class Curve(NamedTuple):
    """Cumulative error curve: y (fraction, 0..1) of the pooled distances are at most x (mm)."""

    x: Array
    y: Array


class Interval(NamedTuple):
    """An estimate and the ends (low, high) of its interval; None where there are fewer than two people."""

    estimate: float
    ends: tuple[float, float] | None


class DistancePool:
    """Unsigned distances of all images together, without keeping them.

    Mean and standard deviation are exact; median and curve are read off a histogram of 1 micrometre bins, so they
    are right to half a micrometre. Distances beyond 100 mm count in the last bin. Every distance counts alike, so
    images with more points weigh more: that is how NoW pools.
    """

    def __init__(self) -> None:
        self._bins = np.zeros(round(HIGHEST_MM / BIN_MM) + 1, np.int64)
        self._sum = 0.0
        self._squares = 0.0

    def add(self, distances: NDArray[np.floating[Any]]) -> None:
        """Take one image's distances (N,), mm, in. Raises ValueError for negative or not finite ones."""
        values = np.asarray(distances, np.float64).ravel()
        if not np.isfinite(values).all() or (values < 0.0).any():
            raise ValueError("Distances must be finite and not negative.")
        index = np.minimum(values / BIN_MM, len(self._bins) - 1).astype(np.int64)
        self._bins += np.bincount(index, minlength=len(self._bins))
        self._sum += float(values.sum())
        self._squares += float(values @ values)

    @property
    def count(self) -> int:
        """How many distances there are."""
        return int(self._bins.sum())

    def pooled(self) -> Pooled:
        """Statistics over everything that was added. Raises ValueError where that is nothing."""
        count = self._require()
        mean = self._sum / count
        variance = max(self._squares / count - mean * mean, 0.0)
        return Pooled(self.quantile(0.5), mean, float(np.sqrt(variance)), count)

    def quantile(self, share: float) -> float:
        """The distance, mm, that a share (0..1) of the pool does not exceed: middle of its bin."""
        count = self._require()
        bin_index = int(np.searchsorted(np.cumsum(self._bins), share * count, side="left"))
        return (bin_index + 0.5) * BIN_MM

    def curve(self, end_mm: float = 7.0, points: int = 141) -> Curve:
        """Cumulative error curve from 0 to ``end_mm`` at evenly spaced places."""
        count = self._require()
        x = np.linspace(0.0, end_mm, points)
        below = np.concatenate([[0], np.cumsum(self._bins)])
        index = np.minimum(np.round(x / BIN_MM).astype(np.int64), len(below) - 1)
        return Curve(x, below[index] / count)

    def area_under_curve(self, end_mm: float) -> float:
        """Area under the cumulative curve from 0 to ``end_mm``, as a share of the rectangle: 1 is perfect.

        Equals the mean of max(0, 1 - distance / end_mm).
        """
        count = self._require()
        middle = (np.arange(len(self._bins)) + 0.5) * BIN_MM
        return float(self._bins @ np.clip(1.0 - middle / end_mm, 0.0, None)) / count

    def _require(self) -> int:
        count = self.count
        if not count:
            raise ValueError("No distances were added.")
        return count


def mean_interval(values: Array, subjects: Sequence[str], resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """Mean over images (N,) with its 95 % interval over people (N names): percentiles of the resampled means."""
    per_person, images = _per_person(np.asarray(values, np.float64)[:, None], subjects)
    estimate = float(np.mean(values))
    drawn = _drawn(len(images), resamples, seed)
    if drawn is None:
        return Interval(estimate, None)
    return _interval(estimate, (drawn @ per_person[:, 0]) / (drawn @ images))


def paired_difference(
    first: Array, second: Array, subjects: Sequence[str], resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Mean of first - second over the same images (N,), with its interval over people; below 0: first is nearer."""
    return mean_interval(np.asarray(first, np.float64) - np.asarray(second, np.float64), subjects, resamples, seed)


def paired_ratio(
    first: Array, second: Array, subjects: Sequence[str], resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """mean(first) / mean(second) over the same images (N,), with its interval over people."""
    both = np.stack([np.asarray(first, np.float64), np.asarray(second, np.float64)], 1)
    per_person, images = _per_person(both, subjects)
    estimate = float(both[:, 0].sum() / both[:, 1].sum())
    drawn = _drawn(len(images), resamples, seed)
    if drawn is None:
        return Interval(estimate, None)
    sums = drawn @ per_person
    return _interval(estimate, sums[:, 0] / sums[:, 1])


def error_removed(
    metric: Array, mean_face_metric: Array, subjects: Sequence[str], resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Share of the mean face's error that a prediction removes: 1 - mean(metric) / mean(mean face's metric).

    1 is perfect, 0 is no better than showing everybody the same face, below 0 is worse. It can be had for every
    metric and every topology, but it is a share of *distances*: half the deviation recovered at every point removes
    half the error only where nothing wrong is added.
    """
    ratio = paired_ratio(metric, mean_face_metric, subjects, resamples, seed)
    ends = None if ratio.ends is None else (1.0 - ratio.ends[1], 1.0 - ratio.ends[0])
    return Interval(1.0 - ratio.estimate, ends)


def _per_person(values: Array, subjects: Sequence[str]) -> tuple[Array, Array]:
    """Sums (P, K) of values (N, K) over each person's images, and how many images each has (P,)."""
    if not len(values) or len(values) != len(subjects):
        raise ValueError(
            f"Every value needs its subject: there are {len(values)} values, {len(subjects)} subjects."
        )
    names, who = np.unique(np.asarray(subjects), return_inverse=True)
    sums: Array = np.stack([np.bincount(who, column, len(names)) for column in values.T], 1).astype(np.float64)
    return sums, np.bincount(who, minlength=len(names)).astype(np.float64)


@lru_cache(maxsize=4)  # a report has thousands of intervals over the same people
def _drawn(people: int, resamples: int, seed: int) -> Array | None:
    """(resamples, people) how often each person is drawn; None where there are too few people to resample."""
    if people < 2:
        return None
    draws = np.random.default_rng(seed).multinomial(people, np.full(people, 1.0 / people), resamples)
    counts: Array = draws.astype(np.float64)
    counts.flags.writeable = False
    return counts


def _interval(estimate: float, resampled: Array) -> Interval:
    """Percentile interval."""
    low, high = np.quantile(resampled, [(1.0 - CONFIDENCE) / 2.0, (1.0 + CONFIDENCE) / 2.0])
    return Interval(estimate, (float(low), float(high)))
