"""A head's dynamic detail as arrays, for the process that makes wrinkle maps for engines of it.

From the scene and nothing else: images as they were painted, shapes as they were sculpted, controls as they are
set.
"""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from ..backend_door import ARKIT_NAMES, FaceError
from ..detail_nodes import attributes, controls
from ..detail_nodes.controls import detail_modifier, get_controls
from ..scene.coordinates import METRES_PER_MM
from ..scene.detail_images import DETAIL_IMAGES, detail_images, read_pixels
from .snapshot import Snapshot


class DetailIncomplete(FaceError):
    """Something of the head's detail was deleted."""


def save_detail(head: bpy.types.Object, snapshot: Snapshot, path: Path) -> bool:
    """Write the detail of a head whose ``snapshot`` was taken at full density; False where it has none.

    Raises DetailIncomplete; OSError.
    """
    modifier = detail_modifier(head)
    if modifier is None:
        return False
    images = detail_images(head)
    lost = [name for name in DETAIL_IMAGES if name not in images or images[name].size[0] == 0]
    lost += [name for name in attributes.STATIC if name not in head.data.attributes]
    lost += [name for name in ARKIT_NAMES if name not in snapshot.channels]
    if lost or not (snapshot.face_sizes == 4).all():
        what = lost[0] if lost else "its faces"
        raise DetailIncomplete(
            f"The dynamic detail of {head.name} is not whole ({what}): Rebuild brings it back, or switch Wrinkle "
            "Maps off."
        )
    shown = get_controls(modifier)
    strength = shown[controls.STRENGTH] * shown[controls.SIZE]
    order = [snapshot.channels.index(name) for name in ARKIT_NAMES]
    with path.open("wb") as file:
        np.savez(
            file,
            quads=snapshot.corner_vertices.reshape(-1, 4),
            corner_uv=snapshot.uvs[0].reshape(-1, 4, 2),
            neutral=snapshot.basis / METRES_PER_MM,
            blendshapes=snapshot.offsets[order] / METRES_PER_MM,
            activation=_attributes(head.data, attributes.ACTIVATION),
            regions=_attributes(head.data, attributes.REGION),
            pixels=np.stack([read_pixels(images[name]) for name in DETAIL_IMAGES]),
            static=strength * shown[controls.STATIC],
            dynamic=strength * shown[controls.DYNAMIC],
            pores=strength * shown[controls.PORES],
            region_factors=np.array([shown[name] for name in controls.REGIONS]),
            onset=shown[controls.ONSET],
        )
    return True


def _attributes(mesh: bpy.types.Mesh, names: tuple[str, ...]) -> NDArray[np.float32]:
    """(n, V) numbers per vertex by name."""
    values = np.empty((len(names), len(mesh.vertices)), np.float32)
    for row, name in zip(values, names, strict=True):
        mesh.attributes[name].data.foreach_get("value", row)
    return values
