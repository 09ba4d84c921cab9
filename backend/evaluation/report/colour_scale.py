"""Millimetres of error as colours: the same fixed range in every picture, so that pictures can be compared."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .markup import Markup, element, joined, number

RANGE_MM = 5.0
"""Errors of 5 mm and more share the last colour."""

STEPS = 256
LIGHT_END, DARK_END = 0.965, 0.16  # the part of the map that is neither paper nor ink


def _table() -> NDArray[np.uint8]:
    """(STEPS, 3) sRGB from pale (no error) to dark plum: magma reversed.

    Perceptually uniform, and its lightness falls all the way, so that it reads without colour vision and in print.
    """
    place = np.linspace(LIGHT_END, DARK_END, STEPS) * 255.0
    codes = np.arange(256, dtype=np.uint8)[:, None]
    magma = cv2.applyColorMap(codes, cv2.COLORMAP_MAGMA)[:, 0, ::-1].astype(np.float64)
    channels = [np.interp(place, np.arange(256), magma[:, k]) for k in range(3)]
    result: NDArray[np.uint8] = np.rint(np.stack(channels, 1)).astype(np.uint8)
    return result


TABLE = _table()


def error_colours(distance_mm: NDArray[Any]) -> NDArray[np.uint8]:
    """(N,) finite mm, 0 or more, to (N, 3) sRGB."""
    place = np.clip(np.asarray(distance_mm, np.float64) / RANGE_MM, 0.0, 1.0) * (STEPS - 1)
    result: NDArray[np.uint8] = TABLE[np.rint(place).astype(np.intp)]
    return result


def scale_bar(key: str, width: float = 280.0) -> Markup:
    """The colours with their millimetres as SVG; ``key`` is unique in the page."""
    left, top, bar = 12.0, 4.0, 12.0
    length = width - 2 * left - 10.0
    stops = [
        element("stop", offset=f"{100 * k / 16:g}%", stop_color="#{:02x}{:02x}{:02x}".format(*TABLE[k * 255 // 16]))
        for k in range(17)
    ]
    labels = []
    for tick in range(int(RANGE_MM) + 1):
        x = left + length * tick / RANGE_MM
        text = f"≥ {tick} mm" if tick == RANGE_MM else str(tick)
        labels.append(element("line", x1=x, x2=x, y1=top + bar, y2=top + bar + 4, stroke="currentColor"))
        labels.append(element("text", text, x=x, y=top + bar + 17, text_anchor="middle"))
    return element(
        "svg",
        element("defs", element("linearGradient", *stops, id=f"colours-{key}")),
        element("rect", x=left, y=top, width=length, height=bar, rx=2, fill=f"url(#colours-{key})"),
        joined(*labels),
        viewBox=f"0 0 {number(width + 44)} 40", width=width + 44, height=40, role="img", class_="scale",
        aria_label=f"Colour scale from 0 mm, pale, to {RANGE_MM:g} mm or more, dark",
        font_size=12, fill="currentColor",
    )  # fmt: skip
