"""Writes a head's detail into its bundle and reads it again: 16 bit images, and the masks of ``detail_masks``."""

from __future__ import annotations

import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..dynamic_detail.detail_maps import KEYS, DetailMaps
from ..dynamic_detail.spline_maps import spline_coefficients, spline_values
from ..errors import BundleInvalid
from .bundle import read_record
from .detail_masks import (
    DETAIL_FOLDER,
    KEY_IMAGES,
    LARGEST_MM,
    MASKS_FILE,
    OFFSET,
    STEP_MM,
    TENSION_IMAGE,
    TENSION_UNIT,
    detail_entry,
    detail_size,
    has_detail,
    masks_bytes,
    read_masks,
)

# As for the textures (bundle_files.PNG_OPTIONS): looking for runs only is the quickest, and for these the smallest.
PNG_OPTIONS = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
PNG_START = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
PNG_COLOUR_TYPES = {3: 2, 4: 6}  # channels -> RGB, RGBA
CHANNELS = 4


def write_detail(folder: Path, detail: DetailMaps, threads: int = 2) -> dict[str, Any]:
    """Write ``detail/`` into a bundle's folder.

    Returns the ``detail`` entry of head.json.

    Raises
    ------
    OSError : the folder cannot be written
    ValueError : a map is deeper than 16 bits can say; skin is not
    """
    (folder / DETAIL_FOLDER).mkdir()
    maps = [detail.static, *detail.dynamic]
    groups = {name: maps[CHANNELS * i : CHANNELS * (i + 1)] for i, name in enumerate(KEY_IMAGES)}
    unit = np.float32(TENSION_UNIT)
    groups[TENSION_IMAGE] = [unit * detail.compressed, unit * detail.stretched, detail.pores]
    with ThreadPoolExecutor(max_workers=threads) as pool:
        jobs = [pool.submit(_write_image, folder / name, group) for name, group in groups.items()]
        (folder / MASKS_FILE).write_bytes(masks_bytes(detail))
        for job in jobs:
            job.result()
    return detail_entry(detail)


def read_detail(folder: Path) -> DetailMaps:
    """Read the detail of the bundle in ``folder``; ``bundle.read_bundle`` compares the files' sha256.

    Raises BundleInvalid where the bundle has none (ask ``has_detail``), or where a file is missing or corrupt.
    """
    record = read_record(folder)
    if not has_detail(record):
        raise BundleInvalid(f"The head in {folder} has no dynamic detail.")
    size = detail_size(folder, record)
    masks = read_masks(folder)
    static = np.empty((size, size), np.float32)
    dynamic = np.empty((KEYS, size, size), np.float32)
    targets = [static, *dynamic]
    for number, name in enumerate(KEY_IMAGES):
        channels = _read_image(folder / name, size, CHANNELS)
        for target, channel in zip(targets[CHANNELS * number :], np.moveaxis(channels, 2, 0), strict=False):
            target[:] = map_of(channel)
    compressed, stretched, pores = (
        map_of(channel) for channel in np.moveaxis(_read_image(folder / TENSION_IMAGE, size, 3), 2, 0)
    )
    unit = np.float32(TENSION_UNIT)
    return DetailMaps(
        static, pores, dynamic, compressed / unit, stretched / unit,
        masks.activation, masks.key_weights, masks.tension, masks.regions, dict(record["detail"]),
    )  # fmt: skip


def stored_values(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """What an image holds for millimetres. Raises ValueError beyond its range."""
    if not np.abs(values).max(initial=0.0) <= LARGEST_MM:
        raise ValueError(f"a displacement of more than {LARGEST_MM:.2f} mm, or none at all")
    steps = values * np.float32(1.0 / STEP_MM)
    np.rint(steps, out=steps)
    return (steps + OFFSET).astype(np.uint16)


def map_of(stored: NDArray[np.uint16]) -> NDArray[np.float32]:
    """(S, S) mm of one channel (S, S) of an image."""
    return spline_values((stored.astype(np.float32) - OFFSET) * np.float32(STEP_MM))


def _write_image(path: Path, maps: list[NDArray[np.float32]]) -> None:
    stored = np.stack([stored_values(spline_coefficients(values)) for values in maps], axis=-1)
    # OpenCV's order is blue, green, red, alpha. Encoded in memory: imwrite does not tell a full disk from success.
    swap = cv2.COLOR_RGBA2BGRA if len(maps) == CHANNELS else cv2.COLOR_RGB2BGR
    done, encoded = cv2.imencode(".png", cv2.cvtColor(stored, swap), PNG_OPTIONS)
    if not done:
        raise OSError(f"{path.name} could not be encoded")
    path.write_bytes(encoded.tobytes())


def _read_image(path: Path, size: int, channels: int) -> NDArray[np.uint16]:
    """(S, S, C) of a PNG that must be what its size says, before anything is unpacked. Raises BundleInvalid."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BundleInvalid(f"The head bundle is not complete: {path} is missing.") from error
    header = PNG_START + struct.pack(">IIBBBBB", size, size, 16, PNG_COLOUR_TYPES[channels], 0, 0, 0)
    if not content.startswith(header):
        raise BundleInvalid(f"{path} is not a 16 bit image of {size} x {size} pixels and {channels} channels.")
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.shape != (size, size, channels) or pixels.dtype != np.uint16:
        raise BundleInvalid(f"{path} is corrupt: it is not a complete image.")
    swap = cv2.COLOR_BGRA2RGBA if channels == CHANNELS else cv2.COLOR_BGR2RGB
    return cv2.cvtColor(pixels, swap).astype(np.uint16, copy=False)
