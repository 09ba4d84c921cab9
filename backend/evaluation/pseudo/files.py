"""Writes pseudo pairs in the plain layout (see ``datasets.plain``), with the pictures that tell how they were made.

    OUT/benchmark.json        note, settings, versions
    OUT/<photo>_<number>/     image.png, gt.npz, camera.json, landmarks.json, meta.json as there, and
                              mask.png    255 where the picture shows the mesh's skin alone
                              render.png  the mesh's face in the photo's light, before it was blended in
                              source.png  the photo's square, as it was
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...head.bundle_files import write_png
from ...head.npz import npz_bytes
from ...head.record import rounded
from ...mesh.topology import Topology
from ..metrics.face_crop import face_crop
from .lit_head import face_vertices
from .pair import PseudoPair

Array = NDArray[np.float64]


def write_pair(folder: Path, pair: PseudoPair, checks: dict[str, Any]) -> None:
    """Write one pair into an empty folder; ``checks`` are added to meta.json. Raises OSError."""
    write_png(folder / "image.png", pair.blend.image)
    write_png(folder / "mask.png", pair.blend.mask)
    write_png(folder / "render.png", pair.blend.render)
    write_png(folder / "source.png", pair.source)
    (folder / "gt.npz").write_bytes(npz_bytes(truth_arrays(pair.topology, pair.posed, pair.seven)))
    camera = pair.camera
    write_json(
        folder / "camera.json",
        {
            "K": [[camera.fx, 0.0, camera.cx], [0.0, camera.fy, camera.cy], [0.0, 0.0, 1.0]],
            "width": camera.width,
            "height": camera.height,
            "R": pair.rotation.tolist(),
            "head_center": rounded(pair.middle, 4),
        },
    )
    write_json(folder / "landmarks.json", {"points": rounded(pair.seven, 4)})
    forward = pair.rotation[:, 2]
    yaw = float(np.degrees(np.arctan2(forward[0], forward[2])))
    pitch = float(np.degrees(np.arcsin(np.clip(-forward[1], -1.0, 1.0))))
    write_json(folder / "meta.json", {**pair.about, "yaw": round(yaw, 3), "pitch": round(pitch, 3), **checks})


def truth_arrays(topology: Topology, posed: Array, seven: Array) -> dict[str, NDArray[Any]]:
    """What gt.npz holds: the face's outside inside NoW's sphere, and the whole mesh's vertices.

    Parameters
    ----------
    posed : (V, 3) mm, camera frame
    seven : (7, 3) case.NOW_LANDMARKS
    """
    inside = np.zeros(len(posed), bool)
    inside[face_vertices(topology)] = True
    inside &= face_crop(seven).contains(posed)
    triangles = topology.triangles("skin")[0]
    triangles = triangles[inside[triangles].all(1)]
    used = np.unique(triangles)
    number = np.zeros(len(posed), np.int32)
    number[used] = np.arange(len(used), dtype=np.int32)
    return {
        "vertices": posed[used].astype("<f4"),
        "faces": number[triangles].astype("<i4"),
        "model_vertices": posed.astype("<f4"),
    }


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write JSON that a person can read, the same bytes for the same values. Raises OSError."""
    text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False)
    path.write_bytes((text + "\n").encode("utf-8"))
