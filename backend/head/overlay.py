"""The fitted mesh drawn over the photo: its lattice as thin lines, where the photo sees it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..face_model.base import HeadGeometry
from ..fitting.camera import Camera
from ..mesh.normals import vertex_normals
from ..mesh.raster import fragments
from ..mesh.topology import MATERIALS, Topology
from .shading import Surface

LINES = 48  # lattice lines across the skin's UV square that are drawn
LINE_RGB = (190.0, 236.0, 255.0)
LINE_WIDTH_PX = 1.0
LINE_OPACITY = 0.62
PHOTO_SHARE = 0.86  # brightness of the photo under the lines
NECK_FADE_MM = 40.0
SUPERSAMPLING = 2


def photo_crop(
    points_px: NDArray[np.float64], photo_size: tuple[int, int], size: tuple[int, int]
) -> tuple[float, float, float]:
    """Left, top and scale (crop pixels per photo pixel) of the part of the photo that shows the points.

    The part has the aspect of ``size``, holds the points with a margin, and stays inside the photo where it fits.
    """
    low, high = points_px.min(0), points_px.max(0)
    middle = 0.5 * (low + high)
    extent = (high - low) * 1.12
    scale = float(min(size[0] / extent[0], size[1] / extent[1]))
    corner = []
    for axis in range(2):
        span = size[axis] / scale
        room = photo_size[axis] - span
        start = middle[axis] - 0.5 * span
        corner.append(float(min(max(start, 0.0), room)) if room > 0 else 0.5 * room)
    return corner[0], corner[1], scale


def draw_mesh_on_photo(
    pixels: NDArray[np.uint8],
    camera: Camera,
    rotation: NDArray[np.float64],
    translation_mm: NDArray[np.float64],
    expression: NDArray[np.float64],
    topology: Topology,
    head: HeadGeometry,
    size: tuple[int, int],
    lowest_mm: float,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The photo's part around the head, and the same with the mesh's lattice drawn on it.

    Parameters
    ----------
    pixels : (H, W, 3) uint8 sRGB, upright, that ``camera`` looks at
    rotation, translation_mm : model space to camera frame
    expression : (E,) weights of ``head.blendshapes``
    size : (width, height) of the crops
    lowest_mm : height in model space where the drawn neck ends; what is below does not count for the crop either

    Returns
    -------
    Two (h, w, 3) uint8 images.
    """
    active = np.flatnonzero(expression)
    model = head.neutral + np.tensordot(expression[active], head.blendshapes[active], 1)
    vertices = model @ rotation.T + translation_mm
    left, top, scale = photo_crop(
        camera.project(vertices[model[:, 1] > lowest_mm]), (camera.width, camera.height), size
    )
    crop = _resample(pixels, left, top, scale, size)
    fine = SUPERSAMPLING
    zoomed = Camera(
        size[0] * fine, size[1] * fine, camera.fx * scale * fine, camera.fy * scale * fine,
        (camera.cx - left) * scale * fine, (camera.cy - top) * scale * fine,
    )  # fmt: skip
    normals = vertex_normals(model, topology.quads) @ rotation.T
    neck = np.clip((model[:, 1] - lowest_mm) / NECK_FADE_MM, 0.0, 1.0)
    lines = cv2.resize(_lines(topology, vertices, normals, neck, zoomed), size, interpolation=cv2.INTER_AREA)
    share = (LINE_OPACITY * lines)[..., None]
    drawn = crop * PHOTO_SHARE * (1.0 - share) + np.array(LINE_RGB, np.float32) * share
    return crop, np.clip(drawn + 0.5, 0, 255).astype(np.uint8)


def _resample(
    pixels: NDArray[np.uint8], left: float, top: float, scale: float, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Cut and scale with area averaging when the photo is larger than the crop; beyond its edge it is repeated."""
    image = pixels
    while scale <= 0.5:
        half = (max(1, image.shape[1] // 2), max(1, image.shape[0] // 2))
        image = cv2.resize(image, half, interpolation=cv2.INTER_AREA).astype(np.uint8)
        scale, left, top = scale * 2.0, left / 2.0, top / 2.0
    # cv2 counts from pixel centres, we from the corner.
    matrix = np.array([[1 / scale, 0, left + 0.5 / scale - 0.5], [0, 1 / scale, top + 0.5 / scale - 0.5]])
    return cv2.warpAffine(
        image, matrix, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    ).astype(np.uint8)


def _lines(
    topology: Topology,
    vertices: NDArray[np.float64],
    normals: NDArray[np.float64],
    opacity: NDArray[np.float64],
    camera: Camera,
) -> NDArray[np.float32]:
    """(H, W) coverage, 0 to 1, of the lines of constant U and V that the camera sees; ``opacity`` is per vertex.

    A pixel's distance to the nearest line is its UV distance divided by the UV gradient of its own triangle in the
    image, so that lines keep their width and need no derivative across seams.
    """
    surface = Surface.of(topology)
    points = camera.project(vertices)
    seen = fragments(points, -vertices[:, 2], surface.triangles, camera.width, camera.height, cull_back=True)
    result = np.zeros(camera.height * camera.width, np.float32)
    skin = surface.material[seen.triangle] == MATERIALS.index("skin")
    index, triangle, weights = seen.place[skin], seen.triangle[skin], seen.barycentric[skin]
    grid = surface.corner_uv * LINES
    # Image gradients of U and V per triangle: solve [e1; e2] g = [u1 - u0; u2 - u0].
    corner = points[surface.triangles]
    e1, e2 = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    determinant = e1[:, 0] * e2[:, 1] - e1[:, 1] * e2[:, 0]
    determinant = np.where(np.abs(determinant) < 1e-9, np.inf, determinant)
    d1, d2 = grid[:, 1] - grid[:, 0], grid[:, 2] - grid[:, 0]
    gx = (d1 * e2[:, 1:] - d2 * e1[:, 1:]) / determinant[:, None]
    gy = (d2 * e1[:, :1] - d1 * e2[:, :1]) / determinant[:, None]
    gradient = np.hypot(gx, gy).astype(np.float32)[triangle]
    uv = np.einsum("pk,pkc->pc", weights, grid[triangle])
    distance = np.abs(uv - np.round(uv)) / np.maximum(gradient, 1e-6)
    half = 0.5 * LINE_WIDTH_PX * SUPERSAMPLING
    # Where cells are smaller than a few pixels, lines fade rather than fill the surface.
    crowded = np.clip((1.0 / np.maximum(gradient, 1e-6) - 2.0) / (4.0 * SUPERSAMPLING), 0.0, 1.0)
    line = (np.clip(half + 0.5 - distance, 0.0, 1.0) * crowded).max(axis=1)
    view = vertices / np.linalg.norm(vertices, axis=1, keepdims=True)
    # Lines fade where the surface turns away, before they crowd at the outline.
    shown = (np.clip(-2.5 * np.einsum("ij,ij->i", normals, view), 0.0, 1.0) * opacity).astype(np.float32)
    result[index] = line * np.einsum("pk,pk->p", weights, shown[surface.triangles[triangle]])
    return result.reshape(camera.height, camera.width)
