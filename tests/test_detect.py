"""Cut-outs, anchors, suppression and decoding of the face detectors; detections on real photos."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from facewright.errors import MissingDependency
from facewright.photo.crop import Region, cut_out
from facewright.photo.detect import (
    Detection,
    FaceDetector,
    _weighted_suppression,
    full_range_anchors,
    intersection_over_union,
    short_range_anchors,
    tiles,
)
from facewright.photo.landmarks import LandmarkDetector
from PIL import Image

PHOTOS = Path(__file__).resolve().parents[2] / "shared/data/photos"
REFERENCE = Path(__file__).parent / "data/mediapipe_reference.npz"  # mediapipe 0.10.21's own answers
NAMES = ("astronaut", "president_44", "president_46")
needs_photos = pytest.mark.skipif(not PHOTOS.is_dir(), reason="the portraits are not in ../shared")


@pytest.fixture(scope="module")
def detector() -> Iterator[LandmarkDetector]:
    try:
        yield LandmarkDetector()
    except MissingDependency as error:
        pytest.skip(str(error))


def pixels_of(name: str) -> np.ndarray:
    return np.asarray(Image.open(next(PHOTOS.glob(name + ".*"))).convert("RGB"))


# ------------------------------------------------------------------ regions


def ramp(width: int = 200, height: int = 160) -> np.ndarray:
    """Red is x, green is y, at pixel centres."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x, y, np.full_like(x, 7)], -1).astype(np.uint8)


def test_region_to_photo() -> None:
    region = Region(100.0, 80.0, 40.0, np.pi / 2)
    corners = region.to_photo(np.array([[0.0, 0.0, 0.1], [1.0, 0.0, 0.0], [0.5, 0.5, -1.0]]))
    # Turned by a quarter, the upper edge points downwards in the photo.
    assert np.allclose(corners, [[120, 60, 4], [120, 100, 0], [100, 80, -40]])


@pytest.mark.parametrize("angle", [0.0, 0.4, -2.0])
@pytest.mark.parametrize("shrink", [1.0, 1e9])
def test_cut_out_shows_the_region(angle: float, shrink: float) -> None:
    """Every pixel of the cut-out has the photo's value at its place, with and without the area filter."""
    region, size = Region(101.0, 83.0, 60.0, angle), 12  # 5 photo px per px of the cut-out
    picture = cut_out(ramp(), region, size, replicate_border=True, max_bilinear_shrink=shrink)
    rows, columns = np.divmod(np.arange(size * size), size)
    # The networks' own pipeline lays corners on corners but samples at whole numbers.
    place = region.to_photo(np.stack([columns, rows], -1) / size)
    error = picture.reshape(-1, 3)[:, :2] - place
    tolerance = 1.0 if shrink > 100 else 2.2
    assert np.abs(error).max() < tolerance and (picture[..., 2] == 7).all()


def test_borders() -> None:
    outside = Region(0.0, 0.0, 80.0, 0.0)
    black = cut_out(ramp(), outside, 20, replicate_border=False, max_bilinear_shrink=99.0)
    repeated = cut_out(ramp(), outside, 20, replicate_border=True, max_bilinear_shrink=99.0)
    assert not black[:9, :9].any() and (repeated[:9, :9] == [0, 0, 7]).all()
    far = cut_out(ramp(), Region(5000.0, 5000.0, 900.0, 0.0), 20, replicate_border=False, max_bilinear_shrink=3.0)
    assert not far.any()


def test_the_area_filter_averages() -> None:
    """A fine chequerboard becomes grey, where bilinear sampling alone sees single squares."""
    y, x = np.mgrid[:800, :800]
    board = np.repeat((((x // 3 + y // 3) % 2) * 255)[..., None], 3, 2).astype(np.uint8)
    region = Region(401.0, 399.0, 640.0, 0.1)
    filtered = cut_out(board, region, 32, replicate_border=True, max_bilinear_shrink=3.0).astype(float)
    plain = cut_out(board, region, 32, replicate_border=True, max_bilinear_shrink=99.0).astype(float)
    assert filtered.std() < 12 < 60 < plain.std() and abs(filtered.mean() - 127.5) < 4


# ------------------------------------------------------------------ boxes


def test_anchors() -> None:
    short, full = short_range_anchors(), full_range_anchors()
    assert short.shape == (896, 2) and full.shape == (2304, 2)
    assert np.allclose(short[:3], np.array([[0.5, 0.5], [0.5, 0.5], [1.5, 0.5]]) / 16)
    assert np.allclose(short[512], 0.5 / 8) and np.allclose(short[512:518], short[512])
    assert np.allclose(full[49], 1.5 / 48)
    assert np.allclose(short.mean(0), 0.5) and np.allclose(full.mean(0), 0.5)


def test_intersection_over_union() -> None:
    box = np.array([0.0, 0.0, 2.0, 2.0])
    others = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [2, 0, 4, 2], [5, 5, 6, 6], [0.5, 0.5, 1.5, 1.5]], float)
    assert np.allclose(intersection_over_union(box, others), [1, 1 / 3, 0, 0, 0.25])


def test_weighted_suppression() -> None:
    def candidate(x: float, y: float) -> np.ndarray:
        return np.concatenate([[[x, y], [x + 10, y + 10]], np.full((6, 2), x)])

    corners = np.stack([candidate(0, 0), candidate(100, 0), candidate(1, 1), candidate(104, 0)])
    scores = np.array([0.9, 0.6, 0.3, 0.8])
    (first, merged), (second, other) = _weighted_suppression(corners, scores)
    assert (first, second) == (0.9, 0.8)
    assert np.allclose(merged, (0.9 * corners[0] + 0.3 * corners[2]) / 1.2)
    assert np.allclose(other, (0.6 * corners[1] + 0.8 * corners[3]) / 1.4)
    assert not list(_weighted_suppression(np.zeros((0, 8, 2)), np.zeros(0)))


def test_decoding() -> None:
    """A network that answers at one anchor only: the face lies where the offsets say, in photo pixels."""
    boxes, logits = np.zeros((1, 896, 16), np.float32), np.full((1, 896, 1), -100.0, np.float32)
    anchor = 2 * (16 * 8 + 4)  # column 4, row 8 of 16: centre (36, 68) of 128
    boxes[0, anchor, :4], logits[0, anchor] = (4.0, -4.0, 32.0, 16.0), 2.0
    boxes[0, anchor, 4:] = np.tile([-6.0, 2.0], 6)
    session = SimpleNamespace(
        get_inputs=lambda: [SimpleNamespace(name="input", shape=[1, 128, 128, 3])],
        get_outputs=lambda: [SimpleNamespace(name="scores"), SimpleNamespace(name="boxes")],
        run=lambda names, feeds: [{"scores": logits, "boxes": boxes}[name] for name in names],
    )
    detector = FaceDetector(session, short_range_anchors(), 24.0)
    # 4 photo px per network px, and 128 px of border above and below.
    (found,) = detector.detect(np.zeros((256, 512, 3), np.uint8))
    assert found.score == pytest.approx(1 / (1 + np.exp(-2.0)))
    assert np.allclose(found.box, [4 * 24, 4 * 56 - 128, 128, 64])
    assert np.allclose(found.keypoints, [4 * 30, 4 * 70 - 128])


def test_mesh_region_follows_the_eyes() -> None:
    keypoints = np.array([[10.0, 20.0], [30.0, 40.0], *[[0.0, 0.0]] * 4])
    region = Detection(0.9, np.array([0.0, 10.0, 40.0, 20.0]), keypoints).region()
    assert region == pytest.approx((20.0, 20.0, 60.0, np.pi / 4))


def test_tiles_cover_the_photo() -> None:
    squares = tiles(4000, 3000)
    side = squares[0].side
    assert side == pytest.approx(4000 / 3) and len(squares) < 40
    rng = np.random.default_rng(0)
    half = side / 4 - 1e-6  # a face half as wide as a tile lies wholly within some tile, wherever it is
    for x, y in rng.uniform((half, half), (4000 - half, 3000 - half), (300, 2)):
        assert any(max(abs(x - s.x), abs(y - s.y)) <= side / 2 - half + 1e-6 for s in squares)
    assert tiles(600, 400) == []


# ------------------------------------------------------------------ the real networks


@needs_photos
@pytest.mark.parametrize("name", NAMES)
def test_detections_agree_with_mediapipe(detector: LandmarkDetector, name: str) -> None:
    reference = np.load(REFERENCE, allow_pickle=False)
    for kind, network in (("short", detector._short_range), ("full", detector._full_range)):
        expected = reference[f"{name}_{kind}_range"]
        (found,) = network.detect(pixels_of(name))
        assert found.score == pytest.approx(expected[0], abs=2e-3)
        assert np.abs(found.box - expected[1:5]).max() < 0.2
        assert np.abs(found.keypoints.ravel() - expected[5:]).max() < 0.2


@needs_photos
def test_noise_does_not_hide_faces_in_large_photos(detector: LandmarkDetector) -> None:
    small = Image.fromarray(pixels_of("president_46"))
    large = np.asarray(small.resize((small.width * 2, small.height * 2), Image.Resampling.BICUBIC))
    noise = np.random.default_rng(0).integers(-35, 36, large.shape, np.int16)
    noisy = np.clip(large + noise, 0, 255).astype(np.uint8)
    (found,) = detector._short_range.detect(noisy)
    (expected,) = detector._short_range.detect(np.asarray(small))
    assert found.score > 0.75
    assert np.abs(found.box / 2 - expected.box).max() < 0.1 * expected.box[2]
