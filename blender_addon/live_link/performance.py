"""A take as it will be keyed: at whole frames of the scene, calibrated, smoothed and weighted by region."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..backend_door import ARKIT_NAMES
from ..expressions.table import REGIONS, region_names
from .filtering import quiet_neutral, sample, smooth, subtract_neutral
from .rotations import conjugate, continuous, eye_rotations, head_rotations, multiply
from .take import Take, TakeUnreadable

OnFrames = Callable[[NDArray[np.float64]], NDArray[np.float64]]

NEUTRAL_NONE, NEUTRAL_FRAME, NEUTRAL_QUIET = "NONE", "FRAME", "QUIET"
EYES_SHAPES, EYES_BONES = "SHAPES", "BONES"


@dataclass(frozen=True)
class TakeSettings:
    """How a take becomes animation.

    start_frame: scene frame of the first row. cubic: between rows, smooth rather than straight. neutral: what
    counts as the resting face: nothing, the one at the scene frame ``neutral_frame``, or the quietest part's
    median. smoothing_seconds: width of the filter, 0 for none. tolerance: how far, in weight (or radians), curves
    may leave the recorded values to save keys; 0 keys every frame. gains: factor by the key of a
    region (``expressions/table``), 1 where it is not named. head: turn neck and
    head, the neck by ``neck_share`` of it; flips: nod, turn, tilt the other way. eyes: what turns the eyeballs.
    """

    start_frame: int = 1
    cubic: bool = True
    neutral: str = NEUTRAL_NONE
    neutral_frame: int = 1
    smoothing_seconds: float = 0.05
    tolerance: float = 0.005
    gains: dict[str, float] = field(default_factory=dict)
    head: bool = True
    neck_share: float = 0.4
    flips: tuple[bool, bool, bool] = (False, False, False)
    eyes: str = EYES_SHAPES


class Performance(NamedTuple):
    """``frames`` (N,) whole scene frames; ``weights`` (N, 52) from 0 to 1 in the order of ARKIT_NAMES; turns of
    head and eyes as quaternions (N, 4) in Blender's axes, None where they are not to be keyed."""

    frames: NDArray[np.float64]
    weights: NDArray[np.float64]
    head: NDArray[np.float64] | None
    left_eye: NDArray[np.float64] | None
    right_eye: NDArray[np.float64] | None


def perform(take: Take, settings: TakeSettings, frames_per_second: float) -> Performance:
    """Retime a take to the scene. Raises TakeUnreadable where the neutral frame lies outside it."""
    count = int(np.floor(take.duration * frames_per_second + 1e-6)) + 1
    times = np.arange(count) / frames_per_second
    rows = _neutral_rows(take, settings, frames_per_second)

    def on_frames(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return _filtered(take, values, times, settings)

    raw = take.weights
    if rows is not None:
        raw = subtract_neutral(raw, np.nanmedian(take.weights[rows], axis=0))
    weights = on_frames(raw)
    weights = np.clip(weights * _factors(settings.gains), 0.0, 1.0)

    head = None
    if settings.head and take.head is not None:
        head = _turns(head_rotations(take.head, settings.flips), rows, on_frames)
    left = right = None
    eyes = eye_rotations(take) if settings.eyes == EYES_BONES else None
    if eyes is not None:
        left, right = (_turns(eye, rows, on_frames) for eye in eyes)
        weights[:, [k for k, name in enumerate(ARKIT_NAMES) if name.startswith("eyeLook")]] = 0.0
    return Performance(settings.start_frame + np.arange(count, dtype=np.float64), weights, head, left, right)


def _neutral_rows(take: Take, settings: TakeSettings, rate: float) -> NDArray[np.bool_] | None:
    """Rows whose median is the resting face; None where nothing is to be taken off."""
    if settings.neutral == NEUTRAL_NONE:
        return None
    if settings.neutral == NEUTRAL_QUIET:
        return quiet_neutral(take.seconds, take.weights)
    moment = (settings.neutral_frame - settings.start_frame) / rate
    if not 0.0 <= moment <= take.duration + 0.5 / rate:
        last = settings.start_frame + int(take.duration * rate)
        raise TakeUnreadable(
            f"The neutral frame {settings.neutral_frame} is outside the take, "
            f"which runs from frame {settings.start_frame} to {last}."
        )
    seen = np.isfinite(take.weights).all(1)
    distance = np.where(seen, np.abs(take.seconds - moment), np.inf)
    return np.arange(len(distance)) == int(np.argmin(distance))


def _turns(
    q: NDArray[np.float64], rows: NDArray[np.bool_] | None, on_frames: OnFrames
) -> NDArray[np.float64]:
    """Quaternions at the frames, from the neutral turn of ``rows`` on where there is one."""
    seen = np.isfinite(q).all(1)
    q = np.where(seen[:, None], q, np.nan)
    q[seen] = continuous(q[seen])
    if rows is not None and (rows & seen).any():
        rest = np.median(q[rows & seen], axis=0)
        q = multiply(conjugate(rest / np.linalg.norm(rest)), q)
    turned = on_frames(q)
    return continuous(turned / np.linalg.norm(turned, axis=1, keepdims=True))


def _filtered(
    take: Take, values: NDArray[np.float64], times: NDArray[np.float64], settings: TakeSettings
) -> NDArray[np.float64]:
    """Channels at the frames' times, smoothed on the take's own even grid first."""
    if not np.isfinite(values).all(1).any():
        raise TakeUnreadable("The take has no frame with all its values.")
    seconds = take.seconds
    if settings.smoothing_seconds > 0.0 and len(seconds) > 3:
        grid = np.arange(int(take.duration * take.rate + 1.5)) / take.rate
        even = sample(seconds, values, grid, cubic=True)
        seconds, values = grid, smooth(even, take.rate, settings.smoothing_seconds)
    return sample(seconds, values, times, settings.cubic)


def _factors(gains: dict[str, float]) -> NDArray[np.float64]:
    """(52,) the factor of each blendshape."""
    by_name = {name: gains.get(region.key, 1.0) for region in REGIONS for name in region_names(region.key)}
    return np.array([by_name[name] for name in ARKIT_NAMES])
