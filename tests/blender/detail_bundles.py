"""Head bundles with dynamic detail for the Blender tests, written without the backend's image library."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from facewright.dynamic_detail.activation import activation_masks, key_weights
from facewright.dynamic_detail.detail_maps import KEYS, REGIONS, DetailMaps
from facewright.dynamic_detail.tension import key_tension, skin_edges
from facewright.face_model.base import HeadGeometry
from facewright.head.bundle import read_bundle, write_record
from facewright.head.detail_masks import (
    KEY_IMAGES,
    MASKS_FILE,
    OFFSET,
    STEP_MM,
    TENSION_IMAGE,
    TENSION_UNIT,
    detail_entry,
    masks_bytes,
)
from facewright.mesh.topology import Topology

from blender_addon.scene.png16 import png16

SIZE = 128


def small_detail(topology: Topology, head: HeadGeometry, seed: int = 1, size: int = SIZE) -> DetailMaps:
    """Detail for a head with a lattice: every map is a smooth wave of its own; the regions are bands of height."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size
    waves = random.uniform(2, 9, (KEYS + 4, 3))
    maps = [np.sin(6.28 * (fx * x + fy * y) + phase) for fx, fy, phase in waves]
    depths = [0.2, *[0.5] * KEYS, 0.8, 0.3, 0.03]
    static, *dynamic, compressed, stretched, pores = (
        (depth * values).astype(np.float32) for depth, values in zip(depths, maps, strict=True)
    )
    edges, weights = skin_edges(topology, head.neutral), key_weights()
    height = head.neutral[:, 1]
    middle = np.linspace(height.max() - 20.0, height.max() - 150.0, len(REGIONS))[:, None]
    regions = np.clip(1.0 - np.abs(height - middle) / 26.0, 0.0, 1.0)
    regions[:, np.setdiff1d(np.arange(len(height)), topology.regions.get("face", []))] = 0.0
    return DetailMaps(
        static, pores, np.stack(dynamic), compressed, stretched,
        activation_masks(topology, head.blendshapes), weights,
        key_tension(edges, head.neutral, head.blendshapes, weights).astype(np.float32),
        regions.astype(np.float32), {"source": "test", "seed": seed},
    )  # fmt: skip


def add_detail(folder: Path, detail: DetailMaps) -> Path:
    """Write ``detail/`` into a bundle that has none, and name it in head.json."""
    (folder / "detail").mkdir()
    channels = [detail.static, *detail.dynamic]
    for number, name in enumerate(KEY_IMAGES):
        (folder / name).write_bytes(png16(stored(*channels[4 * number : 4 * number + 4])))
    pair = (detail.compressed * TENSION_UNIT, detail.stretched * TENSION_UNIT)
    (folder / TENSION_IMAGE).write_bytes(png16(stored(*pair, detail.pores)))
    (folder / MASKS_FILE).write_bytes(masks_bytes(detail))
    record = {key: value for key, value in read_bundle(folder).record.items() if key != "files"}
    write_record(folder, {**record, "detail": detail_entry(detail)})
    return folder


def stored(*maps: np.ndarray) -> np.ndarray:
    """(S, S, C) 16-bit values for maps in millimetres."""
    return (np.rint(np.stack(maps, -1) / STEP_MM) + OFFSET).astype(np.uint16)
