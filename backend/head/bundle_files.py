"""Writes the files of a bundle, all but head.json and what Blender makes."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..face_model.base import FaceModel, HeadGeometry
from ..fitting.coarse import Fit
from ..mesh.obj import material_library_text, write_obj
from .bundle import geometry_bytes

Bytes = NDArray[np.uint8]
PHOTO_QUALITY = 94
# zlib looks for runs only: half the time of its quickest search for repetitions, and for pictures a smaller file.
PNG_OPTIONS = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE)
MATERIAL_FILES = {"skin": "albedo", "eye": "iris", "teeth": "teeth", "mouth": "mouth"}
OBJ_COMMENT = """\
Facewright: the head as it stands in the photo, with the photo's pose and expression.
Millimetres, camera frame: x right, y up, the camera at the origin looking along -z."""


def write_shape(folder: Path, fit: Fit, model: FaceModel, head: HeadGeometry) -> None:
    """Write geometry.npz, fitted.obj and fitted.mtl. Raises OSError."""
    geometry = geometry_bytes(model.topology, head, model.blendshape_names, model.embedding, model.ibug68)
    (folder / "geometry.npz").write_bytes(geometry)
    fitted = fitted_vertices(fit, head)
    write_obj(folder / "fitted.obj", fitted, model.topology, OBJ_COMMENT, material_library="fitted.mtl")
    images = {material: f"textures/{name}.png" for material, name in MATERIAL_FILES.items()}
    (folder / "fitted.mtl").write_bytes(material_library_text(images).encode("utf-8"))


def write_images(folder: Path, photo: Bytes, textures: Mapping[str, Bytes], preview: Bytes, threads: int) -> None:
    """Write photo.jpg, textures/ and preview.png.

    Parameters
    ----------
    photo : (H, W, 3) uint8 sRGB, upright, that the fit's camera looks at
    textures : name -> (S, S) or (S, S, 3) uint8
    preview : (h, w, 3) uint8 sRGB

    Raises
    ------
    OSError : the folder cannot be written
    """
    (folder / "textures").mkdir()
    with ThreadPoolExecutor(max_workers=threads) as pool:
        jobs = [pool.submit(write_png, folder / f"textures/{name}.png", image) for name, image in textures.items()]
        jobs.append(pool.submit(write_png, folder / "preview.png", preview))
        jobs.append(pool.submit(_write_jpeg, folder / "photo.jpg", photo))
        for job in jobs:
            job.result()


def fitted_vertices(fit: Fit, head: HeadGeometry) -> NDArray[np.float64]:
    """(V, 3) mm in the camera frame: neutral, the photo's expression, pose."""
    active = np.flatnonzero(fit.expression)
    model = head.neutral + np.tensordot(fit.expression[active], head.blendshapes[active], 1)
    result: NDArray[np.float64] = model @ fit.rotation.T + fit.translation_mm
    return result


def write_png(path: Path, image: Bytes) -> None:
    """Write (H, W) grey or (H, W, 3) RGB. Raises OSError."""
    _write_image(path, image, ".png", list(PNG_OPTIONS))


def _write_jpeg(path: Path, image: Bytes) -> None:
    _write_image(path, image, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, PHOTO_QUALITY])


def _write_image(path: Path, image: Bytes, kind: str, options: list[int]) -> None:
    # Encoded in memory: cv2.imwrite does not tell a full disk from success.
    pixels: NDArray[Any] = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    done, encoded = cv2.imencode(kind, pixels, options)
    if not done:
        raise OSError(f"{path.name} could not be encoded")
    path.write_bytes(encoded.tobytes())
