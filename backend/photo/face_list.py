"""All faces of a photo as a person chooses among them: places, and a picture of each."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import NoFaceFound, OutputUnwritable
from .crop import Region, cut_out
from .landmarks import LandmarkDetector
from .load import load_photo

STAGES: Mapping[str, float] = {"photo": 0.2, "networks": 0.5, "landmarks": 0.3}  # in order, with their share
PHOTO_PICTURE_PX = 512  # longest side
FACE_PICTURE_PX = 192
FACE_PICTURE_SCALE = 1.5  # side of the square, in units of the face's longer side
FOREHEAD = 0.08  # the landmarks end below the hairline: the square is moved up by this much of their height
SMALL_FACE_PX = 100
"""Below this width the mouth is some 30 pixels wide: the landmarks still hold, the texture is a blur."""


class ListedFace(NamedTuple):
    """``number`` counted from the largest, 1 first; ``box`` (x, y, width, height) px of the upright photo;
    ``confidence`` 0 to 1; ``picture``: a square PNG; ``warning``: one sentence or None."""

    number: int
    box: tuple[float, float, float, float]
    confidence: float
    picture: Path
    warning: str | None


class FaceList(NamedTuple):
    """What there is to know about a photo before it is reconstructed.

    size            (width, height) px of the upright photo as every stage sees it; boxes are in these pixels
    original_size   the same before it was reduced to the working size
    focal_length_mm 35 mm equivalent by the diagonal where EXIF names one that can be believed, else None
    picture         a PNG of the whole photo, upright
    faces           largest first
    message         why there is none, or None
    warnings        one sentence each
    """

    size: tuple[int, int]
    original_size: tuple[int, int]
    focal_length_mm: float | None
    picture: Path
    faces: tuple[ListedFace, ...]
    message: str | None
    warnings: tuple[str, ...]


def list_faces(
    path: Path,
    folder: Path,
    models_dir: Path | None = None,
    threads: int = 2,
    check: Callable[[str], None] = lambda stage: None,
) -> FaceList:
    """Find the faces of a photo and write their pictures, ``photo.png`` and ``face_N.png``, into ``folder``.

    Parameters
    ----------
    path : the photo
    folder : made if need be; pictures that are there are replaced
    models_dir, threads : see LandmarkDetector
    check : called with the name of each of STAGES before it begins; may raise

    Raises
    ------
    PhotoUnreadable, MissingDependency, ModelFileInvalid
    OutputUnwritable : ``folder`` cannot be written
    """
    check("photo")
    photo = load_photo(path)
    height, width = photo.pixels.shape[:2]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        picture = _write(folder / "photo.png", _small(photo.pixels))
        check("networks")
        detector = LandmarkDetector(models_dir, threads)
        check("landmarks")
        message = None
        try:
            found = detector.faces(photo.pixels)
        except NoFaceFound as error:
            found, message = [], str(error)
        faces = tuple(
            ListedFace(
                number,
                (float(face.box[0]), float(face.box[1]), float(face.box[2]), float(face.box[3])),
                float(face.confidence),
                _write(folder / f"face_{number}.png", _face_picture(photo.pixels, face.box)),
                _small_face_warning(float(face.box[2])),
            )
            for number, face in enumerate(found, 1)
        )
    except OSError as error:
        raise OutputUnwritable(f"{folder} cannot be written: {(error.strerror or str(error)).lower()}.") from error
    return FaceList(
        (width, height), photo.original_size, photo.focal_length_mm, picture, faces, message, photo.warnings
    )


def _small_face_warning(width_px: float) -> str | None:
    if width_px >= SMALL_FACE_PX:
        return None
    return f"The face is only {width_px:.0f} pixels wide: the skin of the head will be blurred."


def _face_picture(pixels: NDArray[np.uint8], box: NDArray[np.float64]) -> NDArray[np.uint8]:
    """(n, n, 3) picture of a face with some of its surroundings; beyond the photo its edge is repeated."""
    x, y, width, height = (float(value) for value in box)
    side = FACE_PICTURE_SCALE * max(width, height)
    region = Region(x + width / 2, y + height / 2 - FOREHEAD * height, side, 0.0)
    return cut_out(pixels, region, FACE_PICTURE_PX, replicate_border=True, max_bilinear_shrink=1.5)


def _small(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The photo with its longest side at most PHOTO_PICTURE_PX."""
    image = Image.fromarray(pixels)
    scale = PHOTO_PICTURE_PX / max(image.size)
    if scale >= 1.0:
        return pixels
    size = (max(1, math.floor(image.width * scale)), max(1, math.floor(image.height * scale)))
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0), np.uint8)


def _write(path: Path, pixels: NDArray[np.uint8]) -> Path:
    """Write a PNG. Raises OSError."""
    Image.fromarray(pixels).save(path, "PNG", compress_level=1)
    return path
