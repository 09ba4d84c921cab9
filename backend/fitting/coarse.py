"""The coarse fit: landmarks of one photo to camera, pose, identity and expression.

Two solves. The first finds the person: pose, identity, expression and, where unknown, the focal length together,
weighted by the landmark network's learned error covariance, so that a smile is explained by blendshapes and not by
the neutral face. Its shape is the best estimate, but leaves correlated landmark errors in the picture. The second
holds the identity and lays the head over the photo: pose and expression by plain reprojection.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import FitFailed
from ..face_model.base import FaceModel
from ..mesh.landmark_schemes import LANDMARKS_478
from .camera import Camera
from .detector_error import DetectorError, Whitening, builtin_detector_error
from .landmark_basis import LandmarkBasis
from .landmark_symmetry import IRIS_LEFT, IRIS_RIGHT, OUTER_CANTHI, STABLE
from .levenberg import Problem, State, minimise
from .pose import angles_from_rotation, initial_pose, weak_perspective_scale
from .priors import FocalPrior, Quadratic, expression_bounds, expression_prior, gaze_prior, identity_prior

Array = NDArray[np.float64]


@dataclass(frozen=True)
class FitSettings:
    """Settings of the coarse fit; chosen on renders of heads from another family than the face model's.

    covariance_scale      factor on the learned standard deviations: renders flatter the network
    covariance_extra_mm   independent error added to every coordinate
    identity_weight       of the standard normal prior
    expression_sd, expression_sparsity, asymmetry_sd   see ``priors.expression_prior``
    robust_threshold      standard deviations from which a landmark counts less (Huber)
    focal                 belief about an unknown lens
    overlay_sd_mm         independent landmark error in the second solve
    overlay_iris_sd_mm    that of the iris centres: the iris network is finer
    overlay_expression_sd belief about how far the expression moves between the two solves
    overlay_gaze_sd       belief about the eyeLook blendshapes, about zero: the second solve finds the gaze
    overlay_conjugate_sd  belief about how differently both eyes look
    open_eye              lid opening over eye width below which the iris is not believed
    max_iterations        of each solve
    max_residual_mm       mean residual at the head's size from which the landmarks are called no face
    """

    covariance_scale: float = 1.0
    covariance_extra_mm: float = 2.5
    identity_weight: float = 1.0
    expression_sd: float = 0.3
    expression_sparsity: float = 1.0
    asymmetry_sd: float = 0.1
    robust_threshold: float = 2.5
    focal: FocalPrior = field(default_factory=FocalPrior)
    overlay_sd_mm: float = 1.0
    overlay_iris_sd_mm: float = 0.4
    overlay_expression_sd: float = 0.03
    overlay_gaze_sd: float = 0.3
    overlay_conjugate_sd: float = 0.06
    open_eye: float = 0.12
    max_iterations: int = 20
    max_residual_mm: float = 8.0


class Fit(NamedTuple):
    """A head laid over a photo.

    camera : Camera
    rotation (3, 3), translation_mm (3,) : ``X_cam = rotation @ X_model + translation_mm``
    identity (I,) : standard deviations
    expression (E,) : 0..1, in the order of the model's ``blendshape_names``
    residual_px (L,) : distance of every fitted landmark to the network's
    residual_relative : their mean over the distance of the outer canthi in the picture
    iterations : of both solves
    warnings : sentences for a person
    focal_source : "given" or "estimated"
    landmark (L,) : which of the 478 were fitted
    """

    camera: Camera
    rotation: Array
    translation_mm: Array
    identity: Array
    expression: Array
    residual_px: Array
    residual_relative: float
    iterations: int
    warnings: tuple[str, ...]
    focal_source: str
    landmark: NDArray[np.int64]


def fit_landmarks(
    model: FaceModel,
    landmarks: NDArray[np.floating],  # type: ignore[type-arg]
    iris: dict[str, Array] | None,
    image_size: tuple[int, int],
    focal_px: float | None = None,
    settings: FitSettings | None = None,
    detector_error: DetectorError | None = None,
) -> Fit:
    """Fit a face model to one face's landmarks.

    Parameters
    ----------
    model : FaceModel
    landmarks : (478, 3) pixels of the network; its relative depth z is not used
    iris : {"left": (5, 2), "right": (5, 2)} pixels, centre first, where the iris network ran
    image_size : (width, height) pixels
    focal_px : focal length in pixels where it is known, else estimated
    settings : FitSettings
    detector_error : the built-in one where None

    Returns
    -------
    Fit

    Raises
    ------
    FitFailed
        The landmarks are not finite, too small, or not those of a face.
    TopologyMismatch
        The model knows too few landmarks.
    """
    settings = settings or FitSettings()
    detector_error = detector_error or builtin_detector_error()
    seen = _checked_landmarks(landmarks, iris)
    if focal_px is not None and not (np.isfinite(focal_px) and focal_px > 0.0):
        raise FitFailed("The focal length must be a positive number of pixels.")
    basis = LandmarkBasis(model)
    stable = np.flatnonzero(np.isin(basis.landmark, STABLE))
    scale, _ = weak_perspective_scale(basis.mean_points[stable], seen[basis.landmark[stable], :2])
    log_focal = np.log(focal_px) if focal_px is not None else settings.focal.best_log_focal(max(image_size), scale)
    camera = Camera.centred(image_size, float(np.exp(log_focal)))
    rotation, translation = initial_pose(basis.mean_points[stable], seen[basis.landmark[stable], :2], camera)
    expressions = len(model.blendshape_names)
    start = State(rotation, translation, np.zeros(model.identity_dims), np.zeros(expressions), float(log_focal))
    lower, upper = expression_bounds(model.blendshape_names)
    believed = expression_prior(
        model.blendshape_names, settings.expression_sd, settings.expression_sparsity, settings.asymmetry_sd
    )

    person = Problem(
        basis=basis,
        landmarks=seen[basis.landmark],
        image_size=image_size,
        whitening=lambda yaw: detector_error.whitening(
            basis.landmark, yaw, settings.covariance_extra_mm, settings.covariance_scale
        ),
        identity_prior=identity_prior(model.identity_dims, settings.identity_weight),
        expression_prior=believed,
        expression_origin=np.zeros(expressions),
        lower=lower,
        upper=upper,
        focal_prior=settings.focal if focal_px is None else None,
        robust_threshold=settings.robust_threshold,
    )
    found, person_iterations = minimise(person, start, settings.max_iterations)
    overlay = _overlay(person, found, seen, model.blendshape_names, settings)
    found, overlay_iterations = minimise(overlay, found, settings.max_iterations)
    return _result(person, found, seen, person_iterations + overlay_iterations, focal_px is None, settings)


def _overlay(person: Problem, found: State, seen: Array, names: tuple[str, ...], settings: FitSettings) -> Problem:
    """The second solve: identity and focal length held, independent errors, expression near the first one's.

    Gaze is freed instead: against the learned covariance two iris centres had no say.
    """
    sd = np.full((len(person.landmarks), 2), settings.overlay_sd_mm)
    for iris, corners, lids in ((IRIS_RIGHT, (33, 133), (159, 145)), (IRIS_LEFT, (362, 263), (386, 374))):
        width, opening = (float(np.linalg.norm(seen[a, :2] - seen[b, :2])) for a, b in (corners, lids))
        believed = settings.overlay_iris_sd_mm if opening > settings.open_eye * width else 1e3
        sd[person.basis.landmark == iris[0]] = believed
    independent = Whitening(sd.ravel(), np.zeros((sd.size, 0)))
    gaze = np.array([name.startswith("eyeLook") for name in names])
    near_first = np.diag(np.where(gaze, 0.0, settings.overlay_expression_sd**-2))
    eyes = gaze_prior(names, settings.overlay_gaze_sd, settings.overlay_conjugate_sd)
    return replace(
        person,
        whitening=lambda yaw: independent,
        fixed_identity=True,
        focal_prior=None,
        expression_prior=Quadratic(near_first + eyes.matrix, eyes.linear),
        expression_origin=np.where(gaze, 0.0, found.expression),
    )


def _checked_landmarks(landmarks: NDArray[np.floating], iris: dict[str, Array] | None) -> Array:  # type: ignore[type-arg]
    """(478, 3) float64 with the iris network's irises in place. Raises FitFailed."""
    seen = np.array(landmarks, dtype=np.float64)
    if seen.shape != (LANDMARKS_478, 3):
        raise FitFailed(
            f"Expected {LANDMARKS_478} landmarks with 3 coordinates, got an array of shape {seen.shape}."
        )
    for side, indices in (("right", IRIS_RIGHT), ("left", IRIS_LEFT)):
        if iris is not None and side in iris:
            seen[list(indices), :2] = np.asarray(iris[side], dtype=np.float64)[:, :2]
    if not np.isfinite(seen).all():
        raise FitFailed("Some landmarks are not finite numbers.")
    if np.linalg.norm(seen[OUTER_CANTHI[0], :2] - seen[OUTER_CANTHI[1], :2]) < 4.0:
        raise FitFailed("The face is too small in the photo: its eyes are less than 4 pixels apart.")
    return seen


def _result(
    problem: Problem, state: State, seen: Array, iterations: int, estimated: bool, settings: FitSettings
) -> Fit:
    """Measure the overlay and say what is doubtful about it. Raises FitFailed where it is no face."""
    camera = problem.camera(state)
    shape = problem.shape(state)
    pixels = camera.project(shape.points @ state.rotation.T + state.translation_mm)
    residual = np.linalg.norm(pixels - problem.landmarks[:, :2], axis=1)
    canthi = float(np.linalg.norm(seen[OUTER_CANTHI[0], :2] - seen[OUTER_CANTHI[1], :2]))
    relative = float(residual.mean()) / canthi
    angles = angles_from_rotation(state.rotation)
    residual_mm = float(residual.mean()) / problem.frame(state, shape).px_per_mm
    if not np.isfinite(relative) or residual_mm > settings.max_residual_mm:
        raise FitFailed("The landmarks do not have the shape of a face.")
    warnings = []
    if abs(angles.yaw) > 45.0:
        warnings.append(f"The head is turned by {abs(angles.yaw):.0f} degrees: its far side is mostly guessed.")
    if abs(angles.pitch) > 30.0:
        warnings.append(f"The head is tilted by {abs(angles.pitch):.0f} degrees: the shape is less certain.")
    if canthi < 40.0:
        warnings.append(
            f"The face is small in the photo ({canthi:.0f} pixels between the outer corners of the eyes)."
        )
    return Fit(
        camera=camera,
        rotation=state.rotation,
        translation_mm=state.translation_mm,
        identity=state.identity,
        expression=state.expression,
        residual_px=residual,
        residual_relative=relative,
        iterations=iterations,
        warnings=tuple(warnings),
        focal_source="estimated" if estimated else "given",
        landmark=problem.basis.landmark,
    )
