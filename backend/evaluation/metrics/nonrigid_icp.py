"""Non-rigid ICP with an affine transform per vertex (Amberg et al. 2007), in the stages that REALY uses.

Every vertex i of a scan has an affine transform X_i (4 x 3). A step minimises

    a^2 sum_edges |(X_i - X_j) G|^2 + sum_i w_i |[v_i 1] X_i - u_i|^2 + k^2 sum_keypoints |[v_i 1] X_i - l_i|^2

(Amberg 2007, Eq. 11) with u_i the nearest target point, and moves the vertices; stiffness a falls stage by stage.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

Array = NDArray[np.float64]
STIFFNESS = 50.0
FIRST_STIFFNESS = 150.0  # of the step that only keypoints pull
FIRST_BALANCE = (2.0, 2.0, 3.0, 2.0)  # G of that step; else the identity
KEYPOINT_WEIGHT = 50.0
STAGES = 3
STEPS_PER_STAGE = 11
STEPS_WITHOUT_KEYPOINTS = 50
FARTHEST = 1.0  # in working units: targets nearer than this, or than twice the mean, pull
ANCHOR = 1e-8  # pull towards the identity, for parts of a scan that nothing else holds


class Keypoints(NamedTuple):
    """Vertices (K,) of the scan and where they should go, (K, 3)."""

    vertices: NDArray[np.int64]
    targets: Array


class _Pull(NamedTuple):
    """Weights (N,), already squared, and targets (N, 3) of a step."""

    weights: Array
    targets: Array


def deformed_onto(
    vertices: Array, triangles: NDArray[np.int32], targets: Array, keypoints: Keypoints | None
) -> Array:
    """Deform a scan onto points of another surface.

    Parameters
    ----------
    vertices : (N, 3) of the scan, in working units (REALY's are 9 mm long)
    triangles : (T, 3), whose edges hold neighbours together
    targets : (M, 3) points of the other surface; every step takes the nearest
    keypoints : pull first alone, then less and less beside the nearest points; None leaves that away

    Returns
    -------
    (N, 3) where the vertices end
    """
    laplacian = _laplacian(triangles, len(vertices))
    tree = cKDTree(targets)
    moved = vertices
    change = np.inf
    transforms = np.ones((4 * len(vertices), 3))
    steps = 0
    if keypoints is not None:
        pull = _keypoint_pull(keypoints, KEYPOINT_WEIGHT, len(vertices))
        moved, transforms, change = _step(moved, transforms, laplacian, FIRST_STIFFNESS, FIRST_BALANCE, [pull])
        steps = 1
    for stage in range(STAGES):
        stiffness = STIFFNESS * np.exp(-0.5 * stage)
        for _ in range(STEPS_WITHOUT_KEYPOINTS if keypoints is None else STEPS_PER_STAGE):
            if change <= 0.5**stage:
                break
            pulls = [_nearest_pull(moved, targets, tree)]
            if keypoints is not None:
                weight = KEYPOINT_WEIGHT * np.exp(-0.9 * steps) / 10.0
                pulls.append(_keypoint_pull(keypoints, weight, len(vertices)))
            moved, transforms, change = _step(moved, transforms, laplacian, stiffness, (1.0,) * 4, pulls)
            steps += 1
    return moved


def _laplacian(triangles: NDArray[np.int32], count: int) -> sparse.csc_matrix:
    """(N, N) graph Laplacian of the edges: M^T M of Amberg's incidence matrix."""
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), 1)
    first, second = np.unique(edges, axis=0).T
    ones = np.ones(len(first))
    adjacency = sparse.coo_matrix((ones, (first, second)), (count, count))
    adjacency = adjacency + adjacency.T
    return sparse.diags(np.asarray(adjacency.sum(1)).ravel()) - adjacency


def _nearest_pull(moved: Array, targets: Array, tree: cKDTree) -> _Pull:
    """To the nearest targets; those much farther than the others do not pull."""
    distance, index = tree.query(moved)
    return _Pull((distance < max(2.0 * distance.mean(), FARTHEST)).astype(np.float64), targets[index])


def _keypoint_pull(keypoints: Keypoints, weight: float, count: int) -> _Pull:
    """To the keypoints alone."""
    weights, targets = np.zeros(count), np.zeros((count, 3))
    weights[keypoints.vertices] = weight**2
    targets[keypoints.vertices] = keypoints.targets
    return _Pull(weights, targets)


def _step(
    moved: Array,
    before: Array,
    laplacian: sparse.csc_matrix,
    stiffness: float,
    balance: tuple[float, ...],
    pulls: list[_Pull],
) -> tuple[Array, Array, float]:
    """Moved vertices, transforms (4 N, 3), and by how much these changed against the step before (Frobenius)."""
    count = len(moved)
    rows = np.concatenate([moved, np.ones((count, 1))], 1)
    weights = sum((pull.weights for pull in pulls), np.zeros(count))
    wanted = sum((pull.weights[:, None] * pull.targets for pull in pulls), np.zeros((count, 3)))
    blocks = weights[:, None, None] * rows[:, :, None] * rows[:, None, :]
    data = sparse.bsr_matrix((blocks, np.arange(count), np.arange(count + 1)), shape=(4 * count, 4 * count))
    smooth = sparse.kron(laplacian, np.diag(stiffness**2 * np.square(balance)))
    matrix = (smooth + data + ANCHOR * sparse.eye(4 * count)).tocsc()
    anchor = ANCHOR * np.tile(np.eye(4, 3), (count, 1))
    right = (rows[:, :, None] * wanted[:, None, :]).reshape(4 * count, 3) + anchor
    factor = splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    transforms: Array = factor.solve(right)
    placed: Array = np.einsum("nk,nki->ni", rows, transforms.reshape(count, 4, 3))
    return placed, transforms, float(np.linalg.norm(transforms - before))
