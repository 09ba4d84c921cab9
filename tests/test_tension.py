"""Tension: HiFace Eq. (8), checked against edges added up one by one."""

from __future__ import annotations

import numpy as np
import pytest
from detail_heads import face_model, head_of
from facewright.dynamic_detail.tension import compression_and_stretch, deformed, key_tension, skin_edges, tension
from facewright.mesh.geometry_image import lattice_cells
from small_head import small_head


def test_equation_8_vertex_by_vertex() -> None:
    topology, head = small_head(8)
    rng = np.random.default_rng(0)
    moved = head.neutral + rng.normal(0.0, 3.0, head.neutral.shape)
    found = tension(skin_edges(topology, head.neutral), moved)
    neighbours: dict[int, set[int]] = {}
    for cell in lattice_cells(topology).reshape(-1, 4).tolist():
        for a, b in zip(cell, [*cell[1:], cell[0]]):
            neighbours.setdefault(a, set()).add(b)
            neighbours.setdefault(b, set()).add(a)
    for vertex, others in neighbours.items():
        ratios = [
            np.linalg.norm(moved[vertex] - moved[o]) / np.linalg.norm(head.neutral[vertex] - head.neutral[o])
            for o in others
        ]
        assert found[vertex] == pytest.approx(1.0 - np.mean(ratios), abs=1e-5)
    assert not found[len(neighbours) :].any()


def test_rest_is_zero_and_scaling_is_uniform() -> None:
    topology, head = small_head()
    edges = skin_edges(topology, head.neutral)
    skin = edges.degree > 0
    np.testing.assert_allclose(tension(edges, head.neutral), 0.0, atol=1e-7)
    np.testing.assert_allclose(tension(edges, 0.8 * head.neutral)[skin], 0.2, atol=1e-6)
    np.testing.assert_allclose(tension(edges, 1.3 * head.neutral)[skin], -0.3, atol=1e-6)


def test_moving_a_head_is_no_tension() -> None:
    topology, head = small_head()
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    moved = head.neutral @ turn.T + [10.0, -20.0, 30.0]
    np.testing.assert_allclose(tension(skin_edges(topology, head.neutral), moved), 0.0, atol=1e-6)


def test_raised_brows_compress_the_forehead() -> None:
    model, head = face_model(), head_of()
    names, regions = model.blendshape_names, model.topology.regions
    alpha = np.zeros(52)
    alpha[[names.index(n) for n in ("browInnerUp", "browOuterUpLeft", "browOuterUpRight")]] = 1.0
    edges = skin_edges(model.topology, head.neutral)
    found = key_tension(edges, head.neutral, head.blendshapes, alpha[None])[0]
    np.testing.assert_array_equal(found, tension(edges, deformed(head.neutral, head.blendshapes, alpha)))
    forehead = regions["forehead"]
    assert found[forehead].max() > 0.1
    assert abs(found[regions["chin"]]).max() < 0.05


def test_points_that_coincide_at_rest_do_no_harm() -> None:
    topology, head = small_head()
    neutral = head.neutral.copy()
    a, b = lattice_cells(topology)[3, 3, :2]
    neutral[a] = neutral[b]
    found = tension(skin_edges(topology, neutral), neutral + np.random.default_rng(0).normal(size=neutral.shape))
    assert np.isfinite(found).all()


def test_parts_are_amounts_and_onset_takes_a_quarter_of_itself() -> None:
    values = np.array([-0.4, -0.05, 0.0, 0.05, 0.4])
    plus, minus = compression_and_stretch(values)
    np.testing.assert_allclose(plus - minus, values)
    plus, minus = compression_and_stretch(values, 0.4)
    np.testing.assert_allclose(plus, [0.0, 0.0, 0.0, 0.0, 0.5])
    np.testing.assert_allclose(minus, [0.5, 0.0, 0.0, 0.0, 0.0])
