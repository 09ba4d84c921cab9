"""Texels to mesh: the general way against closed forms, the lattice against the general way."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.errors import TopologyMismatch
from facewright.mesh.texel_map import LatticeMap, TexelMap, lattice_map, nearest_inside, texel_map, uv_sampler
from facewright.mesh.topology import Topology


def lattice_topology(count: int = 8, slit_row: int | None = None, column_cut: bool = False) -> Topology:
    """A plain lattice of count x count cells; optionally a slit (doubled nodes) in one row of nodes."""
    ids = np.arange((count + 1) ** 2).reshape(count + 1, count + 1)
    lower, upper = ids[:-1].copy(), ids[1:].copy()
    if slit_row is not None:
        lower[slit_row, 3:6] = ids.size + np.arange(3)  # the cells above the slit have nodes of their own
    right = slice(1, None)
    left = slice(None, -1)
    cells = np.stack([lower[:, left], lower[:, right], upper[:, right], upper[:, left]], -1).reshape(-1, 4)
    if column_cut:
        cells[2, 1] = cells.max() + 1
    r, c = np.divmod(np.arange(count * count), count)
    uv = np.stack([np.stack([c + x, r + y], -1) for x, y in ((0, 0), (1, 0), (1, 1), (0, 1))], 1)
    return Topology(
        cells.astype(np.int32),
        (uv / count).astype(np.float32),
        np.zeros(len(cells), np.uint8),
        lattice_size=count,
    )


def node_uv(topology: Topology) -> np.ndarray:
    uv = np.zeros((topology.vertex_count, 2))
    uv[topology.quads] = topology.corner_uv
    return uv


def texel_uv(size: int) -> np.ndarray:
    j, i = np.meshgrid(np.arange(size), np.arange(size))
    return np.stack([(j + 0.5) / size, 1 - (i + 0.5) / size], -1)


@pytest.mark.parametrize("size", [8, 20, 33])
@pytest.mark.parametrize("slit", [None, 4])
def test_both_ways_reproduce_uv(size: int, slit: int | None) -> None:
    topology = lattice_topology(slit_row=slit)
    for sampler in (lattice_map(topology, size), texel_map(topology, "skin", size)):
        assert sampler is not None and sampler.size == size
        np.testing.assert_allclose(sampler.image(node_uv(topology)), texel_uv(size), atol=1e-6)


def test_lattice_equals_the_general_way_beyond_the_split_into_triangles() -> None:
    topology = lattice_topology(slit_row=4)
    rng = np.random.default_rng(0)
    linear = node_uv(topology) @ rng.normal(size=(2, 3))
    linear[-3:] += 5.0  # the far side of the slit is another place
    lattice, general = lattice_map(topology, 40), texel_map(topology, "skin", 40)
    assert lattice is not None
    a, b = lattice.image(linear), general.image(linear)
    # Cells that touch a doubled node bend, where two triangles differ from a bilinear patch; all others are equal.
    touching = np.isin(general.face, np.flatnonzero((topology.quads >= topology.vertex_count - 3).any(1)))
    np.testing.assert_allclose(a[~touching], b[~touching], atol=1e-5)
    assert np.abs(a - b).max() < 5.0 / 4 + 1e-3
    step = a - texel_map(lattice_topology(), "skin", 40).image(linear[:81])
    assert step[:20].max() > 4  # above the slit the other side's values appear
    np.testing.assert_allclose(step[20:], 0, atol=1e-5)  # and never below it


def test_faces_of_the_lattice_are_the_cells() -> None:
    topology = lattice_topology()
    uv = texel_uv(24)
    expected = (uv[..., 1] * 8).astype(int) * 8 + (uv[..., 0] * 8).astype(int)
    np.testing.assert_array_equal(texel_map(topology, "skin", 24).face, expected)


def test_rows_are_part_of_the_image() -> None:
    topology = lattice_topology(slit_row=4)
    values = np.random.default_rng(1).normal(size=(topology.vertex_count, 2))
    for sampler in (lattice_map(topology, 30), texel_map(topology, "skin", 30)):
        assert sampler is not None
        np.testing.assert_array_equal(sampler.image(values, slice(7, 19)), sampler.image(values)[7:19])
        assert sampler.image(values[:, 0]).shape == (30, 30)


def test_islands_grow_into_the_gaps() -> None:
    # One triangle and one quad far apart; texels outside take the nearest texel's place.
    quads = np.array([[0, 1, 2, -1], [3, 4, 5, 6]], np.int32)
    uv = np.zeros((2, 4, 2), np.float32)
    uv[0, :3] = [[0.05, 0.05], [0.45, 0.05], [0.05, 0.45]]
    uv[1] = [[0.6, 0.6], [0.95, 0.6], [0.95, 0.95], [0.6, 0.95]]
    topology = Topology(quads, uv, np.array([3, 3], np.uint8))
    found = texel_map(topology, "teeth", 64)
    assert isinstance(uv_sampler(topology, "teeth", 64), TexelMap)
    assert set(np.unique(found.face)) == {-1, 0, 1}
    value = np.array([0.0, 0, 0, 1, 1, 1, 1])
    image = found.image(value)
    assert set(np.unique(np.round(image, 6))) == {0.0, 1.0}
    assert image[63, 0] == 0 and image[0, 63] == 1
    with pytest.raises(TopologyMismatch):
        texel_map(topology, "skin", 64)


def test_a_lattice_cut_along_a_column_goes_the_general_way() -> None:
    assert lattice_map(lattice_topology(column_cut=True), 16) is None
    assert isinstance(uv_sampler(lattice_topology(column_cut=True), "skin", 16), TexelMap)
    assert isinstance(uv_sampler(lattice_topology(), "skin", 16), LatticeMap)


def test_nearest_inside() -> None:
    inside = np.zeros((9, 9), bool)
    inside[2, 3] = inside[7, 8] = True
    row, column = nearest_inside(inside)
    assert (row[0, 0], column[0, 0]) == (2, 3) and (row[8, 8], column[8, 8]) == (7, 8)
    row, column = nearest_inside(np.ones((3, 4), bool))
    assert (row[2, 3], column[2, 3]) == (2, 3)
