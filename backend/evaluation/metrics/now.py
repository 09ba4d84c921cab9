"""The NoW protocol (Sanyal et al. 2019) and its metrical variant (MICA, Sec. 5.1).

The true scan is cropped to a sphere around the face, the prediction is aligned by seven points and then so that the
squared distances from the scan's points to it become least, and those distances are the result: millimetres of the
scan, from the scan to the predicted surface. The metrical variant has no scale in either stage, so it sees whether
the head's size is right.

Against the authors' program (github.com/soubhiksanyal/now_evaluation) three things differ, none of them in the
minimum that is sought: the seven points never align by a reflection (there they may); the metrical variant starts
from an alignment without scale (there from rotation and shift of one with scale, which the refinement corrects);
and the descent runs until it has settled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..surface import Surface
from ..surface_places import SurfaceTree, angles_between
from .face_crop import SurfacePoints, checked_seven
from .scan_alignment import refined
from .similarity import Similarity, similarity

Array = NDArray[np.float64]


class NowResult(NamedTuple):
    """One comparison.

    Attributes
    ----------
    distances : (N,) mm of the truth, unsigned, from the truth's points to the aligned prediction
    normal_degrees : (N,) true angle between the truth's normal and the prediction's at the nearest place
    measured : where on the truth (its own frame), with the share of the area that each point stands for
    alignment : from the prediction's frame to the truth's
    """

    distances: Array
    normal_degrees: Array
    measured: SurfacePoints
    alignment: Similarity

    @property
    def points(self) -> Array:
        """(N, 3) points of the truth in its own frame, mm."""
        return self.measured.points


def now_distances(
    prediction: Surface,
    prediction_seven: Array,
    measured: SurfacePoints,
    truth_seven: Array,
    *,
    metrical: bool = False,
) -> NowResult:
    """Align a prediction with a truth and measure from the truth's points to it.

    Parameters
    ----------
    prediction : any frame; in mm where metrical
    prediction_seven : (7, 3) case.NOW_LANDMARKS on it
    measured : of ``scan_points``
    truth_seven : (7, 3) the same landmarks on the truth, mm
    metrical : without scale, in both stages (MICA Sec. 5.1)

    Raises
    ------
    MeshInvalid : seven points of another shape or on one line, or meshes that cannot be aligned
    """
    start = similarity(
        checked_seven(prediction_seven, "The prediction"), checked_seven(truth_seven, "The truth"), not metrical
    )
    tree = SurfaceTree(prediction)
    alignment = refined(measured.points, tree, start, scaled=not metrical)
    near = tree.nearest(alignment.inverse().apply(measured.points))
    normals = alignment.turn(tree.normals_at(near.triangle, near.place))
    return NowResult(
        near.distance * alignment.scale, angles_between(measured.normals, normals), measured, alignment
    )  # fmt: skip


def now_scores(relative: NowResult, metrical: NowResult) -> dict[str, float]:
    """NoW's and MICA's numbers of one image, mm, and the mean angle of normals over the area, degrees."""
    scores = {"now_normal_deg": float(relative.measured.weights @ relative.normal_degrees)}
    for name, result in (("now", relative), ("metrical", metrical)):
        scores[f"{name}_median"] = float(np.median(result.distances))
        scores[f"{name}_mean"] = float(result.distances.mean())
        scores[f"{name}_std"] = float(result.distances.std())
    return scores


def region_means(result: NowResult, regions: Mapping[str, NDArray[np.bool_]]) -> dict[str, float]:
    """Mean distance in every region of the truth that has points: "region_<name>" -> mm.

    regions : name -> (T,) bool over the truth's triangles
    """
    inside = {name: mask[result.measured.triangle] for name, mask in regions.items()}
    return {f"region_{name}": float(result.distances[mask].mean()) for name, mask in inside.items() if mask.any()}
