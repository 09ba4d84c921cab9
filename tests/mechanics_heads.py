"""Grounds of sampled heads for tests of the crease sets; made once."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from facewright.displacement.crease_ground import SkinGround
from facewright.displacement.settings import SkinSettings
from facewright.face_model.base import FaceModel
from facewright.face_model.load import built_in_path, load_face_model


@lru_cache(maxsize=1)
def model() -> FaceModel:
    return load_face_model(built_in_path())


@lru_cache(maxsize=4)
def ground_of(seed: int, size: int = 1024, age: float = 0.45) -> SkinGround:
    """A sampled person; identity coefficients of standard deviation 0.8."""
    people = model()
    head = people.head(np.random.default_rng(seed).normal(size=people.identity_dims) * 0.8)
    settings = SkinSettings(age=age, seed=seed)
    return SkinGround.of(people.topology, head.neutral, head.blendshapes, people.blendshape_names, size, settings)
