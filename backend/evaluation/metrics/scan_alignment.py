"""Refining an alignment: the squared distances from a scan's points to a mesh become least."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ...errors import MeshInvalid
from ..surface_places import SurfaceTree
from .similarity import Similarity

Array = NDArray[np.float64]
MOST_STEPS = 200
SETTLED = 1e-8  # relative decrease of the sum of squares at which the descent ends
EXACT_MM = 1e-8  # root mean square distance at which nothing is left to gain
FIRST_DAMPING, WEAKEST_DAMPING, STRONGEST_DAMPING = 1e-6, 1e-9, 1e6
TOUCHING_MM = 1e-7  # nearer than this a point's own offset has no direction; the face's normal stands for it


def refined(points: Array, tree: SurfaceTree, start: Similarity, scaled: bool) -> Similarity:
    """Refine scale, rotation and translation so that sum_i dist(points_i, T(mesh))^2 becomes least.

    Levenberg-Marquardt on the distance field: its gradient at a point is the unit vector from the nearest place,
    and nearest places are looked up anew at every step. Distances are measured in the space of the points, so a
    mesh gains nothing by being scaled down.

    Parameters
    ----------
    points : (N, 3) of the scan, mm
    tree : the mesh, in its own space
    start : T from the mesh's space to the scan's
    scaled : whether the scale is refined; else start's stays

    Raises
    ------
    MeshInvalid : no minimum is reached in 200 steps
    """
    centre = points.mean(0)
    moved, damping = start, FIRST_DAMPING
    distance, slope = _linearised(points, tree, moved, centre, scaled)
    cost = float(distance @ distance)
    for _ in range(MOST_STEPS):
        normal = slope.T @ slope
        # Marquardt's scaling; the small constant keeps free directions (a sphere's turns) solvable.
        weight = np.diag(normal) + 1e-9 * np.trace(normal)
        step = np.linalg.solve(normal + damping * np.diag(weight), -slope.T @ distance)
        trial = _stepped(moved, step, centre)
        trial_distance, trial_slope = _linearised(points, tree, trial, centre, scaled)
        gained = cost - float(trial_distance @ trial_distance)
        if gained > 0.0:
            moved, distance, slope, cost = trial, trial_distance, trial_slope, cost - gained
            damping = max(damping / 10.0, WEAKEST_DAMPING)
            if gained <= SETTLED * cost or cost <= len(points) * EXACT_MM**2:
                return moved
        else:
            damping *= 10.0
            if damping > STRONGEST_DAMPING:
                return moved
    raise MeshInvalid(f"The mesh could not be aligned with the scan: no minimum was reached in {MOST_STEPS} steps.")


def _linearised(
    points: Array, tree: SurfaceTree, moved: Similarity, centre: Array, scaled: bool
) -> tuple[Array, Array]:
    """Distances (N,), and their derivatives (N, 6 or 7) by turn about the centre, shift and log scale."""
    near = tree.nearest(moved.inverse().apply(points))
    place = moved.apply(near.place)
    away = points - place
    distance = np.linalg.norm(away, axis=1)
    touching = distance < TOUCHING_MM
    direction = away / np.where(touching, 1.0, distance)[:, None]
    direction[touching] = moved.turn(tree.face_normals[near.triangle[touching]])
    arm = place - centre
    columns = [np.cross(arm, direction), direction]
    if scaled:
        columns.append((arm * direction).sum(1, keepdims=True))
    return distance, -np.concatenate(columns, 1)


def _stepped(moved: Similarity, step: Array, centre: Array) -> Similarity:
    """Turn and scale about the centre, then shift."""
    rotation = Rotation.from_rotvec(step[:3]).as_matrix()
    scale = float(np.exp(step[6])) if len(step) == 7 else 1.0
    return Similarity(scale, rotation, centre - scale * rotation @ centre + step[3:6]).after(moved)
