"""The report as one page that needs nothing else: no server, no network, no second file."""

from __future__ import annotations

import json
from collections.abc import Callable

from . import heat_map
from . import number_format as numbers
from . import wording as words
from .colour_scale import RANGE_MM, scale_bar
from .contents import METRICS, Report, metric_of
from .curve_svg import curve_svg, share_within
from .difference_svg import difference_svg
from .gallery import gallery
from .markup import Markup, element, joined
from .page_style import SCRIPT, STYLE
from .pictures import data_uri, mean_pictures
from .tables import (
    column,
    failure_table,
    group_section,
    image_table,
    number_cell,
    row_head,
    summary_table,
    table,
)

Progress = Callable[[float], None]
CURVE_TITLES = {
    "now": "Distances after NoW's alignment, with scale",
    "metrical": "Distances after metrical alignment, without scale",
}
SHARES_MM = (1.0, 2.0, 3.0)


def page(report: Report, jobs: int = 1, progress: Progress = lambda share: None) -> str:
    """The whole page; the same report and pair files give the same, whatever ``jobs`` says.

    Photographs and true surfaces are read again for the pictures: about 0.3 s an image.

    Parameters
    ----------
    jobs : processes that draw
    progress : called with the share (0 to 1) of the pictures that are drawn
    """
    sections = _sections(report, gallery(report, jobs, progress))
    links = [element("a", title, href=f"#{key}") for key, title, _ in sections]
    bodies = [element("section", element("h2", title), body, id=key) for key, title, body in sections]
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="generator", content="Facewright"),
        element("title", f"Evaluation: {words.title(report)}"),
        element("style", Markup(STYLE)),
    )
    body = element(
        "body",
        _header(report, element("nav", *links, aria_label="Sections")),
        element("main", *bodies),
        element("script", Markup(SCRIPT)),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _header(report: Report, navigation: Markup) -> Markup:
    data = report.data
    measured = (
        f"{words.counted(int(data['images']), 'image')} of {words.counted(int(data['subjects']), 'subject')}; "
        f"protocols: {', '.join(data['protocols'])}."
    )
    return element(
        "header",
        element("p", "Facewright evaluation", class_="kind"),
        element("h1", words.title(report)),
        element("p", measured, class_="soft"),
        element("ul", *(element("li", sentence) for sentence in words.answers(report)), class_="answers"),
        navigation,
    )


def _sections(report: Report, pictures: Markup) -> list[tuple[str, str, Markup]]:
    """(id, title, content) of what there is to show, in the page's order."""
    found = [
        ("summary", "Summary", _summary(report)),
        ("distributions", "Distributions", _distributions(report)),
        ("groups", "By group", _groups(report)),
        ("where", "Where the error lies", _mean_maps(report)),
        ("images", "Images", _images(report, pictures)),
        ("failures", "Failures", _failures(report)),
        ("limits", "What the numbers do not show", _limits(report)),
        ("settings", "Settings", _settings(report)),
    ]
    return [section for section in found if section[2]]


def _summary(report: Report) -> Markup:
    said = (
        "Means over images, the best of each row in bold. Small: the ratio to "
        f"{words.reference_text(report)} over the images that both have, with its 95 % interval; "
        "what it lacks to 1 is the share of that error that is gone."
    )
    meanings = [
        joined(element("dt", METRICS[metric].title), element("dd", meaning + "."))
        for metric, meaning in words.DEFINITIONS.items()
        if metric in report.metrics()
    ]
    metric = numbers.headline(report)
    shared = words.shared_text(report, metric) if metric else None
    return joined(
        element("p", said, class_="soft"),
        element("p", shared) if shared else Markup(),
        summary_table(report),
        element("details", element("summary", "What the metrics mean"), element("dl", *meanings)),
    )


def _distributions(report: Report) -> Markup:
    figures = [
        element("figure", element("figcaption", title), curve_svg(report, kind, title), _share_table(report, kind))
        for kind, title in CURVE_TITLES.items()
        if report.curves.get(kind)
    ]
    parts = []
    if figures:
        said = "Share of all points of all true surfaces that lie nearer to the mesh than a distance."
        parts += [element("p", said, class_="soft"), element("div", *figures, class_="charts")]
    return joined(*parts, _differences(report))


def _differences(report: Report) -> Markup:
    """Image by image, in the two metrics that say most."""
    figures = []
    for metric in numbers.headlines(report)[:2]:
        chart = difference_svg(report, metric)
        if chart is not None:
            caption = element("figcaption", f"{metric_of(metric).title}, image by image")
            figures.append(element("figure", caption, chart))
    if not figures:
        return Markup()
    said = element("p", words.differences_text(report), class_="soft gap")
    return joined(said, element("div", *figures, class_="charts"))


def _share_table(report: Report, kind: str) -> Markup:
    """The curves in numbers: shares of points within a few distances."""
    head = [column("share of points", False), *(column(f"≤ {distance:g} mm") for distance in SHARES_MM)]
    rows = []
    for name in report.names:
        if name in report.curves[kind]:
            shares = [share_within(report.curves[kind][name], distance) for distance in SHARES_MM]
            cells = [number_cell(numbers.percent_text(share)) for share in shares]
            rows.append(element("tr", row_head(name), *cells))
    return table(head, rows, "Shares of points within distances")


def _groups(report: Report) -> Markup:
    sections = [group_section(report, key, cells) for key, cells in report.tables.items()]
    if not any(sections):
        return Markup()
    said = (
        "Means, the best of each row in bold. Small: the difference to "
        f"{words.reference_text(report)} over shared images, with its 95 % interval."
    )
    return joined(element("p", said, class_="soft"), *sections)


def _scale_note() -> Markup:
    said = f"Pale is no error, dark is {RANGE_MM:g} mm or more, in every picture alike. Grey was not measured."
    return joined(scale_bar("mean"), element("p", said, class_="note"))


def _mean_maps(report: Report) -> Markup:
    figures = []
    for name, mean in mean_pictures(report).items():
        images = [
            element("img", src=data_uri(picture), alt=f"Mean error of {name}, {view}", width=heat_map.SIZE[0],
                    height=heat_map.SIZE[1])
            for picture, view in ((mean.front, "front"), (mean.side, "three-quarter view"))
        ]  # fmt: skip
        caption = element("figcaption", name, element("small", words.counted(mean.images, "image")))
        figures.append(element("figure", caption, element("div", *images, class_="pictures")))
    if not figures:
        return Markup()
    said = (
        "Mean distance after FaceScape's alignment in each cell of the cylinder map over all images that were "
        "scored, painted on the mean of the true surfaces. Cells that fewer than half of the images have are grey."
    )
    return joined(element("p", said, class_="soft"), element("div", *figures, class_="means"), _scale_note())


def _images(report: Report, pictures: Markup) -> Markup:
    metric = numbers.headline(report)
    if metric is None:
        return Markup()
    said = (
        "Per name: how far the points of the true surface lie from the mesh after NoW's alignment, over the "
        "photograph and on the true surface itself, from the front and from its left."
    )
    every = element(
        "details",
        element("summary", f"{metric_of(metric).title} of every image"),
        image_table(report),
    )
    return joined(element("p", said, class_="soft"), scale_bar("image"), pictures, every)


def _failures(report: Report) -> Markup:
    if not report.failures:
        return element("p", "None: every image of every name could be scored.")
    said = "These count in the success rate and nowhere else."
    return joined(element("p", said, class_="soft"), failure_table(report))


def _limits(report: Report) -> Markup:
    return element("ul", *(element("li", element("p", sentence)) for sentence in words.limits(report)))


def _settings(report: Report) -> Markup:
    written = json.dumps(dict(report.settings), indent=2, sort_keys=True, ensure_ascii=False)
    folder = element("p", f"Data: {report.data['name']}.", class_="soft")
    return joined(folder, element("pre", written))
