"""Draws the face of a posed mesh in a photo's camera, its skin lit by the photo's light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ...fitting.camera import Camera
from ...head.shading import SKIN, Surface
from ...mesh.raster import fragments
from ...mesh.topology import Topology
from ...texture.unwrap import sample
from .lighting import Lighting
from .lit_head import bare_skin, face_vertices
from .skin import RelativeSkin

Array = NDArray[np.float64]
Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class RenderSettings:
    """supersampling: samples along a pixel's side; rim_rounds: edges over which the face fades out at its border on
    the mesh; shine: factor on the highlights that the photo shows."""

    supersampling: int = 2
    rim_rounds: int = 12
    shine: float = 1.0


class FaceRender(NamedTuple):
    """What the camera sees of the mesh.

    colour  (H, W, 3) float32 linear light, of the face's skin alone (0 where there is none)
    cover   (H, W) float32 0..1: share of the pixel that shows the face's skin, fading at its border on the mesh
    bare    (H, W) float32 0..1: share that shows bare skin: no lips, brows and lids
    parts   (H, W) float32 0..1: share that shows eyes, teeth or the inside of the mouth
    head    (H, W) bool: the mesh is there at all
    """

    colour: Float32
    cover: Float32
    bare: Float32
    parts: Float32
    head: NDArray[np.bool_]


def render_face(
    topology: Topology,
    posed: Array,
    normals: Array,
    transfer: Array,
    skin: RelativeSkin,
    lighting: Lighting,
    camera: Camera,
    settings: RenderSettings = RenderSettings(),
) -> FaceRender:
    """Draw.

    Parameters
    ----------
    posed : (V, 3) mm, camera frame; normals : (V, 3); transfer : (V, 9) of ``skin.head_transfer``
    skin : in the topology's UV square
    lighting : of the photo
    camera : the picture's
    """
    factor = settings.supersampling
    large = Camera(
        camera.width * factor, camera.height * factor,
        camera.fx * factor, camera.fy * factor, camera.cx * factor, camera.cy * factor,
    )  # fmt: skip
    surface = Surface.of(topology)
    place, _, triangle, weights = fragments(
        large.project(posed), -posed[:, 2], surface.triangles, large.width, large.height, cull_back=True
    )
    material = surface.material[triangle]
    rim = _rim(topology, settings.rim_rounds)
    corners = surface.triangles[triangle]
    share = np.einsum("pc,pc->p", rim[corners], weights) * (material == SKIN)
    drawn = np.flatnonzero(share > 0.0)
    light = _light(posed, normals, transfer, corners[drawn], weights[drawn], lighting, settings.shine)
    uv = np.einsum("pck,pc->pk", surface.corner_uv[triangle[drawn]], weights[drawn])
    colour = _texture(skin.under(lighting), uv) * light.diffuse + light.shine

    shape = (large.height, large.width)
    summed = _averaged(place[drawn], np.column_stack([colour, np.ones(len(drawn))]), shape, factor)
    bare = share * np.einsum("pc,pc->p", bare_skin(topology)[corners], weights)
    shares = _averaged(place, np.column_stack([share, bare, material != SKIN]), shape, factor)
    cover, shown, other = np.moveaxis(shares, 2, 0)
    head = np.zeros(shape, bool)
    head.reshape(-1)[place] = True
    return FaceRender(
        summed[..., :3] / np.maximum(summed[..., 3:], 1e-6),
        np.ascontiguousarray(cover),
        np.ascontiguousarray(shown),
        np.ascontiguousarray(other),
        head[factor // 2 :: factor, factor // 2 :: factor],
    )


class _Light(NamedTuple):
    diffuse: Float32
    shine: Float32


def _light(
    posed: Array, normals: Array, transfer: Array, corners: NDArray[np.integer[Any]], weights: Float32,
    lighting: Lighting, shine: float,
) -> _Light:  # fmt: skip
    """(P, 3) diffuse light and (P, 1) highlights at pixels; both are smooth, so vertices do."""
    used = np.unique(corners)
    views = -posed[used] / np.linalg.norm(posed[used], axis=1, keepdims=True)
    values = np.zeros((len(posed), 4), np.float32)
    values[used, :3] = lighting.diffuse(transfer[used])
    values[used, 3] = shine * lighting.highlights(normals[used], views)
    at = np.einsum("pck,pc->pk", values[corners], weights)
    return _Light(at[:, :3], at[:, 3:])


def _rim(topology: Topology, rounds: int) -> Array:
    """(V,) 1 on the face, falling to 0 at its border with scalp, ears and neck."""
    inside = np.zeros(int(topology.quads.max()) + 1, bool)
    inside[topology.regions["narrow_face"] if "narrow_face" in topology.regions else face_vertices(topology)] = True
    quads = np.where(topology.quads < 0, topology.quads[:, :1], topology.quads)[topology.material == SKIN]
    depth = np.zeros(len(inside))
    for _ in range(rounds):
        depth += inside
        outside = ~inside[quads].all(1)
        inside = inside.copy()
        inside[quads[outside].ravel()] = False
    t = depth / rounds
    result: Array = t * t * (3.0 - 2.0 * t)
    return result


def _texture(image: Float32, uv: Array) -> Float32:
    """(P, 3) of an (S, S, 3) image at (P, 2) UV, bilinear."""
    size = len(image)
    place = np.stack([uv[:, 0] * size, (1.0 - uv[:, 1]) * size], axis=1)
    return np.asarray(sample(image, place, cv2.INTER_LINEAR), np.float32)


def _averaged(place: NDArray[np.int64], values: NDArray[Any], shape: tuple[int, int], factor: int) -> Float32:
    """(P, C) values at pixels of a large image to the mean of its blocks, (H, W, C)."""
    full = np.zeros((shape[0] * shape[1], values.shape[1]), np.float32)
    full[place] = values
    blocks = full.reshape(shape[0] // factor, factor, shape[1] // factor, factor, -1)
    return np.asarray(blocks.mean((1, 3)), np.float32)
