"""Textures against a photo of known truth, and on real portraits."""

from __future__ import annotations

import resource
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from facewright.errors import MissingDependency
from facewright.face_model.ict import IctModel
from facewright.face_model.ict_file import load_ict
from facewright.fitting.coarse import fit_landmarks
from facewright.mesh.texel_map import uv_sampler
from facewright.photo.landmarks import LandmarkDetector
from facewright.texture.skin_mask import to_lab
from facewright.texture.textures import Textures, TextureSettings, make_textures
from painted_head import BACKGROUND, HAIR, TONE, PaintedHead, face_model, frontal, painted_head, turned  # noqa: F401

SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
SMALL = TextureSettings(size=768)
SHADED = ("lids_left", "lids_right", "lips", "nose", "ears")  # where cavities or lip colour are meant


def textures_of(case: PaintedHead, settings: TextureSettings = SMALL, embedding: bool = True) -> Textures:
    return make_textures(
        case.photo,
        case.fit,
        case.model.topology,
        case.head,
        case.landmarks,
        settings,
        case.model.embedding if embedding else None,
    )


@pytest.fixture(scope="module")
def frontal_made(frontal: PaintedHead) -> Textures:  # noqa: F811
    return textures_of(frontal)


@pytest.fixture(scope="module")
def turned_made(turned: PaintedHead) -> Textures:  # noqa: F811
    return textures_of(turned)


def truth_image(case: PaintedHead, size: int) -> np.ndarray:
    return uv_sampler(case.model.topology, "skin", size).image(case.truth)


def mark(case: PaintedHead, *regions: str, size: int = 768) -> np.ndarray:
    """(S, S) 1 inside regions, 0 outside, between on their borders."""
    inside = np.zeros(len(case.truth))
    for name in regions:
        inside[case.model.topology.regions[name]] = 1.0
    return uv_sampler(case.model.topology, "skin", size).image(inside)


def test_what_the_photo_shows_arrives_where_it_belongs(
    frontal: PaintedHead,  # noqa: F811
    frontal_made: Textures,
) -> None:
    made = frontal_made
    assert made.albedo.shape == (768, 768, 3) and made.visibility.shape == (768, 768)
    seen = made.visibility >= 250
    assert 0.2 < seen.mean() < 0.6
    error = np.abs(made.albedo / 255.0 - truth_image(frontal, 768))[seen].mean(-1)
    assert np.median(error) < 0.006 and np.quantile(error, 0.99) < 0.05
    # The pattern itself, not only its mean: freckles of 5 mm correlate.
    fine = made.albedo[..., 0] / 255.0 - cv2.GaussianBlur(made.albedo[..., 0] / 255.0, (0, 0), 8)
    wanted = truth_image(frontal, 768)[..., 0]
    wanted = wanted - cv2.GaussianBlur(wanted, (0, 0), 8)
    flat = mark(frontal, "cheeks_left", "cheeks_right", "forehead") > 0.99
    assert np.corrcoef(fine[seen & flat], wanted[seen & flat])[0, 1] > 0.9


@pytest.mark.parametrize("view", ["frontal", "turned"])
def test_what_it_does_not_show_is_skin(view: str, request: pytest.FixtureRequest) -> None:
    case: PaintedHead = request.getfixturevalue(view)
    made: Textures = request.getfixturevalue(view + "_made")
    colour = made.albedo / 255.0
    # Neither the hair's nor the background's nor the collar's colour is anywhere outside eyes, lips and nostrils.
    skin = mark(case, *SHADED) < 0.01
    distance = np.abs(to_lab(colour) - to_lab(TONE[None, None])[0, 0]).max(-1)
    assert distance[skin].max() < 22
    for wrong in (HAIR, BACKGROUND):
        assert np.abs(colour[skin] - wrong).max(-1).min() > 0.2
    # Far from the face it is the tone within a few percent.
    behind = (case.head.neutral[:, 2] < -110).astype(float)
    back = uv_sampler(case.model.topology, "skin", 768).image(behind) > 0.99
    assert np.abs(colour[back] - TONE).max() < 0.12
    assert (made.visibility[back] == 0).all()


def test_the_hidden_half_is_the_mirrored_half(turned_made: Textures) -> None:
    made = turned_made
    seen = made.visibility.astype(float) / 255
    mirrored = (seen[:, ::-1] > 0.97) & (seen < 0.02)
    assert mirrored.mean() > 0.03
    fine = made.albedo[..., 1].astype(float) - cv2.GaussianBlur(made.albedo[..., 1].astype(float), (0, 0), 6)
    assert np.corrcoef(fine[mirrored], fine[:, ::-1][mirrored])[0, 1] > 0.9


def test_no_step_where_the_photo_ends(frontal: PaintedHead) -> None:  # noqa: F811
    # Without pattern, any gradient of the texture comes from the blending.
    plain = painted_head(frontal.model)
    width = plain.photo.shape[1]
    x = (np.arange(width) - width / 2)[None, :, None] / width
    skin = np.abs(plain.photo / 255.0 - TONE).max(-1) < 0.2
    lit = np.broadcast_to(TONE * (1.0 - 0.5 * x), plain.photo.shape)  # light from the left
    plain = plain._replace(photo=np.where(skin[..., None], lit * 255, plain.photo).astype(np.uint8))
    made = textures_of(plain, replace(SMALL, cavity=0.0))
    change = np.abs(np.diff(made.albedo.astype(int), axis=1)).max(-1)
    keep = mark(plain, *SHADED)[:, 1:] < 0.01
    assert np.quantile(change[keep], 0.999) <= 4 and change[keep].max() <= 10


def test_no_seam_at_the_back_of_the_head(frontal_made: Textures) -> None:
    albedo = frontal_made.albedo.astype(int)
    across = np.abs(albedo[:, 0] - albedo[:, -1]).mean()
    beside = np.abs(albedo[:, 0] - albedo[:, 2]).mean()
    assert across <= beside + 1.0


def test_landmarks_pull_the_photo_into_place(frontal: PaintedHead) -> None:  # noqa: F811
    # The fit is off by four pixels, the landmarks are not.
    moved = frontal.fit.translation_mm + np.array([4.0 * 720.0 / 1584.0, 0.0, 0.0])
    fit = type(frontal.fit)(**{**vars(frontal.fit), "translation_mm": moved})
    case = frontal._replace(fit=fit)
    truth = truth_image(frontal, 768)
    error = {}
    for embedding in (False, True):
        made = textures_of(case, embedding=embedding)
        seen = made.visibility >= 250
        error[embedding] = np.abs(made.albedo / 255.0 - truth)[seen].mean()
    assert error[True] < 0.5 * error[False]


def test_same_input_same_bytes(frontal: PaintedHead) -> None:  # noqa: F811
    first, second = (textures_of(frontal, TextureSettings(size=256)) for _ in range(2))
    for a, b in zip(first[:5], second[:5]):
        np.testing.assert_array_equal(a, b)
    assert first.effective_size == second.effective_size


@pytest.mark.parametrize("size", [0, 62, 301])
def test_sizes_that_bands_cannot_fill_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="even number"):
        TextureSettings(size=size)


def test_effective_size_follows_the_photo(face_model) -> None:  # noqa: F811
    near, far = (painted_head(face_model, size=size) for size in (600, 300))
    sizes = [textures_of(case, TextureSettings(size=512)).effective_size for case in (near, far)]
    assert 1.8 < sizes[0] / sizes[1] < 2.2
    assert textures_of(near, TextureSettings(size=128)).effective_size == 128


def test_time_and_memory_at_full_size(frontal: PaintedHead) -> None:  # noqa: F811
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    made = textures_of(frontal, TextureSettings())
    seconds = time.process_time() - start
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert made.albedo.shape == (2048, 2048, 3)
    assert seconds < 3.5  # processor time of all threads on a busy machine; 1.5 s by the clock on two free cores
    assert grown < 500  # MB


def test_another_topology(face_model) -> None:  # noqa: F811
    path = SHARED / "ict_facekit" / "ict_facekit_light.npz"
    if not path.is_file():
        pytest.skip("ICT-FaceKit Light is not beside the checkout")
    model = IctModel(load_ict(path, dtype=np.float32), "", reference=face_model)
    case = painted_head(model)
    made = textures_of(case, TextureSettings(size=512))
    seen = made.visibility >= 250
    assert seen.mean() > 0.05
    assert np.median(np.abs(made.albedo / 255.0 - truth_image(case, 512))[seen]) < 0.03


@pytest.mark.parametrize("name", ["astronaut.png", "president_44.jpg", "president_46.jpg"])
def test_real_portraits(name: str, face_model) -> None:  # noqa: F811
    path = SHARED / "photos" / name
    if not path.is_file():
        pytest.skip("real photos are not part of the repository")
    pixels = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    try:
        face = LandmarkDetector().faces(pixels)[0]
    except MissingDependency as error:
        pytest.skip(f"the landmark networks are not here: {error}")
    fit = fit_landmarks(face_model, face.landmarks, face.iris, (pixels.shape[1], pixels.shape[0]))
    head = face_model.head(fit.identity)
    made = make_textures(
        pixels, fit, face_model.topology, head, face.landmarks, TextureSettings(size=512), face_model.embedding
    )
    assert 0.15 < (made.visibility > 128).mean() < 0.6
    # Skull and neck: one skin, no hair. Its lightness is the cheeks' within what one photo's light does.
    lab = to_lab(made.albedo / 255.0)
    sampler = uv_sampler(face_model.topology, "skin", 512)
    regions = face_model.topology.regions
    beyond = np.zeros(len(head.neutral))
    beyond[regions["scalp"]] = beyond[regions["neck"]] = 1.0
    bald = sampler.image(beyond) > 0.99
    cheeks = np.zeros(len(head.neutral))
    cheeks[regions["cheeks_left"]] = cheeks[regions["cheeks_right"]] = 1.0
    face_tone = np.median(lab[sampler.image(cheeks) > 0.99], axis=0)
    far = lab[bald]
    assert np.abs(np.median(far, axis=0) - face_tone).max() < 14
    assert np.quantile(np.abs(far - np.median(far, axis=0)).max(-1), 0.995) < 16
    assert not made.warnings
