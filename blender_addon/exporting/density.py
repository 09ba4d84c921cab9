"""A snapshot with fewer faces: the backend says which vertices and corners stay, the rest is picking."""

from __future__ import annotations

import numpy as np

from ..backend_door import Density, FaceError, reduce_head
from .snapshot import Snapshot


def reduced(snapshot: Snapshot, density: Density) -> Snapshot:
    """The head at a density; kept vertices are exact originals with their UVs, offsets and weights.

    Raises FaceError (one sentence) where the head is not the built-in face model's, or its faces were changed.
    """
    if density is Density.FULL:
        return snapshot
    if not (snapshot.face_sizes == 4).all():
        raise FaceError(NOT_QUADS)
    choice = reduce_head(snapshot.corner_vertices.reshape(-1, 4), density)
    corners, faces = choice.corners.ravel(), choice.corners[:, 0] // 4
    return snapshot._replace(
        basis=snapshot.basis[choice.vertices],
        offsets=snapshot.offsets[:, choice.vertices],
        face_sizes=np.full(len(choice.faces), 4, np.int32),
        corner_vertices=choice.faces.ravel().astype(np.int32),
        face_materials=snapshot.face_materials[faces],
        face_smooth=snapshot.face_smooth[faces],
        uvs=snapshot.uvs[:, corners],
        weights=snapshot.weights[:, choice.vertices],
    )


NOT_QUADS = "Only heads of the built-in face model whose faces were not changed can be exported with fewer faces."
