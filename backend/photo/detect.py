"""Face boxes with six keypoints: MediaPipe's short range and full range detectors through onnxruntime."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .crop import Region, cut_out

SCORE_THRESHOLD = 0.5
OVERLAP_THRESHOLD = 0.3  # intersection over union above which two boxes are one face
MESH_REGION_SCALE = 1.5
TILES_ALONG = 3  # tiles per long side, each overlapping the next by half
MIN_TILED_FACE_PX = 24.0  # smaller faces hold nothing to reconstruct from


class Detection(NamedTuple):
    """``score`` 0..1; ``box`` (4,) x y w h px; ``keypoints`` (6, 2) px: right eye, left eye, nose tip, mouth, right
    and left tragion (the subject's)."""

    score: float
    box: NDArray[np.float64]
    keypoints: NDArray[np.float64]

    def region(self) -> Region:
        """Square that the mesh network wants: 1.5 times the box, its upper edge parallel to the eyes' line."""
        across = self.keypoints[1] - self.keypoints[0]
        x, y, width, height = (float(v) for v in self.box)
        angle = math.atan2(float(across[1]), float(across[0]))
        return Region(x + width / 2, y + height / 2, MESH_REGION_SCALE * max(width, height), angle)


def short_range_anchors() -> NDArray[np.float64]:
    """(896, 2) anchor centres in 0..1: 16 x 16 cells with 2 each, then 8 x 8 with 6."""
    return np.concatenate([np.repeat(_cell_centres(16), 2, axis=0), np.repeat(_cell_centres(8), 6, axis=0)])


def full_range_anchors() -> NDArray[np.float64]:
    """(2304, 2) anchor centres in 0..1: 48 x 48 cells."""
    return _cell_centres(48)


def _cell_centres(cells: int) -> NDArray[np.float64]:
    """(cells * cells, 2) centres of a square grid, row by row, in 0..1."""
    rows, columns = np.divmod(np.arange(cells * cells), cells)
    return np.asarray((np.stack([columns, rows], -1) + 0.5) / cells, np.float64)


class FaceDetector:
    """One detector network.

    Parameters
    ----------
    session : onnxruntime session, input (1, n, n, 3) in -1..1
    anchors : (A, 2) in 0..1
    max_bilinear_shrink : see ``crop.cut_out``
    """

    def __init__(self, session: Any, anchors: NDArray[np.float64], max_bilinear_shrink: float) -> None:
        self._session = session
        self._max_bilinear_shrink = max_bilinear_shrink
        self._input = session.get_inputs()[0]
        self._outputs = [output.name for output in session.get_outputs()]
        self._anchors = anchors

    def detect(self, pixels: NDArray[np.uint8], region: Region | None = None) -> list[Detection]:
        """Faces in (H, W, 3) uint8 sRGB, or in a square of it, best first."""
        height, width = pixels.shape[:2]
        region = region or Region(width / 2, height / 2, float(max(width, height)), 0.0)
        size = int(self._input.shape[1])
        image = cut_out(
            pixels, region, size, replicate_border=False, max_bilinear_shrink=self._max_bilinear_shrink
        )
        values = image.astype(np.float32) * (2.0 / 255.0) - 1.0
        results = self._session.run(self._outputs, {self._input.name: values[None]})
        boxes, logits = sorted((np.asarray(result)[0] for result in results), key=lambda r: -r.shape[1])
        scores = 1.0 / (1.0 + np.exp(-np.clip(logits[:, 0].astype(np.float64), -100.0, 100.0)))
        keep = np.flatnonzero(scores >= SCORE_THRESHOLD)
        # Rows: box centre and size, then 6 keypoints, as offsets from the anchor in network pixels.
        raw = boxes[keep].astype(np.float64) / size
        centre, extent = raw[:, :2] + self._anchors[keep], raw[:, 2:4]
        points = raw[:, 4:].reshape(-1, 6, 2) + self._anchors[keep][:, None]
        corners = np.concatenate([(centre - extent / 2)[:, None], (centre + extent / 2)[:, None], points], 1)
        found = []
        for score, merged in _weighted_suppression(corners, scores[keep]):
            placed = region.to_photo(merged)
            found.append(Detection(score, np.concatenate([placed[0], placed[1] - placed[0]]), placed[2:]))
        return found


def _weighted_suppression(
    corners: NDArray[np.float64], scores: NDArray[np.float64]
) -> Iterator[tuple[float, NDArray[np.float64]]]:
    """Weighted non-maximum suppression: overlapping candidates become their mean, weighted by score.

    Parameters
    ----------
    corners : (n, 8, 2) two box corners and six keypoints of each candidate
    scores : (n,)

    Yields
    ------
    (best score, (8, 2) mean) per face, best first
    """
    boxes = corners[:, :2].reshape(-1, 4)
    remaining = np.argsort(-scores, kind="stable")
    while len(remaining):
        best = remaining[0]
        same = intersection_over_union(boxes[best], boxes[remaining]) > OVERLAP_THRESHOLD
        same[0] = True
        members = remaining[same]
        yield float(scores[best]), np.average(corners[members], axis=0, weights=scores[members])
        remaining = remaining[~same]


def intersection_over_union(box: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """(4,) and (n, 4) boxes as left, top, right, bottom, to (n,)."""
    overlap = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    shared = np.prod(np.maximum(overlap, 0.0), axis=1)
    union = np.prod(box[2:] - box[:2]) + np.prod(others[:, 2:] - others[:, :2], axis=1) - shared
    return np.asarray(shared / np.maximum(union, 1e-12), np.float64)


def tiles(width: int, height: int) -> list[Region]:
    """Overlapping squares of a third of the long side, for faces too small for the whole picture.

    None where a face that fills a tenth of a tile would be too small to be of use.
    """
    side = max(width, height) / TILES_ALONG
    if 0.1 * side < MIN_TILED_FACE_PX:
        return []
    squares: list[Region] = []
    for y in _tile_centres(height, side):
        squares.extend(Region(x, y, side, 0.0) for x in _tile_centres(width, side))
    return squares


def _tile_centres(length: int, side: float) -> list[float]:
    if length <= side:
        return [length / 2]
    count = math.ceil((length - side) / (side / 2)) + 1
    return [float(c) for c in np.linspace(side / 2, length - side / 2, count)]
