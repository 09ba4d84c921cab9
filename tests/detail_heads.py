"""Real heads with made-up detail, for tests of what comes after the maps: built-in model, random smooth maps."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from facewright.dynamic_detail.activation import activation_masks, key_weights
from facewright.dynamic_detail.detail_maps import KEYS, DetailMaps
from facewright.dynamic_detail.regions import region_masks
from facewright.dynamic_detail.tension import key_tension, skin_edges
from facewright.face_model.base import FaceModel, HeadGeometry
from facewright.face_model.load import load_face_model
from facewright.mesh.texel_map import uv_sampler


@lru_cache(maxsize=1)
def face_model() -> FaceModel:
    return load_face_model(None)


@lru_cache(maxsize=2)
def head_of(seed: int = 1) -> HeadGeometry:
    """A sampled person of the built-in model, without correctives (seconds; they move skin at the lids only)."""
    model = face_model()
    identity = np.random.default_rng(seed).normal(0.0, 0.7, model.identity_dims)
    return HeadGeometry(model.neutral(identity), model.blendshapes(identity))


def random_map(rng: np.random.Generator, size: int, sd_mm: float, grain: float) -> np.ndarray:
    noise = cv2.GaussianBlur(rng.normal(size=(size, size)).astype(np.float32), (0, 0), grain)
    return (noise * (sd_mm / noise.std())).astype(np.float32)


def made_up_detail(seed: int = 1, size: int = 128) -> DetailMaps:
    """Detail of ``head_of(seed)``: every key expression has waves of its own where it compresses the skin."""
    model, head = face_model(), head_of(seed)
    rng = np.random.default_rng(seed)
    alphahat = key_weights(model.blendshape_names)
    edges = skin_edges(model.topology, head.neutral)
    tension = key_tension(edges, head.neutral, head.blendshapes, alphahat)
    sampler = uv_sampler(model.topology, "skin", size)
    waves = np.stack([random_map(rng, size, 1.0, 2.0) for _ in range(KEYS)])
    dynamic = np.stack([wave * sampler.image(np.maximum(t - 0.03, 0.0)) for wave, t in zip(waves, tension)])
    return DetailMaps(
        static=random_map(rng, size, 0.05, 3.0),
        pores=random_map(rng, size, 0.02, 1.0),
        dynamic=dynamic.astype(np.float32),
        compressed=random_map(rng, size, 0.8, 2.0),
        stretched=random_map(rng, size, 0.1, 2.0),
        activation=activation_masks(model.topology, head.blendshapes),
        key_weights=alphahat,
        tension=tension,
        regions=region_masks(model.topology, model.neutral(np.zeros(model.identity_dims))),
        record={"source": "test", "seed": seed},
    )
