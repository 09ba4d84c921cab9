"""Finds words in a picture of the screen, by comparing them with how Blender itself draws those words.

Blender's interface font comes out of the same rasteriser either way, so that a word matches with a correlation
of 0.97 and anything else stays below 0.9: the driver clicks what a person would read, wherever it has moved to.
"""

from __future__ import annotations

import time
from typing import NamedTuple

import cv2
import numpy as np
from desktop import Blender, Desktop

SURE = 0.95
SURE_OF_PIECE, PIECE_PIXELS = 0.7, 10


class Box(NamedTuple):
    """A rectangle of the screen, pixels, origin top left."""

    left: int
    top: int
    width: int
    height: int

    @property
    def centre(self) -> tuple[float, float]:
        """Its middle."""
        return self.left + self.width / 2, self.top + self.height / 2


class WordsMissing(Exception):
    """The words are not on the screen."""


class Reader:
    """Reads the screen of a desktop on which Blender runs."""

    def __init__(self, desktop: Desktop, blender: Blender) -> None:
        self._desktop, self._blender = desktop, blender
        self._words: dict[str, np.ndarray] = {}

    def find(self, text: str, inside: Box | None = None, turned: bool = False) -> list[Box]:
        """Every place where a text stands, top to bottom; ``turned`` is how the sidebar's tabs are written."""
        screen = cv2.imdecode(np.frombuffer(self._desktop.picture(), np.uint8), cv2.IMREAD_GRAYSCALE)
        left, top = (inside.left, inside.top) if inside else (0, 0)
        if inside:
            screen = screen[top : top + inside.height, left : left + inside.width]
        found: list[tuple[float, Box]] = []
        word = self._word(text)
        if turned:
            word = np.ascontiguousarray(np.rot90(word, -1))
        if word.shape[0] > screen.shape[0] or word.shape[1] > screen.shape[1]:
            return []
        # Light letters on dark and dark on light count alike; a uniform patch gives NaN or infinity.
        scores = np.abs(cv2.matchTemplate(screen, word, cv2.TM_CCOEFF_NORMED))
        scores[~np.isfinite(scores) | (scores > 1.01)] = 0
        for y, x in np.argwhere(scores > SURE):
            if not _every_letter(screen[y : y + word.shape[0], x : x + word.shape[1]], word, 0 if turned else 1):
                continue
            box = Box(left + int(x), top + int(y), word.shape[1], word.shape[0])
            found.append((float(scores[y, x]), box))
        return _best_of_neighbours(found)

    def one(self, text: str, inside: Box | None = None, turned: bool = False, patience_s: float = 5) -> Box:
        """The topmost place of a text, waited for as a person waits for a redraw. Raises WordsMissing."""
        end = time.monotonic() + patience_s
        while True:
            found = self.find(text, inside, turned)
            if found:
                return found[0]
            if time.monotonic() > end:
                raise WordsMissing(f'"{text}" is not on the screen')

    def _word(self, text: str) -> np.ndarray:
        """How Blender draws a text, cut to its letters: (h, w) uint8."""
        if text not in self._words:
            self._blender.ask(f"words({text!r})")
            drawn = np.load(self._desktop.folder / "words.npy")
            rows, columns = np.nonzero(drawn > 40)
            self._words[text] = drawn[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        return self._words[text]


def _every_letter(there: np.ndarray, word: np.ndarray, axis: int) -> bool:
    """Whether every piece of a word is there: "Export" alone is much like "Export..." as a whole.

    Pieces run along ``axis``; one without ink counts only by its neighbours.
    """
    cuts = range(PIECE_PIXELS, word.shape[axis], PIECE_PIXELS)
    for piece, patch in zip(np.split(word, cuts, axis), np.split(there, cuts, axis)):
        if piece.shape[axis] < 3 or piece.std() < 10:
            continue
        if patch.std() < 1 or abs(np.corrcoef(piece.ravel(), patch.ravel())[0, 1]) < SURE_OF_PIECE:
            return False
    return True


def _best_of_neighbours(found: list[tuple[float, Box]]) -> list[Box]:
    """One box per word: of overlapping ones the surest."""
    kept: list[Box] = []
    for _, box in sorted(found, reverse=True):
        if all(abs(box.left - k.left) > 6 or abs(box.top - k.top) > 6 for k in kept):
            kept.append(box)
    return sorted(kept, key=lambda box: (box.top, box.left))
