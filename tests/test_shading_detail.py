"""The photo's fine shading: its band, its light, where it is believed, how sharp it really is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from facewright.displacement.crease_set import PhotoEvidence
from facewright.displacement.shading_detail import photo_evidence, shading_band
from facewright.mesh.texel_map import uv_sampler
from photographed_skin import SIZE, Scene, evidence_of, make_scene, photograph


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene()


@pytest.fixture(scope="module")
def plain(scene: Scene) -> PhotoEvidence:
    return evidence_of(scene)


def test_the_band_is_a_difference_of_gaussians() -> None:
    x = np.arange(400) * 0.25  # mm
    full = np.ones((400, 400), np.float32)
    for wavelength in (2.0, 4.0, 8.0, 60.0):
        wave = np.tile(0.02 * np.cos(2 * np.pi * x / wavelength), (400, 1)).astype(np.float32)
        band = shading_band(wave, full, 0.25, 0.5, 4.5)
        number = -2 * np.pi**2 / wavelength**2
        wanted = 0.02 * (np.exp(number * 0.25) - np.exp(number * 4.5**2))
        assert np.ptp(band[200, 100:300]) / 2 == pytest.approx(wanted, rel=0.06, abs=2e-4)


def test_the_band_knows_nothing_of_brightness_and_has_a_limit() -> None:
    random = np.random.default_rng(0)
    image = 0.1 * cv2.GaussianBlur(random.standard_normal((200, 200)).astype(np.float32), (0, 0), 3.0)
    weight = np.ones_like(image)
    np.testing.assert_allclose(
        shading_band(image + 2.5, weight, 0.5, 0.5, 4.5), shading_band(image, weight, 0.5, 0.5, 4.5), atol=1e-5
    )
    assert np.abs(shading_band(100 * image, weight, 0.5, 0.5, 4.5, limit=0.3)).max() <= 0.3
    # What does not count changes nothing that does.
    half = weight.copy()
    half[:, 120:] = 0.0
    other = image.copy()
    other[:, 120:] = -9.0
    clean, dirty = (shading_band(values, half, 0.5, 0.5, 4.5)[:, :100] for values in (image, other))
    np.testing.assert_allclose(clean, dirty, atol=5e-3)


def test_a_smooth_head_has_no_detail(scene: Scene, plain: PhotoEvidence) -> None:
    # Form and light are gone; what is left is grain and compression.
    believed = plain.trust > 0.7
    cheeks = believed & scene.region("cheeks_left", "cheeks_right", "forehead")
    assert cheeks.sum() > 30000
    assert plain.shading[cheeks].std() < 0.012
    assert not plain.age_from_photo and plain.age == 0.45


def test_what_is_no_bare_skin_is_not_believed(scene: Scene, plain: PhotoEvidence) -> None:
    for name in ("lips", "brows_left", "brows_right", "scalp", "ears"):
        region = cv2.erode(scene.region(name).astype(np.uint8), np.ones((9, 9))) > 0
        assert region.any() and plain.trust[region].mean() < 0.03, name
    slits = uv_sampler(scene.model.topology, "skin", SIZE).image(scene.ground.frame.lid_mm) < 1.0
    assert slits.any() and plain.trust[slits].max() < 0.02
    assert plain.trust[scene.region("forehead")].mean() > 0.3
    assert plain.trust.min() >= 0.0 and plain.trust.max() <= 1.0


def test_it_lies_where_the_texture_lies(scene: Scene) -> None:
    # A dark thread across the cheek: the shading's minimum is at its texels.
    y, cheek = scene.places[..., 1], scene.region("cheeks_left")
    thread = np.exp(-(((y + 35.0) / 0.9) ** 2)) * cheek
    seen = evidence_of(scene, pigment=(1.0 - 0.35 * thread)[..., None] * np.ones(3))
    off = []
    for column in np.flatnonzero((thread > 0.99).any(0))[::8]:
        rows = np.flatnonzero(cheek[:, column] & (np.abs(y[:, column] + 35.0) < 6.0))
        if len(rows) and seen.trust[rows, column].min() > 0.5:
            off.append(y[rows[seen.shading[rows, column].argmin()], column] + 35.0)
    assert len(off) > 8
    assert np.abs(off).max() < 0.3


def test_moles_are_no_pits(scene: Scene, plain: PhotoEvidence) -> None:
    random = np.random.default_rng(2)
    believed = cv2.erode((plain.trust > 0.95).astype(np.uint8), np.ones((41, 41))) > 0
    choices = np.argwhere(believed)
    spots = choices[random.choice(len(choices), 14, replace=False)]
    pigment = np.ones((SIZE, SIZE, 3))
    for row, column in spots:
        distance = np.linalg.norm(scene.places - scene.places[row, column], axis=2)
        pigment *= 1.0 - np.exp(-((distance / 1.6) ** 2))[..., None] * [0.35, 0.5, 0.55]
    seen = evidence_of(scene, pigment=pigment)
    trust = np.array([seen.trust[row, column] for row, column in spots])
    assert (trust < 0.3).mean() > 0.8
    # And only they are lost.
    assert (seen.trust > 0.5).sum() > 0.85 * (plain.trust > 0.5).sum()


def test_light_has_the_direction_that_it_has(scene: Scene) -> None:
    # Light from the subject's left: skin that faces left is bright, so a slope up towards +x, which makes it face
    # right, darkens it. On the forehead the lattice's first axis is +x.
    forehead = slice(125, 150), slice(80, 112), 0
    from_left, from_right = (evidence_of(scene, light=np.array([x, 0.1, 0.7])).tilt for x in (0.7, -0.7))
    assert from_left[forehead].mean() < -0.3 < 0.3 < from_right[forehead].mean()
    # Seen from the left, the light of the right is its mirror image.
    np.testing.assert_allclose(from_left[forehead].mean(), -from_right[forehead].mean(), atol=0.1)
    assert max(np.abs(from_left).max(), np.abs(from_right).max()) <= 1.2 + 1e-6


@pytest.mark.parametrize(("mm_per_pixel", "enlarged"), [(0.5, 1), (0.5, 2), (1.0, 2)])
def test_resolution_is_the_photos_not_the_files(scene: Scene, mm_per_pixel: float, enlarged: int) -> None:
    # Skin has texture; without any there is no telling where it ends.
    texture = np.random.default_rng(4).standard_normal((SIZE, SIZE)).astype(np.float32)
    pigment = 1.0 + 0.05 * (texture + 3.0 * cv2.GaussianBlur(texture, (0, 0), 2.0))
    found = evidence_of(scene, pigment=pigment[..., None], mm_per_pixel=mm_per_pixel, enlarged=enlarged)
    assert 0.75 * mm_per_pixel < found.mm_per_pixel < 1.35 * mm_per_pixel


def test_same_photo_same_evidence(scene: Scene) -> None:
    photo = photograph(scene)
    first, second = photo_evidence(photo, SIZE), photo_evidence(photo, SIZE)
    np.testing.assert_array_equal(first.shading, second.shading)
    np.testing.assert_array_equal(first.trust, second.trust)
