"""Which file the photo is: what can be read, and files for pictures that only Blender has open."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from . import preferences
from .backend_door import FaceError, OutputUnwritable

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
HEIF_EXTENSIONS = (".heic", ".heif")
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
_KINDS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "TIFF": ".tif", "BMP": ".bmp"}  # Image.file_format


class PhotoUnsuitable(FaceError):
    """What was chosen is no photo that can be read here."""


def photo_path(scene: bpy.types.Scene) -> Path | None:
    """The scene's photo, absolute; None where none is chosen."""
    written = scene.facewright_photo.filepath.strip()
    return Path(bpy.path.abspath(written)) if written else None


def check_photo(path: Path) -> None:
    """Raise PhotoUnsuitable where a glance at a file shows that it is no photo that can be read."""
    try:
        if path.is_dir():
            raise PhotoUnsuitable(f"{path.name or path} is a folder: choose the photo inside it.")
        if not path.is_file():
            raise PhotoUnsuitable(f"There is no photo {path}.")
        with path.open("rb") as file:
            head = file.read(12)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise PhotoUnsuitable(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        raise PhotoUnsuitable(f"{path.name} is a HEIC photo, which Facewright cannot open: save it as JPEG first.")


def can_be_photo(image: bpy.types.Image) -> bool:
    """Whether an image of the .blend file is one picture with pixels of its own."""
    return image.source in {"FILE", "GENERATED"} and image.type in {"IMAGE", "UV_TEST"} and not image.is_multiview


def file_of_image(image: bpy.types.Image) -> Path:
    """A file with the image's pixels: its own where it has one that says the same, else one in the user folder.

    A packed photo is written as it was packed, with what the camera noted in it; everything else becomes a PNG.
    The same picture is written once, however often it is chosen.

    Raises
    ------
    PhotoUnsuitable : the image has no pixels
    OutputUnwritable
    """
    if not can_be_photo(image):
        raise PhotoUnsuitable(f"{image.name} is no still picture: choose another image.")
    packed = image.packed_file
    if not image.is_dirty and image.source == "FILE":
        own = Path(bpy.path.abspath(image.filepath, library=image.library))
        if packed is None and own.suffix.lower() in EXTENSIONS and own.is_file():
            return own
        if packed is not None and image.file_format in _KINDS:
            content = bytes(packed.data)
            return _kept(image.name, _KINDS[image.file_format], content, lambda path: path.write_bytes(content))
    pixels = _srgb_pixels(image)
    return _kept(image.name, ".png", pixels.tobytes(), lambda path: _write_png(path, pixels))


def _srgb_pixels(image: bpy.types.Image) -> NDArray[np.float32]:
    """(H, W, 4) display values from 0 to 1, bottom row first, opaque. Raises PhotoUnsuitable."""
    width, height = image.size
    if not width or not height or image.channels not in (1, 3, 4):
        raise PhotoUnsuitable(f"{image.name} has no pixels: its file is missing, or it is empty.")
    flat = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(flat)
    values = flat.reshape(height, width, image.channels)
    colour = np.repeat(values, 3, axis=2) if image.channels == 1 else values[..., :3]
    if image.is_float:  # scene linear; bytes are display values already
        linear = np.clip(colour, 0.0, 1.0)
        colour = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    pixels = np.ones((height, width, 4), np.float32)
    pixels[..., :3] = np.clip(colour, 0.0, 1.0)
    return pixels


def _write_png(path: Path, pixels: NDArray[np.float32]) -> None:
    """Write with Blender itself. Raises OSError."""
    height, width = pixels.shape[:2]
    image = bpy.data.images.new("Facewright photo", width, height, alpha=False)
    try:
        image.pixels.foreach_set(pixels.ravel())
        image.file_format = "PNG"
        image.filepath_raw = str(path)
        image.save()
    except RuntimeError as error:
        raise OSError(str(error)) from error
    finally:
        bpy.data.images.remove(image)


def _kept(name: str, extension: str, content: bytes, write: object) -> Path:
    """The file in the user folder for a content, written by ``write(path)`` if need be. Raises OutputUnwritable."""
    stem = re.sub(r"[^\w-]+", "_", Path(name).stem)[:40].strip("_") or "photo"
    folder = preferences.user_folder() / "photos"
    path = folder / f"{stem}-{hashlib.sha256(content).hexdigest()[:8]}{extension}"
    if not path.is_file():
        partial = path.with_name(f"{path.stem}.partial{extension}")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write(partial)
            partial.replace(path)
        except OSError as error:
            raise OutputUnwritable(f"{path} cannot be written: {error.strerror or error}.") from error
    return path
