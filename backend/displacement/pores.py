"""Pores and the skin's finest relief: static, procedural, below what a photo of a face resolves.

Everything is laid out in three dimensions on the head itself, so that it knows no seam of the UV square, no slit
and no stretch of the lattice: pores are dart throws on the surface (Cook 1986; here a maximal independent set after
Luby 1986, which numpy can do at once), furrows and unevenness are values of noise in space. The layout depends on
the person and the seed, not on the size of the map.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial import cKDTree

from ..mesh.geometry_image import lattice_cells
from ..mesh.texel_map import UvSampler, uv_sampler
from ..mesh.topology import Topology
from ..texture.cavity import openness
from ..texture.mesh_field import skin_graph
from .crease_set import PhotoEvidence
from .settings import AVERAGE_AGE

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

# How porous each region is; regions that are not named take that of those that contain them.
POROUS: Mapping[str, float] = {
    "face": 0.55, "neck": 0.3, "ears": 0.3, "forehead": 0.75, "cheeks_left": 0.75, "cheeks_right": 0.75,
    "chin": 0.8, "nose": 1.25, "brows_left": 0.4, "brows_right": 0.4, "scalp": 0.0, "lids_left": 0.0,
    "lids_right": 0.0, "lips": 0.0, "mouth_bag": 0.0,
}  # fmt: skip
NO_PORES = ("lids_left", "lids_right", "lips")
MIDDLE_CHEEK_MM = (26.0, -22.0, 16.0)  # |x|, y and extent: pores are largest beside the nose
BACK_MM = (-125.0, -95.0)  # z of the nape: nothing behind the first, all in front of the second
TABLE = 64  # cells a side of the noise
TABLE_SIGMA = 1.3  # of its smoothing, cells: trilinear reading then shows no cells
FADE_POROSITY = 0.05  # where skin gets less porous than this, all relief fades with it
OPEN_SKIN = (0.25, 0.6)  # of texture.cavity.openness: nothing inside nostrils, all outside
LEAST_POROUS = 0.02  # skin that bears no pores at all
PIT_RADII, PIT_SQUARED = 1.7, 2.9  # where a pit ends, in radii, and in squared radii
LARGEST_PIT_TEXELS = 8  # of a map of 1024
NOISE_TURN = 7  # seed of a turn of the noise's axes
ROUNDS = 12  # of the dart throw; it ends by itself after about eight


@dataclass(frozen=True)
class PoreSettings:
    """What pores look like; lengths in mm.

    spacing_mm   least distance between two
    radius_mm    at which a pore of average size has risen to 1/e of its depth
    depth_mm     of an average pore where skin is most porous
    deepest_mm   of any
    size_spread  standard deviation of the logarithm of their sizes
    furrow_mm, furrow_depth_mm   distance and depth of the lines between the cells of the skin
    unevenness   (scale, amplitude): standard deviation of noise at each scale
    """

    spacing_mm: float = 0.8
    radius_mm: float = 0.34
    depth_mm: float = 0.07
    deepest_mm: float = 0.1
    size_spread: float = 0.4
    furrow_mm: float = 0.9
    furrow_depth_mm: float = 0.02
    unevenness: tuple[tuple[float, float], ...] = field(default=((1.1, 0.006), (2.3, 0.007), (5.0, 0.009)))


class PoreLayout(NamedTuple):
    """Where a head's pores are, whatever its age.

    porous     (V,) how porous the skin is
    u, v       (n,) place of each pore in 0..1
    size       (n,) relative to the average
    here       (n,) how porous the skin is at its place
    metric     (n, 3) squared mm along u, along both, along v, per squared unit of the UV square
    """

    porous: Float64
    u: Float64
    v: Float64
    size: Float64
    here: Float64
    metric: Float64


def pore_layout(
    topology: Topology, neutral: Float64, seed: int = 0, settings: PoreSettings | None = None
) -> PoreLayout:
    """Throw the pores: half of the work of ``pores``, and all that needs neither photo nor age.

    Parameters and errors as of ``pores``.
    """
    porous = _porosity(topology, neutral)
    return _throw(lattice_cells(topology), neutral, porous, np.random.default_rng(seed), settings or PoreSettings())


def pores(
    topology: Topology,
    neutral: Float64,
    size: int,
    *,
    seed: int = 0,
    roughness: float = 1.0,
    age: float = AVERAGE_AGE,
    evidence: PhotoEvidence | None = None,
    settings: PoreSettings | None = None,
    layout: PoreLayout | None = None,
) -> Float32:
    """Pores, furrows between the skin's cells and small unevenness.

    Parameters
    ----------
    topology : a geometry image
    neutral : (V, 3) mm
    size : S of the map, texels
    seed : of the layout
    roughness : relative to the average, about 0.5 to 1.5
    age : 0 to 1.3; older skin has wider pores and deeper furrows
    evidence : of the photo; what it resolves is not repeated where it is trusted
    settings : PoreSettings
    layout : of ``pore_layout`` with the same topology, head, seed and settings, where it has been made already

    Returns
    -------
    (S, S) float32 mm, row 0 at v = 1; zero on lids, lips, scalp and inside nostrils, about zero mean elsewhere

    Raises TopologyMismatch where the skin is not a lattice.
    """
    settings = settings or PoreSettings()
    layout = layout or pore_layout(topology, neutral, seed, settings)
    sampler = uv_sampler(topology, "skin", size)
    porous = layout.porous
    relief = _pits(layout, size, settings, age)
    relief += _between(sampler, neutral, porous, np.random.default_rng([seed, 1]), settings, age, evidence)
    # The mean of the pits is no relief: the skin itself is where their average is.
    weight = sampler.image(np.minimum(porous, 1.0))
    local = cv2.resize(relief, (size // 8, size // 8), interpolation=cv2.INTER_AREA)
    local = cv2.GaussianBlur(local, (0, 0), 4.0 * size / 1024)
    relief -= cv2.resize(local, (size, size), interpolation=cv2.INTER_LINEAR)
    result: Float32 = relief * weight.clip(0.0, FADE_POROSITY) * np.float32(roughness / FADE_POROSITY)
    return result


def _porosity(topology: Topology, neutral: Float64) -> Float64:
    """(V,) how porous the skin is, 0 to about 1.3: smooth, the same on both sides."""
    porous = np.zeros(len(neutral))
    bare = np.ones(len(neutral))
    for name, value in POROUS.items():
        if name in topology.regions:
            porous[topology.regions[name]] = value
    graph = skin_graph(topology, neutral)
    x, y, extent = MIDDLE_CHEEK_MM
    squared = (np.abs(neutral[:, 0]) - x) ** 2 + (neutral[:, 1] - y) ** 2
    porous += 0.4 * np.exp(-squared / extent**2) * (neutral[:, 2] > 0.0) * (porous > 0.0)
    porous = graph.smooth(porous, 24)
    for name in NO_PORES:
        if name in topology.regions:
            bare[topology.regions[name]] = 0.0
    open_skin = np.interp(openness(topology, neutral, graph), OPEN_SKIN, (0.0, 1.0))
    # Fade beside lids and lips, never on them.
    bare = np.clip(2.0 * graph.smooth(bare, 12) - 1.0, 0.0, 1.0)
    outside = np.ones(len(neutral), bool)
    outside[graph.vertices] = False
    front = np.clip((neutral[:, 2] - BACK_MM[0]) / (BACK_MM[1] - BACK_MM[0]), 0.0, 1.0)
    porous = np.where(outside, 0.0, porous * bare * open_skin * front)
    if topology.mirror is not None:
        porous = 0.5 * (porous + porous[topology.mirror])
    return porous


def _throw(
    cells: NDArray[np.int64],
    neutral: Float64,
    porous: Float64,
    random: np.random.Generator,
    settings: PoreSettings,
) -> PoreLayout:
    """Pores on the surface, no two nearer than the spacing, as many as fit."""
    quads = cells.reshape(-1, 4)
    count = len(cells)
    corners = neutral[quads]
    along = 0.5 * (corners[:, 1] - corners[:, 0] + corners[:, 2] - corners[:, 3])
    across = 0.5 * (corners[:, 3] - corners[:, 0] + corners[:, 2] - corners[:, 1])
    area = np.linalg.norm(np.cross(along, across), axis=1)
    bearing = area * (porous[quads].min(1) > LEAST_POROUS)
    # So many candidates to each disc of the spacing's diameter leave few gaps.
    total = int(1.5 * bearing.sum() / (np.pi * 0.25 * settings.spacing_mm**2))
    numbers = random.poisson(bearing * (total / max(bearing.sum(), 1e-9)))
    cell = random.permutation(np.repeat(np.arange(len(quads)), numbers))
    place = random.random((len(cell), 2))
    weights = np.stack(
        [
            (1 - place[:, 0]) * (1 - place[:, 1]),
            place[:, 0] * (1 - place[:, 1]),
            place[:, 0] * place[:, 1],
            (1 - place[:, 0]) * place[:, 1],
        ],
        axis=1,
    )
    points = np.einsum("nk,nkc->nc", weights, corners[cell])
    chosen = _independent(points, settings.spacing_mm)
    cell, place, weights = cell[chosen], place[chosen], weights[chosen]
    here = np.einsum("nk,nk->n", weights, porous[quads[cell]])
    size = np.exp(settings.size_spread * random.standard_normal(len(cell)))
    metric = np.stack([(along**2).sum(1), (along * across).sum(1), (across**2).sum(1)], axis=1)[cell] * count**2
    row, column = cell // count, cell % count
    return PoreLayout(porous, (column + place[:, 0]) / count, (row + place[:, 1]) / count, size, here, metric)


def _independent(points: Float64, spacing: float) -> NDArray[np.intp]:
    """Indices of a maximal subset of (n, 3) points, no two nearer than ``spacing``; earlier points go first."""
    pairs = cKDTree(points).query_pairs(spacing, output_type="ndarray")
    kept = np.zeros(len(points), bool)
    open_ = np.ones(len(points), bool)
    for _ in range(ROUNDS):
        loser = np.zeros(len(points), bool)
        loser[pairs[:, 1]] = True  # pairs come with the smaller index first
        winners = open_ & ~loser
        kept |= winners
        gone = winners.copy()
        gone[pairs[winners[pairs[:, 0]], 1]] = True
        open_ &= ~gone
        pairs = pairs[open_[pairs[:, 0]] & open_[pairs[:, 1]]]
        if not open_.any():
            break
    return np.flatnonzero(kept)


def _pits(thrown: PoreLayout, size: int, settings: PoreSettings, age: float) -> Float32:
    """(S, S) mm: a round pit for every pore, whatever the lattice's stretch at its place."""
    wide = thrown.size * (0.75 + 0.5 * age)
    depth = np.minimum(settings.depth_mm * thrown.here * np.sqrt(wide), settings.deepest_mm).astype(np.float32)
    x, y = thrown.u * size - 0.5, (1.0 - thrown.v) * size - 0.5
    column, row = np.round(x).astype(np.intp), np.round(y).astype(np.intp)
    radius = settings.radius_mm * np.sqrt(np.clip(wide, 0.4, 1.8))
    # v runs up, rows run down: the mixed term changes its sign.
    metric = thrown.metric * [1.0, -1.0, 1.0] / (size * radius[:, None]) ** 2
    determinant = np.maximum(metric[:, 0] * metric[:, 2] - metric[:, 1] ** 2, 1e-9)
    reach_x, reach_y = (PIT_RADII * np.sqrt(metric[:, k] / determinant) for k in (2, 0))
    limit = int(np.ceil(LARGEST_PIT_TEXELS * size / 1024))
    result = np.zeros(size * size)
    fx, fy = (column - x).astype(np.float32), (row - y).astype(np.float32)
    m0, m1, m2 = metric.astype(np.float32).T
    for dy in range(-limit, limit + 1):
        # One sum over the whole map for every row of offsets: it costs as much as hundreds of pores.
        texels, depths = [], []
        for dx in range(-limit, limit + 1):
            near = np.flatnonzero((reach_x >= abs(dx) - 0.5) & (reach_y >= abs(dy) - 0.5))
            if not len(near):
                continue
            ax, ay = fx[near] + np.float32(dx), fy[near] + np.float32(dy)
            squared = m0[near] * ax * ax + 2.0 * m1[near] * ax * ay + m2[near] * ay * ay
            inside = near[squared < PIT_SQUARED]
            texels.append(np.clip(row[inside] + dy, 0, size - 1) * size + np.clip(column[inside] + dx, 0, size - 1))
            depths.append(depth[inside] * np.exp(-squared[squared < PIT_SQUARED]))
        if texels:
            result -= np.bincount(np.concatenate(texels), np.concatenate(depths), size * size)
    return result.reshape(size, size).astype(np.float32)


def _between(
    sampler: UvSampler,
    neutral: Float64,
    porous: Float64,
    random: np.random.Generator,
    settings: PoreSettings,
    age: float,
    evidence: PhotoEvidence | None,
) -> Float32:
    """(S, S) mm: furrows between the cells of the skin, and unevenness at larger scales."""
    size = sampler.size
    relief = np.zeros((size, size), np.float32)
    where = np.flatnonzero(sampler.image(porous).ravel() > 0.01)
    points = sampler.image(neutral).reshape(-1, 3)[where]
    amount = sampler.image(np.minimum(porous, 1.0)).ravel()[where]
    trust = np.zeros(len(where), np.float32)
    if evidence is not None:
        seen = cv2.resize(evidence.trust, (size, size), interpolation=cv2.INTER_LINEAR)
        trust = np.asarray(seen, np.float32).ravel()[where]
    depth = settings.furrow_depth_mm * (0.6 + 0.9 * age)
    value = _noise(points, settings.furrow_mm, random)
    total = -depth * np.exp(-((value / 0.35) ** 2))
    total *= amount
    for scale, amplitude in settings.unevenness:
        values = amplitude * _noise(points, scale, random)
        if evidence is not None and scale > 3.0 * evidence.mm_per_pixel:
            values *= 1.0 - trust  # the photo says how the skin is at this scale
        total += values * (0.5 + 0.5 * amount)
    relief.reshape(-1)[where] = total
    return relief


def _noise(points: Float32, scale_mm: float, random: np.random.Generator) -> Float32:
    """(n,) smooth noise of unit variance at (n, 3) mm that varies over about ``scale_mm``."""
    table = gaussian_filter(random.standard_normal((TABLE,) * 3).astype(np.float32), TABLE_SIGMA, mode="wrap")
    table /= table.std()
    # A turn that no axis of the head shares hides that the table repeats.
    turn = np.linalg.qr(np.random.default_rng(NOISE_TURN).standard_normal((3, 3)))[0].astype(np.float32)
    place = (points @ turn) * np.float32(2.0 * TABLE_SIGMA / scale_mm)
    found = map_coordinates(table, place.T, order=1, mode="grid-wrap", prefilter=False)
    return np.asarray(found, np.float32)
