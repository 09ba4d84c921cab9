"""Metric scale from irises and pupil distance."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.face_model.base import FaceModel
from facewright.fitting.camera import Camera
from facewright.fitting.coarse import Fit
from facewright.fitting.pose import HeadAngles, rotation_from_angles
from facewright.head.scale import ScaleSettings, estimate_scale, pupil_distance
from fit_model import builtin_model  # noqa: F401  (fixture)

FOCAL, DISTANCE = 2000.0, 900.0


def _fit(model: FaceModel, yaw: float = 0.0, focal: float = FOCAL) -> Fit:
    nobody = np.zeros(model.identity_dims)
    return Fit(
        Camera.centred((1000, 1000), focal), rotation_from_angles(HeadAngles(yaw, 0, 0)),
        np.array([0.0, 0.0, -DISTANCE]), nobody, np.zeros(len(model.blendshape_names)), np.zeros(1), 0.0, 1, (),
        "given", np.arange(1),
    )  # fmt: skip


def _iris(diameter_mm: tuple[float, float], focal: float = FOCAL) -> dict[str, np.ndarray]:
    """Irises of the given sizes about 10 mm in front of the origin's plane."""
    result = {}
    for side, x, mm in (("right", 430.0, diameter_mm[0]), ("left", 570.0, diameter_mm[1])):
        radius = 0.5 * mm * focal / (DISTANCE - 12.0)
        rim = np.array([[0, 0], [1, 0], [0, -0.9], [-1, 0], [0, 0.9]]) * radius
        result[side] = rim + np.array([x, 500.0])
    return result


def test_average_head_keeps_its_size(builtin_model: FaceModel) -> None:  # noqa: F811
    scale = estimate_scale(builtin_model, _fit(builtin_model), _iris((11.7, 11.7)))
    pupils = pupil_distance(builtin_model, np.zeros(builtin_model.identity_dims))
    assert 58.0 < pupils < 68.0
    assert scale.iris_diameter_mm == pytest.approx(11.7, rel=0.01)
    assert scale.pupil_distance_mm == pytest.approx(scale.factor * pupils)
    assert scale.source == "iris and pupil distance" and not scale.warnings


def test_small_irises_mean_a_larger_head_but_not_fully(builtin_model: FaceModel) -> None:  # noqa: F811
    """Irises that look 8 % small say that the head is 8 % larger; the pupils' prior halves that at least."""
    average = estimate_scale(builtin_model, _fit(builtin_model), _iris((11.7, 11.7)))
    larger = estimate_scale(builtin_model, _fit(builtin_model), _iris((11.7 / 1.08, 11.7 / 1.08)))
    assert 1.01 < larger.factor / average.factor < 1.05


def test_without_irises_the_pupils_decide(builtin_model: FaceModel) -> None:  # noqa: F811
    fit = _fit(builtin_model)
    scale = estimate_scale(builtin_model, fit, None)
    assert scale.pupil_distance_mm == pytest.approx(63.0)
    assert scale.source == "pupil distance" and scale.iris_diameter_mm is None
    assert scale.relative_sd == pytest.approx(3.6 / 63.0)
    assert any("uncertain" in warning for warning in scale.warnings)
    assert estimate_scale(builtin_model, fit, _iris((11.7, 11.7))).relative_sd < scale.relative_sd


def test_irises_are_not_trusted_when_small_turned_or_contradictory(builtin_model: FaceModel) -> None:  # noqa: F811
    model = builtin_model
    for scale in (
        estimate_scale(model, _fit(model, focal=200.0), _iris((11.7, 11.7), 200.0)),
        estimate_scale(model, _fit(model, yaw=40.0), _iris((11.7, 11.7))),
        estimate_scale(model, _fit(model), _iris((9.0, 13.0))),
    ):
        assert scale.iris_diameter_mm is None and scale.source == "pupil distance"


def test_contradiction_widens_the_uncertainty(builtin_model: FaceModel) -> None:  # noqa: F811
    agreeing = estimate_scale(builtin_model, _fit(builtin_model), _iris((11.7, 11.7)))
    contradicting = estimate_scale(builtin_model, _fit(builtin_model), _iris((16.0, 16.0)))
    assert contradicting.relative_sd > 1.5 * agreeing.relative_sd


def test_certainty_weighs(builtin_model: FaceModel) -> None:  # noqa: F811
    """An exact ruler is believed, a vague one is not."""
    iris = _iris((11.7 / 1.1, 11.7 / 1.1))
    sure = ScaleSettings(iris_diameter_sd_mm=0.001, iris_measurement_sd=0.001, iris_rim_sd_px=0.001)
    vague = ScaleSettings(iris_measurement_sd=5.0)
    assert estimate_scale(builtin_model, _fit(builtin_model), iris, sure).factor == pytest.approx(1.1, abs=0.01)
    prior = estimate_scale(builtin_model, _fit(builtin_model), None).factor
    assert estimate_scale(builtin_model, _fit(builtin_model), iris, vague).factor == pytest.approx(prior, abs=0.005)
