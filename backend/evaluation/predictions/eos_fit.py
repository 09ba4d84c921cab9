"""eos's fit (Huber et al. 2016) as a baseline: 68 landmarks, scaled orthographic camera, alternating linear solves.

The package eos-py ships no face model, and the one that its authors offer has other terms of use, so eos is given
ours: what is compared is how a model is fitted, not which model. It sees the identity modes and blendshapes at the
68 landmarks, which loses nothing that a landmark fit looks at, and its coefficients are carried to the whole head.
Expressions are given as principal components too: eos solves for blendshapes without any prior, and 52 of them
fitted to 68 points reach weights of 8, which would be no fair opponent.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import MissingDependency
from ...face_model.base import FaceModel, HeadGeometry
from ...fitting.coarse import FitSettings
from ...photo.landmark_sets import ibug68
from ..case import Prediction, WeakCamera
from .photo_fits import Posed, SeenPhoto, head_prediction

Array = NDArray[np.float64]


class _EosModel(NamedTuple):
    """eos's own object, and what carries its coefficients to the face model's: (I, K) and (E, K) matrices."""

    model: Any
    to_identity: Array
    to_expression: Array


def require_eos() -> None:
    """Raise MissingDependency unless eos-py is installed."""
    if importlib.util.find_spec("eos") is None:
        raise MissingDependency("The baseline eos needs eos-py: install it with 'pip install eos-py'.")


def eos_fit(seen: SeenPhoto, model: FaceModel) -> Prediction:
    """Fit with eos's own settings. Raises MissingDependency."""
    require_eos()
    import eos

    prepared = _eos_model(model)
    points = ibug68(seen.face.landmarks)[:, :2]
    landmarks = [eos.core.Landmark(str(k), point.astype(np.float32)) for k, point in enumerate(points)]
    width, height = seen.size
    _, rendering, shape, expression = eos.fitting.fit_shape_and_pose(
        prepared.model, landmarks, eos.core.LandmarkMapper(), width, height
    )
    identity = prepared.to_identity @ np.asarray(shape, np.float64)
    rotation, translation, camera = _camera(rendering, width, height)
    head = HeadGeometry(model.neutral(identity), model.blendshapes(identity))
    weights = prepared.to_expression @ np.asarray(expression, np.float64)
    return head_prediction(model, Posed(camera, rotation, translation, weights), head)


@cache
def _eos_model(model: FaceModel) -> _EosModel:
    """The face model at its 68 landmarks, in eos's terms: orthonormal bases and variances."""
    import eos

    zero = np.zeros(model.identity_dims)
    points = model.ibug68.points
    identity = points(model.identity_basis()).reshape(model.identity_dims, -1)
    expression = points(model.blendshapes(zero)).reshape(len(model.blendshape_names), -1)
    mean = points(model.neutral(zero)).reshape(-1)
    shapes, to_identity = _components(mean, identity)
    expressions, to_expression = _components(np.zeros_like(mean), FitSettings().expression_sd * expression)
    made = eos.morphablemodel.MorphableModel(
        shapes, expressions, eos.morphablemodel.PcaModel(), {str(k): k for k in range(len(model.ibug68.landmark))}
    )
    return _EosModel(made, to_identity, FitSettings().expression_sd * to_expression)


def _components(mean: Array, modes: Array) -> tuple[Any, Array]:
    """eos's PCA model of modes (K, 3 L) of standard deviation 1, and the matrix back to their coefficients."""
    import eos

    basis, spread, mixture = np.linalg.svd(modes.T, full_matrices=False)
    kept = spread > 1e-6 * spread[0]
    model = eos.morphablemodel.PcaModel(mean, basis[:, kept], spread[kept] ** 2, [[0, 1, 2]])
    return model, mixture[kept].T


def _camera(rendering: Any, width: int, height: int) -> tuple[Array, Array, WeakCamera]:
    """Rotation, translation in mm and camera from eos's model-view and projection matrices (OpenGL, y up)."""
    view = np.array(rendering.get_modelview(), np.float64)
    projection = np.array(rendering.get_projection(), np.float64)
    scale = 0.5 * width * projection[0, 0]
    cx = 0.5 * width * (1.0 + projection[0, 3])
    cy = 0.5 * height * (1.0 - projection[1, 3])
    return view[:3, :3], view[:3, 3], WeakCamera(width, height, scale, cx, cy)
