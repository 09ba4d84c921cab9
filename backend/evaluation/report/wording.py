"""The report's sentences: what was found, what the metrics mean, what the numbers do not show."""

from __future__ import annotations

from .contents import Interval, Report, metric_of
from .number_format import headline, mean_of, paired_with, with_unit

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


def counted(count: int, noun: str) -> str:
    """A count with its noun: "1 image", "48 images"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


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
        said = relative_text(against.ratio, against.ratio_ci95, reference_text(report))
        alike = against.count == summary.metrics[metric].count == _count(report, report.reference, metric)
        parts.append(said if alike else f"{said} on the {counted(against.count, 'image')} that both have")
    return f"{name}: {', '.join(parts)}; {scored}."


def _count(report: Report, name: str, metric: str) -> int:
    """Images that a name has a metric for."""
    summary = report.summary[name].metrics.get(metric)
    return summary.count if summary else 0


RECOVERED_TITLE = "Share of the mean face's error that was removed"
RECOVERED = (
    "1 minus the ratio to the mean face, with its 95 % interval: 100 % is perfect, 0 % is no better than showing "
    "everybody the same face, below 0 is worse."
)


def differences_text(report: Report) -> str:
    """How to read the charts of every image's difference; one subject alone gives no interval."""
    has_interval = any(paired.difference_ci95 is not None for paired in report.paired)
    mean = "The tick is their mean" + (", the bar its 95 % interval." if has_interval else ".")
    return f"A dot is an image: its difference to {reference_text(report)}. {mean}"


def shared_text(report: Report, metric: str) -> str | None:
    """Every name's mean over the images that all have, in a sentence; None where all have the same images."""
    scored = [report.values(name, metric) for name in report.names]
    counts = {len(values) for values in scored if values}
    means = report.shared_means(metric)
    if len(counts) < 2 or not means:
        return None
    shared = len(set.intersection(*(set(values) for values in scored if values)))
    said = ", ".join(f"{name} {with_unit(metric, mean)}" for name, mean in means.items())
    return (
        f"Not every name was scored on every image. On the {counted(shared, 'image')} that all have, "
        f"{metric_of(metric).title}: {said}."
    )


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
        "FaceScape's distances and normals are taken where the mesh is: a mesh without the hard parts gains. Read "
        "them with CR.",
        "Only the outside of the face is measured: no ears, hair, neck, eyes, teeth or texture, not how the head "
        "moves, and not whether a person would be recognised.",
        f"Intervals resample the {counted(subjects, 'subject')} of this set. They say how much the result depends "
        "on who was in it, and nothing about other people, cameras or light.",
        "Numbers of other data sets, published ones too, do not belong beside these.",
    ]
    if len({summary.scored for summary in report.summary.values()}) > 1:
        said.append("Not every name could be scored on every image. Means are over each name's own images; "
                    "differences and ratios only over those that both have, and who is best is told by those "
                    "that all have.")  # fmt: skip
    if report.data.get("note"):
        said.append(str(report.data["note"]))
    return said
