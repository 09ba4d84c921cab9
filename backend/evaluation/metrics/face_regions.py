"""Regions of a face by its seven landmarks, for truths that come without regions of their own.

Drawn in the face's own plane with lengths taken from the person: every border is a share of a distance between two
of the seven points. An expression moves the borders with the corners of the mouth, as it should.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import MeshInvalid
from ..surface import Surface

Array = NDArray[np.float64]
REGIONS = ("nose", "eyes", "mouth", "forehead", "cheeks", "chin", "rest")


class FacePlane(NamedTuple):
    """The face's own frame: rows of ``axes`` are the subject's left, up and out of the face; ``origin`` between the
    eyes' corners, mm."""

    origin: Array
    axes: Array

    def of(self, points: Array) -> Array:
        """(..., 3) mm in this frame."""
        result: Array = (np.asarray(points, np.float64) - self.origin) @ self.axes.T
        return result


def face_plane(seven: Array) -> FacePlane:
    """The frame that seven landmarks span (case.NOW_LANDMARKS, (7, 3) mm).

    Raises MeshInvalid where they lie on one line.
    """
    right_outer, right_inner, left_inner, left_outer, _, mouth_right, mouth_left = np.asarray(seven, np.float64)
    origin = (right_outer + right_inner + left_inner + left_outer) / 4.0
    left = (left_outer - right_outer) + (left_inner - right_inner) + (mouth_left - mouth_right)
    up = origin - (mouth_right + mouth_left) / 2.0
    out = np.cross(left, up)
    if not np.linalg.norm(out) > 1e-6 * np.linalg.norm(left) * np.linalg.norm(up):
        raise MeshInvalid("The seven landmarks lie on one line: they tell no face's frame.")
    axes = np.stack([left, np.cross(out, left), out])
    return FacePlane(origin, axes / np.linalg.norm(axes, axis=1, keepdims=True))


def regions_of_points(points: Array, seven: Array) -> NDArray[np.int64]:
    """Which of REGIONS each point lies in, as an index.

    Parameters
    ----------
    points : (N, 3) mm on the face
    seven : (7, 3) case.NOW_LANDMARKS, same frame
    """
    plane = face_plane(seven)
    x, y = plane.of(points)[:, :2].T
    marks = plane.of(seven)[:, :2]
    tests = {
        "nose": _in_nose(x, y, marks),
        "eyes": _in_eye(x, y, marks[0], marks[1]) | _in_eye(x, y, marks[3], marks[2]),
        "mouth": _in_mouth(x, y, marks),
    }
    eye_width = (np.linalg.norm(marks[0] - marks[1]) + np.linalg.norm(marks[3] - marks[2])) / 2.0
    face_half = 0.75 * abs(marks[3, 0] - marks[0, 0])
    mouth_half = (marks[6, 0] - marks[5, 0]) / 2.0
    mouth_y = (marks[5, 1] + marks[6, 1]) / 2.0
    middle = np.abs(x - marks[:, 0].mean())
    tests["forehead"] = (y > 0.35 * eye_width) & (middle < face_half)
    tests["chin"] = (y < mouth_y) & (middle < 0.9 * mouth_half)
    tests["cheeks"] = (y <= 0.35 * eye_width) & (middle < face_half)
    label = np.full(len(points), REGIONS.index("rest"))
    # Later tests are for what earlier ones left.
    for name in reversed(tests):
        label[tests[name]] = REGIONS.index(name)
    return label


def face_regions(surface: Surface, seven: Array) -> dict[str, NDArray[np.bool_]]:
    """Name -> (T,) bool over a truth's triangles, by their centres; every triangle is in exactly one region."""
    label = regions_of_points(surface.vertices[surface.triangles].mean(1), seven)
    return {name: label == index for index, name in enumerate(REGIONS)}


def _in_nose(x: Array, y: Array, marks: Array) -> NDArray[np.bool_]:
    """A trapezoid from between the inner corners of the eyes down to the nose's bottom, widest at the wings."""
    inner = marks[2, 0] - marks[1, 0]
    top = (marks[1, 1] + marks[2, 1]) / 2.0 + 0.3 * inner
    bottom = marks[4, 1] - 0.08 * inner
    down = np.clip((top - y) / (top - bottom), 0.0, 1.0)
    axis = down * marks[4, 0] + (1.0 - down) * (marks[1, 0] + marks[2, 0]) / 2.0
    half = inner * (0.38 + 0.38 * down**1.5)
    return np.asarray((y < top) & (y > bottom) & (np.abs(x - axis) < half))


def _in_eye(x: Array, y: Array, outer: Array, inner: Array) -> NDArray[np.bool_]:
    """An ellipse around both lids."""
    centre, width = (outer + inner) / 2.0, float(np.linalg.norm(outer - inner))
    return np.asarray(((x - centre[0]) / (0.65 * width)) ** 2 + ((y - centre[1]) / (0.42 * width)) ** 2 < 1.0)


def _in_mouth(x: Array, y: Array, marks: Array) -> NDArray[np.bool_]:
    """Both lips and the skin between them and the nose: an ellipse whose upper end is the nose's bottom."""
    corner = (marks[5] + marks[6]) / 2.0
    half = 0.62 * float(np.linalg.norm(marks[6] - marks[5]))
    above = marks[4, 1] - corner[1]
    tall = np.where(y > corner[1], above, 0.75 * above)
    return np.asarray((np.abs(x - corner[0]) / half) ** 2.5 + (np.abs(y - corner[1]) / tall) ** 2.5 < 1.0)
