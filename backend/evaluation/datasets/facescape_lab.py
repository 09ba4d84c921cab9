"""FaceScape's FS-Lab: 20 heads in 11 views at three focal lengths, perspective (FaceScape Sec. 6.2).

    data/lab_gt_mesh/00.obj .. 19.obj        one mesh per head, pupils 1 unit apart
    data/lab_cam/<head>_<focal>_<view>.json  [K (3, 3), Rt (3, 4)], 00_0_00 .. 19_2_10: OpenCV's camera (y down, z
                                             forward), pixels of a 256 x 256 image, translation in units of the mesh
    code/predef/lab_head_centers.npy         (3, 3) per focal length, mm, OpenCV's camera frame
    code/predef/lab_rotations.npy            (11, 3, 3) per view, X_camera = R X_head

Focal lengths are 1200, 600 and 300 pixels; view 0 is frontal, 1 to 8 are 30 degrees aside, 9 and 10 are 60. Read
off the official evaluator.py and show.py. Here everything is in millimetres (62.85 per unit) and our camera frame.
The published rotations could not be looked at. MNE depends on the axes of the head's frame, so the protocol takes
them as they are; only for the yaw is a head that stands upside down turned (``upright``).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import DataSetInvalid
from ...fitting.camera import Camera
from ...fitting.pose import angles_from_rotation
from ..case import Case, DataSet, Truth
from .facescape_files import (
    CV_TO_OURS,
    IMAGE_SIZE,
    PUPIL_DISTANCE_MM,
    folder_of,
    how_many,
    magnification,
    photograph,
    predefined,
    upright,
)
from .files import numbers, read_array, read_json, refuse_incomplete, rotation_matrix, true_surface

Array = NDArray[np.float64]
KIND = "facescape-lab"
CASES = 20 * 3 * 11
_MESHES, _CAMERAS = "lab_gt_mesh", "lab_cam"
_FRONTAL, _STRONGLY_TURNED = (0,), (9, 10)


def recognises(folder: Path) -> bool:
    """Whether FS-Lab's meshes are here."""
    return folder_of(folder, _MESHES) is not None


def open_facescape_lab(folder: Path) -> DataSet:
    """FS-Lab. Raises DataSetInvalid: folders, meshes or predefined arrays are missing, or a camera is damaged."""
    meshes, cameras = folder_of(folder, _MESHES), folder_of(folder, _CAMERAS)
    if meshes is None or cameras is None:
        raise DataSetInvalid(f"The FS-Lab data set {folder} should hold the folders {_MESHES} and {_CAMERAS}.")
    centres = read_array(predefined(folder, "lab_head_centers.npy"), (None, 3)) @ CV_TO_OURS
    rotations = read_array(predefined(folder, "lab_rotations.npy"), (None, 3, 3))
    paths = sorted(cameras.glob("*.json"))
    heads = sorted({path.stem.partition("_")[0] for path in paths})
    missing = [f"{_MESHES}/{head}.obj" for head in heads if not (meshes / f"{head}.obj").is_file()]
    refuse_incomplete(folder, "FS-Lab data set", missing, len(paths))
    cases = []
    for path in paths:
        head, focal, view = _indices(path)
        if focal >= len(centres) or view >= len(rotations):
            raise DataSetInvalid(f"{path.name} names a focal length or a view that predef does not know.")
        rotation = CV_TO_OURS @ rotation_matrix(rotations[view], f"Rotation {view} of lab_rotations.npy")
        cases.append(_case(path, meshes, head, view, centres[focal], rotation))
    return DataSet("FS-Lab", folder, tuple(cases), ("facescape",), how_many(len(cases), CASES, "cases"))


def _indices(path: Path) -> tuple[str, int, int]:
    parts = path.stem.split("_")
    if len(parts) != 3 or not all(part.isdecimal() for part in parts):
        raise DataSetInvalid(f"{path} should be named head_focal_view.json, such as 00_0_00.json.")
    return parts[0], int(parts[1]), int(parts[2])


def _case(path: Path, meshes: Path, head: str, view: int, centre: Array, rotation: Array) -> Case:
    content = read_json(path)
    if not isinstance(content, list) or len(content) < 2:
        raise DataSetInvalid(f"{path} should hold K and Rt.")
    matrix = numbers(content[0], (3, 3), f"K in {path}")
    pose = numbers(content[1], (3, 4), f"Rt in {path}")
    rotation_matrix(pose[:, :3], f"Rt in {path}")
    image = photograph(meshes, "lab", path.stem)
    more = magnification(image)
    size = round(IMAGE_SIZE * more)
    fx, fy, cx, cy = (float(matrix[i, j]) * more for i, j in ((0, 0), (1, 1), (0, 2), (1, 2)))
    angle = 0 if view in _FRONTAL else 60 if view in _STRONGLY_TURNED else 30
    return Case(
        path.stem,
        head,
        image,
        Camera(size, size, fx, fy, cx, cy),
        partial(_truth, meshes / f"{head}.obj", pose, centre, rotation),
        yaw_degrees=angles_from_rotation(upright(rotation)).yaw,
        tags={"focal": f"{matrix[0, 0]:g} px", "angle": f"{angle} degrees"},
    )


def _truth(path: Path, pose: Array, centre: Array, rotation: Array) -> Truth:
    surface = true_surface(path)
    in_camera = PUPIL_DISTANCE_MM * (surface.vertices @ pose[:, :3].T + pose[:, 3])
    return Truth(surface.moved(in_camera @ CV_TO_OURS), None, centre, rotation)
