"""The 478 landmarks of one face model carried over to another topology."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from ..mesh.closest_point import closest_on_mesh
from ..mesh.landmark_schemes import IBUG68_FROM_478
from ..mesh.topology import LandmarkEmbedding
from .base import FaceModel

MESH_LANDMARKS = 468  # those behind it are the irises
# iBUG points whose place is well defined on any face: chin, nose, eyes, lips; not the jaw line and the brows' run.
_STEADY_IBUG = (8, *range(17, 68))


def subset_of_478(ibug68: LandmarkEmbedding) -> LandmarkEmbedding:
    """Those of the 478 landmarks that iBUG's scheme names one to one (jaw points that average two are left out)."""
    single = [k for k, indices in enumerate(IBUG68_FROM_478) if len(indices) == 1]
    landmark = np.array([IBUG68_FROM_478[k][0] for k in single])
    order = np.argsort(landmark)
    rows = np.array(single)[order]
    return LandmarkEmbedding(landmark[order], ibug68.vertices[rows], ibug68.weights[rows])


def transferred_embedding(
    reference: FaceModel,
    neutral: NDArray[np.float64],
    triangles: NDArray[np.integer[Any]],
    ibug68: LandmarkEmbedding | None = None,
    irises: bool = True,
) -> LandmarkEmbedding:
    """Landmarks of ``reference`` on another mesh: its mean head's landmark points, moved to the nearest surface.

    Parameters
    ----------
    reference : the model whose landmarks are carried over
    neutral : (V, 3) mm, the other model's mean head
    triangles : (T, 3) the faces that may bear landmarks
    ibug68 : the other model's 68 landmarks, where its mean head is another one: the points are then first bent by a
        thin plate spline that brings the reference's 68 to these
    irises : whether the other model has eyes
    """
    mean = reference.neutral(np.zeros(reference.identity_dims))
    embedding = reference.embedding
    if not irises:
        skin = embedding.landmark < MESH_LANDMARKS
        embedding = LandmarkEmbedding(embedding.landmark[skin], embedding.vertices[skin], embedding.weights[skin])
    points = embedding.points(mean)
    if ibug68 is not None:
        steady = list(_STEADY_IBUG)
        source, target = reference.ibug68.points(mean)[steady], ibug68.points(neutral)[steady]
        points = RBFInterpolator(source, target, kernel="thin_plate_spline", smoothing=1.0)(points)
    triangle, weights, _ = closest_on_mesh(points, neutral, triangles)
    return LandmarkEmbedding(embedding.landmark.copy(), triangles[triangle].astype(np.int64), weights)
