"""One prediction against one truth: every protocol that the two allow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import FaceError, MeshInvalid
from .case import AnyCamera, Case, Prediction, Truth
from .metrics.dense_error import densely_aligned_error, normalised_mean_error
from .metrics.face_crop import SPREAD_COUNT, Crop, Sampling, SurfacePoints, checked_seven, face_crop, scan_points
from .metrics.face_regions import face_regions
from .metrics.facescape import facescape_scores
from .metrics.now import NowResult, now_distances, now_scores, region_means
from .metrics.point_to_surface import point_to_surface
from .metrics.realy import realy_scores, region_errors
from .predictions.placing import placed
from .predictions.plausible import refuse_landmarks_off
from .surface import Surface

Array = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class PairSettings:
    """How pairs are measured.

    protocols      of PROTOCOLS; those that the data do not allow are left out
    sampling       where NoW measures on the truth: "vertices" of the scan, "spread" evenly, or "auto": vertices of
                   scans that stand in no camera (raw scans), spread on all others (modelled heads)
    spread_points  about how many where spread
    """

    protocols: tuple[str, ...]
    sampling: str = "auto"
    spread_points: int = SPREAD_COUNT


class PairResult(NamedTuple):
    """Scores by metric; arrays for pooling and pictures; protocol -> why it could not score this pair."""

    scores: dict[str, float]
    arrays: Arrays
    left_out: dict[str, str]


class Scored(NamedTuple):
    """What one protocol gives."""

    scores: dict[str, float]
    arrays: Arrays


@dataclass(frozen=True)
class Pair:
    """A prediction and its truth; what several protocols need is worked out once."""

    case: Case
    truth: Truth
    prediction: Prediction
    settings: PairSettings

    @property
    def neutral(self) -> bool:
        """Whether the neutral mesh is compared: the truth is neutral, and the program gave one."""
        return self.case.neutral_truth and self.prediction.neutral is not None

    @property
    def surface(self) -> Surface:
        """The mesh that is compared, in the program's own frame."""
        neutral = self.prediction.neutral
        return neutral if self.case.neutral_truth and neutral is not None else self.prediction.surface

    @cached_property
    def seven(self) -> Array:
        """(7, 3) landmarks on ``surface``. Raises MeshInvalid where there are none, or they lie beside it."""
        seven = self.prediction.neutral_seven if self.neutral else self.prediction.seven
        if seven is None:
            raise MeshInvalid(f"The prediction for {self.case.id} lacks the seven landmarks that it is aligned by.")
        name = f"The prediction for {self.case.id}"
        seven = checked_seven(seven, name)
        refuse_landmarks_off(self.surface, seven, name)
        return seven

    @property
    def true_seven(self) -> Array:
        """(7, 3) landmarks on the truth. Raises MeshInvalid where it has none."""
        if self.truth.seven is None:
            raise MeshInvalid(f"The truth of {self.case.id} has no seven landmarks.")
        return self.truth.seven

    @property
    def crop(self) -> Crop:
        """NoW's sphere on the truth."""
        return face_crop(self.true_seven)

    @property
    def eye_distance(self) -> float:
        """Between the outer corners of the true eyes, mm."""
        if self.truth.outer_eye_distance is not None:
            return self.truth.outer_eye_distance
        return float(np.linalg.norm(self.true_seven[0] - self.true_seven[3]))

    @cached_property
    def measured(self) -> SurfacePoints:
        """Where NoW measures on the truth."""
        return scan_points(
            self.truth.surface, self.true_seven, sampling_of(self.case, self.settings), self.settings.spread_points
        )

    @cached_property
    def aligned_with_scale(self) -> NowResult:
        """NoW's alignment, where other protocols begin too."""
        return now_distances(self.surface, self.seven, self.measured, self.true_seven)


def evaluate_pair(case: Case, truth: Truth, prediction: Prediction, settings: PairSettings) -> PairResult:
    """Run every protocol of the settings that case and truth allow.

    A protocol that this prediction fails (no landmarks, another part of the picture) is named and does not keep the
    others from scoring. Protocols that the truth has nothing for are left out silently: they concern no prediction.
    """
    pair = Pair(case, truth, prediction, settings)
    result = PairResult({}, {}, {})
    for name in settings.protocols:
        protocol = _PROTOCOLS[name]
        if not protocol.allowed(case, truth):
            continue
        try:
            scored = protocol.score(pair)
        except FaceError as error:
            result.left_out[name] = str(error)
            continue
        result.scores.update(scored.scores)
        result.arrays.update(scored.arrays)
    return result


def sampling_of(case: Case, settings: PairSettings) -> Sampling:
    """Where NoW measures on this case's truth."""
    if settings.sampling == "auto":
        return "vertices" if case.camera is None else "spread"
    return "vertices" if settings.sampling == "vertices" else "spread"


def _facescape(pair: Pair) -> Scored:
    camera, centre, rotation = _standing(pair.case, pair.truth)
    surface = placed(pair.prediction, camera)
    found = facescape_scores(pair.truth.surface, surface, camera, centre, rotation)
    arrays: Arrays = {
        "cylinder_truth": found.cylinder_truth.astype(np.float32),
        "cylinder_error": found.cylinder_error.astype(np.float16),
    }
    return Scored(found.scores(), arrays)


def _standing(case: Case, truth: Truth) -> tuple[AnyCamera, Array, Array]:
    """Camera, centre and rotation of the true head. Raises MeshInvalid where they are not known."""
    if case.camera is None or truth.head_centre is None or truth.head_rotation is None:
        raise MeshInvalid(f"It is not known how the true head of {case.id} stands before its camera.")
    return case.camera, truth.head_centre, truth.head_rotation


def _stands(case: Case, truth: Truth) -> bool:
    return case.camera is not None and truth.head_centre is not None and truth.head_rotation is not None


def _has_seven(case: Case, truth: Truth) -> bool:
    return truth.seven is not None


def _now(pair: Pair) -> Scored:
    relative = pair.aligned_with_scale
    metrical = now_distances(pair.surface, pair.seven, pair.measured, pair.true_seven, metrical=True)
    regions = pair.truth.regions or face_regions(pair.truth.surface, pair.true_seven)
    arrays: Arrays = {
        "points": pair.measured.points.astype(np.float32),
        "distance": relative.distances.astype(np.float32),
        "metrical_distance": metrical.distances.astype(np.float32),
    }
    return Scored(now_scores(relative, metrical) | region_means(relative, regions), arrays)


def _point_to_surface(pair: Pair) -> Scored:
    aligned = pair.aligned_with_scale.alignment.apply_to(pair.surface)
    found = point_to_surface(aligned, pair.truth.surface, pair.crop, pair.settings.spread_points)
    return Scored({"p2s_mean": found.mean, "p2s_std": found.std}, {})


def _dense(pair: Pair) -> Scored:
    start = pair.aligned_with_scale.alignment
    found = densely_aligned_error(
        pair.surface, start, pair.truth.surface, pair.crop, pair.eye_distance, pair.settings.spread_points
    )
    scores = {"dace": found.dace}
    true = pair.truth.model_vertices
    if true is not None and true.shape == pair.surface.vertices.shape:
        # Not the cavity and teeth behind the lips: only what the prediction shows.
        face = pair.crop.contains(true) & np.isin(np.arange(len(true)), pair.surface.triangles)
        scores["nme"] = normalised_mean_error(pair.surface.vertices, true, pair.eye_distance, face)
    return Scored(scores, {})


def _has_region_scans(case: Case, truth: Truth) -> bool:
    return bool(truth.region_scans) and truth.keypoints is not None


def _realy(pair: Pair) -> Scored:
    keypoints, true = pair.prediction.keypoints, pair.truth.keypoints
    if keypoints is None or true is None:
        raise MeshInvalid(f"The prediction for {pair.case.id} lacks the keypoints that REALY aligns it by.")
    surface = pair.prediction.neutral or pair.prediction.surface
    return Scored(realy_scores(region_errors(surface, keypoints, pair.truth.region_scans, true)), {})


class _Protocol(NamedTuple):
    """Whether a truth allows a protocol, and the protocol."""

    allowed: Callable[[Case, Truth], bool]
    score: Callable[[Pair], Scored]


_PROTOCOLS = {
    "facescape": _Protocol(_stands, _facescape),
    "now": _Protocol(_has_seven, _now),
    "p2s": _Protocol(_has_seven, _point_to_surface),
    "dense": _Protocol(_has_seven, _dense),
    "realy": _Protocol(_has_region_scans, _realy),
}
PROTOCOLS = tuple(_PROTOCOLS)
