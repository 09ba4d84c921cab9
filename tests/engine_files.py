"""Reads engine files as an engine would: nothing but the folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np


class EngineFolder:
    """The maps of a folder, and what they show for blendshape weights by name."""

    def __init__(self, folder: Path, stem: str) -> None:
        self.folder, self.stem = folder, stem
        self.table: dict[str, Any] = json.loads((folder / f"{stem}_detail.json").read_text(encoding="utf-8"))
        size = self.table["maps"]["size"]
        self.masks = {
            entry["name"]: cv2.resize(
                self._image(entry["mask"])[..., "RGBA".index(entry["channel"])].astype(np.float32) / 255.0,
                (size, size), interpolation=cv2.INTER_LINEAR,
            )
            for entry in self.table["regions"]
        }  # fmt: skip

    def height(self, name: str) -> np.ndarray:
        """(S, S) mm."""
        entry = self.table["maps"]["height"]
        return (self._image(f"{name}_height.png").astype(np.float32) - entry["offset"]) * entry["step_mm"]

    def slopes(self, name: str) -> np.ndarray:
        """(2, S, S) n.xy / n.z."""
        normals = self._image(f"{name}_normal.png")[..., :3].astype(np.float32) / 127.5 - 1.0
        return np.moveaxis(normals[..., :2] / normals[..., 2:], -1, 0)

    def amounts(self, maps: str, weights: dict[str, float]) -> list[tuple[str, np.ndarray]]:
        """(file, m) of every map of "wrinkle_sets" or "tension_pair", by the formula of the table."""
        result = []
        for entry in self.table[maps]:
            total = np.zeros_like(next(iter(self.masks.values())))
            for row in entry["weights"]:
                terms = zip(row["blendshapes"], row["values"], strict=True)
                amount = sum(weights.get(name, 0.0) * value for name, value in terms)
                total += min(max(amount, 0.0), 1.0) * self.masks[row["region"]]
            result.append((entry["file"], total))
        return result

    def rebuilt(self, maps: str, weights: dict[str, float]) -> np.ndarray:
        """(S, S) mm."""
        neutral = self.height(self.table["maps"]["neutral"])
        return neutral + sum(m * self.height(file) for file, m in self.amounts(maps, weights))

    def rebuilt_slopes(self, maps: str, weights: dict[str, float]) -> np.ndarray:
        """(2, S, S)."""
        neutral = self.slopes(self.table["maps"]["neutral"])
        return neutral + sum(m * self.slopes(file) for file, m in self.amounts(maps, weights))

    def _image(self, name: str) -> np.ndarray:
        pixels = cv2.imread(str(self.folder / name), cv2.IMREAD_UNCHANGED)
        if pixels.ndim == 2:
            return pixels
        return pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
