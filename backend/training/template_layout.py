"""Where the half head's boundary and features go in the lattice square, and how dense the lattice is where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from ..errors import FitFailed
from .catmull_clark import refine
from .ict_source import NARROW_FACE_VERTICES, IctSource
from .template_half import HalfHead, SourceSkin, arc_lengths, edge_graph
from .template_map import MapProblem, MapWeights, harmonic_map, solve_map

UNITS = (
    32  # slit places are given in 1/32 of the square's width: they fall on nodes of a lattice that UNITS/2 divides
)


@dataclass(frozen=True)
class TemplateSettings:
    """How the template is laid out. Lattice places are in 1/32 of the square's width, from its bottom and middle.

    lattice_size                       cells per side; a multiple of 64
    eye_row, eye_columns               row of the eye slits and the columns of the canthi
    mouth_row, mouth_half_width        row of the mouth slit and the column of its corners
    *_size                             size of a lattice cell relative to the open face
    *_radius_mm                        how far around the feature that size reaches (Gaussian radius)
    growth_per_mm, grow_from_mm        cells grow outside the narrow face by this much per millimetre, from this
                                       far out
    largest_size                       and no further than this
    ear_size, ear_growth_per_mm        size on the ears, and its growth away from them
    back_corner                        where the back midline turns the square's upper corner, 0 neck rim .. 1 crown
    mouth_rings, socket_rings          rings of vertices from the slit inwards, without the pole
    first_ring_mm                      distance of the first ring from the edge of lip or lid
    """

    lattice_size: int = 192
    eye_row: float = 22.0
    eye_columns: tuple[float, float] = (2.5, 7.5)
    mouth_row: float = 11.0
    mouth_half_width: float = 4.5
    lid_size: float = 0.35
    lid_radius_mm: float = 12.0
    lip_size: float = 0.25
    lip_radius_mm: float = 12.0
    nose_size: float = 0.45
    nose_radius_mm: float = 14.0
    nostril_size: float = 0.4
    nostril_radius_mm: float = 9.0
    nostril_mm: tuple[float, float, float] = (10.0, -36.0, 20.5)
    growth_per_mm: float = 0.045
    grow_from_mm: float = 3.0
    largest_size: float = 5.0
    ear_size: float = 1.2
    ear_growth_per_mm: float = 0.06
    back_corner: float = 0.5
    mouth_rings: int = 20
    socket_rings: int = 8
    first_ring_mm: float = 0.5

    def nodes(self, units: float) -> int:
        """Lattice nodes of a length in 1/32 of the width."""
        return round(units * self.lattice_size / UNITS)


def on_ear(points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n,) which points (n, 3) of the neutral ICT head's skin, mm, lie on an ear."""
    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    result: NDArray[np.bool_] = (x > 73.0) & (y > -62.0) & (y < 6.0) & (z < -60.0)
    return result


def cell_sizes(source: IctSource, half: HalfHead, settings: TemplateSettings) -> NDArray[np.float64]:
    """(n,) target size of a lattice cell at every vertex of the half head, relative to the open face."""
    points = half.vertices

    def near(feature: NDArray[np.float64], size: float, radius_mm: float) -> NDArray[np.float64]:
        distance = cKDTree(feature).query(points)[0]
        result: NDArray[np.float64] = 1.0 - (1.0 - size) * np.exp(-((distance / radius_mm) ** 2))
        return result

    lids = points[np.concatenate([half.eye_upper, half.eye_lower])]
    lips = points[np.concatenate([half.mouth_upper, half.mouth_lower])]
    nose_base = source.neutral[source.landmarks68[31:36]]
    feature = np.minimum.reduce(
        [
            near(lids, settings.lid_size, settings.lid_radius_mm),
            near(lips, settings.lip_size, settings.lip_radius_mm),
            near(nose_base, settings.nose_size, settings.nose_radius_mm),
            near(np.array([settings.nostril_mm]), settings.nostril_size, settings.nostril_radius_mm),
        ]
    )
    outside = cKDTree(source.neutral[:NARROW_FACE_VERTICES]).query(points)[0]
    growth = 1.0 + settings.growth_per_mm * np.maximum(outside - settings.grow_from_mm, 0.0)
    size = np.minimum(feature * growth, settings.largest_size)
    from_ear = cKDTree(points[on_ear(points)]).query(points)[0]
    result: NDArray[np.float64] = np.minimum(size, settings.ear_size + settings.ear_growth_per_mm * from_ear)
    return result


def _shortest_path(
    graph: sparse.csr_matrix, start: int, ends: NDArray[np.int64], taken: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Vertices from ``start`` to the nearest of ``ends``, passing none that is taken. Raises FitFailed."""
    usable = ~taken
    usable[start] = usable[ends] = True
    keep = sparse.diags(usable.astype(float))
    inner = np.ones(len(taken))
    inner[ends] = 0.0  # ends may be entered, not passed
    distance, before = dijkstra(sparse.diags(inner) @ keep @ graph @ keep, indices=start, return_predecessors=True)
    end = int(ends[distance[ends].argmin()])
    if not np.isfinite(distance[end]):
        raise FitFailed("The template finds no path across the source head from a slit's end to its border.")
    path = [end]
    while path[-1] != start:
        path.append(int(before[path[-1]]))
    return np.array(path[::-1])


def _start_map(half: HalfHead, settings: TemplateSettings) -> NDArray[np.float64]:
    """(n, 2) a map without folds (but for a few flat triangles) to [0, 1] x [0, 2], slits where they belong.

    Paths from the slits' ends to the borders cut the half head into three pieces, above the eye, between eye and
    mouth, and below the mouth. Each goes to a rectangle, which is convex, by a Tutte map.
    """
    plane = np.full((len(half.vertices), 2), np.nan)
    graph = edge_graph(half.vertices, half.quads)
    taken = np.zeros(len(half.vertices), dtype=bool)
    taken[np.concatenate(half[5:])] = True
    inner, outer, eye_row, corner, mouth_row = _slit_places(settings)
    along_side = 2.0 * arc_lengths(half.vertices[half.back_lower])
    eye_back, mouth_back = (int(np.abs(along_side - row).argmin()) for row in (eye_row, mouth_row))
    paths = []
    for start, ends in (
        (half.eye_upper[0], half.front_upper[1:-1]),
        (half.eye_upper[-1], half.back_lower[[eye_back]]),
        (half.mouth_upper[-1], half.back_lower[[mouth_back]]),
    ):
        paths.append(_shortest_path(graph, int(start), ends, taken))
        taken[paths[-1]] = True
    bridge = int(np.flatnonzero(half.front_upper == paths[0][-1])[0])

    for chain, begin, end in (
        (half.front_upper[: bridge + 1], (0.0, 2.0), (0.0, eye_row)),
        (half.front_upper[bridge:], (0.0, eye_row), (0.0, mouth_row)),
        (half.front_lower, (0.0, mouth_row), (0.0, 0.0)),
        (half.rim, (0.0, 0.0), (1.0, 0.0)),
        (half.back_lower[: mouth_back + 1], (1.0, 0.0), (1.0, mouth_row)),
        (half.back_lower[mouth_back : eye_back + 1], (1.0, mouth_row), (1.0, eye_row)),
        (half.back_lower[eye_back:], (1.0, eye_row), (1.0, 2.0)),
        (half.back_upper, (1.0, 2.0), (0.0, 2.0)),
        (paths[0], (inner, eye_row), (0.0, eye_row)),
        (paths[1], (outer, eye_row), (1.0, eye_row)),
        (paths[2], (corner, mouth_row), (1.0, mouth_row)),
        (half.eye_upper, (inner, eye_row), (outer, eye_row)),
        (half.eye_lower, (inner, eye_row), (outer, eye_row)),
        (half.mouth_upper, (0.0, mouth_row), (corner, mouth_row)),
        (half.mouth_lower, (0.0, mouth_row), (corner, mouth_row)),
    ):
        along = arc_lengths(half.vertices[chain])[:, None]
        plane[chain] = (1.0 - along) * np.array(begin) + along * np.array(end)
    return harmonic_map(half.vertices, half.triangles, plane)


def _slit_places(settings: TemplateSettings) -> tuple[float, float, float, float, float]:
    """Inner and outer canthus' u, eye row's v, mouth corner's u, mouth row's v; 1 is half the square's width."""
    side = UNITS / 2.0
    return (
        settings.eye_columns[0] / side,
        settings.eye_columns[1] / side,
        settings.eye_row / side,
        settings.mouth_half_width / side,
        settings.mouth_row / side,
    )


def _map_problem(source: IctSource, half: HalfHead, settings: TemplateSettings) -> MapProblem:
    """What the solver is asked: vertices slide along sides and slits; corners, slit ends and the crown stay."""
    inner, outer, eye_row, corner, mouth_row = _slit_places(settings)
    fixed = np.full((len(half.vertices), 2), np.nan)
    fixed[np.concatenate([half.front_upper, half.front_lower]), 0] = 0.0
    fixed[half.rim, 1] = 0.0
    fixed[half.back_lower, 0] = 1.0
    fixed[half.back_upper, 1] = 2.0
    fixed[half.back_upper[-1], 0] = 0.0
    for chains, row, ends in (
        ((half.eye_upper, half.eye_lower), eye_row, (inner, outer)),
        ((half.mouth_upper, half.mouth_lower), mouth_row, (0.0, corner)),
    ):
        for chain in chains:
            fixed[chain, 1] = row
            fixed[chain[[0, -1]], 0] = ends
    return MapProblem(
        vertices=half.vertices,
        triangles=half.triangles,
        size=cell_sizes(source, half, settings),
        fixed=fixed,
        area=2.0,
        chains=(half.eye_upper, half.eye_lower, half.mouth_upper, half.mouth_lower),
    )


def lattice_map(
    source: IctSource,
    skins: tuple[SourceSkin, SourceSkin],
    halves: tuple[HalfHead, HalfHead],
    settings: TemplateSettings,
) -> NDArray[np.float64]:
    """Lattice coordinates of the vertices of the finer half head: column right of the middle, row from the bottom.

    The midline goes to column 0, the neck rim to row 0, the back's lower part to the right side, its upper part to
    the top, eye and mouth to horizontal slits. ``skins`` and ``halves`` are the source once and the same subdivided
    once: the map of the first, which is solved from scratch, starts the second. A finer map bends less abruptly
    where it crosses the source's edges.

    Returns (n, 2). Raises FitFailed where no fold-free map is found.
    """
    coarse, fine = halves
    start = _start_map(coarse, settings)
    solved = solve_map(_map_problem(source, coarse, settings), start, MapWeights(tolerance=1e-4))
    everywhere = np.zeros((len(skins[0].vertices), 2))
    everywhere[coarse.source] = solved
    start = (refine(skins[0].quads, len(everywhere)) @ everywhere)[fine.source]
    plane = solve_map(_map_problem(source, fine, settings), start, MapWeights(tolerance=1e-5))
    return plane * (settings.lattice_size / 2.0)
