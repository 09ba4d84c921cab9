"""A prediction put before the data set's camera: its own projection is kept, and only depth is free.

FaceScape's protocol compares in the frame of the data's camera, without rotation, shift or scale in the image. A
program has a camera of its own (another focal length, or an orthographic one), so every vertex keeps the pixel
(u, v) that its own camera gives it, and gets a depth d along the optical axis of the data's camera:

    own pinhole f', data pinhole f    D = D' f / f'    d = D + (d' - D')         (size in pixels and in mm is kept)
    own weak s',    data pinhole f    D = f / s'       d = D + (z mean - z)
    own pinhole f', data weak s       z = -d' q        q = f' / (D' s)           (size in pixels is kept; mm are the
    own weak s',    data weak s       z = z' q         q = s' / s                 data's, depth is scaled with them)

D' and z mean belong to the surface's centre of area, which neither the order nor the density of vertices moves.
Then X = (u - cx) / fx d, Y = (cy - v) / fy d, Z = -d, or X = (u - cx) / s, Y = (cy - v) / s. What remains wrong is
one depth, which ``depth_alignment`` finds. With fx unlike fy their geometric mean counts as f.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...errors import MeshInvalid
from ...fitting.camera import Camera
from ..case import AnyCamera, Prediction, WeakCamera
from ..surface import Surface, triangle_areas

Array = NDArray[np.float64]


def placed(prediction: Prediction, camera: AnyCamera | None) -> Surface:
    """The prediction's surface in the frame of the data's camera, every vertex on its own pixel; mm.

    Parameters
    ----------
    prediction : its camera None means that it stands in the data's frame already
    camera : of the data; None (a scan that stands in no camera) leaves the surface as it is

    Raises
    ------
    MeshInvalid : parts of the surface lie behind a camera
    """
    own, surface = prediction.camera, prediction.surface
    if camera is None:
        return surface
    pixels, depth = _seen_by(own or camera, surface)
    if own is None or own == camera:
        return surface
    centre = area_centre(surface)
    if isinstance(camera, WeakCamera):
        scale = own.scale if isinstance(own, WeakCamera) else _focal(own) / -centre[2]
        size = scale / camera.scale
        x, y = (pixels[:, 0] - camera.cx) / camera.scale, (camera.cy - pixels[:, 1]) / camera.scale
        return surface.moved(np.stack([x, y, -depth * size], 1))
    if isinstance(own, WeakCamera):
        mean = _focal(camera) / own.scale
    else:
        mean = -centre[2] * _focal(camera) / _focal(own)
    depth = depth + (mean + centre[2])
    _refuse_behind(surface, depth, "the data set's camera")
    return surface.moved(camera.rays(pixels) * depth[:, None])


def area_centre(surface: Surface) -> Array:
    """(3,) centre of a surface's area: no vertex order, no density and no unused vertex moves it."""
    area = triangle_areas(surface.vertices, surface.triangles)
    result: Array = area @ surface.vertices[surface.triangles].mean(1) / area.sum()
    return result


def _seen_by(camera: AnyCamera, surface: Surface) -> tuple[Array, Array]:
    """(V, 2) pixels and (V,) depths, mm; of an orthographic camera depth counts from z = 0."""
    depth = -surface.vertices[:, 2]
    if isinstance(camera, WeakCamera):
        return camera.project(surface.vertices), depth
    _refuse_behind(surface, depth, "its camera")
    # Vertices that no triangle uses may lie anywhere.
    used = np.where((depth > 0.0)[:, None], surface.vertices, [0.0, 0.0, -1.0])
    return camera.project(used), depth


def _refuse_behind(surface: Surface, depth: Array, whose: str) -> None:
    """Raise MeshInvalid where vertices that triangles use have no positive depth (V,) before a pinhole camera."""
    behind = int((depth[np.unique(surface.triangles)] <= 0.0).sum())
    if behind:
        raise MeshInvalid(
            f"{behind} of the mesh's {len(surface.vertices)} vertices lie behind {whose}, which looks along -z."
        )


def _focal(camera: Camera) -> float:
    return float(np.sqrt(camera.fx * camera.fy))
