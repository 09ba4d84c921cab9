"""The light of a photo as nine spherical harmonics per colour, found from a posed mesh and the colours on it.

Radiance that arrives from direction w is sum_k L_k Y_k(w); a place of white skin sends back sum_k T_k L_k, where
the transfer T knows the place's normal and what of the sky the head itself hides (precomputed radiance transfer,
Sloan, Kautz and Snyder 2002). Light and skin tone cannot be told apart: L holds both, and albedo is relative to the
tone. FaceScape Sec. 6.1 takes L from a network; here it is a robust least squares fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray
from scipy.optimize import nnls

Floats = NDArray[np.floating[Any]]
Array = NDArray[np.float64]

COSINE_LOBE = np.repeat([1.0, 2.0 / 3.0, 0.25], [1, 3, 5])
"""The clamped cosine's zonal coefficients over pi, per harmonic (Ramamoorthi and Hanrahan 2001, Eq. 8)."""
BAND = np.repeat([0, 1, 2], [1, 3, 5])


@dataclass(frozen=True)
class LightingSettings:
    """How light is found.

    directions     of the sky that are asked whether the head hides them
    offset_mm      rays start this far above the skin
    bounce         share of light that hidden skin sends on to its neighbour
    smoothness     penalty on harmonics of band l, times l^4, relative to the evidence
    rounds         of reweighting
    tolerance      relative deviation from which a colour counts less: spots, stubble, highlights
    shine_exponents   widths of the highlights (Blinn 1977)
    shine_lamps    directions that highlights may come from
    """

    directions: int = 128
    offset_mm: float = 0.4
    bounce: float = 0.45
    smoothness: float = 1.5e-3
    rounds: int = 12
    tolerance: float = 0.18
    shine_exponents: tuple[float, ...] = (12.0, 40.0)
    shine_lamps: int = 40


@dataclass(frozen=True)
class Lighting:
    """``coefficients`` (9, 3): L of the camera frame, linear sRGB, the skin's tone in it; ``deviation``: median
    relative deviation of the skin's colours from it; ``lamps`` (N, 3) unit directions of highlights, camera frame,
    ``shine`` (N, E) their strengths for each of the E ``exponents``, linear light."""

    coefficients: Array
    deviation: float
    lamps: Array
    shine: Array
    exponents: tuple[float, ...]

    def diffuse(self, transfer: Floats) -> Array:
        """(..., 9) transfer to (..., 3) linear light of skin of the mean tone."""
        result: Array = np.maximum(np.asarray(transfer, np.float64) @ self.coefficients, 1e-4)
        return result

    def highlights(self, normals: Floats, views: Floats) -> Array:
        """(n, 3) unit normals and directions to the camera to (n,) linear light mirrored by the skin."""
        lobes = shine_lobes(normals, views, self.lamps, self.exponents)
        result: Array = np.einsum("nle,le->n", lobes, self.shine)
        return result

    def main_direction(self) -> Array:
        """(3,) unit, where most light comes from, camera frame; towards the camera where all sides are equal."""
        luminance = self.coefficients @ [0.2126, 0.7152, 0.0722]
        direction: Array = luminance[[3, 1, 2]]
        length = float(np.linalg.norm(direction))
        return direction / length if length > 1e-9 else np.array([0.0, 0.0, 1.0])


def spherical_harmonics(directions: Floats) -> Array:
    """(..., 3) unit vectors to (..., 9) orthonormal real harmonics of bands 0, 1 (y, z, x) and 2."""
    x, y, z = np.moveaxis(np.asarray(directions, np.float64), -1, 0)
    return np.stack(
        [
            np.full_like(x, 0.5 / np.sqrt(np.pi)),
            np.sqrt(0.75 / np.pi) * y, np.sqrt(0.75 / np.pi) * z, np.sqrt(0.75 / np.pi) * x,
            np.sqrt(3.75 / np.pi) * x * y, np.sqrt(3.75 / np.pi) * y * z,
            np.sqrt(0.3125 / np.pi) * (3.0 * z * z - 1.0),
            np.sqrt(3.75 / np.pi) * x * z, np.sqrt(0.9375 / np.pi) * (x * x - y * y),
        ],
        axis=-1,
    )  # fmt: skip


def open_transfer(normals: Floats) -> Array:
    """(..., 3) unit normals to (..., 9): transfer where nothing hides the sky."""
    return COSINE_LOBE * spherical_harmonics(normals)


def shadowed_transfer(
    vertices: Floats,
    triangles: NDArray[np.integer[Any]],
    normals: Floats,
    places: NDArray[np.integer[Any]],
    settings: LightingSettings = LightingSettings(),
) -> Array:
    """Transfer at some vertices of a head that shadows itself, and lights itself by one bounce.

    Parameters
    ----------
    vertices : (V, 3) mm, camera frame; normals : (V, 3) unit
    triangles : (T, 3) what casts shadows
    places : (n,) vertex ids

    Returns
    -------
    (n, 9)
    """
    scene = EmbreeScene()
    TriangleMesh(scene, np.asarray(vertices, np.float32)[triangles])
    corner = np.asarray(vertices, np.float64)[triangles]
    facing = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    facing /= np.maximum(np.linalg.norm(facing, axis=1, keepdims=True), 1e-12)
    sent_on = settings.bounce * open_transfer(facing)
    normal = np.asarray(normals, np.float64)[places]
    start = (np.asarray(vertices, np.float64)[places] + settings.offset_mm * normal).astype(np.float32)
    result = np.zeros((len(places), 9))
    plain = np.zeros((len(places), 9))
    for direction in sphere_directions(settings.directions):
        cosine = normal @ direction
        above = np.flatnonzero(cosine > 0.0)
        rays = np.broadcast_to(direction.astype(np.float32), (len(above), 3))
        hit = np.asarray(scene.run(start[above], np.ascontiguousarray(rays), query="INTERSECT"))
        sky = spherical_harmonics(direction)
        share = (4.0 / settings.directions) * cosine[above, None]
        plain[above] += share * sky
        result[above] += share * np.where(hit[:, None] >= 0, sent_on[hit], sky)
    # The sum over few directions is coarse, what is hidden is smooth: only the difference is taken from it.
    return open_transfer(normal) + result - plain


def sphere_directions(count: int) -> Array:
    """(count, 3) unit vectors spread evenly over the sphere (Fibonacci lattice)."""
    number = np.arange(count) + 0.5
    z = 1.0 - 2.0 * number / count
    angle = number * np.pi * (3.0 - np.sqrt(5.0))
    radius = np.sqrt(1.0 - z * z)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1)


def fit_lighting(
    transfer: Floats,
    colours: Floats,
    weights: Floats,
    normals: Floats,
    views: Floats,
    settings: LightingSettings = LightingSettings(),
) -> Lighting:
    """Find the light from the colours of skin.

    Parameters
    ----------
    transfer : (n, 9) of the places
    colours : (n, 3) linear sRGB that the photo shows there
    weights : (n,) how far each is to be believed, 0 for what is not bare skin
    normals, views : (n, 3) unit, camera frame; views point to the camera
    settings : LightingSettings

    Raises
    ------
    ValueError : no place has weight
    """
    transfer, colours = np.asarray(transfer, np.float64), np.asarray(colours, np.float64)
    believed = np.asarray(weights, np.float64)
    if not believed.sum() > 0.0:
        raise ValueError("light cannot be found where no skin is seen")
    believed = believed / believed.sum()
    level = np.maximum(believed @ colours, 1e-4)
    # Ridge on the harmonics: a face shows half the normals, the rest must stay calm (band 0 is free).
    ridge = np.diag(settings.smoothness * BAND.astype(np.float64) ** 4)
    trust = believed
    coefficients = np.zeros((9, 3))
    for _ in range(settings.rounds):
        weighted = transfer * trust[:, None]
        coefficients = np.linalg.solve(weighted.T @ transfer + trust.sum() * ridge, weighted.T @ colours)
        off = ((colours - transfer @ coefficients) / level).mean(1)
        trust = believed / (1.0 + (off / settings.tolerance) ** 2)
    diffuse = np.maximum(transfer @ coefficients, 1e-4)
    off = np.abs((colours - diffuse) / diffuse).mean(1)
    deviation = float(_weighted_median(off, believed))
    lamps, shine = _fit_shine(colours - diffuse, believed, normals, views, settings)
    return Lighting(coefficients, deviation, lamps, shine, settings.shine_exponents)


def shine_lobes(normals: Floats, views: Floats, lamps: Array, exponents: tuple[float, ...]) -> Array:
    """Highlights of unit strength, (n, N, E): Blinn's half vector, normalised so that wide and narrow ones send
    back alike much light, and not behind the horizon."""
    half = lamps[None] + np.asarray(views, np.float64)[:, None]
    half /= np.maximum(np.linalg.norm(half, axis=2, keepdims=True), 1e-9)
    normal = np.asarray(normals, np.float64)
    cosine = np.clip(np.einsum("nlk,nk->nl", half, normal), 0.0, 1.0)
    lit = np.clip(normal @ lamps.T / 0.2, 0.0, 1.0)
    lobes = [(e + 2.0) / 14.0 * cosine**e * lit for e in exponents]
    return np.stack(lobes, axis=2)


def _fit_shine(
    left: Array, believed: Array, normals: Floats, views: Floats, settings: LightingSettings
) -> tuple[Array, Array]:
    """What is brighter than diffuse light, as highlights of few lamps: non-negative least squares."""
    lamps = sphere_directions(2 * settings.shine_lamps)
    lamps = lamps[lamps[:, 2] > 0.0]
    root = np.sqrt(believed)
    lobes = shine_lobes(normals, views, lamps, settings.shine_exponents).reshape(len(left), -1)
    # White highlights show most where skin is darkest, in blue; a spot of pigment is no highlight.
    excess = np.clip(left.min(1), -0.02, None)
    # A little rent for every lamp keeps those away that only fit noise.
    rent = 0.02 * np.sqrt((root @ lobes**2).sum() / lobes.shape[1] / max(root.sum(), 1e-9))
    matrix = np.vstack([lobes * root[:, None], rent * np.eye(lobes.shape[1])])
    strength, _ = nnls(matrix, np.concatenate([excess * root, np.zeros(lobes.shape[1])]))
    shine = strength.reshape(len(lamps), -1)
    used = shine.sum(1) > 1e-4
    return lamps[used], shine[used]


def _weighted_median(values: Array, weights: Array) -> float:
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, 0.5 * total[-1])])
