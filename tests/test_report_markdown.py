"""The Markdown report: the report's own numbers, rounded; names that cannot break a table."""

from dataclasses import replace
from pathlib import Path

import pytest
from evaluation_report import NAMES, example_report
from facewright.evaluation.report.contents import Failure, Report
from facewright.evaluation.report.markdown import markdown, plain


@pytest.fixture
def report(tmp_path: Path) -> Report:
    return example_report(tmp_path)


def rows_below(text: str, head: str) -> list[list[str]]:
    """Cells of the table whose head begins so, without head and rule."""
    lines = text.splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith(f"| {head}"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


def test_summary_holds_the_reports_means(report: Report) -> None:
    rows = {row[0].strip(): row[1:] for row in rows_below(markdown(report), "Metric | ours")}
    for title, metric, decimals in (("CD, mm", "cd", 2), ("MNE, rad", "mne", 3), ("CR", "cr", 3)):
        expected = [f"{report.summary[name].metrics[metric].mean:.{decimals}f}" for name in NAMES]
        assert [cell.strip("*") for cell in rows[title]] == expected
    assert [cell.startswith("**") for cell in rows["CD, mm"]] == [True, False, False]
    assert rows["Images scored"] == ["4 of 4", "3 of 4", "4 of 4"]


def test_removed_shares_of_the_mean_faces_error(report: Report) -> None:
    text = markdown(report)
    below = text[text.index("## Share of the mean face's error") :]
    rows = {row[0].strip(): row[1:] for row in rows_below(below, "Metric")}
    assert rows["CD"] == ["18 % (6 to 29)"] * 2
    assert "CR" not in rows
    other = replace(report, paired=tuple(replace(pair, recovered=None) for pair in report.paired))
    assert "Share of the mean face's error" not in markdown(other)


def test_groups_have_counts_means_differences_and_intervals(report: Report) -> None:
    text = markdown(report)
    yaw = text[text.index("## By turn of the head (yaw)") :]
    assert rows_below(yaw, "NoW median, mm")[0] == [
        "0 to 10°", "2", "**1.00** (−0.31: −0.52 to −0.11)", "2.00 (−0.31: −0.52 to −0.11)", "3.00",
    ]  # fmt: skip
    assert [row[0] for row in rows_below(text[text.index("## By region") :], "NoW mean, mm")] == ["nose", "mouth"]


def test_names_from_data_cannot_break_the_table(report: Report) -> None:
    assert plain("a|b <i>\n*c*_`[x](y)") == r"a\|b \<i\> \*c\*\_\`\[x\](y)"
    broken = replace(report, failures=(Failure("s/1", "a|b", "No | such <file>\nhere."),))
    assert r"| s/1 | a\|b | No \| such \<file\> here. |" in markdown(broken)


def test_failures_and_limits_are_there(report: Report) -> None:
    text = markdown(report)
    assert rows_below(text, "Image | Name | Reason")[0][2].startswith("There is no result")
    assert "average face" in text[text.index("## What the numbers do not show") :]
    assert "None: every image" in markdown(replace(report, failures=()))


def test_same_text_twice(report: Report) -> None:
    assert markdown(report) == markdown(report)
    assert "\r" not in markdown(report)
