"""Detail of one head on another (HiFace's detail transfer): exact, since all heads share one UV layout.

What is taken are maps. The masks, tension and controls stay those of the head that gets them: its own expressions
decide where its new wrinkles show.
"""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import NDArray

from ..backend_door import FaceError
from .detail_images import DETAIL_IMAGES, KEY_IMAGES, TENSION_IMAGE, detail_images, exchange, new_image, read_pixels

STATIC, DYNAMIC = "STATIC", "DYNAMIC"
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
    """(S, S, C) values at ``size`` pixels a side: means of squares when smaller, linear in between when larger."""
    now = len(pixels)
    if now == size:
        return pixels
    if now % size == 0:
        step = now // size
        blocks = pixels.reshape(size, step, size, step, -1).astype(np.float32)
        return np.rint(blocks.mean((1, 3))).astype(np.uint16)
    places = np.clip((np.arange(size) + 0.5) * now / size - 0.5, 0.0, now - 1.0)
    low = np.minimum(places.astype(np.intp), now - 2)
    share = (places - low).astype(np.float32)[:, None]
    values = pixels.astype(np.float32)
    values = values[low] * (1.0 - share[..., None]) + values[low + 1] * share[..., None]
    values = values[:, low] * (1.0 - share) + values[:, low + 1] * share
    return np.rint(values).astype(np.uint16)
