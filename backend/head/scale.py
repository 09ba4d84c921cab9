"""How large the head really is: the visible iris as a ruler, checked against what heads usually measure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..face_model.base import FaceModel
from ..fitting.coarse import Fit
from ..fitting.landmark_basis import part_of
from ..fitting.landmark_symmetry import IRIS_LEFT, IRIS_RIGHT
from ..fitting.pose import angles_from_rotation
from ..mesh.topology import LandmarkEmbedding

Array = NDArray[np.float64]
# Inner and outer corner of each eye in the network's numbering, and in iBUG's.
EYE_CORNERS = {"right": (33, 133), "left": (362, 263)}
EYE_CORNERS_68 = {"right": (36, 39), "left": (42, 45)}


@dataclass(frozen=True)
class ScaleSettings:
    """What is believed; millimetres and relative standard deviations.

    iris_diameter_mm, iris_diameter_sd_mm   horizontal visible iris of adults
    iris_measurement_sd   relative error of the iris network where it works well
    iris_rim_sd_px        error of a rim point
    iris_min_px, iris_max_yaw   beyond these the iris is not used
    iris_disagreement     relative difference of both eyes' irises from which neither is believed
    pupils_mm, pupils_sd_mm   distance of the pupils of adults
    """

    iris_diameter_mm: float = 11.7
    iris_diameter_sd_mm: float = 0.5
    iris_measurement_sd: float = 0.06
    iris_rim_sd_px: float = 0.35
    iris_min_px: float = 8.0
    iris_max_yaw: float = 30.0
    iris_disagreement: float = 0.2
    pupils_mm: float = 63.0
    pupils_sd_mm: float = 3.6


class HeadScale(NamedTuple):
    """Real millimetres per millimetre of the fitted head.

    factor : multiply the fitted head by this to get its most likely real size
    relative_sd : one standard deviation of the factor
    pupil_distance_mm : of the head after scaling
    iris_diameter_mm : visible iris as measured at the fitted head's size, None where it was not used
    source : "iris and pupil distance" or "pupil distance"
    warnings : sentences for a person
    """

    factor: float
    relative_sd: float
    pupil_distance_mm: float
    iris_diameter_mm: float | None
    source: str
    warnings: tuple[str, ...]


def estimate_scale(
    model: FaceModel,
    fit: Fit,
    iris: dict[str, Array] | None,
    settings: ScaleSettings = ScaleSettings(),
) -> HeadScale:
    """Fuse both kinds of evidence by their certainty, in logarithms.

    Parameters
    ----------
    model : FaceModel
    fit : the head laid over the photo
    iris : {"left": (5, 2), "right": (5, 2)} pixels: centre, then the rim; None where the iris network did not run
    settings : ScaleSettings

    Returns
    -------
    HeadScale
    """
    pupils = pupil_distance(model, fit.identity)
    log_scale = [float(np.log(settings.pupils_mm / pupils))]
    precision = [(settings.pupils_mm / settings.pupils_sd_mm) ** 2]
    warnings: list[str] = []
    measured = None
    found = _iris(model, fit, iris, settings, warnings)
    if found is not None:
        measured, relative_sd = found
        log_scale.append(float(np.log(settings.iris_diameter_mm / measured)))
        precision.append(relative_sd**-2)
    total = sum(precision)
    factor = float(np.exp(np.dot(log_scale, precision) / total))
    # Evidence that contradicts itself is less certain than its parts say (reduced chi squared, Birge's ratio).
    spread = np.sqrt(max(1.0, float(np.dot(precision, (np.array(log_scale) - np.log(factor)) ** 2))))
    relative_sd = float(spread * total**-0.5)
    if relative_sd > 0.055:
        warnings.append(f"The head's real size is uncertain by {100 * relative_sd:.0f} %.")
    source = "pupil distance" if measured is None else "iris and pupil distance"
    return HeadScale(factor, relative_sd, factor * pupils, measured, source, tuple(warnings))


def pupil_distance(model: FaceModel, identity: Array) -> float:
    """Millimetres between the pupils of a model's neutral head, looking straight ahead."""
    first, second = (_eye_places(model, side) for side in ("right", "left"))
    used = np.unique(np.concatenate([first.vertices.ravel(), second.vertices.ravel()])).astype(np.int64)
    points = model.neutral(identity, used)
    middles = []
    for place in (first, second):
        local = LandmarkEmbedding(place.landmark, np.searchsorted(used, place.vertices), place.weights)
        middles.append(local.points(points).mean(0))
    return float(np.linalg.norm(middles[0] - middles[1]))


def _eye_places(model: FaceModel, side: str) -> LandmarkEmbedding:
    """Iris centre where the model knows it, else both corners of the eye, whose middle lies near it."""
    centre = IRIS_RIGHT[0] if side == "right" else IRIS_LEFT[0]
    for embedding, wanted in (
        (model.embedding, (centre,)),
        (model.embedding, EYE_CORNERS[side]),
        (model.ibug68, EYE_CORNERS_68[side]),
    ):
        rows = np.flatnonzero(np.isin(embedding.landmark, wanted))
        if len(rows) == len(wanted):
            return part_of(embedding, rows)
    raise ValueError(f"{model.name} does not know where its eyes are")


def _iris(
    model: FaceModel,
    fit: Fit,
    iris: dict[str, Array] | None,
    settings: ScaleSettings,
    warnings: list[str],
) -> tuple[float, float] | None:
    """Visible iris diameter at the fitted head's size, mm, and its relative standard deviation, where trusted."""
    if iris is None:
        return None
    yaw = angles_from_rotation(fit.rotation).yaw
    if abs(yaw) > settings.iris_max_yaw:
        return None
    diameters = []
    for side in ("right", "left"):
        points = np.asarray(iris[side], dtype=np.float64)
        # The lids hide the upper and lower rim; of the two rim pairs the wider one in the face's horizontal counts.
        width_px = max(float(np.linalg.norm(points[1] - points[3])), float(np.linalg.norm(points[2] - points[4])))
        if width_px < settings.iris_min_px:
            return None
        place = _eye_places(model, side)
        corners = model.neutral(fit.identity, place.vertices.ravel().astype(np.int64)).reshape(
            *place.vertices.shape, 3
        )
        centre = np.einsum("lci,lc->i", corners, place.weights) / len(place.landmark)
        depth = -float((fit.rotation @ centre + fit.translation_mm)[2])
        diameters.append((width_px * depth / fit.camera.fx, width_px))
    first, second = diameters[0][0], diameters[1][0]
    if abs(first - second) > settings.iris_disagreement * 0.5 * (first + second):
        warnings.append("The two irises measure differently, so that the head's size rests on its pupil distance.")
        return None
    # Two rim points per iris, two irises averaged: their errors cancel to that of one point.
    rim = settings.iris_rim_sd_px / float(np.mean([px for _, px in diameters]))
    biological = settings.iris_diameter_sd_mm / settings.iris_diameter_mm
    relative_sd = float(np.sqrt(biological**2 + settings.iris_measurement_sd**2 + rim**2))
    return 0.5 * (first + second), relative_sd
