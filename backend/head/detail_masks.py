"""What a bundle says of its detail besides the images: masks per vertex, and how the images are to be read.

Apart from ``detail_files`` because Blender reads this in its own process, where only numpy is to be had.

    detail/keys_1.png .. keys_5.png   16 bit RGBA; the 20 channels in order: static, dynamic 1 .. 19
    detail/tension.png                16 bit RGB: compressed, stretched, pores
    detail/masks.npz                  activation (E, V) u2 and regions (6, V) u2, in steps of 1 / MASK_STEPS;
                                      tension (19, V) f2 of the key expressions; key_weights (19, E) f8

A channel's value stands for (value - OFFSET) * STEP_MM, which is not the map but its ``spline_coefficients``: shown
through a cubic filter the map is smooth and right, shown through a linear one its fine detail is too rough.
Compressed and stretched detail is what ``TENSION_UNIT`` gives, a tension that skin has, and not what 1 would, which
is centimetres.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..dynamic_detail.activation import inverse_energies
from ..dynamic_detail.detail_maps import KEYS, REGIONS, DetailMaps
from ..errors import BundleInvalid
from ..face_model.key_expressions import KEY_EXPRESSION_NAMES
from .npz import npz_bytes, read_npz

DETAIL_FOLDER = "detail"
KEY_IMAGES = tuple(f"{DETAIL_FOLDER}/keys_{number}.png" for number in range(1, 6))
TENSION_IMAGE = f"{DETAIL_FOLDER}/tension.png"
MASKS_FILE = f"{DETAIL_FOLDER}/masks.npz"
DETAIL_FILES = (*KEY_IMAGES, TENSION_IMAGE, MASKS_FILE)
"""All of them or none belong to a bundle."""

STEP_MM = 0.00025
OFFSET = 32768
TENSION_UNIT = 0.25
LARGEST_MM = STEP_MM * (OFFSET - 1)  # 8.19, a depth that no skin has
MASK_STEPS = 8192.0
SMALLEST_SIZE, LARGEST_SIZE = 64, 4096
MAX_MASKS_BYTES = 2**28


class DetailMasks(NamedTuple):
    """masks.npz, as ``DetailMaps`` has it.

    activation (E, V) f4;  inverse (19, V) f4, ``inverse_energies``;  key_weights (19, E) f8;  tension (19, V) f4;
    regions (6, V) f4
    """

    activation: NDArray[np.float32]
    inverse: NDArray[np.float32]
    key_weights: NDArray[np.float64]
    tension: NDArray[np.float32]
    regions: NDArray[np.float32]


def detail_entry(detail: DetailMaps) -> dict[str, Any]:
    """``detail`` of head.json: how the images are to be read, and how the detail was made."""
    return {
        "size": detail.size,
        "step_mm": STEP_MM,
        "offset": OFFSET,
        "interpolation": "cubic B-spline",
        "tension_unit": TENSION_UNIT,
        "key_expressions": list(KEY_EXPRESSION_NAMES[1:]),
        "regions": list(REGIONS),
        **detail.record,
    }


def has_detail(record: dict[str, Any]) -> bool:
    """Whether the bundle with this head.json has detail, or at least a part of it."""
    return not record["files"].keys().isdisjoint(DETAIL_FILES)


def detail_size(folder: Path, record: dict[str, Any]) -> int:
    """S of the images, after looking at all that head.json says of how they are to be read.

    Raises BundleInvalid where that is not how this program reads them.
    """
    entry = record.get("detail")
    units = {"step_mm": STEP_MM, "offset": OFFSET, "tension_unit": TENSION_UNIT}
    if not isinstance(entry, dict) or any(entry.get(name) != value for name, value in units.items()):
        raise BundleInvalid(f"{folder / 'head.json'} describes detail in a way that this program cannot read.")
    size = entry.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or not SMALLEST_SIZE <= size <= LARGEST_SIZE:
        raise BundleInvalid(f"{folder / 'head.json'} is corrupt: its detail has size {size!r}.")
    return size


def masks_bytes(detail: DetailMaps) -> bytes:
    """The content of masks.npz."""
    return npz_bytes(
        {
            "activation": _stepped(detail.activation),
            "regions": _stepped(detail.regions),
            "tension": detail.tension.astype("<f2"),
            "key_weights": detail.key_weights.astype("<f8"),
        }
    )


def read_masks(folder: Path, shape: tuple[int, int] | None = None) -> DetailMasks:
    """Read a bundle's masks.npz.

    Parameters
    ----------
    folder : of the bundle
    shape : E and V of its head, where they are known

    Raises
    ------
    BundleInvalid : it is missing, corrupt, or belongs to another head
    """
    path = folder / MASKS_FILE
    arrays = read_npz(path, MAX_MASKS_BYTES)
    blendshapes, vertices = shape or (*np.shape(arrays.get("activation", ())), 0, 0)[:2]
    wanted = {
        "activation": ("u2", (blendshapes, vertices)),
        "regions": ("u2", (len(REGIONS), vertices)),
        "tension": ("f2", (KEYS, vertices)),
        "key_weights": ("f8", (KEYS, blendshapes)),
    }
    for name, (kind, shape) in wanted.items():
        if name not in arrays:
            raise BundleInvalid(f"{path} is not complete: {name} is missing.")
        if arrays[name].dtype.str[1:] != kind or arrays[name].shape != shape:
            raise BundleInvalid(f"{path} is corrupt: {name} has not the shape or type that its head needs.")
    weights = arrays["key_weights"]
    if not np.isfinite(arrays["tension"]).all() or not ((weights >= 0.0) & (weights <= 1.0)).all():
        raise BundleInvalid(f"{path} is corrupt: it holds numbers that no head has.")
    activation = arrays["activation"].astype(np.float32) / np.float32(MASK_STEPS)
    regions = arrays["regions"].astype(np.float32) / np.float32(MASK_STEPS)
    if activation.max(initial=0.0) > 1.0 or regions.sum(axis=0).max(initial=0.0) > 1.001:
        raise BundleInvalid(f"{path} is corrupt: its masks exceed 1.")
    return DetailMasks(
        activation, inverse_energies(activation, weights), weights, arrays["tension"].astype(np.float32), regions
    )


def _stepped(values: NDArray[np.float32]) -> NDArray[Any]:
    result: NDArray[Any] = np.rint(values * np.float32(MASK_STEPS)).astype("<u2")
    return result
