"""Arrays as they lie in a model file: packed into 16 bits, and checked when they are taken out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FULL_SCALE = 32767


def quantise(values: NDArray[np.floating[Any]], axis: int) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """Pack into 16 bits with one scale per slice along ``axis``: (same shape) int16, (slices,) float32."""
    others = tuple(k for k in range(values.ndim) if k != axis % values.ndim)
    scale = (np.abs(values).max(axis=others, initial=0.0) / FULL_SCALE).astype(np.float32)
    scale = np.where(scale > 0, scale, np.float32(1.0))
    shape = [1] * values.ndim
    shape[axis] = -1
    packed = np.rint(values / scale.reshape(shape)).clip(-FULL_SCALE, FULL_SCALE)
    return packed.astype(np.int16), scale


def _unpack(packed: NDArray[np.int16], scale: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    shape = [1] * packed.ndim
    shape[axis] = -1
    return np.multiply(packed, scale.reshape(shape), dtype=np.float32)


class CheckedArrays:
    """Takes arrays out of the file with the kind, shape and range that they must have; ValueError otherwise."""

    def __init__(self, arrays: dict[str, NDArray[Any]]) -> None:
        self.arrays = arrays

    def _get(self, name: str, shape: tuple[int | None, ...], kinds: str) -> NDArray[Any]:
        array = self.arrays[name]
        fits = len(array.shape) == len(shape) and all(w is None or w == s for w, s in zip(shape, array.shape))
        if not fits:
            wanted = ", ".join("any" if size is None else str(size) for size in shape)
            raise ValueError(f"{name} has the shape {array.shape} instead of ({wanted})")
        if array.dtype.kind not in kinds:
            raise ValueError(f"{name} holds {array.dtype} values")
        return array

    def floats(self, name: str, *shape: int | None) -> NDArray[Any]:
        """Finite floats."""
        array = self._get(name, shape, "f")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds values that are not finite")
        return array

    def integers(self, name: str, low: int, high: int, *shape: int | None) -> NDArray[Any]:
        """Integers from ``low`` to below ``high``."""
        array = self._get(name, shape, "iu")
        if array.size and (int(array.min()) < low or int(array.max()) >= high):
            raise ValueError(f"{name} holds values outside {low} to {high - 1}")
        return array

    def number(self, name: str, low: int, high: int) -> int:
        """One integer from ``low`` to below ``high``."""
        return int(self.integers(name, low, high))

    def names(self, name: str) -> tuple[str, ...]:
        """Distinct non-empty strings."""
        values = tuple(str(value) for value in self._get(name, (None,), "U"))
        if len(set(values)) != len(values) or "" in values:
            raise ValueError(f"{name} are not distinct names")
        return values

    def unpacked(self, name: str, axis: int, *shape: int | None) -> NDArray[np.float32]:
        """16-bit integers times their scales."""
        packed = self.integers(name, -FULL_SCALE, FULL_SCALE + 1, *shape)
        return _unpack(packed, self.floats(f"{name}_scale", packed.shape[axis]), axis)
