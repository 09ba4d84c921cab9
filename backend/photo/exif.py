"""What a photo's EXIF says about the lens, and whether to believe it."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from PIL import ExifTags, Image

FULL_FRAME_DIAGONAL_MM = math.hypot(36.0, 24.0)
PLAUSIBLE_FOCAL_LENGTHS_MM = (8.0, 1200.0)  # 35 mm equivalent
# Sensors are 3:2 or 4:3; another shape was cut out of one, in the camera or afterwards.
SENSOR_ASPECTS = (3 / 2, 4 / 3)
ASPECT_TOLERANCE = 0.015
# The two ways to the focal length must agree this well, else the 35 mm equivalent is taken.
FOCAL_PLANE_AGREEMENT = 1.15
_MM_PER_RESOLUTION_UNIT = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}


class Lens(NamedTuple):
    """``focal_length_mm`` 35 mm equivalent by the diagonal, or None; ``warnings`` one sentence each."""

    focal_length_mm: float | None
    warnings: tuple[str, ...]


def focal_px_of(focal_length_mm: float, width: int, height: int) -> float:
    """35 mm equivalent to px of a picture that shows the whole field of view.

    The equivalent compares diagonals (CIPA DCG-001), so f_px = f_mm * diagonal_px / 43.27 mm.
    """
    return focal_length_mm * math.hypot(width, height) / FULL_FRAME_DIAGONAL_MM


def read_lens(exif: Image.Exif, width: int, height: int) -> Lens:
    """Focal length from EXIF.

    Parameters
    ----------
    exif : of the file
    width, height : of the file's pixels, before or after turning it upright

    A photo whose pixel size is not the one that EXIF names was cropped or resized after it was taken. A crop
    changes the field of view, and the two cannot be told apart, so the focal length is not believed then. Editors
    that crop often bring EXIF's pixel size up to date; the photo's shape gives most of those crops away.
    """
    tags = exif.get_ifd(ExifTags.IFD.Exif)
    equivalent = _plausible(_number(tags.get(ExifTags.Base.FocalLengthIn35mmFilm)))
    by_plane = _plausible(_from_focal_plane(tags, width, height))
    if equivalent is None and by_plane is None:
        return Lens(None, ())
    # Editors update one of the two notes and leave the other, so both must agree with the file.
    for noted in (
        (tags.get(ExifTags.Base.ExifImageWidth), tags.get(ExifTags.Base.ExifImageHeight)),
        (exif.get(ExifTags.Base.ImageWidth), exif.get(ExifTags.Base.ImageLength)),
    ):
        size = (_number(noted[0]), _number(noted[1]))
        if None not in size and sorted(size) != sorted((float(width), float(height))):  # type: ignore[type-var]
            return Lens(
                None,
                (
                    "The photo was cropped or resized after it was taken "
                    f"(EXIF says {size[0]:.0f} x {size[1]:.0f} pixels, the file has {width} x {height}), "
                    "so its focal length is estimated.",
                ),
            )
    aspect = max(width, height) / min(width, height)
    if not any(abs(aspect / sensor - 1.0) <= ASPECT_TOLERANCE for sensor in SENSOR_ASPECTS):
        return Lens(
            None,
            (
                f"The photo's shape ({width} x {height}) is not that of a camera's sensor, so it was probably "
                "cropped, and its focal length is estimated.",
            ),
        )
    if equivalent is None:
        return Lens(by_plane, ())
    if by_plane is not None and max(equivalent, by_plane) / min(equivalent, by_plane) <= FOCAL_PLANE_AGREEMENT:
        return Lens(by_plane, ())  # the finer of the two: the equivalent is a whole number
    return Lens(equivalent, ())


def _from_focal_plane(tags: dict[int, Any], width: int, height: int) -> float | None:
    """35 mm equivalent from the true focal length and the sensor's pixels per unit of length."""
    focal = _number(tags.get(ExifTags.Base.FocalLength))
    resolution = _number(tags.get(ExifTags.Base.FocalPlaneXResolution))
    zoom = _number(tags.get(ExifTags.Base.DigitalZoomRatio)) or 1.0
    unit = _MM_PER_RESOLUTION_UNIT.get(int(_number(tags.get(ExifTags.Base.FocalPlaneResolutionUnit)) or 2))
    if not focal or not resolution or unit is None or zoom > 1.01:
        return None
    focal_px = focal * resolution / unit
    return focal_px * FULL_FRAME_DIAGONAL_MM / math.hypot(width, height)


def _plausible(focal_length_mm: float | None) -> float | None:
    low, high = PLAUSIBLE_FOCAL_LENGTHS_MM
    return focal_length_mm if focal_length_mm is not None and low <= focal_length_mm <= high else None


def _number(value: Any) -> float | None:
    """An EXIF number (integer, rational, text of a number) as a finite positive float, or None."""
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if math.isfinite(number) and number > 0 else None
