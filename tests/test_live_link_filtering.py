"""Smoothing, retiming, neutral face and key reduction of recorded channels."""

from __future__ import annotations

import numpy as np
import pytest
from live_link_takes import bump

from blender_addon.backend_door import ARKIT_NAMES
from blender_addon.live_link.filtering import quiet_neutral, sample, smooth, subtract_neutral
from blender_addon.live_link.key_reduction import Keys, reduce_keys

RATE, SMOOTHING = 60.0, 0.05  # the add-on's default


def of(**weights: float) -> np.ndarray:
    values = np.zeros(52)
    for name, value in weights.items():
        values[ARKIT_NAMES.index(name)] = value
    return values


@pytest.mark.parametrize("rate", [24.0, 30.0, 60.0])
@pytest.mark.parametrize("seconds", [0.02, 0.05, 0.1])
def test_a_blink_of_a_tenth_of_a_second_keeps_its_height(rate: float, seconds: float) -> None:
    t = np.arange(int(rate * 10)) / rate
    clean = sum(bump(t, round(m * rate) / rate, 0.1) for m in (2.0, 4.0, 6.5, 8.0))[:, None]
    noisy = clean + np.random.default_rng(3).normal(0, 0.01, clean.shape)
    smoothed = smooth(noisy, rate, seconds)[:, 0]
    for middle in (2.0, 4.0, 6.5, 8.0):
        row = round(middle * rate)
        assert smoothed[row - 1 : row + 2].max() > 0.95
        assert np.argmax(smoothed[row - 4 : row + 5]) == 4, "the blink must not move in time"


def test_trembling_is_taken_out_where_the_face_rests() -> None:
    t = np.arange(1200) / RATE
    clean = (0.4 * np.clip(t - 5.0, 0, 1) + bump(t, 12.0, 0.15))[:, None]
    noise = np.random.default_rng(4).normal(0, 0.01, clean.shape)
    smoothed = smooth(clean + noise, RATE, SMOOTHING)
    rest = (t < 4.5) | ((t > 7) & (t < 11))
    assert np.std((smoothed - clean)[rest]) < 0.5 * np.std(noise[rest])
    assert np.std(smoothed - clean) < 0.75 * np.std(noise)


def test_smoothing_does_not_delay() -> None:
    t = np.arange(900) / RATE
    clean = 0.5 + 0.3 * np.sin(2 * np.pi * 1.3 * t)
    noisy = clean + np.random.default_rng(5).normal(0, 0.02, clean.shape)
    smoothed = smooth(noisy[:, None], RATE, SMOOTHING)[:, 0]
    lags = range(-4, 5)
    match = [np.dot(smoothed[10:-10] - 0.5, np.roll(clean, lag)[10:-10] - 0.5) for lag in lags]
    assert lags[int(np.argmax(match))] == 0
    assert np.abs(smoothed[[0, -1]] - clean[[0, -1]]).max() < 0.03  # no droop at the ends


def test_smoothing_leaves_clean_and_short_recordings() -> None:
    still = np.zeros((200, 2))
    assert np.array_equal(smooth(still, RATE, SMOOTHING), still)
    few = np.random.default_rng(6).random((5, 3))
    assert np.array_equal(smooth(few, RATE, SMOOTHING), few)
    assert np.array_equal(smooth(few, RATE, 0.0), few)


def test_sampling_between_rows() -> None:
    times = np.array([0.0, 0.1, 0.2, 0.3, 0.4])
    values = np.array([[0.0], [0.0], [1.0], [1.0], [0.0]])
    at = np.linspace(0, 0.4, 401)
    cubic, straight = sample(times, values, at, True)[:, 0], sample(times, values, at, False)[:, 0]
    assert cubic.min() >= 0.0 and cubic.max() <= 1.0, "a lid must not open beyond what was recorded"
    assert straight == pytest.approx(np.interp(at, times, values[:, 0]))
    assert sample(times, values, times, True) == pytest.approx(values, abs=1e-12)
    assert np.abs(np.diff(cubic, 2)).max() < np.abs(np.diff(straight, 2)).max()  # no corners
    ramp = np.stack([times * 2, 1 - times], 1)
    assert sample(times, ramp, at, True) == pytest.approx(np.stack([at * 2, 1 - at], 1), abs=1e-12)


def test_lost_rows_are_bridged_and_the_ends_hold() -> None:
    times = np.arange(10) / 10.0
    values = np.stack([times, 1 - times], 1)
    values[[0, 4, 5, 9]] = np.nan
    filled = sample(times, values, times, True)
    assert filled[4:6, 0] == pytest.approx([0.4, 0.5], abs=1e-9)
    assert filled[0, 0] == pytest.approx(0.1) and filled[9, 0] == pytest.approx(0.8)


def test_neutral_becomes_zero_and_one_stays_one() -> None:
    neutral = of(mouthSmileLeft=0.2, browInnerUp=0.1)
    taken = subtract_neutral(np.stack([neutral, of(mouthSmileLeft=1.0), np.zeros(52)]), neutral)
    smile = ARKIT_NAMES.index("mouthSmileLeft")
    assert taken[:, smile] == pytest.approx([0.0, 1.0, 0.0])
    assert not taken[0].any() and taken[2].min() == 0.0


def test_neutral_gaze_shifts_both_ways() -> None:
    neutral = of(eyeLookDownLeft=0.3)
    rows = np.stack([neutral, np.zeros(52), of(eyeLookUpLeft=1.0), of(eyeLookDownLeft=1.0)])
    taken = subtract_neutral(rows, neutral)
    up, down = (taken[:, ARKIT_NAMES.index(f"eyeLook{way}Left")] for way in ("Up", "Down"))
    assert up == pytest.approx([0.0, 0.3 / 1.3, 1.0, 0.0])  # who looks ahead looks up from there
    assert down == pytest.approx([0.0, 0.0, 0.0, 1.0])


def test_an_extreme_neutral_does_not_blow_up() -> None:
    taken = subtract_neutral(np.stack([of(jawOpen=1.0), of(jawOpen=0.95)]), of(jawOpen=1.0))
    assert np.isfinite(taken).all() and taken.max() <= 1.0


def test_the_quietest_part_is_rest() -> None:
    t = np.arange(600) / RATE
    weights = np.zeros((600, 52))
    weights[:, 3] = 0.15  # how the tracker sees this person at rest
    talking = (t < 4) | (t > 7)
    weights[talking, 3] += 0.3 + 0.3 * np.sin(20 * t[talking])
    weights[100:110] = np.nan
    quiet = quiet_neutral(t, weights)
    assert 0.15 < quiet.mean() < 0.35 and ((t[quiet] > 4) & (t[quiet] < 7)).all()
    assert np.median(weights[quiet, 3]) == pytest.approx(0.15)


def rebuilt(keys: Keys, frames: np.ndarray) -> np.ndarray:
    """The curve that Blender draws through keys with these handles, found as Blender does: solve for the time."""
    left, right = keys.handles()
    values = np.empty(len(frames))
    for i, frame in enumerate(frames):
        k = int(np.clip(np.searchsorted(keys.frames, frame, "right") - 1, 0, max(len(keys.frames) - 2, 0)))
        if len(keys.frames) == 1:
            values[i] = keys.values[0]
            continue
        points = np.array([
            (keys.frames[k], keys.values[k]), right[k], left[k + 1], (keys.frames[k + 1], keys.values[k + 1]),
        ])  # fmt: skip
        low, high = 0.0, 1.0
        for _ in range(50):
            t = 0.5 * (low + high)
            bezier = np.array([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
            low, high = (t, high) if bezier @ points[:, 0] < frame else (low, t)
        values[i] = bezier @ points[:, 1]
    return values


@pytest.mark.parametrize("tolerance", [0.001, 0.005, 0.02])
def test_reduced_keys_stay_within_the_tolerance(tolerance: float) -> None:
    frames = np.arange(1.0, 301.0)
    t = frames / 24
    values = 0.4 + 0.3 * np.sin(2 * t) + 0.2 * bump(t, 6.0, 0.2) + 0.05 * np.sin(9 * t)
    keys = reduce_keys(frames, values, tolerance)
    assert np.abs(rebuilt(keys, frames) - values).max() <= tolerance + 1e-9
    assert len(keys.frames) < (150 if tolerance < 0.005 else 90)
    assert keys.frames[0] == 1.0 and keys.frames[-1] == 300.0 and (np.diff(keys.frames) > 0).all()


def test_a_still_channel_is_one_key_and_no_tolerance_keys_all() -> None:
    frames = np.arange(10.0, 60.0)
    still = 0.3 + 0.002 * np.sin(frames)
    keys = reduce_keys(frames, still, 0.005)
    assert len(keys.frames) == 1 and abs(keys.values[0] - still).max() <= 0.005
    assert len(reduce_keys(frames, still, 0.0).frames) == 50
    assert len(reduce_keys(frames[:1], still[:1], 0.0).frames) == 1


def test_a_ramp_needs_two_keys() -> None:
    frames = np.arange(100.0)
    assert len(reduce_keys(frames, frames / 99, 0.001).frames) == 2
