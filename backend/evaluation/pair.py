"""One prediction against one truth: every protocol that the two allow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import FaceError, MeshInvalid
from .case import Case, Prediction, Truth
from .face_crop import SPREAD_COUNT, Sampling, checked_seven, scan_points
from .face_regions import face_regions
from .facescape import facescape_scores
from .now import now_distances, now_scores, region_means
from .placing import placed
from .surface import Surface

Array = NDArray[np.float64]
PROTOCOLS = ("facescape", "now")


@dataclass(frozen=True)
class PairSettings:
    """How pairs are measured.

    protocols      of PROTOCOLS; those that the data do not allow are left out
    sampling       where NoW measures on the truth: "vertices" of the scan, "spread" evenly, or "auto": vertices of
                   scans that stand in no camera (raw scans), spread on all others (modelled heads)
    spread_points  about how many where spread
    """

    protocols: tuple[str, ...] = PROTOCOLS
    sampling: str = "auto"
    spread_points: int = SPREAD_COUNT


class PairResult(NamedTuple):
    """Scores by metric; arrays for pooling and pictures; protocol -> why it could not score this pair."""

    scores: dict[str, float]
    arrays: dict[str, NDArray[Any]]
    left_out: dict[str, str]


class _Scored(NamedTuple):
    """What one protocol gives."""

    scores: dict[str, float]
    arrays: dict[str, NDArray[Any]]


def evaluate_pair(case: Case, truth: Truth, prediction: Prediction, settings: PairSettings) -> PairResult:
    """Run every protocol of the settings that case and truth allow.

    A protocol that this prediction fails (no landmarks, another part of the picture) is named and does not keep the
    others from scoring. Protocols that the truth has nothing for are left out silently: they concern no prediction.
    """
    result = PairResult({}, {}, {})
    for protocol in settings.protocols:
        allows, run = _PROTOCOLS[protocol]
        if not allows(case, truth):
            continue
        try:
            scored = run(case, truth, prediction, settings)
        except FaceError as error:
            result.left_out[protocol] = str(error)
            continue
        result.scores.update(scored.scores)
        result.arrays.update(scored.arrays)
    return result


def shown_surface(case: Case, prediction: Prediction) -> Surface:
    """The mesh that is compared: the neutral one where the truth is neutral and the program gave one."""
    if case.neutral_truth and prediction.neutral is not None:
        return prediction.neutral
    return prediction.surface


def shown_seven(case: Case, prediction: Prediction) -> Array:
    """(7, 3) landmarks on ``shown_surface``. Raises MeshInvalid where the program gave none."""
    neutral = case.neutral_truth and prediction.neutral is not None
    seven = prediction.neutral_seven if neutral else prediction.seven
    if seven is None:
        raise MeshInvalid(f"The prediction for {case.id} comes without the seven landmarks that it is aligned by.")
    return checked_seven(seven, f"The prediction for {case.id}")


def _allows_facescape(case: Case, truth: Truth) -> bool:
    return case.camera is not None and truth.head_centre is not None and truth.head_rotation is not None


def _facescape(case: Case, truth: Truth, prediction: Prediction, settings: PairSettings) -> _Scored:
    assert case.camera is not None and truth.head_centre is not None and truth.head_rotation is not None
    surface = placed(prediction, case.camera)
    found = facescape_scores(truth.surface, surface, case.camera, truth.head_centre, truth.head_rotation)
    arrays = {
        "cylinder_truth": found.cylinder_truth.astype(np.float32),
        "cylinder_error": found.cylinder_error.astype(np.float16),
    }
    return _Scored(found.scores(), arrays)


def _allows_now(case: Case, truth: Truth) -> bool:
    return truth.seven is not None


def _now(case: Case, truth: Truth, prediction: Prediction, settings: PairSettings) -> _Scored:
    assert truth.seven is not None
    surface, seven = shown_surface(case, prediction), shown_seven(case, prediction)
    measured = scan_points(truth.surface, truth.seven, sampling_of(case, settings), settings.spread_points)
    relative, metrical = (
        now_distances(surface, seven, measured, truth.seven, metrical=metrical) for metrical in (False, True)
    )
    regions = truth.regions or face_regions(truth.surface, truth.seven)
    arrays = {
        "points": measured.points.astype(np.float32),
        "distance": relative.distances.astype(np.float32),
        "metrical_distance": metrical.distances.astype(np.float32),
    }
    return _Scored(now_scores(relative, metrical) | region_means(relative, regions), arrays)


def sampling_of(case: Case, settings: PairSettings) -> Sampling:
    """Where NoW measures on this case's truth."""
    if settings.sampling == "auto":
        return "vertices" if case.camera is None else "spread"
    return "vertices" if settings.sampling == "vertices" else "spread"


_PROTOCOLS: dict[str, tuple[Callable[[Case, Truth], bool], Callable[..., _Scored]]] = {
    "facescape": (_allows_facescape, _facescape),
    "now": (_allows_now, _now),
}
