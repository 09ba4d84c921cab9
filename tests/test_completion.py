"""Fields on the mesh, grain, mottling, and the blend of what is seen with what is invented."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.mesh.topology import Topology
from facewright.texture.cavity import openness
from facewright.texture.completion import (
    CompletionSettings,
    PhotoColours,
    grain_on_surface,
    grain_tile,
    mirror_weight,
    mottling,
    smooth_fill,
)
from facewright.texture.mesh_field import skin_graph

SETTINGS = CompletionSettings()
TONE = np.array([0.7, 0.5, 0.4])


def sheet(columns: int = 40, rows: int = 30, width: float = 80.0, height: float = 60.0, stretch: float = 1.0):
    """(points, topology with mirror) of a flat sheet in x and y; columns grow wider to the right by ``stretch``."""
    x = np.linspace(-1, 1, columns + 1)
    x = np.sign(x) * np.abs(x) ** stretch * width / 2
    grid = np.stack(np.meshgrid(x, np.linspace(-height / 2, height / 2, rows + 1)), -1).reshape(-1, 2)
    points = np.column_stack([grid, np.zeros(len(grid))])
    ids = np.arange(len(points)).reshape(rows + 1, columns + 1)
    quads = np.stack([ids[:-1, :-1], ids[:-1, 1:], ids[1:, 1:], ids[1:, :-1]], -1).reshape(-1, 4).astype(np.int32)
    topology = Topology(
        quads,
        np.zeros((len(quads), 4, 2), np.float32),
        np.zeros(len(quads), np.uint8),
        mirror=ids[:, ::-1].ravel().astype(np.int32),
    )
    return points, topology


@pytest.mark.parametrize("stretch", [1.0, 1.8])
def test_a_membrane_between_two_edges_is_linear_however_the_mesh_is_cut(stretch: float) -> None:
    points, topology = sheet(stretch=stretch)
    x = points[:, 0]
    edge = np.abs(x) > 39.9
    graph = skin_graph(topology, points)
    found = graph.extend(x[:, None], np.where(edge, 1e4, 0.0), np.zeros(1), reach_mm=1e5, tolerance=1e-6)
    np.testing.assert_allclose(found[:, 0], x, atol=0.15)


def test_far_from_what_is_known_lies_the_target() -> None:
    points, topology = sheet(width=400.0, columns=200)
    graph = skin_graph(topology, points)
    known = points[:, 0] < -195
    found = graph.extend(np.ones((len(points), 1)), 10.0 * known, np.zeros(1), reach_mm=30.0, tolerance=1e-6)[:, 0]
    assert found[known].min() > 0.95
    near = np.abs(points[:, 0] + 165) < 1.1  # 30 mm on: 1 / e
    np.testing.assert_allclose(found[near], np.exp(-1), atol=0.03)
    assert np.abs(found[points[:, 0] > 0]).max() < 0.01


def test_blur_averages_over_millimetres_and_by_weight() -> None:
    points, topology = sheet(width=100.0, columns=100)
    graph = skin_graph(topology, points)
    step = (points[:, :1] > 0).astype(float)
    soft = graph.blur(step, 5.0)[:, 0]
    x = points[:, 0]
    wanted = np.where(x > 0, 1 - 0.5 * np.exp(-x / 5), 0.5 * np.exp(x / 5))
    assert np.abs(soft - wanted).max() < 0.06
    only_right = graph.blur(step, 5.0, (x > 0).astype(float))[:, 0]
    np.testing.assert_allclose(only_right[x > -20], 1.0, atol=1e-2)


def test_outside_is_the_largest_unknown_piece() -> None:
    points, topology = sheet()
    graph = skin_graph(topology, points)
    radius = np.hypot(points[:, 0], points[:, 1])
    known = ((radius < 20) & (radius > 5)).astype(float)  # a ring: a hole inside, the rest outside
    outside = graph.outside(known)
    np.testing.assert_array_equal(outside, radius >= 20)
    assert not graph.outside(np.ones(len(points))).any()


def test_known_colours_continue_without_a_step() -> None:
    points, topology = sheet(width=160.0, columns=80)
    graph = skin_graph(topology, points)
    x = points[:, 0]
    colour = TONE + np.outer(x / 400.0, [1.0, 0.8, 0.6])  # a shading across the face
    seen = np.clip((x + 30) / 6, 0, 1)  # the left is hidden
    photo = PhotoColours(colour, seen, lambda c: np.ones(len(c)), np.zeros_like(colour), np.zeros(len(x)))
    fill = smooth_fill(graph, photo, None, TONE, np.ones((len(x), 3)), SETTINGS)
    blended = fill.base + seen[:, None] * (colour - fill.low)
    deep = x > 25
    np.testing.assert_allclose(blended[deep], colour[deep], atol=0.01)
    row = blended.reshape(31, 81, 3)[15]
    slope = np.diff(row, axis=0)
    assert np.abs(slope).max() < 0.02  # no step
    assert np.abs(np.diff(slope, axis=0)).max() < 0.006  # and no kink
    assert np.abs(row[0] - TONE).max() < 0.08


def test_the_other_half_fills_in_with_the_difference_of_light() -> None:
    points, topology = sheet(width=160.0, columns=80)
    graph = skin_graph(topology, points)
    x, y = points[:, 0], points[:, 1]
    spots = 0.08 * np.exp(-((np.abs(x) - 40) ** 2 + y**2) / 60)  # one on each side
    lit = TONE[0] + 0.1 * np.tanh(x / 20)
    colour = np.repeat((lit - spots)[:, None], 3, 1)
    seen = np.clip((x + 15) / 6, 0, 1)
    photo = PhotoColours(colour, seen, lambda c: np.ones(len(c)), np.zeros_like(colour), np.zeros(len(x)))
    fill = smooth_fill(graph, photo, topology.mirror, TONE, np.ones((len(x), 3)), SETTINGS)
    other = colour[topology.mirror] + fill.offset
    share = (1 - seen) * mirror_weight(seen[topology.mirror])
    blended = fill.base + seen[:, None] * (colour - fill.low) + share[:, None] * (other - fill.low)
    row = blended.reshape(31, 81, 3)[15, :, 0]
    # The spot is there, and the boundary at -15 mm has no step although the halves are lit differently.
    assert row[20] < row[12] - 0.05 and row[20] < row[28] - 0.05
    middle = slice(28, 36)
    assert np.abs(np.diff(row[middle])).max() < 0.02


def test_grain_has_the_patchs_strength_and_no_direction() -> None:
    rng = np.random.default_rng(0)
    x = np.mgrid[:120, :120][1]
    stripes = 6.0 * np.sin(2 * np.pi * x / 8.0)  # wrinkles: strongly directed
    patch = 150 + stripes[..., None] + rng.normal(0, 2, (120, 120, 3))
    tile = grain_tile(patch.clip(0, 255).astype(np.uint8), np.array([60.0, 60.0]), 60.0, 3.0, SETTINGS)
    assert tile.shape == (256, 256, 3) and np.abs(tile.mean((0, 1))).max() < 1e-4
    assert 0.5 < tile.std() * 255 / np.sqrt(18 + 4) < 1.5
    across, down = np.abs(np.diff(tile, axis=1)).mean(), np.abs(np.diff(tile, axis=0)).mean()
    assert 0.9 < across / down < 1.1
    # Periodic: the step over the border is like any other.
    assert np.abs(tile[:, 0] - tile[:, -1]).mean() < 1.2 * across
    smooth = grain_tile(np.full((120, 120, 3), 150, np.uint8), np.array([60.0, 60.0]), 60.0, 3.0, SETTINGS)
    assert np.abs(smooth).max() < 1e-3


def test_grain_fades_where_texels_are_coarse() -> None:
    rng = np.random.default_rng(1)
    tile = rng.normal(0, 0.02, (256, 256, 3)).astype(np.float32)
    normal = np.zeros((64, 64, 3), np.float32)
    normal[..., 2] = 1
    y, x = np.mgrid[:64, :64].astype(np.float32)
    strength = []
    for step in (0.3, 1.2, 2.4):  # mm per texel; the tile has 3 pixels per mm
        position = np.stack([x * step, y * step, np.zeros_like(x)], -1)
        strength.append(float(grain_on_surface(tile, position, normal, 3.0).std()))
    assert strength[0] > 2 * strength[1] > 2 * strength[2] > 0
    assert 0.5 < strength[0] / 0.02 < 1.2


def test_mottling_is_faint_and_depends_on_the_place_alone() -> None:
    points = np.random.default_rng(0).uniform(-100, 100, (4000, 3))
    factor = mottling(points, SETTINGS)
    assert np.abs(factor.mean(0) - 1).max() < 0.004
    assert 0.4 * SETTINGS.mottling < factor.std(0).min() and factor.std(0).max() < 1.5 * SETTINGS.mottling
    np.testing.assert_array_equal(mottling(points[:5], SETTINGS), mottling(points, SETTINGS)[:5])
    assert np.abs(mottling(points + 0.05, SETTINGS) - factor).max() < 0.01


def test_a_pit_is_dark_and_a_plain_is_not() -> None:
    points, topology = sheet(width=40.0, height=40.0, columns=40, rows=40)
    radius = np.hypot(points[:, 0], points[:, 1])
    pit = points.copy()
    pit[:, 2] = -25.0 / (1 + np.exp((radius - 5) * 2))
    regions = {"nose": np.arange(len(points), dtype=np.int32)}
    topology = Topology(topology.quads, topology.corner_uv, topology.material, regions)
    deep = openness(topology, pit, skin_graph(topology, pit))
    flat = openness(topology, points, skin_graph(topology, points))
    assert flat.min() > 0.9
    assert deep[radius < 2].max() < 0.45 and np.median(deep[(radius > 12) & (radius < 18)]) > 0.85
    elsewhere = Topology(topology.quads, topology.corner_uv, topology.material)
    np.testing.assert_allclose(openness(elsewhere, pit, skin_graph(elsewhere, pit)), 1.0, atol=1e-12)
