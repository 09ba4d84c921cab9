"""How numbers are read out: rounding, signs, the best, the worst."""

from dataclasses import replace
from pathlib import Path

import pytest
from evaluation_report import NAMES, example_report
from facewright.evaluation import report_numbers as numbers
from facewright.evaluation.report import Report


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


def test_answers_say_metric_ratio_and_success(report: Report) -> None:
    said = numbers.answers(report)
    mean = report.summary["ours"].metrics["now_median"].mean
    assert said[0] == (
        f"ours: NoW median {mean:.2f}\N{NO-BREAK SPACE}mm, 18 % less than the mean face "
        "(95 % interval 6 to 29 %); 4 of 4 images scored."
    )
    assert said[1].startswith(NAMES[1]) and said[1].endswith("3 of 4 images scored.")
    assert "than" not in said[2]


def test_ratios_in_words() -> None:
    assert numbers.relative_text(0.82, (0.71, 0.94), "x") == "18 % less than x (95 % interval 6 to 29 %)"
    assert numbers.relative_text(1.2, (1.05, 1.4), "x") == "20 % more than x (95 % interval 5 to 40 %)"
    assert numbers.relative_text(0.98, (0.9, 1.03), "x") == "2 % less than x (95 % interval 10 % less to 3 % more)"
    assert numbers.relative_text(0.5, None, "x") == "50 % less than x"


def test_limits_name_unequal_sets_and_the_datas_note(report: Report) -> None:
    said = numbers.limits(report)
    assert any("Not every name" in sentence for sentence in said)
    assert said[-1] == "Invented numbers."
    equal = dict.fromkeys(report.names, report.summary["ours"])
    assert not any("Not every name" in sentence for sentence in numbers.limits(replace(report, summary=equal)))


def test_nothing_scored_is_said(report: Report) -> None:
    nothing = replace(
        report, scores={}, summary={n: replace(s, scored=0, metrics={}) for n, s in report.summary.items()}
    )
    assert numbers.headline(nothing) is None
    assert numbers.ranked(nothing, "ours") == []
    assert numbers.answers(nothing) == ["No image could be scored: see the failures."]
