"""Fewer keys: a curve sampled at every frame becomes a Bezier curve with keys only where it needs them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .filtering import hermite, slopes


class Keys(NamedTuple):
    """Keys of one curve, frames rising. ``slopes`` are values per frame; handles lie a third of the way.

    frames (K,), values (K,), slopes (K,), all float64.
    """

    frames: NDArray[np.float64]
    values: NDArray[np.float64]
    slopes: NDArray[np.float64]

    def handles(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Left and right handles (K, 2), frame and value. A third of the way makes frames run evenly."""
        gaps = np.diff(self.frames) / 3.0
        before = np.concatenate([gaps[:1] if len(gaps) else [1.0], gaps])
        after = np.concatenate([gaps, gaps[-1:] if len(gaps) else [1.0]])
        left = np.stack([self.frames - before, self.values - self.slopes * before], 1)
        right = np.stack([self.frames + after, self.values + self.slopes * after], 1)
        return left, right


def reduce_keys(frames: NDArray[np.float64], values: NDArray[np.float64], tolerance: float) -> Keys:
    """Keys whose Bezier curve stays within ``tolerance`` of the values (N,) at every frame.

    From the two ends on, the worst frame of each piece gets a key until none is off by more (Ramer 1972, with
    cubics for lines). A curve that never leaves the tolerance about its middle becomes one key; with tolerance 0
    every frame has its own.
    """
    low, high = float(values.min()), float(values.max())
    if len(frames) == 1 or (tolerance > 0.0 and high - low <= tolerance):
        return Keys(frames[:1], np.array([0.5 * (low + high)]), np.zeros(1))
    slope = slopes(frames, values[:, None])[:, 0]
    if tolerance <= 0.0:
        return Keys(frames, values, slope)
    keys = np.zeros(len(frames), bool)
    keys[[0, -1]] = True
    while True:
        places = np.flatnonzero(keys)
        piece = np.clip(np.searchsorted(places, np.arange(len(frames)), side="right") - 1, 0, len(places) - 2)
        a, b = places[piece], places[piece + 1]
        step = frames[b] - frames[a]
        fitted = hermite((frames - frames[a]) / step, step, values[a], values[b], slope[a], slope[b])
        error = np.abs(fitted - values)
        starts = places[:-1]
        worst = np.maximum.reduceat(error, starts)
        bad = worst > tolerance
        if not bad.any():
            return Keys(frames[keys], values[keys], slope[keys])
        # The first frame of each bad piece that is as far off as its worst.
        at_worst = (error == worst[piece]) & bad[piece]
        candidates = np.flatnonzero(at_worst)
        _, first = np.unique(piece[candidates], return_index=True)
        keys[candidates[first]] = True
