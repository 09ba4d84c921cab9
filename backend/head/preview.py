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

from ..errors import TopologyMismatch
from ..face_model.base import HeadGeometry
from ..fitting.camera import Camera
from ..mesh.normals import vertex_normals
from ..mesh.topology import MATERIALS, LandmarkEmbedding, Topology
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
    """The head that all views show, and where its chin, crown and middle are (model space, mm)."""

    surface: Surface
    topology: Topology
    head: HeadGeometry
    chin_y: float
    crown_y: float
    middle_z: float


class _View(NamedTuple):
    """What a view sees, before it has textures.

    opacity (P,) of the pixels; texture_scale: texels per pixel of a texture one texel wide; size: width, height
    """

    pixels: Pixels
    opacity: Float32
    texture_scale: float
    size: tuple[int, int]


class PreparedPreview(NamedTuple):
    """Everything of the sheet that needs no textures: it can be made while they are."""

    photo: Bytes
    photo_with_mesh: Bytes
    sides: tuple[_View, ...]
    expressions: tuple[tuple[str, _View], ...]
    settings: PreviewSettings


def render_preview(
    photo: PhotoView,
    topology: Topology,
    head: HeadGeometry,
    blendshape_names: tuple[str, ...],
    ibug68: LandmarkEmbedding,
    textures: Mapping[str, Bytes],
    settings: PreviewSettings | None = None,
) -> Bytes:
    """Draw the sheet, (H, settings.width, 3) uint8 sRGB: ``prepare_preview``, then ``finish_preview``."""
    prepared = prepare_preview(photo, topology, head, blendshape_names, ibug68, settings)
    return finish_preview(prepared, textures)


def prepare_preview(
    photo: PhotoView,
    topology: Topology,
    head: HeadGeometry,
    blendshape_names: tuple[str, ...],
    ibug68: LandmarkEmbedding,
    settings: PreviewSettings | None = None,
) -> PreparedPreview:
    """Draw the mesh on the photo and see the head from all sides and with all expressions.

    Parameters
    ----------
    photo : the photo and the fit to it
    topology, head, blendshape_names : the head; expressions whose blendshapes it lacks are left out
    ibug68 : tells where the chin is

    Raises
    ------
    TopologyMismatch : ``ibug68`` does not know the chin
    """
    settings = settings or PreviewSettings()
    subject = _subject(topology, head, ibug68)
    width = (settings.width - 2 * settings.margin - 3 * settings.gap) // 4
    size = (width, settings.view_height)
    # Turn the side to the viewer that the photo shows more of.
    sign = 1.0 if photo.rotation[0, 2] >= 0 else -1.0
    degrees = (0.0, sign * settings.three_quarter_degrees, sign * settings.side_degrees)
    shown = [(name, weights) for name, weights in EXPRESSIONS if set(weights) <= set(blendshape_names)]
    columns = max(len(shown), 1)
    room = settings.width - 2 * settings.margin - (columns - 1) * settings.gap
    small = (room // columns, settings.expression_height)
    with ThreadPoolExecutor(max_workers=settings.threads) as pool:
        overlay = pool.submit(draw_mesh_on_photo, *photo, topology, head, size, _bottom(subject, settings))
        sides = [pool.submit(_turned_view, subject, yaw, size, settings) for yaw in degrees]
        faces = []
        for _, weights in shown:
            index = [blendshape_names.index(name) for name in weights]
            faces.append(pool.submit(_expression_view, subject, index, list(weights.values()), small, settings))
        crop, with_mesh = overlay.result()
        return PreparedPreview(
            crop,
            with_mesh,
            tuple(side.result() for side in sides),
            tuple((name, face.result()) for (name, _), face in zip(shown, faces, strict=True)),
            settings,
        )


def finish_preview(prepared: PreparedPreview, textures: Mapping[str, Bytes]) -> Bytes:
    """Shade the views and put the sheet together.

    Parameters
    ----------
    textures : (S, S, 3) uint8 sRGB of each material: "skin", "eye", "teeth", "mouth"

    Returns
    -------
    (H, settings.width, 3) uint8 sRGB
    """
    settings = prepared.settings
    levels = TextureSet(textures)
    texture_size = textures["skin"].shape[0]

    def shaded(view: _View, with_clay: bool) -> list[Bytes]:
        albedo = levels.sample(view.pixels, view.texture_scale * texture_size)
        light = [shade(view.pixels, albedo, settings.photo_studio)]
        if with_clay:
            clay = clay_albedo(view.pixels, albedo, settings.clay_studio)
            light.append(shade(view.pixels, clay, settings.clay_studio))
        return [_composed(view, one, settings) for one in light]

    with ThreadPoolExecutor(max_workers=settings.threads) as pool:
        sides = list(pool.map(lambda view: shaded(view, True), prepared.sides))
        faces = list(pool.map(lambda named: shaded(named[1], False)[0], prepared.expressions))
    rows = [
        ([prepared.photo, *(textured for textured, _ in sides)], ["photo", "", "", ""]),
        ([prepared.photo_with_mesh, *(clay for _, clay in sides)], ["fit", "", "", ""]),
    ]
    if faces:
        rows.append((faces, [name for name, _ in prepared.expressions]))
    return _sheet(rows, settings)


def _subject(topology: Topology, head: HeadGeometry, ibug68: LandmarkEmbedding) -> _Subject:
    chin = np.flatnonzero(ibug68.landmark == CHIN_IBUG68)
    if not len(chin):
        raise TopologyMismatch("The face model does not say where the chin is, so that no preview can be framed.")
    used = np.unique(topology.quads[topology.material == MATERIALS.index("skin")])
    skin = head.neutral[used[used >= 0]]
    return _Subject(
        Surface.of(topology),
        topology,
        head,
        float(ibug68.points(head.neutral)[chin[0], 1]),
        float(skin[:, 1].max()),
        float(0.5 * (skin[:, 2].min() + skin[:, 2].max())),
    )


def _bottom(subject: _Subject, settings: PreviewSettings) -> float:
    """Lowest height (model space, mm) that a view shows: where the neck has faded."""
    lowest = float(subject.head.neutral[:, 1].min())
    return max(subject.chin_y - settings.neck_mm - settings.fade_mm, lowest)


def _turned_view(
    subject: _Subject, yaw_degrees: float, size: tuple[int, int], settings: PreviewSettings
) -> _View:
    """The neutral head from one side."""
    top, bottom = subject.crown_y, _bottom(subject, settings)
    middle = np.array([0.0, 0.5 * (top + bottom) + 4.0, subject.middle_z])
    return _look(subject, subject.head.neutral, yaw_degrees, middle, 1.06 * (top - bottom), size, settings)


def _expression_view(
    subject: _Subject, index: list[int], weights: list[float], size: tuple[int, int], settings: PreviewSettings
) -> _View:
    """The face with an expression, a little from the side."""
    vertices = subject.head.neutral + np.tensordot(weights, subject.head.blendshapes[index], 1)
    face = subject.crown_y - subject.chin_y
    # Turned about a point nearer to the face than the head's middle, so that the face stays in the cell's middle.
    middle = np.array([0.0, subject.chin_y + 0.37 * face, 0.7 * subject.middle_z])
    return _look(subject, vertices, -14.0, middle, 1.06 * face, size, settings)


def _look(
    subject: _Subject,
    vertices: NDArray[np.float64],
    yaw_degrees: float,
    middle: NDArray[np.float64],
    height_mm: float,
    size: tuple[int, int],
    settings: PreviewSettings,
) -> _View:
    """See the head turned by a yaw about ``middle``, which comes to the middle of the image."""
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
    texture_scale = height_mm / (1.6 * height * (subject.crown_y - subject.chin_y))
    return _View(pixels, opacity.astype(np.float32), texture_scale, size)


def _composed(view: _View, light: Float32, settings: PreviewSettings) -> Bytes:
    """Lay over the cell's background, then average the supersamples.

    Both in display values: averaged in linear light, a bright outline on a dark ground looks ragged.
    """
    pixels = view.pixels
    image = _backdrop((pixels.width, pixels.height), settings).reshape(-1, 3)
    shown = to_srgb(light).astype(np.float32)
    faded = np.flatnonzero(view.opacity < 1.0)
    share = view.opacity[faded, None]
    shown[faded] = image[pixels.place[faded]] * (1.0 - share) + shown[faded] * share
    image[pixels.place] = shown
    full = image.reshape(pixels.height, pixels.width, 3)
    small = cv2.resize(full, view.size, interpolation=cv2.INTER_AREA)
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
