"""Pairs of surfaces made by formulas, for FaceScape's protocol: the benchmark's own code has scored the same."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from facewright.evaluation.case import AnyCamera, WeakCamera
from facewright.evaluation.metrics.facescape import FaceScapeResult, facescape_scores
from facewright.evaluation.surface import Surface, checked_surface
from facewright.fitting.camera import Camera
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Array = NDArray[np.float64]


def lumpy_head(
    rows: int,
    columns: int,
    *,
    width_mm: float = 75.0,
    nose_mm: float = 20.0,
    lumps_mm: float = 2.0,
    brim_mm: float = 0.0,
) -> tuple[Array, NDArray[np.int64]]:
    """An egg with a nose, waves and, on request, the brim of a hat: vertices in the head frame, mm; triangles."""
    polar, around = np.meshgrid(np.linspace(0.02, np.pi - 0.02, rows), circle(columns))
    x, y, z = np.sin(polar) * np.sin(around), np.cos(polar), np.sin(polar) * np.cos(around)
    outwards = 1.0 + lumps_mm / 90.0 * np.sin(9.0 * around) * np.sin(7.0 * polar)
    vertices = np.stack([width_mm * x, 115.0 * y, 95.0 * z], -1) * outwards[..., None]
    vertices[..., 2] += nose_mm * np.exp(-((x / 0.18) ** 2) - ((y + 0.1) / 0.22) ** 2) * (z > 0)
    brim = 1.0 + brim_mm / 95.0 * (np.abs(y - 0.6) < 0.06)
    vertices[..., [0, 2]] *= brim[..., None]
    return vertices.reshape(-1, 3), closed_strip(rows, columns)


def tube(
    rows: int, columns: int, *, radius_mm: float = 80.0, half_height_mm: float = 100.0
) -> tuple[Array, NDArray[np.int64]]:
    """An open tube around the head's axis, outside out: vertices in the head frame, mm; triangles."""
    height, around = np.meshgrid(np.linspace(half_height_mm, -half_height_mm, rows), circle(columns))
    vertices = np.stack([radius_mm * np.sin(around), height, radius_mm * np.cos(around)], -1)
    return vertices.reshape(-1, 3), closed_strip(rows, columns)


def circle(columns: int) -> Array:
    """(columns,) angles of a full circle, radians."""
    angles: Array = np.arange(columns) * 2.0 * np.pi / columns
    return angles


def closed_strip(rows: int, columns: int) -> NDArray[np.int64]:
    """Triangles of vertices numbered down the columns of a map whose last column meets the first."""
    number = np.arange(rows * columns).reshape(columns, rows)
    following = np.roll(number, -1, axis=0)
    cell = number[:, :-1], number[:, 1:], following[:, 1:], following[:, :-1]
    a, b, c, d = (corner.reshape(-1) for corner in cell)
    return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


def without(vertices: Array, triangles: NDArray[np.int64], hole: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The triangles that have no vertex in a hole (V,)."""
    return triangles[~hole[triangles].any(1)]


class Pair(NamedTuple):
    """Truth and prediction in the camera's frame, and where the true head is."""

    truth: Surface
    predicted: Surface
    camera: AnyCamera
    head_centre: Array
    head_rotation: Array

    def scores(self, **settings: float) -> FaceScapeResult:
        return facescape_scores(*self, **settings)


def turned(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> Array:
    return Rotation.from_euler("yxz", [yaw, pitch, roll], degrees=True).as_matrix()


WEAK = WeakCamera(256, 256, 128.0 / 125.0, 128.0, 128.0)
LAB = Camera.centred((256, 256), 600.0)


def whole_heads() -> Pair:
    """Orthography, closed surfaces of different meshes, 40 mm apart in depth."""
    centre, rotation = np.array([3.0, -2.0, -260.0]), turned(5.0, 3.0)
    (true, faces), (guess, others) = lumpy_head(160, 200), lumpy_head(90, 110, width_mm=72.0, nose_mm=17.0)
    return Pair(
        checked_surface(true @ rotation.T + centre, faces, "truth"),
        checked_surface(guess @ rotation.T + centre + [0.0, 0.0, 40.0], others, "guess"),
        WEAK, centre, rotation,
    )  # fmt: skip


def masks() -> Pair:
    """Perspective, open surfaces with a hole, the guess turned by 3 degrees and moved sideways and back."""
    centre, rotation = np.array([-4.0, 6.0, -640.0]), turned(-20.0, 5.0, 4.0)
    true, faces = lumpy_head(150, 180)
    guess, others = lumpy_head(120, 140, lumps_mm=4.0, nose_mm=24.0)
    faces = without(true, faces, true[:, 2] < 10.0)
    others = without(
        guess, others, (guess[:, 2] < 25.0) | (np.hypot(guess[:, 0] + 30.0, guess[:, 1] - 25.0) < 12.0)
    )
    return Pair(
        checked_surface(true @ rotation.T + centre, faces, "truth"),
        checked_surface(guess @ (rotation @ turned(3.0)).T + centre + [4.0, 0.0, -55.0], others, "guess"),
        LAB, centre, rotation,
    )  # fmt: skip


def hats() -> Pair:
    """Perspective, half a profile; brims tear the maps, and one looks into the back of the guess, a mask."""
    centre, rotation = np.array([0.0, 10.0, -620.0]), turned(62.0, -8.0)
    true, faces = lumpy_head(170, 170, brim_mm=28.0)
    guess, others = lumpy_head(130, 150, brim_mm=22.0, width_mm=78.0)
    others = without(guess, others, (guess[:, 2] < -20.0) | (guess[:, 0] > 40.0))
    return Pair(
        checked_surface(true @ rotation.T + centre, faces, "truth"),
        checked_surface(guess @ rotation.T + centre + [0.0, 3.0, 30.0], others, "guess"),
        LAB, centre, rotation,
    )  # fmt: skip


def profile() -> Pair:
    """Orthography, 80 degrees, a mask that is seen from behind in part, rolled."""
    centre, rotation = np.array([-10.0, 0.0, -250.0]), turned(80.0, 0.0, 12.0)
    true, faces = lumpy_head(140, 160)
    guess, others = lumpy_head(100, 120, lumps_mm=1.0, width_mm=70.0)
    others = without(guess, others, guess[:, 2] < 0.0)
    return Pair(
        checked_surface(true @ rotation.T + centre, faces, "truth"),
        checked_surface(1.02 * guess @ rotation.T + centre + [2.0, -3.0, 20.0], others, "guess"),
        WEAK, centre, rotation,
    )  # fmt: skip


def cut_crown() -> Pair:
    """Perspective; the guess ends a little behind the axis: its map is torn where the crown meets the axis."""
    centre, rotation = np.array([5.0, -8.0, -600.0]), turned(10.0, -20.0)
    true, faces = lumpy_head(150, 170)
    guess, others = lumpy_head(130, 150, nose_mm=15.0)
    others = without(guess, others, guess[:, 2] < -6.0)
    return Pair(
        checked_surface(true @ rotation.T + centre, faces, "truth"),
        checked_surface(
            guess @ (rotation @ turned(0.0, 4.0)).T + centre + np.array([0.0, 0.0, 12.0]), others, "guess"
        ),
        LAB,
        centre,
        rotation,
    )
