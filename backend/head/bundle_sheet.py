"""The contact sheet of head bundles on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..dynamic_detail.synthesis import displacement
from ..errors import BundleInvalid, OutputUnwritable
from ..face_model.key_expressions import KEY_EXPRESSION_NAMES, key_expression_weights
from ..mesh.texel_map import uv_sampler
from .bundle import read_bundle
from .bundle_files import MATERIAL_FILES
from .detail_files import read_detail
from .expression_sheet import SHEET_EXPRESSIONS, SheetSettings, SheetSubject, expression_sheet

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
QUALITY = 92


def write_bundle_sheet(
    folders: Sequence[Path],
    output: Path,
    textured: bool = False,
    overwrite: bool = False,
    progress: Callable[[str, float], None] | None = None,
    settings: SheetSettings | None = None,
) -> tuple[int, int]:
    """Draw the sheet of several bundles into one picture file and return its width and height.

    Parameters
    ----------
    folders : head bundles with detail
    output : .png, .jpg or .webp
    textured : with the skin's texture instead of clay
    overwrite : whether ``output`` may exist
    progress : told what is being done and the share that is finished

    Raises
    ------
    BundleInvalid : a folder is no bundle, is damaged, or has no detail
    OutputUnwritable : ``output`` exists, is of another kind, or cannot be written
    """
    kind = FORMATS.get(output.suffix.lower())
    if kind is None:
        raise OutputUnwritable(f"{output} is not named .png, .jpg or .webp.")
    if output.exists() and not overwrite:
        raise OutputUnwritable(f"{output} already exists; --overwrite replaces it.")
    subjects = []
    for number, folder in enumerate(folders):
        if progress:
            progress(f"reading {folder.name}", 0.5 * number / len(folders))
        subjects.append(bundle_subject(folder, textured))
    if progress:
        progress("drawing", 0.5)
    sheet = expression_sheet(subjects, settings)
    try:
        with output.open("wb") as stream:
            Image.fromarray(sheet).save(stream, kind, quality=QUALITY)
    except OSError as error:
        raise OutputUnwritable(f"{output} cannot be written: {error.strerror or error}.") from error
    return sheet.shape[1], sheet.shape[0]


def bundle_subject(folder: Path, textured: bool = False) -> SheetSubject:
    """A bundle with the displacement of every expression of the sheet. Raises BundleInvalid; detail is needed."""
    bundle = read_bundle(folder)
    detail = read_detail(folder)
    sampler = uv_sampler(bundle.topology, "skin", detail.size)
    weights = key_expression_weights(bundle.blendshape_names)
    maps = {}
    for name in SHEET_EXPRESSIONS:
        alpha = weights[KEY_EXPRESSION_NAMES.index(name)]
        maps[name] = displacement(
            detail, bundle.topology, bundle.head.neutral, bundle.head.blendshapes, alpha, None, sampler
        )
    title = folder.resolve().name
    return SheetSubject(
        title, bundle.topology, bundle.head, bundle.blendshape_names, maps, read_textures(folder), textured
    )


def read_textures(folder: Path) -> dict[str, NDArray[np.uint8]]:
    """A bundle's textures, material -> (T, T, 3) uint8 sRGB. Raises BundleInvalid where one cannot be read."""
    textures = {}
    for material, name in MATERIAL_FILES.items():
        path = folder / "textures" / f"{name}.png"
        try:
            content = np.frombuffer(path.read_bytes(), np.uint8)
        except OSError as error:
            raise BundleInvalid(f"The head bundle {folder} is not complete: {path.name} is missing.") from error
        image = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
        if image is None:
            raise BundleInvalid(f"{path} is corrupt: it is not a picture.")
        textures[material] = np.ascontiguousarray(image[..., ::-1]).astype(np.uint8)
    return textures
