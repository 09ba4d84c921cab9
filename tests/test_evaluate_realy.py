"""REALY through the command line: a set in the published layout, meshes with keypoints, numbers in the report."""

from __future__ import annotations

import json

import evaluation_sets as sets
import numpy as np
import pytest
from facewright.__main__ import main

UNIT_MM = 9.0  # of write_realy


def keypoints_of(face: sets.Face) -> np.ndarray:
    """(85, 3) at vertices of the quarters that write_realy makes regions of, so that the truth has no error."""
    points = face.surface.vertices
    height = points[face.surface.triangles].mean(1)[:, 1]
    edges = np.quantile(height, [0.0, 0.25, 0.5, 0.75, 1.0])
    found = np.repeat(face.seven[4:5], 85, 0)
    numbers = {0: range(48, 68), 2: range(27, 36), 3: [*range(17, 27), *range(36, 48)]}  # mouth, nose, forehead
    for quarter, chosen in numbers.items():
        inside = (height >= edges[quarter]) & (height <= edges[quarter + 1])
        used = np.unique(face.surface.triangles[inside])
        used = used[np.argsort(points[used, 0])]
        used = used[np.abs(points[used, 0] - face.centre[0]) < 50.0]
        found[list(chosen)] = points[used[np.linspace(0, len(used) - 1, len(chosen)).astype(int)]]
    found[[36, 17, 45, 47]] = found[[17, 36, 47, 45]]  # the eyes' outer corners are far apart
    return found


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """report.json; exact: the truth with 85 keypoints, turned: elsewhere with 68, none: without keypoints."""
    folder = tmp_path_factory.mktemp("realy")
    face = sets.write_realy(folder / "data")
    keypoints = keypoints_of(face)
    for case in sets.REALY_CASES:
        sets.write_points(folder / f"data/REALY_HIFI3D_keypoints/{case}.obj", keypoints / UNIT_MM)
    turn = sets.head_rotation(70.0, 20.0)
    for case in sets.REALY_CASES:
        sets.write_prediction(folder / "exact", case, face.surface, keypoints=keypoints.tolist())
        rows = [*(2.0 * keypoints[:68] @ turn.T).tolist(), *[None] * 17]
        turned = face.surface.moved(2.0 * face.surface.vertices @ turn.T)
        sets.write_prediction(folder / "turned", case, turned, keypoints=rows)
        wide = face.surface.moved(face.surface.vertices * [1.1, 1.0, 1.0])
        sets.write_prediction(folder / "wide", case, wide, keypoints=(keypoints * [1.1, 1.0, 1.0]).tolist())
    sets.write_prediction(folder / "none", sets.REALY_CASES[0], face.surface)
    given = [word for name in ("exact", "turned", "wide", "none") for word in ("--pred", f"{name}={folder / name}")]
    words = ["evaluate", "--data", str(folder / "data"), *given, "--report", str(folder / "out")]
    assert main([*words, "--protocols", "realy", "--jobs", "1"]) == 0
    return json.loads((folder / "out" / "report.json").read_text("utf-8"))


def test_regions_of_the_truth_itself_are_exact(found: dict) -> None:
    for case in sets.REALY_CASES:
        scores = found["per_image"][case]["exact"]
        assert set(scores) == {"realy", "realy_nose", "realy_mouth", "realy_forehead", "realy_cheek"}
        assert all(value < 1e-3 for value in scores.values()), scores


def test_neither_frame_nor_size_nor_the_last_17_keypoints_matter_to_the_truth(found: dict) -> None:
    for case in sets.REALY_CASES:
        scores = found["per_image"][case]
        assert scores["turned"].keys() == scores["exact"].keys()
        assert all(value < 1e-3 for value in scores["turned"].values()), scores


def test_another_face_has_errors_and_their_mean(found: dict) -> None:
    scores = found["per_image"]["1"]["wide"]
    regions = [scores[f"realy_{name}"] for name in ("nose", "mouth", "forehead", "cheek")]
    assert scores["realy"] == pytest.approx(np.mean(regions), abs=1e-5)
    assert 0.1 < scores["realy"] < 7.0  # a tenth of at most 84 mm to either side, before the alignment


def test_meshes_without_keypoints_are_failures(found: dict) -> None:
    reasons = {(f["id"], f["name"]): f["reason"] for f in found["failures"]}
    assert "lacks the keypoints that REALY aligns it by" in reasons["1", "none"]
    assert "no result" in reasons["2", "none"]
    assert found["summary"]["none"]["success_rate"] == 0.0
