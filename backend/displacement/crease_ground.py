"""Where crease sets are laid out: a head's skin with its strain, and patches of it to draw lines on.

How to make a crease set:

    patch = ground.patch("nasolabial_left", side=1, x=(10, 50), y=(-95, -30))   # canonical mm, lateral x
    side, along, length = patch.curve([(16.5, -36), (27, -52), (35, -84)])       # signed distance, arc length
    fold = np.exp(-((side / 5) ** 2)) * bump(along, 9, length - 16, 9, 12)       # where lines may be, 0..1
    return patch.crease_set(STYLE, phase=side / STYLE.wavelength_mm, along_mm=along, mask=fold)

``patch.x, y, z`` are canonical places of the patch's texels (x is lateral, positive outwards, where a side is
given), ``patch.lid_mm``, ``patch.lip_mm`` distances to the slits on the person's own head. The phase counts lines:
valleys at whole numbers. Direction and distance of the lines follow from its gradient in the head's own metric.
Lines that follow the strain get phase and length from ``patch.follow``. Meander, variation of depth, forks and the
fading where the phase is pinched are added by ``crease_set``; finer lines between the lines by ``patch.finer``.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from ..errors import TopologyMismatch
from ..face_model.key_expressions import key_expression_weights
from ..mesh.texel_map import UvSampler
from ..mesh.topology import Topology
from .canonical import canonical_places
from .crease_set import CreaseSet, CreaseStyle
from .lattice_frame import LatticeFrame
from .noise import LineNoise
from .phase import fit_phase, gradient
from .settings import SkinSettings
from .spline import gaussian_matrix
from .strain import expression_heads, key_strain, mean_compression

Floats = NDArray[np.floating[Any]]
Float32 = NDArray[np.float32]

SLIT_FREE_MM = 1.0
"""No line comes nearer to the loops of lids and lips."""
SLIT_FULL_MM = 2.4
WAVELENGTH_RANGE = (0.4, 1.8)
"""Local distances between lines are kept within these multiples of the style's."""
DEPTH_RANGE = (0.05, 1.25)
"""Chance makes no line deeper than this times its depth, and takes none away altogether."""
NEGLIGIBLE_MASK = 0.004
CURVE_STEPS = 96
CURVE_MARGIN_CELLS = 9
"""Nodes round a patch that its splines may look at."""


def smoothstep(x: Floats, low: float | Floats, high: float | Floats) -> Float32:
    """0 below ``low``, 1 above ``high``, a smooth ramp between."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), np.float32)


def slit_fade(frame: LatticeFrame, sampler: UvSampler) -> Float32:
    """(S, S) factor that keeps detail away from slits: 0 within SLIT_FREE_MM of lids' and lips' loops, 1 beyond
    SLIT_FULL_MM. Crease sets have it in their masks; what networks say needs it."""
    return smoothstep(sampler.image(np.minimum(frame.lid_mm, frame.lip_mm)), SLIT_FREE_MM, SLIT_FULL_MM)


def bump(x: Floats, low: float | Floats, high: float | Floats, rise: float, fall: float) -> Float32:
    """About 1 between ``low`` and ``high``; ramps of half widths ``rise`` and ``fall`` centred on them."""
    result: Float32 = smoothstep(x, low - rise, low + rise) * (1.0 - smoothstep(x, high - fall, high + fall))
    return result


@dataclass(frozen=True)
class SkinGround:
    """A head's skin with all that crease sets are made from.

    frame      of the head at rest
    canonical  (V, 3) mm on the mean head
    names      (E,) blendshape names
    weights    (19, E) of FaceScape's key expressions without neutral
    strain     (19, N, N, 3) at these expressions, see ``strain.key_strain``
    size       S of the maps
    settings   the person's skin
    noise      of this person
    neutral, blendshapes   (V, 3) mm and (E, V, 3) mm, the head itself
    """

    frame: LatticeFrame
    canonical: Float32
    names: tuple[str, ...]
    weights: NDArray[np.float64]
    strain: Float32
    size: int
    settings: SkinSettings
    noise: LineNoise
    neutral: Floats
    blendshapes: Floats

    @classmethod
    def of(cls, topology: Topology, neutral: Floats, blendshapes: Floats, names: Sequence[str], size: int = 1024,
           settings: SkinSettings | None = None) -> SkinGround:  # fmt: skip
        """Measure a head.

        Parameters
        ----------
        topology : the built-in one
        neutral : (V, 3) mm, model space
        blendshapes : (E, V, 3) mm offsets at full weight
        names : (E,) their names
        size : S, at least the lattice's size
        settings : the person's skin

        Raises
        ------
        TopologyMismatch : the head is not of the built-in topology, or the maps are smaller than its lattice
        """
        settings = settings or SkinSettings()
        canonical = canonical_places(topology)
        frame = LatticeFrame.of(topology, neutral)
        if size < frame.size:
            raise TopologyMismatch(f"Detail maps need at least {frame.size} texels a side, not {size}.")
        weights = key_expression_weights(names)[1:]
        strain = key_strain(frame, expression_heads(neutral, blendshapes, weights))
        noise = LineNoise.of(settings.seed)
        return cls(frame, canonical, tuple(names), weights, strain, size, settings, noise, neutral, blendshapes)

    @cached_property
    def cell_places(self) -> Float32:
        """(N, N, 3) canonical mm of the cells' centres."""
        return self.frame.cell_means(self.canonical)

    def strain_of(self, *poses: Mapping[str, float]) -> Float32:
        """(K, N, N, 3) strain of poses given as blendshape name -> weight."""
        table = np.array([[pose.get(name, 0.0) for name in self.names] for pose in poses])
        return key_strain(self.frame, expression_heads(self.neutral, self.blendshapes, table))

    def patch(self, name: str, x: tuple[float, float], y: tuple[float, float],
              z: tuple[float, float] = (-15.0, 1e3), side: int = 0) -> Patch:  # fmt: skip
        """The skin that holds the canonical box x, y, z (mm).

        ``side`` 1 takes the subject's left and -1 the right, and x is then lateral (positive on either side);
        0 takes x as it is. ``name`` decides the lines' irregularity, so every set has a name of its own.
        """
        place = self.cell_places
        lateral = place[..., 0] * (side or 1)
        inside = (lateral > x[0]) & (lateral < x[1]) & (place[..., 1] > y[0]) & (place[..., 1] < y[1])
        inside &= (place[..., 2] > z[0]) & (place[..., 2] < z[1])
        rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        if not len(rows):
            raise TopologyMismatch(f"No skin lies where {name} belongs.")
        scale = self.size / self.frame.size
        top = round((self.frame.size - 1 - int(rows[-1])) * scale)
        bottom = round((self.frame.size - int(rows[0])) * scale)
        left, right = round(int(columns[0]) * scale), round((int(columns[-1]) + 1) * scale)
        return Patch(self, name, slice(top, bottom), slice(left, right), side)


@dataclass(frozen=True)
class Patch:
    """A piece of skin to draw lines on: h x w texels of the map."""

    ground: SkinGround
    name: str
    rows: slice
    columns: slice
    side: int

    @cached_property
    def area(self) -> tuple[slice, slice]:
        """Rows and columns of the lattice's cells under it."""
        return self.ground.frame.cells_of_crop(self.rows, self.columns, self.ground.size)

    @cached_property
    def _texels(self) -> Float32:
        frame = self.ground.frame
        values = np.concatenate([self.ground.canonical, frame.lid_mm[:, None], frame.lip_mm[:, None]], 1)
        return frame.texels_of_vertices(values, self.rows, self.columns, self.ground.size)

    @property
    def x(self) -> Float32:
        """(h, w) canonical mm; lateral where the patch has a side."""
        return self._texels[..., 0] * (self.side or 1)

    @property
    def y(self) -> Float32:
        """(h, w) canonical mm, up."""
        return self._texels[..., 1]

    @property
    def z(self) -> Float32:
        """(h, w) canonical mm, out of the face."""
        return self._texels[..., 2]

    @property
    def lid_mm(self) -> Float32:
        """(h, w) distance to the lids' slits on this head."""
        return self._texels[..., 3]

    @property
    def lip_mm(self) -> Float32:
        """(h, w) distance to the lips' slit on this head."""
        return self._texels[..., 4]

    @cached_property
    def metric(self) -> Float32:
        """(h, w, 3) ``LatticeFrame.metric`` here, in mm per texel."""
        frame = self.ground.frame
        layers = np.moveaxis(frame.metric[self.area], 2, 0)
        texels = frame.texels_of_cells(layers, self.area, self.rows, self.columns, self.ground.size)
        result: Float32 = np.moveaxis(texels, 0, 2) * np.float32(frame.size / self.ground.size)
        return result

    @cached_property
    def cell_places(self) -> Float32:
        """(hc, wc, 3) canonical mm of the cells of ``area``; x is lateral where the patch has a side."""
        places = self.ground.cell_places[self.area].copy()
        places[..., 0] *= self.side or 1
        return places

    @cached_property
    def rng(self) -> np.random.Generator:
        """Random numbers of this patch on this person."""
        return np.random.default_rng([self.ground.settings.seed, zlib.crc32(self.name.encode())])

    def curve(self, points: Sequence[tuple[float, float]]) -> tuple[Float32, Float32, float]:
        """Distance to a smooth curve through canonical (x, y) points: signed (positive left of its course) and
        measured along it, (h, w) mm each, and its length."""
        knots = np.asarray(points, np.float64)
        chord = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))]
        line = CubicSpline(chord, knots)(np.linspace(0.0, chord[-1], CURVE_STEPS + 1))
        starts, steps = line[:-1], np.diff(line, axis=0)
        lengths = np.linalg.norm(steps, axis=1)
        before = np.r_[0.0, np.cumsum(lengths)[:-1]]
        # On the lattice's nodes first: near a curve distance and length are smooth.
        frame, size = self.ground.frame, self.ground.size
        ids = np.unique(frame.cells[frame.cells_of_crop(self.rows, self.columns, size, CURVE_MARGIN_CELLS)])
        x, y = self.ground.canonical[ids, 0] * (self.side or 1), self.ground.canonical[ids, 1]
        nearest = np.full(x.shape, np.inf, np.float32)
        found = np.zeros((len(ids), 2), np.float32)
        for (x0, y0), (dx, dy), length, done in zip(
            starts.astype(np.float32), steps.astype(np.float32), lengths.astype(np.float32), before
        ):
            px, py = x - x0, y - y0
            share = (px * dx + py * dy) / length**2
            # The first and the last piece go on, so that distance has no kink at the ends.
            share = np.clip(share, -np.inf if done == 0.0 else 0.0, np.inf if done == before[-1] else 1.0)
            squared = (px - share * dx) ** 2 + (py - share * dy) ** 2
            nearer = squared < nearest
            nearest[nearer] = squared[nearer]
            found[nearer, 0] = (np.sign(dx * py - dy * px) * np.sqrt(squared))[nearer]
            found[nearer, 1] = (done + share * length)[nearer]
        values = np.zeros((len(frame.places), 2), np.float32)
        values[ids] = found
        texels = frame.texels_of_vertices(values, self.rows, self.columns, size)
        return texels[..., 0], texels[..., 1], float(lengths.sum())

    def towards(self, x: float | Floats, y: float | Floats, z: float | Floats = 0.0) -> Float32:
        """(hc, wc, 2) unit tangents on the cells nearest to a direction of model space (x lateral with a side)."""
        axes = self.ground.frame.axes[self.area]
        shape = axes.shape[:2]
        vector = np.stack(
            [np.broadcast_to(np.asarray(v, np.float32), shape) for v in (np.multiply(x, self.side or 1), y, z)], -1
        )
        tangent = np.einsum("rcak,rck->rca", axes, vector)
        result: Float32 = tangent / (np.linalg.norm(tangent, axis=2, keepdims=True) + 1e-9)
        return result

    def follow(self, poses: Sequence[Mapping[str, float]], prior: Float32, prior_weight: float,
               spacing_mm: float, weight: Floats, smoothing: float = 3.0
               ) -> tuple[Float32, Float32]:  # fmt: skip
        """Phase (cycles) and length (mm) of lines across the compression of some expressions, (h, w) each.

        Parameters
        ----------
        poses : blendshape name -> weight; their compressions add up
        prior : (hc, wc, 2) direction across the lines that anatomy expects; it also says which way phase grows
        prior_weight : compression that the prior counts for
        spacing_mm : distance between the lines at rest
        weight : (hc, wc) how much a cell counts; cells that count for nothing are smoothly continued
        smoothing : cells
        """
        ground = self.ground
        total = mean_compression(list(ground.strain_of(*poses)))
        total = smoothed_area(total[self.area], smoothing)
        total[..., 0] += prior_weight * prior[..., 0] ** 2
        total[..., 1] += prior_weight * prior[..., 1] ** 2
        total[..., 2] += prior_weight * prior[..., 0] * prior[..., 1]
        direction = main_axis(total)
        direction *= np.where((direction * prior).sum(2, keepdims=True) < 0.0, -1.0, 1.0).astype(np.float32)
        phase, along = fit_phase(ground.frame, self.area, direction, spacing_mm, np.asarray(weight) + 1e-3)
        fields = ground.frame.texels_of_vertices(np.stack([phase, along], 1), self.rows, self.columns, ground.size)
        return fields[..., 0], fields[..., 1]

    def crease_set(self, style: CreaseStyle, phase: Floats, along_mm: Floats, mask: Floats, *,
                   forks: tuple[Floats, Floats] | None = None, depth: Floats | None = None,
                   activation: Mapping[str, float] | None = None, spread: float = 0.0,
                   relief: str = "lines") -> CreaseSet:  # fmt: skip
        """Make the set: irregular, kept away from slits, cut to where its mask is.

        Parameters
        ----------
        style : how its lines look
        phase : (h, w) cycles, smooth (a kink is allowed where the mask is 0)
        along_mm : (h, w) length along the lines
        mask : (h, w) 0..1; it must fade out inside the patch
        forks : cycles and a factor of depth, from ``phase.forks``
        depth : (h, w) further factor of the depth; with relief "given" the height itself
        activation, spread, relief : see CreaseSet
        """
        ground, h32 = self.ground, np.float32
        plain, along = np.asarray(phase, h32), np.asarray(along_mm, h32)
        slits = smoothstep(np.minimum(self.lid_mm, self.lip_mm), SLIT_FREE_MM, SLIT_FULL_MM)
        gated = np.asarray(mask, h32) * slits
        offset = zlib.crc32(self.name.encode()) % 4093
        stray, vary = ground.noise.at(plain, along / style.variation_mm, offset)
        bent = plain + h32(style.meander) * stray
        factor = np.ones_like(bent) if depth is None else np.asarray(depth, h32)
        if forks is not None:
            bent = bent + np.asarray(forks[0], h32)
            factor = factor * np.asarray(forks[1], h32)
        if relief == "lines":
            factor = factor * np.clip(1.0 + h32(style.variation) * vary, *DEPTH_RANGE)
        pitch = ground.settings.pitch(style)
        slope = gradient(self.metric, plain)
        steep = np.maximum(np.linalg.norm(slope, axis=2), 1e-6)
        wavelength = np.clip(1.0 / steep, WAVELENGTH_RANGE[0] * pitch, WAVELENGTH_RANGE[1] * pitch)
        if relief == "lines":
            # Where wandering lines come close to each other there is less skin for each of them.
            pinch = wavelength * np.linalg.norm(gradient(self.metric, bent), axis=2)
            factor = factor * np.minimum(1.0, 1.0 / np.maximum(pinch, 1e-6))
        made = CreaseSet(
            name=self.name, style=style, rows=self.rows, columns=self.columns, phase=bent, along_mm=along,
            mask=gated, wavelength_mm=wavelength.astype(h32), direction=slope / steep[..., None],
            depth=factor.astype(h32), activation=dict(activation or {}), spread=spread, relief=relief,
        )  # fmt: skip
        return cropped(made)

    def finer(self, lines: CreaseSet, style: CreaseStyle, name: str, multiple: int, shift: float = 0.0,
              mask: Float32 | None = None) -> CreaseSet:  # fmt: skip
        """Finer lines between the lines of a set of this patch, ``multiple`` of them for one.

        ``mask`` (h, w) of the *set's* crop restricts them further.
        """
        noise, h32 = self.ground.noise, np.float32
        offset = zlib.crc32(name.encode()) % 4093
        base = lines.phase * multiple + h32(shift)
        stray, vary = noise.at(base, lines.along_mm / style.variation_mm, offset)
        phase = base + h32(style.meander) * stray
        crop = Patch(self.ground, name, lines.rows, lines.columns, self.side)
        wavelength = lines.wavelength_mm / h32(multiple)
        pinch = wavelength * np.linalg.norm(gradient(crop.metric, phase), axis=2)
        factor = np.clip(1.0 + h32(style.variation) * vary, *DEPTH_RANGE)
        factor *= np.minimum(1.0, 1.0 / np.maximum(pinch, 1e-6))
        allowed = lines.mask if mask is None else lines.mask * mask
        made = lines._replace(
            name=name, style=style, phase=phase, wavelength_mm=wavelength, depth=factor.astype(h32), mask=allowed
        )
        return cropped(made)


def cropped(lines: CreaseSet) -> CreaseSet:
    """A set cut to the texels where its mask is worth mentioning. Raises TopologyMismatch where there are none."""
    seen = lines.mask > NEGLIGIBLE_MASK
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    if not len(rows):
        raise TopologyMismatch(f"No skin lies where {lines.name} belongs.")
    inner = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    top, left = lines.rows.start, lines.columns.start
    return lines._replace(
        rows=slice(top + inner[0].start, top + inner[0].stop),
        columns=slice(left + inner[1].start, left + inner[1].stop),
        phase=np.ascontiguousarray(lines.phase[inner]),
        along_mm=np.ascontiguousarray(lines.along_mm[inner]),
        mask=np.ascontiguousarray(lines.mask[inner]),
        wavelength_mm=np.ascontiguousarray(lines.wavelength_mm[inner]),
        direction=np.ascontiguousarray(lines.direction[inner]),
        depth=np.ascontiguousarray(lines.depth[inner]),
    )


def main_axis(tensor: Floats) -> Float32:
    """(..., 2) unit axis of the greatest eigenvalue of symmetric tensors (..., 3): T11, T22, T12."""
    turn = 0.5 * np.arctan2(2.0 * tensor[..., 2], tensor[..., 0] - tensor[..., 1])
    axis: Float32 = np.stack([np.cos(turn), np.sin(turn)], -1).astype(np.float32)
    return axis


def smoothed_area(fields: Float32, sigma: float) -> Float32:
    """(hc, wc, C) smoothed by a Gaussian of ``sigma`` cells."""
    down, over = gaussian_matrix(fields.shape[0], sigma), gaussian_matrix(fields.shape[1], sigma)
    result: Float32 = np.einsum("ij,jkc,lk->ilc", down, fields, over, optimize=True)
    return result
