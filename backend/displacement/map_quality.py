"""Measures of dynamic maps: are wrinkles where, as deep, as steep and directed as skin has them?"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from ..mesh.topology import Topology
from .crease_ground import SkinGround
from .strain import principal

Floats = NDArray[np.floating[Any]]
Float32 = NDArray[np.float32]

RANGE_PERCENT = (0.2, 99.8)
STEEPEST_PERCENT = 99.9
PIT_MM = 0.1
NEAR_SLIT_MM = 1.0
CLEAR_COMPRESSION = 0.03
"""Compression below which its axis is noise."""
CLEAR_SLOPE = 0.06
"""Slope below which there is no wrinkle to have a direction."""
AXIS_SIGMA_TEXELS = 4.0
FOREHEAD_COLUMNS = (-34.0, 34.0)
FOREHEAD_HEIGHT = (26.0, 84.0)
LEAST_VALLEY_MM = 0.10


class MapQuality(NamedTuple):
    """Of one map of an expression.

    depth_mm         99.8 minus 0.2 percentile of the face (not of scalp, ears and neck)
    slope_degrees    99.9 percentile of the slope on the face at rest
    pits             texels more than 0.1 mm off the median of their 3 x 3 neighbours
    near_slit_um     greatest displacement within 1 mm of the slits of lids and lips
    angles           (n,) degrees between wrinkle normal and compression axis, where skin is wrinkled and squeezed
    """

    depth_mm: float
    slope_degrees: float
    pits: int
    near_slit_um: float
    angles: Float32


class SkinRuler:
    """What is measured once per head: lengths, distances to slits."""

    def __init__(self, ground: SkinGround, topology: Topology) -> None:
        self.ground = ground
        frame, size = ground.frame, ground.size
        everywhere = slice(0, size)
        whole = slice(0, frame.size), slice(0, frame.size)
        metric = frame.texels_of_cells(np.moveaxis(frame.metric, 2, 0), whole, everywhere, everywhere, size)
        self.metric = metric * np.float32(frame.size / size)
        near = np.stack([frame.lid_mm, frame.lip_mm], 1)
        self.near_slit = frame.texels_of_vertices(near, everywhere, everywhere, size).min(2) < NEAR_SLIT_MM
        face = np.zeros(len(frame.places), np.float32)
        face[topology.regions["face"]] = 1.0
        self.face = frame.texels_of_vertices(face, everywhere, everywhere, size) > 0.5
        self.places = frame.texels_of_vertices(ground.canonical, everywhere, everywhere, size)

    def gradient(self, height: Floats) -> tuple[Float32, Float32]:
        """Slope along the two tangent axes at rest, (S, S) each."""
        along_v, along_u = np.gradient(np.asarray(height, np.float32))
        a, b, c = self.metric
        first = along_u / a
        return first, (-along_v - b * first) / c

    def quality(self, height: Floats, strain: Float32) -> MapQuality:
        """Measure the map (S, S) of an expression whose strain is (N, N, 3)."""
        height = np.asarray(height, np.float32)
        first, second = self.gradient(height)
        slope = np.hypot(first, second)
        low, high = np.percentile(height[self.face], RANGE_PERCENT)
        median = cv2.medianBlur(height, 3)
        return MapQuality(
            depth_mm=float(high - low),
            slope_degrees=float(np.degrees(np.arctan(np.percentile(slope, STEEPEST_PERCENT)))),
            pits=int((np.abs(height - median) > PIT_MM).sum()),
            near_slit_um=1e3 * float(np.abs(height[self.near_slit]).max(initial=0.0)),
            angles=self._angles(first, second, slope, strain),
        )

    def _angles(self, first: Float32, second: Float32, slope: Float32, strain: Float32) -> Float32:
        """Structure tensor of the slope against the compression's axis."""
        frame, size = self.ground.frame, self.ground.size
        whole = slice(0, frame.size), slice(0, frame.size)
        everywhere = slice(0, size)
        squeezed = frame.texels_of_cells(np.moveaxis(strain, 2, 0), whole, everywhere, everywhere, size)
        compression, _, axis = principal(np.moveaxis(squeezed, 0, 2))

        def blurred(values: Float32) -> Float32:
            return np.asarray(cv2.GaussianBlur(values, (0, 0), AXIS_SIGMA_TEXELS), np.float32)

        turn = 0.5 * np.arctan2(2.0 * blurred(first * second), blurred(first**2) - blurred(second**2))
        chosen = (compression > CLEAR_COMPRESSION) & (slope > CLEAR_SLOPE)
        cosine = np.abs(np.cos(turn) * axis[..., 0] + np.sin(turn) * axis[..., 1])[chosen]
        angles: Float32 = np.degrees(np.arccos(np.clip(cosine, 0.0, 1.0))).astype(np.float32)
        return angles

    def forehead_spacing(self, height: Floats) -> tuple[float, float]:
        """Median distance (mm, at rest) between neighbouring lines of a raised forehead, and their number.

        Along every column of texels in the middle of the forehead: valleys at least 0.1 mm below the higher of the
        ridges beside them.
        """
        height = np.asarray(height, np.float32)
        x, y = self.places[..., 0], self.places[..., 1]
        distances, counts = [], []
        middle = int(np.abs(self.places[self.ground.size // 4, :, 0]).argmin())
        row = int(np.abs(y[: self.ground.size // 2, middle] - 55.0).argmin())
        for column in np.flatnonzero((x[row] > FOREHEAD_COLUMNS[0]) & (x[row] < FOREHEAD_COLUMNS[1])):
            rows = np.flatnonzero((y[:, column] > FOREHEAD_HEIGHT[0]) & (y[:, column] < FOREHEAD_HEIGHT[1]))
            rows = rows[rows < self.ground.size // 2]
            line, step = height[rows, column], self.metric[2][rows, column]
            at = valleys(line, LEAST_VALLEY_MM)
            counts.append(len(at))
            arc = np.cumsum(step)
            distances.extend(np.diff(arc[at]).tolist())
        return float(np.median(distances)) if distances else float("nan"), float(np.median(counts))


def valleys(line: Float32, least: float) -> NDArray[np.intp]:
    """Places of minima of a line (n,) that lie at least ``least`` below the ridges on both of their sides."""
    return np.asarray(find_peaks(-line, prominence=least)[0], np.intp)
