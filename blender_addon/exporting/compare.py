"""What was to be written against what the file holds."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from mathutils.kdtree import KDTree
from numpy.typing import NDArray

from .read_back import Found
from .snapshot import Snapshot, with_curve

POINT_TOLERANCE = 1e-4  # m: heights and places of vertices, within a tenth of a millimetre
CURVE_TOLERANCE = 1e-3
NEIGHBOURS = 6  # vertices that may share a place: lips that touch, split corners


@dataclass(frozen=True)
class Check:
    """Numbers of the comparison, and sentences about what is not as it should be (none where all is well).

    channels found; curves: channels that move or are held at another value than 0, None without animation; height
    of the head in metres; textures found; deviation: largest distance in metres of a vertex, at rest, in a channel
    or on a frame of the animation; curve_deviation: largest difference of a channel's value on any frame.
    """

    channels: int
    curves: int | None
    height: float
    textures: int
    deviation: float
    curve_deviation: float
    problems: tuple[str, ...] = field(default=())

    def line(self) -> str:
        """One line for the person."""
        return ", ".join(
            [
                _count(self.channels, "channel"),
                "no animation" if self.curves is None else _count(self.curves, "curve"),
                f"{self.height:.3f} m tall",
                _count(self.textures, "texture"),
                f"largest deviation {1000.0 * self.deviation:.3f} mm",
            ]
        )


def compare(snapshot: Snapshot, posed: NDArray[np.float32], found: Found, textures: int) -> Check:
    """Compare a file with the snapshot that it was written from.

    ``posed`` (p, V, 3): the animated head on the probe frames; ``textures``: how many images the file must show.
    """
    problems = []
    missing = [name for name in snapshot.channels if name not in found.channels]
    if missing:
        problems.append(f"{_count(len(missing), 'channel')} missing, such as {missing[0]}")
    shared = [name for name in snapshot.channels if name in found.channels]
    wanted_at = [snapshot.channels.index(name) for name in shared]
    found_at = [found.channels.index(name) for name in shared]

    points = snapshot.world_points()
    deviation, curve_deviation = np.inf, 0.0
    if len(found.points) == 0:
        problems.append("the mesh is empty")
    else:
        offsets = np.array([snapshot.world_offsets(k) for k in wanted_at])
        source, distances = match(points, offsets, found.points, found.offsets[found_at])
        deviation = float(distances.max())
        # Vertices that always lie in one place may become one; others must be there.
        left = np.setdiff1d(np.arange(len(points)), source)
        back = match(found.points, found.offsets[found_at], points[left], offsets[:, left])[1]
        lost = int((back > POINT_TOLERANCE).sum())
        if deviation > POINT_TOLERANCE:
            problems.append(f"shapes differ by up to {1000.0 * deviation:.2f} mm")
        elif lost:
            problems.append(f"{_count(lost, 'vertex', 'vertices')} missing")
        if len(posed):
            moved = float(np.linalg.norm(posed[:, source] - found.posed, axis=2).max())
            if moved > POINT_TOLERANCE >= deviation:
                problems.append(f"the animated head is off by up to {1000.0 * moved:.2f} mm")
            deviation = max(deviation, moved)
    height = float(np.ptp(found.points[:, 2])) if len(found.points) else 0.0
    wanted_height = float(np.ptp(points[:, 2]))
    if abs(height - wanted_height) > POINT_TOLERANCE:
        problems.append(f"the head is {height:.4f} m tall instead of {wanted_height:.4f} m")
    if snapshot.animated and shared:
        differences = np.abs(found.curves[:, found_at] - snapshot.curves[:, wanted_at]).max(0)
        curve_deviation = float(differences.max())
        if curve_deviation > CURVE_TOLERANCE:
            worst = shared[int(differences.argmax())]
            problems.append(f"the curve of {worst} is off by up to {curve_deviation:.3f}")
    bones = [name for name in snapshot.bones if name not in found.bones]
    if bones:
        problems.append(f"{_count(len(bones), 'bone')} missing, such as {bones[0]}")
    if len(found.textures) < textures:
        problems.append(f"{len(found.textures)} of {_count(textures, 'texture')} found")
    curves = int(with_curve(found.curves).sum()) if snapshot.animated else None
    return Check(
        len(found.channels), curves, height, len(found.textures), float(deviation), curve_deviation, tuple(problems)
    )


def match(
    points: NDArray[np.float64],
    offsets: NDArray[np.floating],
    found_points: NDArray[np.float64],
    found_offsets: NDArray[np.floating],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The vertex that each found vertex (V', 3) came from, and its largest distance in metres (V',).

    Formats split vertices at seams and may order them anew. Vertices that lie in one place at rest (lips that
    touch) part in some channel: of the nearest few, the one counts whose place and offsets (E, V, 3) fit best.
    """
    if len(points) == len(found_points) and np.abs(points - found_points).max() < POINT_TOLERANCE:
        candidates = np.arange(len(points))[:, None]
    else:
        tree = KDTree(len(points))
        for k, point in enumerate(points):
            tree.insert(point, k)
        tree.balance()
        near = min(NEIGHBOURS, len(points))
        hits = [[hit[1] for hit in tree.find_n(point, near)] for point in found_points]
        candidates = np.array(hits, np.int64).reshape(len(found_points), near)
    worst = np.linalg.norm(points[candidates] - found_points[:, None], axis=2)
    for wanted, found in zip(offsets, found_offsets, strict=True):
        np.maximum(worst, np.linalg.norm(wanted[candidates] - found[:, None], axis=2), out=worst)
    best = worst.argmin(1)
    rows = np.arange(len(found_points))
    return candidates[rows, best], worst[rows, best]


def _count(number: int, word: str, plural: str | None = None) -> str:
    return f"{number} {word if number == 1 else plural or word + 's'}"
