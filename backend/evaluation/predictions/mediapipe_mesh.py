"""The landmark network's own points as a mesh: what MediaPipe's face mesh gives without any face model.

The network is MediaPipe's, converted, and gives the same points. Its depth is relative, so the mesh stands in a
scaled orthographic camera; its size is that of the face model's mean face laid over the points, as MediaPipe's own
metric transform lays its canonical face.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from ...errors import TopologyMismatch
from ...face_model.base import FaceModel
from ...photo.landmark_sets import FACE_OVAL
from ..case import Prediction, WeakCamera
from ..metrics.similarity import similarity
from ..surface import checked_surface
from .photo_fits import SeenPhoto
from .read import SEVEN_OF_478

Array = NDArray[np.float64]
POINTS = 468  # without the irises, which lie on no surface
JAW_OPEN = 0.6  # of the layout: so far that no edge joins the lips across the line between them
AXIS_DEPTH_MM = 60.0  # how far behind the eyes the axis lies around which the layout is unrolled


def network_points(seen: SeenPhoto, model: FaceModel) -> Prediction:
    """The 468 points as a surface in their own weak camera.

    Raises TopologyMismatch where the face model does not know all of the points.
    """
    mean = _mean_points(model, jaw_open=0.0)
    width, height = seen.size
    points = seen.face.landmarks[:POINTS] * [1.0, -1.0, -1.0] + [0.0, height, 0.0]  # y up, z towards the camera
    scale = 1.0 / similarity(points, mean, scaled=True).scale
    vertices = points / scale
    triangles = _triangles(model)
    surface = checked_surface(vertices, triangles, "The landmark network's mesh")
    # u = cx + s x and v = cy - s y give the network's own pixels again.
    camera = WeakCamera(width, height, scale, 0.0, float(height))
    return Prediction(surface, camera, seven=vertices[list(SEVEN_OF_478)])


@cache
def _triangles(model: FaceModel) -> NDArray[np.int32]:
    """(898, 3) counter-clockwise from outside: a face without holes, eyes and mouth closed over.

    Delaunay's triangulation of the mean face with its mouth open, unrolled around a vertical axis, inside the oval.
    """
    points = _mean_points(model, JAW_OPEN)
    layout = np.stack([np.arctan2(points[:, 0], points[:, 2] + AXIS_DEPTH_MM) * 90.0, points[:, 1]], 1)
    triangles = Delaunay(layout).simplices.astype(np.int32)
    corner = layout[triangles]
    first, second = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    clockwise = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0] < 0.0
    triangles[clockwise] = triangles[clockwise][:, ::-1]
    inside: NDArray[np.int32] = triangles[_inside(layout[list(FACE_OVAL)], corner.mean(1))]
    return inside


def _inside(polygon: Array, points: Array) -> NDArray[np.bool_]:
    """(N,) whether points (N, 2) lie in a closed polygon (K, 2): crossings of a ray to the right are counted."""
    following = np.roll(polygon, -1, axis=0)
    x, y = points[:, :1], points[:, 1:]
    spans = (polygon[:, 1] > y) != (following[:, 1] > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (y - polygon[:, 1]) / (following[:, 1] - polygon[:, 1])
    crossed = spans & (x < polygon[:, 0] + share * (following[:, 0] - polygon[:, 0]))
    odd: NDArray[np.bool_] = crossed.sum(1) % 2 == 1
    return odd


def _mean_points(model: FaceModel, jaw_open: float) -> Array:
    """(468, 3) mm on the model's mean face."""
    embedding = model.embedding
    if not np.isin(np.arange(POINTS), embedding.landmark).all():
        raise TopologyMismatch(f"The face model {model.name} does not know all points of the landmark network.")
    rows: Any = np.argsort(embedding.landmark)[:POINTS]
    mean = np.zeros(model.identity_dims)
    points = embedding.points(model.neutral(mean))[rows]
    if jaw_open and "jawOpen" in model.blendshape_names:
        index = model.blendshape_names.index("jawOpen")
        points = points + jaw_open * embedding.points(model.blendshapes(mean)[index])[rows]
    result: Array = points
    return result
