"""Tongue: a closed tube of quads whose upper side is cast onto ICT's tongue, and the way it moves in tongueOut.

ICT's tongue has no underside (its flanks run into the floor of the mouth), so the underside is an affine
combination of the flanks and the back of the tongue, which keeps it linear in identity.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from .ict_source import IctSource
from .parts_gums import Strip, filled
from .parts_surface import Surface, cast, mirrored_rows

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STATIONS = 18  # along the tongue
AROUND = 16
FAN = 0.68  # of the stations; the rest turn forward about the end of the spine and make the tip
SPINE_DEPTH_MM = (12.0, 7.0)  # of the spine below the back of the tongue, at the root and at the tip
UNDERSIDE = 0.7  # depth below the flanks, of the height of the back above them
TONGUE_UV = (0.0, 1.0, 0.0, 0.25)  # u from root to tip, v around; the middle line of the back is at v = 0.125


def _tube_quads(stations: int, around: int) -> Ints:
    """Quads of a tube of ``stations`` rings of ``around`` vertices, then a root pole and a tip pole.

    Ring vertices run from the subject's left flank over the back to the right flank and below to the left again.
    """
    index = np.arange(stations * around).reshape(stations, around)
    nxt = np.roll(index, -1, axis=1)
    quads = [np.stack([index[:-1], nxt[:-1], nxt[1:], index[1:]], -1).reshape(-1, 4)]
    root, tip = stations * around, stations * around + 1
    pairs = np.arange(0, around, 2)
    first, last = index[0], index[-1]
    quads.append(
        np.stack([np.full(len(pairs), root), first[(pairs + 2) % around], first[pairs + 1], first[pairs]], 1)
    )
    quads.append(np.stack([np.full(len(pairs), tip), last[pairs], last[pairs + 1], last[(pairs + 2) % around]], 1))
    return np.concatenate(quads)


def build_tongue(source: IctSource, surface: Surface, mirror: Ints) -> tuple[Strip, Floats]:
    """The tongue over ICT's lower gum and tongue ``surface``.

    Returns the part and ``along`` (n,), 0 at the root and 1 at the tip of the tongue.
    """
    # The back of the tongue along its middle line, found by rays from above.
    z = np.linspace(-48.0, 14.0, 125)
    origins = np.stack([np.zeros_like(z), np.full_like(z, -66.0 + 30.0), z], 1)
    rows, hit = cast(surface, origins, np.tile([0.0, -1.0, 0.0], (len(z), 1)))
    ridge = (rows @ source.neutral)[hit]
    ridge = ridge[np.argsort(ridge[:, 2])]
    flank = np.flatnonzero(ridge[:, 1] < ridge[:, 1].max() - 11.0)
    front = flank[flank > np.argmax(ridge[:, 1])]
    tip_z = ridge[front[0], 2] if len(front) else ridge[-1, 2]
    root_z = ridge[0, 2]
    along = np.linspace(0.0, 1.0, STATIONS)
    spine_z = root_z + 3.0 + np.minimum(along / FAN, 1.0) * (tip_z - 11.0 - root_z - 3.0)
    top = np.interp(spine_z, ridge[:, 2], ridge[:, 1])
    spine = np.stack([np.zeros(STATIONS), top - np.linspace(*SPINE_DEPTH_MM, STATIONS), spine_z], 1)

    upper = AROUND // 2 + 1  # vertices from flank to flank over the back
    angle = np.radians(np.linspace(0.0, 180.0, upper))
    # The last stations fan out to the tip.
    pitch = np.radians(np.interp(along, [0.0, FAN, 1.0], [0.0, 0.0, 72.0]))
    across = np.stack([np.cos(angle), np.sin(angle), np.zeros(upper)], 1)
    directions = np.cos(pitch)[:, None, None] * across + np.sin(pitch)[:, None, None] * np.array([0.0, 0.0, 1.0])
    start = np.repeat(spine, upper, axis=0)
    rows, hit = cast(surface, start, directions.reshape(-1, 3))
    far = np.linalg.norm(rows @ source.neutral - start, axis=1) > 30.0
    rows = filled(rows, hit & ~far, STATIONS, upper)

    # Below: between the flanks, sunk by UNDERSIDE of the height of the back over the flanks.
    index = np.arange(STATIONS * upper).reshape(STATIONS, upper)
    left, back, right = rows[index[:, 0]], rows[index[:, upper // 2]], rows[index[:, -1]]
    blocks = []
    for k in range(AROUND):
        if k < upper:
            blocks.append(rows[index[:, k]])
            continue
        phi = np.pi * (k - upper + 1) / (AROUND - upper + 1)  # 0 at the right flank, pi at the left
        share = 0.5 + 0.5 * np.cos(phi)
        sink = UNDERSIDE * np.sin(phi)
        blocks.append((share + 0.5 * sink) * right + (1.0 - share + 0.5 * sink) * left - sink * back)
    stacked = sp.vstack(blocks).tocsr()
    order = np.arange(AROUND * STATIONS).reshape(AROUND, STATIONS).T.ravel()
    tube = stacked[order]
    ring = np.arange(STATIONS * AROUND).reshape(STATIONS, AROUND)
    # The poles stand on the middle of the end rings, the tip pole on the hit of a ray straight ahead.
    root_pole = sp.csr_matrix(np.full((1, AROUND), 1.0 / AROUND)) @ tube[ring[0]]
    ahead, hit = cast(surface, spine[-1:], np.array([[0.0, 0.12, 1.0]]))
    if not hit.all():
        raise ValueError("the ray to the tip of the tongue hits nothing")
    sampling = sp.vstack([tube, root_pole, ahead]).tocsr()

    mirror_ring = np.array([(upper - 1 - k) % AROUND for k in range(AROUND)])
    own = np.concatenate([(ring[:, mirror_ring]).ravel(), [ring.size, ring.size + 1]])
    sampling = 0.5 * (sampling + mirrored_rows(sampling, mirror)[own])
    quads = _tube_quads(STATIONS, AROUND)
    along_all = np.concatenate([np.repeat(along * 0.97, AROUND), [0.0, 1.0]])
    return Strip(sampling.tocsr(), quads, _tongue_uv(quads, along_all), own), along_all


def _tongue_uv(quads: Ints, along: Floats) -> Floats:
    """Corner UVs (F, 4, 2): around the tube v goes from one end of the box to the other, the seam is below."""
    u0, u1, v0, v1 = TONGUE_UV
    upper = AROUND // 2
    # Vertex k = 0 left flank, upper / 2 back, upper right flank; the seam lies opposite the back.
    turn = (np.arange(AROUND) - upper // 2 + AROUND // 2) % AROUND
    result = np.zeros((*quads.shape, 2))
    pole = quads >= STATIONS * AROUND
    place = np.where(pole, 0, turn[quads % AROUND]).astype(np.float64)
    wraps = (np.where(pole, -1, place).max(1) - np.where(pole, AROUND, place).min(1)) > AROUND / 2
    place = np.where(wraps[:, None] & (place < AROUND / 2) & ~pole, place + AROUND, place)
    middle = np.where(pole, 0.0, place).sum(1) / (~pole).sum(1)
    place = np.where(pole, middle[:, None], place)
    result[..., 0] = u0 + (u1 - u0) * along[quads]
    result[..., 1] = v0 + (v1 - v0) * place / AROUND
    return result
