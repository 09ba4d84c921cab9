"""The coarse fit: derivatives, recovery of known heads, symmetry, refusal of nonsense, and real photos."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from facewright.errors import FitFailed, MissingDependency, TopologyMismatch
from facewright.face_model.base import FaceModel, HeadGeometry
from facewright.fitting.bounded import bounded_quadratic
from facewright.fitting.camera import Camera
from facewright.fitting.coarse import Fit, FitSettings, fit_landmarks
from facewright.fitting.detector_error import builtin_detector_error
from facewright.fitting.landmark_basis import LandmarkBasis, usable_embedding
from facewright.fitting.landmark_symmetry import mirror_478
from facewright.fitting.levenberg import Problem, State
from facewright.fitting.pose import HeadAngles, angles_from_rotation, rotation_from_angles
from facewright.fitting.priors import FocalPrior, expression_bounds, expression_prior, identity_prior
from facewright.mesh.topology import LandmarkEmbedding
from facewright.photo.landmarks import LandmarkDetector
from fit_model import builtin_model  # noqa: F401  (fixture)

SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
SIZE = (800, 1000)
FOCAL = 1500.0


def seen(
    model: FaceModel,
    identity: np.ndarray,
    weights: dict[str, float],
    angles: tuple[float, float, float] = (0, 0, 0),
    focal: float = FOCAL,
    distance: float = 1000.0,
) -> np.ndarray:
    """(478, 3) exact landmarks of a head; those that the fit does not use are left at the picture's middle."""
    basis = LandmarkBasis(model)
    expression = np.array([weights.get(name, 0.0) for name in model.blendshape_names])
    points = basis.shape(identity, expression).points @ rotation_from_angles(HeadAngles(*angles)).T
    points += np.array([20.0, -10.0, -distance])
    landmarks = np.full((478, 3), 400.0)
    landmarks[33:264:230, 0] += [-50, 50]  # outer canthi are measured even where a model does not know them
    landmarks[basis.landmark, :2] = Camera.centred(SIZE, focal).project(points)
    landmarks[basis.landmark, 2] = -(points[:, 2] + distance) * focal / distance
    return landmarks


def test_bounded_quadratic_finds_the_constrained_minimum() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        root = rng.normal(size=(8, 8))
        hessian, gradient = root @ root.T + 0.1 * np.eye(8), rng.normal(size=8) * 3
        lower, upper = -rng.uniform(0, 1, 8), rng.uniform(0, 1, 8)
        x = bounded_quadratic(hessian, gradient, lower, upper)
        slope = gradient - hessian @ x  # Karush-Kuhn-Tucker
        inside = (x > lower + 1e-9) & (x < upper - 1e-9)
        assert (x >= lower - 1e-12).all() and (x <= upper + 1e-12).all()
        assert np.abs(slope[inside]).max(initial=0.0) < 1e-6
        assert (slope[x <= lower + 1e-9] <= 1e-6).all() and (slope[x >= upper - 1e-9] >= -1e-6).all()


def _problem(model: FaceModel, landmarks: np.ndarray) -> Problem:
    basis = LandmarkBasis(model)
    names = model.blendshape_names
    lower, upper = expression_bounds(names)
    return Problem(
        basis=basis, landmarks=landmarks[basis.landmark], image_size=SIZE,
        whitening=lambda yaw: builtin_detector_error().whitening(basis.landmark, 0.0, 2.5, 1.0),
        identity_prior=identity_prior(model.identity_dims, 1.0),
        expression_prior=expression_prior(names, 0.3, 1.0, 0.1), expression_origin=np.zeros(len(names)),
        lower=lower, upper=upper, focal_prior=FocalPrior(), robust_threshold=1e9,
    )  # fmt: skip


def test_gradient_is_the_derivative_of_the_cost(builtin_model: FaceModel) -> None:  # noqa: F811
    """Closed-form Jacobian and priors against central differences.

    Two terms are left out on purpose: the change of scale and roll of the face's frame, which is why the residual
    is small here, and the blendshapes' dependence on the identity, which is why the expression is neutral.
    """
    rng = np.random.default_rng(0)
    model = builtin_model
    landmarks = seen(model, rng.normal(size=model.identity_dims) * 0.02, {}, (0.0, 3.0, 0.0))
    names = model.blendshape_names
    state = State(
        rotation_from_angles(HeadAngles(0.3, 3.0, 0.0)), np.array([20.1, -10.0, -1000.5]),
        np.zeros(model.identity_dims), np.full(len(names), 0.0), float(np.log(FOCAL) + 1e-3),
    )  # fmt: skip
    problem = _problem(model, landmarks)
    linear = problem.linearise(state)
    count = len(linear.gradient)
    first_expression = 6 + model.identity_dims
    checked = [*range(6), 6, 7, 20, count - 1]
    for k in checked:
        step = np.zeros(count)
        step[k] = 1e-5
        numeric = (
            problem.cost(problem.step(state, step), linear.whitening)
            - problem.cost(problem.step(state, -step), linear.whitening)
        ) / 2e-5
        assert -2.0 * linear.gradient[k] == pytest.approx(
            numeric, rel=0.05, abs=0.05 * np.abs(linear.gradient).max() ** 0.5
        )
    step = np.zeros(count)
    step[first_expression + names.index("jawOpen")] = 1e-5
    numeric = (problem.cost(problem.step(state, step), linear.whitening) - linear.cost) / 1e-5
    assert -2.0 * linear.gradient[first_expression + names.index("jawOpen")] == pytest.approx(
        numeric, rel=0.05, abs=0.5
    )


@pytest.mark.parametrize("angles", [(0, 0, 0), (25, -8, 5), (-40, 10, -20), (5, 5, 95)])
def test_exact_landmarks_are_reproduced(builtin_model: FaceModel, angles: tuple[float, float, float]) -> None:  # noqa: F811
    identity = np.random.default_rng(3).normal(size=builtin_model.identity_dims) * 0.7
    landmarks = seen(builtin_model, identity, {"jawOpen": 0.3}, angles)
    fit = fit_landmarks(builtin_model, landmarks, None, SIZE, FOCAL)
    assert fit.focal_source == "given"
    assert np.allclose(angles_from_rotation(fit.rotation), angles, atol=4.0)
    assert fit.residual_relative < 0.012
    assert np.allclose(fit.translation_mm, [20, -10, -1000], atol=60.0)


def test_identity_moves_towards_the_truth(builtin_model: FaceModel) -> None:  # noqa: F811
    """With exact landmarks the fitted neutral face is nearer to the true one than the mean is."""
    model = builtin_model
    face = model.topology.regions["narrow_face"].astype(np.int64)
    mean = model.neutral(np.zeros(model.identity_dims), face)
    better = []
    for seed in range(4):
        identity = np.random.default_rng(seed).normal(size=model.identity_dims)
        fit = fit_landmarks(model, seen(model, identity, {}), None, SIZE, FOCAL)
        truth = model.neutral(identity, face)
        errors = []
        for guess in (model.neutral(fit.identity, face), mean):
            a, b = guess - guess.mean(0), truth - truth.mean(0)
            errors.append(np.linalg.norm(a * (np.linalg.norm(b) / np.linalg.norm(a)) - b, axis=1).mean())
        better.append(errors[0] / errors[1])
    assert np.mean(better) < 0.75


def test_a_smile_stays_out_of_the_neutral_face(builtin_model: FaceModel) -> None:  # noqa: F811
    """The mean person smiling and not smiling: same neutral face, and the smile is found as one."""
    model = builtin_model
    names = model.blendshape_names
    smile = {
        "mouthSmileLeft": 0.8,
        "mouthSmileRight": 0.8,
        "jawOpen": 0.15,
        "cheekSquintLeft": 0.4,
        "cheekSquintRight": 0.4,
    }
    nobody = np.zeros(model.identity_dims)
    plain, smiling = (fit_landmarks(model, seen(model, nobody, w), None, SIZE, FOCAL) for w in ({}, smile))
    assert plain.expression.max() < 0.1
    for name in ("mouthSmileLeft", "mouthSmileRight"):
        assert smiling.expression[names.index(name)] == pytest.approx(0.8, abs=0.25)
    basis = LandmarkBasis(model)
    corners = np.isin(basis.landmark, (61, 291))
    moved = basis.shape(smiling.identity, 0 * smiling.expression).points - basis.mean_points
    there = basis.shape(nobody, np.array([smile.get(n, 0.0) for n in names])).points - basis.mean_points
    assert np.linalg.norm(there[corners], axis=1).min() > 6.0
    assert np.linalg.norm(moved[corners], axis=1).max() < 0.1 * np.linalg.norm(there[corners], axis=1).min()


def test_closed_eyes_do_not_close_the_neutral_eyes(builtin_model: FaceModel) -> None:  # noqa: F811
    model = builtin_model
    blink = {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}
    fit = fit_landmarks(model, seen(model, np.zeros(model.identity_dims), blink), None, SIZE, FOCAL)
    basis = LandmarkBasis(model)
    row = {int(k): i for i, k in enumerate(basis.landmark)}
    neutral = basis.shape(fit.identity, 0 * fit.expression).points
    gap = [np.linalg.norm(p[row[159]] - p[row[145]]) for p in (neutral, basis.mean_points)]
    assert gap[0] > 0.8 * gap[1]
    assert fit.expression[model.blendshape_names.index("eyeBlinkLeft")] > 0.6


def test_gaze_is_found(builtin_model: FaceModel) -> None:  # noqa: F811
    model = builtin_model
    look = {"eyeLookOutLeft": 0.5, "eyeLookInRight": 0.5}
    fit = fit_landmarks(model, seen(model, np.zeros(model.identity_dims), look), None, SIZE, FOCAL)
    found = dict(zip(model.blendshape_names, fit.expression))
    assert found["eyeLookOutLeft"] > 0.2 and found["eyeLookInRight"] > 0.2
    assert found["eyeLookInLeft"] < 0.05 and found["eyeLookOutRight"] < 0.05


def test_a_mirrored_photo_gives_the_mirrored_fit(builtin_model: FaceModel) -> None:  # noqa: F811
    model = builtin_model
    rng = np.random.default_rng(5)
    landmarks = seen(model, rng.normal(size=model.identity_dims), {"mouthSmileLeft": 0.5}, (20, 5, 3))
    landmarks += rng.normal(size=landmarks.shape)
    mirrored = landmarks[mirror_478()] * [-1, 1, 1] + [SIZE[0], 0, 0]
    one, two = (fit_landmarks(model, points, None, SIZE, FOCAL) for points in (landmarks, mirrored))
    a, b = angles_from_rotation(one.rotation), angles_from_rotation(two.rotation)
    assert np.allclose([a.yaw, a.pitch, a.roll], [-b.yaw, b.pitch, -b.roll], atol=0.3)
    assert np.allclose(one.translation_mm, two.translation_mm * [-1, 1, 1], atol=3.0)
    swap = [
        model.blendshape_names.index(n.replace("Left", "#").replace("Right", "Left").replace("#", "Right"))
        for n in model.blendshape_names
    ]
    assert np.allclose(one.expression, two.expression[swap], atol=0.05)


def test_same_input_same_bytes(builtin_model: FaceModel) -> None:  # noqa: F811
    landmarks = seen(builtin_model, np.ones(builtin_model.identity_dims) * 0.3, {"jawOpen": 0.4}, (10, 0, 0))
    one, two = (fit_landmarks(builtin_model, landmarks, None, SIZE) for _ in range(2))
    assert one.identity.tobytes() == two.identity.tobytes() and one.expression.tobytes() == two.expression.tobytes()
    assert one.camera == two.camera and one.focal_source == "estimated"


def test_weights_stay_within_bounds_and_tongue_is_left_alone(builtin_model: FaceModel) -> None:  # noqa: F811
    weights = dict.fromkeys(("jawOpen", "mouthFunnel", "browInnerUp", "eyeWideLeft"), 1.0)
    fit = fit_landmarks(
        builtin_model, seen(builtin_model, np.zeros(builtin_model.identity_dims), weights), None, SIZE, FOCAL
    )
    assert fit.expression.min() >= 0.0 and fit.expression.max() <= 1.0
    assert fit.expression[builtin_model.blendshape_names.index("tongueOut")] == 0.0


@pytest.mark.parametrize(("focal", "distance"), [(1000.0, 600.0), (3000.0, 2000.0)])
def test_unknown_focal_length_stays_plausible(builtin_model: FaceModel, focal: float, distance: float) -> None:  # noqa: F811
    landmarks = seen(builtin_model, np.zeros(builtin_model.identity_dims), {}, (0, 5, 0), focal, distance)
    fit = fit_landmarks(builtin_model, landmarks, None, SIZE)
    assert 0.5 < fit.camera.fx / focal < 2.0
    assert angles_from_rotation(fit.rotation).pitch == pytest.approx(5.0, abs=4.0)


def test_a_common_outlier_is_survived(builtin_model: FaceModel) -> None:  # noqa: F811
    landmarks = seen(builtin_model, np.zeros(builtin_model.identity_dims), {})
    clean = fit_landmarks(builtin_model, landmarks, None, SIZE, FOCAL)
    landmarks[4, :2] += 150.0
    fit = fit_landmarks(builtin_model, landmarks, None, SIZE, FOCAL)
    assert np.allclose(angles_from_rotation(fit.rotation), angles_from_rotation(clean.rotation), atol=3.0)


def test_iris_network_overrules_the_mesh(builtin_model: FaceModel) -> None:  # noqa: F811
    landmarks = seen(builtin_model, np.zeros(builtin_model.identity_dims), {})
    iris = {"right": landmarks[468:473, :2].copy(), "left": landmarks[473:478, :2].copy()}
    landmarks[468:478, :2] += 40.0
    fit = fit_landmarks(builtin_model, landmarks, iris, SIZE, FOCAL)
    assert fit.residual_relative < 0.01


class _SixtyEight(FaceModel):
    """The built-in model as one that only knows iBUG's 68 points."""

    def __init__(self, model: FaceModel) -> None:
        self.model = model
        self.name, self.sha256, self.topology = "sixty-eight", "", model.topology
        self.identity_dims, self.blendshape_names = model.identity_dims, model.blendshape_names
        self.ibug68 = model.ibug68
        self.embedding = LandmarkEmbedding(*(np.asarray(values)[:0] for values in model.embedding))

    def neutral(self, identity, vertices=None):  # type: ignore[no-untyped-def]
        return self.model.neutral(identity, vertices)

    def blendshapes(self, identity, vertices=None):  # type: ignore[no-untyped-def]
        return self.model.blendshapes(identity, vertices)

    def identity_basis(self, vertices=None):  # type: ignore[no-untyped-def]
        return self.model.identity_basis(vertices)

    def head(self, identity: np.ndarray) -> HeadGeometry:
        return self.model.head(identity)


def test_a_model_with_68_landmarks_is_fitted(builtin_model: FaceModel) -> None:  # noqa: F811
    model = _SixtyEight(builtin_model)
    assert 55 < len(usable_embedding(model).landmark) <= 68
    fit = fit_landmarks(
        model, seen(model, np.zeros(model.identity_dims), {"jawOpen": 0.5}, (15, 0, 0)), None, SIZE, FOCAL
    )
    assert angles_from_rotation(fit.rotation).yaw == pytest.approx(15, abs=3)
    model.ibug68 = model.embedding
    with pytest.raises(TopologyMismatch, match="landmarks"):
        usable_embedding(model)


def _bad(landmarks: np.ndarray, kind: str) -> np.ndarray:
    bad = landmarks.copy()
    if kind == "nan":
        bad[17] = np.nan
    elif kind == "shape":
        bad = bad[:468]
    elif kind == "tiny":
        bad = bad * 0.005
    elif kind == "line":
        bad[:, 1] = 2.0 * bad[:, 0]
    elif kind == "noise":
        bad[:, :2] = np.random.default_rng(0).uniform(0, 800, (478, 2))
    elif kind == "shuffled":
        bad = bad[np.random.default_rng(0).permutation(478)]
    return bad


@pytest.mark.parametrize("kind", ["nan", "shape", "tiny", "line", "noise", "shuffled"])
def test_nonsense_is_refused_in_one_sentence(builtin_model: FaceModel, kind: str) -> None:  # noqa: F811
    landmarks = seen(builtin_model, np.zeros(builtin_model.identity_dims), {})
    with pytest.raises(FitFailed) as error:
        fit_landmarks(builtin_model, _bad(landmarks, kind), None, SIZE, FOCAL)
    assert str(error.value).endswith(".") and "\n" not in str(error.value)


def test_a_bad_focal_length_is_refused(builtin_model: FaceModel) -> None:  # noqa: F811
    landmarks = seen(builtin_model, np.zeros(builtin_model.identity_dims), {})
    for focal in (0.0, -5.0, float("nan")):
        with pytest.raises(FitFailed, match="focal"):
            fit_landmarks(builtin_model, landmarks, None, SIZE, focal)


def _photo_fit(model: FaceModel, name: str) -> Fit:
    path = SHARED / "photos" / name
    if not path.is_file():
        pytest.skip(f"{path} is not here: real photos are not part of the repository")
    pixels = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    try:
        face = LandmarkDetector().faces(pixels)[0]
    except MissingDependency as error:
        pytest.skip(f"the landmark networks are not here: {error}")
    size = (pixels.shape[1], pixels.shape[0])
    return fit_landmarks(model, face.landmarks, face.iris, size)


@pytest.mark.parametrize(
    ("photo", "bar", "pitch"),
    [("astronaut.png", 0.015, 16.0), ("president_44.jpg", 0.02, 12.0), ("president_46.jpg", 0.02, 14.0)],
)
def test_real_photos(builtin_model: FaceModel, photo: str, bar: float, pitch: float) -> None:  # noqa: F811
    fit = _photo_fit(builtin_model, photo)
    angles = angles_from_rotation(fit.rotation)
    assert fit.residual_relative <= bar
    assert abs(angles.pitch) < pitch
    assert 25.0 < fit.camera.focal_length_35mm < 120.0
    assert 400.0 < -fit.translation_mm[2] < 3000.0
    assert np.linalg.norm(fit.identity) < np.sqrt(builtin_model.identity_dims)  # no caricature


def test_defaults_are_documented() -> None:
    """Every setting is explained where a person looks for it."""
    for name in FitSettings.__dataclass_fields__:
        assert FitSettings.__doc__ is not None and name in FitSettings.__doc__
