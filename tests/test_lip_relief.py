"""Grooves of the lips: on the red only, soft, nothing at the slit."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.displacement.crease_ground import SkinGround
from facewright.displacement.creases_lower import LIP_EDGE, lips
from facewright.displacement.lip_relief import lip_relief
from facewright.face_model.load import built_in_path, load_face_model
from facewright.mesh.texel_map import uv_sampler

SIZE = 512


def test_grooves_lie_on_the_red() -> None:
    model = load_face_model(built_in_path())
    head = model.head(np.random.default_rng(8).normal(0.0, 0.7, model.identity_dims))
    ground = SkinGround.of(model.topology, head.neutral, head.blendshapes, model.blendshape_names, SIZE)
    relief = lip_relief(ground, [lips(ground)])
    sampler = uv_sampler(model.topology, "skin", SIZE)
    place, slit = sampler.image(ground.canonical), sampler.image(ground.frame.lip_mm)
    edge = np.array(LIP_EDGE)
    x, y = np.abs(place[..., 0]), place[..., 1]
    red = (y < np.interp(x, edge[:, 0], edge[:, 1]) + 1.0) & (y > np.interp(x, edge[:, 0], edge[:, 2]) - 1.0)
    red &= place[..., 2] > 0.0
    assert np.abs(relief[~red]).max() < 0.002
    assert np.abs(relief[slit < 1.0]).max() < 0.005
    middle = red & (x < 12.0) & (slit > 3.0)
    assert 0.006 < relief[middle].std() < 0.03
    assert np.abs(relief).max() < 0.08
    # Grooves run down: relief changes faster sideways than along them.
    down, across = np.abs(np.gradient(relief))
    assert across[middle].mean() > 1.5 * down[middle].mean()
    assert lip_relief(ground, [lips(ground)], 2.0) == pytest.approx(2.0 * relief)
    assert not lip_relief(ground, []).any()
