"""Photo file to upright 8 bit sRGB pixels, with what its EXIF says about the lens."""

from __future__ import annotations

import hashlib
import math
import struct
import warnings as python_warnings
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from ..errors import MissingDependency, PhotoUnreadable
from .colour import expand_palette, to_8_bit, to_srgb
from .exif import focal_px_of, read_lens

DEFAULT_MAX_MEGAPIXELS = 24.0
# What may be decoded at all, in megapixels of the file. JPEG is decoded at a reduced size, others as a whole.
DECODABLE_MEGAPIXELS = 130.0
DECODABLE_MEGAPIXELS_JPEG = 178.0
MIN_SIDE_PX = 64
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "BMP", "GIF")  # and HEIF; MPO comes with JPEG
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
# What Pillow and its codecs raise on files that are cut short or damaged.
_DECODING_ERRORS = (
    OSError, ValueError, SyntaxError, EOFError, RuntimeError, TypeError, IndexError, KeyError, OverflowError,
    struct.error, zlib.error,
)  # fmt: skip


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Photo(NamedTuple):
    """A photo as every later stage sees it.

    pixels          (H, W, 3) uint8 sRGB, upright
    focal_length_mm 35 mm equivalent (by the diagonal) where EXIF names one that can be believed, else None
    focal_px        the same in px of ``pixels``, or None
    path            as given
    sha256          of the file
    original_size   (width, height) of the upright photo before it was reduced to the working size
    warnings        one sentence each
    """

    pixels: NDArray[np.uint8]
    focal_length_mm: float | None
    focal_px: float | None
    path: Path
    sha256: str
    original_size: tuple[int, int]
    warnings: tuple[str, ...]


def load_photo(path: Path | str, max_megapixels: float = DEFAULT_MAX_MEGAPIXELS) -> Photo:
    """Read a JPEG, PNG, WebP, TIFF, HEIC, AVIF, BMP or GIF.

    Parameters
    ----------
    path : the file
    max_megapixels : larger photos are reduced to this while they are read

    Raises
    ------
    PhotoUnreadable
        Missing, a folder, empty, truncated, not an image, too small or too large.
    MissingDependency
        A HEIC file where ``pillow-heif`` is not installed.
    """
    path = Path(path)
    digest, formats = _checked_file(path)
    try:
        with python_warnings.catch_warnings():
            # Our own limits apply; Pillow's remarks on odd EXIF are of no use to a person.
            python_warnings.simplefilter("ignore")
            return _read(path, digest, formats, max_megapixels)
    except UnidentifiedImageError as error:
        raise PhotoUnreadable(f"{path} is not an image of a kind that can be read.") from error
    except Image.DecompressionBombError as error:
        raise PhotoUnreadable(f"{path} has more pixels than can be read (the limit is 178 megapixels).") from error
    except MemoryError as error:
        raise PhotoUnreadable(f"{path} needs more memory than there is.") from error
    except _DECODING_ERRORS as error:
        raise PhotoUnreadable(f"{path} is damaged or cut short: {_one_line(error)}.") from error


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text.rstrip(".")[:200]


def _checked_file(path: Path) -> tuple[str, tuple[str, ...]]:
    """SHA-256 of a file that exists and is not empty, and the formats to try; makes HEIC readable if it is one."""
    try:
        if path.is_dir():
            raise PhotoUnreadable(f"{path} is a folder, not a photo.")
        if not path.exists():
            raise PhotoUnreadable(f"There is no photo {path}.")
        if not path.is_file():
            raise PhotoUnreadable(f"{path} is not a file.")
        with path.open("rb") as file:
            head = file.read(12)
            if not head:
                raise PhotoUnreadable(f"{path} is empty.")
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PhotoUnreadable(f"{path} cannot be read: {error.strerror or error}.") from error
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        _register_heif(path)
        return digest, ("HEIF",)
    return digest, FORMATS


def _register_heif(path: Path) -> None:
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise MissingDependency(
            f"{path.name} is a HEIC photo, which needs the package pillow-heif to open: save it as JPEG."
        ) from error
    register_heif_opener(thumbnails=False)


def _read(path: Path, digest: str, formats: tuple[str, ...], max_megapixels: float) -> Photo:
    """Decode, reduce, turn upright, convert to sRGB; raises whatever Pillow raises."""
    warnings: list[str] = []
    with Image.open(path, formats=formats) as image:
        width, height = image.size
        _check_size(path, image.format or "", width, height)
        if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
            warnings.append(f"{path.name} holds {getattr(image, 'n_frames', 1)} pictures; the first was taken.")
        exif = image.getexif()
        # HEIC, AVIF and TIFF are turned upright by Pillow's decoders; the first two reset the tag, too.
        orientation = 1 if image.format == "TIFF" else exif.get(ExifTags.Base.Orientation, 1)
        lens = read_lens(exif, width, height)
        profile = image.info.get("icc_profile")
        scale = min(1.0, math.sqrt(max_megapixels * 1e6 / (width * height)))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        if scale < 1.0:
            image.draft(None, size)  # JPEG only: decode at a half, a quarter or an eighth, not below ``size``
        image.load()
        reduced = _reduced(expand_palette(to_8_bit(image)), size)
    converted, colour_warnings = to_srgb(reduced, profile)
    warnings += [*lens.warnings, *colour_warnings]
    array = np.array(_turned(converted, orientation), np.uint8)
    original = (height, width) if orientation in (5, 6, 7, 8) else (width, height)
    focal = lens.focal_length_mm
    return Photo(
        pixels=array,
        focal_length_mm=focal,
        focal_px=None if focal is None else focal_px_of(focal, array.shape[1], array.shape[0]),
        path=path,
        sha256=digest,
        original_size=original,
        warnings=tuple(warnings),
    )


def _check_size(path: Path, kind: str, width: int, height: int) -> None:
    """Raises PhotoUnreadable where there are too few pixels for a face, or too many for the memory."""
    if min(width, height) < MIN_SIDE_PX:
        raise PhotoUnreadable(
            f"{path} has only {width} x {height} pixels; a face needs at least {MIN_SIDE_PX} x {MIN_SIDE_PX}."
        )
    limit = DECODABLE_MEGAPIXELS_JPEG if kind in ("JPEG", "MPO") else DECODABLE_MEGAPIXELS
    if width * height > limit * 1e6:
        raise PhotoUnreadable(
            f"{path} has {width * height / 1e6:.0f} megapixels, more than can be read ({limit:.0f})."
        )


def _reduced(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Resized to ``size`` where that is smaller, without aliasing."""
    if image.size == size or image.width <= size[0]:
        return image
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    """Upright by EXIF's orientation; what is not 2 to 8 counts as upright."""
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)
