"""Eyeballs: an opaque ball with a flat iris, and a clear shell with the bulge of the cornea over it.

Both are UV spheres about the eyeball's centre with the pole in front; two segments share one quad at the poles, so
that there is no triangle. ICT's eyeball follows the identity almost by a similarity (0.04 mm from an affine map,
2 % between its axes); each vertex of ours is an affine combination of a few dozen vertices of ICT's ball, so that
centre and radius are linear in identity. What is left of the 2 % is taken out by the correctives.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..face_model.eyeball import IRIS_UV_RADIUS, SHELL_RIM_DEGREES, ball_places, eye_uv_radius, shell_places
from .ict_source import IctSource
from .parts_surface import mirrored_rows

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SEGMENTS = 32
PUPIL = 0.36  # of the iris radius
IRIS_RINGS = (0.18, PUPIL, 0.6, 0.82, 1.0)
SCLERA_DEGREES = (28.0, 35.0, 44.0, 54.0, 66.0, 80.0, 96.0, 114.0, 134.0, 156.0)
SHELL_DEGREES = (4.0, 8.5, 13.0, 17.5, 22.0, 27.0, 33.0, 42.0, 54.0, 70.0, 85.0, SHELL_RIM_DEGREES)
# The lids rest on this part of ICT's eyeball, degrees from the front; the cornea in front of it is no sphere.
FIT_DEGREES = (35.0, 100.0)
SUPPORT = 48  # vertices of ICT's ball in each row


class EyePart(NamedTuple):
    """One eyeball.

    sampling (n, n_ict) csr; quads (F, 4); corner_uv (F, 4, 2); clear (n,) bool, the vertices of the clear shell;
    mirror (n,) the vertex of the other eyeball at the mirrored place; limbus (SEGMENTS,) the rim of the iris.
    """

    sampling: sp.csr_matrix
    quads: Ints
    corner_uv: Floats
    clear: NDArray[np.bool_]
    mirror: Ints
    limbus: Ints


def _polar_mesh(rings: Floats, closed: bool) -> tuple[Floats, Ints, Floats]:
    """A UV sphere as rings in the eye's UV square.

    Parameters
    ----------
    rings : (k,) distances of the rings from the middle of the UV square, growing, without the poles
    closed : whether a back pole (distance 0.5) closes the mesh

    Returns
    -------
    uv : (1 + k * SEGMENTS [+ 1], 2) of each vertex; the back pole's is one of many
    quads : (F, 4), counter-clockwise from outside
    corner_uv : (F, 4, 2); at the back pole in the middle direction of each quad
    """
    angle = 2.0 * np.pi * np.arange(SEGMENTS) / SEGMENTS
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    uv = np.concatenate([np.zeros((1, 2)), (rings[:, None, None] * circle).reshape(-1, 2)])
    index = 1 + np.arange(len(rings) * SEGMENTS).reshape(len(rings), SEGMENTS)
    follows = np.roll(index, -1, axis=1)
    even = np.arange(0, SEGMENTS, 2)
    first = index[0]
    quads = [
        np.stack([np.zeros_like(even), first[even], first[even + 1], first[(even + 2) % SEGMENTS]], 1),
        np.stack([index[:-1], index[1:], follows[1:], follows[:-1]], -1).reshape(-1, 4),
    ]
    corner_uv = [uv[quads[0]], uv[quads[1]]]
    if closed:
        last = index[-1]
        pole = np.full_like(even, len(uv))
        cap = np.stack([pole, last[(even + 2) % SEGMENTS], last[even + 1], last[even]], 1)
        uv = np.concatenate([uv, [[0.5, 0.0]]])
        cap_uv = uv[cap]
        cap_uv[:, 0] = 0.5 * circle[even + 1]
        quads.append(cap)
        corner_uv.append(cap_uv)
    return uv + 0.5, np.concatenate(quads), np.concatenate(corner_uv) + 0.5


def _shape() -> tuple[Floats, Ints, Floats, NDArray[np.bool_]]:
    """Unit eyeball: places (n, 3) in eyeball radii, quads, corner UVs, and which vertices are the clear shell's."""
    iris = IRIS_UV_RADIUS * np.array(IRIS_RINGS)
    uv, quads, corner_uv = _polar_mesh(np.concatenate([iris, eye_uv_radius(np.array(SCLERA_DEGREES))]), closed=True)
    shell_rings = eye_uv_radius(np.array(SHELL_DEGREES))
    shell_uv, shell_quads, shell_corner_uv = _polar_mesh(shell_rings, closed=False)
    clear = np.repeat([False, True], [len(uv), len(shell_uv)])
    return (
        np.concatenate([ball_places(uv), shell_places(shell_uv)]),
        np.concatenate([quads, shell_quads + len(uv)]),
        np.concatenate([corner_uv, shell_corner_uv]),
        clear,
    )


def fit_eyeball(points: Floats) -> tuple[Floats, float]:
    """Centre (3,) and radius of the sphere through the part of ICT's eyeball ``points`` (n, 3) under the lids."""
    centre = points.mean(0) - np.array([0.0, 0.0, 5.0])
    radius = 0.0
    for _ in range(8):
        arm = points - centre
        degrees = np.degrees(np.arccos(arm[:, 2] / np.linalg.norm(arm, axis=1)))
        part = points[(degrees > FIT_DEGREES[0]) & (degrees < FIT_DEGREES[1])]
        system = np.column_stack([2.0 * part, np.ones(len(part))])
        solution = np.linalg.lstsq(system, (part**2).sum(1), rcond=None)[0]
        centre, radius = solution[:3], float(np.sqrt(solution[3] + solution[:3] @ solution[:3]))
    return centre, radius


def _spread(points: Floats, count: int) -> Ints:
    """Farthest-point sample of ``count`` of the points (n, 3), beginning with the one farthest from the mean."""
    chosen = [int(np.argmax(np.linalg.norm(points - points.mean(0), axis=1)))]
    distance = np.linalg.norm(points - points[chosen[0]], axis=1)
    while len(chosen) < count:
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return np.array(chosen)


def _mirror(places: Floats) -> Ints:
    """(n,) the vertex at the mirrored place: the ring's place (angle pi - angle), poles on themselves."""
    # Ball and shell poles are single vertices on the axis; every other vertex belongs to a ring of SEGMENTS.
    on_axis = np.hypot(places[:, 0], places[:, 1]) < 1e-6
    result = np.arange(len(places))
    ring = np.flatnonzero(~on_axis).reshape(-1, SEGMENTS)
    result[ring] = ring[:, (SEGMENTS // 2 - np.arange(SEGMENTS)) % SEGMENTS]
    return result


def build_eyes(source: IctSource, ball: Ints, mirror: Ints) -> tuple[EyePart, EyePart]:
    """The subject's left and right eyeballs; ``ball`` (m,) ICT's outer left ball, ``mirror`` ICT's mirror map."""
    places = source.neutral[ball]
    centre, radius = fit_eyeball(places)
    directions, quads, corner_uv, clear = _shape()
    points = centre + radius * directions
    support = ball[_spread(places, SUPPORT)]
    # Affine weights of least norm: they sum to 1 and carry the support's places to the point.
    system = np.vstack([(source.neutral[support] - centre).T, np.ones(SUPPORT)])
    target = np.vstack([(points - centre).T, np.ones(len(points))])
    weights = np.linalg.pinv(system) @ target
    rows = np.repeat(np.arange(len(points)), SUPPORT)
    left = sp.csr_matrix(
        (weights.T.ravel(), (rows, np.tile(support, len(points)))), shape=(len(points), len(source.neutral))
    )
    own = _mirror(directions)
    limbus = 1 + (len(IRIS_RINGS) - 1) * SEGMENTS + np.arange(SEGMENTS)
    part = EyePart(left, quads, corner_uv, clear, own, limbus)
    return part, part._replace(sampling=mirrored_rows(left, mirror)[own])
