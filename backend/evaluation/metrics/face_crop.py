"""Points on the part of a surface that shows the face: NoW's sphere, and two ways to choose points within it."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import MeshInvalid
from ..surface import Surface, spread_points, triangle_areas
from ..surface_places import SurfaceTree

Array = NDArray[np.float64]
Sampling = Literal["vertices", "spread"]
SPREAD_COUNT = 5000
FEWEST_POINTS = 100
EYE_OUTER_RIGHT, EYE_INNER_RIGHT, EYE_INNER_LEFT, EYE_OUTER_LEFT, NOSE_BOTTOM = range(5)


class Crop(NamedTuple):
    """Sphere that bounds the face: centre (3,) and radius, mm."""

    centre: Array
    radius: float

    def contains(self, points: Array) -> NDArray[np.bool_]:
        """(N,) whether points (N, 3) lie inside."""
        return np.asarray(np.linalg.norm(points - self.centre, axis=-1) <= self.radius)


class SurfacePoints(NamedTuple):
    """Where a surface is measured.

    points (N, 3) mm; triangle (N,) of the surface that each lies on; normals (N, 3); weights (N,) shares of the
    area, summing to 1.
    """

    points: Array
    triangle: NDArray[np.int64]
    normals: Array
    weights: Array


def face_crop(seven: Array) -> Crop:
    """NoW's sphere around the face, by the seven points (7, 3) of case.NOW_LANDMARKS on the truth, mm."""
    bridge = (seven[EYE_INNER_RIGHT] + seven[EYE_INNER_LEFT]) / 2.0
    bottom = seven[NOSE_BOTTOM]
    eyes = float(np.linalg.norm(seven[EYE_OUTER_RIGHT] - seven[EYE_OUTER_LEFT]))
    return Crop(bottom + 0.3 * (bridge - bottom), 1.4 * (eyes + float(np.linalg.norm(bridge - bottom))) / 2.0)


def scan_points(
    truth: Surface, seven: Array, sampling: Sampling = "spread", count: int = SPREAD_COUNT
) -> SurfacePoints:
    """The points of a truth inside the crop that distances are measured from.

    Parameters
    ----------
    truth : mm, any frame
    seven : (7, 3) case.NOW_LANDMARKS on it, same frame
    sampling : "vertices" takes the scan's own, as NoW does: right for raw scans, whose vertices lie evenly.
        "spread" takes points at random with equal density: right for modelled heads, whose vertices crowd at lids,
        nostrils and lips and would count these many times
    count : about how many where spread

    Raises
    ------
    MeshInvalid : seven points of another shape, or hardly any surface around them
    """
    crop = face_crop(checked_seven(seven, "The truth"))
    if sampling == "vertices":
        found = vertices_within(truth, crop)
    else:
        found = spread_within(truth, crop, count)
    if len(found.points) < FEWEST_POINTS:
        raise MeshInvalid(
            f"The truth has {len(found.points)} points around its seven landmarks, fewer than {FEWEST_POINTS}."
        )
    return found


def checked_seven(seven: Array, what: str) -> Array:
    """(7, 3) float64 of an array of unknown quality, or MeshInvalid."""
    points = np.asarray(seven, np.float64)
    if points.shape != (7, 3) or not np.isfinite(points).all():
        raise MeshInvalid(f"{what} needs seven landmarks with three finite coordinates each.")
    return points


def vertices_within(surface: Surface, crop: Crop) -> SurfacePoints:
    """The surface's own vertices inside a sphere; those that no triangle uses are left out."""
    corner = surface.triangles.ravel()
    triangle = np.full(len(surface.vertices), -1, np.int64)
    triangle[corner[::-1]] = np.repeat(np.arange(len(surface.triangles)), 3)[::-1]  # the first that uses it
    third = np.repeat(triangle_areas(surface.vertices, surface.triangles) / 3.0, 3)
    area = np.bincount(corner, third, len(triangle))
    chosen = np.flatnonzero((area > 0.0) & crop.contains(surface.vertices))
    normals = SurfaceTree(surface).normals[chosen]
    return SurfacePoints(surface.vertices[chosen], triangle[chosen], normals, area[chosen] / area[chosen].sum())


def spread_within(surface: Surface, crop: Crop, count: int) -> SurfacePoints:
    """Points of equal density, about ``count``, on the part of a surface inside a sphere."""
    corner = surface.vertices[surface.triangles]
    middle = corner.mean(1)
    reach = np.linalg.norm(corner - middle[:, None], axis=2).max(1)
    near = np.flatnonzero(np.linalg.norm(middle - crop.centre, axis=1) <= crop.radius + reach)
    near = near[triangle_areas(surface.vertices, surface.triangles[near]) > 0.0]
    if not len(near):
        return SurfacePoints(np.empty((0, 3)), np.empty(0, np.int64), np.empty((0, 3)), np.empty(0))
    points, which = spread_points(Surface(surface.vertices, surface.triangles[near]), count)
    inside = crop.contains(points)
    points, triangle = points[inside], near[which[inside]]
    weights = np.ones(len(points)) / len(points)
    return SurfacePoints(points, triangle, SurfaceTree(surface).normals_at(triangle, points), weights)
