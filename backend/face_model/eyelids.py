"""Eyes: exact balls that turn about their centres, lids that lie on them, and blinks that close.

Everything is measured against the clear shell (ball and cornea's bulge, see eyeball.py), turned with the gaze.

Blendshapes are linear, so a lid on its way down cuts across the eyeball that it lies on at both ends of the way.
As in life the eyeball gives way: it draws back by one to two millimetres in a blink (Evinger, Shaw, Peck, Manning
and Baker 1984, J. Neurophysiol. 52). For the rest the upper lid's margin, which nobody sees once the lids are shut,
ends higher over the eyeball, and the lids shut a little farther out; the lower lid's margin follows the eyeball.
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
MARGIN_RISE = 0.9  # the shut upper lid's margin ends this share of its visible edge's height over the shell
CORNER_COLUMNS = 6.0  # lattice columns beside the corners of the eye where lids shut without thickness
TUCK_MM = 0.5  # shut lids' margins reach past each other behind their edges
ARCH_MM = 0.8  # where that is not enough, the lids shut by up to this much farther out
RETRACTION_MM = 2.0  # an eyeball draws back by this much in a blink at most
RETRACTION_WEIGHTS = (0.25, 0.5, 0.75)  # of eyeBlink, at which the lids are kept out of the eyeball
MOVED_MM = 0.02  # a blendshape that moves the lids less is left alone
PATCH_RADII = 1.5  # skin nearer than this to the eyeball's centre, in eyeball radii


class Eyeball(NamedTuple):
    """``vertices`` (n,) ids, ``places`` (n, 3) relative to centre and radius; ``centre`` (3,) and ``radius`` mm."""

    vertices: Ints
    places: Floats
    centre: Floats
    radius: float

    def drawn_back(self, distance_mm: float) -> Eyeball:
        """The same eyeball, deeper in its socket."""
        return self._replace(centre=self.centre - np.array([0.0, 0.0, distance_mm]))

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


def on_shell(eye: Eyeball, points: Floats, gaze: Floats | None, height: Floats | float = MARGIN_MM) -> Floats:
    """The places (k, 3) on the shell, ``height`` mm (k,) above it, straight below ``points``."""
    direction, _, shell = eye.shell(points, gaze)
    result: Floats = eye.centre + direction * (shell + height)[:, None]
    return result


def pushed_out(eye: Eyeball, points: Floats, height: Floats, gaze: Floats | None) -> Floats:
    """Points (n, 3) with those less than ``height`` (n,) above the shell moved out along their radii."""
    direction, distance, shell = eye.shell(points, gaze)
    over = distance - shell - height
    # A soft maximum of 0 and ``over``: no crease where free skin meets pushed skin.
    soft = np.where(over > 6.0 * SOFT_MM, over, SOFT_MM * np.log1p(np.exp(np.minimum(over, 1.0) / SOFT_MM)))
    pushed: Floats = eye.centre + direction * (shell + height + soft)[:, None]
    return pushed


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

    @staticmethod
    def _set_margin(points: Floats, side: Ints, last: Ints, bottom: Floats, under: Floats) -> None:
        """Lay a lid's margin, rows before ``last`` (k,) of ``side``, from ``bottom`` (k, 3) to the lid's edge.

        It runs along the eyeball first and then rises below the edge (a quadratic Bezier curve whose middle point
        ``under`` (k, 3) lies under the edge), so that it stays clear of the skin above it.
        """
        edge = points[side[np.arange(len(side)), last]]
        row = np.arange(LID_ROWS)[None, :]
        t = (row / np.maximum(last, 1)[:, None])[..., None]
        places = (1.0 - t) ** 2 * bottom[:, None] + 2.0 * t * (1.0 - t) * under[:, None] + t**2 * edge[:, None]
        before = row < last[:, None]
        points[side[before]] = places[before]

    def correct(self, points: Floats, gaze: Floats | None) -> Floats:
        """The patch (n, 3) with the lids' loops on the eyeball and all of it outside.

        In some heads ICT's loops lie deep inside the eyeball, far behind the visible edge. Pushed straight out they
        would come through the lid, so they are drawn forward to at most MARGIN_DEPTH_MM from behind the edge.
        """
        eye, ends = self.eye, self.upper[[0, -1], 0]
        upper, lower = points[self.loops.upper], points[self.loops.lower]
        move = on_shell(eye, upper, gaze) - upper, on_shell(eye, lower, gaze) - lower
        result = pushed_out(eye, points + self.loops.spread(*move, 0.0, REST_REACH_MM), self.height, gaze)
        canthi = on_shell(eye, result[ends], gaze)
        for side, last in zip((self.upper, self.lower), self._edge_rows(result)):
            under = on_shell(eye, result[side[np.arange(len(side)), last]], gaze)
            behind = on_shell(eye, result[side[:, 0]], gaze) - under
            length = np.linalg.norm(behind, axis=1, keepdims=True)
            behind *= np.minimum(1.0, MARGIN_DEPTH_MM / np.maximum(length, 1e-9))
            bottom = on_shell(eye, under + behind, gaze)
            self._set_margin(result, side, last, bottom, under)
            result[side[:, 0]] = bottom
        result[ends] = canthi
        return result

    def closed(self, rest: Floats, points: Floats) -> tuple[Floats, float]:
        """The lids shut, and how far the eyeball draws back for it.

        Parameters
        ----------
        rest : (n, 3) the patch with open lids, corrected
        points : (n, 3) the patch with lids that are nearly shut

        Returns
        -------
        closed : (n, 3) visible edges meet, and behind them margins run towards the eyeball
        back_mm : 0 to RETRACTION_MM, what keeps the upper lid's margin out of the eyeball on its way
        """
        eye = self.eye
        rows = self._edge_rows(rest)
        column = np.arange(len(self.upper))
        upper, lower = self.upper[column, rows[0]], self.lower[column, rows[1]]
        line = CLOSING_LINE * points[upper] + (1.0 - CLOSING_LINE) * points[lower]
        direction, distance, shell = eye.shell(line)
        # Towards the corners of the eye both lids become one.
        t = np.clip(np.minimum(column, column[::-1]) / CORNER_COLUMNS, 0.0, 1.0)
        taper = t * t * (3.0 - 2.0 * t)
        height = np.clip(distance - shell, MARGIN_MM + t * (LID_EDGE_MM[0] - MARGIN_MM), LID_EDGE_MM[1])
        height[[0, -1]] = MARGIN_MM

        def margin(height: Floats) -> Floats:
            """Ends (2, k, 3) of the upper lid's margin: its bottom and the visible edge at ``height`` (k,)."""
            ends = np.stack([MARGIN_MM + MARGIN_RISE * taper * (height - MARGIN_MM), height])
            places: Floats = eye.centre + direction * (shell + ends)[..., None]
            return places

        before = rest[np.stack([self.upper[:, 0], upper])]
        lacking = self._retraction(before, margin(height)) - RETRACTION_MM
        lacking[1:-1] = 0.25 * lacking[:-2] + 0.5 * lacking[1:-1] + 0.25 * lacking[2:]
        height[1:-1] += np.clip(lacking[1:-1], 0.0, ARCH_MM)
        bottom, edge = margin(height)
        back = min(float(self._retraction(before, np.stack([bottom, edge])).max()), RETRACTION_MM)

        moves = edge - points[upper], edge - points[lower]
        moved = points + self.loops.spread(*moves, MARGIN_WIDTH_MM, BLINK_REACH_MM)
        result = pushed_out(eye, moved, self.height, None)
        result[upper] = edge
        result[lower] = edge
        # Behind the edges the margins cross, so that no light comes through where the edges change rows.
        tuck = TUCK_MM * taper[:, None] * [0.0, 1.0, 0.0]
        under = bottom + tuck
        self._set_margin(result, self.upper, rows[0], bottom, bottom - tuck)

        # The lower lid hardly moves: its margin stays at the eyeball. So does its inner side, and all of the inner
        # side leaves the eyeball its room.
        deeper = eye.drawn_back(back)
        retreat = np.zeros((len(column), 3))
        retreat[:, 2] = -back * taper
        drawn = self.loops.spread(np.zeros_like(retreat), retreat, MARGIN_WIDTH_MM, BLINK_REACH_MM)
        inner = self.is_socket
        result[inner] = pushed_out(deeper, result[inner] + drawn[inner], self.height[inner], None)
        bottom += taper[:, None] * (on_shell(deeper, line, None) - bottom)
        self._set_margin(result, self.lower, rows[1], bottom, under)
        return result, back

    def _retraction(self, before: Floats, after: Floats) -> Floats:
        """How far, mm (k,), the eyeball has to draw back for a margin that goes from ``before`` to ``after``.

        Both (2, k, 3). Drawn back along z, the shell sinks by the cosine of a place's angle from its front pole.
        """
        needed = np.zeros(before.shape[1])
        for weight in RETRACTION_WEIGHTS:
            direction, distance, shell = self.eye.shell((1.0 - weight) * before + weight * after)
            sinks = weight * np.maximum(direction[..., 2], 0.5)
            np.maximum(needed, ((shell - distance) / sinks).max(0), out=needed)
        return needed


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
            if name == f"eyeBlink{side}":
                shut, back = lids.closed(rest, state)
                blendshapes[k, ids] = shut - rest
                blendshapes[k, eye.vertices] = [0.0, 0.0, -back]
            else:
                blendshapes[k, ids] = lids.correct(state, gazes.get(name)) - rest
        neutral[ids] = rest
