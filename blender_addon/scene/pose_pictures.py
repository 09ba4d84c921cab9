"""Small pictures of a head with an expression, drawn by the backend's rasteriser, without a render engine.

Blender's data are read once, in ``portrait_of``; drawing is numpy alone and touches nothing of the scene.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import bpy
import numpy as np
from numpy.typing import NDArray

from ..backend_door import fragments, vertex_normals
from ..heads import shape_keys
from .materials import MATERIAL

Float32 = NDArray[np.float32]

SUPERSAMPLING = 2
TURN_DEGREES = -12.0
DISTANCE = 8.0  # of the eye from the face, in units of the face's height
MARGIN = 0.05  # around the face, in units of its height
FACING_AWAY = 0.7  # how far towards the back of the head a triangle points at rest, -1 to 1, to be left out
TEXELS = 512  # of a texture's side that are looked at
KEY_LIGHT, FILL_LIGHT = (-0.5, 0.5, 0.75), (0.8, 0.0, 0.6)  # directions: right, up, to the viewer
INSIDE = {"teeth": 0.8, "mouth": 0.55}  # light that reaches what lies behind the lips
GAMMA = 2.2
NO_MATERIAL = (0.6, 0.6, 0.6)


class Portrait(NamedTuple):
    """What the pictures of one head need; V vertices in the head's own space (x left, y back, z up), T triangles.

    basis (V, 3); offsets: blendshape -> (V, 3); triangles (T, 3); uv (T, 3, 2); material (T,) row of ``textures``;
    textures: (S, S', 3) linear light, rows from the bottom; light: share of the light for each texture;
    middle (3,) of the face, at its surface, and height
    """

    basis: Float32
    offsets: dict[str, Float32]
    triangles: NDArray[np.int32]
    uv: Float32
    material: NDArray[np.int32]
    textures: list[Float32]
    light: list[float]
    middle: Float32
    height: float


def portrait_of(head: bpy.types.Object, names: Iterable[str]) -> Portrait:
    """Read a head's mesh, textures and the named blendshapes, those that it has."""
    mesh, blocks = head.data, shape_keys(head)
    basis = _positions(mesh.shape_keys.key_blocks[0].data, len(mesh.vertices))
    offsets = {n: _positions(blocks[n].data, len(basis)) - basis for n in dict.fromkeys(names) if n in blocks}
    mesh.calc_loop_triangles()
    count = len(mesh.loop_triangles)
    triangles, loops = np.empty(3 * count, np.int32), np.empty(3 * count, np.int32)
    slots = np.empty(count, np.int32)
    mesh.loop_triangles.foreach_get("vertices", triangles)
    mesh.loop_triangles.foreach_get("loops", loops)
    mesh.loop_triangles.foreach_get("material_index", slots)
    uv = np.zeros(2 * len(mesh.loops), np.float32)
    if mesh.uv_layers.active is not None:
        mesh.uv_layers.active.data.foreach_get("uv", uv)
    materials = list(mesh.materials) or [None]
    slots = np.minimum(slots, len(materials) - 1)
    kinds = ["" if material is None else str(material.get(MATERIAL, "")) for material in materials]
    low, high = _face_box(basis, offsets)
    middle, height = np.array([0.5 * (low[0] + high[0]), low[1], 0.5 * (low[2] + high[2])]), float(high[2] - low[2])
    triangles = triangles.reshape(-1, 3)
    keep = np.array([kind != "cornea" for kind in kinds])[slots] & _in_view(basis, triangles, middle, height)
    return Portrait(
        basis, offsets, triangles[keep], uv.reshape(-1, 2)[loops.reshape(-1, 3)[keep]], slots[keep],
        [_texture(material) for material in materials], [INSIDE.get(kind, 1.0) for kind in kinds], middle, height,
    )  # fmt: skip


def draw_pose(portrait: Portrait, weights: Mapping[str, float], size: int) -> Float32:
    """Draw the head with an expression: (size, size, 4) RGBA for display, rows from the bottom, clear around it."""
    vertices = portrait.basis.astype(np.float64)
    for name, weight in weights.items():
        if name in portrait.offsets:
            vertices += weight * portrait.offsets[name]
    normals = vertex_normals(vertices, portrait.triangles)
    turn = np.radians(TURN_DEGREES)
    # To the viewer's axes: right is the subject's left, up, and out of the face.
    look = np.array([[np.cos(turn), -np.sin(turn), 0.0], [0.0, 0.0, 1.0], [-np.sin(turn), -np.cos(turn), 0.0]])
    seen, facing = (vertices - portrait.middle) @ look.T, (normals @ look.T).astype(np.float32)
    pixels = size * SUPERSAMPLING
    depth = DISTANCE * portrait.height - seen[:, 2]
    scale = pixels / ((1.0 + 2.0 * MARGIN) * portrait.height) * DISTANCE * portrait.height / depth
    points = np.stack([0.5 * pixels + scale * seen[:, 0], 0.5 * pixels - scale * seen[:, 1]], 1)
    place, _, triangle, inside = fragments(points, depth, portrait.triangles, pixels, pixels, cull_back=True)
    normal = np.einsum("pk,pkc->pc", inside, facing[portrait.triangles[triangle]])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
    colour = _sampled(portrait, triangle, inside) * _light(normal)[:, None]
    image = np.zeros((pixels * pixels, 4), np.float32)
    image[place, :3] = np.clip(colour, 0.0, 1.0) ** (1.0 / GAMMA)
    image[place, 3] = 1.0
    return _averaged(image.reshape(pixels, pixels, 4))[::-1]


def _positions(points: bpy.types.bpy_prop_collection, count: int) -> Float32:
    values = np.empty(3 * count, np.float32)
    points.foreach_get("co", values)
    return values.reshape(-1, 3)


def _face_box(basis: Float32, offsets: Mapping[str, Float32]) -> tuple[Float32, Float32]:
    """Corners of the box around what expressions move most: from the chin to the brows and some forehead."""
    moved = np.zeros(len(basis), bool)
    for offset in offsets.values():
        length = np.linalg.norm(offset, axis=1)
        moved |= length > 0.6 * length.max(initial=0.0)
    face = basis[moved] if moved.any() else basis
    low, high = face.min(0), face.max(0)
    high[2] = min(high[2] + 0.1 * (high[2] - low[2]), basis[:, 2].max())
    return low, high


def _in_view(basis: Float32, triangles: NDArray[np.int32], middle: Float32, height: float) -> NDArray[np.bool_]:
    """(T,) which triangles a picture may show: those within its frame that do not face away, whatever the pose."""
    a, b, c = (basis[triangles[:, corner]] for corner in range(3))
    reach = np.abs((a + b + c) / 3.0 - middle)
    normal = np.cross(b - a, c - a)
    away = normal[:, 1] > FACING_AWAY * np.linalg.norm(normal, axis=1)
    return (np.maximum(reach[:, 0], reach[:, 2]) < (0.6 + MARGIN) * height) & ~away


def _texture(material: bpy.types.Material | None) -> Float32:
    """What colours a material's surface, in linear light: its image, made small, or one texel of its colour."""
    shader = None
    if material is not None and material.node_tree is not None:
        shader = next((node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED"), None)
    if shader is None:
        return np.full((1, 1, 3), NO_MATERIAL, np.float32)
    base = shader.inputs["Base Color"]
    image = base.links[0].from_node.image if base.links and base.links[0].from_node.type == "TEX_IMAGE" else None
    if image is None or not all(image.size):
        return np.array(base.default_value[:3], np.float32).reshape(1, 1, 3)
    width, height = image.size
    pixels = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(pixels)
    step = max(1, min(width, height) // TEXELS)
    small = pixels.reshape(height, width, -1)[::step, ::step]
    colour = small[..., :3] if small.shape[2] >= 3 else np.repeat(small[..., :1], 3, 2)
    return colour if image.is_float else colour**GAMMA


def _sampled(portrait: Portrait, triangle: NDArray[np.int32], inside: Float32) -> Float32:
    """(P, 3) colour of each pixel's surface."""
    uv = np.einsum("pk,pkc->pc", inside, portrait.uv[triangle])
    slot, colour = portrait.material[triangle], np.empty((len(triangle), 3), np.float32)
    for number, (texture, light) in enumerate(zip(portrait.textures, portrait.light, strict=True)):
        here = np.flatnonzero(slot == number)
        size = np.array(texture.shape[1::-1])
        column, row = np.clip((uv[here] * size).astype(np.int64), 0, size - 1).T
        colour[here] = light * texture[row, column]
    return colour


def _light(normal: Float32) -> Float32:
    """(P,) how much light falls on a surface: a soft key light, a fill light, and sky that is brighter above."""
    total = 0.62 + 0.12 * normal[:, 1]
    for direction, strength in ((KEY_LIGHT, 0.42), (FILL_LIGHT, 0.18)):
        towards = np.array(direction, np.float32) / np.linalg.norm(direction)
        total = total + strength * np.maximum((normal @ towards + 0.2) / 1.2, 0.0)
    return total.astype(np.float32)


def _averaged(image: Float32) -> Float32:
    """Average the supersamples; clear ones do not darken the edge."""
    side = len(image) // SUPERSAMPLING
    blocks = image.reshape(side, SUPERSAMPLING, side, SUPERSAMPLING, 4)
    opacity = blocks[..., 3:].sum((1, 3))
    colour = (blocks[..., :3] * blocks[..., 3:]).sum((1, 3)) / np.maximum(opacity, 1.0)
    return np.concatenate([colour, opacity / SUPERSAMPLING**2], 2)
