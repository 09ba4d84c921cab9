"""Patches of skin to draw lines on: where they lie, curves, directions, what a crease set gets added."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.displacement.crease_ground import DEPTH_RANGE, SLIT_FREE_MM, Patch, SkinGround, bump, main_axis
from facewright.displacement.crease_set import CreaseStyle
from facewright.errors import TopologyMismatch
from mechanics_heads import ground_of, model
from small_head import small_head

PLAIN = CreaseStyle(8.0, 0.8, 0.6, variation=0.0, meander=0.0)


@pytest.fixture(scope="module")
def forehead() -> Patch:
    return ground_of(100).patch("test", x=(-40.0, 40.0), y=(30.0, 70.0))


def test_a_patch_holds_its_box(forehead: Patch) -> None:
    assert forehead.x.min() < -38.0 and forehead.x.max() > 38.0
    assert forehead.y.min() < 32.0 and forehead.y.max() > 68.0
    assert forehead.x.shape == forehead.metric.shape[:2] == forehead.lid_mm.shape


def test_sides_mirror_each_other() -> None:
    ground = ground_of(100)
    left, right = (ground.patch(f"test_{side}", x=(20.0, 60.0), y=(-20.0, 20.0), side=side) for side in (1, -1))
    assert left.x.shape == right.x.shape
    assert np.abs(left.x - right.x[:, ::-1]).max() < 0.05
    assert np.abs(left.y - right.y[:, ::-1]).max() < 0.05
    assert left.columns.start > ground.size // 2 > right.columns.stop


def test_no_skin_in_the_box() -> None:
    with pytest.raises(TopologyMismatch, match="nowhere"):
        ground_of(100).patch("nowhere", x=(400.0, 500.0), y=(0.0, 10.0))


def test_heads_that_cannot_have_detail() -> None:
    topology, head = small_head()
    with pytest.raises(TopologyMismatch):
        SkinGround.of(topology, head.neutral, head.blendshapes, ("jawOpen", "eyeBlinkLeft"))
    ground = ground_of(100)
    with pytest.raises(TopologyMismatch, match="192 texels"):
        SkinGround.of(model().topology, ground.neutral, ground.blendshapes, ground.names, 128)


def test_curve_distance_and_length(forehead: Patch) -> None:
    side, along, length = forehead.curve([(-30.0, 50.0), (0.0, 50.0), (30.0, 50.0)])
    assert length == pytest.approx(60.0, abs=0.01)
    assert np.abs(side - (forehead.y - 50.0)).max() < 0.02
    assert np.abs(along - (forehead.x + 30.0)).max() < 0.05


def test_towards_gives_unit_tangents(forehead: Patch) -> None:
    up = forehead.towards(0.0, 1.0)
    assert np.allclose(np.linalg.norm(up, axis=2), 1.0, atol=1e-4)
    assert up[..., 1].mean() > 0.9  # v grows upwards


def test_a_set_knows_its_spacing_direction_and_edges(forehead: Patch) -> None:
    mask = bump(forehead.y, 40.0, 60.0, 4.0, 4.0) * bump(forehead.x, -30.0, 30.0, 4.0, 4.0)
    lines = forehead.crease_set(PLAIN, forehead.y / 8.0, forehead.x, mask)
    assert lines.phase.shape == (lines.rows.stop - lines.rows.start, lines.columns.stop - lines.columns.start)
    assert lines.mask[[0, -1]].max() < 0.05 and lines.mask[:, [0, -1]].max() < 0.05
    assert np.allclose(np.linalg.norm(lines.direction, axis=2), 1.0, atol=1e-3)
    assert np.abs(lines.direction[..., 1]).mean() > 0.95
    # The forehead leans back: canonical millimetres upwards are longer on the skin.
    assert 7.0 < np.median(lines.wavelength_mm) < 12.0
    assert np.allclose(lines.depth, np.minimum(1.0, lines.depth)) and np.median(lines.depth) > 0.9


def test_wandering_lines_stay_in_bounds_and_pinched_ones_fade(forehead: Patch) -> None:
    style = CreaseStyle(8.0, 0.8, 0.6, variation=3.0, meander=0.8, variation_mm=10.0)
    mask = np.ones_like(forehead.x)
    lines = forehead.crease_set(style, forehead.y / 8.0, forehead.x, mask)
    calm = forehead.crease_set(PLAIN, forehead.y / 8.0, forehead.x, mask)
    assert lines.depth.min() >= 0.0 and lines.depth.max() <= DEPTH_RANGE[1] + 1e-6
    assert np.abs(lines.phase - calm.phase).max() < 0.8 * 2.2 + 1e-3
    steep = np.abs(np.diff(lines.phase, axis=0)) / np.abs(np.diff(calm.phase, axis=0))
    pinched = steep[:, :-1] > 2.0
    assert pinched.any()
    assert lines.depth[:-1, :-1][pinched].max() < 0.85 * DEPTH_RANGE[1]


def test_no_line_comes_near_a_slit() -> None:
    ground = ground_of(100)
    patch = ground.patch("test_eye", x=(10.0, 60.0), y=(-20.0, 20.0), side=1)
    lines = patch.crease_set(PLAIN, patch.y / 4.0, patch.x, np.ones_like(patch.x))
    crop = Patch(ground, "test_eye", lines.rows, lines.columns, 1)
    near = crop.lid_mm < SLIT_FREE_MM
    assert near.any() and lines.mask[near].max() == 0.0


def test_finer_lines_lie_between(forehead: Patch) -> None:
    mask = bump(forehead.y, 40.0, 60.0, 4.0, 4.0) * bump(forehead.x, -30.0, 30.0, 4.0, 4.0)
    lines = forehead.crease_set(PLAIN, forehead.y / 8.0, forehead.x, mask)
    fine = forehead.finer(lines, PLAIN, "test_fine", 3)
    assert np.allclose(fine.phase, 3.0 * lines.phase)
    assert np.allclose(fine.wavelength_mm, lines.wavelength_mm / 3.0)


def test_main_axis_of_tensors() -> None:
    tensor = np.array([[2.0, 1.0, 0.0], [1.0, 2.0, 0.0], [1.0, 1.0, 0.5]])
    axis = np.abs(main_axis(tensor))
    assert np.allclose(axis, [[1.0, 0.0], [0.0, 1.0], [0.7071, 0.7071]], atol=1e-4)
