"""How numbers are read out: rounding, signs, the best, the worst."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from evaluation_report import example_report
from facewright.evaluation.report import number_format as numbers
from facewright.evaluation.report.contents import Report


@pytest.fixture
def report(tmp_path: Path) -> Report:
    return example_report(tmp_path)


def test_values_have_the_metrics_decimals_units_and_a_true_minus() -> None:
    assert numbers.value_text("cd", 1.005 + 1e-9) == "1.01"
    assert numbers.with_unit("now_median", 1.4651) == "1.47\N{NO-BREAK SPACE}mm"
    assert numbers.with_unit("normal_deg", 9.44) == "9.4°"
    assert numbers.with_unit("cr", 0.95) == "0.950"
    assert numbers.value_text("depth_shift_mm", -12.34) == "−12.3"
    assert numbers.value_text("depth_shift_mm", -0.04) == "0.0"


def test_differences_have_a_sign_unless_they_round_to_nothing() -> None:
    assert [numbers.difference_text("cd", v) for v in (0.3111, -0.3111, 0.004, -0.004)] == [
        "+0.31", "−0.31", "0.00", "0.00",
    ]  # fmt: skip


def test_percents_are_whole_only_where_they_are() -> None:
    shares = (0.0, 0.004, 0.5, 0.996, 1.0)
    assert [numbers.percent_text(s) for s in shares] == ["0 %", "< 1 %", "50 %", "> 99 %", "100 %"]


def test_the_best_is_judged_as_printed() -> None:
    assert numbers.best("cd", [1.234, 1.231, 1.24]) == [True, True, False]
    assert numbers.best("cr", [0.9, None, 0.95]) == [False, False, True]
    assert numbers.best("cd", [1.0, None]) == [False, False]
    assert numbers.best("depth_shift_mm", [1.0, 2.0]) == [False, False]


def test_images_are_ranked_worst_first(report: Report) -> None:
    order = numbers.ranked(report, "ours")
    values = [value for _, value in order]
    assert values == sorted(values, reverse=True)
    assert {case_id for case_id, _ in order} == {case.id for case in report.cases}
    assert dict(order) == report.values("ours", "now_median")


def test_where_more_is_better_the_worst_is_the_least(report: Report) -> None:
    only_cr = {key: {name: {"cr": row["cr"]} for name, row in rows.items()} for key, rows in report.scores.items()}
    summary = {n: replace(s, metrics={"cr": s.metrics["cr"]}) for n, s in report.summary.items()}
    values = [value for _, value in numbers.ranked(replace(report, scores=only_cr, summary=summary), "ours")]
    assert values == sorted(values)


def test_groups_hold_every_metric_once(report: Report) -> None:
    listed = [metric for group in numbers.summary_groups(report) for metric in group.metrics]
    assert listed == ["cd", "mne", "cr", "now_median"]


def test_nothing_scored(report: Report) -> None:
    nothing = replace(
        report, scores={}, summary={n: replace(s, scored=0, metrics={}) for n, s in report.summary.items()}
    )
    assert numbers.headline(nothing) is None
    assert numbers.ranked(nothing, "ours") == []


def test_pooled_rows_are_the_reports(report: Report) -> None:
    rows = numbers.pooled_rows(report, "now")
    assert [row.title for row in rows] == ["Pooled median, mm", "Pooled mean, mm", "Pooled std, mm"]
    assert [row.values[0] for row in rows] == [1.1, 1.4, 1.2]
    assert numbers.pooled_rows(report, "") == []


def test_who_fails_on_hard_images_is_not_best(report: Report) -> None:
    fails = report.names[1]
    scores = {case: {name: dict(values) for name, values in row.items()} for case, row in report.scores.items()}
    for index, case in enumerate(report.cases):
        for rank, name in enumerate(report.names):
            if name in scores[case.id]:
                scores[case.id][name]["cd"] = 9.0 if index == 3 else 1.0 + 0.1 * (rank != 0)
    harder = replace(report, scores=scores)
    means = {name: np.mean(list(harder.values(name, "cd").values())) for name in report.names}
    assert min(means, key=means.__getitem__) == fails, "its own images were the easy ones"
    assert numbers.best_names(harder, "cd") == [True, False, False]
