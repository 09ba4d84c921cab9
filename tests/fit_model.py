"""The built-in model for the fitting tests."""

from __future__ import annotations

import pytest
from facewright.config import assets_dir
from facewright.face_model.base import FaceModel
from facewright.face_model.load import load_face_model


@pytest.fixture(scope="module")
def builtin_model() -> FaceModel:
    """The shipped model."""
    if not (assets_dir() / "face_model.npz").is_file():
        pytest.skip("assets/face_model.npz has not been built")
    return load_face_model(None)
