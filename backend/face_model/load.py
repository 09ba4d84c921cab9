"""Opens a face model file of any kind that we can read; the kind is told by the content, not by the name."""

from __future__ import annotations

import zipfile
from pathlib import Path

from ..config import assets_dir
from ..errors import DAMAGED_NPZ, ModelFileInvalid
from .base import FaceModel
from .bilinear import BilinearModel


def built_in_path() -> Path:
    """Where the built-in face model lies."""
    return assets_dir() / "face_model.npz"


def load_face_model(path: Path | None = None) -> FaceModel:
    """Open a face model.

    Parameters
    ----------
    path : a model of ours, ``ict_facekit_light.npz``, or a FaceScape bilinear model v1.6; None for the built-in

    Raises
    ------
    ModelFileInvalid
        The file is missing, corrupt, or of none of these kinds.
    """
    if path is None:
        return BilinearModel.load(built_in_path())
    arrays = _array_names(path)
    # Imported here: they need parts of scipy that take longer to import than the built-in model to read.
    from .facescape import FaceScapeModel
    from .ict import IctModel

    if "shape_bm_core" in arrays:
        return FaceScapeModel.load(path, _reference())
    if "idx_to_landmark_verts" in arrays:
        return IctModel.load(path, _reference())
    if "format" in arrays:
        return BilinearModel.load(path)
    raise ModelFileInvalid(
        f"{path} is not a face model that can be read: a Facewright model, ICT-FaceKit Light or FaceScape v1.6."
    )


def _reference() -> FaceModel | None:
    """The built-in model, whose 478 landmarks other models borrow; None where it has not been built yet."""
    return BilinearModel.load(built_in_path()) if built_in_path().is_file() else None


def _array_names(path: Path) -> set[str]:
    """Names of the arrays in an .npz file."""
    if path.is_dir():
        raise ModelFileInvalid(f"{path} is a folder, not a face model.")
    if not path.exists():
        raise ModelFileInvalid(f"There is no face model {path}.")
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy") for name in archive.namelist()}
    except OSError as error:
        raise ModelFileInvalid(f"The face model {path} cannot be read: {error.strerror or error}.") from error
    except DAMAGED_NPZ as error:
        raise ModelFileInvalid(f"{path} is not a face model: it is no .npz file, or it is cut short.") from error
