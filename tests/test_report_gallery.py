"""The gallery: which images stand where, what is drawn of them, and that the page stays small."""

import io
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from evaluation_report import NAMES, example_report
from facewright.errors import MeshInvalid
from facewright.evaluation.report import gallery as report_gallery
from facewright.evaluation.report import heat_map
from facewright.evaluation.report.contents import Report
from facewright.evaluation.report.pictures import case_pictures, encoded, mean_pictures, picture_work
from PIL import Image


@pytest.fixture
def report(tmp_path: Path) -> Report:
    return example_report(tmp_path)


def test_worst_and_best_come_first_and_nothing_twice(report: Report) -> None:
    choice = report_gallery.chosen(report)
    order = sorted(report.values("ours", "now_median").items(), key=lambda item: -item[1])
    assert choice.worst == (order[0][0], order[1][0])
    assert choice.best == (order[3][0], order[2][0])
    assert choice.others == ()


def test_any_beginning_of_the_others_is_spread() -> None:
    order = report_gallery.spread_order(100)
    assert sorted(order) == list(range(100))
    first = sorted(order[:8])
    assert max(np.diff([0, *first, 99])) <= 25
    assert report_gallery.spread_order(1) == [0] and report_gallery.spread_order(0) == []


def test_an_image_has_its_photo_and_three_pictures_of_each_scored_name(report: Report) -> None:
    pictures = case_pictures(picture_work(report, report.cases[3]))
    assert set(pictures.names) == {"ours", "mean"}
    assert pictures.notes == []
    for part in (pictures.photo, *pictures.names["ours"]):
        assert part is not None
        assert Image.open(io.BytesIO(part)).size == heat_map.SIZE
    # The mean face's invented errors are half as large again: its picture must be darker.
    means = [np.asarray(Image.open(io.BytesIO(pictures.names[n].front)).convert("RGBA"), float) for n in
             ("ours", "mean")]  # fmt: skip
    light = [picture[picture[..., 3] == 255][:, :3].mean() for picture in means]
    assert light[1] < light[0] - 5


def test_a_photo_of_another_size_and_a_truth_that_is_gone_are_said(report: Report) -> None:
    case = report.cases[0]
    cv2.imwrite(str(case.image), np.zeros((64, 80, 3), np.uint8))
    pictures = case_pictures(picture_work(report, case))
    assert pictures.photo is None and pictures.names["ours"].on_photo is None
    assert "80 x 64 pixels" in pictures.notes[0]

    def gone() -> None:
        raise MeshInvalid("The mesh of s0 is missing.")

    said = case_pictures(picture_work(report, replace(case, image=None, truth=gone)))
    assert said.notes == ["The mesh of s0 is missing."] and said.names == {}


def test_without_a_camera_there_is_no_picture_on_the_photo(report: Report) -> None:
    pictures = case_pictures(picture_work(report, replace(report.cases[0], camera=None)))
    assert pictures.photo is not None
    assert pictures.names["ours"].on_photo is None and pictures.names["ours"].front


def test_failures_stand_where_the_pictures_would(report: Report) -> None:
    card = report_gallery.case_card(report, report.cases[3], case_pictures(picture_work(report, report.cases[3])))
    assert "There is no result: neither &lt;x&gt;.obj" in card
    assert card.count("<img") == 1 + 2 * 3


def test_more_pictures_than_fit_are_left_out_and_counted(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = report_gallery.gallery(report)
    assert whole.count("<article") == 4 and "to keep this page small" not in whole
    one = case_pictures(picture_work(report, report.cases[0])).size()
    monkeypatch.setattr(report_gallery, "MOST_BYTES", int(2.5 * one))
    cut = report_gallery.gallery(report)
    assert cut.count("<article") == 2 and "2 of 4 images are shown" in cut


def test_mean_maps_are_painted_per_name(report: Report) -> None:
    pictures = mean_pictures(report)
    assert list(pictures) == list(NAMES)
    assert [pictures[name].images for name in NAMES] == [4, 3, 4]
    colours = []
    for name in NAMES:
        picture = np.asarray(Image.open(io.BytesIO(pictures[name].front)).convert("RGBA"), float)
        colours.append(picture[picture[..., 3] == 255][:, :3].mean())
    assert colours[0] > colours[1] > colours[2]


def test_no_cylinder_maps_no_mean_maps(report: Report) -> None:
    for path in report.pairs.glob("*/*.npz"):
        with np.load(path) as arrays:
            kept = {key: arrays[key] for key in ("points", "distance")}
        np.savez(path, **kept)
    assert mean_pictures(report) == {}


def test_transparent_pictures_stay_so() -> None:
    picture = np.zeros((8, 8, 4), np.uint8)
    picture[2:6, 2:6] = (200, 100, 50, 255)
    back = np.asarray(Image.open(io.BytesIO(encoded(picture))))
    assert back[0, 0, 3] == 0 and back[4, 4, 3] == 255
