"""The gallery: photograph and heat maps of images, the worst and the best first, as many as the page may hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import NamedTuple

import numpy as np

from ..case import Case
from ..parallel import in_order
from . import heat_map
from . import number_format as numbers
from .contents import Report, metric_of
from .markup import Markup, element, joined
from .pictures import CasePictures, PairPictures, case_pictures, data_uri, picture_work
from .wording import counted

EXTREMES = 4
"""How many of the worst and of the best images stand at the top."""

MOST_BYTES = 10_000_000
"""Of all pictures before they are written as text, which makes them a third longer."""

CAPTION_METRICS = ("now_median", "cd", "cr", "realy")


class Choice(NamedTuple):
    """Ids of images: the worst first, the best first, and the others in the data set's order."""

    worst: tuple[str, ...]
    best: tuple[str, ...]
    others: tuple[str, ...]


def chosen(report: Report) -> Choice:
    """Which images stand where; no image twice. Ranked by the first name that has scores."""
    order: list[str] = []
    for name in report.names:
        order = order or [case_id for case_id, _ in numbers.ranked(report, name)]
    count = min(EXTREMES, len(order) // 2)
    worst, best = order[:count], order[::-1][:count]
    others = [case.id for case in report.cases if case.id not in {*worst, *best}]
    return Choice(tuple(worst), tuple(best), tuple(others))


def ranking_name(report: Report) -> str | None:
    """The name that images are ranked by."""
    return next((name for name in report.names if numbers.ranked(report, name)), None)


def spread_order(count: int) -> list[int]:
    """0 to count - 1 in an order of which every beginning is spread evenly: halves, quarters and so on."""
    # Van der Corput's sequence: the digits of a number behind the point, reversed.
    width = max(1, (count - 1).bit_length())
    keys = [int(f"{index:0{width}b}"[::-1], 2) for index in range(count)]
    return [int(index) for index in np.argsort(keys, kind="stable")]


def gallery(report: Report, jobs: int = 1, progress: Callable[[float], None] = lambda share: None) -> Markup:
    """Both ends of the ranking open, the others folded; drawn by ``jobs`` processes."""
    choice = chosen(report)
    cases = {case.id: case for case in report.cases}
    metric, name = numbers.headline(report), ranking_name(report)
    queue = [*choice.worst, *choice.best, *(choice.others[k] for k in spread_order(len(choice.others)))]
    drawn = _cards(report, [cases[case_id] for case_id in queue], jobs, progress)
    parts = []
    if metric is not None and name is not None and choice.worst:
        by = f"for {name}, by {metric_of(metric).title}"
        for heading, ids in ((f"Worst {by}", choice.worst), (f"Best {by}", choice.best)):
            parts.append(joined(element("h3", heading), *(drawn[key] for key in ids if key in drawn)))
    rest = [drawn[key] for key in choice.others if key in drawn]
    if rest:
        summary = element("summary", f"{counted(len(rest), 'further image')}, in the data set's order")
        parts.append(element("details", summary, *rest))
    if len(drawn) < len(queue):
        said = (
            f"{len(drawn)} of {len(queue)} images are shown, to keep this page small: the worst, the best, and a "
            "selection spread evenly over the others."
        )
        parts.append(element("p", said, class_="note"))
    return joined(*parts)


def _cards(
    report: Report, queue: Sequence[Case], jobs: int, progress: Callable[[float], None]
) -> dict[str, Markup]:
    """Id -> card of the queue's first images, as many as the page may hold."""
    drawn: dict[str, Markup] = {}
    left = MOST_BYTES
    with closing(in_order(case_pictures, [picture_work(report, case) for case in queue], jobs)) as made:
        for number, (case, pictures) in enumerate(zip(queue, made), 1):
            left -= pictures.size()
            if left < 0:
                break
            drawn[case.id] = case_card(report, case, pictures)
            progress(number / len(queue))
    return drawn


def case_card(report: Report, case: Case, pictures: CasePictures) -> Markup:
    """One image: its photograph, and per name three heat maps and scores."""
    facts = [] if case.yaw_degrees is None else [f"yaw {case.yaw_degrees:.0f}°".replace("-", numbers.MINUS)]
    facts += [value for tag, value in case.tags.items() if value]
    parts = []
    if pictures.photo is not None:
        photo = _image(pictures.photo, f"Photograph {case.id}", heat_map.SIZE if pictures.names else None)
        parts.append(element("div", photo, class_="photo"))
    parts.append(element("div", *(_pair(report, case, name, pictures) for name in report.names), class_="pairs"))
    notes = [element("p", note, class_="note") for note in pictures.notes]
    heading = element("h4", case.id, element("span", " · ".join(facts)))
    return element("article", heading, element("div", *parts, class_="case"), *notes)


def _pair(report: Report, case: Case, name: str, pictures: CasePictures) -> Markup:
    scores = report.scores.get(case.id, {}).get(name)
    if scores is None:
        reason = next((f.reason for f in report.failures if (f.id, f.name) == (case.id, name)), "No score.")
        return element("figure", element("figcaption", element("b", name), element("span", reason)))
    said = [
        f"{metric_of(metric).title} {numbers.with_unit(metric, scores[metric])}"
        for metric in CAPTION_METRICS
        if metric in scores
    ]
    caption = element("figcaption", element("b", name), element("span", " · ".join(said)))
    return element("figure", caption, _strip(name, case.id, pictures.names.get(name)))


def _strip(name: str, case_id: str, pair: PairPictures | None) -> Markup:
    if pair is None:
        return Markup()
    what = f"Error of {name} on {case_id}"
    images = [
        _image(pair.front, f"{what}, front", heat_map.SIZE),
        _image(pair.side, f"{what}, three-quarter view", heat_map.SIZE),
    ]
    if pair.on_photo is not None:
        images.insert(0, _image(pair.on_photo, f"{what}, on the photograph", heat_map.SIZE, "flat"))
    return element("div", *images, class_="pictures")


def _image(webp: bytes, alt: str, size: tuple[int, int] | None, kind: str | None = None) -> Markup:
    width, height = size or (None, None)
    return element("img", src=data_uri(webp), alt=alt, width=width, height=height, class_=kind, loading="lazy")
