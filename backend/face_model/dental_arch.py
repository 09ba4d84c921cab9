"""Keeps skin, lips and mouth bag outside of the teeth and gums, in front of a smooth envelope of each dental arch.

The envelope of an arch is its distance R(azimuth, height) from an upright axis inside the mouth, a small image that
is dilated and blurred: it has no teeth of its own, so what is pushed out stays smooth. The lower arch moves with
the jaw.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..mesh.topology import MATERIALS, Topology
from .base import ARKIT_NAMES
from .lips import Lips
from .surface_falloff import Patch

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

AZIMUTH_STEP = 2.5  # degrees
AZIMUTH_LIMIT = 100.0
HEIGHT_STEP = 1.0  # mm
AXIS_BEHIND_MM = 40.0  # the axis stands this far behind the incisors
INNER_CLEARANCE_MM = 0.45  # of the lips' inner side
BAG_CLEARANCE_MM = 0.25
# The outer skin keeps off by more, growing from the lips' edges: lips that are pressed out keep a thickness.
SKIN_CLEARANCE_MM = 2.0
SKIN_CLEARANCE_SLOPE = 0.35
SPREAD_STEPS = 14  # rounds of averaging over neighbours: about 5 mm
SPREAD_KEEP = 0.96  # of the neighbours' mean in each round
MARGIN_MM = 20.0  # skin and bag that starts farther from the arch than this is never pushed
BELOW_MM = 10.0  # skin that starts so far below the lower arch can be carried up to it: the fold over the chin
NEEDED_MM = 0.01
ROLL_PUSH_MM = 8.0  # a lip is rolled in no farther than so that its deepest place is pushed back by this
ROLL_STEPS = 6  # of halving the interval in which that weight lies

# What is used at once: shapes at these weights stay out of the teeth together, too.
COMBINATIONS: tuple[dict[str, float], ...] = (
    {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0},
    {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0, "jawOpen": 0.3},
    {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0, "mouthUpperUpLeft": 0.5, "mouthUpperUpRight": 0.5},
    {"mouthUpperUpLeft": 1.0, "mouthUpperUpRight": 1.0, "mouthLowerDownLeft": 1.0, "mouthLowerDownRight": 1.0},
    {"mouthStretchLeft": 1.0, "mouthStretchRight": 1.0},
    {"mouthPressLeft": 1.0, "mouthPressRight": 1.0},
    {"mouthFunnel": 1.0, "jawOpen": 0.5},
    {"jawOpen": 0.5},
)


def rigid_motion(places: Floats, moved: Floats) -> tuple[Floats, Floats]:
    """Rotation (3, 3) and translation (3,) that carry ``places`` (n, 3) to ``moved`` best (Kabsch 1976)."""
    centre, target = places.mean(0), moved.mean(0)
    u, _, vt = np.linalg.svd((places - centre).T @ (moved - target))
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(vt.T @ u.T))])
    rotation = vt.T @ flip @ u.T
    return rotation, target - rotation @ centre


class Arch:
    """Envelope of one arch of teeth and gum, from its vertices at rest (n, 3) mm."""

    def __init__(self, points: Floats) -> None:
        self.axis = np.array([0.0, points[:, 2].max() - AXIS_BEHIND_MM])  # x and z
        azimuth, height, radius = self._polar(points)
        self.low = height.min() - 4.0 * HEIGHT_STEP
        columns = int(2.0 * AZIMUTH_LIMIT / AZIMUTH_STEP) + 1
        rows = int(np.ceil((height.max() - self.low) / HEIGHT_STEP)) + 5
        grid = np.zeros((rows, columns))
        column = np.rint((azimuth + AZIMUTH_LIMIT) / AZIMUTH_STEP).astype(int)
        row = np.rint((height - self.low) / HEIGHT_STEP).astype(int)
        inside = (column >= 0) & (column < columns)
        np.maximum.at(grid, (row[inside], column[inside]), radius[inside])
        # Dilate along the arch, over the gaps between the teeth.
        padded = np.pad(grid, ((0, 0), (1, 1)), mode="edge")
        grid = np.maximum(grid, np.maximum(padded[:, :-2], padded[:, 2:]))
        filled = grid > 0.0
        for axis in (0, 1):
            padded = np.pad(grid, [(1, 1) if k == axis else (0, 0) for k in (0, 1)], mode="edge")
            below, middle, above = (np.take(padded, np.arange(grid.shape[axis]) + k, axis) for k in (0, 1, 2))
            blurred = 0.25 * below + 0.5 * middle + 0.25 * above
            grid = np.where(filled, np.maximum(grid * 0.985, blurred), blurred * 0.9)
        self.grid = grid

    def _polar(self, points: Floats) -> tuple[Floats, Floats, Floats]:
        """Azimuth (degrees from the front), height and distance from the axis (mm) of points (..., 3)."""
        x, z = points[..., 0] - self.axis[0], points[..., 2] - self.axis[1]
        return np.degrees(np.arctan2(x, z)), points[..., 1], np.hypot(x, z)

    def depth(self, points: Floats, clearance: Floats) -> Floats:
        """(n,) how far points (n, 3) must move away from the axis to be ``clearance`` (n,) mm outside."""
        azimuth, height, radius = self._polar(points)
        column = (azimuth + AZIMUTH_LIMIT) / AZIMUTH_STEP
        row = (height - self.low) / HEIGHT_STEP
        rows, columns = self.grid.shape
        valid = (column > 0.0) & (column < columns - 1.001) & (row > 0.0) & (row < rows - 1.001)
        column, row = np.where(valid, column, 0.0), np.where(valid, row, 0.0)
        c, r = column.astype(int), row.astype(int)
        fc, fr = column - c, row - r
        envelope = (1.0 - fr) * ((1.0 - fc) * self.grid[r, c] + fc * self.grid[r, c + 1])
        envelope += fr * ((1.0 - fc) * self.grid[r + 1, c] + fc * self.grid[r + 1, c + 1])
        return np.where(valid, np.maximum(envelope + clearance - radius, 0.0), 0.0)

    def within(self, points: Floats, margin: float, below: float) -> NDArray[np.bool_]:
        """(n,) which points (n, 3) lie less than ``margin`` mm outside of the arch, or ``below`` mm under it."""
        azimuth, height, radius = self._polar(points)
        column = np.rint((azimuth + AZIMUTH_LIMIT) / AZIMUTH_STEP).astype(int)
        reach = self.grid.max(0)[np.clip(column, 0, self.grid.shape[1] - 1)] + margin
        top = self.low + HEIGHT_STEP * self.grid.shape[0]
        beside = (column >= 0) & (column < self.grid.shape[1]) & (radius < reach)
        result: NDArray[np.bool_] = beside & (height > self.low - below) & (height < top)
        return result

    def outward(self, points: Floats) -> Floats:
        """(n, 3) unit directions away from the axis."""
        arm = points * np.array([1.0, 0.0, 1.0]) - np.array([self.axis[0], 0.0, self.axis[1]])
        direction: Floats = arm / np.maximum(np.linalg.norm(arm, axis=1, keepdims=True), 1e-9)
        return direction


def _dense(topology: Topology, points: Floats, names: tuple[str, ...]) -> Floats:
    """(n, 3) places all over the quads of some regions, so that no cell of the envelope is missed."""
    inside = np.zeros(len(points), dtype=bool)
    for name in names:
        inside[topology.regions[name]] = True
    quads = topology.quads[(topology.quads >= 0).all(1) & inside[topology.quads].all(1)]
    s, t = (grid.ravel()[:, None, None] for grid in np.meshgrid(np.linspace(0, 1, 5), np.linspace(0, 1, 5)))
    a, b, c, d = (points[quads[:, k]] for k in range(4))
    places: Floats = (1 - t) * ((1 - s) * a + s * b) + t * ((1 - s) * d + s * c)
    return places.reshape(-1, 3)


class Mouth:
    """Both arches and the skin and bag around them."""

    def __init__(self, topology: Topology, neutral: Floats, lips: Lips) -> None:
        regions = topology.regions
        self.lower_teeth = regions["teeth_lower"]
        self.upper = Arch(_dense(topology, neutral, ("teeth_upper", "gums_upper")))
        self.lower = Arch(_dense(topology, neutral, ("teeth_lower", "gums_lower")))
        bag = regions["mouth_bag"]
        skin = np.unique(topology.quads[topology.material == MATERIALS.index("skin")])
        around = np.union1d(skin, bag)
        near = np.zeros(len(around), dtype=bool)
        for arch, below in ((self.upper, 0.0), (self.lower, BELOW_MM)):
            near |= arch.within(neutral[around], MARGIN_MM, below)
        self.patch = Patch(topology.quads, around[near])
        self.neighbours = self.patch.neighbour_table()
        places = neutral[self.patch.vertices]
        edge = neutral[lips.patch.vertices[np.concatenate([lips.loops.upper, lips.loops.lower])]]
        from_edge = np.full(len(places), np.inf)
        for point in edge:
            from_edge = np.minimum(from_edge, np.linalg.norm(places - point, axis=1))
        outer = np.minimum(INNER_CLEARANCE_MM + SKIN_CLEARANCE_SLOPE * from_edge, SKIN_CLEARANCE_MM)
        inner = np.isin(self.patch.vertices, lips.inner)
        self.clearance = np.where(inner, INNER_CLEARANCE_MM, outer)
        self.clearance[np.isin(self.patch.vertices, bag)] = BAG_CLEARANCE_MM

    def _pushed(self, arch: Arch, points: Floats) -> Floats:
        """Points (n, 3), in the arch's own frame, in front of its envelope; neighbours follow."""
        needed = arch.depth(points, self.clearance)
        if needed.max() < NEEDED_MM:
            return points
        push = needed
        for _ in range(SPREAD_STEPS):
            push = np.maximum(needed, SPREAD_KEEP * push[self.neighbours].mean(0))
        return points + push[:, None] * arch.outward(points)

    def correct(self, points: Floats, rotation: Floats, translation: Floats) -> Floats:
        """The patch (n, 3) outside of both arches; the lower one stands where the jaw's motion puts it."""
        result = self._pushed(self.upper, points)
        own = (result - translation) @ rotation
        return self._pushed(self.lower, own) @ rotation.T + translation

    def jaw_motion(self, neutral: Floats, offsets: Floats) -> tuple[Floats, Floats]:
        """Rotation and translation of the lower teeth under a blendshape's offsets (V, 3)."""
        places = neutral[self.lower_teeth]
        return rigid_motion(places, places + offsets[self.lower_teeth])


def clear_teeth(mouth: Mouth, neutral: Floats, blendshapes: Floats) -> None:
    """Push the skin and bag of ``neutral`` (V, 3) and of each blendshape at weight 1 out of the teeth, in place.

    mouthClose only has a meaning on jawOpen: see ``clear_mouth_close``.
    """
    ids = mouth.patch.vertices
    still = np.eye(3), np.zeros(3)
    rest = mouth.correct(neutral[ids], *still)
    moved = np.abs(blendshapes[:, ids]).max((1, 2))
    for k, name in enumerate(ARKIT_NAMES):
        if moved[k] < NEEDED_MM or name == "mouthClose":
            continue
        motion = mouth.jaw_motion(neutral, blendshapes[k])
        blendshapes[k, ids] = mouth.correct(rest + blendshapes[k, ids], *motion) - rest
    neutral[ids] = rest


def clear_mouth_close(mouth: Mouth, neutral: Floats, blendshapes: Floats) -> None:
    """Push the skin and bag of mouthClose, on top of jawOpen, both at weight 1, out of the teeth, in place."""
    ids = mouth.patch.vertices
    open_jaw, close = ARKIT_NAMES.index("jawOpen"), ARKIT_NAMES.index("mouthClose")
    base = neutral[ids] + blendshapes[open_jaw, ids]
    motion = mouth.jaw_motion(neutral, blendshapes[open_jaw])
    blendshapes[close, ids] = mouth.correct(base + blendshapes[close, ids], *motion) - base


def limit_rolls(mouth: Mouth, neutral: Floats, blendshapes: Floats) -> None:
    """Scale the blendshapes that roll the lips in, in place, where they would go far through the teeth.

    ICT rolls the lips by 13 mm and more into closed teeth; pushed out again, such a lip is crumpled.
    """
    ids = mouth.patch.vertices
    for name in ("mouthRollLower", "mouthRollUpper"):
        shape = ARKIT_NAMES.index(name)

        def deepest(weight: float, offsets: Floats = blendshapes[shape, ids]) -> float:
            points = neutral[ids] + weight * offsets
            return float(max(arch.depth(points, mouth.clearance).max() for arch in (mouth.upper, mouth.lower)))

        if deepest(1.0) <= ROLL_PUSH_MM:
            continue
        low, high = 0.0, 1.0
        for _ in range(ROLL_STEPS):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if deepest(middle) <= ROLL_PUSH_MM else (low, middle)
        blendshapes[shape] *= low


def clear_teeth_together(mouth: Mouth, neutral: Floats, blendshapes: Floats) -> None:
    """Push the skin and bag out of the teeth in the COMBINATIONS of cleared blendshapes, in place.

    Each shape may be outside alone and their sum inside. What the sum lacks is shared among its shapes in the
    measure of how far each of them, at its weight, moves a place: a half of a smile answers for its own side.
    """
    ids = mouth.patch.vertices
    for weights in COMBINATIONS:
        shapes = np.array([ARKIT_NAMES.index(name) for name in weights])
        weight = np.array(list(weights.values()))
        offsets = np.tensordot(weight, blendshapes[shapes], 1)
        points = neutral[ids] + offsets[ids]
        lacking = mouth.correct(points, *mouth.jaw_motion(neutral, offsets)) - points
        if np.abs(lacking).max() < NEEDED_MM:
            continue
        moved = weight[:, None] * np.linalg.norm(blendshapes[shapes][:, ids], axis=2)
        share = (moved + NEEDED_MM) / (moved + NEEDED_MM).sum(0)
        for k, shape in enumerate(shapes):
            blendshapes[shape, ids] += (share[k] / weight[k])[:, None] * lacking
