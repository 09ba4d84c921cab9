"""Random crops of synthetic heads for training: textures, deforming maps, true displacement; also mirrored."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..displacement.network import DEFORMING_STRIDE, texture_channels
from ..face_model.key_expressions import KEY_EXPRESSION_NAMES
from .sample_store import STEP_MM, Samples

Float32 = NDArray[np.float32]

KEYS = len(KEY_EXPRESSION_NAMES)
GRID = 32
"""Crops begin at multiples of this many texels, so that all levels of the network fall on whole pixels."""
EVERYWHERE = 0.05
"""Share of crops' probability that does not follow the detail, so that smooth skin is learned too."""
CONTRAST = (0.6, 1.7)
MIRRORED_CHANNELS = (0, 5)  # of the deforming maps: x, and the shear


def mirrored_keys() -> NDArray[np.int64]:
    """(20,) the key expression that each becomes in a mirror."""
    swapped = {"left": "right", "right": "left"}
    names = []
    for name in KEY_EXPRESSION_NAMES:
        stem, _, side = name.rpartition("_")
        names.append(f"{stem}_{swapped[side]}" if side in swapped else name)
    return np.array([KEY_EXPRESSION_NAMES.index(name) for name in names])


def seen_texture(samples: Samples, index: int) -> Float32:
    """(3, S, S) what the network sees of a head's photograph."""
    trust = samples.raw(index, "trust").astype(np.float32) / 255.0
    return texture_channels(np.asarray(samples.raw(index, "texture")), trust)


class Crops(NamedTuple):
    """texture (B, 3, C, C); deforming (B, K, 6, C / 4, C / 4); truth (B, K, C, C) mm: F_0, then F_k - F_0;
    keys (K,) with 0 first; corner (B, 2) row and column of each crop."""

    texture: Float32
    deforming: Float32
    truth: Float32
    keys: NDArray[np.int64]
    corner: list[tuple[int, int]]


class CropSource:
    """Draws crops of one population; the same seed and step give the same crops."""

    def __init__(self, samples: Samples, crop: int, keys: int, seed: int) -> None:
        """Reads the textures once; about 6 MB a head at 1024."""
        self._samples, self._crop, self._keys, self._seed = samples, crop, keys, seed
        self._seen = [seen_texture(samples, index).astype(np.float16) for index in range(len(samples))]
        self._mirror = mirrored_keys()
        self._corners = [(row, column) for row in range(0, samples.size - crop + 1, GRID)
                         for column in range(0, samples.size - crop + 1, GRID)]  # fmt: skip
        self._probability = self._corner_probability()

    def draw(self, step: int, batch: int) -> Crops:
        """Crops of one training step."""
        rng = np.random.default_rng((self._seed, step))
        chosen = np.sort(rng.choice(np.arange(1, KEYS), self._keys - 1, replace=False))
        keys = np.concatenate([[0], chosen])
        parts = [self._one(rng, keys) for _ in range(batch)]
        texture, deforming, truth, corner = zip(*parts)
        return Crops(np.stack(texture), np.stack(deforming), np.stack(truth), keys, list(corner))

    def _one(
        self, rng: np.random.Generator, keys: NDArray[np.int64]
    ) -> tuple[Float32, Float32, Float32, tuple[int, int]]:
        size, crop = self._samples.size, self._crop
        index = int(rng.integers(len(self._samples)))
        row, column = self._corners[rng.choice(len(self._corners), p=self._probability)]
        turned = bool(rng.random() < 0.5)
        # In a mirror the crop shows what lies on the other side, in the mirrored expressions.
        source = self._mirror[keys] if turned else keys
        left = size - crop - column if turned else column
        rows, columns = slice(row, row + crop), slice(left, left + crop)
        coarse = tuple(
            slice(part.start // DEFORMING_STRIDE, part.stop // DEFORMING_STRIDE) for part in (rows, columns)
        )
        texture = self._seen[index][:, rows, columns].astype(np.float32)
        texture[:2] *= np.float32(np.exp(rng.uniform(*np.log(CONTRAST))))
        # Key by key, so that of the files only the crop is read.
        moves, maps = self._samples.raw(index, "deforming"), self._samples.raw(index, "dynamic")
        deforming = np.stack([moves[key, :, coarse[0], coarse[1]] for key in source]).astype(np.float32)
        static = self._samples.raw(index, "static")[rows, columns]
        truth = np.stack([static, *(maps[key - 1, rows, columns] for key in source[1:])]).astype(np.float32)
        truth *= np.float32(STEP_MM)
        if turned:
            texture, deforming, truth = (values[..., ::-1] for values in (texture, deforming, truth))
            deforming = deforming.copy()
            deforming[:, MIRRORED_CHANNELS] *= -1.0
        return (
            np.ascontiguousarray(texture),
            np.ascontiguousarray(deforming),
            np.ascontiguousarray(truth),
            (row, column),
        )

    def _corner_probability(self) -> NDArray[np.float64]:
        """(n,) how often each corner is drawn: as the detail of a few heads under the crop, symmetric."""
        side = self._samples.size // GRID
        energy = np.zeros((side, side), np.float32)
        for index in range(min(len(self._samples), 8)):
            steps = np.abs(self._samples.raw(index, "dynamic")[::3].astype(np.float32)).max(0)
            energy += cv2.resize(steps, (side, side), interpolation=cv2.INTER_AREA)
        energy += energy[:, ::-1]
        span = self._crop // GRID
        score = np.array([energy[row // GRID : row // GRID + span, column // GRID : column // GRID + span].sum()
                          for row, column in self._corners], np.float64)  # fmt: skip
        if not score.any():
            score[:] = 1.0
        share: NDArray[np.float64] = (1.0 - EVERYWHERE) * score / score.sum() + EVERYWHERE / len(score)
        return share
