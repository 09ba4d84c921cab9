"""Eyes: exact balls that turn about their centres, lids that lie on them, and blinks that close.

Everything is measured against the clear shell (ball and cornea's bulge, see eyeball.py), turned with the gaze.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..mesh.topology import MATERIALS, Topology
from .base import ARKIT_NAMES
from .eyeball import GAZE_DEGREES, ball_places, gaze_rotation, shell_places, shell_radius
from .slit_columns import slit_columns, visible_edges
from .surface_falloff import Patch, TwoLoops, follow_loops

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MARGIN_MM = 0.12  # lid edge over the clear shell: touching, but not cutting
SOCKET_MM = 0.06  # inner side of the lids over the shell
THICKNESS_MM = 0.7  # least height of the lids' outer skin over the shell, away from their edge
THICKNESS_SLOPE = 0.5  # how fast it is reached from the edge, mm per mm
SOFT_MM = 0.1  # width of the transition between free and pushed skin
MARGIN_DEPTH_MM = 1.0  # a loop lies at most so far behind the visible edge, along the eyeball
REST_REACH_MM = 5.0  # the lids follow a correction of their edge over this distance
BLINK_REACH_MM = 7.0
EDGE_LIMIT_MM = 6.0  # a lid's visible edge lies no farther from its loop, and
EDGE_SLOPE = 0.8  # no farther than this share of the way to the corner of the eye
MARGIN_WIDTH_MM = 2.0  # between the loop on the eyeball and the visible edge of a lid
CLOSING_LINE = 0.5  # where closed lids meet, 0 at the lower lid's visible edge and 1 at the upper's
LID_ROWS = 12  # lattice rows from the slit outwards that can be the visible edge of a closed lid
LID_EDGE_MM = (0.5, 1.8)  # least and greatest height of closed lids' visible edge over the shell
MOVED_MM = 0.02  # a blendshape that moves the lids less is left alone
PATCH_RADII = 1.5  # skin nearer than this to the eyeball's centre, in eyeball radii


class Eyeball(NamedTuple):
    """``vertices`` (n,) ids, ``places`` (n, 3) relative to centre and radius; ``centre`` (3,) and ``radius`` mm."""

    vertices: Ints
    places: Floats
    centre: Floats
    radius: float

    def shell(self, points: Floats, gaze: Floats | None = None) -> tuple[Floats, Floats, Floats]:
        """Directions (..., 3) of points from the centre, their distances and the shell's there (...,), mm."""
        arm = points - self.centre
        distance = np.linalg.norm(arm, axis=-1)
        direction = arm / np.maximum(distance, 1e-9)[..., None]
        axis = np.array([0.0, 0.0, 1.0]) if gaze is None else gaze[:, 2]
        degrees = np.degrees(np.arccos(np.clip(direction @ axis, -1.0, 1.0)))
        # The shell ends at the equator; behind it the ball itself is meant.
        return direction, distance, self.radius * np.maximum(shell_radius(degrees), 1.0)


def _vertex_uv(topology: Topology, faces: NDArray[np.bool_]) -> tuple[Ints, Floats]:
    """Vertex ids (n,) of the faces and one of each vertex's corner UVs (n, 2)."""
    ids, first = np.unique(topology.quads[faces].ravel(), return_index=True)
    return ids.astype(np.int64), topology.corner_uv[faces].reshape(-1, 2)[first].astype(np.float64)


def seat_eyeballs(topology: Topology, neutral: Floats) -> dict[str, Eyeball]:
    """Centre and radius of each eyeball: the least-squares fit of its exact shape, looking straight ahead.

    The shape comes from the UVs of "eye" and "cornea"; keys are "Left" and "Right".
    """
    eyes = {}
    of_ball, of_shell = (topology.material == MATERIALS.index(name) for name in ("eye", "cornea"))
    ids_ball, uv_ball = _vertex_uv(topology, of_ball)
    ids_shell, uv_shell = _vertex_uv(topology, of_shell)
    ids = np.concatenate([ids_ball, ids_shell])
    shape = np.concatenate([ball_places(uv_ball), shell_places(uv_shell)])
    for side in ("Left", "Right"):
        mine = np.isin(ids, topology.regions[f"eye_{side.lower()}"])
        vertices, places = ids[mine], shape[mine]
        points = neutral[vertices]
        middle, centre = places.mean(0), points.mean(0)
        spread = places - middle
        radius = float(((points - centre) * spread).sum() / (spread**2).sum())
        eyes[side] = Eyeball(vertices, places, centre - radius * middle, radius)
    return eyes


def turn_eyeballs(eyes: dict[str, Eyeball], neutral: Floats, blendshapes: Floats) -> None:
    """Write exact balls into ``neutral`` (V, 3) and exact gaze into ``blendshapes`` (52, V, 3), in place."""
    for side, eye in eyes.items():
        arm = eye.radius * eye.places
        neutral[eye.vertices] = eye.centre + arm
        blendshapes[:, eye.vertices] = 0.0
        for direction in GAZE_DEGREES:
            turn = gaze_rotation(direction, side)
            blendshapes[ARKIT_NAMES.index(f"eyeLook{direction}{side}"), eye.vertices] = arm @ turn.T - arm


class Lids:
    """The skin around one eye: lids, their inner side, and what is near them."""

    def __init__(self, topology: Topology, neutral: Floats, eye: Eyeball, side: str) -> None:
        name = side.lower()
        self.eye = eye
        self.side = side
        regions = topology.regions
        socket = regions[f"socket_{name}"]
        upper, lower = regions[f"lid_upper_{name}"], regions[f"lid_lower_{name}"]
        skin = np.unique(topology.quads[topology.material == MATERIALS.index("skin")])
        arm = neutral[skin] - eye.centre
        near = skin[(np.linalg.norm(arm, axis=1) < PATCH_RADII * eye.radius) & (arm[:, 2] > -0.2 * eye.radius)]
        self.patch = Patch(topology.quads, np.concatenate([near, socket, upper, lower]))
        self.is_socket = np.isin(self.patch.vertices, socket)
        points = neutral[self.patch.vertices]
        self.loops: TwoLoops = follow_loops(
            self.patch, points, self.patch.places(upper), self.patch.places(lower), MARGIN_WIDTH_MM + BLINK_REACH_MM
        )
        columns = slit_columns(topology, upper, lower, LID_ROWS)
        self.upper, self.lower = self.patch.places(columns.upper), self.patch.places(columns.lower)
        self.candidates = tuple(self._near_loop(points, side) for side in (self.upper, self.lower))
        edge = np.concatenate([self.loops.upper, self.loops.lower])
        away = self.loops.distance
        skin_height = MARGIN_MM + np.minimum(THICKNESS_SLOPE * away, THICKNESS_MM)
        self.height = np.where(self.is_socket, SOCKET_MM, skin_height)
        self.height[edge] = MARGIN_MM

    @staticmethod
    def _near_loop(points: Floats, side: Ints) -> NDArray[np.bool_]:
        """(k, LID_ROWS) which vertices of a lid's columns can be its edge: those near the loop, nearer at its ends.

        Where the lids grow together a column runs on into the skin beside the eye, which is no edge.
        """
        loop = points[side[:, 0]]
        steps = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(loop, axis=0), axis=1))])
        from_end = np.minimum(steps, steps[-1] - steps)
        allowed = np.minimum(EDGE_LIMIT_MM, EDGE_SLOPE * from_end)
        away = np.linalg.norm(points[side] - loop[:, None], axis=2)
        near: NDArray[np.bool_] = np.logical_and.accumulate(away <= allowed[:, None] + 1e-9, axis=1)
        return near

    def _on_shell(self, points: Floats, gaze: Floats | None) -> Floats:
        """The places (k, 3) on the shell, a lid edge's height above it, straight below ``points``."""
        direction, _, shell = self.eye.shell(points, gaze)
        return self.eye.centre + direction * (shell + MARGIN_MM)[:, None]

    def _pushed_out(self, points: Floats, gaze: Floats | None) -> Floats:
        """Points (n, 3) with those inside the ball, or too near, moved out along their radii."""
        direction, distance, shell = self.eye.shell(points, gaze)
        over = distance - shell - self.height
        # A soft maximum of 0 and ``over``: no crease where free skin meets pushed skin.
        soft = np.where(over > 6.0 * SOFT_MM, over, SOFT_MM * np.log1p(np.exp(np.minimum(over, 1.0) / SOFT_MM)))
        pushed: Floats = self.eye.centre + direction * (shell + self.height + soft)[:, None]
        return pushed

    def _elevation(self, points: Floats) -> Floats:
        """Angle (...,) of points above the eyeball's centre, radians."""
        arm = points - self.eye.centre
        elevation: Floats = np.arctan2(arm[..., 1], arm[..., 2])
        return elevation

    def _edge_rows(self, points: Floats) -> tuple[Ints, Ints]:
        """Rows (k,) of the visible edges: the lowest place of the upper lid, the highest of the lower."""
        upper, lower = self._elevation(points[self.upper]), self._elevation(points[self.lower])
        return visible_edges(
            np.where(self.candidates[0], upper, np.inf), np.where(self.candidates[1], lower, -np.inf)
        )

    def _set_margin(self, points: Floats, side: Ints, last: Ints, bottom: Floats, gaze: Floats | None) -> None:
        """Lay a lid's margin, rows 0 to ``last`` (k,) of ``side``, from ``bottom`` (k, 3) to the lid's edge.

        It runs along the eyeball first and then rises below the edge (a quadratic Bezier curve whose middle point
        lies under the edge), so that it stays clear of the skin above it.
        """
        column = np.arange(len(side))
        edge = points[side[column, last]].copy()
        row = np.arange(LID_ROWS)[None, :]
        t = (row / np.maximum(last, 1)[:, None])[..., None]
        under = self._on_shell(edge, gaze)
        places = (1.0 - t) ** 2 * bottom[:, None] + 2.0 * t * (1.0 - t) * under[:, None] + t**2 * edge[:, None]
        before = (row < last[:, None]) | (row == 0)
        points[side[before]] = places[before]

    def correct(self, points: Floats, gaze: Floats | None) -> Floats:
        """The patch (n, 3) with the lids' loops on the eyeball and all of it outside.

        In some heads ICT's loops lie deep inside the eyeball, far behind the visible edge. Pushed straight out they
        would come through the lid, so they are drawn forward to at most MARGIN_DEPTH_MM from behind the edge.
        """
        ends = self.upper[[0, -1], 0]
        upper, lower = points[self.loops.upper], points[self.loops.lower]
        move = self._on_shell(upper, gaze) - upper, self._on_shell(lower, gaze) - lower
        result = self._pushed_out(points + self.loops.spread(*move, 0.0, REST_REACH_MM), gaze)
        canthi = self._on_shell(result[ends], gaze)
        for side, last in zip((self.upper, self.lower), self._edge_rows(result)):
            edge = self._on_shell(result[side[np.arange(len(side)), last]], gaze)
            behind = self._on_shell(result[side[:, 0]], gaze) - edge
            length = np.linalg.norm(behind, axis=1, keepdims=True)
            behind *= np.minimum(1.0, MARGIN_DEPTH_MM / np.maximum(length, 1e-9))
            self._set_margin(result, side, last, self._on_shell(edge + behind, gaze), gaze)
        result[ends] = canthi
        return result

    def closed(self, points: Floats) -> Floats:
        """The patch (n, 3) with the lids shut: visible edges meet, and behind them margins down to the eyeball."""
        rows = self._edge_rows(points)
        column = np.arange(len(self.upper))
        upper, lower = self.upper[column, rows[0]], self.lower[column, rows[1]]
        line = CLOSING_LINE * points[upper] + (1.0 - CLOSING_LINE) * points[lower]
        direction, distance, shell = self.eye.shell(line)
        height = np.clip(distance - shell, *LID_EDGE_MM)
        height[[0, -1]] = MARGIN_MM
        edge = self.eye.centre + direction * (shell + height)[:, None]
        bottom = self._on_shell(line, None)

        moves = edge - points[upper], edge - points[lower]
        result = self._pushed_out(points + self.loops.spread(*moves, MARGIN_WIDTH_MM, BLINK_REACH_MM), None)
        for side, last in zip((self.upper, self.lower), rows):
            result[side[column, last]] = edge
            self._set_margin(result, side, last, bottom, None)
        result[self.upper[[0, -1], 0]] = bottom[[0, -1]]
        return result


def correct_lids(topology: Topology, eyes: dict[str, Eyeball], neutral: Floats, blendshapes: Floats) -> None:
    """Correct the lids of ``neutral`` (V, 3) and ``blendshapes`` (52, V, 3) in place."""
    for side, eye in eyes.items():
        lids = Lids(topology, neutral, eye, side)
        ids = lids.patch.vertices
        rest = lids.correct(neutral[ids], None)
        moved = np.abs(blendshapes[:, ids]).max((1, 2))
        gazes = {f"eyeLook{direction}{side}": gaze_rotation(direction, side) for direction in GAZE_DEGREES}
        for k, name in enumerate(ARKIT_NAMES):
            if moved[k] < MOVED_MM and name not in gazes:
                continue
            state = rest + blendshapes[k, ids]
            shut = name == f"eyeBlink{side}"
            blendshapes[k, ids] = (lids.closed(state) if shut else lids.correct(state, gazes.get(name))) - rest
        neutral[ids] = rest
