"""A benchmark from the face model to a data set that can be measured on, with real renders."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from facewright.errors import Cancelled, FaceError, MissingDependency, OutputUnwritable
from facewright.evaluation.benchmark import skin as benchmark_skin
from facewright.evaluation.benchmark.heads import ModelHeads
from facewright.evaluation.benchmark.make import make_benchmark
from facewright.evaluation.benchmark.plan import BenchmarkSettings, plan
from facewright.evaluation.benchmark.render import open_renderer
from facewright.evaluation.case import Case
from facewright.evaluation.datasets.readers import open_data_set
from facewright.evaluation.metrics.facescape import facescape_scores
from facewright.face_model.load import load_face_model
from facewright.fitting.camera import Camera
from facewright.head import blender_export

SETTINGS = BenchmarkSettings(heads=1, size=64, views="portrait", portraits=2, samples=1)
needs_blender = pytest.mark.skipif(
    importlib.util.find_spec("bpy") is None, reason="Blender's Python module (bpy) is not installed"
)


@pytest.fixture(scope="module")
def cast() -> Iterator[ModelHeads]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(benchmark_skin, "SIZE", 256)
        yield ModelHeads(load_face_model(), SETTINGS)


@pytest.fixture(scope="module")
def made(cast: ModelHeads, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stopped before the second picture, then gone on with."""
    folder = tmp_path_factory.mktemp("benchmark") / "made"
    asked: list[int] = []

    def stop() -> bool:
        asked.append(0)
        return len(asked) == 2

    with pytest.raises(Cancelled, match="goes on with what is missing"):
        make_benchmark(folder, cast, SETTINGS, 1, cancel=stop)
    assert sorted(path.name for path in folder.iterdir()) == ["benchmark.json", "head000_00"]
    before = (folder / "head000_00" / "image.png").stat().st_mtime_ns
    (folder / ".head000_01.partial-7-x").mkdir()
    told: list[float] = []
    result = make_benchmark(folder, cast, SETTINGS, 1, progress=lambda _, share: told.append(share))
    assert (result["cases"], result["rendered"]) == (2, 1) and told == [1.0]
    assert sorted(path.name for path in folder.iterdir()) == ["benchmark.json", "head000_00", "head000_01"]
    assert (folder / "head000_00" / "image.png").stat().st_mtime_ns == before, "what was there stays"
    return folder


def cases(folder: Path) -> tuple[Case, ...]:
    found = open_data_set(folder)
    assert set(found.protocols) >= {"facescape", "now"} and "flatter" in found.note
    return found.cases


@needs_blender
def test_the_truth_lies_where_the_picture_shows_the_face(made: Path) -> None:
    for case in cases(made):
        truth = case.truth()
        assert isinstance(case.camera, Camera) and case.image is not None and truth.seven is not None
        pixels = case.camera.project(truth.surface.vertices)
        drawn = np.zeros((64, 64), np.uint8)
        for triangle in np.rint((pixels[truth.surface.triangles] - 0.5) * 16).astype(np.int32):
            cv2.fillConvexPoly(drawn, triangle, 255, shift=4)
        mask = cv2.imread(str(case.image.parent / "mask.png"), cv2.IMREAD_GRAYSCALE)
        # A pixel on the outline may be covered by less than its half.
        outside = int((cv2.erode(drawn, np.ones((3, 3), np.uint8)) > 0)[mask == 0].sum())
        assert outside == 0 and 0.1 < (drawn > 0).mean() < 0.8 * (mask > 0).mean() + 0.2
        inside = np.rint(case.camera.project(truth.seven) - 0.5).astype(int)
        assert (mask[inside[:, 1], inside[:, 0]] == 255).all()
        # Skin against backdrop: the head is no grey blob that happens to have an outline.
        picture = cv2.imread(str(case.image)).astype(float)
        face = picture[drawn > 0]
        assert face[:, 2].mean() > face[:, 0].mean() and face.std(0).min() > 5.0


@needs_blender
def test_the_truth_against_itself_is_perfect(made: Path) -> None:
    case = cases(made)[0]
    truth = case.truth()
    assert case.camera is not None and truth.head_centre is not None and truth.head_rotation is not None
    scores = facescape_scores(
        truth.surface, truth.surface, case.camera, truth.head_centre, truth.head_rotation
    ).scores()
    assert scores["cd"] < 1e-6 and scores["cr"] == 1.0 and scores["normal_deg"] < 1e-3


@needs_blender
def test_meta_and_model_vertices(made: Path, cast: ModelHeads) -> None:
    (subject,) = plan(SETTINGS)
    for shot, case in zip(subject.shots, cases(made), strict=True):
        assert case.id == shot.id and case.subject == "head000"
        assert case.yaw_degrees is not None and abs(case.yaw_degrees - shot.angles.yaw) < 1e-3
        assert case.tags["light"] == shot.light and case.tags["focal"] in ("50 mm", "85 mm", "135 mm")
        place = made / case.id
        with np.load(place / "gt.npz") as arrays:
            whole, part = arrays["model_vertices"], arrays["vertices"]
        assert whole.shape == (load_face_model().topology.vertex_count, 3)
        assert (whole[:, 2] < 0.0).all(), "in front of the camera"
        # The truth is the mesh itself, not something like it.
        assert {tuple(point) for point in part.tolist()} <= {tuple(point) for point in whole.tolist()}
        distance = json.loads((place / "camera.json").read_text())["ipd_mm"]
        assert 50.0 < distance < 75.0


@needs_blender
def test_nothing_is_missing_nothing_is_rendered(made: Path, cast: ModelHeads) -> None:
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*")}
    assert make_benchmark(made, cast, SETTINGS)["rendered"] == 0
    assert before == {path: path.stat().st_mtime_ns for path in made.rglob("*")}


@needs_blender
def test_another_benchmark_is_not_mixed_in(made: Path, cast: ModelHeads) -> None:
    with pytest.raises(OutputUnwritable, match="other settings or another model"):
        make_benchmark(made, cast, BenchmarkSettings(heads=1, size=128, views="portrait"))


@needs_blender
def test_a_request_that_blender_cannot_serve(tmp_path: Path) -> None:
    with open_renderer(1) as renderer, pytest.raises(FaceError, match=r"cannot render: .*mesh"):
        renderer.picture({"out": str(tmp_path / "a.png")})


def test_a_folder_with_other_work_is_left_alone(cast: ModelHeads, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OutputUnwritable, match="is not a benchmark"):
        make_benchmark(tmp_path, cast, SETTINGS)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_without_blender(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blender_export.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match="pip install bpy"), open_renderer(1):
        pass
