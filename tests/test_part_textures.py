"""Textures of the inner parts: deterministic, laid out as the meshes expect, natural in tone."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.face_model.eyeball import IRIS_UV_RADIUS, LIMBUS_DEGREES, eye_degrees, eye_uv_radius
from facewright.texture.part_textures import eye_texture, mouth_texture, teeth_texture


def at(image, u, v):
    """Mean colour around a UV place."""
    size = len(image)
    row, column = int((1.0 - v) * size), int(u * size)
    return image[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3].reshape(-1, 3).mean(0)


@pytest.mark.parametrize("make", [eye_texture, teeth_texture, mouth_texture])
def test_same_input_same_bytes(make):
    first, second = make(size=256), make(size=256)
    assert first.dtype == np.uint8 and first.shape == (256, 256, 3)
    assert np.array_equal(first, second)


def test_eye_has_pupil_iris_and_a_sclera_that_is_not_white():
    colour = (90.0, 120.0, 160.0)
    image = eye_texture(colour, size=512)
    assert at(image, 0.5, 0.5).max() < 20
    ring = [at(image, 0.5 + 0.13 * np.cos(a), 0.5 + 0.13 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 40)]
    assert np.abs(np.mean(ring, 0) - colour).max() < 30
    assert np.argmax(np.mean(ring, 0)) == 2  # a blue eye stays blue
    sclera = at(image, 0.5 + float(eye_uv_radius(np.array(38.0))), 0.49) / 255
    assert 0.62 < sclera.mean() < 0.8
    assert sclera[0] > sclera[2]
    assert image.max() < 235
    limbus = at(image, 0.5 + IRIS_UV_RADIUS * 0.97, 0.5)
    assert limbus.mean() < np.mean(ring) and limbus.mean() < sclera.mean() * 255


def test_uv_radius_and_angle_are_inverse():
    degrees = np.linspace(0.0, 180.0, 91)
    assert np.allclose(eye_degrees(eye_uv_radius(degrees)), degrees, atol=1e-9)
    assert np.isclose(eye_uv_radius(np.array(LIMBUS_DEGREES)), IRIS_UV_RADIUS)


def test_mouth_square_follows_the_atlas():
    lip = (170.0, 90.0, 85.0)
    image = mouth_texture(lip, skin_rgb=(210.0, 170.0, 150.0))
    assert np.abs(at(image, 0.3, 0.999) - lip).max() < 8
    assert at(image, 0.3, 0.55).max() < 60  # the throat is dark
    assert np.abs(at(image, 0.1, 0.494) - (210.0, 170.0, 150.0)).max() < 30
    gum = at(image, 0.75, 0.43)
    assert gum[0] > gum[1] + 40
    middle, beside = at(image, 0.6, 0.125), at(image, 0.6, 0.16)
    assert middle.sum() < beside.sum()  # the tongue's middle line is darker
    bag = np.array([at(image, 0.5, v).sum() for v in np.linspace(0.995, 0.55, 20)])
    assert (np.diff(bag) <= 6).all()


def test_teeth_are_yellower_at_the_neck():
    image = teeth_texture().astype(float)
    edge, neck = at(image, 0.5 / 6, 0.5 / 6), at(image, 0.5 / 6 + 0.75 / 12, 0.5 / 6)
    assert edge[0] - edge[2] < neck[0] - neck[2]
    assert 180 < edge.mean() < 225


def test_what_lies_behind_gets_less_light():
    teeth = teeth_texture().astype(float)
    for first in (0, 14):  # the cells of the upper and of the lower jaw's left teeth are every second one
        cells = [first + 2 * place for place in range(7)]
        light = [at(teeth, (c % 6 + 0.5) / 6, (c // 6 + 0.5) / 6).mean() for c in cells]
        assert light[6] < 0.65 * light[0] and (np.diff(light) < 6).all(), light
    gums = mouth_texture().astype(float)
    assert at(gums, 0.98, 0.43).mean() < 0.7 * at(gums, 0.75, 0.43).mean()
