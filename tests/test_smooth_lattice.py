"""B-spline maps of vertex attributes: exact for linear functions, smooth across cells, open at slits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from facewright.errors import TopologyMismatch
from facewright.mesh.smooth_lattice import SmoothLattice
from facewright.mesh.topology import Topology
from small_head import small_head

CELLS, SIZE = 24, 96


def _slit_head() -> Topology:
    """The small head with a slit on row 12, columns 9 to 15: inner nodes have a vertex of their own above it."""
    topology, head = small_head(CELLS)
    quads = topology.quads.copy()
    count = len(head.neutral)
    for number, column in enumerate(range(10, 15)):
        node = 12 * (CELLS + 1) + column
        for cell in (12 * CELLS + column - 1, 12 * CELLS + column):
            quads[cell][quads[cell] == node] = count + number
    return replace(topology, quads=quads)


def _lattice_coordinates(topology: Topology) -> np.ndarray:
    """(V, 2) UV * cells of the skin's vertices."""
    result = np.zeros((topology.vertex_count, 2))
    skin = topology.quads[: CELLS * CELLS]
    result[skin] = topology.corner_uv[: CELLS * CELLS] * CELLS
    return result


@pytest.mark.parametrize("slit", [False, True])
def test_linear_functions_are_exact(slit: bool) -> None:
    topology = _slit_head() if slit else small_head(CELLS)[0]
    place = _lattice_coordinates(topology)
    values = np.stack([place[:, 0], place[:, 1], 3.0 - place @ [0.5, 0.25]], 1)
    image = SmoothLattice(topology, SIZE).image(values)
    x = (np.arange(SIZE) + 0.5) / SIZE * CELLS
    expected = np.stack(np.broadcast_arrays(x[None], x[::-1, None]), 2)
    np.testing.assert_allclose(image[..., :2], expected, atol=2e-5)
    np.testing.assert_allclose(image[..., 2], 3.0 - expected @ [0.5, 0.25], atol=2e-5)


def test_no_creases_at_lines_of_the_lattice() -> None:
    topology, _ = small_head(CELLS)
    values = np.random.default_rng(3).normal(size=topology.vertex_count)
    image = SmoothLattice(topology, 24 * 40).image(values).astype(np.float64)
    # A second derivative of a bilinear map is a spike at every line; the spline's is continuous: its own step from
    # texel to texel is one fortieth of its range over a cell, times three at most.
    second = np.diff(image[400:500], 2, axis=1)
    assert np.abs(np.diff(second, axis=1)).max() < 0.2 * np.abs(second).max()


def test_slits_stay_open() -> None:
    topology = _slit_head()
    values = np.zeros(topology.vertex_count)
    upper = np.setdiff1d(topology.quads[12 * CELLS + 10 : 12 * CELLS + 14], topology.quads[: 12 * CELLS])
    values[upper] = 1.0
    image = SmoothLattice(topology, SIZE).image(values)
    below = image[SIZE // 2 + 0 :]  # row 0 is the top: the lower half of the square
    assert np.abs(below[:, 44:52]).max() == 0.0, "nothing leaks through the slit"
    assert image[SIZE // 2 - 1, 48] > 0.5


def test_refuses_a_mesh_that_is_no_lattice() -> None:
    topology, _ = small_head(CELLS)
    with pytest.raises(TopologyMismatch):
        SmoothLattice(replace(topology, lattice_size=0), SIZE)
