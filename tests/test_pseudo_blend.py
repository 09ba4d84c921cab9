"""Blending: the photo's bits outside the mask, its tone at the border, nothing of hair inside."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.evaluation.pseudo.blend import BlendSettings, blend, blend_mask, encoded, membrane
from facewright.evaluation.pseudo.render import FaceRender
from facewright.head.shading import TO_LINEAR

SIZE = 160
WIDTH = 100.0  # of the face, px
SETTINGS = BlendSettings()


def drawn(colour: float, openings: bool = False) -> FaceRender:
    """A disc of one colour, linear, 50 px in radius; with two eyes where asked."""
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2.0
    disc = np.hypot(x, y) < 50.0
    eyes = (np.hypot(np.abs(x) - 20.0, y + 10.0) < 6.0) if openings else np.zeros_like(disc)
    cover = (disc & ~eyes).astype(np.float32)
    image = np.where(cover[..., None] > 0.0, np.float32(colour), np.float32(0.0)) * np.ones(3, np.float32)
    return FaceRender(image, cover, cover, eyes.astype(np.float32), disc)


@pytest.mark.parametrize("factor", [0.6, 1.0, 1.8])
def test_a_wrong_tone_is_put_right_by_a_factor(factor: float) -> None:
    render = drawn(0.2)
    photo = np.full((SIZE, SIZE, 3), 0.2 * factor, np.float32)
    skin = np.ones((SIZE, SIZE), np.float32)
    mask = blend_mask(render, skin, WIDTH, SETTINGS)
    found = membrane(photo, render, mask, skin, WIDTH, SETTINGS)
    np.testing.assert_allclose(found[mask > 0], factor, rtol=0.01)


def test_a_gradient_of_light_at_the_border_goes_on_inside() -> None:
    """Harmonic, so linear in between: half way across the face the factor is half way, on the logarithm."""
    render = drawn(0.2)
    slope = np.exp(np.linspace(-0.4, 0.4, SIZE, dtype=np.float32))
    photo = np.float32(0.2) * slope[None, :, None] * np.ones((SIZE, 1, 3), np.float32)
    skin = np.ones((SIZE, SIZE), np.float32)
    mask = blend_mask(render, skin, WIDTH, SETTINGS)
    found = membrane(photo, render, mask, skin, WIDTH, SETTINGS)
    row = np.log(found[SIZE // 2, :, 1])
    inside = mask[SIZE // 2] > 250
    np.testing.assert_allclose(row[inside], np.log(slope[inside]), atol=0.03)


def test_hair_in_front_does_not_bleed_into_the_face() -> None:
    render = drawn(0.2)
    photo = np.full((SIZE, SIZE, 3), 0.2, np.float32)
    photo[:60] = 0.005
    skin = np.ones((SIZE, SIZE), np.float32)
    skin[:60] = 0.0
    mask = blend_mask(render, skin, WIDTH, SETTINGS)
    assert not mask[:56].any()
    found = membrane(photo, render, mask, skin, WIDTH, SETTINGS)
    np.testing.assert_allclose(found[mask > 128], 1.0, atol=0.02)


def test_eyes_stay_the_photos_own_with_what_is_round_them() -> None:
    render = drawn(0.2, openings=True)
    mask = blend_mask(render, np.ones((SIZE, SIZE), np.float32), WIDTH, SETTINGS)
    eyes = render.parts > 0.5
    assert not mask[eyes].any()
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2.0
    from_eye = np.hypot(np.abs(x) - 20.0, y + 10.0) - 6.0
    assert not mask[(from_eye < SETTINGS.opening * WIDTH - 0.5)].any()
    assert (mask[(from_eye > 4.0) & (np.hypot(x, y) < 40.0)] > 250).all()


def test_pixels_off_the_mask_keep_their_bits() -> None:
    from painted_head import TONE

    rng = np.random.default_rng(0)
    noise = 0.03 * rng.standard_normal((SIZE, SIZE, 1))
    photo = np.clip((TONE + noise) * 255.0, 0, 255).astype(np.uint8)
    angle = np.linspace(0.0, 2.0 * np.pi, 478)
    landmarks = 80.0 + 30.0 * np.stack([np.cos(angle), np.sin(angle)], 1)
    landmarks[[234, 454]] = [[30.0, 80.0], [130.0, 80.0]]
    render = drawn(0.3)
    first = blend(photo, render, landmarks, np.random.default_rng(3))
    off = first.mask == 0
    assert off.any() and (first.mask == 255).any()
    np.testing.assert_array_equal(first.image[off], photo[off])
    assert (first.image[~off] != photo[~off]).any()
    # Same generator, same bits; another one, other grain.
    again = blend(photo, render, landmarks, np.random.default_rng(3))
    np.testing.assert_array_equal(first.image, again.image)
    assert (blend(photo, render, landmarks, np.random.default_rng(4)).image != first.image).any()


def test_encoding_undoes_decoding_up_to_the_shoulder() -> None:
    codes = np.arange(230)
    np.testing.assert_allclose(encoded(TO_LINEAR[codes]) * 255.0, codes, atol=0.02)
    bright = encoded(np.linspace(0.8, 5.0, 100, dtype=np.float32))
    assert (np.diff(bright) >= 0.0).all() and bright.max() <= 1.0
