"""Strain of cells: exact for known deformations, and not smeared across slits."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.displacement.strain import (
    compression_along,
    expression_heads,
    key_strain,
    mean_compression,
    principal,
    smoothed,
)  # fmt: skip
from mechanics_heads import ground_of


def test_nothing_moves_no_strain() -> None:
    ground = ground_of(100)
    still = key_strain(ground.frame, ground.neutral[None])
    assert np.abs(still).max() < 1e-3


@pytest.mark.parametrize("factor", [0.7, 1.3])
def test_scaling_is_its_logarithm(factor: float) -> None:
    ground = ground_of(100)
    strain = key_strain(ground.frame, factor * ground.neutral[None], smoothing=0.0)[0]
    visible = ground.frame.metric[..., 0] > 0.4
    assert np.median(np.abs(strain[visible][:, 0] - np.log(factor))) < 1e-4
    assert np.median(np.abs(strain[visible][:, 1] - np.log(factor))) < 1e-4
    assert np.median(np.abs(strain[visible][:, 2])) < 1e-4


def test_squeezing_along_one_direction_has_that_axis() -> None:
    """The forehead, flat enough to be squeezed along y alone."""
    ground = ground_of(100)
    places = ground.neutral.copy()
    places[:, 1] *= 0.8
    strain = key_strain(ground.frame, places[None], smoothing=0.0)[0]
    normal = np.cross(ground.frame.axes[:, :, 0], ground.frame.axes[:, :, 1])
    flat = (ground.cell_places[..., 2] > 5.0) & (np.abs(normal[..., 1]) < 0.15) & (ground.cell_places[..., 1] > 30)
    assert flat.sum() > 50
    compression, stretch, axis = (part[flat] for part in principal(strain))
    assert np.allclose(compression, -np.log(0.8), atol=0.02)
    assert stretch.max() < 0.02
    upward = np.abs((ground.frame.axes[flat] * axis[..., None]).sum(1)[:, 1])
    assert upward.min() > 0.98


def test_rotation_is_no_strain() -> None:
    ground = ground_of(100)
    turn = np.array([[0.8, 0.0, 0.6], [0.0, 1.0, 0.0], [-0.6, 0.0, 0.8]])
    assert np.abs(key_strain(ground.frame, (ground.neutral @ turn.T)[None], smoothing=0.0)).max() < 2e-2


def test_smoothing_stops_at_slits_only() -> None:
    ground = ground_of(100)
    frame = ground.frame
    row = frame.bands[2][0]
    doubled = frame.bands[1][1][-1] != frame.bands[2][1][0]
    slit = np.flatnonzero(doubled[:-1] & doubled[1:])
    field = np.zeros((1, frame.size, frame.size, 1), np.float32)
    field[:, row:] = 1.0
    soft = smoothed(frame, field, 2.0)[0, :, :, 0]
    inside = slit[len(slit) // 4]
    # A little reaches round the corners of the eye, along the rows; nothing comes through the slit.
    assert soft[row, inside] > 0.97 and soft[row - 1, inside] < 0.03
    away = 5
    assert 0.5 < soft[row, away] < 0.7


def test_expression_heads_are_weighted_sums() -> None:
    ground = ground_of(100)
    weights = np.zeros((2, len(ground.names)))
    weights[1, 3], weights[1, 17] = 0.5, 1.0
    heads = expression_heads(ground.neutral, ground.blendshapes, weights)
    wanted = ground.neutral + 0.5 * ground.blendshapes[3] + ground.blendshapes[17]
    assert np.allclose(heads[0], ground.neutral, atol=1e-4)
    assert np.allclose(heads[1], wanted, atol=1e-3)


def test_compression_of_known_tensors() -> None:
    tensor = np.array([[[-0.2, 0.1, 0.0], [0.1, -0.3, 0.0], [0.0, 0.0, 0.2]]], np.float32)
    compression, stretch, axis = principal(tensor)
    assert np.allclose(compression, [[0.2, 0.3, 0.2]], atol=1e-6)
    assert np.allclose(stretch, [[0.1, 0.1, 0.2]], atol=1e-6)
    assert np.allclose(np.abs(axis[0, :2]), [[1, 0], [0, 1]], atol=1e-5)
    assert np.allclose(axis[0, 2, 0] * axis[0, 2, 1], -0.5, atol=1e-5)
    along_first = np.array([[1.0, 0.0, 0.0]], np.float32)
    assert np.allclose(compression_along(tensor, along_first), [[0.2, 0.0, 0.0]])
    total = mean_compression(list(tensor))
    assert np.allclose(total[:2], [[0.2, 0.0, 0.0], [0.0, 0.3, 0.0]], atol=1e-6)
