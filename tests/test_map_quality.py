"""Measures of maps, on heights whose depth, slope, spacing and direction are known."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.displacement.map_quality import SkinRuler, valleys
from mechanics_heads import ground_of, model

NOTHING = np.zeros((192, 192, 3), np.float32)


@pytest.fixture(scope="module")
def ruler() -> SkinRuler:
    return SkinRuler(ground_of(100), model().topology)


def test_slope_of_a_plane_is_that_of_its_normal(ruler: SkinRuler) -> None:
    """Height that grows by .5 mm a mm of the surface upwards, on the flat of the forehead."""
    first, second = ruler.gradient(0.5 * ruler.ground.frame.texels_of_vertices(
        ruler.ground.neutral[:, 1].astype(np.float32), slice(0, 1024), slice(0, 1024), 1024
    ))  # fmt: skip
    # cos of the skin's lean shortens it; along u height does not change.
    x, y, z = np.moveaxis(ruler.places, 2, 0)
    flat = (np.abs(x) < 10.0) & (y > 35.0) & (y < 45.0) & (z > 0.0)
    assert np.abs(first[flat]).max() < 0.08
    assert 0.40 < np.median(second[flat]) <= 0.501


def test_depth_pits_and_slits(ruler: SkinRuler) -> None:
    height = np.zeros((1024, 1024), np.float32)
    x, y, _ = np.moveaxis(ruler.places, 2, 0)
    cheek = (np.abs(x - 45.0) < 15.0) & (np.abs(y + 40.0) < 15.0)
    assert cheek.sum() > 3000
    height[cheek] = 0.8
    quality = ruler.quality(height, NOTHING)
    assert quality.depth_mm == pytest.approx(0.8, abs=1e-3)
    assert quality.near_slit_um == 0.0
    assert len(quality.angles) == 0
    rows, columns = np.nonzero(cheek)
    height[rows[::400], columns[::400]] += 0.3
    assert abs(ruler.quality(height, NOTHING).pits - quality.pits - len(rows[::400])) <= 2
    height[ruler.near_slit] = 0.02
    assert ruler.quality(height, NOTHING).near_slit_um == pytest.approx(20.0, abs=0.1)


def test_angle_between_waves_and_compression(ruler: SkinRuler) -> None:
    """Waves up the lattice's columns against compression along them, and across them."""
    rows = np.arange(1024, dtype=np.float32)[:, None]
    height = np.broadcast_to(0.4 * np.sin(rows / 3.0), (1024, 1024))
    for component, wanted in ((1, 0.0), (0, 90.0)):
        strain = NOTHING.copy()
        strain[..., component] = -0.2
        found = np.median(ruler.quality(height, strain).angles)
        # Columns are not everywhere at right angles to rows.
        assert abs(found - wanted) < 20.0


def test_forehead_spacing(ruler: SkinRuler) -> None:
    height = 0.3 * np.cos(2.0 * np.pi * ruler.places[..., 1] / 8.0)
    spacing, lines = ruler.forehead_spacing(height)
    # Canonical millimetres upwards are a little longer along the skin that leans back.
    assert 7.5 < spacing < 11.0
    assert 5 <= lines <= 8


def test_valleys_need_ridges_on_both_sides() -> None:
    line = np.array([0.0, -0.3, 0.0, -0.05, 0.0, 0.2, -0.2, -0.19, -0.4, -0.5], np.float32)
    assert valleys(line, 0.1).tolist() == [1]
