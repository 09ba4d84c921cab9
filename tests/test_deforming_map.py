"""Deforming maps: differences of positions and strain as images of the lattice."""

from __future__ import annotations

import numpy as np
from facewright.displacement.deforming_map import deforming_maps
from facewright.displacement.lattice_frame import LatticeFrame
from small_head import small_head

SIZE = 48


def _maps(change: np.ndarray) -> np.ndarray:
    topology, head = small_head(24)
    frame = LatticeFrame.of(topology, head.neutral)
    return deforming_maps(frame, (head.neutral + change)[None], SIZE)


def test_the_source_itself_does_not_move() -> None:
    maps = _maps(np.zeros(3))
    assert maps.shape == (1, 6, SIZE, SIZE) and maps.dtype == np.float32
    assert np.abs(maps).max() < 1e-4


def test_moving_as_a_whole_is_a_constant_difference_without_strain() -> None:
    maps = _maps(np.array([1.0, 2.0, -3.0]))
    assert np.allclose(maps[0, :3], np.array([1.0, 2.0, -3.0])[:, None, None], atol=1e-4)
    assert np.abs(maps[0, 3:]).max() < 1e-3


def test_squeezing_towards_a_centre_is_negative_strain_on_both_axes() -> None:
    topology, head = small_head(24)
    frame = LatticeFrame.of(topology, head.neutral)
    centre = head.neutral[topology.regions["face"]].mean(0)
    smaller = centre + 0.9 * (head.neutral - centre)
    strain = deforming_maps(frame, smaller[None], SIZE)[0, 3:]
    assert np.allclose(strain[:2], np.log(0.9), atol=1e-3)
    assert np.abs(strain[2]).max() < 1e-3


def test_row_zero_is_the_top_of_the_uv_square() -> None:
    topology, head = small_head(24)
    change = np.zeros_like(head.neutral)
    change[:, 1] = np.where(head.neutral[:, 1] < head.neutral[topology.regions["face"], 1].mean(), -5.0, 0.0)
    frame = LatticeFrame.of(topology, head.neutral)
    lowered = deforming_maps(frame, (head.neutral + change)[None], SIZE)[0, 1]
    # v grows upwards on the small head too: its low half lies in the image's lower rows.
    assert lowered[-4:].mean() < -4.0
    assert lowered[:4].mean() > -1.0
