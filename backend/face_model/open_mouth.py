"""What one sees in an open mouth: the tongue lies down behind the lower teeth, and the lips let the teeth show.

ICT's tongue rests against the palate and keeps its place relative to the jaw, so that jawOpen alone would lift it
off the mouth's floor; its lips just cover the edges of the teeth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..mesh.topology import Topology
from .base import ARKIT_NAMES
from .dental_arch import rigid_motion
from .lips import Lips

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FRONT_TEETH_MM = 6.0  # teeth nearer than this to the middle are the incisors
FRONT_DEPTH_MM = 8.0  # and lie at most this far behind the foremost place

# The tongue, in the jaw's own frame.
STATIONS = 12  # slices from root to tip in which the height of its back is measured
BACK_SHARE, FRONT_SHARE = 0.45, 0.85  # of the way from root to tip, where the two heights below are meant
BACK_ABOVE_MM = 0.0  # the tongue's back over the plane of the lower teeth's edges
FRONT_ABOVE_MM = -1.5  # and its front
THICKNESS = 0.72  # it flattens to this share of its height, and
WIDTH = 0.93  # to this of its width: the lower arch is narrower than the upper one that it filled
BEHIND_INCISORS_MM = 5.0  # where the tip comes to lie
FORWARD_LIMIT_MM = 6.0
ROOT_DEEPER_MM = 5.0  # than its back, for a view of the throat

# The lips.
UPPER_SHOWN_MM = 2.4  # of the upper incisors under the upper lip
LOWER_SHOWN_MM = 2.4  # of the lower incisors over the lower lip
PARTED_LIMIT_MM = 4.5
ROUNDS = 3


def _step(value: Floats, low: float, high: float) -> Floats:
    """Smooth step from 0 at ``low`` to 1 at ``high`` (which may lie below ``low``)."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    result: Floats = t * t * (3.0 - 2.0 * t)
    return result


def _incisors(teeth: Floats, middle_x: float) -> Floats:
    """The places (m, 3) among those of a jaw's ``teeth`` (n, 3) that belong to its incisors."""
    near = teeth[np.abs(teeth[:, 0] - middle_x) < FRONT_TEETH_MM]
    result: Floats = near[near[:, 2] > near[:, 2].max() - FRONT_DEPTH_MM]
    return result


def _laid_down(tongue: Floats, teeth: Floats) -> Floats:
    """The tongue (n, 3) at rest, laid onto the floor of the mouth between the lower ``teeth`` (m, 3)."""
    incisors = _incisors(teeth, float(tongue[:, 0].mean()))
    edge_y, edge_z = incisors[:, 1].max(), incisors[:, 2].max()
    back = teeth[teeth[:, 2] < np.quantile(teeth[:, 2], 0.25)]
    slope = (back[:, 1].max() - edge_y) / (back[:, 2].mean() - edge_z)  # of the plane of the teeth's edges

    root, tip = tongue[:, 2].min(), tongue[:, 2].max()
    share = (tongue[:, 2] - root) / (tip - root)
    slice_of = np.minimum((share * STATIONS).astype(int), STATIONS - 1)
    middles = (np.arange(STATIONS) + 0.5) / STATIONS
    tops = np.array(
        [tongue[slice_of == k, 1].max() if (slice_of == k).any() else np.nan for k in range(STATIONS)]
    )
    known = np.isfinite(tops)
    top = np.interp(share, middles[known], tops[known])

    def sink(at: float, above: float) -> float:
        """How far the back of the tongue must come down at a share of its length."""
        plane = edge_y + slope * (root + at * (tip - root) - edge_z)
        return float(max(np.interp(at, middles[known], tops[known]) - plane - above, 0.0))

    behind, front = sink(BACK_SHARE, BACK_ABOVE_MM), sink(FRONT_SHARE, FRONT_ABOVE_MM)
    down = behind + (front - behind) * _step(share, BACK_SHARE, FRONT_SHARE)
    down += ROOT_DEEPER_MM * _step(share, BACK_SHARE, 0.0)
    forward = np.clip(edge_z - BEHIND_INCISORS_MM - tip, 0.0, FORWARD_LIMIT_MM) * _step(share, 0.2, 1.0)
    middle = tongue[:, 0].mean()
    x = middle + WIDTH * (tongue[:, 0] - middle)
    y = top - THICKNESS * (top - tongue[:, 1]) - down
    return np.stack([x, y, tongue[:, 2] + forward], 1)


def lay_tongue_down(topology: Topology, neutral: Floats, blendshapes: Floats) -> None:
    """Make the tongue of jawOpen lie behind the lower teeth, in place."""
    regions = topology.regions
    shape = ARKIT_NAMES.index("jawOpen")
    teeth, tongue = neutral[regions["teeth_lower"]], neutral[regions["tongue"]]
    rotation, translation = rigid_motion(teeth, teeth + blendshapes[shape, regions["teeth_lower"]])
    laid = _laid_down(tongue, teeth)
    blendshapes[shape, regions["tongue"]] = laid @ rotation.T + translation - tongue


def show_teeth(topology: Topology, lips: Lips, neutral: Floats, blendshapes: Floats) -> None:
    """Part the lips of jawOpen a little farther, so that the edges of the incisors are seen between them, in place.

    The lips move most in their middle and not at all at the mouth's corners.
    """
    shape = ARKIT_NAMES.index("jawOpen")
    ids = lips.patch.vertices
    points = neutral[ids] + blendshapes[shape, ids]
    posed = neutral + blendshapes[shape]
    teeth = (_incisors(posed[topology.regions[f"teeth_{side}"]], 0.0)[:, 1] for side in ("upper", "lower"))
    upper_teeth, lower_teeth = teeth
    # 1 in the middle of the lips, 0 at their corners, as the sine of the way along them.
    count = len(lips.upper)
    weight = np.sin(np.pi * np.arange(count) / (count - 1))
    left_up = left_down = PARTED_LIMIT_MM
    for _ in range(ROUNDS):
        # Where a lip's edge moves away, another row of it becomes the edge.
        upper, lower = (points[edge][count // 2, 1] for edge in lips.edges(points))
        up = float(np.clip(UPPER_SHOWN_MM + upper_teeth.min() - upper, 0.0, left_up))
        down = float(np.clip(LOWER_SHOWN_MM + lower - lower_teeth.max(), 0.0, left_down))
        left_up, left_down = left_up - up, left_down - down
        points = lips.parted(points, up * weight, down * weight)
    blendshapes[shape, ids] = points - neutral[ids]
