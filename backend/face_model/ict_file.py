"""Reads ICT-FaceKit Light's array file (MIT licence) in our units, axes and names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..errors import DAMAGED_NPZ, ModelFileInvalid, reason_of
from .base import ARKIT_NAMES

# Vertex ranges of ICT-FaceKit Light (its README): skin and sockets form one manifold, parts are separate.
SKIN_VERTICES = slice(0, 14062)  # face, head and neck, mouth socket, eye sockets
NARROW_FACE_VERTICES = 6706
FACE_VERTICES = 9409
GUMS_TONGUE = slice(14062, 17039)
TEETH = slice(17039, 21451)
EYE_LEFT_OR_RIGHT = (slice(21451, 23021), slice(23021, 24591))
VERTICES = 24591  # lacrimal fluid, eye occlusion and lashes behind it are not used
# Polygon ranges.
FACE_POLYGONS = slice(0, 9230)
SKIN_POLYGONS = slice(0, 14034)
HEAD_POLYGONS = slice(0, 11144)  # without sockets
MOUTH_SOCKET_POLYGONS = slice(11144, 13226)
EYE_SOCKET_POLYGONS = (slice(13226, 13630), slice(13630, 14034))

FILE_VERTICES = 26719
FILE_POLYGONS = 26384
IDENTITY_MODES = 100
MM_PER_UNIT = 10.0  # the file is in centimetres


@dataclass(frozen=True)
class IctSource:
    """ICT-FaceKit in our units and names; n = VERTICES.

    neutral    (n, 3) mm, model space (origin midway between the eyeball centres)
    identity   (100, n, 3) mm at one standard deviation, the origin's shift taken out of every mode
    expression (51, n, 3) mm offsets in the order of ARKIT_NAMES without tongueOut
    faces      (P, 4) int vertex ids of polygons whose vertices are all below n; -1 pads triangles
    faces_uv   (P, 4) int rows of ``uv``, (m, 2) with UDIM tiles in u, origin bottom left
    landmarks68 (68,) vertex ids
    eye_left, eye_right   vertex ranges of the subject's eyeballs
    """

    neutral: NDArray[Any]
    identity: NDArray[Any]
    expression: NDArray[Any]
    faces: NDArray[np.int64]
    faces_uv: NDArray[np.int64]
    uv: NDArray[np.float64]
    landmarks68: NDArray[np.int64]
    eye_left: slice
    eye_right: slice

    def shape(self, identity: NDArray[np.float64]) -> NDArray[np.float64]:
        """(100,) standard deviations to (n, 3) mm."""
        return np.asarray(self.neutral + np.tensordot(identity, self.identity, 1), np.float64)


def ict_names(name: str) -> tuple[str, ...]:
    """ICT's names of one ARKit blendshape; two ARKit shapes join ICT's halves, ``tongueOut`` has none."""
    if name == "tongueOut":
        return ()
    if name in ("browInnerUp", "cheekPuff"):
        return (name + "_L", name + "_R")
    for side in ("Left", "Right"):
        if name.endswith(side) and name not in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
            return (name.removesuffix(side) + "_" + side[0],)
    return (name,)


def _checked(data: dict[str, NDArray[Any]]) -> None:
    """Raise ValueError with the reason where the arrays are not ICT-FaceKit Light's."""
    shapes = {
        "neutral": (FILE_VERTICES, 3),
        "identity": (IDENTITY_MODES, FILE_VERTICES, 3),
        "faces": (FILE_POLYGONS, 4),
        "faces_vt": (FILE_POLYGONS, 4),
        "idx_to_landmark_verts": (68,),
    }
    for name, shape in shapes.items():
        if data[name].shape != shape:
            raise ValueError(f"{name} has the shape {data[name].shape} instead of {shape}")
    if data["expression"].shape != (len(data["expression_names"]), FILE_VERTICES, 3):
        raise ValueError("expression and expression_names do not belong together")
    for name in ("neutral", "identity", "expression", "vt"):
        if data[name].dtype.kind != "f" or not np.isfinite(data[name]).all():
            raise ValueError(f"{name} holds values that are not finite numbers")
    counts = {"faces": FILE_VERTICES, "faces_vt": len(data["vt"]), "idx_to_landmark_verts": FILE_VERTICES}
    for name, count in counts.items():
        if data[name].dtype.kind not in "iu" or data[name].max() >= count or data[name].min() < -1:
            raise ValueError(f"{name} points outside of the file")


def load_ict(path: Path, dtype: DTypeLike = np.float64) -> IctSource:
    """Read ``ict_facekit_light.npz``.

    Parameters
    ----------
    path : Path
    dtype : float dtype of ``neutral``, ``identity`` and ``expression``. float32, as in the file, needs half the
        memory (50 MB).

    Raises
    ------
    ModelFileInvalid
        The file is missing, corrupt or of another kind.
    """
    names_needed = (
        "neutral", "identity", "expression", "expression_names", "faces", "faces_vt", "vt", "idx_to_landmark_verts",
    )  # fmt: skip
    try:
        with np.load(path, allow_pickle=False) as archive:
            data = {name: archive[name] for name in names_needed}
        _checked(data)
        index = {str(name): k for k, name in enumerate(data["expression_names"])}
        parts = [[index[part] for part in ict_names(name)] for name in ARKIT_NAMES if name != "tongueOut"]
    except (KeyError, AttributeError, *DAMAGED_NPZ) as error:
        raise ModelFileInvalid(f"{path} is not an ICT-FaceKit Light .npz file: {reason_of(error)}.") from error

    # In place on the arrays as read; ``identity`` is not needed twice.
    neutral = data["neutral"].astype(dtype, copy=False)[:VERTICES]
    identity = data.pop("identity").astype(dtype, copy=False)[:, :VERTICES]
    offsets = data["expression"].astype(dtype, copy=False)[:, :VERTICES]
    for values in (neutral, identity, offsets):
        values *= MM_PER_UNIT

    first, second = EYE_LEFT_OR_RIGHT
    left, right = (first, second) if neutral[first, 0].mean() > 0 else (second, first)
    neutral -= 0.5 * (neutral[left].mean(0, dtype=np.float64) + neutral[right].mean(0, dtype=np.float64))
    middle = identity[:, left].mean(1, dtype=np.float64) + identity[:, right].mean(1, dtype=np.float64)
    identity -= (0.5 * middle)[:, None]

    faces, faces_uv = data["faces"].astype(np.int64), data["faces_vt"].astype(np.int64)
    keep = (faces < VERTICES).all(1)
    return IctSource(
        neutral=neutral,
        identity=identity,
        expression=np.stack([offsets[rows].sum(0) for rows in parts]),
        faces=faces[keep],
        faces_uv=faces_uv[keep],
        uv=data["vt"].astype(np.float64),
        landmarks68=data["idx_to_landmark_verts"].astype(np.int64),
        eye_left=left,
        eye_right=right,
    )
