"""A folder of made-up samples without a face: shapes and files as the real ones have, waves instead of wrinkles."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
from facewright.training.detail_samples import FIRST_HELD_OUT, PopulationSettings
from facewright.training.sample_store import DetailSample, begin, store

SIZE = 64
VERTICES = 10


def wavy_sample(number: int, split: str, size: int = SIZE) -> DetailSample:
    """Lines that the texture shows, and that every key's strain deepens: what the network is there to learn."""
    rng = np.random.default_rng((number, len(split)))
    y, x = np.mgrid[:size, :size].astype(np.float32)
    lines = np.cos(0.6 * y + 0.1 * x + rng.uniform(0, 6.28)).astype(np.float32)
    grey = np.clip(140.0 + 12.0 * lines + rng.normal(size=(size, size)), 0, 255)
    strain = rng.uniform(0.0, 0.4, 20).astype(np.float32)
    strain[0] = 0.0
    deforming = np.zeros((20, 6, size // 4, size // 4), np.float32)
    deforming[:, 4] = -strain[:, None, None]
    dynamic = strain[1:, None, None] * lines
    places = rng.normal(size=(VERTICES, 3)).astype(np.float32)
    return DetailSample(
        np.repeat(grey[..., None], 3, 2).astype(np.uint8), np.full((size, size), 255, np.uint8), 0.05 * lines,
        np.zeros_like(lines), dynamic, dynamic[0], np.zeros_like(lines), deforming,
        np.zeros((19, VERTICES), np.float32), places, places, {"split": split, "number": number, "identity": [0.0]},
    )  # fmt: skip


def wavy_samples(folder: Path, train: int = 3, held_out: int = 1, size: int = SIZE) -> Path:
    """A population of them; ``make_samples`` finds nothing missing in it."""
    begin(folder, asdict(PopulationSettings(size=size)), size)
    for number in range(train):
        store(folder, number, wavy_sample(number, "train", size))
    for number in range(held_out):
        store(folder, FIRST_HELD_OUT + number, wavy_sample(number, "held_out", size))
    return folder
