"""The report's tables as HTML: the summary, groups, every image, failures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..case import Case
from . import number_format as numbers
from .contents import Paired, Report, TableCell, metric_of
from .markup import Markup, element, joined
from .wording import RECOVERED, RECOVERED_TITLE, counted

ABSENT = "–"
MOST_BESIDE = 5  # names: with more, a table needs the whole width


def table(
    head: Iterable[Markup], rows: Iterable[Markup], label: str, sortable: bool = False, caption: str = ""
) -> Markup:
    """A table that scrolls sideways where it is wider than its place."""
    inside = element(
        "table",
        caption,
        element("thead", element("tr", *head)),
        element("tbody", *rows),
        class_="sortable" if sortable else None,
    )
    return element("div", inside, class_="wide", role="region", tabindex="0", aria_label=label)


def column(title: str, is_number: bool = True) -> Markup:
    """A head of a column."""
    return element("th", title, scope="col", class_="number" if is_number else None)


def row_head(*title: str) -> Markup:
    """A head of a row."""
    return element("th", *title, scope="row")


def side_by_side(report: Report, tables: Sequence[Markup], kind: str) -> Markup:
    """Tables with a column per name beside each other where the page is wide enough for two.

    ``kind``: "tables", row by row, or "columns", balanced.
    """
    names = len(report.names)
    many = " many" if names > MOST_BESIDE else ""
    label = max(22, 40 - 4 * names)  # percent of the width, for the heads of rows
    return element("div", *tables, class_=kind + many, style=f"--names: {names}; --label: {label}%")


def number_cell(*content: str, value: float | None = None) -> Markup:
    """A cell with a number; ``value`` is what its column is sorted by."""
    sorted_by = None if value is None else f"{value:.6g}"
    return element("td", *content, class_="number", data_value=sorted_by)


def summary_table(report: Report) -> Markup:
    """A table per protocol: metrics as rows, names as columns; under each mean the ratio to the reference."""
    head = [column("Metric", False), *map(column, report.names)]
    tables = []
    for group in numbers.summary_groups(report):
        rows = [_metric_row(report, metric) for metric in group.metrics]
        for row in numbers.pooled_rows(report, group.pooled):
            marks = numbers.best_pooled(report, row)
            rows.append(element("tr", row_head(row.title), *_value_cells(row.metric, row.values, marks)))
        caption = element("caption", group.title, element("span", group.source))
        tables.append(table(head, rows, group.title, caption=caption))
    tables += _recovered_table(report)
    scored = [
        number_cell(f"{report.summary[name].scored} of {report.summary[name].images}",
                    element("small", numbers.percent_text(report.summary[name].success_rate)))
        for name in report.names
    ]  # fmt: skip
    success = element("tr", row_head("Images scored"), *scored)
    tables.append(table(head, [success], "Success", caption=element("caption", "Success")))
    return side_by_side(report, tables, "columns")


def _recovered_table(report: Report) -> list[Markup]:
    """What was removed of the mean face's error, where it is the reference."""
    rows = []
    for metric, found in numbers.recovered_rows(report):
        cells = [_recovered_cell(paired) for paired in found]
        rows.append(element("tr", row_head(metric_of(metric).title), *cells))
    if not rows:
        return []
    head = [column("Metric", False), *(column(name) for name in report.names if name != report.reference)]
    caption = element("caption", RECOVERED_TITLE, element("span", RECOVERED))
    return [table(head, rows, RECOVERED_TITLE, caption=caption)]


def _recovered_cell(paired: Paired | None) -> Markup:
    share, interval = numbers.recovered_parts(paired) or (ABSENT, None)
    return number_cell(joined(share), Markup() if interval is None else element("small", f"({interval})"))


def _metric_row(report: Report, metric: str) -> Markup:
    means = [numbers.mean_of(report, name, metric) for name in report.names]
    cells = []
    for name, mean, is_best in zip(report.names, means, numbers.best_names(report, metric), strict=True):
        if mean is None:
            cells.append(number_cell(ABSENT))
            continue
        paired = numbers.paired_with(report, name, report.reference, metric)
        cells.append(number_cell(_value(metric, mean, is_best), _ratio(paired)))
    return element("tr", row_head(numbers.metric_title(metric)), *cells)


def _value(metric: str, mean: float, is_best: bool) -> Markup:
    written = numbers.value_text(metric, mean)
    return element("strong", written) if is_best else joined(written)


def _ratio(paired: Paired | None) -> Markup:
    if paired is None or paired.ratio is None or paired.metric in numbers.NOT_RANKED:
        return Markup()
    interval = None
    if paired.ratio_ci95 is not None:
        interval = numbers.interval_text(*map(numbers.ratio_text, paired.ratio_ci95))
    return _compared(f"× {numbers.ratio_text(paired.ratio)}", interval)


def _compared(said: str, interval: str | None) -> Markup:
    """A comparison with its interval in small print; a narrow column breaks it between the two."""
    parts = [said] if interval is None else [said, f"({interval})"]
    return element("small", " ".join(part.replace(" ", numbers.NO_BREAK) for part in parts))


def _value_cells(metric: str, values: Sequence[float | None], marks: Sequence[bool]) -> list[Markup]:
    """Cells of one metric, those marked in bold, each with the value that it is sorted by."""
    return [
        number_cell(ABSENT if value is None else _value(metric, value, is_best), value=value)
        for value, is_best in zip(values, marks, strict=True)
    ]


def group_section(report: Report, key: str, cells: Sequence[TableCell]) -> Markup:
    """The tables of one grouping, a table per metric; the first two stand open."""
    tables = numbers.group_tables(cells)
    parts = [_group_table(report, one) for one in tables]
    heading = element("h3", numbers.table_title(key))
    if not parts:
        return Markup()
    more = Markup()
    if parts[2:]:
        more = element("details", element("summary", "Further metrics"), side_by_side(report, parts[2:], "tables"))
    return joined(heading, side_by_side(report, parts[:2], "tables"), more)


def _group_table(report: Report, group: numbers.GroupTable) -> Markup:
    title = numbers.metric_title(group.metric)
    rows = []
    for label, row in group.rows:
        found = [row.get(name) for name in report.names]
        marks = numbers.best_cells(group.metric, found)
        count = max(cell.count for cell in found if cell is not None)
        cells = [_group_cell(cell, mark) for cell, mark in zip(found, marks, strict=True)]
        images = element("small", counted(count, "image"))
        rows.append(element("tr", row_head(label, images), *cells))
    return table([column(title, False), *map(column, report.names)], rows, title)


def _group_cell(cell: TableCell | None, is_best: bool) -> Markup:
    if cell is None:
        return number_cell(ABSENT)
    under = Markup()
    if cell.paired is not None:
        interval = None
        if cell.paired.difference_ci95 is not None:
            interval = numbers.difference_interval(cell.metric, cell.paired.difference_ci95)
        under = _compared(numbers.difference_text(cell.metric, cell.paired.difference), interval)
    return number_cell(_value(cell.metric, cell.mean, is_best), under)


def image_table(report: Report) -> Markup:
    """Every image with its tags and each name's score in the headline metric; sortable."""
    metric = numbers.headline(report)
    if metric is None:
        return Markup()
    tags = list(dict.fromkeys(tag for case in report.cases for tag in case.tags))
    has_yaw = any(case.yaw_degrees is not None for case in report.cases)
    head = [column("image", False)]
    head += [column("yaw (°)")] if has_yaw else []
    head += [column(tag.replace("_", " "), False) for tag in tags] + [column(name) for name in report.names]
    rows = [_image_row(report, case, metric, tags, has_yaw) for case in report.cases]
    return table(head, rows, f"{numbers.metric_title(metric)} of every image", sortable=True)


def _image_row(report: Report, case: Case, metric: str, tags: Sequence[str], has_yaw: bool) -> Markup:
    cells = [row_head(case.id)]
    if has_yaw:
        known = case.yaw_degrees is not None
        yaw = f"{case.yaw_degrees:.0f}".replace("-", numbers.MINUS) if known else ABSENT
        cells.append(number_cell("0" if yaw == f"{numbers.MINUS}0" else yaw, value=case.yaw_degrees))
    cells += [element("td", case.tags.get(tag, ABSENT)) for tag in tags]
    values = [report.scores.get(case.id, {}).get(name, {}).get(metric) for name in report.names]
    return element("tr", *cells, *_value_cells(metric, values, numbers.best(metric, values)))


def failure_table(report: Report) -> Markup:
    """Images that could not be scored, and why."""
    rows = [
        element("tr", row_head(failure.id), element("td", failure.name), element("td", failure.reason))
        for failure in report.failures
    ]
    head = [column(title, False) for title in ("image", "name", "reason")]
    return table(head, rows, "Failures", sortable=True)
