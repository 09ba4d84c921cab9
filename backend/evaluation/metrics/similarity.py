"""Similarity transforms between corresponding points (Umeyama 1991)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import MeshInvalid
from ..surface import Surface

Array = NDArray[np.float64]


class Similarity(NamedTuple):
    """x -> scale * rotation @ x + translation; rotation (3, 3) proper, translation (3,) in the target's unit."""

    scale: float
    rotation: Array
    translation: Array

    def apply(self, points: Array) -> Array:
        """Carry points (..., 3) over."""
        result: Array = self.scale * np.asarray(points, np.float64) @ self.rotation.T + self.translation
        return result

    def apply_to(self, surface: Surface) -> Surface:
        """Carry a surface over."""
        return surface.moved(self.apply(surface.vertices))

    def turn(self, directions: Array) -> Array:
        """Rotate directions (..., 3), length kept."""
        result: Array = directions @ self.rotation.T
        return result

    def inverse(self) -> Similarity:
        """The transform that undoes this one."""
        back = self.rotation.T
        return Similarity(1.0 / self.scale, back, -back @ self.translation / self.scale)

    def after(self, first: Similarity) -> Similarity:
        """This transform of what ``first`` makes."""
        return Similarity(
            self.scale * first.scale, self.rotation @ first.rotation, self.apply(first.translation)
        )  # fmt: skip


IDENTITY = Similarity(1.0, np.eye(3), np.zeros(3))


def similarity(source: Array, target: Array, scaled: bool, weights: Array | None = None) -> Similarity:
    """The transform that carries source onto target with the least squared distance, without reflection.

    Minimises sum_i w_i |s R source_i + t - target_i|^2 in closed form (Umeyama 1991, Eq. 40 to 42).

    Parameters
    ----------
    source, target : (N, 3) corresponding points
    scaled : whether s is free; else s = 1
    weights : (N,) non-negative, or None for equal ones

    Raises
    ------
    MeshInvalid : shapes differ, a number is not finite, or the points lie on one line so that no rotation is told
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 3:
        raise MeshInvalid(f"Points to align by must correspond: there are {source.shape} and {target.shape}.")
    if not (np.isfinite(source).all() and np.isfinite(target).all()):
        raise MeshInvalid("Points to align by are not finite numbers.")
    share = np.full(len(source), 1.0) if weights is None else np.asarray(weights, np.float64)
    share = share / share.sum()
    source_mean, target_mean = share @ source, share @ target
    a, b = source - source_mean, target - target_mean
    left, singular, right = np.linalg.svd((share[:, None] * b).T @ a)
    if not singular[1] > 1e-9 * singular[0]:
        raise MeshInvalid("Points to align by lie on one line.")
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])  # Umeyama 1991, Eq. (43)
    rotation: Array = (left * sign) @ right
    scale = float(singular @ sign / (share @ (a**2).sum(1))) if scaled else 1.0
    return Similarity(scale, rotation, target_mean - scale * rotation @ source_mean)
