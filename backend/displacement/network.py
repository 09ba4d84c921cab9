"""The displacement network at run time: one photo's texture and the head's deforming maps to 20 displacement maps.

FaceScape Sec. 4.2; what the network is, and how it was trained, is in ``training/displacement_network.py``. Here
are only numpy, OpenCV and onnxruntime. The network says one base map, a few line patterns and, for every key
expression, gains of the patterns on a coarse grid; multiplying them out is done here, which takes less time and a
twentieth of the memory.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..config import assets_dir
from ..errors import ModelFileInvalid
from ..photo.onnx_session import THREADS, open_network

Float32 = NDArray[np.float32]

FILE_NAME = "displacement.onnx"
TEXTURE_CHANNELS = 3
DEFORMING_STRIDE = 4
"""Texels of the texture per pixel of a deforming map."""
GAIN_STRIDE = 8
"""Texels of the texture per pixel of the gains."""
FINE_TEXELS, BROAD_TEXELS = 0.7, 14.0
"""Band of the texture that the network sees, as Gaussians' sigmas at 1024 texels: about 0.2 to 4 mm on the face."""
CONTRAST = 8.0
"""What makes log contrast of lines in skin a number of order 1."""


def texture_channels(texture: NDArray[np.uint8], trust: NDArray[Any]) -> Float32:
    """What the network sees of a texture: local contrast, lighting and skin tone removed.

    Parameters
    ----------
    texture : (S, S, 3) uint8 sRGB
    trust : (S, S) 0..1, 0 where the photo did not show skin

    Returns
    -------
    (TEXTURE_CHANNELS, S, S) float32: band-passed log luminance, the same of red against green (blood and pigment
    colour the skin, relief does not), trust
    """
    scale = len(texture) / 1024.0
    known = np.ascontiguousarray(trust, np.float32)
    logs = np.log(np.maximum(texture[..., :2].astype(np.float32), 2.0))
    both = np.dstack([logs @ np.array([0.35, 0.65], np.float32), logs[..., 0] - logs[..., 1]])
    fine = _within(both, known, FINE_TEXELS * scale)
    broad = _within(both, known, BROAD_TEXELS * scale)
    band = np.clip((fine - broad) * CONTRAST, -3.0, 3.0) * known[..., None]
    return np.ascontiguousarray(np.dstack([band, known]).transpose(2, 0, 1))


def _within(image: Float32, known: Float32, sigma: float) -> Float32:
    """Gaussian mean of (S, S, 2) over what is known; far from it, the mean of all that is."""
    floor = 1e-4
    weight = cv2.GaussianBlur(known, (0, 0), sigma)
    middle = (image * known[..., None]).sum((0, 1)) / max(float(known.sum()), 1.0)
    blurred = cv2.GaussianBlur((image - middle.astype(np.float32)) * known[..., None], (0, 0), sigma)
    result: Float32 = blurred / (weight + floor)[..., None] + middle.astype(np.float32)
    return result


def predict_key_maps(
    texture: NDArray[np.uint8],
    trust: NDArray[Any],
    deforming: Float32,
    model: Path | None = None,
    threads: int = THREADS,
) -> Float32:
    """Displacement maps of neutral and the 19 other key expressions. FaceScape Sec. 4.2.

    Parameters
    ----------
    texture : (S, S, 3) uint8 sRGB, of the photo
    trust : (S, S) 0..1 where the texture is the photo's and shows skin
    deforming : (20, 6, n, n) float32 of ``deforming_map.deforming_maps``, n = ``deforming_size``: from the
        expression that the photo shows to neutral and the other key expressions
    model : the network's file (default: the shipped one)
    threads : at most this many

    Returns
    -------
    (20, S, S) float32 mm: F_0 without pores, then F_i - F_0

    Raises
    ------
    ModelFileInvalid where the network's file is missing or is none.
    """
    session = open_network(model or assets_dir() / FILE_NAME, threads)
    shapes = {each.name: tuple(each.shape) for each in session.get_inputs()}  # ablations lack one of the two
    size = DEFORMING_STRIDE * deforming.shape[-1]
    wanted = shapes.get("deforming", deforming.shape)
    if deforming.shape != wanted:
        raise ModelFileInvalid(f"The displacement network takes deforming maps of {wanted}, not {deforming.shape}.")
    if len(texture) != size:
        shape = (size, size)
        texture = np.asarray(cv2.resize(texture, shape, interpolation=cv2.INTER_AREA), np.uint8)
        trust = cv2.resize(np.asarray(trust, np.float32), shape, interpolation=cv2.INTER_AREA)
    seen = texture_channels(texture, trust)[None]
    given = {"texture": seen, "deforming": deforming}
    base, patterns, gains = session.run(None, {name: given[name] for name in shapes})
    return assemble(base, patterns, gains, threads)


def deforming_size(size: int = 1024) -> int:
    """n, pixels a side of the deforming maps that a network for S texels takes."""
    return size // DEFORMING_STRIDE


def assemble(base: Float32, patterns: Float32, gains: Float32, threads: int = THREADS) -> Float32:
    """Multiply out: F_0 = base + sum_c g_0c b_c, and F_i - F_0 = sum_c g_ic b_c.

    Parameters
    ----------
    base : (S, S) mm ; patterns : (C, S, S) mm
    gains : (K, C, S / 8, S / 8), neutral's, then what the other keys' are beyond neutral's

    Returns
    -------
    (K, S, S) float32 mm
    """
    size = len(base)
    result = np.zeros((len(gains), size, size), np.float32)
    result[0] = base

    def fill(key: int) -> None:
        for gain, pattern in zip(gains[key], patterns):
            fine = cv2.resize(gain, (size, size), interpolation=cv2.INTER_LINEAR)
            np.multiply(fine, pattern, out=fine)
            result[key] += fine

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, range(len(gains))))
    return result
