"""A small picture of how losses fell, from the JSON lines of a training's log: for the model card."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

WIDTH, HEIGHT, MARGIN = 380, 240, 44
SCALE = 2  # drawn larger and reduced: smooth lines
COLOURS = {"loss": (31, 98, 180), "held": (205, 92, 30)}
LABELS = {"loss": "training", "held": "held back"}


def read_log(path: Path) -> list[dict[str, Any]]:
    """Entries of a log, in order."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def draw_curves(entries: Sequence[dict[str, Any]], out: Path) -> None:
    """Write a PNG with one panel per stage: ``loss`` and ``held`` over ``step``, losses on a logarithmic axis."""
    stages = list(dict.fromkeys(entry["stage"] for entry in entries))
    picture = Image.new("RGB", (SCALE * WIDTH * len(stages), SCALE * HEIGHT), "white")
    for number, stage in enumerate(stages):
        panel = [entry for entry in entries if entry["stage"] == stage]
        picture.paste(_panel(stage, panel), (SCALE * WIDTH * number, 0))
    picture.resize((WIDTH * len(stages), HEIGHT), Image.Resampling.LANCZOS).save(out, optimize=True)


def _panel(stage: str, entries: list[dict[str, Any]]) -> Image.Image:
    image = Image.new("RGB", (SCALE * WIDTH, SCALE * HEIGHT), "white")
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = (SCALE * k for k in (MARGIN, MARGIN // 2, WIDTH - 12, HEIGHT - MARGIN // 2))
    steps = np.array([entry["step"] for entry in entries], np.float64)
    values = {name: np.array([entry[name] for entry in entries if name in entry]) for name in COLOURS}
    every = np.log10(np.maximum(np.concatenate(list(values.values())), 1e-9))
    low, high = float(every.min()), max(float(every.max()), float(every.min()) + 0.02)

    def place(step: float, value: float) -> tuple[float, float]:
        x = left + (right - left) * step / steps.max()
        return x, bottom - (bottom - top) * (np.log10(max(value, 1e-9)) - low) / (high - low)

    draw.line([(left, top), (left, bottom), (right, bottom)], fill=(90, 90, 90), width=SCALE)
    for share in np.linspace(0.0, 1.0, 5):
        level = 10 ** (low + share * (high - low))
        y = place(0.0, level)[1]
        draw.line([(left, y), (right, y)], fill=(225, 225, 225), width=1)
        draw.text((left - SCALE * 38, y - SCALE * 6), f"{level:.3g}", fill=(60, 60, 60), font_size=SCALE * 10)
    draw.text((left, bottom + SCALE * 4), "0", fill=(60, 60, 60), font_size=SCALE * 10)
    draw.text((right - SCALE * 60, bottom + SCALE * 4), f"{int(steps.max())} steps", fill=(60, 60, 60),
              font_size=SCALE * 10)  # fmt: skip
    draw.text((left + SCALE * 6, SCALE * 4), stage, fill=(0, 0, 0), font_size=SCALE * 12)
    for number, (name, colour) in enumerate(COLOURS.items()):
        known = [(entry["step"], entry[name]) for entry in entries if name in entry]
        if len(known) > 1:
            draw.line([place(step, value) for step, value in known], fill=colour, width=2 * SCALE)
        draw.text((right - SCALE * 70, SCALE * (22 + 14 * number)), LABELS[name], fill=colour, font_size=SCALE * 11)
    return image
