"""Measures of the template against its source: distance to the surface, folded quads, manifoldness."""

from __future__ import annotations

from typing import Any

import igl
import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..face_model.base import ARKIT_NAMES
from ..mesh.topology import Topology
from .ict_source import (
    FACE_VERTICES,
    HEAD_POLYGONS,
    NARROW_FACE_VERTICES,
    SKIN_POLYGONS,
    SKIN_VERTICES,
    IctSource,
)
from .template_half import boundary_loops
from .template_layout import on_ear

LIDS_WITHIN_MM = 5.0
LIPS_WITHIN_MM = 8.0
NOSE_WITHIN_MM = 12.0


def _split(quads: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    triangles: NDArray[np.int64] = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int64)
    return triangles


def surface_errors(
    source: IctSource, sampling: sparse.csr_matrix, topology: Topology
) -> dict[str, NDArray[np.float64]]:
    """Region name to distances (p,) in mm of points of the neutral ICT head to the template's skin.

    Points: vertices, edge middles and centres of ICT's polygons.
    """
    polygons, positions = source.faces[HEAD_POLYGONS], source.neutral
    narrow = np.tile((polygons < NARROW_FACE_VERTICES).all(1), 4)
    face = np.tile((polygons < FACE_VERTICES).all(1), 4)
    corners = positions[polygons]
    points = np.concatenate(
        [corners.mean(1), corners[:, :2].mean(1), corners[:, 1:3].mean(1), np.ascontiguousarray(corners[:, 0])]
    )
    cells = topology.lattice_size**2
    ours = np.ascontiguousarray(sampling @ positions)
    squared, _, _ = igl.point_mesh_squared_distance(points, ours, _split(topology.quads[:cells]))
    distance = np.sqrt(squared)

    loops = [positions[loop] for loop in boundary_loops(polygons)]
    lids = np.concatenate([loop for loop in loops if np.ptp(loop[:, 1]) < 40.0 and loop[:, 1].mean() > -30.0])
    lips = np.concatenate([loop for loop in loops if np.ptp(loop[:, 1]) < 40.0 and loop[:, 1].mean() < -30.0])
    nose = positions[source.landmarks68[31:36]]

    def near(feature: NDArray[np.float64], radius_mm: float) -> NDArray[np.bool_]:
        result: NDArray[np.bool_] = cKDTree(feature).query(points)[0] < radius_mm
        return result

    ears = face & on_ear(points)
    return {
        "narrow_face": distance[narrow],
        "face": distance[face],
        "lids": distance[near(lids, LIDS_WITHIN_MM)],
        "lips": distance[near(lips, LIPS_WITHIN_MM) & narrow],
        "nose": distance[near(nose, NOSE_WITHIN_MM)],
        "ears": distance[ears],
        "head": distance[~face],
    }


def flipped_quads(
    source: IctSource, sampling: sparse.csr_matrix, topology: Topology, positions: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """(N*N,) skin cells whose normal opposes the ICT surface's, for ICT vertices (n, 3) in any expression."""
    skin = source.faces[SKIN_POLYGONS]
    triangles = _split(skin)
    face_normal = np.cross(
        positions[triangles[:, 1]] - positions[triangles[:, 0]],
        positions[triangles[:, 2]] - positions[triangles[:, 0]],
    )
    normal = np.zeros_like(positions)
    for k in range(3):
        np.add.at(normal, triangles[:, k], face_normal)
    normal[SKIN_VERTICES] /= np.linalg.norm(normal[SKIN_VERTICES], axis=1, keepdims=True)
    cells = topology.quads[: topology.lattice_size**2]
    corners = (sampling @ positions)[cells]
    ours = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    theirs = (sampling @ normal)[cells].mean(1)
    result: NDArray[np.bool_] = (ours * theirs).sum(1) <= 0.0
    return result


def folded_quads(quads: NDArray[np.integer[Any]], positions: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(m,) quads (m, 4) with a corner that turns against the quad's mean normal: concave or folded."""
    corners = positions[quads]
    normals = np.stack(
        [
            np.cross(
                corners[:, (k + 1) % 4] - corners[:, k],
                corners[:, k - 1] - corners[:, k],
            )
            for k in range(4)
        ],
        1,
    )
    mean = normals.sum(1, keepdims=True)
    result: NDArray[np.bool_] = ((normals * mean).sum(2) <= 0.0).any(1)
    return result


def border_edges(quads: NDArray[np.integer[Any]]) -> tuple[NDArray[np.int64], int]:
    """(b, 2) edges with one face, and the number of edges with more than two faces or two of one direction."""
    start, end = quads.ravel().astype(np.int64), np.roll(quads, -1, 1).ravel().astype(np.int64)
    size = int(quads.max()) + 1
    directed, uses = np.unique(start * size + end, return_counts=True)
    single = directed[~np.isin(directed, (directed % size) * size + directed // size)]
    return np.stack([single // size, single % size], 1), int((uses > 1).sum())


def measure_sampling(source: IctSource, sampling: sparse.csr_matrix, topology: Topology) -> dict[str, float]:
    """Measure a template.

    Surface errors in mm (mean, 95th percentile, largest), flipped and concave skin cells at rest and in every
    expression at 1.0 on the mean head, border edges and edges that are not manifold.
    """
    report: dict[str, float] = {}
    for name, distance in surface_errors(source, sampling, topology).items():
        report[f"surface_{name}_mean_mm"] = float(distance.mean())
        report[f"surface_{name}_p95_mm"] = float(np.percentile(distance, 95))
        report[f"surface_{name}_max_mm"] = float(distance.max())
    cells = topology.quads[: topology.lattice_size**2]
    names = [name for name in ARKIT_NAMES if name != "tongueOut"]
    total = 0
    for name, offsets in zip(["neutral", *names], [None, *source.expression]):
        positions = source.neutral if offsets is None else source.neutral + offsets
        flips = int(flipped_quads(source, sampling, topology, positions).sum())
        folds = int(folded_quads(cells, sampling @ positions).sum())
        if flips:
            report[f"flips_{name}"] = float(flips)
        if folds:
            report[f"concave_{name}"] = float(folds)
        total += flips
    report["flips_total"] = float(total)
    edges, broken = border_edges(topology.quads)
    report["vertices"] = float(sampling.shape[0])
    report["border_edges"] = float(len(edges))
    report["non_manifold_edges"] = float(broken)
    return report
