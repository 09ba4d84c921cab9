"""People for benchmarks who are meshes of a folder: detailed heads of others, rendered as FS-Lab is.

FaceScape, Sec. 6.2, renders 20 of its own detailed models; with those in the folder this makes such a set.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ...errors import DataSetInvalid, MeshInvalid, reason_of
from ..case import NOW_LANDMARKS
from ..surface import checked_surface, triangle_areas
from .plan import Expression, Subject
from .subject import Person, Posed, middle_of, truth_of

Array = NDArray[np.float64]

SUFFIXES = (".obj", ".ply")
PICTURES = (".png", ".jpg", ".jpeg")
OUTER_EYES_MM = (60.0, 130.0)
"""Between the outer corners of anybody's eyes; adults have about 90."""
FARTHEST_LANDMARK_MM = 8.0
PLAIN_SKIN = (194, 160, 138)
"""sRGB of a mesh without texture."""
ROUGHNESS = 0.48


class _Scan(NamedTuple):
    vertices: Array
    triangles: NDArray[np.int32]
    uv: Array | None  # (V, 2)
    seven: Array


class MeshHeads:
    """A ``subject.Cast`` of the meshes of a folder."""

    def __init__(self, folder: Path) -> None:
        """Find the meshes; they are read one by one, later. Raises DataSetInvalid where there is none, or a file is
        missing."""
        if not folder.is_dir():
            raise DataSetInvalid(f"There is no folder {folder} with meshes.")
        self._paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
        if not self._paths:
            raise DataSetInvalid(f"{folder} has no meshes: .obj or .ply files are looked for.")
        stems = [path.stem for path in self._paths]
        for path in self._paths:
            if stems.count(path.stem) > 1:
                raise DataSetInvalid(f"{folder} has two meshes called {path.stem}.")
            if "_" in path.stem or path.stem.startswith("."):
                raise DataSetInvalid(f"{path.name} should be called without '_' and a leading '.'.")
            if not path.with_suffix(".json").is_file():
                raise DataSetInvalid(f"{path} lacks its landmarks: there is no {path.stem}.json beside it.")
        self.note = f"These heads are the meshes of the folder {folder.resolve().name}, rendered."

    @property
    def names(self) -> tuple[str, ...]:
        """Of the meshes, without their suffix."""
        return tuple(path.stem for path in self._paths)

    @property
    def record(self) -> dict[str, object]:
        """The meshes' sha256."""
        return {"meshes": {path.name: hashlib.sha256(_content(path)).hexdigest() for path in self._paths}}

    def person(self, subject: Subject, folder: Path) -> Person:
        """See ``subject.Cast``. Raises MeshInvalid, DataSetInvalid, OSError."""
        path = self._paths[subject.number]
        scan = _read(path)
        picture = next((p for p in map(path.with_suffix, PICTURES) if p.is_file()), None)
        texture = folder / f"{path.stem}.png"
        uv = scan.uv
        if picture is None or uv is None:
            picture, uv = None, np.full((len(scan.vertices), 2), 0.5)
        _write_texture(picture, texture)
        quads = np.concatenate([scan.triangles, np.full((len(scan.triangles), 1), -1, np.int32)], 1)
        corner_uv = np.concatenate([uv[scan.triangles], np.zeros((len(quads), 1, 2))], 1).astype(np.float32)

        def pose(expression: Expression) -> Posed:
            """Meshes have the expression that they have."""
            seven = scan.seven
            pupils = float(np.linalg.norm(seven[[0, 1]].mean(0) - seven[[2, 3]].mean(0)))
            truth = truth_of(scan.vertices, scan.triangles, seven)
            return Posed(scan.vertices, truth, seven, middle_of(seven), pupils, None)

        tags = {"skin": "textured" if picture else "plain", "expression": "as scanned"}
        material = np.zeros(len(quads), np.uint8)
        return Person(quads, corner_uv, material, ("skin",), {"skin": texture}, ROUGHNESS, tags, pose)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataSetInvalid(f"{path} cannot be read: {error.strerror}.") from error


def _read(path: Path) -> _Scan:
    """A mesh with its landmarks, the origin moved between the eyes as models have it."""
    import trimesh

    what = f"The mesh {path}"
    try:
        mesh: Any = trimesh.load(path, process=False, force="mesh")
    # trimesh's parsers raise what Python raises where a file's content surprises them.
    except (OSError, ValueError, TypeError, IndexError, KeyError, AttributeError, NotImplementedError) as error:
        raise MeshInvalid(f"{what} cannot be read: {reason_of(error)}.") from error
    surface = checked_surface(np.asarray(mesh.vertices), np.asarray(mesh.faces), what)
    # Blender leaves out faces without area and faces that are there twice.
    _, first = np.unique(np.sort(surface.triangles, 1), axis=0, return_index=True)
    kept = np.zeros(len(surface.triangles), bool)
    kept[first] = True
    kept &= triangle_areas(surface.vertices, surface.triangles) > 0.0
    uv = getattr(mesh.visual, "uv", None)
    seven = _landmarks(path, surface.vertices)
    origin = seven[[0, 1, 2, 3]].mean(0)
    usable = uv is not None and np.shape(uv) == (len(surface.vertices), 2) and bool(np.isfinite(uv).all())
    return _Scan(
        surface.vertices - origin,
        surface.triangles[kept],
        np.asarray(uv, np.float64) if usable else None,
        seven - origin,
    )


def _landmarks(path: Path, vertices: Array) -> Array:
    """(7, 3) of <stem>.json, seen to be a face's that stands upright, in millimetres."""
    beside = path.with_suffix(".json")
    try:
        entry = json.loads(_content(beside))["landmarks"]
        seven = np.array([[float(value) for value in entry[name]] for name in NOW_LANDMARKS])
    except (ValueError, KeyError, TypeError) as error:
        raise DataSetInvalid(
            f"{beside} should hold landmarks with {', '.join(NOW_LANDMARKS)}: {reason_of(error)}."
        ) from error
    if seven.shape != (7, 3) or not np.isfinite(seven).all():
        raise DataSetInvalid(f"{beside} should give three finite numbers for every landmark.")
    width = float(np.linalg.norm(seven[0] - seven[3]))
    if not OUTER_EYES_MM[0] <= width <= OUTER_EYES_MM[1]:
        raise DataSetInvalid(
            f"{beside}: the outer corners of the eyes are {width:.4g} mm apart; is the mesh in millimetres?"
        )
    upright = seven[3, 0] > seven[0, 0] and seven[:4, 1].mean() > seven[4, 1] > seven[5:, 1].mean()
    if not upright or seven[4, 2] < seven[[0, 3], 2].mean():
        raise DataSetInvalid(
            f"{beside}: the face should stand upright, x to the person's left, y up, z out of the face."
        )
    nearest = np.sqrt(((seven[:, None] - vertices[None]) ** 2).sum(2).min(1))
    if nearest.max() > FARTHEST_LANDMARK_MM:
        raise DataSetInvalid(
            f"{beside}: {NOW_LANDMARKS[int(nearest.argmax())]} is {nearest.max():.4g} mm away from the mesh."
        )
    return seven


def _write_texture(picture: Path | None, target: Path) -> None:
    """The picture as PNG, or a plain skin. Raises DataSetInvalid, OSError."""
    pixels = np.full((8, 8, 3), PLAIN_SKIN[::-1], np.uint8)
    if picture is not None:
        found = cv2.imdecode(np.frombuffer(_content(picture), np.uint8), cv2.IMREAD_COLOR)
        if found is None:
            raise DataSetInvalid(f"{picture} cannot be read as a picture.")
        pixels = np.asarray(found, np.uint8)
    target.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
