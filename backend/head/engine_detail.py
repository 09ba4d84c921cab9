"""A head's detail for game engines: normal maps, height maps, region masks, and a table of weights.

    <stem>_neutral_normal.png     8 bit RGB, tangent space: what the face shows at rest
    <stem>_wrinkle_1_normal.png   the packed sets W_1 .. W_3 (engine_sets), each by itself
    <stem>_compressed_normal.png  HiFace's pair, at the strongest compression (stretch) that expressions bring
    <stem>_stretched_normal.png
    <stem>_*_height.png           16 bit grey, the same as heights, for tessellation
    <stem>_masks_1.png ..         8 bit RGBA: ENGINE_REGIONS, four a file
    <stem>_detail.json            formula, units and the weight of every blendshape on every (set, region)
    Unreal.md, Unity.md           how to build the material

Nothing else is needed to show F (FaceScape Eq. (6)) or D (HiFace Eq. (9)) as well as three maps can; how well that
is, is measured and written into the table for every key expression.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..dynamic_detail.detail_maps import KEYS, DetailMaps
from ..dynamic_detail.tension import compression_and_stretch, key_tension, skin_edges
from ..face_model.base import ARKIT_NAMES
from ..face_model.key_expressions import KEY_EXPRESSION_NAMES
from ..mesh.geometry_image import lattice_cells
from ..mesh.texel_map import uv_sampler
from ..mesh.topology import Topology
from .engine_names import MASK_IMAGES, NEUTRAL, PAIR, RECIPES, SET_NAMES, SETS, file_names
from .engine_normals import SlopeFrame, encode_normals, slope_frame
from .engine_recipes import recipe
from .engine_regions import ENGINE_REGIONS, at_size, engine_masks
from .engine_sets import (
    Plan,
    Samples,
    balanced,
    fit_weights,
    intensities,
    plan_sets,
    reach_of_blendshapes,
    region_products,
    samples,
    set_maps,
    shown_in_regions,
)

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

STEP_MM, OFFSET = 0.00025, 32768
CHANNELS = "RGBA"
CELL_STEP = 2
"""Every second cell of the lattice is looked at where means over regions are taken."""


@dataclass(frozen=True)
class EngineSettings:
    """green_down: the green channel of normal maps points down (DirectX, Unreal) and not up (OpenGL, Unity).
    onset: share of an expression before its wrinkles begin, as artists set it."""

    green_down: bool = False
    onset: float = 0.0


class EngineDetail(NamedTuple):
    """What is written.

    heights   name -> (S, S) mm: "neutral", SET_NAMES, PAIR
    masks     (15, M, M) uint8, ENGINE_REGIONS
    plan      keys and weights of the sets
    pair      (2, 15, 52) weights of PAIR on every region
    frame     of the head at rest
    fidelity  name of a key expression -> error of the sets there, relative to its wrinkles' RMS; "all": of all 19
    """

    heights: dict[str, Float32]
    masks: NDArray[np.uint8]
    plan: Plan
    pair: Float64
    frame: SlopeFrame
    fidelity: dict[str, float]


class EngineFiles(NamedTuple):
    """What was written, and how much of the key expressions' wrinkles the sets miss, relative to their RMS."""

    files: tuple[Path, ...]
    relative_error: float


def pack_detail(
    detail: DetailMaps, topology: Topology, neutral: NDArray[np.floating[Any]],
    blendshapes: NDArray[np.floating[Any]], onset: float = 0.0,
) -> EngineDetail:  # fmt: skip
    """Compute all maps and weights.

    Parameters
    ----------
    detail : of the head
    topology : with a lattice
    neutral : (V, 3) mm
    blendshapes : (52, V, 3) offsets mm, in the order of ARKIT_NAMES
    onset : of ``EngineSettings``

    Raises TopologyMismatch where the skin is not the built-in model's lattice.
    """
    masks = engine_masks(topology, detail.regions)
    over_map = at_size(masks, detail.size)
    frame = slope_frame(topology, neutral, uv_sampler(topology, "skin", detail.size))
    drawn = samples(detail.key_weights)
    places = _places(topology, at_size(masks, topology.lattice_size))
    activation, energy = places.of_vertices(detail.activation), places.of_maps(detail.dynamic**2)
    shown = shown_in_regions(activation, detail.key_weights, places.masks, energy, drawn.alpha, onset)
    reach = reach_of_blendshapes(activation, places.masks, energy)
    plan = plan_sets(_products(detail.dynamic, over_map, frame), shown, drawn, reach)
    sets = set_maps(detail.dynamic, over_map, plan, detail.key_weights)
    pair, weights = _pair(detail, topology, neutral, blendshapes, places, onset)
    heights = {NEUTRAL: detail.static + detail.pores, **dict(zip(SET_NAMES, sets, strict=True)), **pair}
    return EngineDetail(heights, masks, plan, weights, frame, _fidelity(detail, sets, over_map, plan))


def write_engine_detail(
    folder: Path, stem: str, detail: DetailMaps, topology: Topology, neutral: NDArray[np.floating[Any]],
    blendshapes: NDArray[np.floating[Any]], settings: EngineSettings | None = None,
) -> EngineFiles:  # fmt: skip
    """Write everything into an existing, empty folder; ``stem`` begins the files' names.

    Other parameters and errors as of ``pack_detail``; OSError where the folder cannot be written, ValueError where
    a map is deeper than 16 bits can say.
    """
    chosen = settings or EngineSettings()
    packed = pack_detail(detail, topology, neutral, blendshapes, chosen.onset)
    for name, height in packed.heights.items():
        _write_map(folder, f"{stem}_{name}", height, packed.frame, chosen)
    unused = np.zeros((4 * MASK_IMAGES - len(packed.masks), *packed.masks.shape[1:]), np.uint8)
    channels = np.concatenate([packed.masks, unused])
    for number in range(MASK_IMAGES):
        path = folder / f"{stem}_masks_{number + 1}.png"
        _write_png(path, np.moveaxis(channels[4 * number : 4 * number + 4], 0, -1))
    table = folder / f"{stem}_detail.json"
    table.write_text(json.dumps(_table(stem, packed, detail.size, chosen), indent=1) + "\n", encoding="utf-8")
    for engine in RECIPES:
        path = folder / f"{engine}.md"
        path.write_text(recipe(engine, stem, chosen.green_down), encoding="utf-8")
    return EngineFiles(tuple(folder / name for name in file_names(stem)), packed.fidelity["all"])


def _products(dynamic: Float32, masks: Float32, frame: SlopeFrame) -> Float64:
    """What the key expressions have in common over each region, in depth and in slope."""
    slopes = np.stack([frame.slopes(values) for values in dynamic], 1)
    sloping = region_products(slopes[0], masks) + region_products(slopes[1], masks)
    return balanced(region_products(dynamic, masks), sloping)


class _Places(NamedTuple):
    """Some cells of the lattice, to take means over. corners (P, 4) vertices; rows, columns (P,) of cells counted
    from the top; masks (R, P)."""

    corners: NDArray[np.int64]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    masks: Float32
    lattice: int

    def of_vertices(self, values: Float32) -> Float32:
        """(C, V) to (C, P): means of the corners."""
        return np.asarray(values[:, self.corners].mean(-1), np.float32)

    def of_maps(self, maps: Float32) -> Float32:
        """(C, S, S) to (C, P): means over the cells."""
        small = [cv2.resize(values, (self.lattice,) * 2, interpolation=cv2.INTER_AREA) for values in maps]
        return np.stack([values[self.rows, self.columns] for values in small])


def _places(topology: Topology, masks: Float32) -> _Places:
    cells = lattice_cells(topology)[::-1]  # rows from the top, as maps have them
    rows, columns = (part[::CELL_STEP, ::CELL_STEP].ravel() for part in np.indices(cells.shape[:2]))
    return _Places(cells[rows, columns], rows, columns, masks[:, rows, columns], len(cells))


def _pair(
    detail: DetailMaps, topology: Topology, neutral: NDArray[np.floating[Any]],
    blendshapes: NDArray[np.floating[Any]], places: _Places, onset: float,
) -> tuple[dict[str, Float32], Float64]:  # fmt: skip
    """HiFace's two maps times the strongest tension that expressions bring, and the blendshapes' weights on them.

    How far a region is towards that tension is a least squares number, weighted by what the map shows there.
    """
    edges = skin_edges(topology, neutral)
    alone = key_tension(edges, neutral, blendshapes, np.eye(len(blendshapes)))
    parts = compression_and_stretch(np.concatenate([detail.tension, alone]), onset)
    drawn = samples(detail.key_weights)
    alpha = np.concatenate([detail.key_weights, np.eye(len(blendshapes))])
    drawn = Samples(alpha, np.where(np.arange(len(alpha)) < KEYS, drawn.share[0], 1.0))
    sampler = uv_sampler(topology, "skin", detail.size)
    activation = places.of_vertices(detail.activation)
    maps, weights = {}, np.zeros((len(PAIR), len(places.masks), alpha.shape[1]))
    for number, (name, values, tension) in enumerate(
        zip(PAIR, (detail.compressed, detail.stretched), parts, strict=True)
    ):
        strongest = tension[:KEYS].max(0)
        maps[name] = values * sampler.image(strongest)
        energy = places.of_maps(np.square(values)[None])[0]
        top, now = places.of_vertices(strongest[None])[0], places.of_vertices(tension)
        shared = places.masks * energy * top
        wanted = (now @ shared.T) / np.maximum(shared @ top, 1e-9)
        reach = reach_of_blendshapes(activation, places.masks, energy[None])
        for region, amount in enumerate(np.clip(wanted, 0.0, 1.0).T):
            weights[number, region] = fit_weights(drawn, amount[:, None], reach[region])[0]
    return maps, weights


def _fidelity(detail: DetailMaps, sets: Float32, masks: Float32, plan: Plan) -> dict[str, float]:
    """RMS of what the sets miss at each key expression, relative to its wrinkles' own."""
    amounts = intensities(plan.weights, detail.key_weights).astype(np.float32)
    size, rest = np.zeros(KEYS), np.zeros(KEYS)
    for key, (amount, wanted) in enumerate(zip(amounts, detail.dynamic, strict=True)):
        rebuilt = sum(np.tensordot(part, masks, 1) * values for part, values in zip(amount, sets, strict=True))
        size[key] = np.square(wanted, dtype=np.float64).sum()
        rest[key] = np.square(rebuilt - wanted, dtype=np.float64).sum()
    names = ("all", *KEY_EXPRESSION_NAMES[1:])
    ratios = np.append(rest.sum(), rest) / np.maximum(np.append(size.sum(), size), 1e-12)
    return {name: round(float(np.sqrt(ratio)), 4) for name, ratio in zip(names, ratios, strict=True)}


def _write_map(
    folder: Path, stem: str, height: Float32, frame: SlopeFrame, settings: EngineSettings
) -> None:
    """One map as normals and as heights."""
    steps = np.rint(height * np.float32(1.0 / STEP_MM)) + OFFSET
    if not (steps.min() >= 0 and steps.max() <= 65535):
        raise ValueError(f"{stem} is deeper than {OFFSET * STEP_MM:.1f} mm, or no map at all")
    _write_png(folder / f"{stem}_normal.png", encode_normals(frame.slopes(height), settings.green_down))
    _write_png(folder / f"{stem}_height.png", steps.astype(np.uint16))


def _write_png(path: Path, pixels: NDArray[Any]) -> None:
    """Grey, RGB or RGBA pixels."""
    swaps = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    ordered = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, swaps[pixels.shape[2]])
    done, encoded = cv2.imencode(".png", ordered, [cv2.IMWRITE_PNG_COMPRESSION, 4])
    if not done:
        raise OSError(f"{path.name} could not be encoded")
    path.write_bytes(encoded.tobytes())


def _table(stem: str, packed: EngineDetail, size: int, settings: EngineSettings) -> dict[str, Any]:
    """The content of the JSON file."""
    green = "down (DirectX)" if settings.green_down else "up (OpenGL)"
    files = [f"{stem}_{name}" for name in (*SET_NAMES, *PAIR)]
    return {
        "format": "facewright engine detail",
        "format_version": 1,
        "blendshapes": list(ARKIT_NAMES),
        "maps": {
            "size": size,
            "uv": "the skin material's UV map; row 0 of every image is v = 1 with the origin bottom left",
            "normal": f"8 bit, linear, tangent space (MikkTSpace), n = 2 c / 255 - 1, green {green}",
            "height": {"millimetres": f"(value - {OFFSET}) * {STEP_MM}", "step_mm": STEP_MM, "offset": OFFSET},
            "neutral": f"{stem}_{NEUTRAL}",
        },
        "regions": [
            {"name": name, "mask": f"{stem}_masks_{index // 4 + 1}.png", "channel": CHANNELS[index % 4]}
            for index, name in enumerate(ENGINE_REGIONS)
        ],
        "formula": [
            "amount[set][region] = clamp(sum over its blendshapes of blendshape * value, 0, 1)",
            "m[set] = sum over regions of amount[set][region] * mask[region]",
            "slope = n.xy / n.z of the neutral normal map + sum over sets of m[set] * (n.xy / n.z of the set's)",
            "normal = normalize(slope.x, slope.y, 1); heights add up in the same way",
            "Use the wrinkle sets (FaceScape) or the tension pair (HiFace), not both",
        ],
        "wrinkle_sets": [
            {"name": name, "file": file, "starts_from": _starts(packed.plan, number),
             "weights": _weights(packed.plan.weights[number])}
            for number, (name, file) in enumerate(zip(SET_NAMES, files, strict=False))
        ],
        "tension_pair": [
            {"name": name, "file": file, "weights": _weights(weights)}
            for name, file, weights in zip(PAIR, files[SETS:], packed.pair, strict=True)
        ],
        "relative_rms_error": packed.fidelity,
    }  # fmt: skip


def _starts(plan: Plan, part: int) -> dict[str, str]:
    """The key expression that a set holds in each region, before it was made to serve others too."""
    named = zip(ENGINE_REGIONS, plan.keys[:, part].tolist(), strict=True)
    return {region: KEY_EXPRESSION_NAMES[key] for region, key in named if key}


def _weights(weights: Float64) -> list[dict[str, Any]]:
    """One entry for every region that has wrinkles, without zeros; in lists, which every engine's reader knows."""
    return [
        {
            "region": region,
            "blendshapes": [ARKIT_NAMES[j] for j in np.flatnonzero(row)],
            "values": [round(float(row[j]), 4) for j in np.flatnonzero(row)],
        }
        for region, row in zip(ENGINE_REGIONS, weights, strict=True)
        if row.any()
    ]
