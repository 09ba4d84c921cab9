"""The contact sheet of a person: key expressions without detail above, with detail below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ..face_model.base import HeadGeometry
from ..face_model.key_expressions import KEY_EXPRESSION_NAMES, key_expression_weights
from ..mesh.topology import Topology
from .expression_picture import ExpressionRenderer, FaceView, PictureSettings, face_view, render_expression

__all__ = [
    "SHEET_EXPRESSIONS", "FaceView", "PictureSettings", "SheetSettings", "SheetSubject", "expression_sheet",
    "face_view", "render_expression",
]  # fmt: skip

Bytes = NDArray[np.uint8]

# What the sheet shows, of face_model.key_expressions.
SHEET_EXPRESSIONS = (
    "neutral", "brow_raiser", "anger", "brow_lower", "smile",
    "grin", "sadness", "eye_closed", "lip_puckerer", "chin_raiser",
)  # fmt: skip


@dataclass(frozen=True)
class SheetSettings:
    """Sizes in pixels; ``columns`` pictures lie side by side."""

    picture: PictureSettings = field(default_factory=PictureSettings)
    columns: int = 5
    margin: int = 14
    gap: int = 4
    space: int = 14  # between two pairs of rows
    caption_px: int = 16
    page: tuple[int, int, int] = (30, 32, 36)
    caption: tuple[int, int, int] = (214, 218, 224)
    threads: int = 2


class SheetSubject(NamedTuple):
    """One person on the sheet.

    title             written into the first picture
    maps              key expression -> (S, S) displacement in mm, row 0 at v = 1; what is missing is left out
    textures          material -> (T, T, 3) uint8 sRGB; also clay needs the iris to know where eyes look
    textured          show the skin's texture instead of clay
    """

    title: str
    topology: Topology
    head: HeadGeometry
    blendshape_names: tuple[str, ...]
    maps: Mapping[str, NDArray[Any]]
    textures: Mapping[str, Bytes]
    textured: bool = False


def expression_sheet(subjects: Sequence[SheetSubject], settings: SheetSettings | None = None) -> Bytes:
    """Draw every person's expressions, pairs of rows without and with detail.

    Returns
    -------
    (H, W, 3) uint8 sRGB

    Raises
    ------
    TopologyMismatch : a head's skin is not a geometry image
    ValueError : there is nothing to show
    """
    settings = settings or SheetSettings()
    rows: list[list[tuple[str, Bytes]]] = []
    for subject in subjects:
        pairs = _pairs(subject, settings)
        for start in range(0, len(pairs), settings.columns):
            part = pairs[start : start + settings.columns]
            rows.append([(name, without) for name, without, _ in part])
            rows.append([(name, detailed) for name, _, detailed in part])
    if not rows:
        raise ValueError("no subject has a map of an expression that the sheet shows")
    return _page(rows, settings)


def _pairs(subject: SheetSubject, settings: SheetSettings) -> list[tuple[str, Bytes, Bytes]]:
    """(caption, picture without, picture with detail) of every expression of the sheet."""
    shown = [name for name in SHEET_EXPRESSIONS if name in subject.maps]
    if not shown:
        return []
    renderer = ExpressionRenderer(subject.topology, subject.textures, settings.picture, len(subject.maps[shown[0]]))
    weights = key_expression_weights(subject.blendshape_names)
    view = face_view(subject.topology, subject.head.neutral)

    def pair(name: str) -> tuple[str, Bytes, Bytes]:
        vertices = subject.head.neutral + np.tensordot(
            weights[KEY_EXPRESSION_NAMES.index(name)], subject.head.blendshapes, 1
        )
        pictures = renderer.pictures(vertices, [None, subject.maps[name]], view, clay=not subject.textured)
        words = name.replace("_", " ")
        caption = f"{subject.title}: {words}" if name == shown[0] and subject.title else words
        return caption, pictures[0], pictures[1]

    with ThreadPoolExecutor(max_workers=settings.threads) as pool:
        return list(pool.map(pair, shown))


def _page(rows: list[list[tuple[str, Bytes]]], settings: SheetSettings) -> Bytes:
    """Rows of equally large pictures under each other, captions in their lower left corners."""
    width, height = settings.picture.size
    columns = max(len(row) for row in rows)
    between = [settings.gap if k % 2 == 0 else settings.space for k in range(len(rows) - 1)]
    page = np.empty(
        (
            2 * settings.margin + len(rows) * height + sum(between),
            2 * settings.margin + columns * width + (columns - 1) * settings.gap,
            3,
        ),
        np.uint8,
    )
    page[:] = settings.page
    sheet = Image.fromarray(page)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(settings.caption_px)
    y = settings.margin
    for row, step in zip(rows, [*between, 0], strict=True):
        x = settings.margin
        for caption, picture in row:
            sheet.paste(Image.fromarray(picture), (x, y))
            place = (x + 8, y + height - settings.caption_px - 8)
            draw.text(place, caption, font=font, fill=settings.caption, stroke_width=2, stroke_fill=settings.page)
            x += width + settings.gap
        y += height + step
    return np.asarray(sheet)
