"""Engine files of a head as it stands in somebody's scene: Blender hands over arrays, this makes the maps of them.

The archive (``SCENE_FIELDS``) holds what the scene holds: geometry that may have been sculpted, images that may
have been painted, controls that the artist has set. What a control scales is scaled here, so that the exported maps
show what the artist sees.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dynamic_detail.activation import key_weights
from ..dynamic_detail.detail_maps import KEYS, DetailMaps
from ..dynamic_detail.tension import key_tension, skin_edges
from ..errors import BundleInvalid, TopologyMismatch
from ..mesh.texel_map import lattice_map
from ..mesh.topology import Topology
from .detail_files import map_of
from .detail_masks import TENSION_UNIT
from .engine_detail import EngineFiles, EngineSettings, write_engine_detail
from .npz import read_npz

SCENE_FIELDS = (
    "quads", "corner_uv", "neutral", "blendshapes", "activation", "regions", "pixels", "static", "dynamic", "pores",
    "region_factors", "onset",
)  # fmt: skip
"""quads (F, 4); corner_uv (F, 4, 2); neutral (V, 3) mm; blendshapes (52, V, 3) mm in ARKit's order; activation
(52, V); regions (6, V); pixels (6, S, S, 4) uint16, keys_1 .. keys_5 and tension, row 0 at v = 1; static, dynamic,
pores: factors of the parts, strength and the head's size included; region_factors (6,); onset."""
MAX_BYTES = 2**32
LATTICE_TOLERANCE = 1e-2
"""Cells that a corner may lie beside its place in UV."""


def write_from_scene(source: Path, folder: Path, stem: str, green_down: bool = False) -> EngineFiles:
    """Write the engine files of ``source`` (an .npz of SCENE_FIELDS) into an existing, empty folder.

    Raises
    ------
    BundleInvalid : the archive lacks something
    TopologyMismatch : the mesh is not the built-in model's lattice any more
    OSError, ValueError : as of ``write_engine_detail``
    """
    arrays = read_npz(source, MAX_BYTES)
    missing = [name for name in SCENE_FIELDS if name not in arrays]
    if missing:
        raise BundleInvalid(f"{source} lacks {missing[0]}.")
    topology = lattice_topology(arrays["quads"], arrays["corner_uv"])
    neutral, blendshapes = arrays["neutral"].astype(np.float64), arrays["blendshapes"]
    detail = _shown(arrays, topology, neutral, blendshapes)
    settings = EngineSettings(green_down, float(arrays["onset"]))
    return write_engine_detail(folder, stem, detail, topology, neutral, blendshapes, settings)


def lattice_topology(quads: NDArray[np.int32], corner_uv: NDArray[np.float32]) -> Topology:
    """The topology of a mesh whose first faces are the cells of a geometry image, as in the built-in model.

    Raises TopologyMismatch where faces or UVs are not those of a lattice (any more).
    """
    width = float(corner_uv[0, 1, 0] - corner_uv[0, 0, 0]) if len(quads) else 0.0
    size = round(1.0 / width) if width > 1e-4 else 0
    topology = Topology(quads, corner_uv, np.zeros(len(quads), np.uint8), lattice_size=size)
    if size > 0 and size * size <= len(quads):
        rows, columns = np.indices((size, size)).reshape(2, -1)
        wanted = np.stack([columns, rows], 1)[:, None] + np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
        apart = np.abs(corner_uv[: size * size] * size - wanted).max()
        if apart < LATTICE_TOLERANCE and lattice_map(topology, size) is not None:
            return topology
    raise TopologyMismatch(
        "Wrinkle maps need the built-in model's mesh with its own UV map: this head's faces were changed. Switch "
        "Wrinkle Maps off to export it without."
    )


def _shown(
    arrays: dict[str, NDArray[Any]], topology: Topology, neutral: NDArray[np.float64],
    blendshapes: NDArray[np.floating[Any]],
) -> DetailMaps:  # fmt: skip
    """The detail with what the artist's controls make of it."""
    pixels = arrays["pixels"]
    size = pixels.shape[1]
    sampler = lattice_map(topology, size)
    assert sampler is not None  # lattice_topology has looked
    regions, activation = arrays["regions"], arrays["activation"]
    local = sampler.image(1.0 + (arrays["region_factors"] - 1.0) @ regions)

    def channel(number: int, factor: str) -> NDArray[np.float32]:
        values = map_of(pixels[number // 4, :, :, number % 4])
        return np.asarray(values * local * np.float32(arrays[factor]), np.float32)

    dynamic = np.stack([channel(1 + key, "dynamic") for key in range(KEYS)])
    weights = key_weights()
    tension = key_tension(skin_edges(topology, neutral), neutral, blendshapes, weights).astype(np.float32)
    pair = 4 * (len(pixels) - 1)
    compressed, stretched = (channel(pair + k, "dynamic") / np.float32(TENSION_UNIT) for k in range(2))
    return DetailMaps(
        channel(0, "static"), channel(pair + 2, "pores"), dynamic, compressed, stretched,
        activation, weights, tension, regions,
    )  # fmt: skip
