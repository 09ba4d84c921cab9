"""Charts as SVG: well-formed, everything where its number says, labels apart."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from evaluation_report import NAMES, example_report
from facewright.evaluation.report.chart import spread
from facewright.evaluation.report.contents import Curve, Report
from facewright.evaluation.report.curve_svg import axis_end, curve_svg, share_within
from facewright.evaluation.report.difference_svg import difference_svg

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def report(tmp_path: Path) -> Report:
    return example_report(tmp_path)


def test_curves_pass_through_their_points(report: Report) -> None:
    straight = {name: Curve((0.0, 4.0, 8.0), (0.0, 0.5, 1.0), 0.5) for name in NAMES}
    tree = ElementTree.fromstring(curve_svg(replace(report, curves={"now": straight}), "now", "NoW"))
    paths = tree.findall(f"{SVG}path")
    assert [path.find(f"{SVG}title").text for path in paths] == list(NAMES)
    points = np.array([[float(v) for v in pair.split()] for pair in paths[0].get("d")[1:].split("L")])
    labels = {text.text: (float(text.get("x")), float(text.get("y"))) for text in tree.findall(f"{SVG}text")}
    # The middle point lies halfway between the labelled ends of both axes.
    assert points[1, 0] == pytest.approx(labels["4"][0]) == pytest.approx(0.5 * (labels["0"][0] + labels["8"][0]))
    assert points[1, 1] + 5 == pytest.approx(labels["50 %"][1])
    assert points[0, 1] > points[1, 1] > points[2, 1]


def test_axis_ends_where_all_curves_have_nearly_arrived() -> None:
    fast, slow = Curve((0.0, 2.0, 10.0), (0.0, 1.0, 1.0), 0.9), Curve((0.0, 4.4, 10.0), (0.0, 1.0, 1.0), 0.8)
    assert axis_end({"fast": fast}) == 2.0
    assert axis_end({"fast": fast, "slow": slow}) == 5.0
    assert axis_end({"never": Curve((0.0, 7.0), (0.0, 0.5), 0.2)}) == 7.0
    assert share_within(slow, 2.2) == pytest.approx(0.5)


def test_labels_keep_their_order_and_distance() -> None:
    assert spread([10.0, 11.0, 50.0], 20.0, 0.0, 100.0) == [10.0, 30.0, 50.0]
    assert spread([98.0, 99.0], 20.0, 0.0, 100.0) == [80.0, 100.0]
    assert spread([], 20.0, 0.0, 100.0) == []


def test_every_shared_image_is_a_dot_on_its_side(report: Report) -> None:
    chart = difference_svg(report, "now_median")
    assert chart is not None
    tree = ElementTree.fromstring(chart)
    middle = float(tree.get("viewBox").split()[2]) / 2
    dots = sorted(float(dot.get("cx")) for dot in tree.findall(f"{SVG}circle"))
    reference = report.values("mean", "now_median")
    differences = sorted(
        value - reference[key] for name in NAMES[:2] for key, value in report.values(name, "now_median").items()
    )
    assert len(dots) == len(differences) == 7
    assert np.sign(np.array(dots) - middle) == pytest.approx(np.sign(differences))
    scale = (dots[-1] - dots[0]) / (differences[-1] - differences[0])
    assert (np.array(dots) - middle) / scale == pytest.approx(differences, abs=0.01)


def test_without_an_interval_there_is_no_bar(report: Report) -> None:
    def bars(shown: Report) -> int:
        return str(difference_svg(shown, "now_median")).count('stroke-width="3"')

    one = tuple(replace(paired, difference_ci95=None) for paired in report.paired)
    assert (bars(report), bars(replace(report, paired=one))) == (4, 2)  # a tick and a bar of each name; ticks alone


def test_equal_scores_and_nothing_shared(report: Report) -> None:
    equal = {key: {name: {"now_median": 1.0} for name in rows} for key, rows in report.scores.items()}
    assert "circle" in str(difference_svg(replace(report, scores=equal), "now_median"))
    alone = {key: {"ours": {"now_median": 1.0}} for key in report.scores}
    assert difference_svg(replace(report, scores=alone), "now_median") is None
