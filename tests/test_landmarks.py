"""Faces, landmarks and irises: against mediapipe itself, under rotation, noise and in what is no face."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from facewright.errors import MissingDependency, NoFaceFound
from facewright.mesh.landmark_schemes import IBUG68_FROM_478
from facewright.photo import landmark_sets as sets
from facewright.photo.landmarks import DetectorSettings, Face, LandmarkDetector, region_of_landmarks
from facewright.photo.model_files import NETWORKS
from PIL import Image, ImageDraw

PHOTOS = Path(__file__).resolve().parents[2] / "shared/data/photos"
REFERENCE = Path(__file__).parent / "data/mediapipe_reference.npz"  # mediapipe 0.10.21's own answers
NAMES = ("astronaut", "president_44", "president_46")
BAR_PX = 0.3
needs_photos = pytest.mark.skipif(not PHOTOS.is_dir(), reason="the portraits are not in ../shared")


@pytest.fixture(scope="module")
def detector() -> Iterator[LandmarkDetector]:
    try:
        yield LandmarkDetector()
    except MissingDependency as error:
        pytest.skip(str(error))


def path_of(name: str) -> Path:
    return next(PHOTOS.glob(name + ".*"))


def pixels_of(name: str) -> np.ndarray:
    return np.array(Image.open(path_of(name)).convert("RGB"))


def canthi(landmarks: np.ndarray) -> float:
    return float(np.linalg.norm(landmarks[33, :2] - landmarks[263, :2]))


# ------------------------------------------------------------------ index lists


def test_index_lists() -> None:
    assert len(sets.LIPS) == 80 and len(sets.LEFT_EYE) == len(sets.RIGHT_EYE) == 71
    assert len(set(sets.FACE_OVAL)) == 36 and len(set(sets.LIPS_OUTER_LOOP)) == len(set(sets.LIPS_INNER_LOOP)) == 20
    assert set(sets.LEFT_EYE_LOOP) == set(sets.LEFT_EYE_CONTOUR) and len(sets.LEFT_EYE_LOOP) == 16
    assert set(sets.RIGHT_EYE_LOOP) == set(sets.RIGHT_EYE_CONTOUR)
    assert not set(sets.LEFT_EYE) & set(sets.RIGHT_EYE)


def test_ibug68() -> None:
    points = np.random.default_rng(0).normal(size=(478, 3)) * 100
    found = sets.ibug68(points)
    assert found.shape == (68, 2) and len(IBUG68_FROM_478) == 68
    assert np.allclose(found[30], points[4, :2]) and np.allclose(found[3], points[[132, 58], :2].mean(0))
    assert np.allclose(found, sets.ibug68(points[:468]))
    with pytest.raises(ValueError):
        sets.ibug68(points[:68])


# ------------------------------------------------------------------ agreement with mediapipe


@needs_photos
@pytest.mark.parametrize("name", NAMES)
def test_agreement_with_recorded_mediapipe(detector: LandmarkDetector, name: str) -> None:
    """One pass is FaceMesh's answer to a still; two passes are its answer to the second of two equal frames."""
    reference = np.load(REFERENCE, allow_pickle=False)
    assert hashlib.sha256(path_of(name).read_bytes()).hexdigest() == str(reference[name + "_sha256"])
    pixels = pixels_of(name)
    detection = detector._short_range.detect(pixels)[0]
    first, _ = detector.mesh(pixels, detection.region())
    (face,) = detector.faces(pixels)
    for found, passes, count in ((first, "one_pass", 478), (face.landmarks, "two_passes", 468)):
        expected = reference[f"{name}_{passes}"]
        error = np.linalg.norm((found - expected)[:count, :2], axis=1)
        assert error.mean() < BAR_PX and error.max() < 1.0, (passes, error.mean(), error.max())
        assert np.abs(found - expected)[:count, 2].mean() < BAR_PX


@needs_photos
def test_agreement_with_mediapipe_itself(detector: LandmarkDetector) -> None:
    mediapipe = pytest.importorskip("mediapipe", reason="mediapipe is not installed (compare: the recorded test)")
    for name in NAMES:
        pixels = pixels_of(name)
        height, width = pixels.shape[:2]
        options = {"max_num_faces": 1, "refine_landmarks": True}
        with mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=False, **options) as mesh:
            mesh.process(pixels)
            result = mesh.process(pixels).multi_face_landmarks[0]
        expected = np.array([(p.x * width, p.y * height, p.z * width) for p in result.landmark])
        (face,) = detector.faces(pixels)
        error = np.linalg.norm((face.landmarks - expected)[:468, :2], axis=1)
        print(f"{name}: mean {error.mean():.3f} px, max {error.max():.3f} px")
        assert error.mean() < BAR_PX


# ------------------------------------------------------------------ what a face must be like


@needs_photos
@pytest.mark.parametrize("name", NAMES)
def test_anatomy(detector: LandmarkDetector, name: str) -> None:
    (face,) = detector.faces(pixels_of(name))
    points = face.landmarks
    assert points.shape == (478, 3) and points.dtype == np.float64 and face.confidence > 0.99
    assert 0.5 < face.score <= 1 and face.instability < 0.03
    low, high = points[:468, :2].min(0), points[:468, :2].max(0)
    assert np.allclose(face.box, [*low, *(high - low)])
    assert face.landmarks[list(sets.LEFT_EYE), 0].mean() > face.landmarks[list(sets.RIGHT_EYE), 0].mean()
    assert points[4, 2] < points[[127, 356], 2].min()  # the nose is nearer than the ears
    eyes = ("left", sets.LEFT_EYE_LOOP, sets.LEFT_IRIS), ("right", sets.RIGHT_EYE_LOOP, sets.RIGHT_IRIS)
    for side, eye, iris in eyes:
        rim = face.iris[side]
        assert np.array_equal(points[list(iris), :2], rim)
        corners = points[list(eye), :2]
        assert (rim[0] > corners.min(0)).all() and (rim[0] < corners.max(0)).all()
        assert rim[1, 0] > rim[3, 0] and rim[2, 1] < rim[4, 1]  # right and left, top and bottom in the image
        radii = np.linalg.norm(rim[1:] - rim[0], axis=1)
        assert radii.max() < 1.35 * radii.min()
        assert 0.09 < 2 * radii.mean() / canthi(points) < 0.17  # 11.7 of about 90 mm
    lips = sets.LIPS_OUTER_LOOP, sets.LIPS_INNER_LOOP
    for loop in (*lips, sets.LEFT_EYE_LOOP, sets.RIGHT_EYE_LOOP, sets.FACE_OVAL):
        x, y = points[list(loop), :2].T
        area = 0.5 * float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))
        assert area > 0  # clockwise as one sees it


@needs_photos
def test_the_same_whatever_the_threads(detector: LandmarkDetector) -> None:
    pixels = pixels_of("president_44")
    reference = detector.faces(pixels)[0]
    for threads in (1, 4):
        other = LandmarkDetector(threads=threads).faces(pixels)[0]
        assert np.array_equal(other.landmarks, reference.landmarks)
        assert all(np.array_equal(other.iris[side], reference.iris[side]) for side in ("left", "right"))


@needs_photos
@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.parametrize("name", NAMES)
def test_photos_that_lie_on_their_side(detector: LandmarkDetector, name: str, turns: int) -> None:
    pixels = pixels_of(name)
    height, width = pixels.shape[:2]
    expected = detector.faces(pixels)[0]
    face = detector.faces(np.ascontiguousarray(np.rot90(pixels, turns)))[0]
    x, y = expected.landmarks[:, 0], expected.landmarks[:, 1]
    turned = np.stack({1: (y, width - x), 2: (width - x, height - y), 3: (height - y, x)}[turns], -1)
    error = np.linalg.norm(face.landmarks[:, :2] - turned, axis=1)
    assert error.mean() < 0.01 * canthi(expected.landmarks)
    assert np.abs(face.iris["left"] - turned[473:]).max() < 0.03 * canthi(expected.landmarks)


@needs_photos
def test_large_noisy_photos_give_the_same_landmarks(detector: LandmarkDetector) -> None:
    """The area filter's worth: with it the landmarks stay closer to those of the clean photo."""
    small = Image.fromarray(pixels_of("president_44"))
    expected = detector.faces(np.asarray(small))[0].landmarks[:468, :2]
    large = np.asarray(small.resize((small.width * 3, small.height * 3), Image.Resampling.BICUBIC))
    noise = np.random.default_rng(0).integers(-35, 36, large.shape, np.int16)
    noisy = np.clip(large + noise, 0, 255).astype(np.uint8)
    plain = LandmarkDetector(settings=DetectorSettings(detector_shrink=1e9, mesh_shrink=1e9))
    errors = []
    for mine in (detector, plain):
        found = mine.faces(noisy)[0].landmarks[:468, :2] / 3
        errors.append(np.linalg.norm(found - expected, axis=1).mean() / canthi(expected))
    assert errors[0] < 0.012 and errors[0] < errors[1], errors


@needs_photos
def test_several_faces_largest_first(detector: LandmarkDetector) -> None:
    canvas = np.full((900, 1500, 3), 120, np.uint8)
    portrait = Image.fromarray(pixels_of("astronaut")[:260, 90:340])
    for x, size in ((40, 300), (420, 620), (1100, 360)):
        canvas[40 : 40 + size, x : x + size] = portrait.resize((size, size))
    faces = detector.faces(canvas)
    areas = [face.box[2] * face.box[3] for face in faces]
    assert len(faces) == 3 and areas == sorted(areas, reverse=True)
    assert 420 < faces[0].landmarks[4, 0] < 1040 and 1100 < faces[1].landmarks[4, 0] < 1460


@needs_photos
@pytest.mark.parametrize(("width", "height", "face"), [(2400, 1600, 330), (3000, 2250, 200)])
def test_small_faces_in_large_photos(detector: LandmarkDetector, width: int, height: int, face: int) -> None:
    """A portrait of ``face`` px somewhere in the picture: short range alone would miss it."""
    rng = np.random.default_rng(0)
    clouds = Image.fromarray(rng.integers(90, 150, (12, 16, 3), np.uint8))
    canvas = np.array(clouds.resize((width, height)))
    portrait = Image.fromarray(pixels_of("astronaut")[:260, 90:340]).resize((face, face))
    x, y = width * 2 // 3, height // 2
    canvas[y : y + face, x : x + face] = portrait
    found = detector.faces(canvas)[0]
    assert x < found.landmarks[4, 0] < x + face and y < found.landmarks[4, 1] < y + face


def test_second_region_is_that_of_the_landmarks() -> None:
    points = np.zeros((478, 3))
    points[:468, :2] = np.random.default_rng(0).uniform((100, 200), (200, 260), (468, 2))
    points[33, :2], points[263, :2] = (100, 200), (200, 260)
    region = region_of_landmarks(points)
    assert region.side == pytest.approx(150.0) and (region.x, region.y) == pytest.approx((150.0, 230.0))
    assert region.angle == pytest.approx(np.arctan2(60, 100))


# ------------------------------------------------------------------ what is no face


def smiley() -> np.ndarray:
    image = Image.new("RGB", (600, 600), (250, 250, 245))
    draw = ImageDraw.Draw(image)
    draw.ellipse((100, 100, 500, 500), fill=(255, 220, 60), outline=(0, 0, 0), width=6)
    draw.ellipse((200, 210, 245, 280), fill=0)
    draw.ellipse((355, 210, 400, 280), fill=0)
    draw.arc((190, 230, 410, 430), 20, 160, fill=0, width=8)
    return np.array(image)


def back_of_a_head() -> np.ndarray:
    image = Image.new("RGB", (600, 600), (150, 170, 190))
    draw = ImageDraw.Draw(image)
    draw.pieslice((80, 480, 520, 900), 180, 360, fill=(40, 60, 90))
    draw.rectangle((240, 400, 360, 520), fill=(210, 165, 140))
    draw.ellipse((150, 220, 190, 310), fill=(215, 170, 145))
    draw.ellipse((410, 220, 450, 310), fill=(215, 170, 145))
    draw.ellipse((170, 80, 430, 430), fill=(70, 45, 30))
    return np.array(image)


@pytest.mark.parametrize("picture", [smiley, back_of_a_head, lambda: np.full((300, 400, 3), 128, np.uint8)])
def test_no_face(detector: LandmarkDetector, picture: object) -> None:
    with pytest.raises(NoFaceFound, match=r"\.$"):
        detector.faces(picture())


def test_blobs_are_no_faces(detector: LandmarkDetector) -> None:
    """Coloured clouds set the detectors off in many of these pictures; the mesh network stops nearly all."""
    rng = np.random.default_rng(0)
    found: list[Face] = []
    for _ in range(10):
        side = rng.integers(5, 40)
        clouds = Image.fromarray(rng.integers(0, 256, (side, side, 3), np.uint8)).resize((480, 480), Image.BICUBIC)
        try:
            found += detector.faces(np.asarray(clouds))
        except NoFaceFound:
            continue
    assert len(found) <= 1


def test_networks_are_the_pinned_ones() -> None:
    assert set(NETWORKS) == {"short_range", "full_range", "mesh", "iris"}
    assert all(len(network.sha256) == 64 and network.file.endswith(".onnx") for network in NETWORKS.values())
