"""What an evaluation found, as plain values: ``evaluate`` makes them, others write JSON, CSV, Markdown, HTML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ..case import Case

Interval = tuple[float, float]
TRUTH = "truth"


@dataclass(frozen=True)
class MetricSummary:
    """One metric of one name over the images that were scored, in the metric's unit.

    ``ci95``: bootstrap interval of the mean, subjects resampled; None with fewer than two subjects.
    """

    mean: float
    median: float
    std: float
    count: int
    ci95: Interval | None


@dataclass(frozen=True)
class Pooled:
    """Distances of all points of all images together, as NoW reports them; mm."""

    median: float
    mean: float
    std: float
    count: int


@dataclass(frozen=True)
class NameSummary:
    """All about one name: how many images it was asked for and how many of them could be scored.

    ``pooled``: "now" and "metrical" where those protocols ran.
    """

    images: int
    scored: int
    metrics: dict[str, MetricSummary]
    pooled: dict[str, Pooled]

    @property
    def success_rate(self) -> float:
        """Share of the images that could be scored, 0 to 1."""
        return self.scored / self.images if self.images else 0.0


@dataclass(frozen=True)
class Paired:
    """One name against another over the images that both have; differences in the metric's unit, name - reference.

    The intervals are 95 % bootstrap intervals, subjects resampled; None with fewer than two subjects. ``ratio`` is
    the ratio of the means. ``better``: images on which ``name`` is the better one. ``recovered``: against the mean
    face, 1 - ratio, the fraction of its error in that metric that was removed; None for CR and other references.
    """

    name: str
    reference: str
    metric: str
    count: int
    difference: float
    difference_ci95: Interval | None
    ratio: float | None
    ratio_ci95: Interval | None
    better: int
    recovered: float | None = None
    recovered_ci95: Interval | None = None


@dataclass(frozen=True)
class TableCell:
    """Mean of one metric of one name over the images of one group; ``paired`` with the report's reference.

    ``ci95``: bootstrap interval of the mean; None with fewer than two subjects. ``paired`` is None for the
    reference itself and where the two have no image of the group in common.
    """

    group: str
    metric: str
    name: str
    count: int
    mean: float
    ci95: Interval | None
    paired: Paired | None


@dataclass(frozen=True)
class Curve:
    """Cumulative error: share ``y`` (0 to 1) of all points nearer than ``x`` mm; ``area`` under it, 0 to 1."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    area: float


@dataclass(frozen=True)
class Failure:
    """An image for which a name lacks scores, all or those of one protocol, and why, in one sentence.

    ``name`` is TRUTH where the image's own ground truth cannot be read: then it counts for nobody.
    """

    id: str
    name: str
    reason: str


@dataclass(frozen=True)
class Report:
    """The whole result.

    Attributes
    ----------
    data : "name", "folder", "note", "images", "subjects", "protocols" of the data set
    settings : of the run, with units in their names; saved so that the run can be repeated
    names : of all predictions, in the order given; baselines last
    reference : the name that tables and ``paired`` compare with: "mean" where that baseline ran, else the first
    cases : the images that were evaluated, in the data set's order; with photograph, camera and truth for pictures
    scores : id -> name -> metric -> value; only pairs that could be scored
    summary : per name
    tables : "yaw", "focal", "region" and the data set's other tags -> cells, groups in the order to be shown
    paired : over all images, to the reference and to the first name
    curves : "now" and "metrical" -> name -> curve; {} where those protocols did not run
    failures : in the order of cases, then names
    pairs : folder with <name>/<id>.npz, see ``pair_file``
    """

    data: Mapping[str, Any]
    settings: Mapping[str, Any]
    names: tuple[str, ...]
    reference: str
    cases: tuple[Case, ...]
    scores: Mapping[str, Mapping[str, Mapping[str, float]]]
    summary: Mapping[str, NameSummary]
    tables: Mapping[str, tuple[TableCell, ...]]
    paired: tuple[Paired, ...]
    curves: Mapping[str, Mapping[str, Curve]]
    failures: tuple[Failure, ...]
    pairs: Path = field(compare=False)

    def values(self, name: str, metric: str) -> dict[str, float]:
        """id -> value of one metric of one name, in the order of the cases, where it was scored."""
        found = ((case.id, self.scores.get(case.id, {}).get(name, {}).get(metric)) for case in self.cases)
        return {key: value for key, value in found if value is not None}

    def shared_means(self, metric: str) -> dict[str, float]:
        """Name -> mean over the images that all names share, of those that have the metric at all.

        Means over different images cannot say who is best: whoever fails on the hard ones would win. Empty where
        the names have no image in common.
        """
        columns = {name: found for name in self.names if (found := self.values(name, metric))}
        shared = set.intersection(*map(set, columns.values())) if columns else set()
        ids = [case.id for case in self.cases if case.id in shared]
        if not ids:
            return {}
        return {name: sum(found[key] for key in ids) / len(ids) for name, found in columns.items()}

    def metrics(self) -> tuple[str, ...]:
        """All metrics that any pair has, in the order of METRICS, regions last."""
        present = {metric for summary in self.summary.values() for metric in summary.metrics}
        known = [metric for metric in METRICS if metric in present]
        return (*known, *sorted(present.difference(known)))

    def pair_file(self, name: str, case_id: str) -> Path:
        """Arrays of one pair: points, distance, metrical_distance, cylinder_truth, cylinder_error; what applies."""
        return self.pairs / file_stem(name) / f"{file_stem(case_id)}.npz"


class Metric(NamedTuple):
    """How a metric is shown: ``title`` in a table's head, ``unit`` ("" for shares), sensible ``decimals``."""

    title: str
    unit: str
    decimals: int
    higher_is_better: bool = False


METRICS: Mapping[str, Metric] = {
    "cd": Metric("CD", "mm", 2),
    "mne": Metric("MNE", "rad", 3),
    "normal_deg": Metric("Normals (cylinder)", "°", 1),
    "cr": Metric("CR", "", 3, higher_is_better=True),
    "now_median": Metric("NoW median", "mm", 2),
    "now_mean": Metric("NoW mean", "mm", 2),
    "now_std": Metric("NoW std", "mm", 2),
    "now_normal_deg": Metric("Normals (NoW)", "°", 1),
    "metrical_median": Metric("Metrical median", "mm", 2),
    "metrical_mean": Metric("Metrical mean", "mm", 2),
    "metrical_std": Metric("Metrical std", "mm", 2),
    "p2s_mean": Metric("P2S mean", "mm", 2),
    "p2s_std": Metric("P2S std", "mm", 2),
    "dace": Metric("DACE", "of eye distance", 4),
    "nme": Metric("NME", "of eye distance", 4),
    "realy": Metric("REALY", "mm", 2),
    "realy_nose": Metric("REALY nose", "mm", 2),
    "realy_mouth": Metric("REALY mouth", "mm", 2),
    "realy_forehead": Metric("REALY forehead", "mm", 2),
    "realy_cheek": Metric("REALY cheek", "mm", 2),
    "region": Metric("NoW mean", "mm", 2),
    "depth_shift_mm": Metric("Depth shift", "mm", 1),
}
"""In the order of columns. ``region`` is the metric of the table of regions. ``depth_shift_mm`` is how far the
protocol moved the prediction: nothing to be best at."""

REGION_PREFIX = "region_"


def metric_of(key: str) -> Metric:
    """How a metric is shown, those of regions (``region_nose``) too. Raises KeyError for others."""
    if key.startswith(REGION_PREFIX):
        return Metric(key.removeprefix(REGION_PREFIX).replace("_", " "), "mm", 2)
    return METRICS[key]


def file_stem(name: str) -> str:
    """A file's or folder's name for an image's id or a prediction's name: "/" becomes "__"."""
    return name.replace("/", "__")
