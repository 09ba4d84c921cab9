"""A face by a formula, at any density, for tests of metrics: bent everywhere, so that it aligns in one way only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from facewright.evaluation.surface import Surface, checked_surface
from numpy.typing import NDArray

Array = NDArray[np.float64]
SEVEN_XY = np.array(
    [[-45.0, 30.0], [-16.0, 28.0], [16.0, 28.0], [45.0, 30.0], [0.0, -12.0], [-26.0, -40.0], [26.0, -40.0]]
)


def height(x: Array, y: Array) -> Array:
    """z of the face, mm: a dome, a nose, eye sockets, lips and a dent in one cheek."""
    nose = 22.0 * np.exp(-((x / 11.0) ** 2) - ((y + 2.0) / 22.0) ** 2)
    sockets = sum(6.0 * np.exp(-(((x - side) / 14.0) ** 2) - ((y - 29.0) / 9.0) ** 2) for side in (-30.0, 30.0))
    lips = 5.0 * np.exp(-((x / 24.0) ** 2) - ((y + 40.0) / 8.0) ** 2)
    dent = 3.0 * np.exp(-(((x - 38.0) / 12.0) ** 2) - ((y + 15.0) / 12.0) ** 2)
    return -(x**2) / 130.0 - y**2 / 220.0 + nose - sockets + lips - dent


def scanned_face(
    step: float = 3.0, half: float = 96.0, relief: Callable[[Array, Array], Array] | None = None
) -> Surface:
    """The face over a square of 2 ``half`` mm, vertices every ``step`` mm, z + ``relief(x, y)``."""
    line = np.linspace(-half, half, round(2.0 * half / step) + 1)
    x, y = (a.ravel() for a in np.meshgrid(line, line))
    z = height(x, y) + (relief(x, y) if relief else 0.0)
    number = np.arange(len(line) ** 2).reshape(len(line), -1)
    a, b, c, d = (part.ravel() for part in (number[:-1, :-1], number[:-1, 1:], number[1:, 1:], number[1:, :-1]))
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    return checked_surface(np.stack([x, y, z], 1), triangles, "The face")


def seven_points() -> Array:
    """(7, 3) NoW's landmarks on it."""
    return np.column_stack([SEVEN_XY, height(*SEVEN_XY.T)])


def bump(at: tuple[float, float], high: float, wide: float) -> Callable[[Array, Array], Array]:
    """Relief of a round bump: ``high`` mm, a Gaussian of standard deviation ``wide`` mm."""
    return lambda x, y: high * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2.0 * wide**2))


def subdivided(surface: Surface) -> Surface:
    """The same surface with every triangle cut into four."""
    vertices, faces = surface.vertices, surface.triangles.astype(np.int64)
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), 1)
    unique, which = np.unique(edges, axis=0, return_inverse=True)
    ab, bc, ca = which.reshape(3, -1) + len(vertices)
    a, b, c = faces.T
    parts = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    middle = vertices[unique].mean(1)
    return checked_surface(
        np.concatenate([vertices, middle]), np.concatenate([np.stack(part, 1) for part in parts]), "The face"
    )


def shuffled(surface: Surface, seed: int = 0) -> Surface:
    """The same surface with vertices and triangles in another order."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(surface.vertices))
    triangles = np.argsort(order)[surface.triangles][rng.permutation(len(surface.triangles))]
    return checked_surface(surface.vertices[order], triangles, "The face")
