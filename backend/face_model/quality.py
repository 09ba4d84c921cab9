"""Measures of finished heads: folded skin, and how far parts that should not touch cross."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..mesh.normals import face_normals, vertex_normals
from ..mesh.topology import MATERIALS, Topology
from .base import FaceModel, HeadGeometry
from .penetration import penetration


def flipped_faces(topology: Topology, vertices: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Skin faces that are turned inside out.

    Parameters
    ----------
    vertices : (V, 3) mm, the head in any expression

    Returns
    -------
    (F_skin,) bool: the face's normal opposes the surface around it, which is the mean of the vertex normals at its
    corners, these in turn area-weighted means over the faces they touch.
    """
    quads = topology.quads[topology.material == MATERIALS.index("skin")]
    own = face_normals(vertices, quads)
    around = vertex_normals(vertices, quads)[quads].sum(axis=1)
    result: NDArray[np.bool_] = np.einsum("fi,fi->f", own, around) <= 0.0
    return result


def count_flips(topology: Topology, head: HeadGeometry, names: tuple[str, ...]) -> dict[str, int]:
    """Flipped skin faces at rest ("neutral") and for every blendshape alone at 1; those with none left out."""
    shapes = {"neutral": head.neutral}
    shapes |= {name: head.neutral + offset for name, offset in zip(names, head.blendshapes)}
    counts = {name: int(flipped_faces(topology, shape).sum()) for name, shape in shapes.items()}
    return {name: count for name, count in counts.items() if count}


def worst_penetration(
    model: FaceModel, identities: NDArray[np.float64], progress: Callable[[float], None] | None = None
) -> dict[str, tuple[float, str]]:
    """The deepest penetration of every kind over some people's heads, at rest and with every blendshape alone at 1.

    mouthClose, which has a meaning only where the jaw is open, is measured on top of jawOpen.

    Parameters
    ----------
    identities : (n, I) standard deviations

    Returns
    -------
    kind -> (mm, name of the blendshape or "neutral"); see ``penetration``
    """
    worst: dict[str, tuple[float, str]] = {}
    for k, identity in enumerate(identities):
        head = model.head(identity)
        shapes = {
            name: head.neutral + offset for name, offset in zip(model.blendshape_names, head.blendshapes)
        }
        if "mouthClose" in shapes and "jawOpen" in shapes:
            shapes["mouthClose"] += shapes["jawOpen"] - head.neutral
        for name, shape in ({"neutral": head.neutral} | shapes).items():
            for kind, depth in penetration(model.topology, shape).items():
                if depth > worst.get(kind, (-1.0, ""))[0]:
                    worst[kind] = (float(depth), name)
        if progress is not None:
            progress((k + 1) / len(identities))
    return worst
