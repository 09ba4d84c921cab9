"""FaceScape's FS-Wild: 400 photographs with registered meshes, orthographic (FaceScape Sec. 6.1).

    data/wild_gt_mesh/000.obj .. 399.obj   the part of the head that counts, in pyrender's orthographic cube: the
                                           image spans -1 .. 1 in x (right) and y (up), z towards the camera
    code/predef/wild_pupil_scales.npy      (400,) mm per unit of the cube, so that pupils are 62.85 mm apart
    code/predef/wild_head_centers.npy      (400, 3) in the cube
    code/predef/wild_rotations.npy         (400, 3, 3) X_cube = R X_head

Cases 0 to 99 look 0 to 5 degrees aside, then 5 to 30, 30 to 60 and 60 to 90. Read off the official evaluator.py,
renderer.py and show.py; that the head's z points out of the face follows from the cylinder's seam.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import DataSetInvalid
from ...fitting.pose import angles_from_rotation
from ..case import Case, DataSet, Truth, WeakCamera
from .facescape_files import (
    IMAGE_SIZE,
    folder_of,
    how_many,
    magnification,
    photograph,
    predefined,
    upright,
)
from .files import read_array, refuse_incomplete, rotation_matrix, true_surface

Array = NDArray[np.float64]
KIND = "facescape-wild"
CASES = 400
ANGLES = ("0 to 5 degrees", "5 to 30 degrees", "30 to 60 degrees", "60 to 90 degrees")
_MESHES = "wild_gt_mesh"


def recognises(folder: Path) -> bool:
    """Whether FS-Wild's meshes are here."""
    return folder_of(folder, _MESHES) is not None


def open_facescape_wild(folder: Path) -> DataSet:
    """FS-Wild. Raises DataSetInvalid: folders or predefined arrays are missing or damaged."""
    meshes = folder_of(folder, _MESHES)
    if meshes is None:
        raise DataSetInvalid(f"The FS-Wild data set {folder} lacks the folder {_MESHES}.")
    scales = read_array(predefined(folder, "wild_pupil_scales.npy"), (None,))
    centres = read_array(predefined(folder, "wild_head_centers.npy"), (None, 3))
    rotations = read_array(predefined(folder, "wild_rotations.npy"), (None, 3, 3))
    known = min(len(scales), len(centres), len(rotations))
    stems = sorted(path.stem for path in meshes.glob("*.obj") if path.stem.isdecimal())
    refuse_incomplete(folder, "FS-Wild data set", (), len(stems))
    if int(stems[-1]) >= known:
        raise DataSetInvalid(f"The FS-Wild data set {folder} has mesh {stems[-1]}, and predef knows only {known}.")
    cases = []
    for stem in stems:
        index = int(stem)
        image = photograph(meshes, "wild", stem)
        size = round(IMAGE_SIZE * magnification(image))
        rotation = rotation_matrix(rotations[index], f"Rotation {index} of wild_rotations.npy")
        scale = float(scales[index])
        cases.append(
            Case(
                stem,
                stem,
                image,
                WeakCamera(size, size, 0.5 * size / scale, 0.5 * size, 0.5 * size),
                partial(_truth, meshes / f"{stem}.obj", scale, centres[index] * scale, rotation),
                yaw_degrees=angles_from_rotation(upright(rotation)).yaw,
                tags={"angle": ANGLES[min(index // 100, 3)]},
            )
        )
    return DataSet("FS-Wild", folder, tuple(cases), ("facescape",), how_many(len(cases), CASES, "cases"))


def _truth(path: Path, scale: float, centre: Array, rotation: Array) -> Truth:
    surface = true_surface(path)
    return Truth(surface.moved(surface.vertices * scale), None, centre, rotation)
