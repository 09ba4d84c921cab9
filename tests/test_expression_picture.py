"""Pictures of expressions: relief is lit from its real slope, in the deformed metric, and only where it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from facewright.errors import TopologyMismatch
from facewright.head.expression_picture import PictureSettings, _Frame, face_view, render_expression
from facewright.mesh.normals import vertex_normals
from facewright.mesh.smooth_lattice import SmoothLattice
from facewright.mesh.topology import Topology
from small_head import small_head

CELLS, SIZE = 48, 384


def _waves(topology: Topology, vertices: np.ndarray, wavelength_mm: float, depth_mm: float) -> np.ndarray:
    """(S, S) mm: horizontal waves over the height of ``vertices``."""
    y = SmoothLattice(topology, SIZE).image(vertices[:, 1])
    return (depth_mm * np.sin(2 * np.pi * y / wavelength_mm)).astype(np.float32)


def _normals(topology: Topology, vertices: np.ndarray, displacement: np.ndarray) -> np.ndarray:
    frame = _Frame.of(topology, vertices, vertex_normals(vertices, topology.quads), SmoothLattice(topology, SIZE))
    normal = frame.relief(displacement)[0]
    return normal / np.linalg.norm(normal, axis=2, keepdims=True)


@pytest.mark.parametrize("squash", [1.0, 0.6])
def test_slope_in_the_deformed_metric(squash: float) -> None:
    """On skin squashed to 0.6 of its height the same waves are steeper by 1 / 0.6."""
    topology, head = small_head(CELLS)
    waves = _waves(topology, head.neutral, 16.0, 0.4)
    vertices = head.neutral * [1.0, squash, 1.0]
    middle = (slice(SIZE // 2 - 40, SIZE // 2 + 40), slice(SIZE // 2 - 8, SIZE // 2 + 8))
    tilt = _normals(topology, vertices, waves)[middle] - _normals(topology, vertices, 0 * waves)[middle]
    expected = 0.4 * 2 * np.pi / 16.0 / squash
    assert np.abs(tilt[..., 1]).max() == pytest.approx(np.sin(np.arctan(expected)), rel=0.08)
    assert np.abs(tilt[..., 0]).max() < 0.03, "waves along y do not tilt the normal sideways"


def test_normals_equal_those_of_a_displaced_mesh() -> None:
    topology, head = small_head(CELLS)
    normals = vertex_normals(head.neutral, topology.quads)
    long_waves = 1.5 * np.sin(2 * np.pi * head.neutral[:, 1] / 60.0)
    moved = head.neutral + normals * long_waves[:, None]
    expected = SmoothLattice(topology, SIZE).image(vertex_normals(moved, topology.quads))
    found = _normals(topology, head.neutral, SmoothLattice(topology, SIZE).image(long_waves))
    front = (slice(SIZE // 2 - 60, SIZE // 2 + 60), slice(SIZE // 2 - 40, SIZE // 2 + 40))
    plain = SmoothLattice(topology, SIZE).image(normals)
    error = np.linalg.norm(found - expected, axis=2)[front]
    change = np.linalg.norm(plain - expected, axis=2)[front]
    assert error.mean() < 0.15 * change.mean()


def test_relief_shows_where_it_is() -> None:
    topology, head = small_head(CELLS)
    settings = PictureSettings(supersampling=1)
    view = face_view(topology, head.neutral)
    waves = _waves(topology, head.neutral, 12.0, 0.8)
    waves[SIZE // 2 :] = 0.0  # the upper half of the square only
    plain, flat, wavy = (
        render_expression(topology, head.neutral, map_, None, (120, 160), view, settings).astype(int)
        for map_ in (None, 0 * waves, waves)
    )
    assert plain.shape == (160, 120, 3)
    np.testing.assert_allclose(plain, flat, atol=1)
    difference = np.abs(wavy - plain).max(2)
    assert difference[20:75, 45:75].max() > 25
    assert difference[90:].max() <= 2
    # A textured skin has the texture's colour, clay does not.
    green = np.full((64, 64, 3), (40, 160, 60), np.uint8)
    textured = render_expression(topology, head.neutral, None, green, (120, 160), view, settings).astype(int)
    assert textured[80, 60, 1] > textured[80, 60, 0] + 40
    assert plain[80, 60, 0] > plain[80, 60, 1]


def test_refuses_a_mesh_that_is_no_lattice() -> None:
    topology, head = small_head(CELLS)
    with pytest.raises(TopologyMismatch):
        render_expression(replace(topology, lattice_size=0), head.neutral)
