"""Catmull-Clark subdivision and limit positions of quad meshes as sparse matrices.

Both are linear in the control vertices, so one sparse matrix carries every identity mode and expression along.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray


class LimitSurface(NamedTuple):
    """Once subdivided quads with their vertices on the Catmull-Clark limit surface.

    matrix   (n', n) csr: control vertices to limit positions of the n' subdivided vertices
    quads    (4m, 4) int64: quad q's children are rows 4q .. 4q + 3; child k touches q's corner k, its own
             corners are (corner k, middle of edge k, centre, middle of edge k - 1)
    """

    matrix: sparse.csr_matrix
    quads: NDArray[np.int64]


class _Incidence(NamedTuple):
    """Edges (e, 2), each quad side's edge (m, 4), edges on the border (e,), vertices used, on the border (n,)."""

    edges: NDArray[np.int64]
    edge_of_side: NDArray[np.int64]
    border: NDArray[np.bool_]
    used: NDArray[np.bool_]
    on_border: NDArray[np.bool_]


def _incidence(quads: NDArray[np.int64], count: int) -> _Incidence:
    sides = np.sort(np.stack([quads, np.roll(quads, -1, 1)], 2).reshape(-1, 2), 1)
    edges, inverse, uses = np.unique(sides, axis=0, return_inverse=True, return_counts=True)
    border = uses == 1
    used = np.zeros(count, dtype=bool)
    used[quads] = True
    on_border = np.zeros(count, dtype=bool)
    on_border[edges[border]] = True
    return _Incidence(edges, inverse.reshape(-1, 4), border, used, on_border)


def _pairs(pairs: NDArray[np.int64], count: int) -> sparse.csr_matrix:
    """(count, count) symmetric adjacency of (p, 2) pairs."""
    return sparse.csr_matrix((np.ones(2 * len(pairs)), (pairs.ravel(), pairs[:, ::-1].ravel())), (count, count))


def _diagonal(values: NDArray[np.float64] | NDArray[np.bool_]) -> sparse.dia_matrix:
    return sparse.diags(np.asarray(values, dtype=np.float64))


def subdivide(quads: NDArray[np.int64], count: int) -> tuple[sparse.csr_matrix, NDArray[np.int64]]:
    """One Catmull-Clark step (Catmull and Clark 1978), borders as cubic B-splines.

    Returns the (n + e + m, n) matrix to vertex, edge and face points, and the (4m, 4) quads. Vertices that no quad
    uses stay where they are.
    """
    mesh, faces = _incidence(quads, count), len(quads)
    edges = len(mesh.edges)
    face_points = sparse.csr_matrix(
        (np.full(4 * faces, 0.25), (np.repeat(np.arange(faces), 4), quads.ravel())), (faces, count)
    )
    middles = sparse.csr_matrix(
        (np.full(2 * edges, 0.5), (np.repeat(np.arange(edges), 2), mesh.edges.ravel())), (edges, count)
    )
    face_of_edge = sparse.csr_matrix(
        (np.ones(4 * faces), (mesh.edge_of_side.ravel(), np.repeat(np.arange(faces), 4))), (edges, faces)
    )
    smooth = 0.5 * middles + 0.25 * (face_of_edge @ face_points)
    edge_points = _diagonal(mesh.border) @ middles + _diagonal(~mesh.border) @ smooth

    valence = np.maximum(np.bincount(mesh.edges.ravel(), minlength=count), 1).astype(np.float64)
    to_faces = sparse.csr_matrix(
        (np.ones(4 * faces), (quads.ravel(), np.repeat(np.arange(faces), 4))), (count, faces)
    )
    to_edges = sparse.csr_matrix(
        (np.ones(2 * edges), (mesh.edges.ravel(), np.repeat(np.arange(edges), 2))), (count, edges)
    )
    inner = (
        _diagonal(1.0 / valence**2) @ (to_faces @ face_points)
        + _diagonal(2.0 / valence**2) @ (to_edges @ middles)
        + _diagonal((valence - 3.0) / valence)
    )
    border = 0.75 * sparse.eye(count) + 0.125 * _pairs(mesh.edges[mesh.border], count)
    vertex_points = (
        _diagonal(mesh.used & ~mesh.on_border) @ inner + _diagonal(mesh.on_border) @ border + _diagonal(~mesh.used)
    )
    edge_id = mesh.edge_of_side + count
    centre = count + edges + np.arange(faces)
    children = np.stack([np.stack([quads[:, k], edge_id[:, k], centre, edge_id[:, k - 1]], 1) for k in range(4)], 1)
    return sparse.vstack([vertex_points, edge_points, face_points]).tocsr(), children.reshape(-1, 4)


def limit_positions(quads: NDArray[np.int64], count: int) -> sparse.csr_matrix:
    """(n, n) matrix from vertices to their own Catmull-Clark limit positions (Halstead et al. 1993, Sec. 4)."""
    mesh = _incidence(quads, count)
    valence = np.maximum(np.bincount(mesh.edges.ravel(), minlength=count), 1).astype(np.float64)
    weight = 1.0 / (valence * (valence + 5.0))
    diagonals = np.concatenate([quads[:, [0, 2]], quads[:, [1, 3]]])
    inner = (
        _diagonal(valence**2 * weight)
        + _diagonal(4.0 * weight) @ _pairs(mesh.edges, count)
        + _diagonal(weight) @ _pairs(diagonals, count)
    )
    border = sparse.eye(count) * (4.0 / 6.0) + _pairs(mesh.edges[mesh.border], count) / 6.0
    return (
        _diagonal(mesh.used & ~mesh.on_border) @ inner + _diagonal(mesh.on_border) @ border + _diagonal(~mesh.used)
    ).tocsr()


def limit_surface(quads: NDArray[np.int64], count: int) -> LimitSurface:
    """Subdivide once and push the vertices to the limit. ``quads`` (m, 4) with ids below ``count``."""
    matrix, children = subdivide(quads, count)
    return LimitSurface((limit_positions(children, matrix.shape[0]) @ matrix).tocsr(), children)


def refine(quads: NDArray[np.int64], count: int) -> sparse.csr_matrix:
    """(n + e + m, n) matrix to the vertices, edge middles and face centres, numbered like ``subdivide``."""
    mesh, faces = _incidence(quads, count), len(quads)
    edges = len(mesh.edges)
    middles = sparse.csr_matrix(
        (np.full(2 * edges, 0.5), (np.repeat(np.arange(edges), 2), mesh.edges.ravel())), (edges, count)
    )
    centres = sparse.csr_matrix(
        (np.full(4 * faces, 0.25), (np.repeat(np.arange(faces), 4), quads.ravel())), (faces, count)
    )
    return sparse.vstack([sparse.identity(count), middles, centres]).tocsr()
