"""What our own programs make of a data set's photograph: our fit, and the baselines that share its first steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import MissingDependency
from ...face_model.base import FaceModel, HeadGeometry
from ...face_model.load import load_face_model
from ...fitting.camera import Camera
from ...fitting.coarse import Fit, FitSettings, fit_landmarks
from ...head.scale import estimate_scale
from ...photo.landmarks import Face, LandmarkDetector
from ...photo.load import load_photo
from ..case import AnyCamera, Case, Prediction
from ..surface import Surface, checked_surface
from .read import OUTSIDE, SEVEN_OF_478, keypoints_of_68

Array = NDArray[np.float64]
# Standard deviation so small that what it belongs to stays at the mean.
HELD = 1e-4
# A mean person misses the landmarks by more than a fitted one: that is no sign of a wrong face.
MEAN_IDENTITY = FitSettings(identity_weight=HELD**-2, max_residual_mm=20.0)


class SeenPhoto(NamedTuple):
    """The face that the landmark network found in a photograph of (width, height) pixels.

    ``focal_px`` is None where nobody knows it.
    """

    face: Face
    size: tuple[int, int]
    focal_px: float | None


class Posed(NamedTuple):
    """How a head stands before a camera: X_camera = rotation @ X_head + translation_mm; expression (E,) weights."""

    camera: AnyCamera
    rotation: Array
    translation_mm: Array
    expression: Array


@dataclass(frozen=True)
class FaceTools:
    """Face model and landmark networks, loaded when they are first used. ``model_file``: None for the built-in."""

    model_file: Path | None = None

    @cached_property
    def model(self) -> FaceModel:
        """Raises ModelFileInvalid."""
        return load_face_model(self.model_file)

    @cached_property
    def detector(self) -> LandmarkDetector:
        """Raises MissingDependency, ModelFileInvalid."""
        return LandmarkDetector(threads=1)


@cache
def face_tools(model_file: Path | None) -> FaceTools:
    """One set of tools for each process."""
    return FaceTools(model_file)


def see_photo(case: Case, tools: FaceTools, known_focal: bool) -> SeenPhoto:
    """Look for the largest face in a case's photograph.

    Parameters
    ----------
    known_focal : take the focal length of the data's camera, where that is a pinhole, instead of what the photo's
        EXIF says or the fit estimates

    Raises
    ------
    PhotoUnreadable : also where the case has no photograph
    NoFaceFound, MissingDependency, ModelFileInvalid
    """
    if case.image is None:
        raise MissingDependency(f"The data set has no photograph of {case.id}.")
    photo = load_photo(case.image)
    height, width = photo.pixels.shape[:2]
    focal = photo.focal_px
    if known_focal and isinstance(case.camera, Camera):
        focal = case.camera.fx * width / case.camera.width
    return SeenPhoto(tools.detector.faces(photo.pixels)[0], (width, height), focal)


def our_fit(seen: SeenPhoto, model: FaceModel) -> Prediction:
    """What ``facewright reconstruct`` fits, in its real size, without textures. Raises FitFailed."""
    fit = _fit(seen, model, FitSettings())
    factor = estimate_scale(model, fit, seen.face.iris).factor
    head = model.head(fit.identity)
    pose = Posed(fit.camera, fit.rotation, fit.translation_mm * factor, fit.expression)
    return head_prediction(model, pose, HeadGeometry(head.neutral * factor, head.blendshapes * factor))


def mean_face(seen: SeenPhoto, model: FaceModel) -> Prediction:
    """The model's mean face without expression in the pose that suits the landmarks best. Raises FitFailed."""
    settings = replace(
        MEAN_IDENTITY, expression_sd=HELD, asymmetry_sd=HELD, overlay_expression_sd=HELD, overlay_gaze_sd=HELD
    )
    fit = _fit(seen, model, settings)
    return _mean_prediction(model, fit, np.zeros_like(fit.expression))


def mean_identity(seen: SeenPhoto, model: FaceModel) -> Prediction:
    """The model's mean person with the photograph's fitted expression. Raises FitFailed."""
    fit = _fit(seen, model, MEAN_IDENTITY)
    return _mean_prediction(model, fit, fit.expression)


def head_prediction(model: FaceModel, pose: Posed, head: HeadGeometry) -> Prediction:
    """A fitted head as every other program's: skin and eyeballs, posed and without expression.

    All vertices of the model are kept, in its order: errors vertex by vertex need it.
    """
    triangles = np.concatenate([model.topology.triangles(name)[0] for name in OUTSIDE])
    rows = [int(np.flatnonzero(model.embedding.landmark == index)[0]) for index in SEVEN_OF_478]
    posed = head.neutral + np.tensordot(pose.expression, head.blendshapes, 1)
    posed = posed @ pose.rotation.T + pose.translation_mm
    return Prediction(
        surface=checked_surface(posed, triangles, "The fitted head"),
        camera=pose.camera,
        neutral=Surface(head.neutral, triangles),
        seven=model.embedding.points(posed)[rows],
        neutral_seven=model.embedding.points(head.neutral)[rows],
        keypoints=keypoints_of_68(model.ibug68, head.neutral),
    )


def _fit(seen: SeenPhoto, model: FaceModel, settings: FitSettings) -> Fit:
    return fit_landmarks(model, seen.face.landmarks, seen.face.iris, seen.size, seen.focal_px, settings)


def _mean_prediction(model: FaceModel, fit: Fit, expression: Array) -> Prediction:
    """The mean person in a fit's pose, at the model's own size."""
    mean = np.zeros(model.identity_dims)
    pose = Posed(fit.camera, fit.rotation, fit.translation_mm, expression)
    return head_prediction(model, pose, HeadGeometry(model.neutral(mean), model.blendshapes(mean)))
