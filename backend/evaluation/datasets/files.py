"""What readers of data sets share: files that must be there, numbers that must be numbers, else one sentence."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from ...errors import BundleInvalid, DataSetInvalid, MeshInvalid, reason_of
from ...head.npz import read_npz
from ..surface import Surface, checked_surface, read_surface

Array = NDArray[np.float64]
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
MAX_TRUTH_BYTES = 2**31  # what a gt.npz may claim to unpack to
NAMED_AT_MOST = 4  # cases that one sentence names
_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height


def read_json(path: Path) -> Any:
    """A JSON file's content. Raises DataSetInvalid where it is missing or damaged."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise DataSetInvalid(f"{path} is missing.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise DataSetInvalid(f"{path} cannot be read: {reason_of(error)}.") from error


def numbers(values: Any, shape: tuple[int | None, ...], what: str) -> Array:
    """``values`` as finite float64 of a shape (None: any size). Raises DataSetInvalid that begins with ``what``."""
    wanted = " x ".join("n" if size is None else str(size) for size in shape) or "one"
    try:
        result = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise DataSetInvalid(f"{what} should be {wanted} numbers.") from error
    fits = result.ndim == len(shape) and all(w is None or w == s for w, s in zip(shape, result.shape))
    if not fits or not np.isfinite(result).all():
        raise DataSetInvalid(f"{what} should be {wanted} finite numbers, and it has shape {result.shape}.")
    return result


def rotation_matrix(values: Any, what: str) -> Array:
    """(3, 3) proper rotation. Raises DataSetInvalid that begins with ``what``."""
    matrix = numbers(values, (3, 3), what)
    if np.abs(matrix @ matrix.T - np.eye(3)).max() > 1e-2 or np.linalg.det(matrix) < 0.0:
        raise DataSetInvalid(f"{what} is not a rotation.")
    return matrix


def read_table(path: Path, columns: int) -> Array:
    """Numbers of a text file, separated by spaces or commas, (n, columns).

    Raises DataSetInvalid where it is missing or holds anything else.
    """
    try:
        rows = [line.replace(",", " ").split() for line in path.read_text("utf-8").splitlines()]
        return numbers([[float(cell) for cell in row] for row in rows if row], (None, columns), str(path))
    except FileNotFoundError as error:
        raise DataSetInvalid(f"{path} is missing.") from error
    except (OSError, ValueError) as error:
        raise DataSetInvalid(f"{path} cannot be read: {reason_of(error)}.") from error


def read_array(path: Path, shape: tuple[int | None, ...]) -> Array:
    """An .npy file of numbers, without pickles. Raises DataSetInvalid."""
    try:
        return numbers(np.load(path, allow_pickle=False), shape, str(path))
    except FileNotFoundError as error:
        raise DataSetInvalid(f"{path} is missing.") from error
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise DataSetInvalid(f"{path} cannot be read: {reason_of(error)}.") from error


def read_archive(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an .npz file. Raises DataSetInvalid."""
    if not path.is_file():
        raise DataSetInvalid(f"{path} is missing.")
    try:
        return read_npz(path, MAX_TRUTH_BYTES)
    except BundleInvalid as error:
        raise DataSetInvalid(str(error)) from error


def true_surface(path: Path, vertices: NDArray[Any] | None = None, faces: NDArray[Any] | None = None) -> Surface:
    """A data set's surface, of a mesh file or of arrays that came out of ``path``. Raises DataSetInvalid."""
    what = f"The true surface {path}"
    try:
        if vertices is None or faces is None:
            return read_surface(path, what)
        return checked_surface(vertices, faces, what)
    except MeshInvalid as error:
        raise DataSetInvalid(str(error)) from error


def image_size(path: Path) -> tuple[int, int]:
    """(width, height) of an image as seen upright, without decoding it. Raises DataSetInvalid."""
    try:
        with Image.open(path) as image:
            width, height = image.size
            turned = image.getexif().get(ExifTags.Base.Orientation) in _SIDEWAYS
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise DataSetInvalid(f"The image {path} cannot be read: {reason_of(error)}.") from error
    return (height, width) if turned else (width, height)


def image_beside(folder: Path, stem: str) -> Path | None:
    """The image ``folder/stem`` with one of the usual suffixes, upper or lower case, or None."""
    for suffix in IMAGE_SUFFIXES:
        for name in (stem + suffix, stem + suffix.upper()):
            if (folder / name).is_file():
                return folder / name
    return None


def only_file(folder: Path, suffixes: Sequence[str], what: str) -> Path:
    """The one file of a folder with one of these suffixes. Raises DataSetInvalid: there is none, or several."""
    found = sorted(p for p in folder.glob("*") if p.suffix.lower() in suffixes and not p.name.startswith("."))
    if len(found) != 1:
        count = "none" if not found else f"{len(found)}"
        raise DataSetInvalid(f"{folder} should hold one {what} ({', '.join(suffixes)}), and it holds {count}.")
    return found[0]


def refuse_incomplete(folder: Path, kind: str, missing: Iterable[str], cases: int) -> None:
    """Raise DataSetInvalid where files are ``missing`` (the first are named) or where there is no case.

    Parameters
    ----------
    folder : of the data set
    kind : what it is read as: "NoW data set"
    missing : paths below ``folder``
    cases : how many cases were found
    """
    names = list(missing)
    if names:
        more = f" and {len(names) - NAMED_AT_MOST} more" if len(names) > NAMED_AT_MOST else ""
        raise DataSetInvalid(f"The {kind} {folder} lacks {', '.join(names[:NAMED_AT_MOST])}{more}.")
    if not cases:
        raise DataSetInvalid(f"The {kind} {folder} holds no case.")
