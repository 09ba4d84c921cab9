"""How an evaluation's numbers are read out, in every format: rounding, units, who is best, what is worst."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from .report import REGION_PREFIX, Interval, Paired, Report, TableCell, metric_of

HEADLINES = ("now_median", "cd", "realy", "dace", "p2s_mean")
"""Images are ranked, and names compared in one sentence, by the first of these that was measured."""

KEY_METRICS = ("cd", "normal_deg", "cr", "now_median", "now_normal_deg", "metrical_median", "realy", "dace")
"""What tables by group and ratios are printed for; everything else is in report.json and the CSV."""

REGION = "region"
"""The metric of the table of regions: mean NoW distance within the region."""

NOT_RANKED = frozenset({"depth_shift_mm"})
MINUS = "\N{MINUS SIGN}"

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

DEFINITIONS = {
    "cd": "mean distance between the two surfaces, both ways, on common cells of the cylinder map",
    "mne": "mean normal error as the official FaceScape code computes it: not the true angle",
    "normal_deg": "mean true angle between normals, on the same cells",
    "cr": "completeness: share of the true face that the mesh covers; more is better",
    "depth_shift_mm": "how far the mesh was moved in depth before it was measured: no error, and nobody is best",
    "now_median": "median distance from points of the scan to the aligned mesh",
    "now_mean": "mean of the same distances",
    "now_std": "their standard deviation",
    "now_normal_deg": "mean true angle between normals at those points",
    "metrical_median": "the same without scale: the size of the head counts",
    "metrical_mean": "mean of the same distances",
    "metrical_std": "their standard deviation",
    "p2s_mean": "mean distance from points of the mesh to the true surface",
    "p2s_std": "its standard deviation",
    "dace": "mean distance to the nearest points of the scan, as a share of the distance of the outer eye corners",
    "nme": "mean distance of corresponding vertices, as the same share",
    "realy": "mean of the four regions below, each aligned by itself",
    "realy_nose": "region error of the nose",
    "realy_mouth": "region error of the mouth",
    "realy_forehead": "region error of the forehead",
    "realy_cheek": "region error of the cheeks",
}


def value_text(metric: str, value: float) -> str:
    """A value with the metric's decimals and a true minus sign; without its unit."""
    return _signed(f"{value:.{metric_of(metric).decimals}f}")


def with_unit(metric: str, value: float) -> str:
    """A value with its unit: "1.47 mm", "9.4°", "0.951"."""
    unit = metric_of(metric).unit
    gap = "" if unit in ("", "°") else "\N{NO-BREAK SPACE}"
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


def paired_with(report: Report, name: str, reference: str, metric: str) -> Paired | None:
    """The comparison over all images of two names in one metric."""
    return next(
        (p for p in report.paired if (p.name, p.reference, p.metric) == (name, reference, metric)), None
    )


class GroupTable(NamedTuple):
    """Cells of one metric of a table: ``rows`` of (group, name -> cell), groups in their order."""

    metric: str
    rows: tuple[tuple[str, dict[str, TableCell]], ...]


def group_tables(cells: Sequence[TableCell]) -> list[GroupTable]:
    """Cells of one table, metric by metric, those of KEY_METRICS and of regions."""
    by_metric: dict[str, dict[str, dict[str, TableCell]]] = {}
    for cell in cells:
        if cell.metric in (REGION, *KEY_METRICS):
            by_metric.setdefault(cell.metric, {}).setdefault(cell.group, {})[cell.name] = cell
    return [GroupTable(metric, tuple(rows.items())) for metric, rows in by_metric.items()]


def ranked(report: Report, name: str) -> list[tuple[str, float]]:
    """(id, value) of a name's images in the headline metric, worst first; ties in the data set's order."""
    metric = headline(report)
    if metric is None:
        return []
    sign = 1.0 if metric_of(metric).higher_is_better else -1.0
    return sorted(report.values(name, metric).items(), key=lambda item: sign * item[1])


def counted(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun: "1 image", "48 images"."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def reference_text(report: Report) -> str:
    """What names are compared with, in a sentence."""
    return "the mean face" if report.reference == "mean" else report.reference


def title(report: Report) -> str:
    """What the report is about: names and data set."""
    return f"{', '.join(report.names)} on {report.data['name']}"


def answers(report: Report) -> list[str]:
    """The result in sentences, one per name: the headline metric, the comparison with the reference, successes."""
    metric = headline(report)
    if metric is None:
        return ["No image could be scored: see the failures."]
    return [_answer(report, name, metric) for name in report.names]


def _answer(report: Report, name: str, metric: str) -> str:
    summary = report.summary[name]
    scored = f"{summary.scored} of {counted(summary.images, 'image')} scored"
    mean = mean_of(report, name, metric)
    if mean is None:
        return f"{name}: {scored}."
    parts = [f"{metric_of(metric).title} {with_unit(metric, mean)}"]
    against = paired_with(report, name, report.reference, metric)
    if against is not None and against.ratio is not None and name != report.reference:
        parts.append(relative_text(against.ratio, against.ratio_ci95, reference_text(report)))
    return f"{name}: {', '.join(parts)}; {scored}."


def relative_text(ratio: float, interval: Interval | None, reference: str) -> str:
    """A ratio of means in words: "18 % less than the mean face (95 % interval 6 to 29 %)"."""
    if interval is None:
        return f"{_more_or_less(ratio)} than {reference}"
    near, far = sorted(interval, key=lambda end: abs(end - 1.0))
    if (near < 1.0) == (far < 1.0) == (ratio < 1.0):
        said = f"{round(100.0 * abs(near - 1.0))} to {round(100.0 * abs(far - 1.0))} %"
    else:
        said = " to ".join(_more_or_less(end) for end in interval)
    return f"{_more_or_less(ratio)} than {reference} (95 % interval {said})"


def _more_or_less(ratio: float) -> str:
    return f"{round(100.0 * abs(ratio - 1.0))} % {'less' if ratio < 1.0 else 'more'}"


def limits(report: Report) -> list[str]:
    """What the numbers do not show, for this data set, in sentences."""
    subjects = int(report.data["subjects"])
    said = [
        "All these scores reward the average face. Read them beside the mean face's, and as the share of its error "
        "that is left; a program can score well and look like nobody.",
        "FaceScape's protocol gives depth away, and NoW's gives pose and scale away. Only the metrical scores and "
        "the depth shift say anything about size and distance.",
        "Only the outside of the face is measured: no ears, hair, neck, eyes, teeth or texture, not how the head "
        "moves, and not whether a person would be recognised.",
        f"Intervals resample the {counted(subjects, 'subject')} of this set. They say how much the result depends "
        "on who was in it, and nothing about other people, cameras or light.",
        "Numbers of other data sets, published ones too, do not belong beside these.",
    ]
    if len({summary.scored for summary in report.summary.values()}) > 1:
        said.append("Not every name could be scored on every image. Means are over each name's own images; "
                    "differences and ratios only over those that both have.")  # fmt: skip
    if report.data.get("note"):
        said.append(str(report.data["note"]))
    return said
