"""Points on the outside of a predicted face that have a counterpart on the truth.

Measuring from a prediction to a truth needs care that the other direction does not: programs' meshes have eyeballs,
mouth cavities and backs of heads, and a scan ends somewhere. Points that nobody could see, and points whose nearest
place is where the scan ends, say nothing about shape.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..surface import Nearest, Surface
from ..surface_places import SurfaceTree
from .face_crop import SPREAD_COUNT, Crop, SurfacePoints, spread_within

Array = NDArray[np.float64]
CLEAR_MM = 0.1  # from where a ray starts, so that it does not hit the surface that it leaves


def outer_points(aligned: Surface, truth: SurfaceTree, crop: Crop, count: int = SPREAD_COUNT) -> SurfacePoints:
    """Points of equal density on the outside of a prediction, inside the face's sphere.

    A point is outside where nothing of the prediction lies before it, either along the truth's normal at its
    nearest place or along the truth's mean normal (below a nose the lip may block the first, the nose the second).

    Parameters
    ----------
    aligned : the prediction in the truth's frame, mm
    truth : with its search tree
    crop : of ``face_crop.face_crop``
    count : about how many points the sphere gets, those inside the mesh included
    """
    found = spread_within(aligned, crop, count)
    if not len(found.points):
        return found
    near = truth.nearest(found.points)
    outwards = truth.normals_at(near.triangle, near.place)
    forward = np.broadcast_to(outwards.mean(0), outwards.shape)
    free = ~_blocked(aligned, found.points, outwards) | ~_blocked(aligned, found.points, forward)
    weights = found.weights[free]
    return SurfacePoints(found.points[free], found.triangle[free], found.normals[free], weights / weights.sum())


def has_counterpart(truth: SurfaceTree, near: Nearest) -> NDArray[np.bool_]:
    """(N,) whether nearest places lie within a truth, and not on the border where it ends."""
    return np.asarray(~truth.on_open_border(near.triangle, near.place))


def _blocked(surface: Surface, points: Array, directions: Array) -> NDArray[np.bool_]:
    """(N,) whether a ray from each point along its direction meets the surface."""
    from embreex.mesh_construction import TriangleMesh
    from embreex.rtcore_scene import EmbreeScene

    unit = directions / np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-12)
    # Single precision is finest near zero.
    centre = points.mean(0)
    scene = EmbreeScene()
    TriangleMesh(scene, (surface.vertices - centre).astype(np.float32), surface.triangles)
    start = (points - centre + CLEAR_MM * unit).astype(np.float32)
    return np.asarray(scene.run(start, unit.astype(np.float32)) >= 0)
