"""Every image's difference to the reference as a dot, and the mean with its interval: is the lead everywhere?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .chart import line, name_colour, svg, text
from .contents import Report, metric_of
from .markup import Markup, element
from .number_format import MINUS, difference_text, paired_with
from .wording import reference_text

WIDTH, ROW, LEFT, RIGHT, TOP, BOTTOM = 640.0, 74.0, 16.0, 16.0, 26.0, 48.0
DOT = 4.0
LONGEST_PILE = 5  # dots above each other, then they overlap


def difference_svg(report: Report, metric: str) -> Markup | None:
    """The chart, or None where no name shares an image with the reference.

    A row per name: a dot for each image at name - reference, below it the mean with its 95 % interval.
    """
    reference = report.values(report.reference, metric)
    rows = {}
    for name in report.names:
        values = report.values(name, metric)
        shared = [values[key] - reference[key] for key in values if key in reference]
        if name != report.reference and shared:
            rows[name] = shared
    if not rows:
        return None
    extent, step = _extent([value for shared in rows.values() for value in shared])
    scale = (WIDTH - LEFT - RIGHT) / (2 * extent)
    middle, bottom = WIDTH / 2, TOP + ROW * len(rows)
    parts = [*_axis(report, metric, extent, step, scale, bottom)]
    for index, (name, differences) in enumerate(rows.items()):
        parts.extend(_row(report, name, metric, differences, TOP + ROW * index, middle, scale))
    label = f"Differences in {metric_of(metric).title} to {report.reference} per image, for {', '.join(rows)}"
    return svg(WIDTH, bottom + BOTTOM, label, parts)


def _extent(differences: Sequence[float]) -> tuple[float, float]:
    """Half the width of the axis and the distance of its ticks, both round."""
    most = max(max(map(abs, differences)), 1e-6)
    power = 10.0 ** np.floor(np.log10(most))
    step = float(next(power * k for k in (0.25, 0.5, 1.0, 2.0, 5.0) if most / (power * k) <= 4.0))
    return step * float(np.ceil(most / step)), step


def _axis(report: Report, metric: str, extent: float, step: float, scale: float, bottom: float) -> list[Markup]:
    known = metric_of(metric)
    middle = WIDTH / 2
    better, worse = ("worse", "better") if known.higher_is_better else ("better", "worse")
    parts = [
        text(f"← {better}", middle - 10, TOP - 10, "end", opacity=0.75),
        text(f"{worse} →", middle + 10, TOP - 10, opacity=0.75),
        line(middle, TOP - 22, middle, bottom, opacity=0.55),
    ]
    count = round(extent / step)
    for tick in range(-count, count + 1):
        x = middle + tick * step * scale
        parts.append(line(x, TOP, x, bottom + 5))
        anchor = "start" if tick == -count else "end" if tick == count else "middle"
        parts.append(text(f"{tick * step:+g}".replace("-", MINUS) if tick else "0", x, bottom + 21, anchor))
    unit = f", {known.unit}" if known.unit else ""
    said = f"{known.title} {MINUS} that of {reference_text(report)}{unit}"
    parts.append(text(said, middle, bottom + 41, "middle"))
    return parts


def _row(
    report: Report, name: str, metric: str, differences: list[float], top: float, middle: float, scale: float
) -> list[Markup]:
    colour = name_colour(report, name)
    paired = paired_with(report, name, report.reference, metric)
    parts = [line(LEFT, top, WIDTH - RIGHT, top)]
    said = name
    if paired is not None:
        said += f": better on {paired.better} of {paired.count}, mean {difference_text(metric, paired.difference)}"
    halo = "paint-order: stroke; stroke: var(--paper, #ffffff); stroke-width: 5px"  # rules must not cross words
    parts.append(text(said, LEFT, top + 17, style=f"fill: {colour}; {halo}", font_weight=600))
    base = top + ROW - 22
    for x, level in _piled([middle + value * scale for value in differences]):
        parts.append(element("circle", cx=x, cy=base - level * DOT, r=DOT, style=f"fill: {colour}", opacity=0.5))
    if paired is not None:
        y = top + ROW - 9
        if paired.difference_ci95 is not None:
            low, high = (middle + value * scale for value in paired.difference_ci95)
            parts.append(line(low, y, high, y, style=f"stroke: {colour}", stroke_width=3, opacity=1))
        x = middle + paired.difference * scale
        parts.append(line(x, y - 5, x, y + 5, style=f"stroke: {colour}", stroke_width=3, opacity=1))
    return parts


def _piled(places: Sequence[float]) -> list[tuple[float, int]]:
    """(x, level) of dots from left to right; one that would touch the last of a level goes a level higher."""
    last: list[float] = []
    piled = []
    for x in sorted(places):
        free = next((level for level, end in enumerate(last) if x - end >= 2 * DOT), len(last))
        level = free if free < LONGEST_PILE else int(np.argmin(last))
        if level == len(last):
            last.append(x)
        last[level] = x
        piled.append((x, level))
    return piled
