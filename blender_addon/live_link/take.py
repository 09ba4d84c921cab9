"""Reads a take of the app Live Link Face: a CSV file with a timecode, 52 weights and nine angles in each row.

Columns are found by name, whatever their order and case; what is not known is left alone. Rows in which the phone
lost the face hold no numbers and are filled from their neighbours later, in ``filtering``.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..backend_door import ARKIT_NAMES
from .timecode import TakeUnreadable, to_seconds

TIMECODE, COUNT = "timecode", "blendshapecount"
ANGLES = ("yaw", "pitch", "roll")
# A file that names fewer blendshapes is some other table.
FEWEST_SHAPES = 10
# Weights are 0 to 1, a little more where the app was calibrated; percentages are not weights.
LARGEST_WEIGHT = 10.0


class Take(NamedTuple):
    """A recording, T rows. Angles are as the file has them, ``rotations`` says which way they turn.

    ``name``: the file's, without its ending. ``seconds`` (T,) from the first row, strictly rising. ``weights``
    (T, 52) in the order of ARKIT_NAMES, NaN in rows without a face, 0 in columns that the file lacks.
    ``head``, ``left_eye``, ``right_eye``: (T, 3) yaw, pitch, roll in radians, or None where the file has none or
    the app did not record them. ``first_timecode``: as written. ``warnings``: sentences for the person.
    """

    name: str
    seconds: NDArray[np.float64]
    weights: NDArray[np.float64]
    head: NDArray[np.float64] | None
    left_eye: NDArray[np.float64] | None
    right_eye: NDArray[np.float64] | None
    first_timecode: str
    warnings: tuple[str, ...]

    @property
    def rate(self) -> float:
        """Rows in a second."""
        return 1.0 / float(np.median(np.diff(self.seconds))) if len(self.seconds) > 1 else 0.0

    @property
    def duration(self) -> float:
        """Seconds from the first row to the last."""
        return float(self.seconds[-1])


def read_take(path: Path) -> Take:
    """Read a take. Raises TakeUnreadable, with the line where one is to blame."""
    text = _text(path)
    first, _, _ = text.partition("\n")
    delimiter = max(",;\t", key=first.count)
    rows = _rows(text, delimiter)
    try:
        _, header = next(rows)
    except StopIteration:
        raise TakeUnreadable(f"{path.name} is empty.") from None
    columns = _columns(header, path)
    lines, cells = _cells(rows, len(header), columns)
    if len(lines) < 2:
        raise TakeUnreadable(f"{path.name} holds no recorded frames.")
    stamp = columns.get(TIMECODE)
    timecodes = [row[stamp] for row in cells] if stamp is not None else [""] * len(cells)
    times = to_seconds(timecodes, lines)
    weights, missing = _weights(cells, lines, columns, delimiter)
    warnings = [_sentence_about(missing)] if missing else []
    if times.missing:
        warnings.append(
            "The file has no timecodes; 60 frames a second are assumed." if times.missing == len(cells) else
            f"{times.missing} frames have no timecode; their time is taken from their neighbours."
        )  # fmt: skip
    lost = int(np.isnan(weights).all(1).sum())
    if lost == len(weights):
        raise TakeUnreadable(f"{path.name}: the phone saw no face in any frame.")
    if lost:
        warnings.append(f"The phone lost the face in {lost} of {len(weights)} frames; they are filled in.")
    angles = [_angles(part, cells, lines, columns, delimiter) for part in ("head", "lefteye", "righteye")]
    return Take(path.stem, times.seconds, weights, *angles, timecodes[0].strip(), tuple(warnings))


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TakeUnreadable(f"{path} cannot be read: {error.strerror}.") from error
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise TakeUnreadable(f"{path.name} is not a text file: line {line} holds other bytes.") from error


def _rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of every line that is not blank."""
    reader = csv.reader(text.split("\n"), delimiter=delimiter, strict=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise TakeUnreadable(f"Line {reader.line_num} is damaged: {error}.") from error
        if any(cell.strip() for cell in row):
            yield reader.line_num, row


def _columns(header: Sequence[str], path: Path) -> dict[str, int]:
    """Column of each name in lower case. Raises TakeUnreadable where it is not a take's header."""
    names = [name.strip().lower() for name in header]
    known = [name.lower() for name in ARKIT_NAMES]
    if sum(name in known for name in names) < FEWEST_SHAPES:
        raise TakeUnreadable(
            f"{path.name} is not a Live Link Face take: its first line does not name the ARKit blendshapes."
        )
    twice = {name for name in names if name and names.count(name) > 1}
    if twice & {*known, TIMECODE}:
        raise TakeUnreadable(f"{path.name} has the column {sorted(twice)[0]} twice.")
    return {name: index for index, name in enumerate(names) if name}


def _cells(
    rows: Iterator[tuple[int, list[str]]], width: int, columns: dict[str, int]
) -> tuple[list[int], list[list[str]]]:
    """Line numbers and full rows; a row that says "0 blendshapes" and stops is a frame without a face."""
    count = columns.get(COUNT)
    lines, cells = [], []
    for line, row in rows:
        if len(row) != width:
            empty = count is not None and len(row) <= width and not any(c.strip() for c in row[count + 1 :])
            if empty and len(row) > count and row[count].strip() in ("", "0"):
                row = row + [""] * (width - len(row))
            elif len(row) == width + 1 and not row[-1].strip():
                row = row[:-1]  # a delimiter at the line's end
            else:
                raise TakeUnreadable(
                    f"Line {line} has {len(row)} values where the first line names {width} columns; "
                    "is the file cut off or damaged?"
                )
        lines.append(line)
        cells.append(row)
    return lines, cells


def _numbers(
    cells: list[list[str]], lines: list[int], indices: list[int], delimiter: str
) -> NDArray[np.float64]:
    """(T, len(indices)) numbers, NaN where a cell is empty. Raises TakeUnreadable naming the line."""
    if not cells or not indices:
        return np.zeros((len(cells), len(indices)))
    low, high = min(indices), max(indices) + 1
    picked = [row[low:high] for row in cells]
    try:
        table = np.array(picked, dtype=object).astype(np.float64)
    except ValueError:
        table = np.array([
            [_number(cell, line, delimiter) if low + k in indices else np.nan for k, cell in enumerate(row)]
            for row, line in zip(picked, lines, strict=True)
        ])  # fmt: skip
    values = table[:, np.asarray(indices) - low]
    if np.isinf(values).any():
        raise TakeUnreadable(f"Line {lines[int(np.argmax(np.isinf(values).any(1)))]} holds an infinite value.")
    return values


def _number(cell: str, line: int, delimiter: str) -> float:
    """One cell; a table saved again by a European spreadsheet has decimal commas."""
    text = cell.strip()
    if not text:
        return float("nan")
    if delimiter == ";":
        text = text.replace(",", ".")
    try:
        return float(text)
    except ValueError:
        raise TakeUnreadable(f'Line {line}: "{cell.strip()[:40]}" is not a number.') from None


def _weights(
    cells: list[list[str]], lines: list[int], columns: dict[str, int], delimiter: str
) -> tuple[NDArray[np.float64], list[str]]:
    """Weights (T, 52) and the names that the file lacks."""
    present = [k for k, name in enumerate(ARKIT_NAMES) if name.lower() in columns]
    values = _numbers(cells, lines, [columns[ARKIT_NAMES[k].lower()] for k in present], delimiter)
    seen = np.where(np.isnan(values), 0.0, values)
    if abs(seen).max() > LARGEST_WEIGHT:
        row, column = np.unravel_index(int(np.argmax(abs(seen))), seen.shape)
        name = ARKIT_NAMES[present[column]]
        value = seen[row, column]
        raise TakeUnreadable(f"Line {lines[row]}: {value:g} is no weight for {name}; weights are 0 to 1.")
    weights = np.zeros((len(cells), len(ARKIT_NAMES)))
    weights[:, present] = values
    weights[np.isnan(values).all(1)] = np.nan
    return weights, [name for name in ARKIT_NAMES if name.lower() not in columns]


def _angles(
    part: str, cells: list[list[str]], lines: list[int], columns: dict[str, int], delimiter: str
) -> NDArray[np.float64] | None:
    """Yaw, pitch and roll (T, 3) of "head", "lefteye" or "righteye"; None where nothing was recorded."""
    names = [part + angle for angle in ANGLES]
    if not all(name in columns for name in names):
        return None
    values = _numbers(cells, lines, [columns[name] for name in names], delimiter)
    return values if np.nan_to_num(values).any() else None


def _sentence_about(missing: list[str]) -> str:
    if len(missing) > 3:
        return f"The take has no values for {len(missing)} of the {len(ARKIT_NAMES)} blendshapes; they stay at 0."
    return f"The take has no values for {', '.join(missing)}; they stay at 0."
