"""The head bundle: geometry.npz and the list of files, written the same way every time, read with suspicion.

    head.json      what is known about the head (see head.record), and the sha256 of every other file
    geometry.npz   neutral (V, 3) f4 mm; blendshapes (52, V, 3) f4 mm; blendshape_names; quads (F, 4) i4;
                   uv (F, 4, 2) f4; material (F,) u1; material_names; lattice_size; region_<name> (n,) i4;
                   landmark478_{landmark,vertices,weights}; landmark68_{landmark,vertices,weights}
    fitted.obj     the mesh as it stands in the photo, with fitted.mtl
    photo.jpg      the upright photo that the camera in head.json looks at
    textures/      albedo, visibility, iris, mouth, teeth
    detail/        dynamic detail, see head.detail_masks; only with the built-in face model
    preview.png    head.blend head.fbx head.glb

Lengths are rounded to 1/4096 mm (exact in float32), which halves the file and cannot be seen.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import DAMAGED_NPZ, BundleInvalid, OutputUnwritable, reason_of
from ..face_model.base import HeadGeometry
from ..mesh.topology import MATERIALS, LandmarkEmbedding, Topology
from .detail_masks import DETAIL_FILES, DETAIL_FOLDER, has_detail
from .engine_names import ENGINE_FILES, ENGINE_FOLDER
from .npz import npz_bytes, read_npz

FORMAT = "facewright head bundle"
FORMAT_VERSION = 1
TEXTURES = ("albedo", "visibility", "iris", "mouth", "teeth")
EXPORTS = ("blend", "fbx", "glb")
REQUIRED = (
    "geometry.npz", "fitted.obj", "fitted.mtl", "photo.jpg", "preview.png",
    *(f"textures/{name}.png" for name in TEXTURES),
)  # fmt: skip
EXPORTED = (*(f"head.{kind}" for kind in EXPORTS), *ENGINE_FILES)
OPTIONAL = (*DETAIL_FILES, *EXPORTED)
FOLDERS = ("textures", DETAIL_FOLDER, ENGINE_FOLDER)
MILLIMETRE_STEPS = 4096.0
MAX_GEOMETRY_BYTES = 2**30  # what geometry.npz may claim to unpack to


class HeadBundle(NamedTuple):
    """A bundle that has been read: ``record`` is head.json, the rest geometry.npz."""

    path: Path
    record: dict[str, Any]
    topology: Topology
    head: HeadGeometry
    blendshape_names: tuple[str, ...]
    embedding: LandmarkEmbedding
    ibug68: LandmarkEmbedding


def sha256_of(path: Path) -> str:
    """Hexadecimal sha256 of a file's content. Raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


# ---------------------------------------------------------------------------------------------------- writing


def geometry_bytes(
    topology: Topology,
    head: HeadGeometry,
    blendshape_names: tuple[str, ...],
    embedding: LandmarkEmbedding,
    ibug68: LandmarkEmbedding,
) -> bytes:
    """The content of geometry.npz; the same arrays always give the same bytes."""
    arrays: dict[str, NDArray[Any]] = {
        "neutral": _stepped(head.neutral),
        "blendshapes": _stepped(head.blendshapes),
        "blendshape_names": np.array(blendshape_names),
        "quads": topology.quads.astype("<i4"),
        "uv": topology.corner_uv.astype("<f4"),
        "material": topology.material.astype("u1"),
        "material_names": np.array(MATERIALS),
        "lattice_size": np.array(topology.lattice_size, dtype="<i4"),
    }
    for name in sorted(topology.regions):
        arrays[f"region_{name}"] = topology.regions[name].astype("<i4")
    for scheme, places in (("landmark478", embedding), ("landmark68", ibug68)):
        arrays[f"{scheme}_landmark"] = places.landmark.astype("<i4")
        arrays[f"{scheme}_vertices"] = places.vertices.astype("<i4")
        arrays[f"{scheme}_weights"] = places.weights.astype("<f8")
    return npz_bytes(arrays)


def _stepped(lengths: NDArray[np.float64]) -> NDArray[np.float32]:
    """Millimetres rounded to the file's steps, -0 made 0."""
    stepped = lengths * MILLIMETRE_STEPS
    np.rint(stepped, out=stepped)
    stepped /= MILLIMETRE_STEPS
    stepped += 0.0
    return stepped.astype("<f4")


def write_record(folder: Path, record: dict[str, Any]) -> dict[str, Any]:
    """Write head.json: the record, and ``files``, the size and sha256 of every file of the bundle in ``folder``.

    Returns what was written. Raises OSError.
    """
    files = {}
    for name in (*REQUIRED, *OPTIONAL):
        path = folder / name
        if path.is_file():
            files[name] = {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
    whole = {**record, "files": files}
    text = json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "head.json").write_bytes((text + "\n").encode("utf-8"))
    return whole


def refuse_unless_bundle(folder: Path) -> None:
    """Raise OutputUnwritable unless ``folder`` is a head bundle with nothing in it that is not ours.

    An artist's own work (other files, a head.blend that has been changed since) is never overwritten.
    """
    if not folder.is_dir():
        raise OutputUnwritable(f"{folder} exists and is not a folder.")
    try:
        record = read_record(folder)
    except BundleInvalid as error:
        raise OutputUnwritable(f"{folder} exists and is not a head bundle, so it is not overwritten.") from error
    ours = {"head.json", *REQUIRED, *OPTIONAL}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if (path.is_dir() and not path.is_symlink() and name in FOLDERS) or name in ours:
            continue
        raise OutputUnwritable(
            f"{folder} also holds {name}, which Facewright did not write: move it away or choose another folder."
        )
    for name in EXPORTED:
        path = folder / name
        if path.is_file() and sha256_of(path) != record["files"].get(name, {}).get("sha256"):
            raise OutputUnwritable(
                f"{path} was changed since Facewright wrote it: move it away or choose another folder."
            )


def refuse_existing(folder: Path) -> None:
    """Raise OutputUnwritable: the folder exists and was not to be overwritten."""
    raise OutputUnwritable(f"{folder} already exists; --overwrite replaces it if it is a head bundle.")


# ---------------------------------------------------------------------------------------------------- reading


def read_bundle(folder: Path, verify: bool = True) -> HeadBundle:
    """Read a bundle and check that it is one.

    Parameters
    ----------
    folder : where head.json lies
    verify : also compare the sha256 of every file with head.json's

    Raises
    ------
    BundleInvalid : files are missing, changed, corrupt, or of a version that we cannot read
    """
    record = read_record(folder)
    for name in REQUIRED:
        if name not in record["files"] or not (folder / name).is_file():
            raise BundleInvalid(f"The head bundle {folder} is not complete: {name} is missing.")
    missing = [name for name in DETAIL_FILES if name not in record["files"] or not (folder / name).is_file()]
    if has_detail(record) and missing:
        raise BundleInvalid(f"The head bundle {folder} is not complete: {missing[0]} is missing.")
    if verify:
        verify_files(folder, record)
    return _read_geometry(folder, record)


def verify_files(folder: Path, record: dict[str, Any]) -> None:
    """Raise BundleInvalid where a file is not the one that head.json lists."""
    for name, entry in record["files"].items():
        try:
            found = sha256_of(folder / name)
        except OSError as error:
            raise BundleInvalid(f"The head bundle {folder} is not complete: {name} is missing.") from error
        if found != entry["sha256"]:
            raise BundleInvalid(f"{folder / name} was changed or damaged: it is not the file that head.json lists.")


def read_record(folder: Path) -> dict[str, Any]:
    """head.json, its format and version checked; file names are compared with ours, never used as given."""
    path = folder / "head.json"
    if not path.is_file():
        raise BundleInvalid(f"{folder} is not a head bundle: there is no head.json in it.")
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise BundleInvalid(f"{path} cannot be read: it is corrupt or not JSON.") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise BundleInvalid(f"{path} does not describe a head bundle.")
    if record.get("format_version") != FORMAT_VERSION:
        raise BundleInvalid(
            f"{path} has format version {record.get('format_version')!r}; this program reads {FORMAT_VERSION}."
        )
    files = record.get("files")
    known = {*REQUIRED, *OPTIONAL}
    if not isinstance(files, dict) or not set(files) <= known or not all(_is_entry(e) for e in files.values()):
        raise BundleInvalid(f"{path} is corrupt: its list of files is not one of a head bundle.")
    return record


def _is_entry(entry: object) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("sha256"), str) and isinstance(entry.get("bytes"), int)


def _read_geometry(folder: Path, record: dict[str, Any]) -> HeadBundle:
    path = folder / "geometry.npz"
    try:
        arrays = read_npz(path, MAX_GEOMETRY_BYTES)
        bundle = HeadBundle(
            folder,
            record,
            Topology(
                arrays["quads"], arrays["uv"], arrays["material"],
                {n.removeprefix("region_"): a for n, a in arrays.items() if n.startswith("region_")},
                lattice_size=int(arrays["lattice_size"].item()),
            ),
            HeadGeometry(arrays["neutral"].astype(np.float64), arrays["blendshapes"].astype(np.float64)),
            tuple(str(name) for name in arrays["blendshape_names"]),
            _embedding(arrays, "landmark478"),
            _embedding(arrays, "landmark68"),
        )  # fmt: skip
        problem = _problem(bundle, tuple(str(name) for name in arrays["material_names"]))
    except KeyError as error:
        raise BundleInvalid(f"{path} is not complete: {error.args[0]} is missing.") from error
    except DAMAGED_NPZ as error:
        raise BundleInvalid(f"{path} is corrupt: {reason_of(error)}.") from error
    if problem:
        raise BundleInvalid(f"{path} is corrupt: {problem}.")
    return bundle


def _embedding(arrays: dict[str, NDArray[Any]], scheme: str) -> LandmarkEmbedding:
    return LandmarkEmbedding(
        arrays[f"{scheme}_landmark"].astype(np.int64),
        arrays[f"{scheme}_vertices"].astype(np.int64),
        arrays[f"{scheme}_weights"].astype(np.float64),
    )


def _problem(bundle: HeadBundle, material_names: tuple[str, ...]) -> str | None:
    """What is wrong with the arrays of a bundle, or None."""
    topology, (neutral, blendshapes) = bundle.topology, bundle.head
    vertices, faces = len(neutral), len(topology.quads)
    shapes = {
        "neutral": (neutral.shape, (vertices, 3)),
        "blendshapes": (blendshapes.shape, (len(bundle.blendshape_names), vertices, 3)),
        "quads": (topology.quads.shape, (faces, 4)),
        "uv": (topology.corner_uv.shape, (faces, 4, 2)),
        "material": (topology.material.shape, (faces,)),
    }
    for name, (found, expected) in shapes.items():
        if found != expected:
            return f"{name} has shape {found}, expected {expected}"
    if not faces or not vertices:
        return "it holds no mesh"
    if material_names != MATERIALS:
        return f"its materials are {', '.join(material_names)}"
    if topology.material.max() >= len(MATERIALS):
        return "faces refer to materials that are not there"
    if topology.quads.max() >= vertices or topology.quads[:, :3].min() < 0 or topology.quads[:, 3].min() < -1:
        return "faces refer to vertices that are not there"
    if not all(np.isfinite(array).all() for array in (neutral, blendshapes, topology.corner_uv)):
        return "it holds numbers that are not finite"
    for name, ids in topology.regions.items():
        if ids.ndim != 1 or (len(ids) and not (ids.min() >= 0 and ids.max() < vertices)):
            return f"region {name} refers to vertices that are not there"
    for places in (bundle.embedding, bundle.ibug68):
        count = len(places.landmark)
        if places.vertices.shape != (count, 3) or places.weights.shape != (count, 3):
            return "its landmark places have the wrong shape"
        if count and not (places.vertices.min() >= 0 and places.vertices.max() < vertices):
            return "its landmarks refer to vertices that are not there"
    return None
