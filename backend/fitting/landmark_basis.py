"""A face model at its landmarks: points and derivatives.

Jaw landmarks stay where they are embedded, also where the turned head hides them: this network places hidden
landmarks where the surface is, behind the silhouette. On renders turned by 30 to 42 degrees its far jaw is 5 mm off
with fixed places, and 12 to 18 mm off with places that slide along the silhouette, as networks trained on visible
contours need it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import TopologyMismatch
from ..face_model.base import FaceModel
from ..mesh.landmark_schemes import IBUG68_FROM_478
from ..mesh.topology import LandmarkEmbedding
from .landmark_symmetry import IRIS_LEFT, IRIS_RIGHT, SKIN_LANDMARKS

Array = NDArray[np.float64]
MIN_LANDMARKS = 40


class LandmarkShape(NamedTuple):
    """Model space, mm, at L landmarks: ``points`` (L, 3) and its derivatives ``by_identity`` (I, L, 3) and
    ``by_expression`` (E, L, 3)."""

    points: Array
    by_identity: Array
    by_expression: Array


class LandmarkBasis:
    """Evaluates a model at those of the 478 landmarks that it knows.

    Attributes
    ----------
    model : FaceModel
    landmark : (L,) indices into the 478
    mean_points : (L, 3) mm, of the mean neutral head

    Raises
    ------
    TopologyMismatch
        The model knows too few landmarks.
    """

    def __init__(self, model: FaceModel) -> None:
        self.model = model
        embedding = usable_embedding(model)
        self.landmark = embedding.landmark
        self._vertices, local = np.unique(embedding.vertices.astype(np.int64), return_inverse=True)
        self._local = LandmarkEmbedding(
            embedding.landmark, local.reshape(embedding.vertices.shape), embedding.weights
        )
        mean = model.neutral(np.zeros(model.identity_dims), self._vertices)
        self.mean_points = self._local.points(mean)
        self._by_identity = self._local.points(model.identity_basis(self._vertices))
        self._flat = self._by_identity.reshape(model.identity_dims, -1)

    def shape(self, identity: Array, expression: Array) -> LandmarkShape:
        """Landmarks of a head, (I,) standard deviations and (E,) weights.

        The blendshapes' own dependence on the identity is in ``points`` but not in ``by_identity``: it is some
        percent of the identity's effect, and leaving it out costs Gauss-Newton a step at most.
        """
        by_expression = self._local.points(self.model.blendshapes(identity, self._vertices))
        points = (
            self.mean_points + (identity @ self._flat).reshape(-1, 3) + np.tensordot(expression, by_expression, 1)
        )
        return LandmarkShape(points, self._by_identity, by_expression)


def part_of(embedding: LandmarkEmbedding, rows: NDArray[np.bool_] | NDArray[np.int64]) -> LandmarkEmbedding:
    """Some rows of an embedding."""
    return LandmarkEmbedding(embedding.landmark[rows], embedding.vertices[rows], embedding.weights[rows])


def usable_embedding(model: FaceModel) -> LandmarkEmbedding:
    """Those landmarks that the fit uses: all of the skin's and the two iris centres.

    A model without an embedding of its own is fitted by iBUG's 68 points, those that stand for one of the 478.

    Raises
    ------
    TopologyMismatch
        The model knows too few landmarks.
    """
    embedding = model.embedding
    if len(embedding.landmark) < MIN_LANDMARKS and len(model.ibug68.landmark):
        single = [k for k, i in enumerate(model.ibug68.landmark) if len(IBUG68_FROM_478[i]) == 1]
        scheme = np.array([IBUG68_FROM_478[model.ibug68.landmark[k]][0] for k in single], dtype=np.int64)
        embedding = LandmarkEmbedding(scheme, model.ibug68.vertices[single], model.ibug68.weights[single])
    chosen = (embedding.landmark < SKIN_LANDMARKS) | np.isin(embedding.landmark, (IRIS_RIGHT[0], IRIS_LEFT[0]))
    if chosen.sum() < MIN_LANDMARKS:
        raise TopologyMismatch(f"{model.name} knows {chosen.sum()} landmarks; at least {MIN_LANDMARKS} are needed.")
    return part_of(embedding, chosen)
