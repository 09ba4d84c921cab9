"""Static and dynamic maps of one head, from each of the sources that there are (see ``sources``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..dynamic_detail.resample import resampled
from ..mesh.texel_map import uv_sampler
from ..mesh.topology import Topology
from .crease_ground import SkinGround, slit_fade
from .crease_set import CreaseSet, LockedLines, PhotoEvidence
from .deforming_map import deforming_maps
from .lattice_frame import LatticeFrame
from .line_lock import lock_lines
from .line_wave import LockSettings
from .mechanics import crease_depths, dynamic_maps, locked_static
from .mesoscopic import MesoscopicSettings, mesoscopic_relief
from .network import deforming_size, predict_key_maps
from .sd_detail import sd_detail
from .strain import expression_heads
from .tension_maps import tension_maps

Floats = NDArray[np.floating[Any]]
Float32 = NDArray[np.float32]


class Relief(NamedTuple):
    """Maps of one head, (S, S) mm.

    static      F_0 and D_sta without pores
    dynamic     (19, S, S) F_i - F_0
    compressed, stretched   D_com and D_str
    record      what head.json says of them
    """

    static: Float32
    dynamic: Float32
    compressed: Float32
    stretched: Float32
    record: dict[str, Any]


class SkinLook(NamedTuple):
    """What the photo says of a head's skin.

    evidence    shading, age, roughness; at the maps' S
    expression  (E,) blendshape weights in the photo
    texture     (T, T, 3) uint8 sRGB, the skin's
    """

    evidence: PhotoEvidence
    expression: NDArray[np.float64]
    texture: NDArray[np.uint8]


def mechanics_relief(
    ground: SkinGround,
    sets: Sequence[CreaseSet],
    look: SkinLook,
    tension_images: Float32,
    lock: LockSettings | None = None,
    mesoscopic: MesoscopicSettings | None = None,
) -> Relief:
    """Wrinkles from strain, along the lines that the photo shows; and these lines at rest.

    Parameters
    ----------
    ground, sets : of the head, at the person's age
    look : of the photo
    tension_images : (19, S, S) HiFace Eq. (8) at the key expressions
    lock, mesoscopic : settings of what is read off the photo
    """
    locked = lock_lines(ground, sets, look.evidence, look.expression, lock)
    dynamic = dynamic_maps(ground, sets, crease_depths(ground, sets), locked)
    static = locked_static(ground, sets, locked)
    static += mesoscopic_relief(ground, sets, look.evidence, static, look.expression, mesoscopic)
    return Relief(static, dynamic, *tension_maps(dynamic, tension_images), {"lines": _lines_entry(locked)})


def network_relief(topology: Topology, ground: SkinGround, look: SkinLook, tension_images: Float32) -> Relief:
    """FaceScape Sec. 4.2: texture, and deforming maps from the photo's expression to the others, to all maps.

    Parameters are as of ``mechanics_relief``. Raises ModelFileInvalid where the network is missing or damaged.
    """
    at_rest = np.zeros((1, len(look.expression)))
    weights = np.concatenate([look.expression[None], at_rest, ground.weights])
    heads = expression_heads(ground.neutral, ground.blendshapes, weights)
    moves = deforming_maps(LatticeFrame.of(topology, heads[0]), heads[1:], deforming_size())
    maps = predict_key_maps(look.texture, _trust(look), moves)
    free = slit_fade(ground.frame, uv_sampler(topology, "skin", ground.size))
    static, *dynamic = (resampled(values, ground.size) * free for values in maps)
    stacked = np.stack(dynamic)
    return Relief(static, stacked, *tension_maps(stacked, tension_images), {})


def bases_relief(topology: Topology, ground: SkinGround, look: SkinLook, tension: Floats) -> Relief:
    """HiFace Sec. 3.3: static, compressed and stretched detail on learned bases; Eq. (9) at the key expressions.

    ``tension`` is (19, V), HiFace Eq. (8) at the key expressions; the rest is as of ``mechanics_relief``.
    Raises ModelFileInvalid where a trained part is missing or damaged.
    """
    source = expression_heads(ground.neutral, ground.blendshapes, look.expression[None])[0]
    maps = sd_detail(
        topology, ground.neutral, source, look.texture, _trust(look), ground.weights, tension, ground.size
    )
    return Relief(maps.static, maps.dynamic, maps.compressed, maps.stretched, {})


def _trust(look: SkinLook) -> Float32:
    """(T, T) how far the photo can be believed, at the texture's size."""
    return resampled(look.evidence.trust, len(look.texture))


def _lines_entry(locked: Mapping[str, LockedLines]) -> dict[str, Any]:
    """For every crease set that the photo could show: its deepest line at rest (mm) and its gain."""
    return {
        name: {
            "rest_mm": round(float((own.depth_mm * own.trust).max(initial=0.0)), 3),
            "gain": round(float(own.gain), 3),
        }
        for name, own in locked.items()
    }
