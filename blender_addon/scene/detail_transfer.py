"""Detail of one head on another (HiFace's detail transfer): exact, since all heads share one UV layout.

What is taken are maps. The masks, tension and controls stay those of the head that gets them: its own expressions
decide where its new wrinkles show.
"""

from __future__ import annotations

from collections.abc import Callable

import bpy
import numpy as np
from numpy.typing import NDArray

from ..backend_door import FaceError
from .detail_images import DETAIL_IMAGES, KEY_IMAGES, TENSION_IMAGE, detail_images, exchange, new_image, read_pixels

STATIC, DYNAMIC = "STATIC", "DYNAMIC"
POLE = 3.0**0.5 - 2.0  # of the cubic B-spline's inverse filter
PAD = 12  # texels after which the filter has forgotten its start
Floats = NDArray[np.float32]
# Channels of the images that hold static detail; all others hold dynamic detail.
_STATIC = {KEY_IMAGES[0]: (0,), TENSION_IMAGE: (2,)}
_CHANNELS = {**dict.fromkeys(KEY_IMAGES, 4), TENSION_IMAGE: 3}


class CannotTransfer(FaceError):
    """One of the heads has no detail."""


def transfer(head: bpy.types.Object, source: bpy.types.Object, part: str) -> None:
    """Give ``head`` the STATIC or DYNAMIC detail of ``source``, in the size that its own maps have.

    Raises CannotTransfer where either has no detail or lacks some of its images; nothing is changed then.
    """
    own, theirs = (_complete(one) for one in (head, source))
    made = {}
    for name in DETAIL_IMAGES:
        static = _STATIC.get(name, ())
        taken = [k for k in range(_CHANNELS[name]) if (k in static) == (part == STATIC)]
        if not taken:
            continue
        pixels = read_pixels(own[name])[..., : _CHANNELS[name]]
        pixels[..., taken] = resized(read_pixels(theirs[name])[..., taken], len(pixels))
        made[name] = new_image(own[name], pixels)
    exchange(head, made)


def _complete(head: bpy.types.Object) -> dict[str, bpy.types.Image]:
    """All detail images of a head. Raises CannotTransfer."""
    images = detail_images(head)
    if not images:
        raise CannotTransfer(f"{head.name} has no dynamic detail.")
    missing = [name for name in DETAIL_IMAGES if name not in images or images[name].size[0] == 0]
    if missing:
        raise CannotTransfer(f"{head.name} has lost its image {missing[0]}: Rebuild brings it back.")
    return images


def resized(pixels: NDArray[np.uint16], size: int) -> NDArray[np.uint16]:
    """(S, S, C) spline coefficients of maps as those of the maps at ``size`` texels a side.

    The maps' values are averaged over squares when they get smaller, and linear in between when larger.
    """
    if len(pixels) == size:
        return pixels
    values = _along_both(pixels.astype(np.float32), _spline_values)
    values = _along_both(values, lambda rows: _resampled(rows, size))
    stored = np.rint(_along_both(values, _spline_coefficients))
    return np.clip(stored, 0, 65535).astype(np.uint16)


def _along_both(values: Floats, way: Callable[[Floats], Floats]) -> Floats:
    """Apply to the rows, then to the columns of (H, W, C)."""
    down = way(values)
    return way(down.transpose(1, 0, 2)).transpose(1, 0, 2)


def _resampled(rows: Floats, size: int) -> Floats:
    now = len(rows)
    if now % size == 0:
        return rows.reshape(size, now // size, *rows.shape[1:]).mean(1)
    places = np.clip((np.arange(size) + 0.5) * now / size - 0.5, 0.0, now - 1.0)
    low = np.minimum(places.astype(np.intp), now - 2)
    share = (places - low).astype(np.float32)[:, None, None]
    return rows[low] * (1.0 - share) + rows[low + 1] * share


def _spline_values(rows: Floats) -> Floats:
    """What a cubic B-spline with these coefficients is at whole numbers; the edge goes on beyond the edge."""
    padded = np.concatenate([rows[:1], rows, rows[-1:]])
    return (padded[:-2] + 4.0 * padded[1:-1] + padded[2:]) / 6.0


def _spline_coefficients(rows: Floats) -> Floats:
    """The inverse of ``_spline_values``: once down, once up the recursive filter of Unser (1999)."""
    padded = np.concatenate([np.repeat(rows[:1], PAD, 0), rows, np.repeat(rows[-1:], PAD, 0)])
    for k in range(1, len(padded)):  # the first is what a constant's would be
        padded[k] = (1.0 - POLE) * padded[k] + POLE * padded[k - 1]
    for k in range(len(padded) - 2, -1, -1):
        padded[k] = (1.0 - POLE) * padded[k] + POLE * padded[k + 1]
    return padded[PAD:-PAD]
