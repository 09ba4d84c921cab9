"""Timecodes of a recording to seconds from its start.

Live Link Face writes ``HH:MM:SS:FF.sss``: FF counts frames within the second, ``sss`` are thousandths of a frame.
How many frames a second has is written nowhere. Takes of the app count to 59, also where the camera gives only 30
pictures a second, and their seconds are real ones; other sources (timecode boxes, network time) count to 23, 24,
29 or leave out numbers at every minute that is not the tenth (drop-frame).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..backend_door import FaceError

# Frames in a second, the likeliest first: where a short take cannot tell, the first that is possible holds.
FRAME_BASES = (60, 30, 24, 25, 50, 48, 120, 100)
DAY_SECONDS = 86400.0
FALLBACK_RATE = 60.0
"""Rows in a second where a file has no timecodes at all."""

_PATTERN = re.compile(r"(\d{1,2})[:;.](\d{1,2})[:;.](\d{1,2})[:;.,](\d{1,3}(?:[.,]\d+)?)")


class TakeUnreadable(FaceError):
    """The file is not a take that can be read; the message says which line."""


class Times(NamedTuple):
    """``seconds`` (T,) from the first row, strictly rising; ``base`` frames a second that the numbers count;
    ``missing``: how many rows had no usable timecode of their own."""

    seconds: NDArray[np.float64]
    base: int
    missing: int


def to_seconds(timecodes: Sequence[str], lines: Sequence[int]) -> Times:
    """Seconds of each row. ``lines`` (T,) are the rows' places in the file, for messages.

    An empty timecode gets its time from its neighbours, equal ones share the time up to the next, and a take may
    run past midnight. Raises TakeUnreadable for what is no timecode and for time that runs backwards.
    """
    parts = np.array([_parts(text, line) for text, line in zip(timecodes, lines, strict=True)]).reshape(-1, 4)
    known = np.flatnonzero(~np.isnan(parts[:, 0]))
    if len(known) == 0:
        return Times(np.arange(len(parts)) / FALLBACK_RATE, int(FALLBACK_RATE), len(parts))
    base = _frame_base(parts[known])
    seconds = _wall_clock(parts[known], base, np.asarray(lines)[known])
    if len(known) > 1:
        seconds, rising = _spread_equal(seconds), known
    else:
        rising = known
    step = float(np.median(np.diff(seconds) / np.diff(rising))) if len(rising) > 1 else 1.0 / base
    rows = np.arange(len(parts))
    times = np.interp(rows, rising, seconds)
    # Outside the known rows the median step goes on.
    before, after = rows < rising[0], rows > rising[-1]
    times[before] = seconds[0] - step * (rising[0] - rows[before])
    times[after] = seconds[-1] + step * (rows[after] - rising[-1])
    return Times(times - times[0], base, len(parts) - len(known))


def _parts(text: str, line: int) -> tuple[float, float, float, float]:
    """Hours, minutes, seconds and frames; four NaN for an empty timecode."""
    text = text.strip()
    if not text:
        return (np.nan,) * 4
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise TakeUnreadable(f'Line {line}: "{text[:40]}" is not a timecode such as 12:27:47:59.169.')
    hours, minutes, seconds = (float(part) for part in match.groups()[:3])
    if hours > 23 or minutes > 59 or seconds > 59:
        raise TakeUnreadable(f'Line {line}: "{text}" is not a time of day.')
    return hours, minutes, seconds, float(match.group(4).replace(",", "."))


def _frame_base(parts: NDArray[np.float64]) -> int:
    """The frames in a second that make the steps from row to row most even."""
    candidates = [base for base in FRAME_BASES if base > np.floor(parts[:, 3].max())]
    if not candidates:
        raise TakeUnreadable(f"The timecodes count {parts[:, 3].max():.0f} frames in a second; is this a take?")

    def unevenness(base: int) -> float:
        steps = np.diff(_nominal(parts, base)) * base  # in frames: what rolls over is what tells
        return float(np.abs(steps - np.median(steps)).sum().round(6))

    return min(candidates, key=unevenness)


def _nominal(parts: NDArray[np.float64], base: int) -> NDArray[np.float64]:
    return parts @ np.array([3600.0, 60.0, 1.0, 1.0 / base])


def _wall_clock(parts: NDArray[np.float64], base: int, lines: NDArray[np.int64]) -> NDArray[np.float64]:
    """(T,) seconds that never fall; a fall of about a day is midnight."""
    seconds = _nominal(parts, base)
    dropped = _dropped_numbers(parts, seconds, base)
    if dropped:
        # Numbers left out make up for 1000/1001 of the nominal rate.
        minutes = parts[:, 0] * 60.0 + parts[:, 1]
        numbers = seconds * base - dropped * (minutes - np.floor(minutes / 10.0))
        seconds = numbers * 1001.0 / (1000.0 * base)
    falls = np.diff(seconds)
    midnight = falls < -0.5 * DAY_SECONDS
    seconds[1:] += DAY_SECONDS * np.cumsum(midnight)
    falls = np.diff(seconds)
    if (falls < -1.0).any():
        where = int(np.argmax(falls < -1.0)) + 1
        raise TakeUnreadable(f"Line {lines[where]}: the timecode runs backwards; are two takes in this file?")
    return np.maximum.accumulate(seconds)


def _dropped_numbers(parts: NDArray[np.float64], seconds: NDArray[np.float64], base: int) -> int:
    """How many frame numbers each minute but the tenth leaves out: 0, or 2 of 30 and 4 of 60."""
    if base not in (30, 60) or len(parts) < 3:
        return 0
    dropped = base // 15
    steps = np.diff(seconds) * base
    extra = steps - np.median(steps)
    minute = parts[:, 1]
    turns = np.flatnonzero((np.diff(minute) != 0) & (minute[1:] % 10 != 0))
    in_gap = (parts[:, 2] == 0) & (minute % 10 != 0) & (parts[:, 3] < dropped)
    skips = len(turns) > 0 and bool((np.abs(extra[turns] - dropped) < 0.5).all())
    return dropped if skips and not in_gap.any() else 0


def _spread_equal(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of the same time share evenly what lies before the next time; the last run goes on as the rest does."""
    distinct, first, counts = np.unique(seconds, return_index=True, return_counts=True)
    if len(distinct) == len(seconds):
        return seconds
    gaps = np.diff(distinct)
    per_row = np.median(gaps / counts[:-1]) if len(gaps) else 1.0 / FALLBACK_RATE
    gaps = np.append(gaps, per_row * counts[-1])
    offset = np.arange(len(seconds)) - np.repeat(first, counts)
    return np.repeat(distinct, counts) + offset * np.repeat(gaps / counts, counts)
