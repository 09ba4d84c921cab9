"""Vertex attributes to maps and back, on a small slit lattice."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.errors import TopologyMismatch
from facewright.mesh.geometry_image import (
    lattice_cells,
    level_of_detail,
    vertices_from_image,
)
from facewright.mesh.texel_map import uv_sampler
from facewright.mesh.topology import Topology

SIZE, SLIT_ROW, SLIT = 12, 6, (3, 9)  # slit from column 3 to 9: nodes 4 .. 8 exist twice


@pytest.fixture(scope="module")
def lattice() -> tuple[Topology, np.ndarray]:
    """Open lattice with one slit, and the UV of its vertices (those above the slit last)."""
    side = SIZE + 1
    row, column = np.divmod(np.arange(SIZE * SIZE), SIZE)
    base = row * side + column
    quads = np.stack([base, base + 1, base + side + 1, base + side], 1)
    uv = np.stack(np.divmod(np.arange(side * side), side)[::-1], 1) / SIZE
    for k, slit_column in enumerate(range(SLIT[0] + 1, SLIT[1])):
        copy = side * side + k
        quads[SLIT_ROW * SIZE + slit_column, 0] = copy
        quads[SLIT_ROW * SIZE + slit_column - 1, 1] = copy
        uv = np.concatenate([uv, [[slit_column / SIZE, SLIT_ROW / SIZE]]])
    corner_uv = (np.stack([column, row], 1)[:, None] + [[0, 0], [1, 0], [1, 1], [0, 1]]) / SIZE
    topology = Topology(
        quads=quads.astype(np.int32),
        corner_uv=corner_uv.astype(np.float32),
        material=np.zeros(len(quads), dtype=np.uint8),
        lattice_size=SIZE,
    )
    return topology, uv


@pytest.mark.parametrize("size", [24, 36, 40, 64, 205])
def test_round_trip_is_exact_slit_included(lattice: tuple[Topology, np.ndarray], size: int) -> None:
    topology, uv = lattice
    attribute = np.random.default_rng(1).normal(size=(len(uv), 2))
    back = vertices_from_image(uv_sampler(topology, "skin", size).image(attribute), topology)
    np.testing.assert_allclose(back, attribute, atol=2e-5)


def test_nothing_leaks_across_the_slit(lattice: tuple[Topology, np.ndarray]) -> None:
    topology, uv = lattice
    above = (uv[:, 1] * SIZE > SLIT_ROW) | (np.arange(len(uv)) >= (SIZE + 1) ** 2)
    image = np.zeros((100, 100))
    image[:50] = 1.0  # the slit lies between the texel rows 49 and 50
    values = vertices_from_image(image, topology)
    off_slit = np.abs(uv[:, 1] * SIZE - SLIT_ROW) > 0.5
    inside = (np.abs(uv[:, 0] * SIZE - 6.0) < 2.5) & ~off_slit
    np.testing.assert_allclose(values[off_slit | inside], above[off_slit | inside].astype(float), atol=1e-9)
    # Beside the slit the surface is whole, and a vertex belongs to both sides.
    beside = ~off_slit & (np.abs(uv[:, 0] * SIZE - 6.0) > 3.5)
    np.testing.assert_allclose(values[beside], 0.5, atol=1e-9)


def test_small_or_oblong_maps_are_refused(lattice: tuple[Topology, np.ndarray]) -> None:
    topology, _ = lattice
    for shape in ((12, 12), (30, 30), (64, 96)):
        with pytest.raises(TopologyMismatch):
            vertices_from_image(np.zeros(shape), topology)
    bare = Topology(topology.quads, topology.corner_uv, topology.material)
    with pytest.raises(TopologyMismatch):
        lattice_cells(bare)


def test_level_of_detail_keeps_the_slit(lattice: tuple[Topology, np.ndarray]) -> None:
    topology, uv = lattice
    coarse = level_of_detail(topology, 3)
    size = SIZE // 3
    corners = uv[coarse.vertices][coarse.cells]
    expected = np.stack(np.meshgrid(np.arange(size), np.arange(size)), -1)[:, :, None] + [
        [0, 0],
        [1, 0],
        [1, 1],
        [0, 1],
    ]
    np.testing.assert_allclose(corners, expected / size)
    # One node (column 6) of the coarse slit is inside it, and doubled.
    assert len(coarse.vertices) == (size + 1) ** 2 + 1
    assert coarse.cells[2, 2, 0] != coarse.cells[1, 2, 3]
    with pytest.raises(TopologyMismatch):
        level_of_detail(topology, 2)  # the slit's ends are odd
    with pytest.raises(TopologyMismatch):
        level_of_detail(topology, 5)
