"""What FaceScape's two benchmark sets share: where files lie, poses of heads, and how published frames become ours.

As published (github.com/zhuhao-nju/facescape, ``benchmark``):

    benchmark/data/wild_gt_mesh/ lab_gt_mesh/ lab_cam/    of data.zip
    benchmark/code/predef/*.npy                           head centres, rotations, pupil scales; of the repository

``--data`` may be ``benchmark``, ``benchmark/data``, or a folder with the meshes and ``predef`` in it. Where the
photographs lie in data.zip is not documented: they are looked for by their stems in any folder beside the meshes
whose name starts with ``wild`` or ``lab``; without them the set can be scored, but nothing can be drawn
on photographs.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import DataSetInvalid
from .files import image_beside, image_size

Array = NDArray[np.float64]
IMAGE_SIZE = 256  # pixels across and down that the published cameras speak of
PUPIL_DISTANCE_MM = 62.85  # the mean of men and women that every head is scaled to
CV_TO_OURS = np.diag([1.0, -1.0, -1.0])  # OpenCV's y down, z forward to y up, z towards the camera


def folder_of(folder: Path, name: str) -> Path | None:
    """The published folder ``name`` for a ``--data`` folder, or None."""
    return next((place / name for place in (folder, folder / "data") if (place / name).is_dir()), None)


def predefined(folder: Path, name: str) -> Path:
    """Where the repository's ``predef/name`` lies. Raises DataSetInvalid."""
    for place in (folder, folder / "code", folder.parent / "code", folder / "data"):
        if (place / "predef" / name).is_file():
            return place / "predef" / name
    raise DataSetInvalid(
        f"The FaceScape data set {folder} lacks predef/{name}, which lies in benchmark/code of its repository."
    )


def photograph(meshes: Path, start: str, stem: str) -> Path | None:
    """The photograph of a case, beside the folder of meshes, or None."""
    folders = [p for p in sorted(meshes.parent.glob(f"{start}*")) if p.is_dir() and p != meshes]
    found = (image_beside(place, stem) for place in folders)
    return next((path for path in found if path is not None), None)


def magnification(image: Path | None) -> float:
    """Pixels of a photograph per pixel of the published camera. Raises DataSetInvalid where it is not square."""
    if image is None:
        return 1.0
    width, height = image_size(image)
    if width != height:
        raise DataSetInvalid(f"{image} has {width} x {height} pixels, and FaceScape's photographs are square.")
    return width / IMAGE_SIZE


def upright(rotation: Array) -> Array:
    """X_frame = rotation X_head with the head's y up in the image, whichever way the published one points."""
    result: Array = rotation if rotation[1, 1] > 0.0 else rotation @ CV_TO_OURS
    return result


def how_many(found: int, published: int, what: str) -> str:
    """A note where a set is not whole, else nothing."""
    return "" if found == published else f"{found} of the {published} published {what} are there."
