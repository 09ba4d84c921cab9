"""Smooths the last folded cells out of finished shapes: at canthi and mouth corners, where corrections meet."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..mesh.normals import face_normals, vertex_normals
from ..mesh.topology import MATERIALS, Topology

SLITS = ("lid_upper_left", "lid_lower_left", "lid_upper_right", "lid_lower_right", "lip_upper", "lip_lower")
RINGS = 6  # cells so many steps from a slit are looked at: corrections fold nothing farther away
ROUNDS = 30
WIDEN = 8  # rounds after which one more ring around a folded cell takes part
STEP = 0.5  # of the way to the neighbours' mean, per round


class Rims(NamedTuple):
    """Skin cells around the slits, in their own numbering.

    ``vertices`` (n,) ids on the mesh; ``quads`` (f, 4) into them; ``free`` (n,) bool: vertices that may be moved,
    which the slits' loops and the outermost ring may not.
    """

    vertices: NDArray[np.int64]
    quads: NDArray[np.int64]
    free: NDArray[np.bool_]


def rims_of(topology: Topology) -> Rims:
    """The cells within ``RINGS`` steps of the slits."""
    skin = topology.quads[topology.material == MATERIALS.index("skin")].astype(np.int64)
    loops = np.concatenate([topology.regions[name] for name in SLITS])
    near = np.zeros(topology.vertex_count, bool)
    near[loops] = True
    for _ in range(RINGS - 1):
        near[skin[near[skin].any(axis=1)]] = True
    inner = near.copy()
    chosen = skin[near[skin].any(axis=1)]
    vertices, quads = np.unique(chosen, return_inverse=True)
    inner[loops] = False
    return Rims(vertices.astype(np.int64), quads.reshape(chosen.shape), inner[vertices])


def folded(rims: Rims, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(f,) cells whose normal opposes the surface around them; points (n, 3)."""
    around = vertex_normals(points, rims.quads)[rims.quads].sum(axis=1)
    result: NDArray[np.bool_] = np.einsum("fi,fi->f", face_normals(points, rims.quads), around) <= 0.0
    return result


def unfold(
    topology: Topology,
    neutral: NDArray[np.float64],
    blendshapes: NDArray[np.float64],
    sealed: tuple[int, ...] = (),
) -> None:
    """Unfold every blendshape at weight 1, in place: a folded cell's offsets become more like its neighbours'.

    Parameters
    ----------
    neutral : (V, 3) mm
    blendshapes : (E, V, 3) mm, changed; the slits' loops stay where they are
    sealed : blendshapes that are left alone: what they press together must not part again

    A cell that is folded at rest, or that smoothing does not open within ``ROUNDS``, is left as it is:
    ``quality.count_flips`` counts it.
    """
    rims = rims_of(topology)
    rest = neutral[rims.vertices]
    ends = rims.quads.ravel(), np.roll(rims.quads, -1, axis=1).ravel()
    sides = np.concatenate(ends), np.concatenate(ends[::-1])
    valence = np.bincount(sides[0], minlength=len(rest))[:, None]
    at_rest = folded(rims, rest)  # not the blendshapes' doing, and not theirs to mend
    for index, shape in enumerate(blendshapes):
        offsets = shape[rims.vertices]
        if index in sealed or not offsets.any():
            continue
        bad = folded(rims, rest + offsets) & ~at_rest
        if not bad.any():
            continue
        for done in range(ROUNDS):
            move = np.zeros(len(rest), bool)
            move[rims.quads[bad]] = True
            for _ in range(1 + done // WIDEN):
                move[rims.quads[move[rims.quads].any(axis=1)]] = True
            move &= rims.free
            sums = [np.bincount(sides[0], offsets[sides[1], k], len(rest)) for k in range(3)]
            mean = np.stack(sums, axis=1) / valence
            offsets[move] += STEP * (mean - offsets)[move]
            bad = folded(rims, rest + offsets) & ~at_rest
            if not bad.any():
                break
        shape[rims.vertices] = offsets
