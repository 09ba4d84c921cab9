"""Places on ICT-FaceKit's surfaces as sparse rows: subdivision, ray casts, mirror images.

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


def subdivide(faces: Ints, count: int) -> tuple[sp.csr_matrix, Ints]:
    """One step of Catmull-Clark subdivision.

    Parameters
    ----------
    faces : (P, 4) vertex ids below ``count``; -1 pads triangles. Vertices that no face uses get a zero row.

    Returns
    -------
    sampling : (count + edges + P, count) csr
    quads : (Q, 4), all quads
    """
    corners = np.where(faces < 0, 0, faces)
    real = faces >= 0
    sides = real.sum(1)
    face_id = np.repeat(np.arange(len(faces)), sides)
    start = faces[real]
    slot = np.concatenate([np.arange(k) for k in sides])
    stop = corners[face_id, np.where(slot + 1 < sides[face_id], slot + 1, 0)]
    before = corners[face_id, np.where(slot > 0, slot - 1, sides[face_id] - 1)]

    key = np.minimum(start, stop) * count + np.maximum(start, stop)
    unique, edge = np.unique(key, return_inverse=True)
    ends = np.stack([unique // count, unique % count], 1)
    key_before = np.minimum(start, before) * count + np.maximum(start, before)
    edge_before = np.searchsorted(unique, key_before)
    uses = np.bincount(edge)

    def matrix(rows: Ints, columns: Ints, data: Floats, shape: tuple[int, int]) -> sp.csr_matrix:
        return sp.csr_matrix((data, (rows, columns)), shape=shape)

    face_points = matrix(face_id, start, 1.0 / sides[face_id], (len(faces), count))
    edge_rows = np.arange(len(unique))
    midpoints = matrix(np.tile(edge_rows, 2), ends.T.ravel(), np.full(2 * len(unique), 0.5), (len(unique), count))
    around = matrix(edge, face_id, 1.0 / uses[edge], (len(unique), len(faces))) @ face_points
    inner = sp.diags((uses > 1).astype(np.float64))
    edge_points = midpoints + 0.5 * (inner @ (around - midpoints))

    # Vertices: (faces' mean + 2 edges' mean + (k - 3) vertex) / k inside, (1 6 1) / 8 along borders.
    valence = np.bincount(ends.ravel(), minlength=count).astype(np.float64)
    valence[valence == 0] = 1.0
    face_count = np.bincount(start, minlength=count).astype(np.float64)
    face_mean = matrix(start, face_id, 1.0 / face_count[start], (count, len(faces))) @ face_points
    edge_ends = ends.ravel()
    edge_ids = np.repeat(edge_rows, 2)
    edge_mean = matrix(edge_ends, edge_ids, 1.0 / valence[edge_ends], (count, len(unique))) @ midpoints
    identity = sp.identity(count, format="csr")
    own = sp.diags((valence - 3.0) / valence) @ identity
    smooth = sp.diags(1.0 / valence) @ (face_mean + 2.0 * edge_mean) + own
    rim = uses[edge_ids] == 1
    on_rim = np.bincount(edge_ends[rim], minlength=count) > 0
    border = matrix(edge_ends[rim], edge_ids[rim], np.full(rim.sum(), 0.25), (count, len(unique))) @ midpoints
    # Each border vertex has two border edges: 2 * 0.25 * (v + w) / 2 per edge adds 0.25 v + 0.125 (w1 + w2).
    border = border + 0.5 * identity
    used = sp.diags((face_count > 0).astype(np.float64))
    vertex_points = used @ (
        sp.diags((~on_rim).astype(np.float64)) @ smooth + sp.diags(on_rim.astype(np.float64)) @ border
    )

    quads = np.stack(
        [start, count + edge, count + len(unique) + face_id, count + edge_before],
        1,
    )
    return sp.vstack([vertex_points, edge_points, face_points]).tocsr(), quads


def smooth_surface(source: IctSource, chosen: NDArray[np.bool_], steps: int = 2) -> Surface:
    """The Catmull-Clark surface (``steps`` times subdivided) over ICT's faces whose first vertex is ``chosen``."""
    faces = source.faces[chosen[source.faces[:, 0]]]
    used, inverse = np.unique(faces[faces >= 0], return_inverse=True)
    local = np.full(faces.shape, -1, dtype=np.int64)
    local[faces >= 0] = inverse
    n = len(source.neutral)
    sampling = sp.csr_matrix((np.ones(len(used)), (np.arange(len(used)), used)), shape=(len(used), n))
    for _ in range(steps):
        step, local = subdivide(local, sampling.shape[0])
        sampling = step @ sampling
    triangles = np.concatenate([local[:, [0, 1, 2]], local[:, [0, 2, 3]]])
    return Surface(sampling.tocsr(), triangles, sampling @ source.neutral)


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
