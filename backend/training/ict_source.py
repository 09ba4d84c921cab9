"""Reads ICT-FaceKit Light, the material that the built-in face model learns from (MIT licence)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelFileInvalid
from ..face_model.base import ARKIT_NAMES

# Vertex ranges of ICT-FaceKit Light (its README): skin and sockets form one manifold, parts are separate.
SKIN_VERTICES = slice(0, 14062)  # face, head and neck, mouth socket, eye sockets
NARROW_FACE_VERTICES = 6706
FACE_VERTICES = 9409
GUMS_TONGUE = slice(14062, 17039)
TEETH = slice(17039, 21451)
EYE_LEFT_OR_RIGHT = (slice(21451, 23021), slice(23021, 24591))
VERTICES = 24591  # lacrimal fluid, eye occlusion and lashes behind it are not used
SKIN_POLYGONS = slice(0, 14034)
HEAD_POLYGONS = slice(0, 11144)  # without sockets
MOUTH_SOCKET_POLYGONS = slice(11144, 13226)
EYE_SOCKET_POLYGONS = (slice(13226, 13630), slice(13630, 14034))


@dataclass(frozen=True)
class IctSource:
    """ICT-FaceKit in our units and names.

    neutral    (n, 3) float64 mm, model space (origin midway between the eyeball centres)
    identity   (100, n, 3) mm at one standard deviation, the origin's shift taken out of every mode
    expression (51, n, 3) mm offsets in the order of ARKIT_NAMES without tongueOut
    faces      (P, 4) int vertex ids of polygons whose vertices are all below n; -1 pads triangles
    faces_uv   (P, 4), uv (m, 2)
    landmarks68 (68,) vertex ids
    """

    neutral: NDArray[np.float64]
    identity: NDArray[np.float64]
    expression: NDArray[np.float64]
    faces: NDArray[np.int64]
    faces_uv: NDArray[np.int64]
    uv: NDArray[np.float64]
    landmarks68: NDArray[np.int64]
    eye_left: slice
    eye_right: slice

    def shape(self, identity: NDArray[np.float64]) -> NDArray[np.float64]:
        """(100,) standard deviations to (n, 3) mm."""
        result: NDArray[np.float64] = self.neutral + np.tensordot(identity, self.identity, 1)
        return result


def _ict_name(name: str) -> list[str]:
    """ICT's names of one ARKit blendshape; two ARKit shapes join ICT's halves."""
    if name in ("browInnerUp", "cheekPuff"):
        return [name + "_L", name + "_R"]
    for side in ("Left", "Right"):
        if name.endswith(side) and name not in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
            return [name.removesuffix(side) + "_" + side[0]]
    return [name]


def load_ict(path: Path) -> IctSource:
    """Read ``ict_facekit_light.npz``. Raises ModelFileInvalid."""
    try:
        data = np.load(path, allow_pickle=False)
        neutral = data["neutral"][:VERTICES].astype(np.float64) * 10.0
        identity = data["identity"][:, :VERTICES].astype(np.float64) * 10.0
        offsets = data["expression"][:, :VERTICES].astype(np.float64) * 10.0
        names = [str(n) for n in data["expression_names"]]
        faces, faces_uv = data["faces"].astype(np.int64), data["faces_vt"].astype(np.int64)
        uv, landmarks68 = data["vt"].astype(np.float64), data["idx_to_landmark_verts"].astype(np.int64)
    except (OSError, KeyError, ValueError) as error:
        raise ModelFileInvalid(f"{path} is not an ICT-FaceKit Light .npz file: {error}.") from error
    first, second = EYE_LEFT_OR_RIGHT
    left, right = (first, second) if neutral[first, 0].mean() > 0 else (second, first)
    middle = 0.5 * (neutral[left].mean(0) + neutral[right].mean(0))
    neutral -= middle
    identity -= 0.5 * (identity[:, left].mean(1) + identity[:, right].mean(1))[:, None]
    index = {name: k for k, name in enumerate(names)}
    expression = np.stack(
        [sum(offsets[index[part]] for part in _ict_name(name)) for name in ARKIT_NAMES if name != "tongueOut"]
    )
    keep = (faces < VERTICES).all(1)
    return IctSource(
        neutral, identity, expression, faces[keep], faces_uv[keep], uv, landmarks68, left, right
    )
