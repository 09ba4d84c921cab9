"""The one file that names the backend: what the add-on needs of it, in the add-on's own words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ARKIT_NAMES", "BACKEND_PARENT", "DETAIL_SOURCES", "KEY_EXPRESSIONS", "TENSION_UNIT", "BundleInvalid",
    "Density", "FaceError", "Head", "HeadDetail", "MissingDependency", "OutputUnwritable", "PhotoCamera",
    "TopologyMismatch", "cache_dir", "fragments", "read_head", "reduce_head", "refuse_unless_untouched",
    "remove_partial", "vertex_normals", "worker_module", "write_engine_detail",
]  # fmt: skip

# Inside the extension the backend is a folder of this package; a checkout or pip has it as a package of its own.
_INSIDE = Path(__file__).resolve().parent / "backend"
BACKEND = f"{__package__}.backend" if _INSIDE.is_dir() else "facewright"
BACKEND_PARENT: Path | None = _INSIDE.parent if _INSIDE.is_dir() else None
"""What a process of its own must put first on its path to find the backend; None where it is installed."""

_config = import_module(f"{BACKEND}.config")
_errors = import_module(f"{BACKEND}.errors")
_face_model = import_module(f"{BACKEND}.face_model.base")
_bundle = import_module(f"{BACKEND}.head.bundle")
_detail_masks = import_module(f"{BACKEND}.head.detail_masks")
_detail_sources = import_module(f"{BACKEND}.displacement.sources")
_key_expressions = import_module(f"{BACKEND}.face_model.key_expressions")
_level_of_detail = import_module(f"{BACKEND}.mesh.level_of_detail")
_normals = import_module(f"{BACKEND}.mesh.normals")
_output_folder = import_module(f"{BACKEND}.head.output_folder")
_raster = import_module(f"{BACKEND}.mesh.raster")
_topology = import_module(f"{BACKEND}.mesh.topology")

FaceError = _errors.FaceError
BundleInvalid = _errors.BundleInvalid
MissingDependency = _errors.MissingDependency
OutputUnwritable = _errors.OutputUnwritable
TopologyMismatch = _errors.TopologyMismatch

DETAIL_SOURCES: Mapping[str, str] = _detail_sources.SOURCES
ARKIT_NAMES: tuple[str, ...] = _face_model.ARKIT_NAMES
KEY_EXPRESSIONS: Mapping[str, Mapping[str, float]] = _key_expressions.KEY_EXPRESSIONS
TENSION_UNIT: float = _detail_masks.TENSION_UNIT
"""Tension at which tension.png shows its maps in full."""
Density = _level_of_detail.Density
reduce_head = _level_of_detail.reduce_head
fragments = _raster.fragments
vertex_normals = _normals.vertex_normals
cache_dir = _config.cache_dir
remove_partial = _output_folder.remove_partial


def worker_module() -> str:
    """Name under which a process of its own imports the backend's worker."""
    return f"{_INSIDE.name if BACKEND_PARENT else BACKEND}.worker"


def write_engine_detail(source: Path, folder: Path, stem: str, green_down: bool) -> float:
    """Make the wrinkle maps of a head that ``exporting.gather_detail`` has saved, in an existing folder.

    For a process of its own: unlike everything else here it needs scipy and OpenCV. Returns the sets' error,
    relative to the wrinkles' RMS. Raises FaceError; OSError.
    """
    try:
        engine_scene = import_module(f"{BACKEND}.head.engine_scene")
    except ImportError as error:
        raise MissingDependency(f"Wrinkle maps need {error.name}, which is not there: switch them off.") from error
    try:
        return float(engine_scene.write_from_scene(source, folder, stem, green_down).relative_error)
    except ValueError as error:
        raise FaceError(f"The wrinkle maps cannot be written: {error}.") from error


class PhotoCamera(NamedTuple):
    """Pinhole camera of the photo, pixels: ``u = cx - fx X/Z``, ``v = cy + fy Y/Z``, origin top left."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float


class HeadDetail(NamedTuple):
    """A head's dynamic detail as the scene needs it.

    images: keys_1.png .. keys_5.png and tension.png, whose values stand for (value - offset) * step_mm; per vertex
    activation (52, V), inverse energies (19, V) and regions (6, V), float32; key_weights (19, 52): the blendshapes'
    weights in the key expressions.
    """

    images: tuple[Path, ...]
    step_mm: float
    offset: int
    activation: NDArray[np.float32]
    inverse: NDArray[np.float32]
    regions: NDArray[np.float32]
    key_weights: NDArray[np.float64]


class Head(NamedTuple):
    """A head bundle as the scene needs it; lengths in millimetres, model space.

    neutral (V, 3), blendshapes (E, V, 3) offsets, float; blendshape_names E; quads (F, 4) int, -1 pads a
    triangle; uv (F, 4, 2) per face corner; material (F,) index into material_names; regions name -> vertex ids;
    rotation (3, 3) and translation_mm (3,): X_cam = rotation @ X_model + translation_mm; expression: the
    photo's own weights by blendshape name; albedo, iris, teeth, mouth, photo: image files;
    record: head.json as it was read; detail: None where the bundle has none.
    """

    neutral: NDArray[np.floating]
    blendshapes: NDArray[np.floating]
    blendshape_names: tuple[str, ...]
    quads: NDArray[np.int32]
    uv: NDArray[np.float32]
    material: NDArray[np.uint8]
    material_names: tuple[str, ...]
    regions: dict[str, NDArray[np.int32]]
    camera: PhotoCamera
    rotation: NDArray[np.float64]
    translation_mm: NDArray[np.float64]
    expression: dict[str, float]
    albedo: Path
    iris: Path
    teeth: Path
    mouth: Path
    photo: Path
    record: dict[str, Any]
    detail: HeadDetail | None = None


def read_head(folder: Path, verify: bool = True) -> Head:
    """Read a head bundle; ``verify`` compares every file with its hash. Raises BundleInvalid."""
    bundle = _bundle.read_bundle(folder, verify)
    record, described = bundle.record, folder / "head.json"
    try:
        camera = _camera(record["camera"])
        rotation = np.array(record["pose"]["rotation"], np.float64).reshape(3, 3)
        translation = np.array(record["pose"]["translation_mm"], np.float64).reshape(3)
        expression = {str(name): float(weight) for name, weight in record["expression"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BundleInvalid(f"{described} lacks a usable camera, pose or expression: {error}.") from error
    if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-4) or not np.isfinite(translation).all():
        raise BundleInvalid(f"{described} holds a pose that is not a rotation and a translation.")
    unknown = sorted(set(expression) - set(bundle.blendshape_names))
    if unknown:
        raise BundleInvalid(f"{described} names expressions that the head has not: {', '.join(unknown)}.")
    textures = folder / "textures"
    topology = bundle.topology
    return Head(
        bundle.head.neutral, bundle.head.blendshapes, bundle.blendshape_names,
        topology.quads, topology.corner_uv, topology.material, _topology.MATERIALS, topology.regions,
        camera, rotation, translation, expression,
        textures / "albedo.png", textures / "iris.png", textures / "teeth.png", textures / "mouth.png",
        folder / "photo.jpg", record, _detail(folder, record, bundle),
    )  # fmt: skip


def _detail(folder: Path, record: dict[str, Any], bundle: Any) -> HeadDetail | None:
    """The detail of a bundle that has been read. Raises BundleInvalid."""
    if not _detail_masks.has_detail(record):
        return None
    if tuple(bundle.blendshape_names) != tuple(ARKIT_NAMES):
        raise BundleInvalid(f"{folder} has detail, but other blendshapes than the 52 of ARKit that it goes with.")
    _detail_masks.detail_size(folder, record)
    masks = _detail_masks.read_masks(folder, bundle.head.blendshapes.shape[:2])
    images = tuple(folder / name for name in (*_detail_masks.KEY_IMAGES, _detail_masks.TENSION_IMAGE))
    return HeadDetail(
        images, _detail_masks.STEP_MM, _detail_masks.OFFSET,
        masks.activation, masks.inverse, masks.regions, masks.key_weights,
    )  # fmt: skip


def refuse_unless_untouched(folder: Path) -> None:
    """Raise OutputUnwritable or BundleInvalid unless ``folder`` is a head bundle exactly as Facewright wrote it."""
    _bundle.refuse_unless_bundle(folder)  # has read and checked head.json
    _bundle.verify_files(folder, json.loads((folder / "head.json").read_bytes()))


def _camera(values: Mapping[str, Any]) -> PhotoCamera:
    """The camera of head.json, checked. Raises KeyError, TypeError, ValueError."""
    camera = PhotoCamera(
        int(values["width"]), int(values["height"]),
        *(float(values[name]) for name in ("fx", "fy", "cx", "cy")),
    )  # fmt: skip
    if not np.isfinite(camera).all() or min(camera[:4]) <= 0:
        raise ValueError("camera sizes and focal lengths must be positive")
    return camera
