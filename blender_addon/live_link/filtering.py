"""Recorded channels, made even, quiet and neutral. Arrays are (T, C): T moments, C channels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..backend_door import ARKIT_NAMES

# A residual this many times stronger than the channel's noise is motion and stays.
MOTION_OVER_NOISE = 4.0
# The median of the square of Gaussian noise, in units of its variance.
MEDIAN_OF_SQUARE = 0.4549
# The quietest part of a take shows its neutral face.
QUIET_SHARE, QUIET_SECONDS = 0.2, 0.25
# A neutral weight above this is no offset of the tracker but an expression; more is not divided out.
LARGEST_NEUTRAL = 0.9

_INDEX = {name: k for k, name in enumerate(ARKIT_NAMES)}
# Of these pairs one weight is 0 while the other moves: together they are one value with a sign.
OPPOSITES = np.array([
    (_INDEX[first], _INDEX[second]) for first, second in (
        ("eyeLookUpLeft", "eyeLookDownLeft"), ("eyeLookUpRight", "eyeLookDownRight"),
        ("eyeLookInLeft", "eyeLookOutLeft"), ("eyeLookInRight", "eyeLookOutRight"),
        ("jawLeft", "jawRight"), ("mouthLeft", "mouthRight"),
    )
])  # fmt: skip


def slopes(times: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T, C) derivatives of curves that never leave the range of their neighbours (Fritsch and Carlson 1980).

    Between two points the curve is the cubic Hermite of its ends; a local extreme has slope 0, elsewhere it is
    the weighted harmonic mean of the two neighbouring secants.
    """
    result = np.zeros_like(values)
    if len(times) < 2:
        return result
    step = np.diff(times)[:, None]
    secant = np.diff(values, axis=0) / step
    result[0], result[-1] = secant[0], secant[-1]
    before, after = secant[:-1], secant[1:]
    w1, w2 = 2.0 * step[1:] + step[:-1], step[1:] + 2.0 * step[:-1]
    same = before * after > 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (w1 + w2) / (w1 / before + w2 / after)
    result[1:-1] = np.where(same, mean, 0.0)
    return result


def sample(
    times: NDArray[np.float64], values: NDArray[np.float64], at: NDArray[np.float64], cubic: bool
) -> NDArray[np.float64]:
    """Values (T, C) at other times, (N, C); rows with NaN are passed over, outside the ends hold."""
    good = np.isfinite(values).all(1)
    times, values = times[good], values[good]
    if len(times) == 1:
        return np.repeat(values, len(at), 0)
    at = np.clip(at, times[0], times[-1])
    left = np.clip(np.searchsorted(times, at, side="right") - 1, 0, len(times) - 2)
    step = (times[left + 1] - times[left])[:, None]
    t = (at - times[left])[:, None] / step
    low, high = values[left], values[left + 1]
    if not cubic:
        return low + t * (high - low)
    slope = slopes(times, values)
    return hermite(t, step, low, high, slope[left], slope[left + 1])


def hermite(
    t: NDArray[np.float64], step: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64],
    slope_low: NDArray[np.float64], slope_high: NDArray[np.float64],
) -> NDArray[np.float64]:  # fmt: skip
    """The cubic with these end values and slopes over ``step``, at t from 0 to 1."""
    rise = high - low
    return low + t * (
        step * slope_low
        + t * (3.0 * rise - step * (2.0 * slope_low + slope_high)
               + t * (step * (slope_low + slope_high) - 2.0 * rise))
    )  # fmt: skip


def smooth(values: NDArray[np.float64], rate: float, seconds: float) -> NDArray[np.float64]:
    """Take the tracker's trembling out of evenly spaced rows and leave motion, without any delay.

    Each row becomes the middle of a parabola fitted with Gaussian weights of width ``seconds`` (Savitzky and
    Golay 1964), plus that part of the rest r that noise does not explain: g r with
    g = max(0, 1 - 4 n / <r^2>), where <> averages with the same weights and n is the noise's variance, read off
    the median of r^2 (after Lee 1980). So a blink of a tenth of a second keeps its height.
    """
    width = seconds * rate
    radius = max(2, int(np.ceil(3.0 * width)))
    if seconds <= 0.0 or len(values) <= radius:
        return values
    k = np.arange(-radius, radius + 1)
    mean = np.exp(-0.5 * (k / max(width, 1e-3)) ** 2)
    m0, m2, m4 = mean.sum(), (mean * k**2).sum(), (mean * k**4).sum()
    if m0 * m4 - m2**2 < 1e-9:  # narrower than a row
        return values
    parabola = mean * (m4 - m2 * k**2) / (m0 * m4 - m2**2)
    fitted = _convolve(values, parabola, "odd")
    rest = values - fitted
    power = _convolve(rest**2, mean / m0, "even")
    trembling = np.where(rest**2 > 1e-14, rest**2, np.nan)  # a channel that rests at 0 has no noise there
    enough = np.isfinite(trembling).mean(0) > 0.1
    noise = np.zeros(values.shape[1])
    noise[enough] = np.nanmedian(trembling[:, enough], axis=0) / MEDIAN_OF_SQUARE
    kept = np.clip(1.0 - MOTION_OVER_NOISE * noise / np.maximum(power, 1e-20), 0.0, 1.0)
    return fitted + kept * rest


def _convolve(values: NDArray[np.float64], kernel: NDArray[np.float64], ends: str) -> NDArray[np.float64]:
    """Each channel with a symmetric kernel; "odd" reflection at the ends keeps trends, "even" keeps signs."""
    radius = len(kernel) // 2
    padded = np.pad(values, ((radius, radius), (0, 0)), mode="reflect", reflect_type=ends)
    return sum(weight * padded[i : i + len(values)] for i, weight in enumerate(kernel))


def quiet_neutral(seconds: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(T,) which rows belong to the quietest fifth of a take: where all weights together move least."""
    good = np.isfinite(weights).all(1)
    if good.sum() < 3:
        return good
    speed = np.full(len(weights), np.inf)
    motion = np.abs(np.gradient(weights[good], seconds[good], axis=0)).sum(1)
    rows = max(1, round(QUIET_SECONDS / max(np.median(np.diff(seconds[good])), 1e-6)))
    box = np.ones(rows) / rows
    # Blur over a quarter of a second: a pose held between two moves is not yet rest.
    speed[good] = np.convolve(np.pad(motion, (rows // 2, rows - 1 - rows // 2), mode="edge"), box, "valid")
    return good & (speed <= np.quantile(speed[good], QUIET_SHARE))


def subtract_neutral(weights: NDArray[np.float64], neutral: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (T, 52) with the weights (52,) of the neutral face taken as 0; 1 stays 1.

    w becomes (w - n) / (1 - n). Pairs as eyeLookUp and eyeLookDown are taken as one value with a sign, so that a
    person who looks down on the phone may look up as well.
    """
    offset = np.clip(neutral, 0.0, LARGEST_NEUTRAL)
    result = np.clip((weights - offset) / (1.0 - offset), 0.0, None)
    up, down = OPPOSITES.T
    value = weights[:, up] - weights[:, down]
    middle = np.clip(neutral[up] - neutral[down], -LARGEST_NEUTRAL, LARGEST_NEUTRAL)
    value = (value - middle) / (1.0 - np.sign(value - middle) * middle)
    result[:, up], result[:, down] = np.clip(value, 0.0, None), np.clip(-value, 0.0, None)
    return result
