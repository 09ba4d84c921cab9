"""Flipped axes of a mesh without landmarks: it fits the true face badly as it stands, and well when turned back.

A mirrored face, or a head that shows its back because z pointed the other way, has proper normals and lies in the
right place. Only beside the truth can it be told: the prediction and its mirror images are moved in the camera's
frame, not turned, to where they fit best. It errs towards silence: a face that looks straight into the camera
hardly differs from its mirror image, nor the back of a whole head much from its front.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import MeshInvalid
from ..case import AnyCamera
from ..metrics.depth_alignment import aligned_depth
from ..surface import Surface, spread_points
from ..surface_places import SurfaceTree
from .placing import area_centre

Array = NDArray[np.float64]
FLIPS = {"x": (-1.0, 1.0, 1.0), "y": (1.0, -1.0, 1.0), "z": (1.0, 1.0, -1.0), "y and z": (1.0, -1.0, -1.0)}
TRUE_POINTS = 400
MOST_STEPS = 60
SETTLED_MM = 1e-2


class Doubt(NamedTuple):
    """How much it takes to believe that a mesh is flipped.

    good_fit_mm : median distance below which nothing else is tried
    better : share of a mesh's own median distance below which a flipped one must come
    most_beyond : share of the true points; where more lie beyond the mesh's open ends it may just lack a part
    """

    good_fit_mm: float
    better: float
    most_beyond: float


class _Misfit(NamedTuple):
    """Median distance from true points to a mesh, mm, and the share of them that lies beyond its open ends."""

    median_mm: float
    beyond: float


# Fits of 48 photographs come to 3.4 mm at most; their mirror images, turned by 35 degrees, start at 5 mm and more
# and end at .54 of it when they are turned back.
LITTLE_DOUBT = Doubt(3.5, 0.55, 0.4)
MUCH_DOUBT = Doubt(2.0, 0.8, 0.6)  # something else, such as landmarks beside the mesh, speaks against it already


def flipped_axes(truth: Surface, surface: Surface, camera: AnyCamera, doubt: Doubt = LITTLE_DOUBT) -> str | None:
    """Which axes ("x", "y and z", ...) of a prediction are flipped, or None where it is fine or merely bad.

    Parameters
    ----------
    truth, surface : in the camera's frame, mm; the prediction of ``placing.placed``
    camera : of the data
    """
    points = spread_points(truth, TRUE_POINTS)[0]
    as_it_is = _misfit(points, truth, surface, camera)
    if as_it_is.median_mm <= doubt.good_fit_mm or as_it_is.beyond > doubt.most_beyond:
        return None
    flipped = {
        axes: _misfit(points, truth, _flipped(surface, signs), camera).median_mm for axes, signs in FLIPS.items()
    }
    best = min(flipped, key=lambda axes: flipped[axes])
    return best if flipped[best] < doubt.better * as_it_is.median_mm else None


def _flipped(surface: Surface, signs: tuple[float, float, float]) -> Surface:
    """A surface mirrored about its own middle, its triangles still counter-clockwise seen from outside."""
    middle = area_centre(surface)
    vertices = (surface.vertices - middle) * signs + middle
    triangles = surface.triangles if np.prod(signs) > 0.0 else surface.triangles[:, ::-1]
    return Surface(np.ascontiguousarray(vertices), np.ascontiguousarray(triangles))


def _misfit(points: Array, truth: Surface, surface: Surface, camera: AnyCamera) -> _Misfit:
    """From true points to a surface that was moved in depth, then in all directions.

    Infinite where the surface does not cover the face at all.
    """
    try:
        surface, _ = aligned_depth(truth, surface, camera)
    except MeshInvalid:
        return _Misfit(float("inf"), 1.0)
    tree = SurfaceTree(surface)
    for _ in range(MOST_STEPS):
        near = tree.nearest(points)
        # The nearer half: hair, ears and rims have no partner.
        kept = near.distance <= np.median(near.distance)
        step = (near.place[kept] - points[kept]).mean(0)
        points = points + step
        if np.linalg.norm(step) < SETTLED_MM:
            break
    near = tree.nearest(points)
    return _Misfit(float(np.median(near.distance)), float(tree.on_open_border(near.triangle, near.place).mean()))
