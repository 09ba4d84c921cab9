"""What the report's charts share: one look, colours of names, axes. SVG that stands in a page or alone."""

from __future__ import annotations

from collections.abc import Sequence

from .contents import Report
from .markup import Markup, element, joined

FONT_SIZE = 14
COLOURS = ("#0b62c4", "#b8500a", "#0a7a58", "#9440a8", "#8a6d00", "#c0335f")
"""Of names in the order given; a page for dark screens overrides them by --name-0, --name-1 and so on."""

DASHES = ("", "7 3", "2 3", "9 3 2 3")
"""Lines differ in print and without colour vision too."""

LONGEST_LABEL = 15
REFERENCE_COLOUR = "#6a6f78"
LINE_WIDTH, REFERENCE_WIDTH = 2.25, 1.25


def name_colour(report: Report, name: str) -> str:
    """CSS colour of a name; the reference is grey unless it is the first."""
    if _is_grey(report, name):
        return f"var(--name-reference, {REFERENCE_COLOUR})"
    place = report.names.index(name) % len(COLOURS)
    return f"var(--name-{place}, {COLOURS[place]})"


def name_dash(report: Report, name: str) -> str | None:
    """Dash pattern of a name's line, None for a full one."""
    return None if _is_grey(report, name) else DASHES[report.names.index(name) % len(DASHES)] or None


def name_width(report: Report, name: str) -> float:
    """Width of a name's line; the reference's is thin."""
    return REFERENCE_WIDTH if _is_grey(report, name) else LINE_WIDTH


def _is_grey(report: Report, name: str) -> bool:
    return name == report.reference and name != report.names[0]


def short(name: str) -> str:
    """A name that fits beside a line."""
    return name if len(name) <= LONGEST_LABEL else name[: LONGEST_LABEL - 1] + "…"


def text(content: str, x: float, y: float, anchor: str = "start", **attributes: str | float) -> Markup:
    """A label."""
    return element("text", content, x=x, y=y, text_anchor=anchor, **attributes)


def line(x1: float, y1: float, x2: float, y2: float, **attributes: str | float) -> Markup:
    """A rule in the text's colour, faint unless an opacity is given."""
    look: dict[str, str | float] = {"stroke": "currentColor", "opacity": 0.18, **attributes}
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, **look)


def svg(width: float, height: float, label: str, parts: Sequence[Markup]) -> Markup:
    """A chart; ``label`` says in words what it shows."""
    return element(
        "svg", joined(*parts), xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {width:g} {height:g}", role="img",
        class_="chart", aria_label=label, font_size=FONT_SIZE, font_family="system-ui, sans-serif",
        fill="currentColor",
    )  # fmt: skip


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places for labels, at least ``gap`` apart and in the order of ``wanted`` (ascending), within low to high."""
    places: list[float] = []
    for value in wanted:
        places.append(max(value, places[-1] + gap if places else low))
    limit = high
    for index in reversed(range(len(places))):
        places[index] = min(places[index], limit)
        limit = places[index] - gap
    return places
