"""The report's sentences."""

from dataclasses import replace
from pathlib import Path

import pytest
from evaluation_report import NAMES, example_report
from facewright.evaluation.report import wording as words
from facewright.evaluation.report.contents import METRICS, Report


@pytest.fixture
def report(tmp_path: Path) -> Report:
    return example_report(tmp_path)


def test_a_comparison_over_fewer_images_says_so(report: Report) -> None:
    assert "on the 3 images that both have; 3 of 4 images scored." in words.answers(report)[1]


def test_answers_say_metric_ratio_and_success(report: Report) -> None:
    said = words.answers(report)
    mean = report.summary["ours"].metrics["now_median"].mean
    assert said[0] == (
        f"ours: NoW median {mean:.2f}\N{NO-BREAK SPACE}mm, 18 % less than the mean face "
        "(95 % interval 6 to 29 %); 4 of 4 images scored."
    )
    assert said[1].startswith(NAMES[1]) and said[1].endswith("3 of 4 images scored.")
    assert "than" not in said[2]


def test_ratios_in_words() -> None:
    assert words.relative_text(0.82, (0.71, 0.94), "x") == "18 % less than x (95 % interval 6 to 29 %)"
    assert words.relative_text(1.2, (1.05, 1.4), "x") == "20 % more than x (95 % interval 5 to 40 %)"
    assert words.relative_text(0.98, (0.9, 1.03), "x") == "2 % less than x (95 % interval 10 % less to 3 % more)"
    assert words.relative_text(0.5, None, "x") == "50 % less than x"


def test_limits_name_unequal_sets_and_the_datas_note(report: Report) -> None:
    said = words.limits(report)
    assert any("Not every name" in sentence for sentence in said)
    assert said[-1] == "Invented numbers."
    equal = dict.fromkeys(report.names, report.summary["ours"])
    assert not any("Not every name" in sentence for sentence in words.limits(replace(report, summary=equal)))


def test_means_over_shared_images_stand_beside_unequal_ones(report: Report) -> None:
    said = words.shared_text(report, "now_median")
    ids = [case.id for case in report.cases[:3]]  # the fourth failed for one name
    mean = sum(report.scores[key]["ours"]["now_median"] for key in ids) / 3
    assert said is not None and "On the 3 images that all have" in said
    assert f"ours {mean:.2f}\N{NO-BREAK SPACE}mm" in said
    alone = replace(report, names=("ours", "mean"))
    assert words.shared_text(alone, "now_median") is None


def test_one_subject_has_no_interval_to_speak_of(report: Report) -> None:
    assert "the bar its 95 % interval" in words.differences_text(report)
    one = tuple(replace(paired, difference_ci95=None) for paired in report.paired)
    assert words.differences_text(replace(report, paired=one)).endswith("The tick is their mean.")


def test_every_metric_is_explained() -> None:
    assert set(words.DEFINITIONS) == set(METRICS) - {"region"}


def test_nothing_scored_is_said(report: Report) -> None:
    nothing = replace(
        report, scores={}, summary={n: replace(s, scored=0, metrics={}) for n, s in report.summary.items()}
    )
    assert words.answers(nothing) == ["No image could be scored: see the failures."]
