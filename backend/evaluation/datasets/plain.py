"""The plain layout: one folder per image, with the true surface in the camera's frame.

    DATA/benchmark.json        optional: {"note": one sentence that the report repeats}
    DATA/<id>/                 <id> may be several folders deep
      gt.npz                   vertices (V, 3) mm in the camera's frame; faces (T, 3), counter-clockwise outside
                               optional: region_<name> (T,) bool, faces of a region
                               optional: model_vertices (M, 3) mm, the whole posed mesh in the face model's own
                               vertex order, same frame: for errors vertex by vertex
      gt.obj or gt.ply         instead of gt.npz: the surface alone
      image.png                or .jpg, .jpeg, .webp: the photograph; optional
      camera.json              optional. {"K": [[fx, 0, cx], [0, fy, cy], [0, 0, 1]], "width", "height"} or
                               {"weak": {"s", "cx", "cy"}, "width", "height"} (s in pixels per mm), and, for
                               FaceScape's protocol, both or none of
                               "R": (3, 3), "head_center": (3,) mm in the camera's frame;
                               X_camera = R X_head + t with X_head x to the subject's left, y up, z out of the face
      landmarks.json           optional. {"points": [[x, y, z] x 7]}: NoW's seven on the surface, camera's frame
      meta.json                optional. subject (string; without it every image counts as a person of its own);
                               yaw, pitch (degrees, yaw positive to the subject's left); f (mm, for a sensor 36 mm
                               wide); light, skin, expression (strings): columns that tables are made of

Camera frame: x right, y up, z towards the camera, points in front have z < 0. Pixels: origin top left, centres at
+0.5; u = cx - fx x/z, v = cy + fy y/z; weak: u = cx + s x, v = cy - s y. Further keys and files are left alone.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import DataSetInvalid
from ...fitting.camera import Camera
from ...fitting.pose import angles_from_rotation
from ..case import AnyCamera, Case, DataSet, Truth, WeakCamera
from .files import (
    image_beside,
    image_size,
    numbers,
    read_archive,
    read_json,
    refuse_incomplete,
    rotation_matrix,
    true_surface,
)

Array = NDArray[np.float64]
KIND = "plain"
TRUTHS = ("gt.npz", "gt.obj", "gt.ply")
TAGS = ("light", "skin", "expression")
_REGION = "region_"


class _View(NamedTuple):
    """camera.json: the camera, and how the head stands before it where the file says so."""

    camera: AnyCamera | None
    head_centre: Array | None
    head_rotation: Array | None


def recognises(folder: Path) -> bool:
    """Whether there is a true surface in a folder below ``folder``."""
    return any(next(folder.glob(f"*/**/{name}"), None) is not None for name in TRUTHS)


def open_plain(folder: Path) -> DataSet:
    """Read every case's small files and check them; surfaces are read when a case's ``truth()`` is called.

    Raises DataSetInvalid: no case, files damaged, a camera that does not fit its image.
    """
    places = sorted({path.parent for name in TRUTHS for path in folder.glob(f"*/**/{name}")})
    refuse_incomplete(folder, "data set", (), len(places))
    views = [_view(place) for place in places]
    cases = tuple(_case(folder, place, view) for place, view in zip(places, views))
    landmarks = any((place / "landmarks.json").is_file() for place in places)
    protocols = [
        *(["facescape"] if any(v.camera and v.head_centre is not None for v in views) else []),
        *(["now", "dense"] if landmarks else []),
    ]
    note = ""
    if (folder / "benchmark.json").is_file():
        note = str(_object(folder / "benchmark.json").get("note", ""))
    return DataSet(folder.resolve().name, folder, cases, tuple(protocols), note)


def _case(folder: Path, place: Path, view: _View) -> Case:
    name = place.relative_to(folder).as_posix()
    meta = _object(place / "meta.json") if (place / "meta.json").is_file() else {}
    image = image_beside(place, "image")
    if image is not None and view.camera is not None:
        size = image_size(image)
        if size != (view.camera.width, view.camera.height):
            raise DataSetInvalid(
                f"{image} has {size[0]} x {size[1]} pixels, and its camera.json speaks of "
                f"{view.camera.width} x {view.camera.height}."
            )
    tags = {key: str(meta[key]) for key in TAGS if meta.get(key) not in (None, "")}
    if meta.get("f") is not None:
        tags["focal"] = f"{_number(meta, 'f', place / 'meta.json'):g} mm"
    return Case(
        name,
        str(meta.get("subject") or name),
        image,
        view.camera,
        partial(_truth, place, view),
        yaw_degrees=_yaw(place, meta, view),
        tags=tags,
    )


def _yaw(place: Path, meta: dict[str, Any], view: _View) -> float | None:
    if meta.get("yaw") is not None:
        return _number(meta, "yaw", place / "meta.json")
    if view.head_rotation is None:
        return None
    return angles_from_rotation(view.head_rotation).yaw


def _view(place: Path) -> _View:
    path = place / "camera.json"
    if not path.is_file():
        return _View(None, None, None)
    entry = _object(path)
    given = [entry.get(key) is not None for key in ("R", "head_center")]
    if any(given) and not all(given):
        raise DataSetInvalid(f"{path} should give both R and head_center, or none of them.")
    return _View(
        _camera(path, entry),
        numbers(entry["head_center"], (3,), f"head_center in {path}") if all(given) else None,
        rotation_matrix(entry["R"], f"R in {path}") if all(given) else None,
    )


def _camera(path: Path, entry: dict[str, Any]) -> AnyCamera:
    width, height = (int(_number(entry, key, path)) for key in ("width", "height"))
    weak = entry.get("weak")
    if isinstance(weak, dict):
        scale = _number(weak, "s", path)
        camera: AnyCamera = WeakCamera(width, height, scale, _number(weak, "cx", path), _number(weak, "cy", path))
        least = scale
    else:
        (fx, _, cx), (_, fy, cy), _ = numbers(entry.get("K"), (3, 3), f"K in {path}").tolist()
        camera = Camera(width, height, fx, fy, cx, cy)
        least = min(fx, fy)
    if min(width, height, least) <= 0:
        raise DataSetInvalid(f"{path} should give a camera with positive size and focal length.")
    return camera


def _truth(place: Path, view: _View) -> Truth:
    path = next(place / name for name in TRUTHS if (place / name).is_file())
    if path.suffix != ".npz":
        truth = Truth(true_surface(path), None, view.head_centre, view.head_rotation)
    else:
        truth = _truth_of_arrays(path, read_archive(path), view)
    if not (place / "landmarks.json").is_file():
        return truth
    points = _object(place / "landmarks.json").get("points")
    seven = numbers(points, (7, 3), f"points in {place / 'landmarks.json'}")
    return replace(truth, seven=seven, outer_eye_distance=float(np.linalg.norm(seven[0] - seven[3])))


def _truth_of_arrays(path: Path, arrays: dict[str, NDArray[Any]], view: _View) -> Truth:
    missing = {"vertices", "faces"} - set(arrays)
    if missing:
        raise DataSetInvalid(f"{path} lacks {' and '.join(sorted(missing))}.")
    surface = true_surface(path, arrays["vertices"], arrays["faces"])
    regions: dict[str, NDArray[np.bool_]] = {}
    for name in sorted(n for n in arrays if n.startswith(_REGION)):
        if arrays[name].dtype != np.bool_ or arrays[name].shape != (len(surface.triangles),):
            raise DataSetInvalid(f"{name} in {path} should say yes or no for {len(surface.triangles)} faces.")
        regions[name.removeprefix(_REGION)] = arrays[name]
    model_vertices = None
    if "model_vertices" in arrays:
        model_vertices = numbers(arrays["model_vertices"], (None, 3), f"model_vertices in {path}")
    return Truth(
        surface, None, view.head_centre, view.head_rotation, regions=regions, model_vertices=model_vertices
    )


def _number(entry: dict[str, Any], key: str, path: Path) -> float:
    return float(numbers(entry.get(key), (), f"{key} in {path}"))


def _object(path: Path) -> dict[str, Any]:
    entry = read_json(path)
    if not isinstance(entry, dict):
        raise DataSetInvalid(f"{path} should hold a JSON object.")
    return entry
