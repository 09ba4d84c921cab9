"""Timecodes of takes to seconds."""

from __future__ import annotations

import numpy as np
import pytest

from blender_addon.live_link.timecode import TakeUnreadable, to_seconds


def stamp(number: float, base: int) -> str:
    """The timecode of a frame number counted from midnight without leaving any out."""
    whole, part = divmod(round(number, 3), 1.0)
    seconds, frame = divmod(int(whole), base)
    hours, minutes = seconds // 3600 % 24, seconds // 60 % 60
    return f"{hours:02d}:{minutes:02d}:{seconds % 60:02d}:{frame:02d}.{round(part * 1000):03d}"


def drop_frame(count: int, base: int) -> str:
    """SMPTE drop-frame: numbers 0 and 1 (of 60: 0 to 3) are left out at each minute but every tenth."""
    drop = base // 15
    ten, minute = base * 600 - 9 * drop, base * 60 - drop
    tens, rest = divmod(count, ten)
    count += drop * 9 * tens + (drop * ((rest - drop) // minute) if rest > drop else 0)
    return stamp(count, base).replace(":", ";", 3)


def seconds_of(codes: list[str]) -> np.ndarray:
    return to_seconds(codes, range(2, len(codes) + 2)).seconds


@pytest.mark.parametrize(("base", "step"), [(60, 1), (60, 2), (30, 1), (24, 1), (25, 1), (50, 2)])
def test_frames_of_a_second_are_found_by_the_even_steps(base: int, step: int) -> None:
    start = (12 * 3600 + 27 * 60 + 47) * base + 7 + 0.169
    times = to_seconds([stamp(start + step * k, base) for k in range(400)], range(2, 402))
    assert times.base == base and times.missing == 0
    assert times.seconds == pytest.approx(np.arange(400) * step / base, abs=2e-5)


def test_thousandths_of_a_frame_count() -> None:
    # As the app writes a camera that is a little fast: the fraction runs down and turns over.
    numbers = 5000.020 + np.arange(300) * 1.9995
    assert seconds_of([stamp(n, 60) for n in numbers]) == pytest.approx(np.arange(300) * 1.9995 / 60, abs=2e-5)


def test_a_take_past_midnight() -> None:
    start = 86400 * 60 - 90
    codes = [stamp((start + k) % (86400 * 60), 60) for k in range(240)]
    assert codes[0].startswith("23:59:58") and codes[-1].startswith("00:00:02")
    assert seconds_of(codes) == pytest.approx(np.arange(240) / 60, abs=1e-9)


@pytest.mark.parametrize("base", [30, 60])
def test_drop_frame_keeps_real_time(base: int) -> None:
    start = 8 * base * 60  # crosses two minutes that leave numbers out and the tenth that does not
    count = int(base * 60 * 3.5)
    codes = [drop_frame(start + k, base) for k in range(count)]
    assert seconds_of(codes) == pytest.approx(np.arange(count) * 1001 / (1000 * base), abs=1e-6)


def test_a_gap_is_time_that_passed() -> None:
    codes = [stamp(1000 + k, 60) for k in [*range(100), *range(160, 300)]]
    seconds = seconds_of(codes)
    assert seconds[100] - seconds[99] == pytest.approx(61 / 60) and seconds[-1] == pytest.approx(299 / 60)


def test_equal_timecodes_share_the_time() -> None:
    # Sixty rows a second against a timecode that counts thirty.
    codes = [stamp(9000 + k // 2, 30) for k in range(200)]
    assert seconds_of(codes) == pytest.approx(np.arange(200) / 60, abs=1e-9)


def test_missing_timecodes_are_taken_from_their_neighbours() -> None:
    codes = [stamp(600 + k, 60) for k in range(200)]
    for k in (0, 1, 77, 78, 199):
        codes[k] = ""
    times = to_seconds(codes, range(2, 202))
    assert times.missing == 5 and times.seconds == pytest.approx(np.arange(200) / 60, abs=1e-9)


def test_without_any_timecode_sixty_a_second() -> None:
    times = to_seconds([""] * 10, range(2, 12))
    assert times.missing == 10 and times.seconds == pytest.approx(np.arange(10) / 60)


@pytest.mark.parametrize("code", ["12:27", "noon", "12:61:00:01.000", "25:00:00:00.000", "1:2:3:4:5"])
def test_what_is_no_timecode_is_named_with_its_line(code: str) -> None:
    codes = [stamp(k, 60) for k in range(5)]
    codes[3] = code
    with pytest.raises(TakeUnreadable, match="Line 5"):
        to_seconds(codes, range(2, 7))


def test_time_that_runs_backwards_is_two_takes() -> None:
    codes = [stamp(k, 60) for k in [*range(6000, 6100), *range(5000, 5100)]]
    with pytest.raises(TakeUnreadable, match="Line 102: the timecode runs backwards"):
        to_seconds(codes, range(2, 202))
