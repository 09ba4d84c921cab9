"""Distance from a predicted mesh to the truth, FaceScape Table 1 (Sec. 5.3)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import MeshInvalid
from ..surface import Surface
from ..surface_places import SurfaceTree
from .face_crop import FEWEST_POINTS, SPREAD_COUNT, Crop
from .outer_points import has_counterpart, outer_points

Array = NDArray[np.float64]


class PointToSurface(NamedTuple):
    """Distances of one image.

    Attributes
    ----------
    points : (N, 3) on the aligned prediction, mm
    distances : (N,) mm, unsigned
    mean, std : mm, over the points of this image. The deviation that Table 1 prints is over images: the standard
        deviation of their means
    """

    points: Array
    distances: Array
    mean: float
    std: float


def point_to_surface(aligned: Surface, truth: Surface, crop: Crop, count: int = SPREAD_COUNT) -> PointToSurface:
    """Mean absolute distance from a prediction to a true surface, in the facial region.

    The paper does not say how the meshes are aligned, what the facial region is, nor which points are taken. Here
    the caller aligns (``now.now_distances`` gives an alignment), the region is NoW's sphere, and points are spread
    with equal density over the prediction's outside, so that its tessellation does not matter.

    Parameters
    ----------
    aligned : the prediction in the truth's frame, mm
    truth : mm
    crop : of ``face_crop.face_crop``
    count : about how many points

    Raises
    ------
    MeshInvalid : hardly any of the prediction lies over the truth inside the sphere
    """
    tree = SurfaceTree(truth)
    points = outer_points(aligned, tree, crop, count).points
    if len(points):
        near = tree.nearest(points)
        inside = has_counterpart(tree, near)
        points, distances = points[inside], near.distance[inside]
    if len(points) < FEWEST_POINTS:
        raise MeshInvalid(
            f"The prediction has {len(points)} points over the true face, fewer than {FEWEST_POINTS}."
        )
    return PointToSurface(points, distances, float(distances.mean()), float(distances.std()))
