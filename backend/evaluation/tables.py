"""Summary, tables and comparisons of a run's scores; every interval resamples subjects, not images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .case import Case
from .metrics.statistics import error_removed, mean_interval, paired_difference, paired_ratio
from .predictions.made_predictions import MEAN
from .report.contents import (
    METRICS,
    REGION_PREFIX,
    MetricSummary,
    Paired,
    TableCell,
    metric_of,
)

Array = NDArray[np.float64]
Scores = Mapping[str, Mapping[str, Mapping[str, float]]]

# Degrees of |yaw| at which groups begin and end. FaceScape's sets are tabled as its paper does; portraits as far
# apart as the views of development sets are.
YAW_EDGES_FACESCAPE = (0.0, 5.0, 30.0, 60.0, 90.0)
YAW_EDGES = (0.0, 10.0, 25.0, 45.0, 90.0)
# What is tabled by group; everything else is in the summary.
TABLE_METRICS = (
    "cd", "mne", "normal_deg", "cr", "now_median", "now_mean", "now_normal_deg", "metrical_median", "p2s_mean",
    "realy", "dace", "nme",
)  # fmt: skip
REGION = "region"


@dataclass(frozen=True)
class ScoreTable:
    """All scores of a run, as arrays over images.

    Attributes
    ----------
    cases : images, in order
    names : of predictions
    reference : the name that others are compared with
    scores : id -> name -> metric -> value
    """

    cases: tuple[Case, ...]
    names: tuple[str, ...]
    reference: str
    scores: Scores

    def column(self, name: str, metric: str, cases: Sequence[Case]) -> Array:
        """(len(cases),) values, NaN where the pair has none."""
        rows = (self.scores.get(case.id, {}).get(name, {}).get(metric) for case in cases)
        return np.array([np.nan if value is None else value for value in rows], np.float64)

    def metrics(self) -> tuple[str, ...]:
        """All metrics that any pair has: METRICS in their order, regions after them."""
        present = {metric for row in self.scores.values() for values in row.values() for metric in values}
        return (*(m for m in METRICS if m in present), *sorted(present.difference(METRICS)))

    def summary(self, name: str) -> dict[str, MetricSummary]:
        """Every metric of one name over all images."""
        found = {metric: self._summary(name, metric) for metric in self.metrics()}
        return {metric: entry for metric, entry in found.items() if entry is not None}

    def _summary(self, name: str, metric: str) -> MetricSummary | None:
        values = self.column(name, metric, self.cases)
        there = np.isfinite(values)
        if not there.any():
            return None
        chosen = values[there]
        interval = mean_interval(chosen, _subjects(self.cases, there))
        return MetricSummary(
            float(chosen.mean()), float(np.median(chosen)), float(chosen.std()), len(chosen), interval.ends
        )

    def paired(self, name: str, reference: str, metric: str, cases: Sequence[Case]) -> Paired | None:
        """One name against another over the images that both have; None where there is none."""
        ours, theirs = self.column(name, metric, cases), self.column(reference, metric, cases)
        both = np.isfinite(ours) & np.isfinite(theirs)
        if name == reference or not both.any():
            return None
        ours, theirs, subjects = ours[both], theirs[both], _subjects(cases, both)
        difference = paired_difference(ours, theirs, subjects)
        comparable = bool((theirs > 0.0).all())
        ratio = paired_ratio(ours, theirs, subjects) if comparable else None
        higher = metric_of(metric).higher_is_better
        better = ours > theirs if higher else ours < theirs
        removed = error_removed(ours, theirs, subjects) if comparable and reference == MEAN and not higher else None
        return Paired(
            name, reference, metric, int(both.sum()), difference.estimate, difference.ends,
            ratio.estimate if ratio else None, ratio.ends if ratio else None, int(better.sum()),
            removed.estimate if removed else None, removed.ends if removed else None,
        )  # fmt: skip

    def all_paired(self) -> tuple[Paired, ...]:
        """Every name against the reference, and against the first name where that is another."""
        pairs = [
            self.paired(name, reference, metric, self.cases)
            for reference in dict.fromkeys((self.reference, self.names[0]))
            for name in self.names
            for metric in self.metrics()
        ]
        return tuple(pair for pair in pairs if pair is not None)

    def tables(self, yaw_edges: Sequence[float]) -> dict[str, tuple[TableCell, ...]]:
        """Cells by yaw, focal length, region and the data set's other tags; one group alone makes no table."""
        groups = {"yaw": yaw_groups(self.cases, yaw_edges), "focal": tag_groups(self.cases, "focal")}
        other = dict.fromkeys(key for case in self.cases for key in case.tags if key not in groups)
        groups |= {key: tag_groups(self.cases, key) for key in other}
        metrics = [metric for metric in TABLE_METRICS if metric in self.metrics()]
        tables = {
            kind: tuple(
                cell
                for group, members in found.items()
                for metric in metrics
                for cell in self._cells(group, metric, metric, members)
            )
            for kind, found in groups.items()
            if len(found) > 1
        }
        regions = [metric for metric in self.metrics() if metric.startswith(REGION_PREFIX)]
        tables[REGION] = tuple(
            cell
            for metric in regions
            for cell in self._cells(metric.removeprefix(REGION_PREFIX), REGION, metric, self.cases)
        )
        order = ("yaw", "focal", REGION, *other)
        return {kind: tables[kind] for kind in order if tables.get(kind)}

    def _cells(self, group: str, shown_as: str, metric: str, cases: Sequence[Case]) -> list[TableCell]:
        """One group of one metric: a cell for every name that has an image in it."""
        cells = []
        for name in self.names:
            values = self.column(name, metric, cases)
            there = np.isfinite(values)
            if not there.any():
                continue
            interval = mean_interval(values[there], _subjects(cases, there))
            paired = self.paired(name, self.reference, metric, cases)
            cells.append(
                TableCell(group, shown_as, name, int(there.sum()), interval.estimate, interval.ends, paired)
            )
        return cells


def yaw_groups(cases: Sequence[Case], edges: Sequence[float]) -> dict[str, list[Case]]:
    """Cases by the turn of the head to either side, in bins [low, high); the last holds what lies beyond it too."""
    groups: dict[str, list[Case]] = {}
    for index, (low, high) in enumerate(pairwise(edges)):
        highest = np.inf if index == len(edges) - 2 else high
        members = [c for c in cases if c.yaw_degrees is not None and low <= abs(c.yaw_degrees) < highest]
        if members:
            groups[f"{low:g} to {high:g}°"] = members
    return groups


def tag_groups(cases: Sequence[Case], key: str) -> dict[str, list[Case]]:
    """Cases by one of their tags; numbers in their order, words in the alphabet's."""
    values = {case.tags[key] for case in cases if key in case.tags}
    return {value: [c for c in cases if c.tags.get(key) == value] for value in sorted(values, key=_natural)}


def _natural(value: str) -> tuple[float, str]:
    try:
        return float(value.split()[0]), value
    except (ValueError, IndexError):
        return float("inf"), value


def _subjects(cases: Sequence[Case], chosen: NDArray[np.bool_]) -> list[str]:
    return [case.subject for case, use in zip(cases, chosen) if use]
