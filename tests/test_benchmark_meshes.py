"""Other people's meshes as a benchmark's heads."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from benchmark_meshes import write_scan
from facewright.errors import DataSetInvalid
from facewright.evaluation.benchmark.meshes import MeshHeads
from facewright.evaluation.benchmark.plan import BenchmarkSettings, Expression, plan
from facewright.face_model.base import FaceModel
from facewright.face_model.load import load_face_model


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return load_face_model()


def test_a_scan_is_moved_between_its_eyes_and_cropped_like_now(model: FaceModel, tmp_path: Path) -> None:
    seven = write_scan(tmp_path, model)
    cast = MeshHeads(tmp_path)
    (subject,) = plan(BenchmarkSettings(heads=9), cast.names)
    assert subject.name == "anna" and subject.shots[0].id == "anna_f1200_y+00_p+00"
    person = cast.person(subject, tmp_path)
    posed = person.pose(Expression())
    assert np.allclose(posed.seven, seven - seven[:4].mean(0), atol=1e-4)
    assert posed.model is None and person.materials == ("skin",)
    # NoW's sphere: around the point three tenths up from the nose's bottom to between the inner corners.
    bridge, bottom = posed.seven[1:3].mean(0), posed.seven[4]
    centre = bottom + 0.3 * (bridge - bottom)
    radius = 0.7 * (np.linalg.norm(posed.seven[0] - posed.seven[3]) + np.linalg.norm(bridge - bottom))
    away = np.linalg.norm(posed.truth.vertices - centre, axis=1)
    assert 0.97 * radius < away.max() <= radius
    skin = np.unique(model.topology.triangles("skin")[0])
    assert len(posed.shown) == len(skin) > len(posed.truth.vertices)


def test_the_same_meshes_have_the_same_record(model: FaceModel, tmp_path: Path) -> None:
    write_scan(tmp_path, model)
    first = MeshHeads(tmp_path).record
    assert first == MeshHeads(tmp_path).record
    with (tmp_path / "anna.obj").open("a") as file:
        file.write("# another\n")
    assert first != MeshHeads(tmp_path).record


def test_texture_needs_uv(model: FaceModel, tmp_path: Path) -> None:
    write_scan(tmp_path, model)
    cv2.imwrite(str(tmp_path / "anna.jpg"), np.full((4, 4, 3), 40, np.uint8))
    cast = MeshHeads(tmp_path)
    person = cast.person(plan(BenchmarkSettings(), cast.names)[0], tmp_path)
    assert person.tags["skin"] == "plain", "this mesh has no UVs"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scale": 0.1}, "is the mesh in millimetres"),
        ({"mirror": True}, "stand upright"),
        ({"missing": "nose_bottom"}, "should hold landmarks"),
        ({"far": True}, "away from the mesh"),
    ],
)
def test_landmarks_that_cannot_be(model: FaceModel, tmp_path: Path, change: dict[str, object], words: str) -> None:
    write_scan(tmp_path, model, scale=float(str(change.get("scale", 1.0))))
    path = tmp_path / "anna.json"
    marks = json.loads(path.read_text())["landmarks"]
    if "mirror" in change:
        marks = {name: [-x, y, z] for name, (x, y, z) in marks.items()}
    if "far" in change:
        marks = {name: [x, y, z + 200.0] for name, (x, y, z) in marks.items()}
    marks.pop(str(change.get("missing")), None)
    path.write_text(json.dumps({"landmarks": marks}))
    cast = MeshHeads(tmp_path)
    with pytest.raises(DataSetInvalid, match=words):
        cast.person(plan(BenchmarkSettings(), cast.names)[0], tmp_path)


def test_folders_that_are_no_meshes(tmp_path: Path) -> None:
    with pytest.raises(DataSetInvalid, match="no folder"):
        MeshHeads(tmp_path / "nowhere")
    with pytest.raises(DataSetInvalid, match="has no meshes"):
        MeshHeads(tmp_path)
    (tmp_path / "bert.ply").write_bytes(b"")
    with pytest.raises(DataSetInvalid, match=r"no bert\.json"):
        MeshHeads(tmp_path)
