"""Placing the network's landmarks: recovery of known places, symmetry, and the renders it learns from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from facewright.errors import NoFaceFound
from facewright.face_model.base import FaceModel
from facewright.face_model.ict import IctModel
from facewright.fitting.landmark_symmetry import IRIS_LEFT, IRIS_RIGHT, mirror_478
from facewright.fitting.pose import HeadAngles, rotation_from_angles
from facewright.mesh.topology import LandmarkEmbedding
from facewright.training.appearance import iris_poles, random_look, rest_features
from facewright.training.embedding import EmbeddingSettings, embed_landmarks
from facewright.training.renders import HeadRenderer, Scene
from facewright.training.samples import Samples, SampleSettings, random_expression, random_scene, render_samples
from fit_model import builtin_model  # noqa: F401  (fixture)

ICT = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "ict_facekit" / "ict_facekit_light.npz"
SMALL = SampleSettings(size_px=96, per_identity=2)


def true_samples(model: FaceModel, embedding: LandmarkEmbedding, count: int, noise_px: float) -> Samples:
    """What a network would say that knows the given places and errs by independent noise."""
    rng = np.random.default_rng(0)
    rest = embedding.points(model.neutral(np.zeros(model.identity_dims)))
    used = np.unique(embedding.vertices).astype(np.int64)
    local = LandmarkEmbedding(embedding.landmark, np.searchsorted(used, embedding.vertices), embedding.weights)
    settings = SampleSettings(frontal_share=1.0)
    rows = []
    for _ in range(count):
        identity = rng.normal(size=model.identity_dims)
        scene = random_scene(model, identity, settings, rng)
        shape = model.neutral(identity, used) + np.tensordot(scene.expression, model.blendshapes(identity, used), 1)
        points = local.points(shape) @ scene.rotation.T + scene.translation_mm
        landmarks = np.full((478, 3), np.nan)
        noise = noise_px * rng.normal(size=(len(points), 2))
        landmarks[embedding.landmark, :2] = scene.camera.project(points) + noise
        hit = np.full((478, 3), np.nan)
        hit[embedding.landmark] = rest + rng.normal(size=rest.shape)
        pose = (scene.rotation, scene.translation_mm, scene.camera.fx, 384.0)
        rows.append((identity, scene.expression, *pose, landmarks, hit))
    return Samples(*(np.array(column) for column in zip(*rows)))


def test_known_places_are_found_again_and_symmetric(builtin_model: FaceModel) -> None:  # noqa: F811
    model = builtin_model
    if len(model.embedding.landmark) < 478:
        pytest.skip("the built-in model's landmarks have not been embedded")
    samples = true_samples(model, model.embedding, 30, 0.5)
    found, ibug = embed_landmarks(model, samples, EmbeddingSettings())
    assert ibug is model.ibug68
    rest = model.neutral(np.zeros(model.identity_dims))
    away = np.linalg.norm(found.points(rest) - model.embedding.points(rest), axis=1)
    assert np.median(away[:468]) < 0.6
    assert np.percentile(away[:468], 95) < 2.0
    assert away[[IRIS_RIGHT[0], IRIS_LEFT[0]]].max() < 0.5
    mirrored = found.points(rest)[mirror_478()] * [-1, 1, 1]
    assert np.abs(mirrored[:468] - found.points(rest)[:468]).max() < 0.05
    assert (found.weights >= 0).all() and np.allclose(found.weights.sum(1), 1)
    assert found.landmark.tolist() == list(range(478))


def test_lips_are_told_apart(builtin_model: FaceModel) -> None:  # noqa: F811
    """Inner lip landmarks, that touch while the mouth is closed, part when it opens."""
    model = builtin_model
    if len(model.embedding.landmark) < 478:
        pytest.skip("the built-in model's landmarks have not been embedded")
    weights = np.array([1.0 if name == "jawOpen" else 0.0 for name in model.blendshape_names])
    used = np.unique(model.embedding.vertices).astype(np.int64)
    local = LandmarkEmbedding(
        model.embedding.landmark, np.searchsorted(used, model.embedding.vertices), model.embedding.weights
    )
    nobody = np.zeros(model.identity_dims)
    closed = local.points(model.neutral(nobody, used))
    opened = closed + local.points(np.tensordot(weights, model.blendshapes(nobody, used), 1))
    for upper, lower in ((13, 14), (82, 87), (312, 317)):
        assert np.linalg.norm(closed[upper] - closed[lower]) < 4.0
        assert np.linalg.norm(opened[upper] - opened[lower]) > 12.0


def test_shipped_embedding_lies_where_faces_have_these_points(builtin_model: FaceModel) -> None:  # noqa: F811
    model = builtin_model
    points = model.embedding.points(model.neutral(np.zeros(model.identity_dims)))
    at = {int(k): p for k, p in zip(model.embedding.landmark, points)}
    assert at[33][0] < at[133][0] < 0 < at[362][0] < at[263][0]  # the subject's right eye has negative x
    assert at[152][1] < at[17][1] < at[13][1] < at[4][1] < at[33][1]
    assert at[4][2] > max(at[33][2], at[152][2])
    if 468 in at:
        poles = iris_poles(model.topology, model.neutral(np.zeros(model.identity_dims)))
        assert np.allclose(at[468], model.neutral(np.zeros(model.identity_dims))[poles["right"][1]], atol=0.1)


def test_samples_file_round_trip(tmp_path: Path, builtin_model: FaceModel) -> None:  # noqa: F811
    samples = true_samples(builtin_model, builtin_model.embedding, 3, 0.0)
    samples.save(tmp_path / "s.npz")
    again = Samples.load(tmp_path / "s.npz")
    for one, two in zip(samples, again):
        assert np.array_equal(one, two, equal_nan=True)
    assert len(samples.part(np.array([True, False, True])).focal_px) == 2
    assert samples.camera(0).width == 384


def test_random_expressions_close_no_more_than_is_open() -> None:
    names = ("jawOpen", "mouthClose", "mouthSmileLeft", "mouthSmileRight", "jawLeft", "jawRight")
    rng = np.random.default_rng(0)
    drawn = np.array([random_expression(names, 0.35, rng) for _ in range(400)])
    assert (drawn[:, 1] <= drawn[:, 0]).all()
    assert 0.25 < (drawn.sum(1) == 0).mean() < 0.6
    assert np.corrcoef(drawn[:, 2], drawn[:, 3])[0, 1] > 0.6  # both sides of the mouth go together
    assert drawn.max() <= 0.8


@pytest.fixture(scope="module")
def ict() -> IctModel:
    """ICT-FaceKit itself: small and quick to render."""
    if not ICT.is_file():
        pytest.skip(f"{ICT} is not here: the material to learn from is not part of the repository")
    return IctModel.load(ICT)


def test_render_shows_a_head_where_it_stands(ict: IctModel) -> None:
    renderer = HeadRenderer(ict)
    rng = np.random.default_rng(1)
    plain = random_scene(ict, np.zeros(100), SMALL, rng)
    scene = Scene(
        plain.identity, 0 * plain.expression, rotation_from_angles(HeadAngles(0, 0, 0)),
        np.array([0.0, 0, -700]), plain.camera,
    )  # fmt: skip
    vertices = renderer.vertices(scene, ict.blendshapes(np.zeros(100)))
    picture, solid = renderer.render(vertices, scene, random_look(rng), rng)
    assert picture.shape == (96, 96, 3) and picture.dtype == np.uint8 and picture.std() > 5
    # The middle of the picture sees the face between the eyes; a corner sees nothing.
    rest = renderer.hit_rest(solid, scene.camera, np.array([[48.0, 48.0], [0.5, 0.5]]))
    assert np.abs(rest[0, :2]).max() < 6 and rest[0, 2] > 0
    assert np.isnan(rest[1]).all()
    assert renderer.openness.min() >= 0.0 and renderer.openness.max() <= 1.0
    assert renderer.openness[ict.topology.regions["mouth_bag"]].mean() < 0.3


def test_rest_features_know_lips_brows_and_irises(ict: IctModel) -> None:
    features = rest_features(ict)
    points = ict.ibug68
    on = points.vertices[:, 0]
    assert features.lip[on[[62, 66]]].min() > 0.5  # inside the lips' outline
    assert features.lip[on[30]] < -5.0  # the nose's tip is not
    assert features.brow[on[19], 0] < 1.0 and features.brow[on[24], 1] < 1.0
    assert features.lid[on[37:42]].max() < 2.5
    assert features.iris.min() == 0.0


def test_renders_are_deterministic_and_skip_missed_faces(ict: IctModel) -> None:
    seen: list[np.ndarray] = []

    def detect(pixels: np.ndarray) -> np.ndarray | None:
        seen.append(pixels)
        return None if len(seen) == 1 else np.full((478, 3), 48.0)

    first = render_samples(ict, detect, 3, 5, SMALL)
    assert len(first.focal_px) == 2
    assert not np.array_equal(seen[0], seen[1])
    pictures = seen.copy()
    seen.clear()
    with pytest.raises(NoFaceFound, match="render"):
        render_samples(ict, detect, 1, 5, SMALL)
    assert np.array_equal(seen[0], pictures[0])
