"""Summary and tables of a run's scores, with values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.evaluation.case import Case
from facewright.evaluation.fingerprint import code_fingerprint, fingerprint
from facewright.evaluation.report.files import csv_text, report_values
from facewright.evaluation.surface import Surface
from facewright.evaluation.tables import YAW_EDGES, YAW_EDGES_FACESCAPE, ScoreTable, tag_groups, yaw_groups


def case(name: str, yaw: float | None = None, **tags: str) -> Case:
    return Case(name, name[0], None, None, lambda: None, False, yaw, tags)  # type: ignore[arg-type,return-value]


CASES = (
    case("a1", 0.0, focal="100 mm"), case("a2", -12.0, focal="50 mm"), case("b1", 61.0, focal="50 mm"), case("b2"),
)  # fmt: skip
SCORES = {
    "a1": {"ours": {"cd": 1.0, "cr": 0.9, "region_nose": 1.5}, "mean": {"cd": 2.0, "cr": 0.8}},
    "a2": {"ours": {"cd": 2.0, "cr": 0.8}, "mean": {"cd": 4.0, "cr": 0.9}},
    "b1": {"ours": {"cd": 6.0}},
    "b2": {"mean": {"cd": 10.0}},
}
TABLE = ScoreTable(CASES, ("ours", "mean"), "mean", SCORES)


def test_summary_counts_what_is_there() -> None:
    summary = TABLE.summary("ours")
    assert (summary["cd"].mean, summary["cd"].median, summary["cd"].count) == (3.0, 2.0, 3)
    assert summary["cd"].std == pytest.approx(np.std([1.0, 2.0, 6.0]))
    assert summary["region_nose"].ci95 is None, "one subject has no interval"
    low, high = summary["cd"].ci95
    assert low == pytest.approx(1.5) and high == pytest.approx(6.0), "only a, or only b, was drawn"
    assert "region_nose" not in TABLE.summary("mean")


def test_paired_uses_the_images_that_both_have() -> None:
    paired = TABLE.paired("ours", "mean", "cd", CASES)
    assert paired is not None
    assert (paired.count, paired.difference, paired.ratio, paired.better) == (2, -1.5, 0.5, 2)
    assert paired.recovered == 0.5, "half of the mean face's error is gone"
    more = TABLE.paired("ours", "mean", "cr", CASES)
    assert more is not None and more.better == 1 and more.recovered is None, "more of the face is better"
    assert TABLE.paired("mean", "mean", "cd", CASES) is None
    assert TABLE.paired("ours", "mean", "region_nose", CASES) is None


def test_all_pairs_against_the_reference_and_the_first() -> None:
    assert {(p.name, p.reference) for p in TABLE.all_paired()} == {("ours", "mean"), ("mean", "ours")}


def test_groups() -> None:
    assert {k: [c.id for c in v] for k, v in yaw_groups(CASES, YAW_EDGES_FACESCAPE).items()} == {
        "0 to 5°": ["a1"], "5 to 30°": ["a2"], "60 to 90°": ["b1"],
    }  # fmt: skip
    beyond = yaw_groups((case("x", 120.0), case("y", 25.0)), YAW_EDGES)
    assert list(beyond) == ["25 to 45°", "45 to 90°"]
    assert list(tag_groups(CASES, "focal")) == ["50 mm", "100 mm"], "numbers in their order"


def test_tables_leave_out_cells_without_images() -> None:
    tables = TABLE.tables(YAW_EDGES_FACESCAPE)
    cells = {(cell.group, cell.name, cell.metric): cell for cell in tables["yaw"]}
    assert ("60 to 90°", "mean", "cd") not in cells
    assert cells["60 to 90°", "ours", "cd"].paired is None
    assert cells["5 to 30°", "ours", "cd"].paired.ratio == 0.5
    assert [(cell.group, cell.metric, cell.mean) for cell in tables["region"]] == [("nose", "region", 1.5)]


def test_json_and_csv_of_a_report(tmp_path) -> None:
    from evaluation_report import NAMES, example_report

    report = example_report(tmp_path)
    values = report_values(report)
    assert values["summary"][NAMES[0]]["now_pooled"]["median"] == 1.1
    assert values["summary"][NAMES[1]]["success_rate"] == 0.75
    assert values["failures"][0]["name"] == NAMES[1]
    assert values["per_image"]["s0/img_0"][NAMES[0]]["cd"] == report.scores["s0/img_0"][NAMES[0]]["cd"]
    assert csv_text(report).count("\n") == 1 + 4 * 3 - 1


def test_who_is_best_is_told_by_shared_images(tmp_path) -> None:
    from evaluation_report import NAMES, example_report

    report = example_report(tmp_path)
    means = report.shared_means("cd")
    for name in NAMES:
        shared = [report.scores[case.id][name]["cd"] for case in report.cases[:3]]  # the fourth failed for one
        assert means[name] == pytest.approx(sum(shared) / 3)
    assert report.shared_means("realy") == {}


def test_fingerprints_tell_inputs_apart() -> None:
    surface = Surface(np.zeros((3, 3)), np.array([[0, 1, 2]], np.int32))
    moved = surface.moved(np.ones((3, 3)))
    assert fingerprint(surface, {"a": 1}) == fingerprint(surface, {"a": 1})
    others = (fingerprint(moved, {"a": 1}), fingerprint(surface, {"a": 2}), fingerprint(surface, {"b": 1}))
    assert len({fingerprint(surface, {"a": 1}), *others}) == 4
    assert fingerprint(["ab", "c"]) != fingerprint(["a", "bc"])
    with pytest.raises(TypeError):
        fingerprint(object())


def test_code_fingerprint_follows_imports() -> None:
    from facewright.evaluation import case_scoring
    from facewright.evaluation.metrics import similarity

    assert code_fingerprint(case_scoring.__file__) != code_fingerprint(similarity.__file__)
