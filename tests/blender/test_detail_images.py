"""Detail images are read and written to the last bit, as the files and the packed images hold them."""

from __future__ import annotations

import zlib
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon.backend_door import Head
from blender_addon.scene.build import build_head
from blender_addon.scene.detail_images import DETAIL_IMAGES, detail_images, new_image, read_pixels, shows_detail
from blender_addon.scene.png16 import png16


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png16_is_what_blender_reads(empty: None, tmp_path: Path, channels: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 65536, (5, 7, channels)).astype(np.uint16)
    (tmp_path / "a.png").write_bytes(png16(pixels))
    image = bpy.data.images.load(str(tmp_path / "a.png"))
    image.colorspace_settings.name, image.alpha_mode = "Non-Color", "CHANNEL_PACKED"
    found = read_pixels(image)
    assert found.shape == (5, 7, 4)
    assert np.array_equal(found[..., :channels], pixels)


def test_png16_is_well_formed() -> None:
    content = png16(np.zeros((2, 3, 3), np.uint16))
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert content.endswith(b"IEND" + zlib.crc32(b"IEND").to_bytes(4, "big"))
    with pytest.raises(KeyError):
        png16(np.zeros((2, 3, 2), np.uint16))


def test_new_images_are_packed_and_exact(empty: None, detailed: Head, tmp_path: Path) -> None:
    head = build_head(detailed, bpy.context.scene.collection).head
    images = detail_images(head)
    assert tuple(sorted(images)) == tuple(sorted(DETAIL_IMAGES))
    pixels = read_pixels(images["keys_2"])
    pixels[3, 4] = (0, 65535, 1, 32768)
    made = new_image(images["keys_2"], pixels)
    made.use_fake_user = True
    assert np.array_equal(read_pixels(made), pixels)
    name = made.name
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    again = bpy.data.images[name]
    assert np.array_equal(read_pixels(again), pixels)
    assert again.packed_file is not None and (again.colorspace_settings.name, again.alpha_mode) == (
        "Non-Color", "CHANNEL_PACKED",
    )  # fmt: skip


def test_nodes_are_known_without_their_image(empty: None, detailed: Head) -> None:
    head = build_head(detailed, bpy.context.scene.collection).head
    bpy.data.images.remove(detail_images(head)["tension"])
    nodes = [node for node in head.data.materials[0].node_tree.nodes if node.type == "TEX_IMAGE"]
    assert sorted(shows_detail(node) for node in nodes) == [False] + [True] * len(DETAIL_IMAGES)
    assert [shows_detail(node) for node in nodes if node.image is None] == [True]
