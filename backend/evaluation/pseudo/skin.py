"""Skins for pseudo pairs: albedo relative to the skin's tone, from a head's own photo or drawn from nothing.

Relative, because the light of the photo that a skin is put into already holds that photo's tone (see
``lighting``): 1 is ordinary skin, brows are about 0.3, lips redder than 1 : 0.6 : 0.6.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ...head.shading import TO_LINEAR
from ...mesh.texel_map import uv_sampler
from ...mesh.topology import Topology
from ...training.skin_photograph import FACE_MM_PER_TEXEL
from .lighting import (
    Lighting,
    open_transfer,
)
from .lit_head import LitHead, bare_skin, face_vertices
from .source import PhotoHead

Array = NDArray[np.float64]
Float32 = NDArray[np.float32]

SLOW_MM = 14.0
"""Changes of a photographed skin over longer ways than this are mostly light that nine harmonics cannot hold."""
SLOW_KEPT = 0.3
LEAST_LIGHT = 0.35
MOST_CONTRAST = 0.3
"""Natural logarithm that spots and lines of bare skin approach: deep folds belong to the photo's expression."""
COLOUR_KEPT = 0.7
"""Of differences in hue: they are as strong as the skin that they were divided by is red."""
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
BROW_REACH_MM = (6.0, 10.0)


class RelativeSkin(NamedTuple):
    """``albedo`` (S, S, 3) float32, linear, 1 = the skin's tone; ``name`` says whose it is; ``tone`` (3,) the
    tone's colour at luminance 1, linear sRGB."""

    name: str
    albedo: Float32
    tone: Array

    def under(self, lighting: Lighting) -> Float32:
        """(S, S, 3) factors on another photo's light.

        That light has another skin's tone in it. What is dark because it is hair has its own colour on every skin:
        black brows of a tanned skin would turn blue on a pale one.
        """
        luminance = self.albedo @ LUMINANCE
        hair = np.clip((0.65 - luminance) / 0.35, 0.0, 1.0)[..., None]
        own = (self.tone / tone_of(lighting)).astype(np.float32)
        result: Float32 = self.albedo * (1.0 + hair * (own - 1.0))
        return result


def tone_of(lighting: Lighting) -> Array:
    """(3,) colour of skin that looks at the camera, at luminance 1; the light's own colour is in it."""
    colour = lighting.diffuse(open_transfer(np.array([0.0, 0.0, 1.0])))
    result: Array = colour / (colour @ LUMINANCE)
    return result


def photographed_skin(head: PhotoHead, lit: LitHead) -> RelativeSkin:
    """A head's own texture with its photo's light divided out."""
    topology, size = head.bundle.topology, len(head.albedo)
    views = -lit.posed / np.linalg.norm(lit.posed, axis=1, keepdims=True)
    shine = lit.lighting.highlights(lit.normals, views)[:, None]
    light = lit.lighting.diffuse(lit.transfer)
    # What lies in folds, or is seen by no light that the photo tells of, is not brightened without end.
    light = np.maximum(light, LEAST_LIGHT * np.median(light[lit.transfer.any(1)], axis=0))
    face = np.zeros(len(light))
    face[face_vertices(topology)] = 1.0
    even = bare_skin(topology) * _off_brows(topology, head.bundle.head.neutral)
    layers = np.column_stack([light, shine, face, even])
    image = uv_sampler(topology, "skin", size).image(layers)
    albedo = TO_LINEAR[head.albedo]
    relative = np.maximum(albedo - 0.8 * image[..., 3:4], 0.25 * albedo) / np.maximum(image[..., :3], 0.01)
    logarithm = np.log(np.clip(relative, 0.02, 1.7))
    bare = (image[..., 4] * image[..., 5])[..., None]
    sigma = SLOW_MM / FACE_MM_PER_TEXEL * size / 1024.0
    # Blurred at an eighth of the size: what is slow needs no more.
    small = cv2.resize(np.dstack([logarithm * bare, bare]), (size // 8, size // 8), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / 8.0)
    slow = small[..., :3] / np.maximum(small[..., 3:], 1e-3)
    logarithm -= (1.0 - SLOW_KEPT) * cv2.resize(slow, (size, size), interpolation=cv2.INTER_LINEAR)
    grey = (logarithm @ LUMINANCE)[..., None]
    logarithm = grey + COLOUR_KEPT * (logarithm - grey)
    logarithm += bare * (MOST_CONTRAST * np.tanh(logarithm / MOST_CONTRAST) - logarithm)
    logarithm[image[..., 4] < 0.5] = 0.0
    return RelativeSkin(head.name, np.exp(logarithm).astype(np.float32), tone_of(lit.lighting))


def _off_brows(topology: Topology, neutral: Array) -> Array:
    """(V,) 0 where brows may grow, rising to 1 beyond: the regions are only the lines that they follow."""
    away = np.full(len(neutral), np.inf)
    for name in ("brows_left", "brows_right"):
        if name in topology.regions:
            away = np.minimum(away, cKDTree(neutral[topology.regions[name]]).query(neutral)[0])
    low, high = BROW_REACH_MM
    result: Array = np.clip((away - low) / (high - low), 0.0, 1.0)
    return result
