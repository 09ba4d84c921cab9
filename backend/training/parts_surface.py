"""Places on ICT-FaceKit's surfaces as sparse rows: ray casts and mirror images.

Every vertex of our parts is a row of weights over ICT's vertices, so that identity modes carry over to it by one
sparse product. The functions here make such rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from embreex import rtcore_scene
from embreex.mesh_construction import TriangleMesh
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from .ict_source import IctSource

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Surface(NamedTuple):
    """A triangle surface whose m vertices are linear in ICT's n vertices.

    sampling (m, n) csr; triangles (T, 3) int; points (m, 3) mm, the sampling of the neutral.
    """

    sampling: sp.csr_matrix
    triangles: Ints
    points: Floats


def components(source: IctSource) -> Ints:
    """(n,) label of the connected component of each ICT vertex, numbered by first vertex."""
    faces = source.faces
    start = np.concatenate([faces[:, k] for k in range(4)])
    stop = np.concatenate([faces[:, (k + 1) % 4] for k in range(4)])
    real = (start >= 0) & (stop >= 0)
    n = len(source.neutral)
    graph = sp.coo_matrix((np.ones(real.sum()), (start[real], stop[real])), shape=(n, n))
    labels: Ints = connected_components(graph, directed=False)[1].astype(np.int64)
    return labels


def mirror_vertices(source: IctSource) -> Ints:
    """(n,) the ICT vertex at the mirrored place of each vertex.

    The labels of components are mirrored with the places, so that touching teeth do not swap vertices.
    """
    place = source.neutral * np.array([-1.0, 1.0, 1.0])
    labels = components(source)
    result = np.full(len(place), -1, dtype=np.int64)
    centre = np.stack([source.neutral[labels == k].mean(0) for k in range(labels.max() + 1)])
    size = np.bincount(labels)
    for k in range(len(centre)):
        distance = np.linalg.norm(centre * np.array([-1.0, 1.0, 1.0]) - centre[k], axis=1)
        other = int(np.argmin(np.where(size == size[k], distance, np.inf)))
        members, others = np.flatnonzero(labels == k), np.flatnonzero(labels == other)
        result[members] = others[cKDTree(source.neutral[others]).query(place[members])[1]]
    return result


def mirrored_rows(rows: sp.csr_matrix, mirror: Ints) -> sp.csr_matrix:
    """The rows (m, n) with every ICT vertex replaced by its mirror image."""
    rows = rows.tocsr()
    return sp.csr_matrix((rows.data, mirror[rows.indices], rows.indptr), shape=rows.shape)


def surface_of(source: IctSource, chosen: NDArray[np.bool_]) -> Surface:
    """The triangles of ICT's faces whose first vertex is ``chosen`` (n,)."""
    faces = source.faces[chosen[source.faces[:, 0]]]
    second = faces[:, 3] >= 0
    triangles = np.concatenate([faces[:, [0, 1, 2]], faces[second][:, [0, 2, 3]]])
    used, local = np.unique(triangles, return_inverse=True)
    sampling = sp.csr_matrix(
        (np.ones(len(used)), (np.arange(len(used)), used)), shape=(len(used), len(source.neutral))
    )
    return Surface(sampling, local.reshape(-1, 3), source.neutral[used])


def cast(surface: Surface, origins: Floats, directions: Floats) -> tuple[sp.csr_matrix, NDArray[np.bool_]]:
    """First hits of rays on a surface.

    Parameters
    ----------
    origins, directions : (R, 3) mm

    Returns
    -------
    rows : (R, n) csr weights over ICT's vertices (zero where the ray hits nothing)
    hit : (R,) bool
    """
    scene = rtcore_scene.EmbreeScene()
    # ``scene`` keeps a pointer to the mesh only: the name must outlive run().
    mesh = TriangleMesh(scene, surface.points.astype(np.float32), surface.triangles.astype(np.int32))
    result = scene.run(origins.astype(np.float32), directions.astype(np.float32), output=True)
    del mesh
    hit: NDArray[np.bool_] = np.asarray(result["primID"]) >= 0
    u = np.asarray(result["u"], dtype=np.float64)[hit]
    v = np.asarray(result["v"], dtype=np.float64)[hit]
    corners = surface.triangles[np.asarray(result["primID"])[hit]]
    weights = np.stack([1.0 - u - v, u, v], 1)
    rays = np.flatnonzero(hit)
    local = sp.csr_matrix(
        (weights.ravel(), (np.repeat(rays, 3), corners.ravel())), shape=(len(origins), len(surface.points))
    )
    return (local @ surface.sampling).tocsr(), hit
