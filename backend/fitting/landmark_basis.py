"""A face model at its landmarks: points and derivatives, with the jaw's landmarks sliding along the silhouette."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..errors import TopologyMismatch
from ..face_model.base import FaceModel
from ..mesh.landmark_schemes import IBUG68_FROM_478
from ..mesh.topology import LandmarkEmbedding
from .landmark_symmetry import IRIS_LEFT, IRIS_RIGHT, SKIN_LANDMARKS

Array = NDArray[np.float64]
# Outline from temple to temple below the eyes: what hides behind the cheek when the head turns.
JAW_LINE = (
    127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152,
    377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 356,
)  # fmt: skip
PATH_STEPS = 16
PATH_REACH = 0.65  # how far towards the middle line a silhouette point may move, as a share of the way
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
    landmark : (L,) indices into the 478
    model : FaceModel

    Raises
    ------
    TopologyMismatch
        The model knows too few landmarks.
    """

    def __init__(self, model: FaceModel) -> None:
        self.model = model
        embedding = usable_embedding(model)
        self.landmark = embedding.landmark
        rest = model.neutral(np.zeros(model.identity_dims))
        self._rows, paths, self._path_normals = _silhouette_paths(model, embedding, rest)
        self._vertices, local = np.unique(
            np.concatenate([embedding.vertices.ravel(), paths.ravel()]), return_inverse=True
        )
        self._corners = local[: embedding.vertices.size].reshape(-1, 3)
        self._paths = local[embedding.vertices.size :].reshape(paths.shape)
        self._weights = embedding.weights
        self._mean = rest[self._vertices]
        self._identity = model.identity_basis(self._vertices)
        self._identity_flat = self._identity.reshape(len(self._identity), -1)
        self.mean_points = np.einsum("lci,lc->li", self._mean[self._corners], self._weights)
        self._identity_at = _at(self._identity, self._corners, self._weights)

    def shape(
        self, identity: Array, expression: Array, rotation: Array, translation_mm: Array
    ) -> LandmarkShape:
        """Landmarks of a head in a pose: the pose only decides where the silhouette lies.

        The blendshapes' own dependence on the identity is in ``points`` but not in ``by_identity``: it is some
        percent of the identity's effect, and leaving it out costs Gauss-Newton a step at most.
        """
        corners, weights = self._slid(rotation, translation_mm)
        blendshapes = self.model.blendshapes(identity, self._vertices)
        vertices = self._mean + (identity @ self._identity_flat).reshape(-1, 3)
        vertices += np.tensordot(expression, blendshapes, 1)
        by_identity = self._identity_at.copy()
        by_identity[:, self._rows] = _at(self._identity, corners[self._rows], weights[self._rows])
        return LandmarkShape(
            np.einsum("lci,lc->li", vertices[corners], weights), by_identity, _at(blendshapes, corners, weights)
        )

    def _slid(self, rotation: Array, translation_mm: Array) -> tuple[NDArray[np.int64], Array]:
        """Corner ids (local) and weights (L, 3) with every hidden jaw point moved to the silhouette.

        A jaw landmark has a path over the cheek towards the middle line; it takes the first place on it that faces
        the camera, and stays where it is embedded while that place faces the camera.
        """
        corners, weights = self._corners.copy(), self._weights.copy()
        if not len(self._rows):
            return corners, weights
        towards = -(translation_mm @ rotation) - self._mean[self._paths]  # from the surface to the camera, model space
        facing = np.einsum("pki,pki->pk", self._path_normals, towards)
        facing /= np.linalg.norm(towards, axis=2)
        facing[:, -1] = 1.0
        first = (facing > 0.0).argmax(1)
        for k in np.flatnonzero(first):
            behind, front = facing[k, first[k] - 1], facing[k, first[k]]
            share = behind / (behind - front)
            row = self._rows[k]
            corners[row] = self._paths[k, first[k] - 1], self._paths[k, first[k]], self._paths[k, first[k]]
            weights[row] = 1.0 - share, share, 0.0
        return corners, weights


def usable_embedding(model: FaceModel) -> LandmarkEmbedding:
    """Those landmarks that the fit uses: all of the skin's and the two iris centres.

    A model without an embedding of its own is fitted by iBUG's 68 points, those that stand for one of the 478.
    """
    embedding = model.embedding
    if len(embedding.landmark) < MIN_LANDMARKS and len(model.ibug68.landmark):
        single = [k for k, i in enumerate(model.ibug68.landmark) if len(IBUG68_FROM_478[i]) == 1]
        scheme = np.array([IBUG68_FROM_478[model.ibug68.landmark[k]][0] for k in single], dtype=np.int64)
        embedding = LandmarkEmbedding(scheme, model.ibug68.vertices[single], model.ibug68.weights[single])
    chosen = (embedding.landmark < SKIN_LANDMARKS) | np.isin(embedding.landmark, (IRIS_RIGHT[0], IRIS_LEFT[0]))
    if chosen.sum() < MIN_LANDMARKS:
        raise TopologyMismatch(f"{model.name} knows {chosen.sum()} landmarks; at least {MIN_LANDMARKS} are needed.")
    return LandmarkEmbedding(*(values[chosen] for values in embedding))


def _at(values: Array, corners: NDArray[np.int64], weights: Array) -> Array:
    """(K, n, 3) per vertex to (K, L, 3) at barycentric places."""
    result = values[:, corners[:, 0]] * weights[:, 0, None]
    result += values[:, corners[:, 1]] * weights[:, 1, None]
    result += values[:, corners[:, 2]] * weights[:, 2, None]
    return result


def _silhouette_paths(
    model: FaceModel, embedding: LandmarkEmbedding, rest: Array
) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """Where the jaw's landmarks may slide.

    Returns
    -------
    rows (P,) of the embedding; vertex ids (P, PATH_STEPS) from the landmark towards the middle line, on the mean head;
    unit normals (P, PATH_STEPS, 3) there
    """
    rows = np.flatnonzero(np.isin(embedding.landmark, JAW_LINE))
    triangles = model.topology.triangles("skin")[0]
    normals = _vertex_normals(rest, triangles)
    front = np.flatnonzero((normals[:, 2] > -0.2) & (rest[:, 2] > rest[embedding.vertices[rows]][..., 2].min() - 15.0))
    start = np.einsum("lci,lc->li", rest[embedding.vertices[rows]], embedding.weights[rows])
    towards = np.stack([np.zeros(len(start)), 0.8 * start[:, 1]], 1) - start[:, :2]
    share = np.linspace(0.0, PATH_REACH, PATH_STEPS)
    places = start[:, None, :2] + share[:, None] * towards[:, None]
    # Of the nearest vertices in the frontal plane the foremost: the neck lies behind the jaw.
    near = front[cKDTree(rest[front, :2]).query(places, k=6)[1]]
    path = np.take_along_axis(near, rest[near, 2].argmax(-1)[..., None], -1)[..., 0]
    return rows, path, normals[path]


def _vertex_normals(vertices: Array, triangles: NDArray[np.int32]) -> Array:
    """(V, 3) area-weighted unit normals; zero where no triangle is."""
    corners = vertices[triangles]
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros_like(vertices)
    for column in range(3):
        for axis in range(3):
            total[:, axis] += np.bincount(triangles[:, column], face[:, axis], len(vertices))
    length = np.linalg.norm(total, axis=1, keepdims=True)
    result: Array = np.divide(total, length, out=np.zeros_like(total), where=length > 0)
    return result
