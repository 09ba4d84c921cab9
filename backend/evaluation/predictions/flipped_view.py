"""Flipped axes of a mesh without landmarks: it fits the true face badly as it stands, and well when turned back.

A mirrored face, or a head that shows its back because z pointed the other way, has proper normals and lies in the
right place. Only beside the truth can it be told: the prediction and its mirror images are moved in the camera's
frame, not turned, to where they fit best. It errs towards silence: a face that looks straight into the camera
hardly differs from its mirror image, nor the back of a whole head much from its front.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ...errors import MeshInvalid
from ..case import AnyCamera
from ..metrics.depth_alignment import aligned_depth
from ..surface import Surface, spread_points
from .placing import area_centre

Array = NDArray[np.float64]
FLIPS = {"x": (-1.0, 1.0, 1.0), "y": (1.0, -1.0, 1.0), "z": (1.0, 1.0, -1.0), "y and z": (1.0, -1.0, -1.0)}
GOOD_FIT_MM = 5.0  # median distance below which nothing else is tried
BETTER = 0.45  # of a mesh's own median distance, below which a flipped one must come to be believed
TRUE_POINTS, SURFACE_POINTS = 400, 12000
STEPS = 12


def flipped_axes(truth: Surface, surface: Surface, camera: AnyCamera) -> str | None:
    """Which axes ("x", "y and z", ...) of a prediction are flipped, or None where it is fine or merely bad.

    Parameters
    ----------
    truth, surface : in the camera's frame, mm; the prediction of ``placing.placed``
    camera : of the data
    """
    points = spread_points(truth, TRUE_POINTS)[0]
    as_it_is = _misfit(points, truth, surface, camera)
    if as_it_is <= GOOD_FIT_MM:
        return None
    flipped = {axes: _misfit(points, truth, _flipped(surface, signs), camera) for axes, signs in FLIPS.items()}
    best = min(flipped, key=lambda axes: flipped[axes])
    return best if flipped[best] < BETTER * as_it_is else None


def _flipped(surface: Surface, signs: tuple[float, float, float]) -> Surface:
    """A surface mirrored about its own middle, its triangles still counter-clockwise seen from outside."""
    middle = area_centre(surface)
    vertices = (surface.vertices - middle) * signs + middle
    triangles = surface.triangles if np.prod(signs) > 0.0 else surface.triangles[:, ::-1]
    return Surface(np.ascontiguousarray(vertices), np.ascontiguousarray(triangles))


def _misfit(points: Array, truth: Surface, surface: Surface, camera: AnyCamera) -> float:
    """Median distance, mm, from true points to a surface that was moved in depth, then in all directions.

    Infinite where the surface does not cover the face at all.
    """
    try:
        surface, _ = aligned_depth(truth, surface, camera)
    except MeshInvalid:
        return float("inf")
    near = cKDTree(spread_points(surface, SURFACE_POINTS)[0])
    for _ in range(STEPS):
        distance, nearest = near.query(points)
        # The nearer half: hair, ears and rims have no partner.
        kept = distance <= np.median(distance)
        points = points + (near.data[nearest[kept]] - points[kept]).mean(0)
    return float(np.median(near.query(points)[0]))
