"""What a run makes of photographs itself: our fit and the baselines, on landmarks that are known exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from facewright.errors import FaceError, TopologyMismatch
from facewright.evaluation.case import Case, Prediction, WeakCamera
from facewright.evaluation.metrics.similarity import similarity
from facewright.evaluation.predictions import made_predictions
from facewright.evaluation.predictions.files import write_prediction
from facewright.evaluation.predictions.made_predictions import PhotoWork, make_predictions
from facewright.evaluation.predictions.mediapipe_mesh import POINTS, network_points
from facewright.evaluation.predictions.photo_fits import SeenPhoto, mean_face, mean_identity, our_fit, see_photo
from facewright.evaluation.predictions.read import SEVEN_OF_478, read_prediction
from facewright.evaluation.surface import face_normals
from facewright.face_model.base import FaceModel
from facewright.fitting.camera import Camera
from facewright.fitting.pose import HeadAngles, rotation_from_angles
from facewright.photo.landmarks import Face
from fit_model import builtin_model  # noqa: F401  (fixture)

CAMERA = Camera.centred((800, 1000), 1500.0)


@pytest.fixture(scope="module")
def person(builtin_model: FaceModel) -> np.ndarray:  # noqa: F811
    """(V, 3) a smiling head in the camera's frame."""
    identity = np.zeros(builtin_model.identity_dims)
    identity[:6] = [1.0, -1.0, 0.8, 0.5, -0.7, 0.6]
    weights = np.zeros(len(builtin_model.blendshape_names))
    for name in ("mouthSmileLeft", "mouthSmileRight", "jawOpen"):
        weights[builtin_model.blendshape_names.index(name)] = 0.4
    posed = builtin_model.neutral(identity) + np.tensordot(weights, builtin_model.blendshapes(identity), 1)
    return posed @ rotation_from_angles(HeadAngles(15.0, 3.0, 2.0)).T + [10.0, -5.0, -1000.0]


@pytest.fixture(scope="module")
def seen(builtin_model: FaceModel, person: np.ndarray) -> SeenPhoto:  # noqa: F811
    """All 478 landmarks without error; depth in pixels as the network gives it, smaller is nearer."""
    points = builtin_model.embedding.points(person)
    landmarks = np.zeros((478, 3))
    landmarks[builtin_model.embedding.landmark, :2] = CAMERA.project(points)
    landmarks[builtin_model.embedding.landmark, 2] = -(points[:, 2] + 1000.0) * CAMERA.fx / 1000.0
    low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
    iris = {"right": landmarks[468:473, :2], "left": landmarks[473:478, :2]}
    face = Face(np.concatenate([low, high - low]), 0.9, landmarks, iris, 1.0, 0.01)
    return SeenPhoto(face, (CAMERA.width, CAMERA.height), CAMERA.fx)


def misfit(prediction: Prediction, person: np.ndarray, model: FaceModel) -> float:
    """Mean distance to the person after a similarity alignment of the face, mm."""
    face = model.topology.regions["narrow_face"]
    found, true = prediction.surface.vertices[face], person[face]
    moved = similarity(found, true, scaled=True).apply(found)
    return float(np.linalg.norm(moved - true, axis=1).mean())


def test_our_fit_is_nearer_than_the_mean_faces(
    seen: SeenPhoto, person: np.ndarray, builtin_model: FaceModel  # noqa: F811
) -> None:
    ours, mean, expression = (misfit(make(seen, builtin_model), person, builtin_model)
                              for make in (our_fit, mean_face, mean_identity))  # fmt: skip
    assert ours < 0.7 * expression
    assert expression < mean


def test_the_mean_face_is_the_models(seen: SeenPhoto, builtin_model: FaceModel) -> None:  # noqa: F811
    made = mean_face(seen, builtin_model)
    neutral = builtin_model.neutral(np.zeros(builtin_model.identity_dims))
    moved = similarity(neutral, made.surface.vertices, scaled=False)
    assert np.abs(moved.apply(neutral) - made.surface.vertices).max() < 1e-6
    assert made.neutral is not None
    assert np.array_equal(made.neutral.vertices, neutral)


def test_the_networks_points_keep_their_pixels(
    seen: SeenPhoto, person: np.ndarray, builtin_model: FaceModel  # noqa: F811
) -> None:
    made = network_points(seen, builtin_model)
    assert isinstance(made.camera, WeakCamera)
    assert np.abs(made.camera.project(made.surface.vertices) - seen.face.landmarks[:POINTS, :2]).max() < 1e-9
    # A disk with 468 vertices, 36 of them on its border.
    assert len(made.surface.triangles) == 2 * 468 - 2 - 36
    assert len(np.unique(made.surface.triangles)) == POINTS
    towards = face_normals(made.surface) @ rotation_from_angles(HeadAngles(15.0, 3.0, 2.0))[:, 2]
    assert towards.mean() > 0.6 and (towards < -0.2).mean() < 0.02
    eyes = [np.linalg.norm(seven[0] - seven[3]) for seven in (made.seven, builtin_model.embedding.points(person)[
        [33, 133, 362, 263]])]  # fmt: skip
    assert eyes[0] == pytest.approx(eyes[1], rel=0.1)


def test_a_model_without_all_points_cannot_be_triangulated(
    seen: SeenPhoto, builtin_model: FaceModel, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:
    few = type(builtin_model.embedding)(*(part[:100] for part in builtin_model.embedding))
    monkeypatch.setattr(builtin_model, "embedding", few)
    with pytest.raises(TopologyMismatch, match="does not know all points"):
        network_points(seen, builtin_model)


def test_eos_fits_in_its_own_camera(
    seen: SeenPhoto, person: np.ndarray, builtin_model: FaceModel  # noqa: F811
) -> None:
    pytest.importorskip("eos")
    from facewright.evaluation.predictions.eos_fit import eos_fit

    made = eos_fit(seen, builtin_model)
    assert isinstance(made.camera, WeakCamera)
    assert made.seven is not None
    off = np.linalg.norm(made.camera.project(made.seven) - seen.face.landmarks[list(SEVEN_OF_478), :2], axis=1)
    assert off.mean() < 0.04 * np.linalg.norm(np.diff(seen.face.landmarks[[33, 263], :2], axis=0))
    assert misfit(made, person, builtin_model) < 1.3 * misfit(mean_face(seen, builtin_model), person, builtin_model)


def test_predictions_read_back_are_the_same(
    seen: SeenPhoto, builtin_model: FaceModel, tmp_path: Path  # noqa: F811
) -> None:
    made = mean_face(seen, builtin_model)
    write_prediction(tmp_path, "a/b", made)
    case = Case("a/b", "a", None, None, lambda: None)  # type: ignore[arg-type,return-value]
    back = read_prediction(tmp_path, case, seen.size)
    assert np.abs(back.surface.vertices - made.surface.vertices).max() < 1e-4
    assert np.array_equal(back.surface.triangles, made.surface.triangles)
    assert back.camera == made.camera
    assert back.neutral is not None and back.neutral_seven is not None and made.neutral_seven is not None
    assert np.abs(back.neutral_seven - made.neutral_seven).max() < 1e-6


def test_a_case_without_photograph_is_named(tmp_path: Path) -> None:
    case = Case("a", "a", None, None, lambda: None)  # type: ignore[arg-type,return-value]
    with pytest.raises(FaceError, match="no photograph of a"):
        see_photo(case, None, known_focal=False)  # type: ignore[arg-type]


def test_what_was_made_is_kept_until_its_photo_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(made_predictions, "face_tools", lambda model: None)
    monkeypatch.setattr(made_predictions, "see_photo", _failing(calls))
    (tmp_path / "photo.png").write_bytes(b"first")
    case = Case("a", "a", tmp_path / "photo.png", None, lambda: None)  # type: ignore[arg-type,return-value]
    work = PhotoWork(case, (("mean", "mean", tmp_path / "mean"),), False, None)
    assert make_predictions(work) == (("mean", "nobody there"),)
    assert make_predictions(work) == (("mean", "nobody there"),)
    assert len(calls) == 1
    (tmp_path / "photo.png").write_bytes(b"second")
    make_predictions(work)
    assert len(calls) == 2


def _failing(calls: list[str]):
    def see(case: Case, *rest: object) -> SeenPhoto:
        calls.append(case.id)
        raise FaceError("nobody there")

    return see
