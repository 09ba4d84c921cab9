"""The NoW protocol (Sanyal et al. 2019) and its metrical variant (MICA, Sec. 5.1).

The true scan is cropped to a sphere around the face, the prediction is aligned by seven points and then so that the
squared distances from the scan's points to it become least, and those distances are the result: millimetres of the
scan, from the scan to the predicted surface. The metrical variant has no scale in either stage, so it sees whether
the head's size is right.

Against the program of the benchmark's authors, two things differ, neither in the minimum that is sought: the seven
points never align by a reflection (there they may), and the descent runs until it has settled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import MeshInvalid
from ..mesh.normals import vertex_normals
from .scan_alignment import refined
from .similarity import Similarity, similarity
from .surface import Surface, spread_points, triangle_areas
from .surface_places import SurfaceTree, angles_between, normals_at

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


class ScanPoints(NamedTuple):
    """Where a scan is measured.

    points (N, 3) mm; triangle (N,) of the scan that each lies on; normals (N, 3); weights (N,) shares of the area,
    summing to 1.
    """

    points: Array
    triangle: NDArray[np.int64]
    normals: Array
    weights: Array


class NowResult(NamedTuple):
    """One comparison.

    Attributes
    ----------
    distances : (N,) mm of the truth, unsigned, from the truth's points to the aligned prediction
    normal_degrees : (N,) true angle between the truth's normal and the prediction's at the nearest place
    measured : where on the truth (its own frame), with the share of the area that each point stands for
    alignment : from the prediction's frame to the truth's
    """

    distances: Array
    normal_degrees: Array
    measured: ScanPoints
    alignment: Similarity

    @property
    def points(self) -> Array:
        """(N, 3) points of the truth in its own frame, mm."""
        return self.measured.points


def face_crop(seven: Array) -> Crop:
    """NoW's sphere around the face, by the seven points (7, 3) of case.NOW_LANDMARKS on the truth, mm."""
    bridge = (seven[EYE_INNER_RIGHT] + seven[EYE_INNER_LEFT]) / 2.0
    bottom = seven[NOSE_BOTTOM]
    eyes = float(np.linalg.norm(seven[EYE_OUTER_RIGHT] - seven[EYE_OUTER_LEFT]))
    return Crop(bottom + 0.3 * (bridge - bottom), 1.4 * (eyes + float(np.linalg.norm(bridge - bottom))) / 2.0)


def scan_points(
    truth: Surface, seven: Array, sampling: Sampling = "spread", count: int = SPREAD_COUNT
) -> ScanPoints:
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
        found = _vertices_within(truth, crop)
    else:
        found = _spread_within(truth, crop, count)
    if len(found.points) < FEWEST_POINTS:
        raise MeshInvalid(
            f"The truth has {len(found.points)} points around its seven landmarks, fewer than {FEWEST_POINTS}."
        )
    return found


def now_distances(
    prediction: Surface,
    prediction_seven: Array,
    measured: ScanPoints,
    truth_seven: Array,
    *,
    metrical: bool = False,
) -> NowResult:
    """Align a prediction with a truth and measure from the truth's points to it.

    Parameters
    ----------
    prediction : any frame; in mm where metrical
    prediction_seven : (7, 3) case.NOW_LANDMARKS on it
    measured : of ``scan_points``
    truth_seven : (7, 3) the same landmarks on the truth, mm
    metrical : without scale, in both stages (MICA Sec. 5.1)

    Raises
    ------
    MeshInvalid : seven points of another shape or on one line, or meshes that cannot be aligned
    """
    start = similarity(
        checked_seven(prediction_seven, "The prediction"), checked_seven(truth_seven, "The truth"), not metrical
    )
    tree = SurfaceTree(prediction)
    alignment = refined(measured.points, tree, start, scaled=not metrical)
    near = tree.nearest(alignment.inverse().apply(measured.points))
    normals = alignment.turn(normals_at(prediction, near.triangle, near.place))
    return NowResult(
        near.distance * alignment.scale, angles_between(measured.normals, normals), measured, alignment
    )  # fmt: skip


def now_scores(relative: NowResult, metrical: NowResult) -> dict[str, float]:
    """NoW's and MICA's numbers of one image, mm, and the mean angle of normals over the area, degrees."""
    scores = {"now_normal_deg": float(relative.measured.weights @ relative.normal_degrees)}
    for name, result in (("now", relative), ("metrical", metrical)):
        scores[f"{name}_median"] = float(np.median(result.distances))
        scores[f"{name}_mean"] = float(result.distances.mean())
        scores[f"{name}_std"] = float(result.distances.std())
    return scores


def region_means(result: NowResult, regions: Mapping[str, NDArray[np.bool_]]) -> dict[str, float]:
    """Mean distance in every region of the truth that has points: "region_<name>" -> mm.

    regions : name -> (T,) bool over the truth's triangles
    """
    inside = {name: mask[result.measured.triangle] for name, mask in regions.items()}
    return {f"region_{name}": float(result.distances[mask].mean()) for name, mask in inside.items() if mask.any()}


def checked_seven(seven: Array, what: str) -> Array:
    """(7, 3) float64 of an array of unknown quality, or MeshInvalid."""
    points = np.asarray(seven, np.float64)
    if points.shape != (7, 3) or not np.isfinite(points).all():
        raise MeshInvalid(f"{what} needs seven landmarks with three finite coordinates each.")
    return points


def _vertices_within(truth: Surface, crop: Crop) -> ScanPoints:
    """The truth's own vertices; those that no triangle uses are left out."""
    corner = truth.triangles.ravel()
    triangle = np.full(len(truth.vertices), -1, np.int64)
    triangle[corner[::-1]] = np.repeat(np.arange(len(truth.triangles)), 3)[::-1]  # the first that uses it
    area = np.bincount(corner, np.repeat(triangle_areas(truth.vertices, truth.triangles) / 3.0, 3), len(triangle))
    chosen = np.flatnonzero((triangle >= 0) & crop.contains(truth.vertices))
    normals = vertex_normals(truth.vertices, truth.triangles)
    return ScanPoints(
        truth.vertices[chosen], triangle[chosen], normals[chosen], area[chosen] / max(area[chosen].sum(), 1e-300)
    )


def _spread_within(truth: Surface, crop: Crop, count: int) -> ScanPoints:
    """Points of equal density on the part of the truth inside the sphere."""
    touching = np.flatnonzero(crop.contains(truth.vertices)[truth.triangles].any(1))
    if not len(touching):
        return ScanPoints(np.empty((0, 3)), np.empty(0, np.int64), np.empty((0, 3)), np.empty(0))
    points, which = spread_points(Surface(truth.vertices, truth.triangles[touching]), count)
    inside = crop.contains(points)
    points, triangle = points[inside], touching[which[inside]]
    return ScanPoints(
        points, triangle, normals_at(truth, triangle, points), np.full(len(points), 1.0 / max(len(points), 1))
    )
