"""A program's results: our own head bundles, or meshes with a camera beside them.

    PRED/<id>/head.json            a head bundle of ours (``facewright reconstruct PHOTO -o PRED/<id>``), or
    PRED/<id>.obj or <id>.ply      the face as the photo shows it: mm, the program's camera frame (x right, y up, z
                                   towards the viewer), counter-clockwise triangles seen from outside
    PRED/<id>.json                 optional: {"unit": "mm",
                                     "camera": {"kind": "pinhole", "fx", "fy", "cx", "cy"}   points have z < 0, or
                                               {"kind": "weak", "s", "cx", "cy"}             s in pixels per mm,
                                               with "width", "height" where it looks at a resized photo,
                                     "landmarks": 7 x 3, NoW's points on the mesh,
                                     "neutral_landmarks": 7 x 3, the same on the neutral mesh,
                                     "keypoints": 85 x 3, REALY's on the neutral mesh; null for one that it lacks}
    PRED/<id>_neutral.obj or .ply  optional: the same person without expression, mm, in any frame
    PRED/<id>.npy or <id>.txt      optional: the seven landmarks as NoW's challenge takes them, 7 x 3

Pixels are those of the upright photo, origin top left, centres at +0.5: u = cx - fx x / z, v = cy + fy y / z, or
u = cx + s x, v = cy - s y. So y points up and v down. A mesh without a camera stands in the data's frame already.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import BundleInvalid, DataSetInvalid, FaceError, MeshInvalid
from ...fitting.camera import Camera
from ...head.bundle import HeadBundle, read_bundle
from ...mesh.topology import LandmarkEmbedding
from ..case import AnyCamera, Case, Prediction, WeakCamera
from ..datasets.files import image_size, numbers, read_array, read_json, read_table
from ..metrics.realy import KEYPOINT_COUNT, USED_OF_68
from ..surface import Surface, checked_surface, read_surface

Array = NDArray[np.float64]
OUTSIDE = ("skin", "eye")  # materials that a scanner sees; no mouth bag, teeth, tongue, nor a cornea over its iris
SEVEN_OF_478 = (33, 133, 362, 263, 2, 61, 291)  # NOW_LANDMARKS in the landmark network's scheme
MESHES = (".obj", ".ply")
ASPECT_TOLERANCE = 0.01  # by which a resized photo's sides may disagree, from rounding to whole pixels


class NoResult(FaceError):
    """The program left nothing for an image: it counts in the success rate and nowhere else."""


def image_size_of(case: Case) -> tuple[int, int] | None:
    """(width, height) of a case's upright photo, or of its camera, or None where it has neither.

    Raises DataSetInvalid where the photo cannot be read.
    """
    if case.image is not None:
        return image_size(case.image)
    return None if case.camera is None else (case.camera.width, case.camera.height)


def read_prediction(folder: Path, case: Case, size: tuple[int, int] | None) -> Prediction:
    """What a program made of one case's photo.

    Parameters
    ----------
    folder : PRED, see above
    case : its id names the files
    size : (width, height) of the upright photo, ``image_size_of(case)``; None leaves cameras as they are

    Raises
    ------
    NoResult : there is no file for this case
    MeshInvalid : a file is damaged, or not what it should be
    """
    bundle, meshes = folder / case.id, _meshes(folder, case.id)
    found = [path for path in (*meshes, bundle / "head.json") if path.is_file()]
    if not found:
        raise NoResult(f"There is no result for {case.id}: neither {bundle}.obj or .ply nor a head bundle.")
    if len(found) > 1:
        raise MeshInvalid(f"There are several results for {case.id}: {found[0]} and {found[1]}.")
    try:
        if found[0].name == "head.json":
            return _of_bundle(read_bundle(bundle, verify=False), size)
        return _of_mesh(found[0], folder, case.id, size)
    except (BundleInvalid, DataSetInvalid) as error:
        raise MeshInvalid(str(error)) from error


def _meshes(folder: Path, name: str) -> list[Path]:
    # Not with_suffix: an id may hold dots.
    return [path for path in (folder / f"{name}{suffix}" for suffix in MESHES) if path.is_file()]


# ---------------------------------------------------------------------------------------------------- our bundles


def _of_bundle(bundle: HeadBundle, size: tuple[int, int] | None) -> Prediction:
    path, record = bundle.path / "head.json", bundle.record
    try:
        camera, pose, expression = record["camera"], record["pose"], record["expression"]
        rotation = numbers(pose["rotation"], (3, 3), f"The pose in {path}")
        translation = numbers(pose["translation_mm"], (3,), f"The pose in {path}")
        weights = numbers(
            [expression[name] for name in bundle.blendshape_names], (None,), f"The expression in {path}"
        )
    except (KeyError, TypeError) as error:
        raise MeshInvalid(f"{path} does not say how the head stands in the photo: {error} is missing.") from error
    active = np.flatnonzero(weights)
    posed = bundle.head.neutral + np.tensordot(weights[active], bundle.head.blendshapes[active], 1)
    posed = posed @ rotation.T + translation
    triangles = np.concatenate([bundle.topology.triangles(name)[0] for name in OUTSIDE])
    # All vertices are kept, also those of the parts that are left out: errors vertex by vertex need their order.
    surface = checked_surface(posed, triangles, f"The head {bundle.path}")
    return Prediction(
        surface,
        _camera({**camera, "kind": "pinhole"}, size, path),
        Surface(bundle.head.neutral, surface.triangles),
        _seven(bundle, posed),
        _seven(bundle, bundle.head.neutral),
        keypoints_of_68(bundle.ibug68, bundle.head.neutral),
    )


def keypoints_of_68(embedding: LandmarkEmbedding, vertices: Array) -> Array | None:
    """(85, 3) REALY's keypoints of a mesh of ours: the first 68 are the usual ones, and NaN stands for the others.

    ``embedding``: of the 68 landmarks, on ``vertices`` (V, 3). None where those that are needed are
    not among them.
    """
    if not set(USED_OF_68) <= set(embedding.landmark.tolist()):
        return None
    points = np.full((KEYPOINT_COUNT, 3), np.nan)
    points[embedding.landmark] = embedding.points(vertices)
    return points


def _seven(bundle: HeadBundle, vertices: Array) -> Array | None:
    rows = {int(landmark): row for row, landmark in enumerate(bundle.embedding.landmark)}
    if not set(SEVEN_OF_478) <= set(rows):
        return None
    return bundle.embedding.points(vertices)[[rows[landmark] for landmark in SEVEN_OF_478]]


# ---------------------------------------------------------------------------------------------- other programs


def _of_mesh(path: Path, folder: Path, name: str, size: tuple[int, int] | None) -> Prediction:
    beside = folder / f"{name}.json"
    entry: dict[str, Any] = {}
    if beside.is_file():
        content = read_json(beside)
        if not isinstance(content, dict):
            raise MeshInvalid(f"{beside} should hold a JSON object.")
        entry = content
    if entry.get("unit", "mm") != "mm":
        raise MeshInvalid(f"{beside} gives the unit {entry['unit']!r}, and meshes are read in mm.")
    neutral = _meshes(folder, f"{name}_neutral")
    if len(neutral) > 1:
        raise MeshInvalid(f"There are two neutral meshes for {name}: {neutral[0]} and {neutral[1]}.")
    landmarks = _points(entry, "landmarks", 7, beside)
    return Prediction(
        read_surface(path),
        None if entry.get("camera") is None else _camera(entry["camera"], size, beside),
        read_surface(neutral[0]) if neutral else None,
        _challenge_landmarks(folder, name) if landmarks is None else landmarks,
        _points(entry, "neutral_landmarks", 7, beside),
        _keypoints(entry, beside),
    )


def _points(entry: dict[str, Any], key: str, count: int, path: Path) -> Array | None:
    return None if entry.get(key) is None else numbers(entry[key], (count, 3), f"{key} in {path}")


def _keypoints(entry: dict[str, Any], path: Path) -> Array | None:
    """(85, 3), rows of NaN where the file has null instead of a point."""
    given = entry.get("keypoints")
    if not isinstance(given, list):
        return _points(entry, "keypoints", KEYPOINT_COUNT, path)
    there = [point is not None for point in given]
    points = np.full((len(given), 3), np.nan)
    rest = [point for point in given if point is not None]
    points[there] = numbers(rest, (len(rest), 3), f"keypoints in {path}")
    if len(given) != KEYPOINT_COUNT:
        raise MeshInvalid(f"keypoints in {path} should have {KEYPOINT_COUNT} rows, and not {len(given)}.")
    return points


def _challenge_landmarks(folder: Path, name: str) -> Array | None:
    if (folder / f"{name}.npy").is_file():
        return read_array(folder / f"{name}.npy", (7, 3))
    if (folder / f"{name}.txt").is_file():
        return numbers(read_table(folder / f"{name}.txt", 3), (7, 3), str(folder / f"{name}.txt"))
    return None


# ---------------------------------------------------------------------------------------------------- cameras


def _camera(entry: Any, size: tuple[int, int] | None, path: Path) -> AnyCamera:
    """A camera of JSON values, in pixels of a photo of ``size``."""
    what = f"The camera in {path}"
    kind = entry.get("kind") if isinstance(entry, dict) else None
    names = {"pinhole": ("fx", "fy", "cx", "cy"), "weak": ("s", "cx", "cy")}.get(str(kind))
    if names is None:
        raise MeshInvalid(f"{what} should have the kind 'pinhole' or 'weak'.")
    values = [float(numbers(entry.get(name), (), f"{name} of the camera in {path}")) for name in names]
    if min(values[:-2]) <= 0.0:
        raise MeshInvalid(f"{what} should have a positive {' and '.join(names[:-2])}.")
    given = None
    if entry.get("width") is not None or entry.get("height") is not None:
        given = tuple(float(numbers(entry.get(key), (), f"{key} in {path}")) for key in ("width", "height"))
    across, down = _resizing(given, size, what)
    width, height = size or given or (0.0, 0.0)
    cx, cy = values[-2] * across, values[-1] * down
    if kind == "weak":
        return WeakCamera(int(width), int(height), values[0] * across, cx, cy)
    return Camera(int(width), int(height), values[0] * across, values[1] * down, cx, cy)


def _resizing(given: tuple[float, ...] | None, size: tuple[int, int] | None, what: str) -> tuple[float, float]:
    """Pixels of the photo per pixel of the camera, across and down."""
    if given is None or size is None:
        return 1.0, 1.0
    if min(given) <= 0.0:
        raise MeshInvalid(f"{what} should have a positive width and height.")
    across, down = size[0] / given[0], size[1] / given[1]
    if abs(across / down - 1.0) > ASPECT_TOLERANCE:
        raise MeshInvalid(
            f"{what} looks at {given[0]:g} x {given[1]:g} pixels, which no resizing turns into the photo's "
            f"{size[0]} x {size[1]}."
        )
    return across, down
