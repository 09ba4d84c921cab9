"""How an evaluation's numbers are read out, in every format: rounding, units, who is best, what is worst."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from .contents import REGION_PREFIX, Interval, Paired, Report, TableCell, metric_of

HEADLINES = ("now_median", "cd", "realy", "dace", "p2s_mean")
"""Images are ranked, and names compared in one sentence, by the first of these that was measured."""

KEY_METRICS = ("cd", "normal_deg", "cr", "now_median", "now_normal_deg", "metrical_median", "realy", "dace")
"""What tables by group and ratios are printed for; everything else is in report.json and the CSV."""

REGION = "region"
"""The metric of the table of regions: mean NoW distance within the region."""

NOT_RANKED = frozenset({"depth_shift_mm"})
MINUS = "\N{MINUS SIGN}"
NO_BREAK = "\N{NO-BREAK SPACE}"

TABLE_TITLES = {
    "yaw": "By turn of the head (yaw)",
    "focal": "By focal length",
    "region": "By region of the face",
    "expression": "By expression",
    "light": "By light",
}


class MetricGroup(NamedTuple):
    """Rows of the summary table that belong together. ``pooled``: key of ``NameSummary.pooled``, or ""."""

    title: str
    source: str
    metrics: tuple[str, ...]
    pooled: str = ""


GROUPS = (
    MetricGroup("FaceScape", "depth aligned, cylinder map; FaceScape Sec. 6.3",
                ("cd", "mne", "normal_deg", "cr", "depth_shift_mm")),
    MetricGroup("NoW", "aligned with scale; scan to mesh",
                ("now_median", "now_mean", "now_std", "now_normal_deg"), "now"),
    MetricGroup("NoW, metrical", "aligned without scale; MICA",
                ("metrical_median", "metrical_mean", "metrical_std"), "metrical"),
    MetricGroup("Point to surface", "mesh to scan; FaceScape Table 1", ("p2s_mean", "p2s_std")),
    MetricGroup("Dense", "Beyond 3DMM Eq. 18 to 20", ("dace", "nme")),
    MetricGroup("REALY", "region by region",
                ("realy", "realy_nose", "realy_mouth", "realy_forehead", "realy_cheek")),
)  # fmt: skip


def value_text(metric: str, value: float) -> str:
    """A value with the metric's decimals and a true minus sign; without its unit."""
    return _signed(f"{value:.{metric_of(metric).decimals}f}")


def with_unit(metric: str, value: float) -> str:
    """A value with its unit: "1.47 mm", "9.4°", "0.951"."""
    unit = metric_of(metric).unit
    gap = "" if unit in ("", "°") else NO_BREAK
    return f"{value_text(metric, value)}{gap}{unit}"


def difference_text(metric: str, value: float) -> str:
    """A difference with its sign: "+0.12", "−0.31"."""
    text = f"{value:+.{metric_of(metric).decimals}f}"
    return _signed(text if text.strip("+-0.") else text[1:])


def ratio_text(value: float) -> str:
    """A ratio of means with two decimals."""
    return _signed(f"{value:.2f}")


def interval_text(low: str, high: str) -> str:
    """Two formatted ends of a 95 % interval."""
    return f"{low} to {high}"


def value_interval(metric: str, interval: Interval) -> str:
    """An interval of a mean."""
    return interval_text(value_text(metric, interval[0]), value_text(metric, interval[1]))


def difference_interval(metric: str, interval: Interval) -> str:
    """An interval of a difference."""
    return interval_text(difference_text(metric, interval[0]), difference_text(metric, interval[1]))


def percent_text(share: float) -> str:
    """A share as whole percents; 100 % only where it is all, 0 % only where it is nothing."""
    percent = round(100.0 * share)
    if percent == 100 and share < 1.0:
        return "> 99 %"
    if percent == 0 and share > 0.0:
        return "< 1 %"
    return f"{percent} %"


def _signed(text: str) -> str:
    """Minus before a rounded zero goes, any other becomes a true one."""
    bare = text.lstrip("-")
    if text.startswith("-") and not bare.strip("0."):
        return bare
    return text.replace("-", MINUS)


def metric_title(metric: str) -> str:
    """Title and unit, as in a table's head: "CD, mm"."""
    known = metric_of(metric)
    return f"{known.title}, {known.unit}" if known.unit else known.title


def table_title(key: str) -> str:
    """The heading above a table."""
    return TABLE_TITLES.get(key, f"By {key.replace('_', ' ')}")


def headline(report: Report) -> str | None:
    """The metric that ranks images and names; None where nothing could be scored."""
    present = report.metrics()
    return next((metric for metric in HEADLINES if metric in present), present[0] if present else None)


def headlines(report: Report) -> tuple[str, ...]:
    """All of HEADLINES that were measured."""
    return tuple(metric for metric in HEADLINES if metric in report.metrics())


def key_metrics(report: Report) -> tuple[str, ...]:
    """KEY_METRICS that were measured, in the report's order."""
    return tuple(metric for metric in report.metrics() if metric in KEY_METRICS)


def summary_groups(report: Report) -> list[MetricGroup]:
    """GROUPS without what was not measured; metrics that no group knows come last, regions have their own table."""
    present = report.metrics()
    groups = [group._replace(metrics=tuple(m for m in group.metrics if m in present)) for group in GROUPS]
    known = {metric for group in GROUPS for metric in group.metrics}
    others = tuple(m for m in present if m not in known and not m.startswith(REGION_PREFIX))
    groups.append(MetricGroup("Others", "", others))
    return [group for group in groups if group.metrics]


class PooledRow(NamedTuple):
    """A statistic of the points of all images together: ``metric`` says how it is printed; a value per name."""

    title: str
    metric: str
    values: tuple[float | None, ...]


def pooled_rows(report: Report, kind: str) -> list[PooledRow]:
    """Median, mean and standard deviation as NoW reports them; none where that protocol did not run."""
    pooled = [report.summary[name].pooled.get(kind) for name in report.names]
    if not any(pooled):
        return []
    return [
        PooledRow(
            f"Pooled {statistic}, mm",
            f"{kind}_{statistic}",
            tuple(None if one is None else float(getattr(one, statistic)) for one in pooled),
        )
        for statistic in ("median", "mean", "std")
    ]


def mean_of(report: Report, name: str, metric: str) -> float | None:
    """Mean of a metric over the images of a name that were scored, or None."""
    summary = report.summary[name].metrics.get(metric)
    return summary.mean if summary else None


def best(metric: str, values: Sequence[float | None]) -> list[bool]:
    """Which of the values are the best as printed: ties share it, and a lone value is nobody's victory."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if metric in NOT_RANKED or len(known) < 2:
        return [False] * len(values)
    best_text = value_text(metric, max(known) if metric_of(metric).higher_is_better else min(known))
    return [value is not None and value_text(metric, value) == best_text for value in values]


def best_names(report: Report, metric: str) -> list[bool]:
    """Which names are the best in a metric, on the images that all of them share.

    By means over different images, a program that fails on the hard ones would win.
    """
    shared = report.shared_means(metric)
    return best(metric, [shared.get(name) for name in report.names])


def best_cells(metric: str, cells: Sequence[TableCell | None]) -> list[bool]:
    """Which cells of a row are the best; none where they are means over different numbers of images."""
    if len({cell.count for cell in cells if cell is not None}) > 1:
        return [False] * len(cells)
    return best(metric, [None if cell is None else cell.mean for cell in cells])


def best_pooled(report: Report, row: PooledRow) -> list[bool]:
    """Which names are the best in a pooled statistic; none where they were scored on different images."""
    if len({summary.scored for summary in report.summary.values() if summary.scored}) > 1:
        return [False] * len(row.values)
    return best(row.metric, row.values)


def paired_with(report: Report, name: str, reference: str, metric: str) -> Paired | None:
    """The comparison over all images of two names in one metric."""
    return next(
        (p for p in report.paired if (p.name, p.reference, p.metric) == (name, reference, metric)), None
    )


def recovered_rows(report: Report) -> list[tuple[str, list[Paired | None]]]:
    """Key metrics, each with every other name's comparison, where the reference is the mean face."""
    others = [name for name in report.names if name != report.reference]
    rows = [(m, [paired_with(report, name, report.reference, m) for name in others]) for m in key_metrics(report)]
    return [(metric, found) for metric, found in rows if any(p and p.recovered is not None for p in found)]


def recovered_text(paired: Paired | None) -> str | None:
    """A share of the mean face's error with its interval, "12 % (6 to 18)"; None where there is none."""
    parts = recovered_parts(paired)
    if parts is None:
        return None
    share, interval = parts
    return share if interval is None else f"{share} ({interval})"


def recovered_parts(paired: Paired | None) -> tuple[str, str | None] | None:
    """The same as share and interval, "12 %" and "6 to 18"; None where there is none."""
    if paired is None or paired.recovered is None:
        return None
    ends = [_whole_percents(end) for end in paired.recovered_ci95 or ()]
    return f"{_whole_percents(paired.recovered)} %", interval_text(*ends) if ends else None


def _whole_percents(share: float) -> str:
    return _signed(f"{round(100.0 * share)}")


class GroupTable(NamedTuple):
    """Cells of one metric of a table: ``rows`` of (group, name -> cell), groups in their order."""

    metric: str
    rows: tuple[tuple[str, dict[str, TableCell]], ...]


def group_tables(cells: Sequence[TableCell]) -> list[GroupTable]:
    """Cells of one table, metric by metric: HEADLINES first, then the rest of KEY_METRICS; or those of regions."""
    by_metric: dict[str, dict[str, dict[str, TableCell]]] = {}
    for cell in cells:
        if cell.metric in (REGION, *KEY_METRICS):
            by_metric.setdefault(cell.metric, {}).setdefault(cell.group, {})[cell.name] = cell
    order = sorted(by_metric, key=lambda metric: [*HEADLINES, metric].index(metric))
    return [GroupTable(metric, tuple(by_metric[metric].items())) for metric in order]


def ranked(report: Report, name: str) -> list[tuple[str, float]]:
    """(id, value) of a name's images in the headline metric, worst first; ties in the data set's order."""
    metric = headline(report)
    if metric is None:
        return []
    sign = 1.0 if metric_of(metric).higher_is_better else -1.0
    return sorted(report.values(name, metric).items(), key=lambda item: sign * item[1])
