"""REALY (Chai et al. 2022): the error of four regions, each aligned for itself and put into correspondence.

1. The prediction is aligned with scale by 7 of 85 keypoints.
2. For every region it is aligned rigidly with that region's scan: ICP with the region's keypoints, at most 100
   times.
3. The region's scan is deformed onto the prediction (non-rigid ICP). The nearest place on the prediction of every
   deformed vertex is what corresponds to that vertex; the error is the mean distance from the vertex, undeformed.

Of the 85 keypoints of a prediction only some are used, and those beyond the usual 68 (two beside the nose, two on
the cheeks) only steer step 2 along with many others. A prediction may lack these: their total weight goes to the
other keypoints of the region, and the numbers are no longer exactly those that the benchmark would print.

The benchmark's constants go with its own unit of length, in which all of this is computed. Its published numbers
were made so; two steps are therefore kept although least squares would do otherwise: the scale of step 1 is the
ratio of the sums of absolute coordinates, and ICP ends without taking its last step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import MeshInvalid
from ..surface import Surface
from ..surface_places import SurfaceTree
from .nonrigid_icp import Keypoints, deformed_onto
from .similarity import Similarity, similarity

Array = NDArray[np.float64]
REGIONS = ("nose", "mouth", "forehead", "cheek")
UNIT_MM = 9.0  # length of REALY's unit: 6.5 to 10.2 mm by person, in the mean 9.0
KEYPOINT_COUNT = 85
MOST_STEPS = 100
SETTLED = 1e-6  # change of the mean squared distance, working units

# Numbers of the 85 keypoints; the first 68 are those of the usual 68 landmarks, counted from 0.
ALIGNED_BY = (36, 39, 42, 45, 33, 48, 54)
_NOSE = tuple(range(27, 36))
_BROWS_AND_EYES = tuple(range(17, 27)) + tuple(range(36, 48))
_LIPS = (*range(48, 61), 64)
_CHEEK = (*_LIPS, 76, 77, 36, 41, 40, 39, 42, 47, 46, 45, 7, 8, 9)
RIGID_KEYPOINTS = {"nose": (*_NOSE, 70, 71), "mouth": _LIPS, "forehead": _BROWS_AND_EYES, "cheek": _CHEEK}
DEFORMING_KEYPOINTS = {"nose": _NOSE, "mouth": _LIPS, "forehead": _BROWS_AND_EYES}  # the cheek goes without
USED_OF_68 = tuple(sorted({*ALIGNED_BY, *(k for chosen in RIGID_KEYPOINTS.values() for k in chosen if k < 68)}))
# Keypoints together weigh as much as the scan's vertices together; on the cheek a quarter of it.
KEYPOINT_SHARE = {"nose": 1.0, "mouth": 1.0, "forehead": 1.0, "cheek": 0.25}


class RegionError(NamedTuple):
    """One region: distances (N,) mm at the scan's points (N, 3) mm in its own frame, and their mean."""

    distances: Array
    points: Array
    mean: float


def region_errors(
    prediction: Surface,
    keypoints: Array,
    scans: Mapping[str, Surface],
    scan_keypoints: Array,
    unit_mm: float = UNIT_MM,
) -> dict[str, RegionError]:
    """Compare a prediction with the scans of its regions.

    Parameters
    ----------
    prediction : the face without expression, any frame and scale
    keypoints : (85, 3) REALY's on it; rows of NaN for those that it lacks, of which none may be in USED_OF_68
    scans : REGIONS -> the region's scan, mm
    scan_keypoints : (85, 3) REALY's on the truth, mm, the scans' frame
    unit_mm : length of the benchmark's unit of this scan

    Raises
    ------
    MeshInvalid : keypoints of another shape, too few of them, or a region is missing
    """
    missing = [name for name in REGIONS if name not in scans]
    if missing:
        raise MeshInvalid(f"REALY needs the scan of every region; there is none of the {', the '.join(missing)}.")
    own = _checked(keypoints, "The prediction", USED_OF_68)
    true = _checked(scan_keypoints, "The truth", range(KEYPOINT_COUNT)) / unit_mm
    start = seven_point_similarity(own[list(ALIGNED_BY)], true[list(ALIGNED_BY)])
    own, surface = start.apply(own), start.apply_to(prediction)
    found = {}
    for name in REGIONS:
        scan = scans[name].moved(scans[name].vertices / unit_mm)
        moved = aligned_to_region(surface, own, scan.vertices, true, name)
        distances = _corresponding_distances(moved.apply_to(surface), moved.apply(own), scan, true, name) * unit_mm
        found[name] = RegionError(distances, scans[name].vertices, float(distances.mean()))
    return found


def realy_scores(errors: Mapping[str, RegionError]) -> dict[str, float]:
    """REALY's numbers of one image, mm: the four regions, and their mean as "realy"."""
    scores = {f"realy_{name}": errors[name].mean for name in REGIONS}
    return {"realy": float(np.mean(list(scores.values()))), **scores}


def seven_point_similarity(source: Array, target: Array) -> Similarity:
    """Step 1, with REALY's scale: the ratio of the sums of absolute coordinates after the rotation."""
    rigid = similarity(source, target, scaled=False)
    centred, goal = source - source.mean(0), target - target.mean(0)
    scale = float(np.abs(goal).sum() / np.abs(rigid.turn(centred)).sum())
    return Similarity(scale, rigid.rotation, target.mean(0) - scale * rigid.rotation @ source.mean(0))


def aligned_to_region(
    surface: Surface, keypoints: Array, scan_points: Array, scan_keypoints: Array, region: str
) -> Similarity:
    """Step 2: the rigid motion of a prediction that brings it onto a region's scan; all in working units.

    ``keypoints`` (85, 3): rows of NaN are left out.
    """
    chosen = [k for k in RIGID_KEYPOINTS[region] if np.isfinite(keypoints[k]).all()]
    # The benchmark repeats keypoints a whole number of times; so does this weight.
    repeats = int(KEYPOINT_SHARE[region] * len(scan_points) / len(chosen))
    weights = np.concatenate([np.ones(len(scan_points)), np.full(len(chosen), float(repeats))])
    target = np.concatenate([scan_points, scan_keypoints[chosen]])
    tree = SurfaceTree(surface)
    moved, before = Similarity(1.0, np.eye(3), np.zeros(3)), 0.0
    for _ in range(MOST_STEPS):
        place = moved.apply(tree.nearest(moved.inverse().apply(scan_points)).place)
        source = np.concatenate([place, moved.apply(keypoints[chosen])])
        step = similarity(source, target, scaled=False, weights=weights)
        error = float(weights @ ((step.apply(source) - target) ** 2).sum(1) / weights.sum())
        if abs(error - before) < SETTLED:
            break
        moved, before = step.after(moved), error
    return moved


def _corresponding_distances(
    surface: Surface, keypoints: Array, scan: Surface, scan_keypoints: Array, region: str
) -> Array:
    """Step 3: (N,) distances from the scan's vertices to what corresponds to them; all in working units."""
    tree = SurfaceTree(surface)
    targets = tree.nearest(scan.vertices).place
    pulling = None
    if region in DEFORMING_KEYPOINTS:
        chosen = list(DEFORMING_KEYPOINTS[region])
        nearest = np.linalg.norm(scan.vertices[:, None] - scan_keypoints[chosen], axis=2).argmin(0)
        pulling = Keypoints(nearest, keypoints[chosen])
    deformed = deformed_onto(scan.vertices, scan.triangles, targets, pulling)
    result: Array = np.linalg.norm(tree.nearest(deformed).place - scan.vertices, axis=1)
    return result


def _checked(keypoints: Array, what: str, needed: Sequence[int]) -> Array:
    """(85, 3) float64 of an array of unknown quality, or MeshInvalid."""
    points = np.asarray(keypoints, np.float64)
    if points.shape != (KEYPOINT_COUNT, 3):
        raise MeshInvalid(f"{what} needs {KEYPOINT_COUNT} keypoints with three coordinates each.")
    missing = [number for number in needed if not np.isfinite(points[number]).all()]
    if missing:
        raise MeshInvalid(f"{what} lacks keypoint {missing[0]} of {KEYPOINT_COUNT}, counted from 0.")
    return points
