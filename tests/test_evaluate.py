"""Whole evaluations through the command line, on a data set so simple that its numbers are known."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from evaluation_plain import IMAGES, write_data, write_scaled
from facewright.__main__ import main
from facewright.cli_evaluate import named_folder
from facewright.evaluation import case_scoring
from facewright.evaluation.predictions.files import write_whole
from facewright.evaluation.report.contents import Report
from facewright.evaluation.report.files import csv_text, json_text

REPORTS = ("report.json", "report.csv", "report.md", "report.html")


def evaluate(*words: str | Path) -> int:
    return main(["evaluate", *map(str, words)])


def result(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text("utf-8"))


def contents(folder: Path) -> dict[str, bytes]:
    files = [*(folder / name for name in REPORTS), *sorted((folder / "pairs").rglob("*.*"))]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture()
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only report.json and report.csv are written: pictures take longer than all else."""

    def texts(report: Report, jobs: int, progress: object) -> dict[str, str]:
        return {"report.json": json_text(report), "report.csv": csv_text(report)}

    monkeypatch.setattr("facewright.evaluation.evaluate.report_files", texts)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data") / "heads")


@pytest.fixture(scope="module")
def predictions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """exact/ all; large/ without one image, and one with a vertex that is no number."""
    folder = tmp_path_factory.mktemp("predictions")
    write_scaled(folder / "exact", 1.0)
    write_scaled(folder / "large", 1.03)
    (folder / "large" / f"{IMAGES[2]}.ply").unlink()
    broken = folder / "large" / f"{IMAGES[3]}.ply"
    content = bytearray(broken.read_bytes())
    begin = content.index(b"end_header\n") + len(b"end_header\n")
    content[begin : begin + 4] = np.float32(np.nan).tobytes()
    broken.write_bytes(bytes(content))
    return folder


@pytest.fixture(scope="module")
def report(data: Path, predictions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "report"
    given = [f"{name}={predictions / name}" for name in ("exact", "large")]
    assert evaluate("--data", data, "--pred", given[0], "--pred", given[1], "--report", out, "--jobs", 1) == 0
    return out


def test_the_truth_itself_has_no_error(report: Path) -> None:
    for image in IMAGES:
        scores = result(report)["per_image"][image]["exact"]
        for metric in ("cd", "mne", "normal_deg", "now_median", "now_mean", "metrical_mean", "p2s_mean", "dace"):
            assert abs(scores[metric]) < 1e-3, metric
        assert scores["cr"] == 1.0
        assert abs(scores["depth_shift_mm"]) < 1e-3


def test_larger_by_three_percent_is_seen_by_the_metrical_variant_alone(report: Path) -> None:
    exact, large = (result(report)["per_image"][IMAGES[0]][name] for name in ("exact", "large"))
    # FaceScape's protocol scales about the camera, by mean and median depth and so not quite to the end; NoW's
    # alignment has a scale.
    assert large["cd"] < 0.1
    assert abs(large["cr"] - 1.0) < 1e-9
    assert large["now_mean"] < 1e-3
    # Without scale: a cap of radius 85 mm grows by 2.55 mm; a shift along its axis takes up 2.55 cos(angle) / 0.77
    # on average, angles to 60 degrees, and leaves about 0.35 mm.
    assert exact["metrical_mean"] < 1e-3 < 0.2 < large["metrical_mean"] < 0.6
    assert abs(large["depth_shift_mm"]) == pytest.approx(0.03 * 390.0, rel=0.1)


def test_what_cannot_be_scored_is_named_and_counts_in_the_success_rate_alone(report: Path) -> None:
    found = result(report)
    failures = {(f["id"], f["name"]): f["reason"] for f in found["failures"]}
    assert set(failures) == {(IMAGES[2], "large"), (IMAGES[3], "large")}
    assert "no result" in failures[IMAGES[2], "large"]
    assert "not finite" in failures[IMAGES[3], "large"]
    assert "large" not in found["per_image"][IMAGES[3]]
    summary = found["summary"]["large"]
    assert (summary["images"], summary["scored"], summary["success_rate"]) == (4, 2, 0.5)
    assert summary["metrical_mean"]["count"] == 2
    assert found["summary"]["exact"]["success_rate"] == 1.0


def test_tables_group_by_yaw_focal_length_and_region(report: Path) -> None:
    tables = result(report)["tables"]
    assert list(tables) == ["yaw", "focal", "region"], "all have one light: that makes no table"
    groups = {cell["group"]: cell["count"] for cell in tables["yaw"] if cell["name"] == "exact"}
    assert groups == {"0 to 10°": 2, "10 to 25°": 1, "25 to 45°": 1}
    assert {cell["group"] for cell in tables["focal"]} == {"50 mm", "85 mm"}
    assert {"nose", "mouth", "forehead"} <= {cell["group"] for cell in tables["region"]}
    large = [c for c in tables["focal"] if c["name"] == "large" and c["metric"] == "metrical_median"]
    assert large[0]["paired"]["reference"] == "exact"


def test_pooled_distances_are_those_of_the_pairs(report: Path) -> None:
    files = [report / "pairs" / "large" / f"{image.replace('/', '__')}.npz" for image in IMAGES[:2]]
    distances = np.concatenate([np.load(file)["metrical_distance"] for file in files]).astype(np.float64)
    pooled = result(report)["summary"]["large"]["metrical_pooled"]
    assert pooled["count"] == len(distances)
    assert pooled["mean"] == pytest.approx(distances.mean(), abs=1e-5)
    assert pooled["median"] == pytest.approx(np.median(distances), abs=1e-3)
    curve = result(report)["curves"]["metrical"]["large"]
    nearer = np.mean(distances <= curve["x"][20])
    assert curve["y"][20] == pytest.approx(nearer, abs=2e-3)


def test_csv_has_a_row_for_every_scored_pair(report: Path) -> None:
    rows = list(csv.DictReader((report / "report.csv").open(encoding="utf-8")))
    assert [(row["id"], row["name"]) for row in rows] == [
        *[(image, name) for image in IMAGES[:2] for name in ("exact", "large")],
        *[(image, "exact") for image in IMAGES[2:]],
    ]
    scores = result(report)["per_image"][IMAGES[1]]["large"]
    assert float(rows[3]["metrical_mean"]) == scores["metrical_mean"]
    assert (rows[3]["subject"], rows[3]["focal"]) == ("ann", "85 mm")


def test_resume_keeps_what_is_unchanged(
    data: Path, predictions: Path, report: Path, no_pictures: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(report)
    measured = []
    original = case_scoring.evaluate_pair
    monkeypatch.setattr(case_scoring, "evaluate_pair", lambda c, *rest: measured.append(c.id) or original(c, *rest))
    given = ["--pred", f"exact={predictions / 'exact'}", "--pred", f"large={predictions / 'large'}"]
    assert evaluate("--data", data, *given, "--report", report, "--jobs", 1) == 1, "it exists: that must be said"
    assert evaluate("--data", data, *given, "--report", report, "--jobs", 1, "--resume") == 0
    assert not measured
    assert contents(report) == before

    changed = predictions / "exact" / f"{IMAGES[1]}.ply"
    kept = changed.read_bytes()
    try:
        write_scaled(predictions / "exact", 1.01, IMAGES[1:2])
        assert evaluate("--data", data, *given, "--report", report, "--jobs", 1, "--resume") == 0
        assert measured == [IMAGES[1]]
        assert result(report)["per_image"][IMAGES[1]]["exact"]["metrical_mean"] > 0.1
    finally:
        write_scaled(predictions / "exact", 1.0, IMAGES[1:2])
    assert changed.read_bytes() == kept
    assert evaluate("--data", data, *given, "--report", report, "--jobs", 1, "--resume") == 0
    assert contents(report) == before


def test_two_processes_write_the_same_bytes(data: Path, predictions: Path, report: Path, tmp_path: Path) -> None:
    given = ["--pred", f"exact={predictions / 'exact'}", "--pred", f"large={predictions / 'large'}"]
    assert evaluate("--data", data, *given, "--report", tmp_path / "two", "--jobs", 2) == 0
    assert contents(tmp_path / "two") == contents(report)


def test_ctrl_c_leaves_no_report_and_what_is_finished(tmp_path: Path, no_pictures: None) -> None:
    images = tuple(f"ann/{index:02d}" for index in range(12))
    data, given = write_data(tmp_path / "heads", images), write_scaled(tmp_path / "exact", 1.0, images)
    out = tmp_path / "report"
    command = [sys.executable, "-m", "facewright", "evaluate", "--data", data, "--pred", f"exact={given}"]
    command += ["--report", out, "--jobs", "1", "--protocols", "now"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not list(out.glob("pairs/exact/*.json")):
        assert time.monotonic() < until and running.poll() is None
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=60)[1]
    assert running.returncode == 130
    assert "--resume" in said
    assert not list(out.glob("report.*")) and not list(out.glob(".report-*"))
    finished = {path.name: path.stat().st_mtime_ns for path in out.glob("pairs/exact/*.json")}
    assert 0 < len(finished) < len(images)
    assert evaluate("--data", data, "--pred", f"exact={given}", "--report", out, "--jobs", 1, "--protocols", "now",
                    "--resume") == 0  # fmt: skip
    after = {path.name: path.stat().st_mtime_ns for path in out.glob("pairs/exact/*.json")}
    assert len(after) == len(images) and finished.items() <= after.items(), "finished images were kept"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--pred", "a={p}/exact", "--pred", "a={p}/large"], "same name"),
        (["--pred", "mean={p}/exact", "--baseline", "mean"], "same name"),
        (["--pred", "A={p}/exact", "--pred", "a={p}/large"], "too much alike, A and a"),
        (["--pred", "Mean={p}/exact", "--baseline", "mean"], "too much alike, Mean and mean"),
        (["--pred", "a" * 300 + "={p}/exact"], "too long for the name of a folder"),
        (["--pred", "a={p}/nowhere"], "nowhere"),
        (["--pred", "truth={p}/exact"], "cannot be the name"),
        (["--pred", "../a={p}/exact", "--subjects", "eve*"], "name"),
        (["--pred", "a={p}/exact", "--subjects", "eve*"], "eve*"),
        (["--pred", "a={p}/exact", "--protocols", "realy"], "not realy"),
        (["--pred", "a={p}/exact", "--protocols", "chess"], "chess"),
        (["--pred", "a={p}/exact", "--baseline", "median"], "median"),
        (["--pred", "a={p}/exact", "--data-kind", "moon"], "moon"),
        ([], "nothing to measure"),
    ],
)
def test_bad_requests_are_one_sentence(
    words: list[str], said: str, data: Path, predictions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word.replace("{p}", str(predictions)) for word in words]
    assert evaluate("--data", data, *words, "--report", tmp_path / "out") == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("facewright: ") and said in error
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_never_touched(data: Path, predictions: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    given = ["--pred", f"a={predictions / 'exact'}"]
    for existing in ("--resume", "--overwrite"):
        assert evaluate("--data", data, *given, "--report", tmp_path, existing) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_nothing_scored_is_an_error_with_a_report(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    given = ["--pred", f"none={tmp_path / 'empty'}"]
    assert evaluate("--data", data, *given, "--report", tmp_path / "out", "--jobs", 1) == 1
    assert "No prediction could be scored" in capsys.readouterr().err
    assert len(result(tmp_path / "out")["failures"]) == len(IMAGES)


def test_overwrite_begins_anew(data: Path, predictions: Path, tmp_path: Path, no_pictures: None) -> None:
    given = ["--pred", f"a={predictions / 'exact'}", "--protocols", "now", "--jobs", 1]
    given += ["--report", tmp_path / "out"]
    assert evaluate("--data", data, "--limit", 2, *given) == 0
    stray = tmp_path / "out" / "pairs" / "a" / "stray.npz"
    stray.write_bytes(b"")
    assert evaluate("--data", data, "--limit", 1, *given, "--overwrite") == 0
    assert not stray.exists()
    assert list(result(tmp_path / "out")["per_image"]) == [IMAGES[0]]


def test_names_of_folders() -> None:
    assert named_folder("a=b=c") == ("a", Path("b=c"))


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_whole(tmp_path / "x", b"before")

    def full(self: Path, content: bytes) -> int:
        os.close(os.open(self, os.O_CREAT | os.O_WRONLY))
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "x", b"after")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_bytes() == b"before"
