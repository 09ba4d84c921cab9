"""The pictures that the Photo panel shows: one of the photo with its faces marked, one of each face.

The previews are made once and painted over, so that a hundred photos take no more room than one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from bpy.utils import previews
from numpy.typing import NDArray

PHOTO_PX = 256  # longest side; what Blender itself uses for large previews
FACE_PX = 128
WIDEST = 4 / 3
"""Longer than this to wide, a photo is shown as the part around its faces: pictures in panels stand in squares."""
MAX_FACES = 24
"""Faces that get a picture, the largest ones; the others can be chosen by number."""
CHOSEN_COLOUR = (71, 114, 179, 255)  # Blender's own for what is selected
OTHER_COLOUR = (255, 255, 255, 255)
CARD_COLOUR = (16, 16, 16, 32)  # Blender multiplies colours by alpha beforehand

Pixels = NDArray[np.uint8]
Box = tuple[float, float, float, float]

_collection: previews.ImagePreviewCollection | None = None


def show_photo(pixels: Pixels | None, boxes: Sequence[Box] = (), chosen: int = 0) -> None:
    """Paint the photo's picture.

    Parameters
    ----------
    pixels : (H, W, 4) upright, top row first; None for none
    boxes : of the faces: x, y, width, height in units of the picture's size, origin top left
    chosen : index of the chosen one
    """
    if pixels is None:
        _paint("photo", None)
        return
    picture = pixels.copy()
    if len(boxes) > 1:
        for index, box in sorted(enumerate(boxes), key=lambda item: item[0] == chosen):
            _frame(picture, box, CHOSEN_COLOUR if index == chosen else OTHER_COLOUR, 3 if index == chosen else 1)
    _paint("photo", picture)


def show_nothing_yet() -> None:
    """Paint a grey card in the photo's place, so that the panel does not jump when the photo comes."""
    _paint("photo", np.full((3 * PHOTO_PX // 4, PHOTO_PX, 4), CARD_COLOUR, np.uint8))


def show_faces(pictures: Sequence[Pixels]) -> None:
    """Paint the faces' pictures, (n, n, 4) each, top row first."""
    for index in range(MAX_FACES):
        _paint(f"face {index + 1}", pictures[index] if index < len(pictures) else None)


def photo_icon() -> int:
    """Icon of the photo's picture, 0 where there is none."""
    return _icon("photo")


def face_icon(number: int) -> int:
    """Icon of a face's picture, 0 where there is none; 1 is the largest face."""
    return _icon(f"face {number}")


def part_to_show(size: tuple[int, int], boxes: Sequence[Sequence[float]]) -> Box:
    """The part of a photo to show, px: not much longer than wide if that leaves in all faces, which are its middle.

    Parameters
    ----------
    size : of the photo, width and height
    boxes : of the faces, x, y, width, height; all in px
    """
    first, last = np.zeros(2), np.array(size, float)
    faces = np.array([[x, y, x + w, y + h] for x, y, w, h in boxes], float).reshape(-1, 4).clip(0, [*size, *size])
    axis = int(size[1] > size[0])  # the longer one
    low, high = (faces[:, axis].min(), faces[:, axis + 2].max()) if len(faces) else (0.0, float(size[axis]))
    length = min(float(size[axis]), max(WIDEST * size[1 - axis], high - low))
    first[axis] = np.clip((low + high - length) / 2, 0, size[axis] - length)
    last[axis] = first[axis] + length
    return float(first[0]), float(first[1]), float(last[0] - first[0]), float(last[1] - first[1])


def read_picture(
    path: Path, longest_px: int, size: tuple[int, int] = (1, 1), shown: Box = (0.0, 0.0, 1.0, 1.0)
) -> NDArray[np.uint8]:
    """Read an image file at a size for the screen; needs no bpy.

    Parameters
    ----------
    path : the file
    longest_px : the longest side of what is returned is at most this
    size : width and height of what the picture shows
    shown : x, y, width, height of the part of it to read, in units of ``size``

    Returns
    -------
    (H, W, 4) uint8, top row first

    Raises
    ------
    OSError
    """
    from PIL import Image  # comes with the extension for the backend; here rather than while Blender starts

    x, y, width, height = shown
    with Image.open(path) as opened:
        across, down = opened.width / size[0], opened.height / size[1]
        part = (x * across, y * down, (x + width) * across, (y + height) * down)
        image = opened.convert("RGBA").crop(tuple(round(edge) for edge in part))
    image.thumbnail((longest_px, longest_px), Image.Resampling.LANCZOS)
    return np.array(image, np.uint8)


def _frame(picture: Pixels, box: Box, colour: tuple[int, int, int, int], thickness: int) -> None:
    """Draw a box's outline into the picture."""
    height, width = picture.shape[:2]
    scale = np.array((width, height, width, height))
    x, y, w, h = np.round(np.array(box) * scale).astype(int)
    left, right = (int(np.clip(at, 0, width - thickness)) for at in (x, x + w - thickness))
    top, bottom = (int(np.clip(at, 0, height - thickness)) for at in (y, y + h - thickness))
    for at in (top, bottom):
        picture[at : at + thickness, left : right + thickness] = colour
    for at in (left, right):
        picture[top : bottom + thickness, at : at + thickness] = colour


def _paint(name: str, picture: Pixels | None) -> None:
    if _collection is None:
        return
    if picture is None:
        if name in _collection:
            _collection[name].image_size = (0, 0)
        return
    preview = _collection[name] if name in _collection else _collection.new(name)
    height, width = picture.shape[:2]
    preview.image_size = (width, height)
    # One 32 bit number per pixel, bottom row first.
    preview.image_pixels.foreach_set(np.ascontiguousarray(picture[::-1]).view(np.int32).ravel())


def _icon(name: str) -> int:
    if _collection is None or name not in _collection or not _collection[name].image_size[0]:
        return 0
    return _collection[name].icon_id


def register() -> None:
    """Make room for the pictures."""
    global _collection
    _collection = previews.new()


def unregister() -> None:
    """Free them."""
    global _collection
    if _collection is not None:
        previews.remove(_collection)
        _collection = None
