"""Displacement as a mean and a few components: HiFace Eq. (5) and (7), as they lie in the product's file.

    D_sta = mean_sta + phi_sta B_sta,   D_com = mean_com + phi_com B_com,   D_str = mean_str + phi_str B_str

Coefficients are in standard deviations of the population that the basis was learned from. A basis knows only the
texels where that population has detail; elsewhere it is zero. Components are kept in 8 bits with one step each: the
step is not finer than ``TOLERANCE_MM``, so that the many faint components hold few different values and compress.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import DAMAGED_NPZ, ModelFileInvalid, reason_of
from ..face_model.checked_arrays import CheckedArrays

Float32 = NDArray[np.float32]
PARTS = ("static", "compressed", "stretched")
MEAN_STEP_MM = 0.0005
TOLERANCE_MM = 0.002
"""Smallest step of a component at one standard deviation; steps of .002 in 26 components add up to 3 um."""
LARGEST_SIZE = 2048
MOST_COMPONENTS = 512
BYTE_SCALE = 127


class DetailBasis(NamedTuple):
    """A displacement basis over the texels of a B x B map of the UV square, row 0 at v = 1.

    size         B
    texels       (T,) flat indices, ascending
    mean         (T,) mm
    components   (K, T) mm per standard deviation; strongest first
    """

    size: int
    texels: NDArray[np.int64]
    mean: Float32
    components: Float32

    def values(self, coefficients: NDArray[np.floating[Any]]) -> Float32:
        """(..., K) standard deviations to (..., T) mm. HiFace Eq. (5), (7)."""
        return self.mean + coefficients.astype(np.float32) @ self.components

    def maps(self, coefficients: NDArray[np.floating[Any]], size: int | None = None) -> Float32:
        """(n, K) standard deviations to (n, S, S) mm; S is B where ``size`` is None, else resampled smoothly."""
        values = self.values(coefficients)
        maps = np.zeros((len(values), self.size * self.size), np.float32)
        maps[:, self.texels] = values
        return resized(maps.reshape(-1, self.size, self.size), size or self.size)

    def coefficients(self, maps: NDArray[np.floating[Any]]) -> Float32:
        """(n, B, B) mm to the (n, K) standard deviations that come closest in the squares."""
        deviation = maps.reshape(len(maps), -1)[:, self.texels] - self.mean
        gram = (self.components @ self.components.T).astype(np.float64)
        result: Float32 = np.linalg.solve(gram, (deviation @ self.components.T).T).T.astype(np.float32)
        return result

    def explained(self, maps: NDArray[np.floating[Any]]) -> tuple[float, float]:
        """Share of the energy (sum of squares) of (n, B, B) maps that the mean holds, and mean with components."""
        flat = maps.reshape(len(maps), -1)
        energy = float((flat.astype(np.float64) ** 2).sum())
        inside = flat[:, self.texels]
        outside = energy - float((inside.astype(np.float64) ** 2).sum())
        best = self.values(self.coefficients(maps))
        rest = [outside + float(((inside - guess).astype(np.float64) ** 2).sum()) for guess in (self.mean, best)]
        return 1.0 - rest[0] / energy, 1.0 - rest[1] / energy

    def packed(self) -> dict[str, NDArray[Any]]:
        """The arrays of the file: which texels, the mean in steps, the components in 8 bits with their steps."""
        inside = np.zeros(self.size * self.size, bool)
        inside[self.texels] = True
        step = np.maximum(np.abs(self.components).max(1) / BYTE_SCALE, TOLERANCE_MM).astype(np.float32)
        return {
            "texels": np.packbits(inside),
            "mean": np.rint(self.mean / MEAN_STEP_MM).astype(np.int16),
            "components": np.rint(self.components / step[:, None]).astype(np.int8),
            "step": step,
        }


def resized(maps: Float32, size: int) -> Float32:
    """(n, B, B) to (n, S, S): smooth interpolation upwards, area means downwards."""
    before = maps.shape[1]
    if size == before:
        return maps
    how = cv2.INTER_AREA if size < before else cv2.INTER_CUBIC
    return np.stack([cv2.resize(each, (size, size), interpolation=how) for each in maps])


def save_bases(path: Path, bases: Mapping[str, DetailBasis]) -> None:
    """Write the bases of all PARTS, which share one size, into one file; the same bases give the same bytes."""
    size = bases[PARTS[0]].size
    arrays = {f"{part}_{name}": values for part in PARTS for name, values in bases[part].packed().items()}
    np.savez_compressed(path, size=np.int32(size), **arrays)


def load_bases(path: Path) -> dict[str, DetailBasis]:
    """Read what ``save_bases`` wrote. Raises ModelFileInvalid."""
    try:
        with np.load(path, allow_pickle=False) as data:
            arrays = CheckedArrays({name: data[name] for name in data.files})
        size = arrays.number("size", 16, LARGEST_SIZE + 1)
        return {part: _unpacked(arrays, part, size) for part in PARTS}
    except (KeyError, *DAMAGED_NPZ) as error:
        raise ModelFileInvalid(f"{path} is not a file of detail bases: {reason_of(error)}.") from error


def _unpacked(arrays: CheckedArrays, part: str, size: int) -> DetailBasis:
    bits = arrays.integers(f"{part}_texels", 0, 256, -(-size * size // 8)).astype(np.uint8)
    texels = np.flatnonzero(np.unpackbits(bits, count=size * size))
    mean = arrays.integers(f"{part}_mean", -(2**15), 2**15, len(texels)).astype(np.float32) * MEAN_STEP_MM
    packed = arrays.integers(f"{part}_components", -BYTE_SCALE, BYTE_SCALE + 1, None, len(texels))
    if len(packed) > MOST_COMPONENTS:
        raise ValueError(f"{part} has {len(packed)} components")
    step = arrays.floats(f"{part}_step", len(packed))
    components = np.multiply(packed, step[:, None], dtype=np.float32)
    return DetailBasis(size, texels, mean.astype(np.float32), components)
