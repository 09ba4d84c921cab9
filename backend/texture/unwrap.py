"""The photo as the mesh sees it: where each vertex lies in the photo, what is hidden, how sure a texel can be.

Stages, each a function on a small dataclass so that later ones (lighting removal, sharper sampling) can step in
between: ``photo_view`` (crop, projection, z-buffer), ``landmark_warp`` (what the fit leaves at the landmarks),
``facing`` and ``visible`` (what a texel may take from the photo).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..fitting.camera import Camera
from ..mesh.normals import vertex_normals
from ..mesh.raster import Raster, rasterise
from ..mesh.topology import MATERIALS, LandmarkEmbedding, Topology

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class UnwrapSettings:
    """How the photo is brought onto the mesh.

    crop_margin       of the landmarks' box around it, to each side (the top gets half as much again)
    depth_buffer_px   long side of the z-buffer
    depth_bias_mm     a surface this much behind what the z-buffer saw still counts as seen
    cosine_none, cosine_full   cosine of the angle between surface and line of sight below which a texel takes
                      nothing from the photo, and above which it takes all
    warp_scales       standard deviations of the landmark warp, coarse to fine, of the face's width
    """

    crop_margin: float = 0.6
    depth_buffer_px: int = 720
    depth_bias_mm: float = 2.0
    cosine_none: float = 0.26
    cosine_full: float = 0.55
    warp_scales: tuple[float, ...] = (0.25, 0.1, 0.045)


@dataclass(frozen=True)
class PhotoView:
    """The head in the photo.

    pixels        (h, w, 3) uint8 sRGB: the part of the photo around the head, reduced where it is finer than texels
    points_px     (V, 2) vertices in ``pixels``, as the camera projects them
    depth         (V,) mm along the viewing axis
    cosine        (V,) between the surface normal and the direction to the camera; below 0 turned away
    raster        z-buffer of the skin over ``pixels``, coarser by ``raster_scale`` (z-buffer pixels per pixel)
    raster_scale  see there
    to_view       (scale, x, y): photo pixel p lies at (p - (x, y)) * scale in ``pixels``
    px_per_mm     of ``pixels``, at the face
    px_per_texel  of the photo itself at the face's texels; below 1 the photo is coarser than the texture
    """

    pixels: NDArray[np.uint8]
    points_px: NDArray[np.float64]
    depth: NDArray[np.float64]
    cosine: NDArray[np.float64]
    raster: Raster
    raster_scale: float
    to_view: tuple[float, float, float]
    px_per_mm: float
    px_per_texel: float

    def from_photo(self, points: FloatArray) -> NDArray[np.float64]:
        """(..., 2) photo pixels to pixels of the view."""
        scale, x, y = self.to_view
        result: NDArray[np.float64] = (np.asarray(points, dtype=np.float64) - np.array([x, y])) * scale
        return result


def photo_view(
    photo: NDArray[np.uint8],
    camera: Camera,
    vertices_cam: NDArray[np.float64],
    topology: Topology,
    landmarks: FloatArray,
    texture_size: int,
    settings: UnwrapSettings,
) -> PhotoView:
    """Cut the head out of the photo, project the mesh and fill the z-buffer.

    Parameters
    ----------
    photo : (H, W, 3) uint8 sRGB
    camera : of the photo
    vertices_cam : (V, 3) mm in the camera frame, as the head stands in the photo
    topology : Topology
    landmarks : (478, 2 or 3) photo pixels
    texture_size : S of the texture to be filled
    settings : UnwrapSettings
    """
    height, width = photo.shape[:2]
    low, high = landmarks[:468, :2].min(0), landmarks[:468, :2].max(0)
    margin = settings.crop_margin * float((high - low).max())
    x0, y0 = np.maximum(np.floor(low - [margin, 1.5 * margin]), 0).astype(int)
    x1, y1 = np.minimum(np.ceil(high + margin), [width, height]).astype(int)
    crop = photo[y0:y1, x0:x1]

    points = camera.project(vertices_cam)
    depth = -vertices_cam[:, 2]
    normals = vertex_normals(vertices_cam, topology.quads)
    sight = -vertices_cam / np.linalg.norm(vertices_cam, axis=1, keepdims=True)
    cosine = np.einsum("vk,vk->v", normals, sight)

    # Finer than the texture is of no use, and costs time and aliases.
    density = _px_per_texel(points, cosine, topology, texture_size)
    scale = min(1.0, 1.0 / density)
    if scale < 1.0:
        size = (max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale)))
        crop = np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        scale = size[0] / (x1 - x0)
    points = (points - [x0, y0]) * scale

    shown_height, shown_width = crop.shape[:2]
    raster_scale = min(1.0, settings.depth_buffer_px / max(shown_width, shown_height))
    triangles, _ = topology.triangles("skin")
    raster = rasterise(
        points * raster_scale,
        depth,
        triangles,
        max(1, round(shown_width * raster_scale)),
        max(1, round(shown_height * raster_scale)),
    )
    towards = cosine > 0.5
    face_depth = float(np.median(depth[towards] if towards.any() else depth))
    return PhotoView(
        pixels=np.ascontiguousarray(crop),
        points_px=points,
        depth=depth,
        cosine=cosine,
        raster=raster,
        raster_scale=raster_scale,
        to_view=(scale, float(x0), float(y0)),
        px_per_mm=camera.fx / face_depth * scale,
        px_per_texel=density,
    )


def _px_per_texel(points: NDArray[np.float64], cosine: NDArray[np.float64], topology: Topology, size: int) -> float:
    """Photo pixels along one texel, in the middle (median) of the face where it looks at the camera."""
    skin = topology.material == MATERIALS.index("skin")
    if "narrow_face" in topology.regions:
        inside = np.zeros(len(points), bool)
        inside[topology.regions["narrow_face"]] = True
        skin &= inside[topology.quads].all(1)
    skin &= (cosine[topology.quads] > 0.5).all(1)
    quads = topology.quads[skin]
    if not len(quads):
        return 1.0
    pixels = np.abs(_twice_area(points[quads[:, :3]]))
    texels = np.abs(_twice_area(topology.corner_uv[skin][:, :3].astype(np.float64))) * size**2
    return float(np.sqrt(np.median(pixels / np.maximum(texels, 1e-9))))


def _twice_area(triangles: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 3, 2) to (n,) signed."""
    first, second = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    result: NDArray[np.float64] = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    return result


def landmark_warp(
    view: PhotoView, embedding: LandmarkEmbedding, landmarks: FloatArray, settings: UnwrapSettings
) -> NDArray[np.float64]:
    """How far from its projection each vertex finds its own place in the photo, (V, 2) pixels of the view.

    The fit leaves a few pixels at the landmarks. Lids, lips and brows must lie on the mesh's own, so what is left
    is spread over the photo: normalised Gaussian averages, coarse to fine, each of what the coarser ones left
    (scattered data approximation after Lee, Wolberg and Shin 1997, with Gaussians for B-splines).

    Landmarks on parts that are turned away do not count.
    """
    columns = [view.points_px, view.cosine[:, None]]
    values = embedding.points(np.concatenate(columns, axis=1))
    place = values[:, :2]
    target = view.from_photo(landmarks[embedding.landmark, :2])
    # Irises move with the gaze; they are not places on the skin. Silhouettes slide along the surface.
    keep = (embedding.landmark < 468) & (values[:, 2] > 0.2)
    place, left = place[keep], (target - place)[keep]
    if not len(place):
        return np.zeros_like(view.points_px)
    width = float(np.ptp(target[:, 0]))

    # The field is smooth: evaluate it on a coarse grid over the view, then at the vertices.
    height_px, width_px = view.pixels.shape[:2]
    step = max(width_px, height_px) / 95.0
    x, y = np.meshgrid(np.arange(0.0, width_px + step, step), np.arange(0.0, height_px + step, step))
    grid = np.stack([x.ravel(), y.ravel()], axis=1)
    field = np.zeros_like(grid)
    for scale in settings.warp_scales:
        field += _gaussian_average(grid, place, left, scale * width)
        left = left - _gaussian_average(place, place, left, scale * width)
    image = field.reshape(*x.shape, 2).astype(np.float32)
    moved = sample(image, view.points_px / step + 0.5, cv2.INTER_LINEAR)
    return moved.astype(np.float64)


def _gaussian_average(
    at: NDArray[np.float64], place: NDArray[np.float64], value: NDArray[np.float64], sigma: float
) -> NDArray[np.float64]:
    """(n, 2) averages of (m, 2) values, fading to 0 where no place is within reach of ``sigma``."""
    squared = (at**2).sum(1)[:, None] + (place**2).sum(1) - 2.0 * at @ place.T
    weight = np.exp(np.maximum(squared, 0.0) / (-2.0 * sigma**2))
    result: NDArray[np.float64] = weight @ value / (weight.sum(1, keepdims=True) + 0.1)
    return result


def facing(cosine: FloatArray, settings: UnwrapSettings) -> NDArray[np.float32]:
    """Smooth step over the cosine of the viewing angle: 0 where grazing or turned away, 1 where well seen."""
    span = settings.cosine_full - settings.cosine_none
    t = np.clip((np.asarray(cosine, dtype=np.float32) - settings.cosine_none) / span, 0.0, 1.0)
    result: NDArray[np.float32] = t * t * (3.0 - 2.0 * t)
    return result


def visible(
    view: PhotoView, points_px: FloatArray, depth: FloatArray, settings: UnwrapSettings
) -> NDArray[np.bool_]:
    """Whether places on the skin are the first that the camera meets.

    Parameters
    ----------
    points_px : (..., 2) pixels of the view; depth : (...) mm

    Returns
    -------
    (...) bool. Outside the view nothing is visible; where the z-buffer is empty (just off the silhouette) all is.
    """
    height, width = view.raster.depth.shape
    at = np.asarray(points_px) * view.raster_scale
    column, row = at[..., 0].astype(np.int32), at[..., 1].astype(np.int32)
    inside = (at[..., 0] >= 0) & (at[..., 1] >= 0) & (column < width) & (row < height)
    np.clip(column, 0, width - 1, out=column)
    np.clip(row, 0, height - 1, out=row)
    result: NDArray[np.bool_] = inside & (depth <= view.raster.depth[row, column] + settings.depth_bias_mm)
    return result


def sample(
    pixels: NDArray[Any], points_px: FloatArray, interpolation: int = cv2.INTER_CUBIC
) -> NDArray[Any]:
    """An image (h, w) or (h, w, C) at positions in our pixel convention (centres at +0.5); the border repeats.

    Parameters
    ----------
    pixels : uint8 or float32
    points_px : (H, W, 2) or (n, 2)
    interpolation : of OpenCV's

    Returns
    -------
    (H, W, ...) or (n, ...) of the same dtype.
    """
    points = np.asarray(points_px, dtype=np.float32) - np.float32(0.5)
    if points.ndim == 2:  # a list: fold it, because OpenCV's rows are limited to 32,767 entries
        folded = np.zeros((-(-len(points) // 1024), 1024, 2), np.float32)
        folded.reshape(-1, 2)[: len(points)] = points
        found = cv2.remap(pixels, folded[..., 0], folded[..., 1], interpolation, borderMode=cv2.BORDER_REPLICATE)
        result: NDArray[Any] = found.reshape(-1, *found.shape[2:])[: len(points)]
        return result
    image: NDArray[Any] = cv2.remap(
        pixels, points[..., 0], points[..., 1], interpolation, borderMode=cv2.BORDER_REPLICATE
    )
    return image
