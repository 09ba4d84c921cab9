"""Phases: fitted to a direction and spacing, gradients across forks, and the profile of lines."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.displacement.phase import cycles_per_texel, fit_phase, forks, gradient, profile
from mechanics_heads import ground_of


def test_fitted_lines_have_the_spacing_that_was_asked_for() -> None:
    ground = ground_of(100)
    patch = ground.patch("test", x=(-40.0, 40.0), y=(30.0, 70.0))
    shape = patch.cell_places.shape[:2]
    phase, along = fit_phase(ground.frame, patch.area, patch.towards(0.0, 1.0), 8.0, np.ones(shape))
    fields = ground.frame.texels_of_vertices(np.stack([phase, along], 1), patch.rows, patch.columns, ground.size)
    inner = slice(20, -20), slice(20, -20)
    steep = np.linalg.norm(gradient(patch.metric, fields[..., 0]), axis=2)[inner]
    assert np.percentile(np.abs(8.0 * steep - 1.0), 95) < 0.2
    # Length along the lines is in millimetres and at right angles to the phase.
    across = gradient(patch.metric, fields[..., 0])[inner]
    length = np.diff(fields[..., 1], axis=1)[inner] / patch.metric[:, :-1, 0][inner]
    assert np.percentile(np.abs(np.abs(length) - 1.0), 90) < 0.2
    assert np.abs(across[..., 0]).mean() < 0.2 * np.abs(across[..., 1]).mean()


def test_gradient_in_a_sheared_metric() -> None:
    y, x = np.mgrid[:30, :40].astype(np.float32)
    metric = np.broadcast_to(np.array([0.5, 0.2, 0.4], np.float32), (30, 40, 3))
    # Places in mm: A (u, v) with v upwards; a phase that grows by .1 a mm along the second axis only.
    phase = 0.1 * 0.4 * -y + 0.0 * x
    assert np.allclose(gradient(metric, phase), [0.0, 0.1], atol=1e-5)


def test_forks_do_not_show_in_the_gradient_as_jumps() -> None:
    y, x = np.mgrid[:120, :160].astype(np.float32) * 0.3 - np.float32(18.0)
    added, keep = forks(x, y, [(-6.0, 12.0, 0.3, 1.0)], 0.4)
    assert np.abs(np.diff(added, axis=0)).max() > 0.9  # the branch cut is there
    clean = keep > 0.9
    assert cycles_per_texel(added)[clean].max() < 0.1
    assert keep.min() < 0.2


@pytest.mark.parametrize("exponent", [0.8, 1.0])
def test_profile_has_sharp_valleys_and_round_ridges(exponent: float) -> None:
    phase = np.linspace(-1.0, 1.0, 2001, dtype=np.float32)
    height = profile(phase, exponent, 0.15)
    assert np.isclose(height.min(), -1.24, atol=1e-2) and np.isclose(height.max(), 0.76, atol=1e-2)
    assert abs(phase[height.argmin()]) in (0.0, 1.0)
    bend = np.diff(height, 2)
    assert bend.max() > 4.0 * -bend.min()


def test_valleys_are_never_sharper_than_texels_show() -> None:
    phase = np.linspace(0.0, 4.0, 41, dtype=np.float32)  # ten texels a line
    coarse, fine = profile(phase, 1.0, 0.05, 0.1), profile(phase, 1.0, 0.05)
    assert np.diff(coarse, 2).max() < 0.6 * np.diff(fine, 2).max()
    assert abs(coarse[:-1].mean() - fine[:-1].mean()) < 0.05
