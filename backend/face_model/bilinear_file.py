"""The built-in face model's file: what is in it, how it is packed, read, checked and written.

The mean head lives on the mesh itself. Identity modes and blendshapes live on a *control mesh*: every second node
of the lattice, all vertices of bags and sockets, then those of the inner parts (eyes, teeth, gums, tongue). A
sparse matrix, one Catmull-Clark step, carries values from the control vertices to the lattice. Stored there, modes
take a third of the space that they would take on the lattice.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..errors import DAMAGED_NPZ, ModelFileInvalid, reason_of
from ..mesh.topology import MATERIALS, LandmarkEmbedding, Topology
from .checked_arrays import CheckedArrays, quantise

FORMAT = "facewright face model"
VERSION = 1
MAX_UNPACKED_BYTES = 1 << 29  # no model of ours comes near; a file that claims more is not ours
WORTH_DEFLATING = 0.75


class PartMotion(NamedTuple):
    """How the blendshapes move one inner part: rigidly about a pivot, and a little by themselves.

    The offset of vertex x under blendshape k is  (rotation[k] - 1) (x - pivot) + u[k] + local[k](x).  The pivot is
    an affine combination of vertices, and so linear in identity; u[k] is the personalised displacement of the pivot
    (that of the jaw), or 0.

    vertices (n,) int64 control ids; pivot_vertices (p,) int64 control ids and pivot_weights (p,) float64, sum 1;
    anchor: row of the anchors that holds u, or -1; rotation (E, 3, 3) float64; local (E, n, 3) float32 mm
    """

    vertices: NDArray[np.int64]
    pivot_vertices: NDArray[np.int64]
    pivot_weights: NDArray[np.float64]
    anchor: int
    rotation: NDArray[np.float64]
    local: NDArray[np.float32]


@dataclass(frozen=True)
class BilinearData:
    """Arrays of the model. C control vertices of which the first C_s are skin; V mesh vertices of which the first
    ``sampling.shape[0]`` are sampled from the skin and the rest are control vertices C_s .. C-1 themselves; E
    blendshapes; I identity modes; M control vertices that move, A anchors; R_v, R_e, R_i Tucker ranks.

    neutral            (V, 3) float64 mm, the mean head on the mesh
    identity           (I, C, 3) float32 mm per standard deviation
    moving             (M,) int64 skin control vertices that any blendshape moves
    mean_blendshapes   (E, M + A, 3) float32 mm: the mean head's, with the anchors' displacements in the last A rows
    vertex_factor      (3 (M + A), R_v) float32 mm, rows as coordinates of ``mean_blendshapes``
    blendshape_factor  (E, R_e) float64
    identity_factor    (I, R_i) float64
    core               (R_v, R_e, R_i) float64
    sampling           csr (V_s, C_s) float64, rows sum to 1
    report             what the build measured: name -> number
    """

    topology: Topology
    blendshape_names: tuple[str, ...]
    embedding: LandmarkEmbedding
    ibug68: LandmarkEmbedding
    neutral: NDArray[np.float64]
    identity: NDArray[np.float32]
    moving: NDArray[np.int64]
    mean_blendshapes: NDArray[np.float32]
    vertex_factor: NDArray[np.float32]
    blendshape_factor: NDArray[np.float64]
    identity_factor: NDArray[np.float64]
    core: NDArray[np.float64]
    sampling: sp.csr_matrix
    parts: tuple[PartMotion, ...]
    report: Mapping[str, float]

    @property
    def skin_controls(self) -> int:
        """C_s, the number of control vertices of the skin."""
        return int(self.sampling.shape[1])


def pack(data: BilinearData) -> bytes:
    """The file's bytes; the same data always give the same bytes."""
    topology, sampling = data.topology, data.sampling.sorted_indices()
    identity, identity_scale = quantise(data.identity, axis=0)
    mean, mean_scale = quantise(data.mean_blendshapes, axis=0)
    factor, factor_scale = quantise(data.vertex_factor, axis=1)
    arrays: dict[str, NDArray[Any]] = {
        "format": np.array(FORMAT),
        "version": np.array(VERSION, np.int32),
        "report": np.array(json.dumps(dict(data.report), sort_keys=True)),
        "quads": topology.quads.astype(np.int32),
        "corner_uv": topology.corner_uv.astype(np.float32),
        "material": topology.material.astype(np.uint8),
        "material_names": np.array(MATERIALS),
        "lattice_size": np.array(topology.lattice_size, np.int32),
        "blendshape_names": np.array(data.blendshape_names),
        "neutral": data.neutral.astype(np.float32),
        "identity": identity,
        "identity_scale": identity_scale,
        "moving": data.moving.astype(np.uint16),
        "mean_blendshapes": mean,
        "mean_blendshapes_scale": mean_scale,
        "vertex_factor": factor,
        "vertex_factor_scale": factor_scale,
        "blendshape_factor": data.blendshape_factor.astype(np.float32),
        "identity_factor": data.identity_factor.astype(np.float32),
        "core": data.core.astype(np.float32),
        "sampling_weights": sampling.data.astype(np.float32),
        "sampling_columns": sampling.indices.astype(np.uint16),
        "sampling_starts": sampling.indptr.astype(np.int32),
        "skin_controls": np.array(data.skin_controls, np.int32),
        "part_count": np.array(len(data.parts), np.int32),
    }
    if topology.mirror is not None:
        arrays["mirror"] = topology.mirror.astype(np.int32)
    for name, ids in topology.regions.items():
        arrays[f"region_{name}"] = ids.astype(np.int32)
    for scheme, embedding in (("landmark478", data.embedding), ("landmark68", data.ibug68)):
        arrays[f"{scheme}_landmark"] = embedding.landmark.astype(np.int32)
        arrays[f"{scheme}_vertices"] = embedding.vertices.astype(np.int32)
        arrays[f"{scheme}_weights"] = embedding.weights.astype(np.float64)
    for k, part in enumerate(data.parts):
        arrays[f"part{k}_vertices"] = part.vertices.astype(np.int32)
        arrays[f"part{k}_pivot_vertices"] = part.pivot_vertices.astype(np.int32)
        arrays[f"part{k}_pivot_weights"] = part.pivot_weights.astype(np.float64)
        arrays[f"part{k}_anchor"] = np.array(part.anchor, np.int32)
        arrays[f"part{k}_rotation"] = part.rotation.astype(np.float64)
        arrays[f"part{k}_local"] = part.local.astype(np.float32)

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(arrays[name], order="C"), allow_pickle=False)  # type: ignore[no-untyped-call]
            content = member.getvalue()
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            # Only what shrinks is deflated: factors and modes hardly do, and inflating them would double loading.
            worth = len(zlib.compress(content, 6)) < WORTH_DEFLATING * len(content)
            entry.compress_type = zipfile.ZIP_DEFLATED if worth else zipfile.ZIP_STORED
            archive.writestr(entry, content, compresslevel=6)
    return buffer.getvalue()


def write_model(data: BilinearData, path: Path) -> None:
    """Write a model file whole or not at all. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(pack(data))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_model(path: Path) -> tuple[BilinearData, str]:
    """Read and check a model file.

    Returns
    -------
    BilinearData; the file's SHA-256, hexadecimal

    Raises
    ------
    ModelFileInvalid
        The file is missing, truncated, corrupt, of another kind or of a version that this program cannot read.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ModelFileInvalid(f"The face model {path} cannot be read: {error.strerror or error}.") from error
    return parse_model(raw, str(path))


def parse_model(raw: bytes, name: str) -> tuple[BilinearData, str]:
    """``read_model`` from a file's bytes; ``name`` is what the error calls it."""
    try:
        data = _parse(_arrays(raw))
    except (KeyError, *DAMAGED_NPZ) as error:
        reason = f"{error.args[0]} is missing" if isinstance(error, KeyError) else reason_of(error)
        raise ModelFileInvalid(f"{name} is not a usable Facewright face model: {reason}.") from error
    return data, hashlib.sha256(raw).hexdigest()


def _arrays(raw: bytes) -> dict[str, NDArray[Any]]:
    """All arrays of the archive; no pickles, nothing larger than a model can be."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        entries = archive.infolist()
        if sum(entry.file_size for entry in entries) > MAX_UNPACKED_BYTES:
            raise ValueError("it unpacks to more than a face model can hold")
        arrays = {}
        for entry in entries:
            member = io.BytesIO(archive.read(entry))
            array = np.lib.format.read_array(member, allow_pickle=False)  # type: ignore[no-untyped-call]
            arrays[entry.filename.removesuffix(".npy")] = array
    if "format" not in arrays or str(arrays["format"]) != FORMAT:
        raise ValueError("it is of another kind")
    if int(arrays["version"]) != VERSION:
        raise ValueError(f"it has version {int(arrays['version'])}, and this program reads version {VERSION}")
    return arrays


def _parse(arrays: dict[str, NDArray[Any]]) -> BilinearData:
    """Check everything against everything and put the model together."""
    checked = CheckedArrays(arrays)
    skin = checked.number("skin_controls", 1, 1 << 16)
    identity = checked.unpacked("identity", 0, None, None, 3)
    controls = identity.shape[1]
    rows = len(checked.integers("sampling_starts", 0, 1 << 31, None)) - 1
    vertices = rows + controls - skin
    if rows < 1 or controls < skin:
        raise ValueError("the numbers of its vertices contradict each other")
    topology = _topology(checked, vertices)
    names = checked.names("blendshape_names")
    count = len(names)

    moving = checked.integers("moving", 0, skin, None).astype(np.int64)
    mean = checked.unpacked("mean_blendshapes", 0, count, None, 3)
    anchors = mean.shape[1] - len(moving)
    if anchors < 0:
        raise ValueError("mean_blendshapes has fewer rows than vertices that move")
    factor = checked.unpacked("vertex_factor", 1, 3 * mean.shape[1], None)
    blendshape_factor = checked.floats("blendshape_factor", count, None).astype(np.float64)
    identity_factor = checked.floats("identity_factor", len(identity), None).astype(np.float64)
    ranks = factor.shape[1], blendshape_factor.shape[1], identity_factor.shape[1]
    report = json.loads(str(arrays["report"]))
    if not isinstance(report, dict) or not all(isinstance(v, (int, float)) for v in report.values()):
        raise ValueError("its report is not a table of numbers")
    return BilinearData(
        topology=topology,
        blendshape_names=names,
        embedding=_embedding(checked, "landmark478", 478, vertices),
        ibug68=_embedding(checked, "landmark68", 68, vertices),
        neutral=checked.floats("neutral", vertices, 3).astype(np.float64),
        identity=identity,
        moving=moving,
        mean_blendshapes=mean,
        vertex_factor=factor,
        blendshape_factor=blendshape_factor,
        identity_factor=identity_factor,
        core=checked.floats("core", *ranks).astype(np.float64),
        sampling=_sampling(checked, rows, skin),
        parts=tuple(
            _part(checked, f"part{k}", controls, anchors, count)
            for k in range(checked.number("part_count", 0, 64))
        ),
        report=report,
    )


def _topology(checked: CheckedArrays, vertices: int) -> Topology:
    quads = checked.integers("quads", -1, vertices, None, 4).astype(np.int32)
    if (quads[:, :3] < 0).any() or int(quads.max()) + 1 != vertices:
        raise ValueError("its faces do not use its vertices")
    if checked.names("material_names") != MATERIALS:
        raise ValueError("its materials are not ours")
    lattice = checked.number("lattice_size", 0, 4097)
    if lattice * lattice > len(quads):
        raise ValueError("its lattice has more cells than it has faces")
    regions = {
        name.removeprefix("region_"): checked.integers(name, 0, vertices, None).astype(np.int32)
        for name in sorted(checked.arrays)
        if name.startswith("region_")
    }
    mirror = None
    if "mirror" in checked.arrays:
        mirror = checked.integers("mirror", 0, vertices, vertices).astype(np.int32)
        if not np.array_equal(mirror[mirror], np.arange(vertices)):
            raise ValueError("its mirror does not map back")
    return Topology(
        quads=quads,
        corner_uv=checked.floats("corner_uv", len(quads), 4, 2).astype(np.float32),
        material=checked.integers("material", 0, len(MATERIALS), len(quads)).astype(np.uint8),
        regions=regions,
        mirror=mirror,
        lattice_size=lattice,
    )


def _embedding(checked: CheckedArrays, scheme: str, count: int, vertices: int) -> LandmarkEmbedding:
    landmark = checked.integers(f"{scheme}_landmark", 0, count, None).astype(np.int64)
    weights = checked.floats(f"{scheme}_weights", len(landmark), 3).astype(np.float64)
    if (weights < -1e-9).any() or np.abs(weights.sum(axis=1) - 1.0).max(initial=0.0) > 1e-6:
        raise ValueError(f"{scheme}_weights are not barycentric")
    corners = checked.integers(f"{scheme}_vertices", 0, vertices, len(landmark), 3).astype(np.int64)
    return LandmarkEmbedding(landmark, corners, weights)


def _sampling(checked: CheckedArrays, rows: int, columns: int) -> sp.csr_matrix:
    starts = checked.arrays["sampling_starts"].astype(np.int64)
    weights = checked.floats("sampling_weights", None).astype(np.float64)
    if starts[0] != 0 or starts[-1] != len(weights) or (np.diff(starts) < 1).any():
        raise ValueError("sampling_starts do not divide sampling_weights")
    indices = checked.integers("sampling_columns", 0, columns, len(weights)).astype(np.int32)
    total = np.add.reduceat(weights, starts[:-1])
    if np.abs(total - 1.0).max() > 1e-4:
        raise ValueError("sampling_weights do not sum to 1")
    # The 32-bit weights' own rounding would shift a vertex by some thousandths of a millimetre.
    weights /= np.repeat(total, np.diff(starts))
    return sp.csr_matrix((weights, indices, starts.astype(np.int32)), shape=(rows, columns))


def _part(checked: CheckedArrays, name: str, controls: int, anchors: int, count: int) -> PartMotion:
    vertices = checked.integers(f"{name}_vertices", 0, controls, None).astype(np.int64)
    pivot = checked.integers(f"{name}_pivot_vertices", 0, controls, None).astype(np.int64)
    pivot_weights = checked.floats(f"{name}_pivot_weights", len(pivot)).astype(np.float64)
    if abs(float(pivot_weights.sum()) - 1.0) > 1e-6:
        raise ValueError(f"{name}_pivot_weights do not sum to 1")
    rotation = checked.floats(f"{name}_rotation", count, 3, 3).astype(np.float64)
    if np.abs(rotation @ rotation.transpose(0, 2, 1) - np.eye(3)).max() > 1e-6:
        raise ValueError(f"{name}_rotation does not hold rotations")
    return PartMotion(
        vertices=vertices,
        pivot_vertices=pivot,
        pivot_weights=pivot_weights,
        anchor=checked.number(f"{name}_anchor", -1, anchors),
        rotation=rotation,
        local=checked.floats(f"{name}_local", count, len(vertices), 3).astype(np.float32),
    )
