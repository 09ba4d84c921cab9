"""The images of a head's detail: found by their marks in the materials, read exactly, and exchanged.

    keys_1 .. keys_5   RGBA: static detail, then the key expressions 1 to 19
    tension            RGB: compressed, stretched, pores
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import bpy
import numpy as np
from numpy.typing import NDArray

from ..detail_nodes.displacement import KIND as DISPLACEMENT
from ..detail_nodes.sheet import is_group
from .materials import TEXTURE
from .png16 import png16

KEY_IMAGES = tuple(f"keys_{number}" for number in range(1, 6))
TENSION_IMAGE = "tension"
DETAIL_IMAGES = (*KEY_IMAGES, TENSION_IMAGE)
_TOP = 65535.0

Pixels = NDArray[np.uint16]


def detail_nodes(head: bpy.types.Object) -> Iterator[tuple[str, bpy.types.Node]]:
    """(name of the image, node) of every node that shows a detail image in the head's materials."""
    for material in head.data.materials:
        if material is not None and material.node_tree is not None:
            for node in _image_nodes(material.node_tree):
                name = node.image.get(TEXTURE) if node.image is not None else None
                if name in DETAIL_IMAGES:
                    yield name, node


def shows_detail(node: bpy.types.Node) -> bool:
    """Whether an image node belongs to the head's detail, also where its image is gone."""
    return any(
        link.to_node.type == "GROUP" and is_group(link.to_node.node_tree, DISPLACEMENT)
        for socket in node.outputs for link in socket.links
    )  # fmt: skip


def detail_images(head: bpy.types.Object) -> dict[str, bpy.types.Image]:
    """The head's detail images by name; empty where it has none."""
    return {name: node.image for name, node in detail_nodes(head)}


def read_pixels(image: bpy.types.Image) -> Pixels:
    """(H, W, 4) 16-bit values as they are in the file, the top row first."""
    width, height = image.size
    values = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(values)
    stored = np.zeros((height, width, 4), np.uint16)
    rows = np.rint(values.reshape(height, width, image.channels)[::-1] * _TOP)
    stored[..., : image.channels] = np.clip(rows, 0, _TOP)
    return stored


def new_image(old: bpy.types.Image, pixels: Pixels) -> bpy.types.Image:
    """An image like ``old`` with other 16-bit pixels (H, W, C), the top row first, packed."""
    height, width = pixels.shape[:2]
    image = bpy.data.images.new(old.name, width, height, alpha=True, float_buffer=True, is_data=True)
    content = png16(pixels)
    image.pack(data=content, data_len=len(content))
    image.source = "FILE"
    image.filepath_raw = old.filepath_raw
    image.colorspace_settings.name, image.alpha_mode = old.colorspace_settings.name, old.alpha_mode
    image[TEXTURE] = old[TEXTURE]
    return image


def exchange(head: bpy.types.Object, images: Mapping[str, bpy.types.Image]) -> None:
    """Let this head, and no other, show these images in the place of its own of the same names."""
    _own_materials(head)
    for name, node in list(detail_nodes(head)):
        if name in images:
            node.image = images[name]


def _own_materials(head: bpy.types.Object) -> None:
    """Materials with detail that other meshes use too become this head's own."""
    for slot, material in enumerate(head.data.materials):
        if material is None or material.node_tree is None or material.users - material.use_fake_user == 1:
            continue
        if any(node.image is not None and node.image.get(TEXTURE) in DETAIL_IMAGES
               for node in _image_nodes(material.node_tree)):  # fmt: skip
            head.data.materials[slot] = material.copy()


def _image_nodes(tree: bpy.types.NodeTree) -> Iterator[bpy.types.Node]:
    return (node for node in tree.nodes if node.type == "TEX_IMAGE")
