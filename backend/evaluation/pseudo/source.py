"""Where a pseudo pair begins: a photo, the head that was fitted to it, and the skin that it wears.

A photo is reconstructed as ``facewright reconstruct`` does it; a head bundle is read as it is.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ...api import NO_DETAIL, ReconstructRequest, reconstruct
from ...errors import BundleInvalid
from ...fitting.camera import Camera
from ...head.bundle import HeadBundle, read_bundle
from ...head.bundle_sheet import read_textures
from ...photo.landmarks import Face, LandmarkDetector
from ...photo.load import load_photo

Array = NDArray[np.float64]
Bytes = NDArray[np.uint8]
TEXTURE_SIZE = 1024


@dataclass(frozen=True)
class PhotoHead:
    """A photo with its fitted head.

    Attributes
    ----------
    name : of the file or folder, without suffix
    sha256 : of the photo's file
    pixels : (H, W, 3) uint8 sRGB, upright
    landmarks : (478, 2) photo pixels
    camera : of the photo
    rotation (3, 3), translation_mm (3,) : X_cam = rotation @ X_model + translation_mm
    identity (I,), expression (E,) : of the fit
    scale : that brought the fitted head to its real size
    bundle : geometry and topology
    albedo : (S, S, 3) uint8 sRGB, the skin's texture with the photo's light in it
    seen : (S, S) uint8, 255 where the texture is the photo's
    """

    name: str
    sha256: str
    pixels: Bytes
    landmarks: Array
    camera: Camera
    rotation: Array
    translation_mm: Array
    identity: Array
    expression: Array
    scale: float
    bundle: HeadBundle
    albedo: Bytes
    seen: Bytes

    def posed(self) -> Array:
        """(V, 3) mm, camera frame: the head as it stands in the photo."""
        head = self.bundle.head
        model = head.neutral + np.tensordot(self.expression, head.blendshapes, 1)
        result: Array = model @ self.rotation.T + self.translation_mm
        return result


def photo_head(source: Path, detector: LandmarkDetector) -> PhotoHead:
    """The head of a photo's largest face, or of a head bundle.

    Raises FaceError where there is no such file, no face, or the bundle is damaged.
    """
    if source.is_dir():
        bundle = read_bundle(source)
        return _assembled(source.name, bundle, load_photo(source / "photo.jpg").pixels, detector)
    photo = load_photo(source)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "head"
        reconstruct(ReconstructRequest(source, made, texture_size=TEXTURE_SIZE, detail=NO_DETAIL))
        return _assembled(source.stem, read_bundle(made, verify=False), photo.pixels, detector)


def _assembled(name: str, bundle: HeadBundle, pixels: Bytes, detector: LandmarkDetector) -> PhotoHead:
    """Read what lies beside the geometry. Raises BundleInvalid and NoFaceFound."""
    record, folder = bundle.record, bundle.path
    try:
        camera = Camera(**{key: record["camera"][key] for key in ("width", "height", "fx", "fy", "cx", "cy")})
        face = _face_at(detector.faces(pixels), record["photo"]["box"])
        head = PhotoHead(
            name=name,
            sha256=str(record["photo"]["sha256"]),
            pixels=pixels,
            landmarks=np.asarray(face.landmarks, np.float64)[:, :2].copy(),
            camera=camera,
            rotation=np.array(record["pose"]["rotation"], np.float64),
            translation_mm=np.array(record["pose"]["translation_mm"], np.float64),
            identity=np.array(record["identity"], np.float64),
            expression=np.array([record["expression"][n] for n in bundle.blendshape_names], np.float64),
            scale=float(record["scale"]["factor"]),
            bundle=bundle,
            albedo=read_textures(folder)["skin"],
            seen=_grey(folder / "textures" / "visibility.png"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BundleInvalid(f"{folder}/head.json does not say how the head stands in its photo.") from error
    if pixels.shape[:2] != (camera.height, camera.width):
        raise BundleInvalid(f"{folder}: the photo has not the size that its camera has.")
    return head


def _face_at(faces: list[Face], box: Any) -> Face:
    """The face that lies where the fitted one did."""
    middle = np.array(box[:2], np.float64) + 0.5 * np.array(box[2:], np.float64)
    away = [float(np.linalg.norm(np.array(f.box[:2]) + 0.5 * np.array(f.box[2:]) - middle)) for f in faces]
    return faces[int(np.argmin(away))]


def _grey(path: Path) -> Bytes:
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise BundleInvalid(f"{path} is missing or is not a picture.")
    return np.asarray(image, np.uint8)
