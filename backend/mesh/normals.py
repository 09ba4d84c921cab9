"""Normals of faces and vertices; quads and triangles mixed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def face_normals(
    vertices: NDArray[np.floating[Any]], quads: NDArray[np.integer[Any]], *, unit: bool = True
) -> NDArray[np.float64]:
    """Normals of faces seen counter-clockwise from their front.

    Parameters
    ----------
    vertices : (..., V, 3), any unit, leading axes are a batch
    quads : (F, 4) vertex ids; -1 in column 3 marks a triangle; (F, 3) is read as triangles
    unit : scale to length 1; else the length is the face's area (of a bent quad: of its projection)

    Returns
    -------
    (..., F, 3) float64; zero for faces without area
    """
    a, b, c = (vertices[..., quads[:, k], :].astype(np.float64) for k in range(3))
    fourth = np.full(len(quads), -1) if quads.shape[1] == 3 else quads[:, 3]
    d = vertices[..., np.where(fourth >= 0, fourth, quads[:, 0]), :].astype(np.float64)
    # Half the cross product of the diagonals; with d = a it is the triangle's own.
    normal = 0.5 * np.cross(c - a, d - b)
    return _unit(normal) if unit else normal


def vertex_normals(vertices: NDArray[np.floating[Any]], quads: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Unit normals of vertices: mean of the faces' normals weighted by their areas.

    Parameters
    ----------
    vertices : (..., V, 3); quads : (F, 4) or (F, 3), see face_normals

    Returns
    -------
    (..., V, 3) float64; zero for vertices that no face with an area uses
    """
    per_face = face_normals(vertices, quads, unit=False)
    batch, count = vertices.shape[:-2], vertices.shape[-2]
    corner = quads.ravel()
    used = corner >= 0
    corner = corner[used]
    face = np.repeat(np.arange(len(quads)), quads.shape[1])[used]
    flat = per_face.reshape(-1, len(quads), 3)
    total = np.empty((len(flat), count, 3))
    for sums, normals in zip(total, flat):
        for axis in range(3):
            sums[:, axis] = np.bincount(corner, normals[face, axis], count)
    return _unit(total).reshape(*batch, count, 3)


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale (..., 3) to length 1; zero stays zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    result: NDArray[np.float64] = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0.0)
    return result
