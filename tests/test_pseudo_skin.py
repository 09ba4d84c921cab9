"""Relative skins: colours of hair on other people's skin; skins drawn from nothing."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.config import assets_dir
from facewright.evaluation.pseudo.drawn_skin import SkinDrawer
from facewright.evaluation.pseudo.lighting import Lighting
from facewright.evaluation.pseudo.skin import RelativeSkin, tone_of
from facewright.face_model.load import load_face_model
from facewright.mesh.texel_map import uv_sampler

SIZE = 256
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def lighting(colour: list[float]) -> Lighting:
    """The same light from everywhere on skin of a colour."""
    coefficients = np.zeros((9, 3))
    coefficients[0] = np.array(colour) * np.sqrt(4.0 * np.pi)
    return Lighting(coefficients, 0.0, np.zeros((0, 3)), np.zeros((0, 2)), (12.0, 40.0))


def test_tone_of_a_light() -> None:
    colour = np.array([0.5, 0.3, 0.2])
    np.testing.assert_allclose(tone_of(lighting([0.5, 0.3, 0.2])), colour / (colour @ LUMINANCE), rtol=1e-6)


def test_black_hair_stays_black_on_every_skin() -> None:
    """Neutral black on tanned skin, as a factor on that skin, is bluish; on grey skin it must be grey again."""
    tan = np.array([0.5, 0.3, 0.2])
    tan /= tan @ LUMINANCE
    black = 0.05 / tan
    image = np.stack([black, np.ones(3), [1.2, 1.1, 0.9]]).reshape(1, 3, 3).astype(np.float32)
    skin = RelativeSkin("donor", image, tan)
    worn = skin.under(lighting([0.4, 0.4, 0.4]))
    np.testing.assert_allclose(worn[0, 0], 0.05, rtol=1e-3)
    # Skin itself takes the tone that it comes to.
    np.testing.assert_array_equal(worn[0, 1:], image[0, 1:])


@pytest.fixture(scope="module")
def drawer() -> SkinDrawer:
    if not (assets_dir() / "face_model.npz").is_file():
        pytest.skip("assets/face_model.npz has not been built")
    return SkinDrawer(load_face_model(None), SIZE)


def test_drawn_skin(drawer: SkinDrawer) -> None:
    skin = drawer.draw(np.random.default_rng(11))
    again = drawer.draw(np.random.default_rng(11))
    np.testing.assert_array_equal(skin.albedo, again.albedo)
    assert skin.tone @ LUMINANCE == pytest.approx(1.0)
    model = load_face_model(None)
    sampler = uv_sampler(model.topology, "skin", SIZE)

    def part(name: str) -> np.ndarray:
        inside = np.zeros(len(drawer.features.position))
        inside[model.topology.regions[name]] = 1.0
        return skin.albedo[sampler.image(inside) > 0.9]

    cheeks, lips = part("cheeks_left"), part("lips")
    # Ordinary skin is 1 by definition; lips are redder than that.
    assert np.median(cheeks @ LUMINANCE.astype(np.float32)) == pytest.approx(1.0, abs=0.15)
    assert np.median(lips[:, 0] / lips[:, 1]) > 1.05 * np.median(cheeks[:, 0] / cheeks[:, 1])
    # Brows are dark where the mean head has them: along the line of its landmarks, and not two centimetres higher.
    distance = np.minimum(*np.moveaxis(drawer.lattice.image(drawer.features.brow), 2, 0))
    front = drawer.lattice.image(drawer.features.position)[..., 2] > -20.0
    luminance = skin.albedo @ LUMINANCE.astype(np.float32)
    on = luminance[(distance < 2.5) & front]
    off = luminance[(distance > 8.0) & (distance < 14.0) & front]
    assert np.percentile(on, 20) < 0.85 * np.percentile(off, 20)


def test_people_differ(drawer: SkinDrawer) -> None:
    first, second = (drawer.draw(np.random.default_rng(seed)).albedo for seed in (1, 2))
    assert np.abs(first - second).mean() > 0.02
