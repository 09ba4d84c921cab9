"""The head at rest as a surface: lengths, axes, distances to slits, and maps that do not leak across them."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.displacement.lattice_frame import LatticeFrame
from facewright.errors import TopologyMismatch
from facewright.mesh.texel_map import uv_sampler
from facewright.mesh.topology import Topology
from mechanics_heads import ground_of, model

WHOLE = slice(0, 512)


@pytest.fixture(scope="module")
def frame() -> LatticeFrame:
    return ground_of(100).frame


def test_axes_are_orthonormal_and_lengths_are_those_of_the_edges(frame: LatticeFrame) -> None:
    first, second = frame.axes[:, :, 0], frame.axes[:, :, 1]
    assert np.abs(np.linalg.norm(first, axis=2) - 1.0).max() < 1e-4
    assert np.abs((first * second).sum(2)).max() < 1e-4
    cells, places = frame.cells, frame.places
    edge = 0.5 * (places[cells[..., 1]] - places[cells[..., 0]] + places[cells[..., 2]] - places[cells[..., 3]])
    assert np.allclose(frame.metric[..., 0], np.linalg.norm(edge, axis=2), atol=1e-3)
    # Area of the cells, by A's determinant and by the diagonals.
    diagonal = np.cross(
        places[cells[..., 2]] - places[cells[..., 0]], places[cells[..., 3]] - places[cells[..., 1]]
    )
    area = 0.5 * np.linalg.norm(diagonal, axis=2)
    determinant = frame.metric[..., 0] * frame.metric[..., 2]
    assert np.median(np.abs(determinant / area - 1.0)) < 1e-3


def test_distance_to_slits_is_zero_on_their_loops_and_grows_away(frame: LatticeFrame) -> None:
    regions = model().topology.regions
    assert frame.lid_mm[regions["lid_upper_left"]].max() < 0.5
    assert frame.lip_mm[regions["lip_upper"]].max() < 0.5
    assert frame.lid_mm[regions["chin"]].min() > 50.0
    assert frame.lip_mm[regions["forehead"]].min() > 60.0


def test_texels_agree_with_bilinear_reading_where_values_are_smooth(frame: LatticeFrame) -> None:
    topology = model().topology
    bilinear = uv_sampler(topology, "skin", 512).image(frame.places)
    cubic = frame.texels_of_vertices(frame.places, WHOLE, WHOLE, 512)
    assert np.median(np.linalg.norm(cubic - bilinear, axis=2)) < 0.05
    crop = frame.texels_of_vertices(frame.places, slice(90, 200), slice(150, 260), 512)
    assert np.abs(crop - cubic[90:200, 150:260]).max() < 0.02


def test_nothing_leaks_across_a_slit(frame: LatticeFrame) -> None:
    """1 on the upper lids and all above them, 0 below: the map falls at once where a slit lies."""
    first = frame.bands[2][0]
    values = np.zeros(len(frame.places), np.float32)
    values[frame.bands[2][1]] = 1.0
    image = frame.texels_of_vertices(values, WHOLE, WHOLE, 512)
    slit = (frame.bands[1][1][-1] != frame.bands[2][1][0]).nonzero()[0]
    column = int((slit[len(slit) // 4] + 0.5) / frame.size * 512)
    edge = int(512 * (1.0 - first / frame.size))
    assert image[: edge - 1, column].min() > 0.99
    assert image[edge + 1 :, column].max() < 0.01


def test_cells_to_texels_and_back(frame: LatticeFrame) -> None:
    rows, columns = slice(40, 200), slice(300, 460)
    area = frame.cells_of_crop(rows, columns, 512)
    r, c = np.mgrid[area]
    smooth = np.stack([np.sin(r / 9.0), np.cos(c / 11.0)]).astype(np.float32)
    texels = frame.texels_of_cells(smooth, area, rows, columns, 512)
    back = frame.cell_average(np.moveaxis(texels, 0, 2), area, rows, columns, 512)
    inner = slice(4, -4), slice(4, -4)
    assert np.abs(np.moveaxis(back, 2, 0)[:, *inner] - smooth[:, *inner]).max() < 0.02


def test_a_skin_that_is_no_lattice_is_refused() -> None:
    topology = model().topology
    loose = Topology(topology.quads, topology.corner_uv, topology.material)
    with pytest.raises(TopologyMismatch):
        LatticeFrame.of(loose, ground_of(100).neutral)
