"""The pictures of a report, encoded: per image the photograph and each name's heat maps, and mean heat maps."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...errors import FaceError
from ...photo.load import DECODABLE_MEGAPIXELS, load_photo
from ..case import Case, Truth
from ..metrics.cylinder import surface_of
from . import heat_map
from .contents import Report

Bytes = NDArray[np.uint8]
QUALITY = 82
LEAST_SHARE = 0.5
"""A cell of the mean heat map is shown where at least this share of the images was measured."""


class PairPictures(NamedTuple):
    """Heat maps of one name on one image, WebP: over the photograph (None without a camera) and two views."""

    on_photo: bytes | None
    front: bytes
    side: bytes


@dataclass
class CasePictures:
    """What there is to see of one image; ``notes`` say in sentences what could not be drawn."""

    photo: bytes | None = None
    names: dict[str, PairPictures] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def size(self) -> int:
        """Bytes of all pictures together."""
        pairs = [part for pair in self.names.values() for part in pair if part]
        return sum(map(len, pairs)) + len(self.photo or b"")


def encoded(picture: Bytes) -> bytes:
    """(h, w, 3) or (h, w, 4) sRGB as WebP."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "WEBP", quality=QUALITY, method=4)
    return stream.getvalue()


def data_uri(webp: bytes) -> str:
    """A picture as an address that needs no file."""
    return f"data:image/webp;base64,{base64.b64encode(webp).decode('ascii')}"


class PictureWork(NamedTuple):
    """What the pictures of one image are drawn from: ``pairs`` are the files of the names that were scored."""

    case: Case
    pairs: dict[str, Path]


def picture_work(report: Report, case: Case) -> PictureWork:
    """What ``case_pictures`` takes, of one image of a report; small enough to be sent to a process."""
    scored = report.scores.get(case.id, {})
    return PictureWork(case, {name: report.pair_file(name, case.id) for name in report.names if name in scored})


def case_pictures(work: PictureWork) -> CasePictures:
    """Draw one image: everything that can be drawn of it.

    A name's distances come from its pair file; a name that was not scored, or whose protocols measured no points,
    has no heat map.
    """
    result = CasePictures()
    case = work.case
    photo = _photo(case, result)
    measured = {name: found for name, file in work.pairs.items() if (found := _distances(file)) is not None}
    if not measured:
        if photo is not None:
            result.photo = encoded(_thumbnail(photo))
        return result
    try:
        truth = case.truth()
    except FaceError as error:
        result.notes.append(str(error))
        return result
    _draw(result, case, truth, photo, measured)
    return result


class _Measured(NamedTuple):
    """points (N, 3) of the truth, mm, and distance (N,) mm there."""

    points: NDArray[np.float32]
    distance: NDArray[np.float32]


def _draw(
    result: CasePictures, case: Case, truth: Truth, photo: Bytes | None, measured: Mapping[str, _Measured]
) -> None:
    shown = next(iter(measured.values())).points
    views = heat_map.mesh_views(truth.surface, heat_map.head_axes(truth), shown)
    on_photo = None
    if photo is not None and case.camera is not None:
        on_photo = heat_map.photo_view(photo, truth.surface, case.camera, shown)
        result.photo = encoded(on_photo.crop)
    elif photo is not None:
        result.photo = encoded(_thumbnail(photo))
    for name, (points, distance) in measured.items():
        values = heat_map.distances_at(truth.surface.vertices, points, distance)
        front, side = (encoded(heat_map.draw_mesh(view, values)) for view in views)
        over = None if on_photo is None else encoded(heat_map.draw_on_photo(on_photo, values))
        result.names[name] = PairPictures(over, front, side)


def _photo(case: Case, result: CasePictures) -> Bytes | None:
    """The photograph, (H, W, 3) sRGB; None where the set has none or it is not the camera's."""
    if case.image is None:
        return None
    try:
        pixels = load_photo(case.image, max_megapixels=DECODABLE_MEGAPIXELS).pixels
    except FaceError as error:
        result.notes.append(str(error))
        return None
    size = pixels.shape[1], pixels.shape[0]
    if case.camera is not None and size != (case.camera.width, case.camera.height):
        result.notes.append(
            f"The photograph has {size[0]} x {size[1]} pixels and its camera {case.camera.width} x "
            f"{case.camera.height}: nothing is drawn on it."
        )
        return None
    return pixels


def _thumbnail(photo: Bytes) -> Bytes:
    image = Image.fromarray(photo)
    image.thumbnail(heat_map.SIZE, Image.Resampling.LANCZOS)
    return np.asarray(image, np.uint8)


def _distances(pair_file: Path) -> _Measured | None:
    with np.load(pair_file, allow_pickle=False) as arrays:
        if "points" not in arrays or "distance" not in arrays:
            return None
        return _Measured(arrays["points"], arrays["distance"])


class MeanPictures(NamedTuple):
    """Mean heat maps of a name over ``images`` images, WebP."""

    front: bytes
    side: bytes
    images: int


def mean_pictures(report: Report) -> dict[str, MeanPictures]:
    """Mean error of every name in cylinder coordinates, painted on the mean of the true surfaces.

    Empty where FaceScape's protocol did not run.
    """
    surface, cell = surface_of(_mean_truth(report))
    errors = {name: _mean_map(report, name, "cylinder_error") for name in report.names}
    values = {name: _where_enough(error).reshape(-1)[cell] for name, error in errors.items()}
    measured = np.isfinite(np.stack(list(values.values()))).any(0)
    if not measured.any():
        return {}
    views = heat_map.mesh_views(surface, np.eye(3), surface.vertices[measured])
    pictures = {}
    for name, value in values.items():
        if np.isfinite(value).any():
            front, side = (encoded(heat_map.draw_mesh(view, value)) for view in views)
            pictures[name] = MeanPictures(front, side, int(errors[name].count.max()))
    return pictures


def _mean_truth(report: Report) -> NDArray[np.float64]:
    """(256, 256) mm mean radius of the true surfaces, those of the name that was measured on most images."""
    maps = (_mean_map(report, name, "cylinder_truth") for name in report.names)
    return _where_enough(max(maps, key=lambda one: int(one.count.max())))


def _where_enough(mean: heat_map.MeanMap) -> NDArray[np.float64]:
    """The mean where enough of the images say something, NaN elsewhere."""
    least = max(1.0, LEAST_SHARE * mean.count.max())
    return np.where(mean.count >= least, mean.value(), np.nan)


def _mean_map(report: Report, name: str, key: str) -> heat_map.MeanMap:
    """Mean of a name's cylinder maps over all images."""
    mean = heat_map.MeanMap()
    for case in report.cases:
        if name in report.scores.get(case.id, {}):
            with np.load(report.pair_file(name, case.id), allow_pickle=False) as arrays:
                if key in arrays:
                    mean.add(arrays[key])
    return mean
