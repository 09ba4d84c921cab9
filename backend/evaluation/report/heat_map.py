"""Error heat maps: the true surface in clay with the distance to a prediction as colour, and the same on the photo.

Everything is drawn once per image and view; each name then only brings its colours.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ...fitting.camera import Camera
from ...head import shading
from ...head.overlay import photo_crop
from ...mesh.normals import vertex_normals
from ...mesh.raster import Fragments, fragments
from ..case import AnyCamera, Truth, WeakCamera
from ..metrics.cylinder import MAP_SIZE
from ..surface import Surface
from .colour_scale import error_colours

Array = NDArray[np.float64]
Bytes = NDArray[np.uint8]

SIZE = (200, 250)  # pixels of every picture, width and height
SUPERSAMPLING = 2
VIEW_DISTANCE_MM = 1100.0
THREE_QUARTER_DEGREES = 40.0
MARGIN = 1.06  # what the picture spans, by what the measured points span
CLAY_RGB = (168, 165, 160)  # of the truth where nothing was measured
SHADE_DEPTH = 0.5  # how dark the deepest shadow makes a colour; less would hide the shape, more the colours
PHOTO_OPACITY = 0.68
NEIGHBOURS = 4
REACH_SPACINGS = 3.0  # a vertex farther than this many point spacings from all points was not measured
LEAST_REACH_MM = 2.0
STUDIO = shading.Studio(key=0.62, fill=0.2, sky=0.40, ground=0.22, rim=0.0, occlusion=0.55, gloss=0.0)


class MeshView(NamedTuple):
    """What a picture shows of a surface: ``seen`` pixels, their light (P,) from 0 to 1, triangles (T, 3), size."""

    seen: Fragments
    light: NDArray[np.float32]
    triangles: NDArray[np.int32]
    size: tuple[int, int]


class PhotoView(NamedTuple):
    """The part of the photograph with the face, (h, w, 3) sRGB, and which pixels see the surface."""

    crop: Bytes
    seen: Fragments
    triangles: NDArray[np.int32]


def distances_at(vertices: Array, points: NDArray[Any], distance: NDArray[Any]) -> Array:
    """Measured distances carried over to a surface's vertices.

    Parameters
    ----------
    vertices : (V, 3) mm; points : (N, 3) mm, same frame; distance : (N,) mm at the points

    Returns
    -------
    (V,) mm, weighted by the inverse square of the way to the nearest points; NaN where no point is near
    """
    tree = cKDTree(np.asarray(points, np.float64))
    own = tree.query(tree.data, k=2)[0][:, 1] if len(points) > 1 else np.zeros(1)
    reach = max(REACH_SPACINGS * float(np.median(own)), LEAST_REACH_MM)
    way, which = tree.query(vertices, k=min(NEIGHBOURS, len(points)))
    way, which = way.reshape(len(vertices), -1), which.reshape(len(vertices), -1)
    weight = 1.0 / (way * way + 1e-4)
    values = np.asarray(distance, np.float64)[which]
    mean: Array = (weight * values).sum(1) / weight.sum(1)
    mean[way[:, 0] > reach] = np.nan
    return mean


def head_axes(truth: Truth) -> Array:
    """(3, 3) rotation whose columns are the head's axes (to the subject's left, up, out of the face).

    From the data set where it has them, else from the seven landmarks, else the frame's own.
    """
    if truth.head_rotation is not None:
        return np.asarray(truth.head_rotation, np.float64)
    if truth.seven is None:
        return np.eye(3)
    right, left = truth.seven[:2].mean(0), truth.seven[2:4].mean(0)
    mouth = truth.seven[5:].mean(0)
    across = left - right
    up = 0.5 * (left + right) - mouth
    across /= np.linalg.norm(across)
    up -= across * (up @ across)
    up /= np.linalg.norm(up)
    return np.stack([across, up, np.cross(across, up)], 1)


def mesh_views(surface: Surface, axes: Array, shown: NDArray[Any]) -> tuple[MeshView, MeshView]:
    """Front and three-quarter view (from the subject's left) of a surface.

    Parameters
    ----------
    axes : (3, 3) see ``head_axes``
    shown : (N, 3) mm, what the pictures are framed by: the measured points
    """
    middle = np.asarray(shown, np.float64) @ axes
    middle = 0.5 * (middle.min(0) + middle.max(0))
    vertices = surface.vertices @ axes - middle
    framed = np.asarray(shown, np.float64) @ axes - middle
    front, side = (_mesh_view(surface, vertices, framed, turn) for turn in (0.0, -THREE_QUARTER_DEGREES))
    return front, side


def _mesh_view(surface: Surface, vertices: Array, framed: Array, turn_degrees: float) -> MeshView:
    """Turn about the vertical axis and draw; the picture is framed by the points, at most filled by them."""
    angle = np.radians(turn_degrees)
    turn = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    )  # fmt: skip
    turned = vertices @ turn.T
    sideways = framed @ turn.T
    turned[:, 0] -= 0.5 * (sideways[:, 0].min() + sideways[:, 0].max())
    turned[:, 2] -= VIEW_DISTANCE_MM
    width, height = (side * SUPERSAMPLING for side in SIZE)
    span = MARGIN * max(float(np.ptp(framed[:, 1])), float(np.ptp(sideways[:, 0])) * height / width)
    camera = Camera.centred((width, height), height / span * VIEW_DISTANCE_MM)
    normals = vertex_normals(turned, surface.triangles)
    opaque = shading.Surface(
        surface.triangles,
        np.zeros((len(surface.triangles), 3, 2), np.float32),
        np.full(len(surface.triangles), shading.SKIN, np.uint8),
        np.zeros((0, 3), np.int32),
    )
    pixels = shading.see(opaque, turned, normals, camera, STUDIO)
    white = np.full((len(pixels.place), 3), 1.0, np.float32)
    light = shading.shade(pixels, white, STUDIO).mean(1)
    seen = fragments(
        camera.project(turned), -turned[:, 2], surface.triangles, width, height, cull_back=True
    )
    return MeshView(seen, np.clip(light, 0.0, 1.0), surface.triangles, (width, height))


def draw_mesh(view: MeshView, values: Array) -> Bytes:
    """A picture of the mesh with colours.

    Parameters
    ----------
    values : (V,) mm at the surface's vertices, NaN where not measured

    Returns
    -------
    (h, w, 4) sRGB with opacity, SIZE, nothing behind the mesh
    """
    width, height = view.size
    colour = _colours(view.seen, view.triangles, values, CLAY_RGB)
    colour *= (1.0 - SHADE_DEPTH * (1.0 - view.light))[:, None]
    image = np.zeros((height * width, 4), np.float32)
    image[view.seen.place, :3] = colour
    image[view.seen.place, 3] = 255.0
    # Colours are still 0 where nothing is: averaging gives them multiplied by the opacity.
    small = cv2.resize(image.reshape(height, width, 4), SIZE, interpolation=cv2.INTER_AREA)
    opacity = small[..., 3:] / 255.0
    small[..., :3] = small[..., :3] / np.maximum(opacity, 1e-3)
    return np.clip(np.rint(small), 0, 255).astype(np.uint8)


def _colours(
    seen: Fragments, triangles: NDArray[np.int32], values: Array, elsewhere: tuple[int, int, int]
) -> NDArray[np.float32]:
    """(P, 3) colours of pixels; a triangle with a corner that was not measured is drawn as ``elsewhere``."""
    at_pixel = np.einsum("pc,pc->p", seen.barycentric.astype(np.float64), values[triangles[seen.triangle]])
    known = np.isfinite(at_pixel)
    colour = np.empty((len(at_pixel), 3), np.float32)
    colour[:] = elsewhere
    colour[known] = error_colours(at_pixel[known])
    return colour


def photo_view(photo: Bytes, surface: Surface, camera: AnyCamera, shown: NDArray[Any]) -> PhotoView:
    """Cut the face out of the photograph and find what its pixels see of the surface.

    Parameters
    ----------
    photo : (H, W, 3) sRGB, of the camera's size
    surface, camera : of the data; the surface stands in the camera's frame
    shown : (N, 3) mm, what the picture is framed by
    """
    left, top, scale = photo_crop(
        camera.project(np.asarray(shown, np.float64)), (camera.width, camera.height), SIZE
    )
    crop = _cut(photo, left, top, scale)
    width, height = (side * SUPERSAMPLING for side in SIZE)
    points = (camera.project(surface.vertices) - [left, top]) * scale * SUPERSAMPLING
    depth = -surface.vertices[:, 2]
    if isinstance(camera, WeakCamera):  # no place for its centre: any depth will do that is positive and ordered
        depth = depth - depth.min() + 1.0
    seen = fragments(points, depth, surface.triangles, width, height, cull_back=True)
    return PhotoView(crop, seen, surface.triangles)


def _cut(photo: Bytes, left: float, top: float, scale: float) -> Bytes:
    """The part of a photograph from (left, top) on, ``scale`` pixels per photo pixel, SIZE; edges go on outside."""
    x, y = max(0, int(left)), max(0, int(top))
    part = photo[y : int(np.ceil(top + SIZE[1] / scale)), x : int(np.ceil(left + SIZE[0] / scale))]
    # Resized first, with area averaging where it shrinks, so that no pixel of the photo is skipped.
    resized = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    small = cv2.resize(part, resized, interpolation=cv2.INTER_AREA if scale < 1.0 else cv2.INTER_CUBIC)
    shift = np.array([[1.0, 0.0, (x - left) * scale], [0.0, 1.0, (y - top) * scale]])
    return cv2.warpAffine(small, shift, SIZE, borderMode=cv2.BORDER_REPLICATE).astype(np.uint8)


def draw_on_photo(view: PhotoView, values: Array) -> Bytes:
    """The photograph with colours over the measured face; ``values`` (V,) as for ``draw_mesh``. (h, w, 3) sRGB."""
    width, height = (side * SUPERSAMPLING for side in SIZE)
    image = cv2.resize(view.crop, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32).reshape(-1, 3)
    measured = np.isfinite(values[view.triangles]).all(1)[view.seen.triangle]
    place = view.seen.place[measured]
    chosen = Fragments(*(column[measured] for column in view.seen))
    colour = _colours(chosen, view.triangles, values, CLAY_RGB)
    image[place] += PHOTO_OPACITY * (colour - image[place])
    small = cv2.resize(image.reshape(height, width, 3), SIZE, interpolation=cv2.INTER_AREA)
    return np.clip(np.rint(small), 0, 255).astype(np.uint8)


class MeanMap:
    """Mean of the absolute finite values of cylinder maps, one map at a time."""

    def __init__(self) -> None:
        self.count = np.zeros((MAP_SIZE, MAP_SIZE), np.int64)
        self._total = np.zeros((MAP_SIZE, MAP_SIZE))

    def add(self, values: NDArray[Any]) -> None:
        """Take one (256, 256) map, NaN where it says nothing."""
        finite = np.isfinite(values)
        self._total[finite] += np.abs(values[finite].astype(np.float64))
        self.count += finite

    def value(self) -> Array:
        """(256, 256), NaN where no map said anything."""
        result: Array = np.full_like(self._total, np.nan)
        return np.divide(self._total, self.count, out=result, where=self.count > 0)
