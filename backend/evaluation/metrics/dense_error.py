"""Dense errors of Beyond 3DMM (Sec. 7.2): NME with shared correspondence, DACE without.

Both are aligned with scale, and are fractions of the distance between the outer corners of the eyes. The paper's
tables give percent.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import MeshInvalid, TopologyMismatch
from ..surface import Nearest, Surface
from ..surface_places import SurfaceTree, angles_between
from .face_crop import FEWEST_POINTS, SPREAD_COUNT, Crop
from .outer_points import has_counterpart, outer_points
from .similarity import IDENTITY, Similarity, similarity

Array = NDArray[np.float64]
MOST_STEPS = 100
SETTLED = 1e-6  # relative change of the mean distance at which an iteration ends
EXACT_MM = 1e-8  # mean distance at which nothing is left to gain
RELIABLE_MM = 10.0
RELIABLE_DEGREES = 45.0
NEARLY_TOUCHING_MM = 1e-3  # distances below it do not raise a weight further


class DenseError(NamedTuple):
    """One comparison without shared correspondence.

    Attributes
    ----------
    dace : fraction of the outer inter-ocular distance
    distances : (N,) mm, of the points in C
    points : (N, 3) these points on the aligned prediction, mm
    share : of the prediction's points, how many are in C: what the error does not speak of is the rest
    alignment : from the prediction's frame to the truth's
    """

    dace: float
    distances: Array
    points: Array
    share: float
    alignment: Similarity


def least_distance_similarity(source: Array, target: Array) -> Similarity:
    """The similarity that minimises sum |f R v_k + t - v*_k|, not squared: Beyond 3DMM Eq. (18).

    Weiszfeld's iteration: least squares with every pair weighted by the inverse of its distance.

    Parameters
    ----------
    source, target : (K, 3) corresponding points, mm

    Raises
    ------
    MeshInvalid : shapes differ, points not finite or on one line
    """
    aligned = similarity(source, target, scaled=True)
    before = np.inf
    for _ in range(MOST_STEPS):
        distance = np.linalg.norm(aligned.apply(source) - target, axis=1)
        total = float(distance.sum())
        if before - total <= max(SETTLED * total, EXACT_MM * len(source)):
            break
        before = total
        weights = 1.0 / np.maximum(distance, NEARLY_TOUCHING_MM)
        aligned = similarity(source, target, scaled=True, weights=weights)
    return aligned


def normalised_mean_error(
    predicted: Array, true: Array, outer_eye_distance: float, face: NDArray[np.bool_] | None = None
) -> float:
    """NME, Beyond 3DMM Eq. (19): mean distance of corresponding vertices, over the outer inter-ocular distance.

    Parameters
    ----------
    predicted, true : (V, 3) vertices of one topology, mm; the frames may differ
    outer_eye_distance : of the truth, mm
    face : (V,) which vertices make up the face and count; None takes all

    Raises
    ------
    TopologyMismatch : the vertices do not correspond
    MeshInvalid : points not finite, or no eye distance
    """
    if predicted.shape != true.shape:
        raise TopologyMismatch(
            f"Vertices correspond where both meshes share one topology: there are {len(predicted)} and {len(true)}."
        )
    chosen = slice(None) if face is None else face
    source, target = predicted[chosen], true[chosen]
    moved = least_distance_similarity(source, target).apply(source)
    return float(np.linalg.norm(moved - target, axis=1).mean()) / _checked(outer_eye_distance)  # Eq. (19)


def densely_aligned_error(
    prediction: Surface,
    start: Similarity,
    truth: Surface,
    crop: Crop,
    outer_eye_distance: float,
    count: int = SPREAD_COUNT,
) -> DenseError:
    """DACE, Beyond 3DMM Eq. (20): from predicted points to the nearest place on the raw scan.

    A point belongs to C where, after ICP, its nearest place is nearer than 10 mm, the normals differ by less than
    45 degrees and the scan does not end there (the paper has such thresholds and does not print them). Eq. (18) is
    solved over these pairs, and the distances are measured anew. The pairs are not looked up again and again: with
    the scale free and the nearest places following, meshes shrink step by step towards whatever fits best.

    Points are spread evenly over the prediction's outside in NoW's sphere; the nearest neighbour is taken on the
    scan's surface, not among its vertices, so that neither mesh's density matters.

    Parameters
    ----------
    prediction : any frame
    start : from its frame to the truth's, with scale, where ICP ends: the alignment of ``now.now_distances``
    truth : raw scan, mm
    crop : of ``face_crop.face_crop`` on the truth
    outer_eye_distance : of the truth, mm
    count : about how many points

    Raises
    ------
    MeshInvalid : hardly any reliable correspondence
    """
    tree = SurfaceTree(truth)
    found = outer_points(start.apply_to(prediction), tree, crop, count)
    near, reliable = _correspondences(IDENTITY, found.points, found.normals, tree)
    aligned = least_distance_similarity(found.points[reliable], near.place[reliable])
    near, reliable = _correspondences(aligned, found.points, found.normals, tree)
    distances = near.distance[reliable]
    return DenseError(
        float(distances.mean()) / _checked(outer_eye_distance),  # Beyond 3DMM Eq. (20)
        distances,
        aligned.apply(found.points[reliable]),
        float(reliable.mean()),
        aligned.after(start),
    )


def _correspondences(
    aligned: Similarity, points: Array, normals: Array, tree: SurfaceTree
) -> tuple[Nearest, NDArray[np.bool_]]:
    """Nearest places of moved points, and which of them are in C."""
    near = tree.nearest(aligned.apply(points)) if len(points) else None
    if near is not None:
        angle = angles_between(aligned.turn(normals), tree.normals_at(near.triangle, near.place))
        reliable = (near.distance < RELIABLE_MM) & (angle < RELIABLE_DEGREES) & has_counterpart(tree, near)
        if reliable.sum() >= FEWEST_POINTS:
            return near, reliable
    raise MeshInvalid(f"Fewer than {FEWEST_POINTS} points of the prediction correspond to the truth reliably.")


def _checked(outer_eye_distance: float) -> float:
    if not (np.isfinite(outer_eye_distance) and outer_eye_distance > 0.0):
        raise MeshInvalid(f"The distance between the eyes' outer corners cannot be {outer_eye_distance} mm.")
    return float(outer_eye_distance)
