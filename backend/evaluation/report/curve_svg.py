"""Cumulative error curves as SVG: which share of all points lies nearer than so many millimetres."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .chart import FONT_SIZE, line, name_colour, name_dash, name_width, short, spread, svg, text
from .contents import Curve, Report
from .markup import Markup, element, number

WIDTH, HEIGHT = 640.0, 360.0
LEFT, TOP, RIGHT, BOTTOM = 52.0, 14.0, 152.0, 48.0
SHOWN_SHARE = 0.97  # the axis ends at the first whole millimetre where every curve has come so far


def axis_end(curves: Mapping[str, Curve]) -> float:
    """Where the axis of millimetres ends: a whole number where the curves reach so far."""
    longest = max(curve.x[-1] for curve in curves.values())
    whole = np.arange(1, int(np.ceil(longest)) + 1)
    for end in whole:
        if all(share_within(curve, float(end)) >= SHOWN_SHARE for curve in curves.values()):
            return float(end)
    return float(longest)


def share_within(curve: Curve, distance_mm: float) -> float:
    """Share of points nearer than a distance, 0 to 1, read off the curve."""
    return float(np.interp(distance_mm, curve.x, curve.y))


def curve_svg(report: Report, kind: str, title: str) -> Markup:
    """The curves of all names.

    Parameters
    ----------
    kind : "now" or "metrical", a key of ``report.curves``
    title : what the chart is called for those who hear it
    """
    curves = {name: report.curves[kind][name] for name in report.names if name in report.curves[kind]}
    end = axis_end(curves)
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        return LEFT + width * x / end, TOP + height * (1.0 - y)

    parts = [*_axes(end, place(0, 0), place(end, 1))]
    for name, curve in curves.items():
        x = np.asarray(curve.x)
        inside = x <= end
        points = [place(*xy) for xy in zip(x[inside].tolist(), np.asarray(curve.y)[inside].tolist())]
        path = "M" + "L".join(f"{number(px)} {number(py)}" for px, py in points)
        parts.append(
            element("path", element("title", name), d=path, fill="none", stroke_width=name_width(report, name),
                    stroke_dasharray=name_dash(report, name), style=f"stroke: {name_colour(report, name)}")
        )  # fmt: skip
    parts.extend(_labels(report, {name: place(end, share_within(curve, end)) for name, curve in curves.items()}))
    return svg(WIDTH, HEIGHT, f"{title}: share of points within a distance, for {', '.join(curves)}", parts)


def _labels(report: Report, ends: Mapping[str, tuple[float, float]]) -> list[Markup]:
    """Names beside the ends (x, y) of their lines, in their order and not on top of each other."""
    names = sorted(ends, key=lambda name: ends[name][1])
    labels = spread([ends[name][1] for name in names], FONT_SIZE + 5, TOP + 4, HEIGHT - BOTTOM)
    parts = []
    for name, label in zip(names, labels):
        (x, y), colour = ends[name], name_colour(report, name)
        parts.append(line(x, y, x + 14, label, style=f"stroke: {colour}", opacity=0.8))
        parts.append(text(short(name), x + 18, label + 5, style=f"fill: {colour}", font_weight=600))
    return parts


def _axes(end: float, origin: tuple[float, float], far: tuple[float, float]) -> list[Markup]:
    """Grid and labels between the corner at 0 mm, 0 % and that at ``end`` mm, 100 %."""
    (left, bottom), (right, top) = origin, far
    parts = []
    for share in range(0, 101, 25):
        y = bottom + (top - bottom) * share / 100
        parts.append(line(left, y, right, y, opacity=0.5 if share == 0 else 0.15))
        parts.append(text(f"{share} %", left - 8, y + 5, "end"))
    step = 1 if end <= 8 else 2
    for tick in range(0, int(end) + 1, step):
        x = left + (right - left) * tick / end
        parts.append(line(x, bottom, x, bottom + 5, opacity=0.5))
        parts.append(text(str(tick), x, bottom + 21, "middle"))
    parts.append(text("distance (mm)", 0.5 * (left + right), bottom + 41, "middle"))
    return parts
