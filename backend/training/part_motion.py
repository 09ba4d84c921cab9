"""From the parts' blendshapes on the mean head to motions that fit every identity: rotations about a pivot."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelFileInvalid
from ..face_model.bilinear_file import PartMotion

#: Parts that move as one: name -> (regions, regions that are rigid enough to tell the rotation).
GROUPS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "eye_left": (("eye_left",), ("eye_left",)),
    "eye_right": (("eye_right",), ("eye_right",)),
    "jaw": (("teeth_lower", "gums_lower", "tongue"), ("teeth_lower",)),
}
STILL_MM = 1e-6


def rigid_rotation(places: NDArray[np.float64], offsets: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3) rotation that carries ``places`` (n, 3) best to ``places + offsets`` (Kabsch 1976)."""
    if np.abs(offsets).max() < STILL_MM:
        return np.eye(3)
    moved = places + offsets
    left, _, right = np.linalg.svd((places - places.mean(0)).T @ (moved - moved.mean(0)))
    sign = np.array([1.0, 1.0, np.linalg.det(left @ right)])
    result: NDArray[np.float64] = right.T @ (sign[:, None] * left.T)
    return result


def fixed_point(
    places: NDArray[np.float64], offsets: NDArray[np.float64], rotations: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """(3,) the point that all rotations (E, 3, 3) of ``places`` (n, 3) leave where it is; None if there is none.

    From offset = (R - 1)(x - c), averaged over the places: (R - 1) c = (R - 1) mean(x) - mean(offset).
    """
    turn = rotations - np.eye(3)
    right = turn @ places.mean(0) - offsets.mean(axis=1)
    point, _, rank, _ = np.linalg.lstsq(turn.reshape(-1, 3), right.ravel(), rcond=1e-6)
    if rank < 3 or np.abs(turn @ point - right).max() > 1e-3:
        return None
    return np.asarray(point)


def affine_weights(places: NDArray[np.float64], point: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) weights of least norm that sum to 1 and combine ``places`` (n, 3) to ``point`` (3,)."""
    system = np.vstack([(places - places.mean(0)).T, np.ones(len(places))])
    result: NDArray[np.float64] = np.linalg.pinv(system) @ np.append(point - places.mean(0), 1.0)
    return result


def part_motions(
    places: NDArray[np.float64], offsets: NDArray[np.float64], regions: dict[str, NDArray[np.int64]]
) -> tuple[dict[str, PartMotion], NDArray[np.float64]]:
    """Split the parts' blendshapes into rigid motions and what is left of them.

    Parameters
    ----------
    places : (n, 3) mm, the parts of the mean head
    offsets : (E, n, 3) mm, their blendshapes
    regions : name -> vertex ids

    Returns
    -------
    name -> PartMotion with vertex ids of the parts; the jaw has anchor 0 and the eyeballs, which turn about their
    centres, none. And (E, 3) mm, the displacement of the jaw's pivot.

    Raises
    ------
    ModelFileInvalid : a part moves that belongs to no group, or an eyeball does not turn about one point.
    """
    motions, jaw_displacement = {}, np.zeros((len(offsets), 3))
    rest = np.ones(len(places), bool)
    for name, (members, rigid) in GROUPS.items():
        vertices = np.unique(np.concatenate([regions[region] for region in members]))
        core = np.unique(np.concatenate([regions[region] for region in rigid]))
        rest[vertices] = False
        rotation = np.stack([rigid_rotation(places[core], offset[core]) for offset in offsets])
        pivot: NDArray[np.float64] | None = places[core].mean(0)
        if name == "jaw":
            weights = np.full(len(core), 1.0 / len(core))
            displacement = jaw_displacement = offsets[:, core].mean(axis=1)
        else:
            pivot = fixed_point(places[core], offsets[:, core], rotation)
            if pivot is None:
                raise ModelFileInvalid(f"The blendshapes of {name} do not turn it about one point.")
            weights, displacement = affine_weights(places[core], pivot), np.zeros((len(offsets), 3))
        turned = np.einsum("eij,nj->eni", rotation - np.eye(3), places[vertices] - pivot)
        local = offsets[:, vertices] - turned - displacement[:, None]
        local[np.abs(local) < STILL_MM] = 0.0
        motions[name] = PartMotion(
            vertices, core, weights, 0 if name == "jaw" else -1, rotation, local.astype(np.float32)
        )
    if np.abs(offsets[:, rest]).max(initial=0.0) > STILL_MM:
        raise ModelFileInvalid("A part moves that belongs to neither eyeball nor to the jaw.")
    return motions, jaw_displacement
