"""Irregularity of lines: every line of a crease set strays and fades in its own way.

One table of smooth random numbers per head: a row per line, periodic along it. Between two lines values blend from
one row to the next, so a line is the same on all of its width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

LINES = 97
PERIOD = 64
"""Lengths of noise after which a line repeats itself; a line of skin is at most ten long."""
SAMPLES = 32
"""Table entries per length."""
SECOND_OCTAVE = 0.45


@dataclass(frozen=True)
class LineNoise:
    """Table (LINES, PERIOD * SAMPLES) complex64: two independent noises, standard deviation 1, within +-2.2."""

    table: NDArray[np.complex64]

    @classmethod
    def of(cls, seed: int) -> LineNoise:
        """Noise of a head; the same seed gives the same noise."""
        rng = np.random.default_rng([seed, 0x57A1])
        table = _smooth(rng, PERIOD) + SECOND_OCTAVE * _smooth(rng, 2 * PERIOD)
        table /= np.sqrt(1.0 + SECOND_OCTAVE**2)
        limited = 2.2 * (np.tanh(table.real / 2.2) + 1j * np.tanh(table.imag / 2.2))
        return cls(limited.astype(np.complex64))

    def at(self, line: NDArray[np.floating[Any]], along: NDArray[np.floating[Any]], offset: int
           ) -> tuple[Float32, Float32]:  # fmt: skip
        """Two independent noises at places: ``line`` in lines (phase), ``along`` in lengths of noise; any shape.

        ``offset`` says which part of the table a crease set takes, so that sets differ from each other.
        """
        place = np.asarray(along, np.float64) * SAMPLES + 389.0 * offset
        found = between_lines(self.table, np.asarray(line) + 13 * offset, place)
        return found.real.copy(), found.imag.copy()


def between_lines(table: NDArray[Any], line: NDArray[Any], place: NDArray[Any]
                  ) -> NDArray[Any]:  # fmt: skip
    """Values of a periodic table (lines, n) at lines (phase) and places 0..n.

    Smoothly blended from one line to the next, linear along them.
    """
    count, width = table.shape
    row = np.floor(line)
    share = np.asarray(line - row, np.float32)
    share *= share * (3.0 - 2.0 * share)
    first = np.mod(row.astype(np.int64), count)
    second = np.mod(first + 1, count)
    whole = np.floor(place)
    step = np.asarray(place - whole, np.float32)
    column = np.mod(whole.astype(np.int64), width)
    following = np.mod(column + 1, width)
    flat = np.ascontiguousarray(table).ravel()
    first *= width
    second *= width
    low = flat[first + column]
    low += step * (flat[first + following] - low)
    high = flat[second + column]
    high += step * (flat[second + following] - high)
    low += share * (high - low)
    result: NDArray[Any] = low
    return result


def _smooth(rng: np.random.Generator, count: int) -> NDArray[np.complex128]:
    """(LINES, PERIOD * SAMPLES) periodic smooth noise with ``count`` knots a period, standard deviation 1."""
    knots = rng.standard_normal((LINES, count)) + 1j * rng.standard_normal((LINES, count))
    length = PERIOD * SAMPLES
    # A cubic B-spline through the frequency domain: knots are pulses, the kernel is periodic.
    pulses = np.zeros((LINES, length), np.complex128)
    pulses[:, :: length // count] = knots
    distance = np.minimum(np.arange(length), length - np.arange(length)) * count / length
    near, far = 4.0 - 6.0 * distance**2 + 3.0 * distance**3, np.maximum(2.0 - distance, 0.0) ** 3
    kernel = np.where(distance < 1.0, near, far) / 6.0
    result: NDArray[np.complex128] = np.fft.ifft(np.fft.fft(pulses, axis=1) * np.fft.fft(kernel), axis=1)
    result /= result.real.std()
    return result
