"""FaceScape Sec. 6.3, "Pre-process": only the depth of a prediction is free, its projection is kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...errors import MeshInvalid
from ...fitting.camera import Camera
from ...mesh.raster import rasterise
from ..case import AnyCamera
from ..surface import Surface

Array = NDArray[np.float64]
DEPTH_MAP_SIZE = 256
NOT_COVERED = "The predicted surface does not cover the face in the photo."


def depth_map(surface: Surface, camera: AnyCamera, size: int = DEPTH_MAP_SIZE) -> Array:
    """How far away the surface is at each pixel of a small picture of it.

    Parameters
    ----------
    surface : in the camera's frame
    camera : of the photo, of any size
    size : of the picture's longer side, pixels

    Returns
    -------
    (H, W) mm along the viewing axis, -z of the camera frame; NaN where no front of the surface is seen.
    """
    shrink = size / max(camera.width, camera.height)
    width, height = (max(1, round(shrink * side)) for side in (camera.width, camera.height))
    z = surface.vertices[:, 2]
    perspective = isinstance(camera, Camera)
    with np.errstate(divide="ignore", invalid="ignore"):  # points in the camera's plane are nowhere in the picture
        pixels = shrink * camera.project(surface.vertices)
    # The rasteriser interpolates 1 / distance, which perspective wants. For orthography the distance is chosen so
    # that its inverse, from 1 (farthest) to 2 (nearest), is affine in z.
    farthest, span = float(z.min()), float(np.ptp(z)) or 1.0
    distance = -z if perspective else 1.0 / (1.0 + (z - farthest) / span)
    seen = rasterise(pixels, distance, surface.triangles, width, height, cull_back=True).depth.astype(np.float64)
    depth: Array = seen if perspective else -(farthest + (1.0 / seen - 1.0) * span)
    return np.where(np.isfinite(seen), depth, np.nan)


def aligned_depth(truth: Surface, predicted: Surface, camera: AnyCamera) -> tuple[Surface, float]:
    """Move a prediction in depth so that the depths of both surfaces agree best where both are seen.

    The shift minimises the sum of absolute differences, as the benchmark's own code does by a general optimiser;
    its closed form is the median. Orthography: a translation. Perspective: a scale about the camera's centre, so
    that the projection stays.

    Parameters
    ----------
    truth, predicted : in the camera's frame, mm

    Returns
    -------
    The aligned prediction, and the shift in mm, positive where it went away from the camera.

    Raises
    ------
    MeshInvalid
        The two have no pixel in common.
    """
    true_depth, predicted_depth = depth_map(truth, camera), depth_map(predicted, camera)
    common = np.isfinite(true_depth) & np.isfinite(predicted_depth)
    if not common.any():
        raise MeshInvalid(NOT_COVERED)
    shift = float(np.median((true_depth - predicted_depth)[common]))
    if not isinstance(camera, Camera):
        return predicted.moved(predicted.vertices - [0.0, 0.0, shift]), shift
    mean_depth = float(true_depth[common].mean())
    if shift >= mean_depth:
        raise MeshInvalid("The predicted surface is too near to the camera to be aligned in depth.")
    return predicted.moved(predicted.vertices * (mean_depth / (mean_depth - shift))), shift
