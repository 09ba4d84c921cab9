"""What a photo can show: enlargement, grain and blocks that were put in are found again."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from facewright.displacement.photo_sharpness import sharpness, without_blocks

SIDE = 320
WHOLE = (slice(0, SIDE), slice(0, SIDE))
EVERYWHERE = np.ones((SIDE, SIDE), bool)


def face_like(side: int = SIDE, seed: int = 3) -> np.ndarray:
    """Random image whose power falls as a face's does."""
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None])
    spectrum = np.fft.fft2(np.random.default_rng(seed).standard_normal((side, side)))
    image = np.fft.ifft2(spectrum / np.maximum(frequency, 1 / side) ** 1.5).real
    return (0.3 * image / image.std()).astype(np.float32)


def test_a_sharp_photo_is_what_its_pixels_say() -> None:
    assert sharpness(face_like(), WHOLE, EVERYWHERE).enlarged == 1.0


@pytest.mark.parametrize("factor", [2.0, 3.0])
def test_enlarging_is_found(factor: float) -> None:
    small = face_like(round(SIDE / factor))
    large = cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    found = sharpness(large.astype(np.float32), WHOLE, EVERYWHERE).enlarged
    assert 0.75 * factor < found < 1.25 * factor


def test_a_tiny_face_is_believed() -> None:
    assert sharpness(face_like(), (slice(0, 40), slice(0, 40)), EVERYWHERE).enlarged == 1.0


def test_grain() -> None:
    smooth = cv2.GaussianBlur(face_like(), (0, 0), 3.0)
    for grain in (0.01, 0.03):
        noisy = smooth + grain * np.random.default_rng(1).standard_normal(smooth.shape).astype(np.float32)
        assert sharpness(noisy, WHOLE, EVERYWHERE).grain == pytest.approx(grain, rel=0.15)
    assert sharpness(smooth, WHOLE, ~EVERYWHERE).grain == 0.0


def border_excess(image: np.ndarray, phase: int) -> float:
    """Steps at the borders of blocks over those elsewhere, columns."""
    step = np.abs(np.diff(image, axis=1))
    at = np.arange(step.shape[1]) % 8 == phase
    return float(np.median(step[:, at]) / np.median(step[:, ~at]))


@pytest.mark.parametrize("offset", [0, 5])
def test_blocks_of_jpeg_are_taken_out_wherever_they_begin(offset: int) -> None:
    smooth = cv2.GaussianBlur(face_like(), (0, 0), 5.0)
    coded = np.clip(128 + 200 * smooth, 0, 255).astype(np.uint8)
    stream = cv2.imencode(".jpg", coded, [cv2.IMWRITE_JPEG_QUALITY, 25])[1]
    blocky = cv2.imdecode(stream, cv2.IMREAD_GRAYSCALE)[:, offset:].astype(np.float32) / 200
    blocky = np.ascontiguousarray(blocky)
    clean = without_blocks(blocky, np.ones(blocky.shape, bool))
    truth = (coded[:, offset:].astype(np.float32)) / 200
    phase = (7 - offset) % 8
    before, after = border_excess(blocky + 1e-4, phase), border_excess(clean, phase)
    assert before > 2.0 and after < 0.6 * before
    assert np.abs(clean - truth).mean() < np.abs(blocky - truth).mean()


def test_a_photo_without_blocks_stays_as_it_is() -> None:
    image = face_like()
    np.testing.assert_array_equal(without_blocks(image, EVERYWHERE), image)
