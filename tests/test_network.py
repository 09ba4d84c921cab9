"""The shipped displacement network at run time: without PyTorch, on one head."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from facewright.config import assets_dir
from facewright.displacement.network import (
    FILE_NAME,
    assemble,
    deforming_size,
    predict_key_maps,
    texture_channels,
)
from facewright.errors import ModelFileInvalid

pytestmark = pytest.mark.skipif(not (assets_dir() / FILE_NAME).is_file(), reason="no network is shipped")


def _inputs(size: int = 256) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    texture = cv2.GaussianBlur(rng.integers(60, 220, (size, size, 3)).astype(np.uint8), (0, 0), 2.0)
    deforming = np.zeros((20, 6, deforming_size(), deforming_size()), np.float32)
    deforming[18, 4] = -0.2
    return texture, np.ones((size, size), np.float32), deforming


def test_compression_makes_lines_and_rest_makes_none() -> None:
    maps = predict_key_maps(*_inputs())
    assert maps.shape == (20, 1024, 1024) and maps.dtype == np.float32 and np.isfinite(maps).all()
    assert np.abs(maps[1]).max() < 1e-6  # key 1 moves like neutral: not at all
    forehead = maps[18, 60:200, 330:690]
    assert 0.05 < np.ptp(forehead) < 4.0


def test_the_same_input_gives_the_same_bytes_whatever_the_threads() -> None:
    one, two = (predict_key_maps(*_inputs(), threads=threads) for threads in (1, 2))
    assert np.array_equal(one, two)


def test_where_nothing_was_seen_the_texture_does_not_matter() -> None:
    texture, trust, deforming = _inputs()
    unseen = np.zeros_like(trust)
    assert np.array_equal(
        predict_key_maps(texture, unseen, deforming), predict_key_maps(255 - texture, unseen, deforming)
    )


def test_lighting_and_tone_are_removed_from_the_texture() -> None:
    texture, trust, _ = _inputs()
    darker = np.round(texture.astype(np.float32) * 0.8).astype(np.uint8)
    one, other = texture_channels(texture, trust), texture_channels(darker, trust)
    assert np.abs(one[0] - other[0]).mean() < 0.1 * one[0].std() and one[0].std() > 0.15
    assert np.array_equal(one[2], trust)


def test_assembling_is_the_sum_of_products() -> None:
    rng = np.random.default_rng(1)
    base, patterns = rng.normal(size=(64, 64)), rng.normal(size=(2, 64, 64))
    gains = np.ones((3, 2, 8, 8)) * np.array([0.5, 1.0, -2.0])[:, None, None, None]
    maps = assemble(*(values.astype(np.float32) for values in (base, patterns, gains)))
    assert np.allclose(maps[0], base + 0.5 * patterns.sum(0), atol=1e-5)
    assert np.allclose(maps[2], -2.0 * patterns.sum(0), atol=1e-5)


def test_errors_are_one_sentence(tmp_path: Path) -> None:
    texture, trust, deforming = _inputs()
    with pytest.raises(ModelFileInvalid, match="deforming maps of"):
        predict_key_maps(texture, trust, deforming[:5])
    with pytest.raises(ModelFileInvalid, match="cannot be read"):
        predict_key_maps(texture, trust, deforming, tmp_path / "nothing.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    with pytest.raises(ModelFileInvalid, match="cannot be used"):
        predict_key_maps(texture, trust, deforming, tmp_path / "bad.onnx")
