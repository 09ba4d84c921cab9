"""Splines as matrices: what they reproduce, and that smoothing never overshoots."""

from __future__ import annotations

import numpy as np
from facewright.displacement.spline import cell_spline, gaussian_matrix, node_spline


def test_nodes_are_met_and_curves_are_smooth() -> None:
    nodes = np.sin(np.arange(20) / 3.0)
    assert np.allclose(node_spline(20, np.arange(20)) @ nodes, nodes, atol=1e-5)
    fine = np.linspace(4.0, 15.0, 400)
    assert np.abs(node_spline(20, fine) @ nodes - np.sin(fine / 3.0)).max() < 2e-3


def test_straight_lines_stay_straight_to_the_ends() -> None:
    at = np.linspace(0.0, 11.0, 57)
    assert np.allclose(node_spline(12, at) @ (2.0 * np.arange(12) - 3.0), 2.0 * at - 3.0, atol=1e-4)


def test_smoothing_neither_overshoots_nor_changes_constants() -> None:
    matrix = cell_spline(9, np.linspace(-0.5, 8.5, 80))
    assert matrix.min() >= 0.0
    assert np.allclose(matrix.sum(1), 1.0, atol=1e-6)
    step = matrix @ (np.arange(9) > 4).astype(np.float32)
    assert step.min() >= 0.0 and step.max() <= 1.0
    assert (np.diff(step) >= -1e-6).all()


def test_gaussian_has_the_width_that_it_says() -> None:
    matrix = gaussian_matrix(101, 3.0)
    assert np.allclose(matrix.sum(1), 1.0, atol=1e-6)
    spread = np.sqrt((matrix[50] * (np.arange(101) - 50.0) ** 2).sum())
    assert abs(spread - 3.0) < 0.05
