"""Wrinkles from mechanics: how deep each crease set becomes in an expression, and the 19 dynamic maps.

    ground = SkinGround.of(topology, neutral, blendshapes, names, size, settings)
    sets = lay_out_creases(ground)
    depths = crease_depths(ground, sets)
    dynamic = dynamic_maps(ground, sets, depths, locked)

Skin that is shortened by the strain e across a line keeps its length by folding: a wave of length lambda and
amplitude a is longer than its base by (pi a / lambda)^2, so a = lambda / pi sqrt(e - e0), of which a share ``gain``
is seen and never more than ``cap``:

    a0 = min(lambda / pi sqrt(e - e0), cap / 0.6) gain,    a = cap tanh(a0 / cap)

At the onset the square root would start with a cliff, and bending skin does not: x / sqrt(x + 0.02) is the same for
large x and starts gently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .crease_ground import SkinGround, smoothed_area, smoothstep
from .crease_set import CreaseSet, LockedLines
from .creases_lower import lower_creases
from .creases_upper import upper_creases
from .phase import cycles_per_texel, profile
from .strain import compression_along, smoothed

Floats = NDArray[np.floating[Any]]
Float32 = NDArray[np.float32]

LARGEST_SPREAD_STRAIN = 0.35
COLUMN_MM = (20.0, 104.0)
"""Canonical heights between which a raised forehead's skin shares its compression."""
COLUMN_MARGIN_MM = 8.0
SPREAD_SMOOTHING_CELLS = 3.0
UNSEEN_MM = 5e-4
GENTLE_STRAIN = 0.02
FOLD_SMOOTHING_CELLS = 2.0
"""Folds average the strain over about their own width."""
LOCKED_GAIN = 0.35
"""How much deeper than others a line becomes that the person has at rest already."""
FORK_TURN = (1.4, 2.2)
"""Cycles per wavelength, relative to parallel lines, between which a place counts as the middle of a fork."""
SHIFT_TURN = (0.5, 1.2)
"""The same for what the shift to the photo's lines adds."""
KNOT_SMOOTHING_MM = 1.2
KNOT_REACH = 3.0
"""Such a place fades over this length, and so many times as far as the blur alone would make it."""
LOCKED_SMOOTHING_MM = 4.0
"""Over which that fades out: where a photo stops seeing a line, the line itself does not stop."""
LOCKED_ROUNDNESS = 0.2
"""Lines at rest are never sharper: a photo shows their width no better."""


def lay_out_creases(ground: SkinGround) -> tuple[CreaseSet, ...]:
    """All lines that the skin of a head may show, in a fixed order."""
    return (*upper_creases(ground), *lower_creases(ground))


def crease_depths(ground: SkinGround, sets: Sequence[CreaseSet], strain: Float32 | None = None,
                  weights: Floats | None = None) -> tuple[Float32, ...]:  # fmt: skip
    """Depth of every set in some expressions, on the lattice's cells.

    Parameters
    ----------
    ground, sets : of one head
    strain : (K, N, N, 3) of the expressions (``strain.key_strain``); the key expressions' where None
    weights : (K, E) blendshape weights of the same expressions; the key expressions' where None

    Returns
    -------
    per set (K, hc, wc) mm, half of valley to ridge, on the cells of ``frame.cells_of_crop(set.rows, set.columns)``;
    0 at rest
    """
    strain = ground.strain if strain is None else strain
    weights = ground.weights if weights is None else weights
    broad = smoothed(ground.frame, strain, FOLD_SMOOTHING_CELLS)
    return tuple(_depth(ground, lines, broad, weights) for lines in sets)


def _depth(ground: SkinGround, lines: CreaseSet, strain: Float32, weights: Floats) -> Float32:
    frame, style, settings = ground.frame, lines.style, ground.settings
    crop = lines.rows, lines.columns
    area = frame.cells_of_crop(*crop, ground.size)
    d = lines.direction
    texels = np.stack([d[..., 0] ** 2, d[..., 1] ** 2, d[..., 0] * d[..., 1], lines.wavelength_mm], -1)
    weighted = np.concatenate([texels, np.ones_like(texels[..., :1])], -1) * (lines.mask[..., None] + 1e-3)
    cells = frame.cell_average(weighted, area, *crop, ground.size)
    cells = cells[..., :4] / np.maximum(cells[..., 4:], 1e-6)
    if lines.spread > 0.0:
        squeeze = _spread(ground, lines, area, cells[..., :3], strain)
    else:
        squeeze = compression_along(strain[:, area[0], area[1]], cells[..., :3])
    if lines.activation:
        added = np.zeros(len(strain), np.float32)
        for name, value in lines.activation.items():
            if name in ground.names:
                added += np.float32(value) * weights[:, ground.names.index(name)].astype(np.float32)
        squeeze = np.maximum(squeeze, np.maximum(added, 0.0)[:, None, None])
    gain, cap = settings.gain(lines.name, style), settings.cap(lines.name, style)
    wavelength = np.maximum(cells[..., 3], 0.1)
    onset = style.onset * settings.thickness if style.onset > 0.0 else style.onset

    def amplitude(e: Any) -> Float32:
        beyond = np.maximum(e - onset, 0.0)
        root = beyond / np.sqrt(beyond + GENTLE_STRAIN)
        folded = np.minimum(wavelength / np.pi * root, cap / 0.6) * gain
        result: Float32 = (cap * np.tanh(folded / cap)).astype(np.float32)
        return result

    deep = amplitude(squeeze)
    return deep - amplitude(0.0) if onset < 0.0 else deep


def _spread(ground: SkinGround, lines: CreaseSet, area: tuple[slice, slice], projector: Float32,
            strain: Float32) -> Float32:  # fmt: skip
    """(K, hc, wc) compression where skin shares it along the lattice's columns, from the brows to the crown."""
    frame = ground.frame
    here = compression_along(strain[:, area[0], area[1]], projector)
    whole = strain[:, :, area[1]]
    places = ground.cell_places[:, area[1]]
    column = (places[..., 1] > COLUMN_MM[0]) & (places[..., 1] < COLUMN_MM[1]) & (places[..., 2] > -60.0)
    height = np.where(column, frame.metric[:, area[1], 2], 0.0)
    # Above and below the set, lines run across the columns.
    across = np.zeros((*whole.shape[1:3], 3), np.float32)
    across[..., 1] = 1.0
    across[area[0]] = projector
    shortening = (compression_along(whole, across) * height).sum(1)
    crop = lines.rows, lines.columns
    mask = frame.cell_average(lines.mask[..., None], area, *crop, ground.size)[..., 0]
    length = (np.clip(mask, 0.0, 1.0) * frame.metric[area[0], area[1], 2]).sum(0) + COLUMN_MARGIN_MM
    even = np.minimum(shortening / length, LARGEST_SPREAD_STRAIN)[:, None, :]
    shared = np.broadcast_to(even, here.shape) * lines.spread + here * (1.0 - lines.spread)
    smooth = smoothed_area(np.moveaxis(shared, 0, 2).astype(np.float32), SPREAD_SMOOTHING_CELLS)
    return np.ascontiguousarray(np.moveaxis(smooth, 2, 0))


def line_relief(lines: CreaseSet, locked: LockedLines | None = None, cap_mm: float | None = None) -> Float32:
    """(h, w) height of a set of depth 1 mm: profile, mask and variation; moved to where the photo shows the lines.

    ``cap_mm`` is the depth that counts as a deep line of this set on this person's skin; the style's where None.
    """
    depth = lines.depth if locked is None else lines.depth * np.float32(locked.gain)
    if lines.relief == "given":
        return depth * lines.mask
    phase, fineness = lines.phase, cycles_per_texel(lines.phase)
    if locked is not None:
        own = locked.trust * np.minimum(locked.depth_mm / np.float32(cap_mm or lines.style.cap_mm), 1.0)
        texel_mm = max(float(np.median(fineness * lines.wavelength_mm)), 0.05)
        own = cv2.GaussianBlur(own, (0, 0), LOCKED_SMOOTHING_MM / texel_mm)
        # Where lines fork the phase turns round a point, and what keeps that point flat must stay.
        texels = lines.wavelength_mm / np.float32(texel_mm)
        own *= 1.0 - smoothstep(_widened(fineness * texels), *FORK_TURN)
        # Somebody's own line is not interrupted by chance, and folds more deeply than skin without a line.
        depth = np.maximum(depth, np.minimum(3.0 * own, 1.0)) * (1.0 + np.float32(LOCKED_GAIN) * own)
        # On their way to the photo's lines, lines may fork once more.
        knot = smoothstep(_widened(cycles_per_texel(locked.shift) * texels), *SHIFT_TURN)
        knot = np.asarray(cv2.GaussianBlur(knot, (0, 0), KNOT_SMOOTHING_MM / texel_mm), np.float32)
        depth = depth * np.maximum(np.float32(1.0) - np.float32(KNOT_REACH) * knot, np.float32(0.0))
        phase = phase - locked.shift
    return profile(phase, lines.style.exponent, lines.style.roundness, fineness) * depth * lines.mask


def _widened(turning: Float32) -> Float32:
    """The greatest value within a texel: differences across the very point that a phase turns round cancel."""
    return np.asarray(cv2.dilate(turning, np.ones((3, 3), np.uint8)), np.float32)


def dynamic_maps(ground: SkinGround, sets: Sequence[CreaseSet], depths: Sequence[Float32],
                 locked: Mapping[str, LockedLines] | None = None) -> Float32:  # fmt: skip
    """(K, S, S) mm, displacement of expressions minus that of the neutral face.

    Parameters
    ----------
    ground, sets : of one head
    depths : per set (K, hc, wc), from ``crease_depths``
    locked : set's name -> what the photo shows of it
    """
    count, size = (len(depths[0]) if depths else 0), ground.size
    maps = np.zeros((count, size, size), np.float32)
    for lines, depth in zip(sets, depths):
        own = (locked or {}).get(lines.name)
        relief = line_relief(lines, own, ground.settings.cap(lines.name, lines.style))
        area = ground.frame.cells_of_crop(lines.rows, lines.columns, size)
        for key in np.flatnonzero(depth.max((1, 2)) > UNSEEN_MM):
            smooth = ground.frame.texels_of_cells(depth[key : key + 1], area, lines.rows, lines.columns, size)
            maps[key, lines.rows, lines.columns] += smooth[0] * relief
    return maps


def locked_static(ground: SkinGround, sets: Sequence[CreaseSet], locked: Mapping[str, LockedLines]) -> Float32:
    """(S, S) mm, the lines that the photo shows of a face at rest."""
    static = np.zeros((ground.size, ground.size), np.float32)
    for lines in sets:
        own = locked.get(lines.name)
        if own is None or lines.relief != "lines":
            continue
        fineness = cycles_per_texel(lines.phase)
        shape = profile(lines.phase - own.shift, 1.0, max(lines.style.roundness, LOCKED_ROUNDNESS), fineness)
        depth = own.depth_mm * own.trust * np.clip(lines.depth, 0.5, 1.3)
        static[lines.rows, lines.columns] += depth * shape * lines.mask
    return static
