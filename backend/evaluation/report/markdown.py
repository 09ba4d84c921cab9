"""The report as Markdown, for repositories and issues; the same numbers as report.json, rounded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from . import number_format as numbers
from . import wording as words
from .contents import Paired, Report, TableCell, metric_of

ABSENT = "–"


def markdown(report: Report) -> str:
    """The whole report as Markdown."""
    data = report.data
    parts = [
        f"# Evaluation: {plain(words.title(report))}",
        f"{words.counted(int(data['images']), 'image')} of {words.counted(int(data['subjects']), 'subject')}; "
        f"protocols: {plain(', '.join(data['protocols']))}.",
        _list(words.answers(report)),
        *_summary(report),
        *_ratios(report),
        *_recovered(report),
        *(part for key, cells in report.tables.items() for part in _group_tables(report, key, cells)),
        *_failures(report),
        "## What the numbers do not show",
        _list(words.limits(report)),
    ]
    return "\n\n".join(parts) + "\n"


def plain(text: str) -> str:
    """Text from data so that Markdown shows it as it is: on one line, its special signs escaped."""
    return re.sub(r"([\\`*_\[\]<>|~#&])", r"\\\1", " ".join(text.split()))


def _list(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {plain(sentence)}" for sentence in sentences)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are numbers; cells are Markdown already."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))


def _emphasised(cells: Sequence[str], marks: Sequence[bool]) -> list[str]:
    return [f"**{cell}**" if mark else cell for cell, mark in zip(cells, marks, strict=True)]


def _summary(report: Report) -> list[str]:
    rows = []
    for group in numbers.summary_groups(report):
        for metric in group.metrics:
            means = [numbers.mean_of(report, name, metric) for name in report.names]
            cells = [ABSENT if mean is None else numbers.value_text(metric, mean) for mean in means]
            rows.append([numbers.metric_title(metric), *_emphasised(cells, numbers.best_names(report, metric))])
        for row in numbers.pooled_rows(report, group.pooled):
            cells = [ABSENT if value is None else numbers.value_text(row.metric, value) for value in row.values]
            marks = numbers.best_pooled(report, row)
            rows.append([f"{group.title}: {row.title.lower()}", *_emphasised(cells, marks)])
    scored = [f"{report.summary[name].scored} of {report.summary[name].images}" for name in report.names]
    rows.append(["Images scored", *scored])
    headline = numbers.headline(report)
    on_shared = words.shared_text(report, headline) if headline else None
    return [
        "## Summary",
        "Means over images; the best of each row in bold. \"Pooled\" takes the points of all images together, as "
        "NoW reports them.",
        *([plain(on_shared)] if on_shared else []),
        _table(["Metric", *map(plain, report.names)], rows),
    ]  # fmt: skip


def _ratios(report: Report) -> list[str]:
    reference = words.reference_text(report)
    others = [name for name in report.names if name != report.reference]
    rows = []
    for metric in numbers.key_metrics(report):
        found = [numbers.paired_with(report, name, report.reference, metric) for name in others]
        if any(paired is not None and paired.ratio is not None for paired in found):
            rows.append([metric_of(metric).title, *map(_ratio_cell, found)])
    if not rows:
        return []
    return [
        f"## Against {plain(reference)}",
        f"Each mean divided by that of {plain(reference)} over the images that both have, with its 95 % "
        "interval; below 1 is an improvement, except for CR.",
        _table(["Metric", *map(plain, others)], rows),
    ]


def _recovered(report: Report) -> list[str]:
    rows = numbers.recovered_rows(report)
    if not rows:
        return []
    others = [plain(name) for name in report.names if name != report.reference]
    cells = [[metric_of(m).title, *(numbers.recovered_text(p) or ABSENT for p in found)] for m, found in rows]
    return ["## " + words.RECOVERED_TITLE, words.RECOVERED, _table(["Metric", *others], cells)]


def _ratio_cell(paired: Paired | None) -> str:
    if paired is None or paired.ratio is None:
        return ABSENT
    interval = ""
    if paired.ratio_ci95 is not None:
        interval = f" ({numbers.interval_text(*map(numbers.ratio_text, paired.ratio_ci95))})"
    return numbers.ratio_text(paired.ratio) + interval


def _group_tables(report: Report, key: str, cells: Sequence[TableCell]) -> list[str]:
    tables = numbers.group_tables(cells)
    if not tables:
        return []
    parts = [
        f"## {plain(numbers.table_title(key))}",
        f"Means, and the difference to {plain(words.reference_text(report))} over shared images, with its 95 % "
        "interval.",
    ]
    for table in tables:
        head = [numbers.metric_title(table.metric), "images", *map(plain, report.names)]
        parts.append(_table(head, [_group_row(report, group, row) for group, row in table.rows]))
    return parts


def _group_row(report: Report, group: str, row: dict[str, TableCell]) -> list[str]:
    found = [row.get(name) for name in report.names]
    metric = next(cell.metric for cell in found if cell is not None)
    marks = numbers.best_cells(metric, found)
    count = max(cell.count for cell in found if cell is not None)
    return [plain(group), str(count), *(_group_cell(cell, mark) for cell, mark in zip(found, marks, strict=True))]


def _group_cell(cell: TableCell | None, is_best: bool) -> str:
    if cell is None:
        return ABSENT
    mean = numbers.value_text(cell.metric, cell.mean)
    mean = f"**{mean}**" if is_best else mean
    if cell.paired is None:
        return mean
    difference = numbers.difference_text(cell.metric, cell.paired.difference)
    if cell.paired.difference_ci95 is not None:
        difference += f": {numbers.difference_interval(cell.metric, cell.paired.difference_ci95)}"
    return f"{mean} ({difference})"


def _failures(report: Report) -> list[str]:
    if not report.failures:
        return ["## Failures", "None: every image of every name could be scored."]
    rows = [[plain(failure.id), plain(failure.name), plain(failure.reason)] for failure in report.failures]
    return [
        "## Failures",
        "These count in the success rate and nowhere else.",
        "\n".join("| " + " | ".join(row) + " |" for row in (["Image", "Name", "Reason"], ["---"] * 3, *rows)),
    ]
