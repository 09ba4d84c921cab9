"""The preview sheet: the photo, the fitted mesh on it, the head with and without skin, a row of expressions."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ..face_model.base import HeadGeometry
from ..fitting.camera import Camera
from ..mesh.normals import vertex_normals
from ..mesh.topology import LandmarkEmbedding, Topology
from .overlay import draw_mesh_on_photo
from .shading import PHOTO_STUDIO, Float32, Pixels, Studio, Surface, TextureSet, clay_albedo, see, shade, to_srgb

Bytes = NDArray[np.uint8]
CHIN_IBUG68 = 8

# What the row of expressions shows: caption, blendshape weights.
EXPRESSIONS: tuple[tuple[str, Mapping[str, float]], ...] = (
    ("smile", {"mouthSmileLeft": 0.85, "mouthSmileRight": 0.85, "cheekSquintLeft": 0.6, "cheekSquintRight": 0.6,
               "eyeSquintLeft": 0.25, "eyeSquintRight": 0.25}),
    ("jaw open", {"jawOpen": 0.75}),
    ("blink", {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}),
    ("brows up", {"browInnerUp": 1.0, "browOuterUpLeft": 0.9, "browOuterUpRight": 0.9, "eyeWideLeft": 0.5,
                  "eyeWideRight": 0.5}),
    ("pucker", {"mouthPucker": 0.9}),
    ("sneer", {"noseSneerLeft": 0.9, "noseSneerRight": 0.9, "mouthUpperUpLeft": 0.5, "mouthUpperUpRight": 0.5,
               "browDownLeft": 0.6, "browDownRight": 0.6}),
    ("glance", {"eyeLookOutLeft": 0.75, "eyeLookInRight": 0.75, "mouthSmileLeft": 0.35, "browOuterUpLeft": 0.5}),
)  # fmt: skip


@dataclass(frozen=True)
class PreviewSettings:
    """Sizes in pixels of the finished sheet, lengths in mm."""

    width: int = 1800
    margin: int = 18
    gap: int = 10
    view_height: int = 520
    expression_height: int = 296
    caption_px: int = 15
    supersampling: int = 2
    view_distance_mm: float = 1300.0
    three_quarter_degrees: float = 38.0
    side_degrees: float = 88.0
    neck_mm: float = 16.0  # of neck below the chin before it fades
    fade_mm: float = 46.0
    page: tuple[int, int, int] = (30, 32, 36)
    cell_top: tuple[int, int, int] = (74, 78, 85)
    cell_bottom: tuple[int, int, int] = (44, 47, 52)
    caption: tuple[int, int, int] = (176, 181, 188)
    threads: int = 2
    clay_studio: Studio = field(default_factory=Studio)
    photo_studio: Studio = PHOTO_STUDIO


class PhotoView(NamedTuple):
    """How the photo sees the head: upright ``pixels`` (H, W, 3) uint8 sRGB, camera, pose, expression (E,)."""

    pixels: Bytes
    camera: Camera
    rotation: NDArray[np.float64]
    translation_mm: NDArray[np.float64]
    expression: NDArray[np.float64]


class _Subject(NamedTuple):
    """Everything the views share."""

    surface: Surface
    topology: Topology
    head: HeadGeometry
    names: tuple[str, ...]
    textures: TextureSet
    texture_size: int
    chin_y: float
    crown_y: float
    middle_z: float


def render_preview(
    photo: PhotoView,
    topology: Topology,
    head: HeadGeometry,
    blendshape_names: tuple[str, ...],
    ibug68: LandmarkEmbedding,
    textures: Mapping[str, Bytes],
    settings: PreviewSettings | None = None,
) -> Bytes:
    """Draw the sheet.

    Parameters
    ----------
    photo : the photo and the fit to it
    topology, head, blendshape_names : the head; captions whose blendshapes it lacks are left out
    ibug68 : tells where the chin is
    textures : (S, S, 3) uint8 sRGB of each material: "skin", "eye", "teeth", "mouth"

    Returns
    -------
    (H, W, 3) uint8 sRGB, W = settings.width
    """
    settings = settings or PreviewSettings()
    skin = np.unique(topology.quads[topology.material == 0])
    skin = head.neutral[skin[skin >= 0]]
    chin = ibug68.points(head.neutral)[np.flatnonzero(ibug68.landmark == CHIN_IBUG68)[0]]
    subject = _Subject(
        Surface.of(topology), topology, head, blendshape_names, TextureSet(textures), textures["skin"].shape[0],
        float(chin[1]), float(skin[:, 1].max()), float(0.5 * (skin[:, 2].min() + skin[:, 2].max())),
    )  # fmt: skip
    width = (settings.width - 2 * settings.margin - 3 * settings.gap) // 4
    size = (width, settings.view_height)
    # Turn the side to the viewer that the photo shows more of.
    facing_x = float(photo.rotation[0, 2])
    sign = 1.0 if facing_x >= 0 else -1.0
    degrees = (0.0, sign * settings.three_quarter_degrees, sign * settings.side_degrees)
    shown = [(name, weights) for name, weights in EXPRESSIONS if set(weights) <= set(blendshape_names)]
    columns = max(len(shown), 1)
    room = settings.width - 2 * settings.margin - (columns - 1) * settings.gap
    small = (room // columns, settings.expression_height)
    with ThreadPoolExecutor(max_workers=settings.threads) as pool:
        views = [pool.submit(_turned_view, subject, yaw, size, settings) for yaw in degrees]
        overlay = pool.submit(draw_mesh_on_photo, *photo, topology, head, size, _bottom(subject, settings))
        faces = [pool.submit(_expression_view, subject, weights, small, settings) for _, weights in shown]
        crop, with_mesh = overlay.result()
        textured, clay = zip(*(view.result() for view in views), strict=True)
        row = [face.result() for face in faces]
    rows = [([crop, *textured], ["photo", "", "", ""]), ([with_mesh, *clay], ["fit", "", "", ""])]
    if row:
        rows.append((row, [name for name, _ in shown]))
    return _sheet(rows, settings)


def _bottom(subject: _Subject, settings: PreviewSettings) -> float:
    """Lowest height (model space, mm) that a view shows: where the neck has faded."""
    lowest = float(subject.head.neutral[:, 1].min())
    return max(subject.chin_y - settings.neck_mm - settings.fade_mm, lowest)


def _turned_view(
    subject: _Subject, yaw_degrees: float, size: tuple[int, int], settings: PreviewSettings
) -> tuple[Bytes, Bytes]:
    """The neutral head from one side, textured and as clay, (h, w, 3) each."""
    top, bottom = subject.crown_y, _bottom(subject, settings)
    middle = np.array([0.0, 0.5 * (top + bottom) + 4.0, subject.middle_z])
    pixels, fade, ratio = _look(
        subject, subject.head.neutral, yaw_degrees, middle, 1.06 * (top - bottom), size, settings
    )
    albedo = subject.textures.sample(pixels, ratio)
    clay = clay_albedo(pixels, albedo, settings.clay_studio)
    return (
        _finish(pixels, shade(pixels, albedo, settings.photo_studio), fade, size, settings),
        _finish(pixels, shade(pixels, clay, settings.clay_studio), fade, size, settings),
    )


def _expression_view(
    subject: _Subject, weights: Mapping[str, float], size: tuple[int, int], settings: PreviewSettings
) -> Bytes:
    """The textured face with an expression, a little from the side, (h, w, 3)."""
    index = [subject.names.index(name) for name in weights]
    vertices = subject.head.neutral + np.tensordot(list(weights.values()), subject.head.blendshapes[index], 1)
    face = subject.crown_y - subject.chin_y
    # Turned about a point nearer to the face than the head's middle, so that the face stays in the cell's middle.
    middle = np.array([0.0, subject.chin_y + 0.37 * face, 0.45 * subject.middle_z])
    pixels, fade, ratio = _look(subject, vertices, -14.0, middle, 1.06 * face, size, settings)
    light = shade(pixels, subject.textures.sample(pixels, ratio), settings.photo_studio)
    return _finish(pixels, light, fade, size, settings)


def _look(
    subject: _Subject,
    vertices: NDArray[np.float64],
    yaw_degrees: float,
    middle: NDArray[np.float64],
    height_mm: float,
    size: tuple[int, int],
    settings: PreviewSettings,
) -> tuple[Pixels, Float32, float]:
    """See the head turned by a yaw about ``middle``, which comes to the middle of the image.

    Returns the pixels, their opacity (P,) where the neck fades, and the skin texture's texels per pixel.
    """
    yaw = np.radians(yaw_degrees)
    rotation = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    turned = (vertices - middle) @ rotation.T - [0.0, 0.0, settings.view_distance_mm]
    width, height = (side * settings.supersampling for side in size)
    camera = Camera.centred((width, height), settings.view_distance_mm * height / height_mm)
    normals = vertex_normals(vertices, subject.topology.quads) @ rotation.T
    pixels = see(subject.surface, turned, normals, camera, settings.clay_studio)
    above = pixels.position[:, 1] + middle[1] - _bottom(subject, settings)
    opacity = np.clip(above / settings.fade_mm, 0.0, 1.0)
    opacity = opacity * opacity * (3.0 - 2.0 * opacity)
    # A head's skin texture spans about 1.6 times the head's height.
    ratio = subject.texture_size / (1.6 * height * (subject.crown_y - subject.chin_y) / height_mm)
    return pixels, opacity.astype(np.float32), ratio


def _finish(
    pixels: Pixels, light: Float32, opacity: Float32, size: tuple[int, int], settings: PreviewSettings
) -> Bytes:
    """Lay over the cell's background, then average the supersamples.

    Both in display values: averaged in linear light, a bright outline on a dark ground looks ragged.
    """
    image = _backdrop((pixels.width, pixels.height), settings).reshape(-1, 3)
    share = opacity[:, None]
    image[pixels.place] = image[pixels.place] * (1.0 - share) + to_srgb(light) * share
    small = cv2.resize(
        image.reshape(pixels.height, pixels.width, 3), size, interpolation=cv2.INTER_AREA
    )
    return np.rint(small).astype(np.uint8)


def _backdrop(size: tuple[int, int], settings: PreviewSettings) -> Float32:
    """(h, w, 3) float32 display values, 0 to 255, of a cell's background: lighter above, darker below."""
    top, bottom = np.array(settings.cell_top), np.array(settings.cell_bottom)
    share = np.linspace(0.0, 1.0, size[1])[:, None]
    column = (1.0 - share) * top + share * bottom
    return np.broadcast_to(column[:, None], (size[1], size[0], 3)).astype(np.float32)


def _sheet(rows: list[tuple[list[Any], list[str]]], settings: PreviewSettings) -> Bytes:
    """Put rows of equally high cells under each other, with captions inside the cells' lower left corners."""
    height = 2 * settings.margin + sum(row[0].shape[0] for row, _ in rows) + settings.gap * (len(rows) - 1)
    page = np.empty((height, settings.width, 3), np.uint8)
    page[:] = settings.page
    sheet = Image.fromarray(page)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(settings.caption_px)
    y = settings.margin
    for cells, captions in rows:
        x = settings.margin
        for cell, caption in zip(cells, captions, strict=True):
            sheet.paste(Image.fromarray(cell), (x, y), _rounded(cell.shape[1], cell.shape[0]))
            place = (x + 12, y + cell.shape[0] - settings.caption_px - 12)
            draw.text(place, caption, font=font, fill=settings.caption, stroke_width=2, stroke_fill=settings.page)
            x += cell.shape[1] + settings.gap
        y += cells[0].shape[0] + settings.gap
    return np.asarray(sheet)


@cache
def _rounded(width: int, height: int, radius: int = 8) -> Image.Image:
    """Mask of a rectangle with rounded corners, antialiased."""
    mask = Image.new("L", (4 * width, 4 * height), 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, 4 * width - 1, 4 * height - 1), 4 * radius, fill=255)
    return mask.resize((width, height), Image.Resampling.BOX)
