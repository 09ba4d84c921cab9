"""Which lines of the skin's lattice a coarser head keeps: those that cost the shape least.

``mesh/level_of_detail.py`` holds the result for the built-in face model as tables, so that all of its heads have
the same coarser topology. Columns are chosen for one half, the other is its mirror image. A line that is left out
moves its vertices onto the chord between the kept neighbours; the sum of those squared distances, weighed by how
closely one looks at the place, is smallest by dynamic programming over the line numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..mesh.geometry_image import lattice_cells
from ..mesh.topology import Topology

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LineWeights:
    """How much a squared millimetre counts at a place, and the largest step as a multiple of the mean one."""

    elsewhere: float = 1.0
    face: float = 6.0
    nose: float = 20.0
    lids: float = 40.0
    lips: float = 80.0
    largest_step: float = 2.0


def choose_columns(
    topology: Topology, poses: Floats, fixed: set[int], stride: int, weights: LineWeights | None = None
) -> NDArray[np.int64]:
    """Columns kept right of the middle, counted from it: 0 .. N/2. ``poses`` (P, V, 3) mm; ``fixed`` stay."""
    cells = lattice_cells(topology)
    size, middle = len(cells), len(cells) // 2
    lines = np.concatenate([cells[:, :, [0, 3]], cells[:, -1:, [1, 2]]], 1).transpose(2, 0, 1).reshape(-1, size + 1)
    cost = _costs(poses[:, lines], _weight(topology, weights)[lines], weights, stride)
    both = cost + cost[::-1, ::-1].T
    return _cheapest(both[middle:, middle:], sorted(fixed | {0, middle}), -(-middle // stride))


def choose_rows(
    topology: Topology, poses: Floats, fixed: set[int], stride: int, weights: LineWeights | None = None
) -> NDArray[np.int64]:
    """Rows kept, 0 .. N. ``poses`` (P, V, 3) mm; ``fixed`` stay (the rows of the slits)."""
    cells = lattice_cells(topology)
    size = len(cells)
    lines = np.concatenate([cells[:, :, 0], cells[-1:, :, 3]]).T
    cost = _costs(poses[:, lines], _weight(topology, weights)[lines], weights, stride)
    return _cheapest(cost, sorted(fixed | {0, size}), -(-size // stride))


def _weight(topology: Topology, weights: LineWeights | None) -> Floats:
    weights = weights or LineWeights()
    weight = np.full(topology.vertex_count, weights.elsewhere)
    weight[topology.regions["narrow_face"]] = weights.face
    for name, value in (
        ("nose", weights.nose), ("lids_left", weights.lids), ("lids_right", weights.lids), ("lips", weights.lips)
    ):  # fmt: skip
        weight[topology.regions[name]] = value
    return weight


def _costs(points: Floats, weight: Floats, weights: LineWeights | None, stride: int) -> Floats:
    """(L, L) cost of leaving out the lines between a and b; points (P, K, L, 3) along K lines across them."""
    count = points.shape[2]
    reach = int((weights or LineWeights()).largest_step * stride)
    cost = np.full((count, count), np.inf)
    for low in range(count - 1):
        for high in range(low + 1, min(low + reach, count - 1) + 1):
            chord = points[:, :, high] - points[:, :, low]
            along = chord / np.maximum(np.linalg.norm(chord, axis=-1, keepdims=True), 1e-9)
            arm = points[:, :, low + 1 : high] - points[:, :, low, None]
            off = arm - (arm * along[:, :, None]).sum(-1, keepdims=True) * along[:, :, None]
            cost[low, high] = ((off**2).sum(-1).mean(0) * weight[:, low + 1 : high]).sum()
    return cost


def _cheapest(cost: Floats, fixed: list[int], steps: int) -> NDArray[np.int64]:
    """The path of ``steps`` steps over the ``fixed`` lines from the first to the last that costs least."""
    count = len(cost)
    total = np.full((steps + 1, count), np.inf)
    before = np.zeros((steps + 1, count), np.int64)
    total[0, 0] = 0.0
    for step in range(1, steps + 1):
        for line in range(1, count):
            first = max(place for place in fixed if place < line)
            sums = total[step - 1, first:line] + cost[first:line, line]
            before[step, line] = first + int(sums.argmin())
            total[step, line] = sums.min()
    path = [count - 1]
    for step in range(steps, 0, -1):
        path.append(int(before[step, path[-1]]))
    return np.array(path[::-1])
