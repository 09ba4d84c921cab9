"""The report's files: JSON and CSV are made here, Markdown and the page by their modules."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from typing import Any

from .contents import Report
from .markdown import markdown
from .page import Progress, page

DECIMALS = 6  # a nanometre: below what any protocol resolves, and what differs between processors


def report_files(report: Report, jobs: int, progress: Progress) -> dict[str, str]:
    """File name -> content of every file; the same report and pair files give the same, whatever ``jobs`` says.

    Parameters
    ----------
    jobs, progress : see ``page``, which takes nearly all of the time
    """
    return {
        "report.json": json_text(report),
        "report.csv": csv_text(report),
        "report.md": markdown(report),
        "report.html": page(report, jobs, progress),
    }


def json_text(report: Report) -> str:
    """The report as JSON."""
    return json.dumps(report_values(report), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def report_values(report: Report) -> dict[str, Any]:
    """The report as values that JSON knows."""
    values: dict[str, Any] = {
        "data": dict(report.data),
        "settings": dict(report.settings),
        "names": list(report.names),
        "reference": report.reference,
        "per_image": {case.id: report.scores[case.id] for case in report.cases if case.id in report.scores},
        "images": {
            case.id: {"subject": case.subject, "yaw": case.yaw_degrees, **case.tags} for case in report.cases
        },
        "summary": {name: _summary(report, name) for name in report.names},
        "tables": {kind: [_plain(cell) for cell in cells] for kind, cells in report.tables.items()},
        "paired": [_plain(paired) for paired in report.paired],
        "curves": {
            kind: {name: _plain(curve) for name, curve in curves.items()} for kind, curves in report.curves.items()
        },
        "failures": [_plain(failure) for failure in report.failures],
    }
    rounded: dict[str, Any] = _rounded(values)
    return rounded


def csv_text(report: Report) -> str:
    """A row per image and name: what is known about the image, then a column per metric.

    Cells that a spreadsheet would take for a formula are quoted by an apostrophe.
    """
    metrics = report.metrics()
    tags = list(dict.fromkeys(tag for case in report.cases for tag in case.tags))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["id", "subject", "yaw", *tags, "name", *metrics])
    for case in report.cases:
        yaw = "" if case.yaw_degrees is None else round(case.yaw_degrees, DECIMALS)
        for name in report.names:
            scores = report.scores.get(case.id, {}).get(name)
            if scores is None:
                continue
            words = [_no_formula(text) for text in (case.id, case.subject)]
            known = [_no_formula(case.tags.get(tag, "")) for tag in tags]
            values = [round(scores[metric], DECIMALS) if metric in scores else "" for metric in metrics]
            writer.writerow([*words, yaw, *known, _no_formula(name), *values])
    return out.getvalue()


def _summary(report: Report, name: str) -> dict[str, Any]:
    summary = report.summary[name]
    metrics = {metric: _plain(entry) for metric, entry in summary.metrics.items()}
    pooled = {f"{kind}_pooled": _plain(entry) for kind, entry in summary.pooled.items()}
    counts = {"images": summary.images, "scored": summary.scored, "success_rate": summary.success_rate}
    return {**metrics, **pooled, **counts}


def _plain(value: Any) -> dict[str, Any]:
    return dataclasses.asdict(value)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DECIMALS)
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(one) for one in value]
    return value


def _no_formula(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
