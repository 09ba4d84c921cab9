"""The one door: a real photo to a bundle, twice; stopping; choosing a face; Blender as a subprocess."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from facewright.api import (
    AVERAGE_SKIN,
    OTHER_TOPOLOGY,
    STAGES,
    ReconstructRequest,
    ReconstructResult,
    _choose_face,
    reconstruct,
)
from facewright.config import assets_dir
from facewright.dynamic_detail.synthesis import displacement
from facewright.errors import Cancelled, FaceError, FitFailed, MissingDependency, SeveralFacesFound
from facewright.face_model.base import FaceModel
from facewright.face_model.key_expressions import KEY_EXPRESSION_NAMES, key_expression_weights
from facewright.fitting.camera import Camera
from facewright.head import blender_export
from facewright.head.bundle import OPTIONAL, REQUIRED, HeadBundle, read_bundle
from facewright.head.describe import describe_bundle
from facewright.head.detail_files import read_detail
from facewright.head.detail_masks import DETAIL_FILES
from facewright.head.engine_names import ENGINE_FILES
from facewright.mesh.texel_map import uv_sampler
from facewright.photo.exif import focal_px_of
from facewright.photo.landmarks import Face
from PIL import Image

ASTRONAUT = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "photos" / "astronaut.png"

ICT_FILE = ASTRONAUT.parents[1] / "ict_facekit" / "ict_facekit_light.npz"
EXPORTS = ("glb",) if importlib.util.find_spec("bpy") else ()

real = pytest.mark.skipif(
    not ASTRONAUT.is_file() or not (assets_dir() / "face_model.npz").is_file(),
    reason="needs ../shared/data/photos/astronaut.png and assets/face_model.npz",
)


class Run(NamedTuple):
    result: ReconstructResult
    bundle: HeadBundle
    progress: list[tuple[str, float]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("api") / "head"
    progress: list[tuple[str, float]] = []
    request = ReconstructRequest(ASTRONAUT, folder, texture_size=512, detail_size=512, exports=EXPORTS)
    result = reconstruct(request, lambda stage, fraction: progress.append((stage, fraction)))
    return Run(result, read_bundle(folder), progress)


@real
def test_bundle_is_whole(run: Run) -> None:
    names = {p.relative_to(run.bundle.path).as_posix() for p in run.bundle.path.rglob("*") if p.is_file()}
    exports = {f"head.{kind}" for kind in EXPORTS}
    assert names == {*REQUIRED, *DETAIL_FILES, "head.json", *exports, *ENGINE_FILES}
    assert run.result.record == json.loads((run.bundle.path / "head.json").read_bytes())
    with Image.open(run.bundle.path / "textures/albedo.png") as albedo:
        assert albedo.size == (512, 512)
    with Image.open(run.bundle.path / "preview.png") as preview:
        assert preview.width == 1800


@real
def test_record(run: Run) -> None:
    record = run.result.record
    assert record["photo"]["width"] == record["camera"]["width"] == 512
    assert record["photo"]["name"] == "astronaut.png"
    assert len(record["identity"]) == 100
    assert set(record["expression"]) == set(run.bundle.blendshape_names)
    assert all(0.0 <= weight <= 1.0 for weight in record["expression"].values())
    rotation = np.array(record["pose"]["rotation"])
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-6)
    assert record["residual"]["relative"] < 0.015
    assert 50 < record["scale"]["pupil_distance_mm"] < 75
    # The face is about 150 pixels wide: no texture holds more of it.
    assert record["texture"]["size"] == 512 and 64 < record["texture"]["effective_size"] < 256
    camera = record["camera"]
    assert focal_px_of(camera["focal_length_35mm"], 512, 512) == pytest.approx(camera["fx"], rel=2e-3)
    assert {*STAGES, "total"} <= set(record["timings"]["seconds"])
    assert record["timings"]["peak_memory_mb"] > 100


@real
def test_fitted_obj_is_the_head_in_the_photo(run: Run) -> None:
    """Neutral, expression and pose from the bundle give fitted.obj, and it projects onto the photo's landmarks."""
    record, bundle = run.result.record, run.bundle
    weights = np.array([record["expression"][name] for name in bundle.blendshape_names])
    model = bundle.head.neutral + np.tensordot(weights, bundle.head.blendshapes, 1)
    posed = model @ np.array(record["pose"]["rotation"]).T + record["pose"]["translation_mm"]
    lines = (bundle.path / "fitted.obj").read_text("utf-8").splitlines()
    written = np.array([[float(x) for x in line.split()[1:]] for line in lines if line.startswith("v ")])
    np.testing.assert_allclose(written, posed, atol=0.02)
    camera = Camera(*(record["camera"][name] for name in ("width", "height", "fx", "fy", "cx", "cy")))
    x, y, width, height = record["photo"]["box"]
    points = camera.project(bundle.embedding.points(written))
    assert abs(points.mean(0) - [x + width / 2, y + height / 2]).max() < 0.1 * width
    assert np.ptp(points[:, 0]) == pytest.approx(width, rel=0.06)


@real
def test_progress_and_timings(run: Run) -> None:
    fractions = [fraction for _, fraction in run.progress]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0.0
    assert fractions[-1] == pytest.approx(1.0)
    seconds = run.result.seconds
    assert seconds["total"] >= seconds["textures"] + seconds["preview"]


@real
def test_description(run: Run) -> None:
    text = describe_bundle(run.bundle.path)
    for words in ("astronaut.png", "sha256 verified", "blendshapes  52", "yaw", "512 x 512", "from mechanics"):
        assert words in text


@real
def test_same_photo_same_bytes(run: Run, tmp_path: Path) -> None:
    again = ReconstructRequest(ASTRONAUT, tmp_path / "again", texture_size=512, detail_size=512, threads=1)
    reconstruct(again)
    for name in (*REQUIRED, *DETAIL_FILES):
        assert (tmp_path / "again" / name).read_bytes() == (run.bundle.path / name).read_bytes(), name
    first, second = (
        json.loads((folder / "head.json").read_bytes()) for folder in (run.bundle.path, tmp_path / "again")
    )
    assert first.pop("timings") != second.pop("timings")
    for name in ("head.glb", *ENGINE_FILES):
        del first["files"][name]
    assert first == second


@real
def test_detail_is_the_head_s_own(run: Run) -> None:
    """From the bundle alone: raised brows wrinkle the forehead as a face does, neutral has none."""
    bundle, entry = run.bundle, run.result.record["detail"]
    assert (entry["size"], entry["source"], entry["key_expressions"][0]) == (512, "mechanics", "smile")
    assert run.result.record["settings"]["detail"]["size"] == 512
    detail = read_detail(bundle.path)
    sampler = uv_sampler(bundle.topology, "skin", detail.size)

    def shown(alpha: np.ndarray) -> np.ndarray:
        neutral, blendshapes = bundle.head
        return displacement(detail, bundle.topology, neutral, blendshapes, alpha, None, sampler)

    weights = key_expression_weights(bundle.blendshape_names)
    raised = shown(weights[KEY_EXPRESSION_NAMES.index("brow_raiser")])
    np.testing.assert_array_equal(shown(weights[0]), detail.static + detail.pores)
    forehead = sampler.image(detail.regions[0]) > 0.9
    assert np.ptp(np.percentile(raised[forehead], (0.2, 99.8))) > 0.4


@real
def test_age_is_read_or_asked_for(run: Run, tmp_path: Path) -> None:
    """The demo photo's face is 150 pixels wide: nobody can tell the age of its skin."""
    assert run.result.record["detail"]["age"] == {"years": 35.0, "factor": 0.45, "from": "average"}
    assert AVERAGE_SKIN in run.result.warnings
    given = ReconstructRequest(ASTRONAUT, tmp_path / "head", texture_size=256, detail_size=512, age_years=70.0)
    result = reconstruct(given)
    assert result.record["detail"]["age"]["from"] == "given" and AVERAGE_SKIN not in result.warnings
    older, average = read_detail(tmp_path / "head"), read_detail(run.bundle.path)
    assert older.dynamic.std() > 1.2 * average.dynamic.std()


@real
def test_without_detail(tmp_path: Path) -> None:
    progress: list[tuple[str, float]] = []
    request = ReconstructRequest(ASTRONAUT, tmp_path / "head", texture_size=256, detail="none")
    result = reconstruct(request, lambda stage, fraction: progress.append((stage, fraction)))
    assert set(result.record["files"]) == set(REQUIRED)
    assert "detail" not in result.record and "detail" not in result.record["settings"]
    assert "detail" not in result.seconds and progress[-1][1] == pytest.approx(1.0)
    assert not (tmp_path / "head" / "detail").exists() and not result.warnings


@real
@pytest.mark.skipif(not ICT_FILE.is_file(), reason="ICT-FaceKit Light is not in ../shared")
def test_other_topologies_have_none_and_are_told(tmp_path: Path) -> None:
    request = ReconstructRequest(ASTRONAUT, tmp_path / "head", texture_size=256, model=ICT_FILE)
    result = reconstruct(request)
    assert set(result.record["files"]) == set(REQUIRED)
    assert OTHER_TOPOLOGY in result.record["warnings"] and "detail" not in result.record
    assert read_bundle(tmp_path / "head").topology.lattice_size == 0


@real
def test_given_focal_length_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float | None] = []

    def fit(model: FaceModel, landmarks: object, iris: object, size: object, focal_px: float | None) -> None:
        asked.append(focal_px)
        raise FitFailed("The test has seen enough.")

    monkeypatch.setattr("facewright.api.fit_landmarks", fit)
    for focal_length_mm in (None, 85.0):
        with pytest.raises(FitFailed):
            reconstruct(ReconstructRequest(ASTRONAUT, tmp_path / "head", focal_length_mm=focal_length_mm))
    assert asked == [None, pytest.approx(focal_px_of(85.0, 512, 512))]


@real
@pytest.mark.parametrize("stage", ["photo", "fit", "textures", "detail"])
def test_cancel_leaves_nothing(tmp_path: Path, stage: str) -> None:
    reached: list[str] = []
    request = ReconstructRequest(ASTRONAUT, tmp_path / "head", texture_size=256)
    with pytest.raises(Cancelled):
        reconstruct(request, lambda name, _: reached.append(name), lambda: stage in reached)
    assert reached[-1] == stage
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [{"detail": "magic"}, {"detail_size": 1000}, {"age_years": -3.0}])
def test_detail_that_there_is_not_is_refused_at_once(tmp_path: Path, wrong: dict[str, object]) -> None:
    reached: list[str] = []
    request = ReconstructRequest(tmp_path / "absent.png", tmp_path / "head", **wrong)
    with pytest.raises(ValueError, match="no"):
        reconstruct(request, lambda name, _: reached.append(name))
    assert not reached


# ------------------------------------------------------------------------------------------ faces


def _face(size: float) -> Face:
    return Face(np.array([10.0, 20.0, size, size]), 0.9, np.zeros((478, 3)), {}, 0.99, 0.0)


def test_choose_face() -> None:
    faces = [_face(100), _face(60)]
    only = _choose_face(faces[:1], None)
    assert (only.face, only.number, only.faces, only.warnings) == (faces[0], 1, 1, ())
    largest = _choose_face(faces, None)
    assert largest.face is faces[0]
    assert "2 faces" in largest.warnings[0]
    assert "2 at x 40, y 50" in largest.warnings[0]
    second = _choose_face(faces, 2)
    assert (second.face, second.number, second.warnings) == (faces[1], 2, ())
    with pytest.raises(SeveralFacesFound, match="2 faces"):
        _choose_face(faces, 3)


# ------------------------------------------------------------------------------------------ Blender


def test_exports_need_blender_before_anything_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blender_export.importlib.util, "find_spec", lambda name: None)
    request = ReconstructRequest(tmp_path / "absent.png", tmp_path / "head", exports=("blend",))
    with pytest.raises(MissingDependency, match="bpy"):
        reconstruct(request)


def _addon(home: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    (home / "blender_addon").mkdir()
    (home / "blender_addon" / "__init__.py").write_text('"""A stand-in."""\n')
    (home / "blender_addon" / "__main__.py").write_text("import sys, time\nfrom pathlib import Path\n" + code)
    monkeypatch.setattr(blender_export, "require_blender", lambda: home)


def test_blender_subprocess(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _addon(tmp_path, monkeypatch, "Path(sys.argv[1], 'head.blend').write_text(' '.join(sys.argv[2:]))")
    blender_export.export_with_blender(tmp_path, ["blend"], lambda: False)
    assert "--blend" in (tmp_path / "head.blend").read_text()


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("print('noise', file=sys.stderr); sys.exit('The disk is full.')", "The disk is full."),
        ("import os; os._exit(7)", "code 7"),
        ("pass", r"without writing head\.fbx"),
    ],
)
def test_blender_failures_are_sentences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, sentence: str
) -> None:
    _addon(tmp_path, monkeypatch, code)
    with pytest.raises(FaceError, match=sentence):
        blender_export.export_with_blender(tmp_path, ["fbx"], lambda: False)


def test_blender_is_stopped_on_cancel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _addon(tmp_path, monkeypatch, "time.sleep(60)")
    with pytest.raises(Cancelled):
        blender_export.export_with_blender(tmp_path, ["fbx"], lambda: True)


@real
@pytest.mark.skipif(not EXPORTS, reason="bpy is not installed")
def test_exports_are_part_of_the_bundle(run: Run) -> None:
    expected = {*REQUIRED, *DETAIL_FILES, "head.glb", *ENGINE_FILES}
    assert set(run.result.record["files"]) == expected <= {*REQUIRED, *OPTIONAL}
    assert (run.bundle.path / "head.glb").read_bytes()[:4] == b"glTF"
    assert "blender" in run.result.seconds
