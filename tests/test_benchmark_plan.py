"""What a benchmark renders: the paper's views, the same every time."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.evaluation.benchmark.lights import LIGHTS
from facewright.evaluation.benchmark.plan import (
    FSLAB_HEIGHT_MM,
    HEAD_MIDDLE_MM,
    PORTRAIT_PITCH,
    PORTRAIT_YAW,
    BenchmarkSettings,
    Expression,
    plan,
)
from facewright.face_model.base import ARKIT_NAMES


def test_fslab_has_the_views_of_the_paper() -> None:
    """FaceScape Sec. 6.2: 11 places, one at 0, eight at 30, two at 60 degrees, each at three focal lengths."""
    (subject,) = plan(BenchmarkSettings(heads=1))
    assert len(subject.shots) == 33
    assert sorted({shot.camera.fx for shot in subject.shots}) == [300.0, 600.0, 1200.0]
    # The angle between the face's direction and the camera's.
    turned = [np.degrees(np.arccos(np.clip(shot.rotation[2, 2], -1.0, 1.0))) for shot in subject.shots]
    # cos(21.47 deg)^2 = 0.86604, whose arc cosine is 29.997 degrees
    assert np.bincount(np.rint(turned).astype(int), minlength=61)[[0, 30, 60]].tolist() == [3, 24, 6]
    angles = {(shot.angles.yaw, shot.angles.pitch) for shot in subject.shots}
    assert angles == {(-yaw, -pitch) for yaw, pitch in angles}


def test_the_face_keeps_its_size_whatever_the_focal_length() -> None:
    for shot in plan(BenchmarkSettings(heads=1, size=512))[0].shots:
        middle = shot.rotation @ HEAD_MIDDLE_MM + shot.translation_mm
        assert np.allclose(shot.camera.project(middle), [256.0, 256.0])
        above = shot.camera.project(middle + np.array([0.0, FSLAB_HEIGHT_MM / 2.0, 0.0]))
        assert np.allclose(above, [256.0, 0.0], atol=1e-9)


def test_portraits_stay_within_what_people_photograph() -> None:
    shots = [shot for subject in plan(BenchmarkSettings(heads=40, views="portrait")) for shot in subject.shots]
    angles = np.array([shot.angles for shot in shots])
    assert (np.abs(angles[:, 0]) <= PORTRAIT_YAW).all() and np.abs(angles[:, 0]).max() > 0.9 * PORTRAIT_YAW
    assert (np.abs(angles[:, 1]) <= PORTRAIT_PITCH).all()
    # 50, 85 and 135 mm on film of 36 mm: 256 * 50 / 36 = 355.6 pixels
    assert sorted({round(shot.camera.fx, 1) for shot in shots}) == [355.6, 604.4, 960.0]
    assert {shot.light for shot in shots} == set(LIGHTS)
    assert 0.15 < np.mean([shot.expression.label == "neutral" for shot in shots]) < 0.45


def test_a_plan_is_the_same_every_time_and_grows_at_its_end() -> None:
    settings = BenchmarkSettings(heads=3, views="portrait")
    first, again = plan(settings), plan(settings)
    longer = plan(BenchmarkSettings(heads=5, views="portrait"))
    other = plan(BenchmarkSettings(heads=3, views="portrait", seed=1))
    for one, two in zip(first, (*again, *longer[:3][len(again) :]), strict=True):
        assert [shot.id for shot in one.shots] == [shot.id for shot in two.shots]
    angles = [[shot.angles for s in subjects[:3] for shot in s.shots] for subjects in (first, again, longer, other)]
    assert angles[0] == angles[1] == angles[2] != angles[3]
    ids = [shot.id for subject in longer for shot in subject.shots]
    assert len(set(ids)) == len(ids) == 20


def test_expressions_mix_and_never_exceed_one() -> None:
    weights = Expression((("smile", 0.6), ("grin", 1.0))).weights(ARKIT_NAMES)
    # smile has 0.9 of mouthSmileLeft, grin 0.5: 0.6 * 0.9 + 0.5 = 1.04
    assert weights[ARKIT_NAMES.index("mouthSmileLeft")] == 1.0
    assert weights[ARKIT_NAMES.index("mouthStretchLeft")] == 0.5
    assert Expression().label == "neutral" and not Expression().weights(ARKIT_NAMES).any()


def test_detail_takes_single_expressions() -> None:
    subjects = plan(BenchmarkSettings(heads=30, views="portrait", detail=True))
    assert max(len(shot.expression.keys) for subject in subjects for shot in subject.shots) == 1


@pytest.mark.parametrize("wrong", [{"heads": 0}, {"size": 16}, {"views": "side"}, {"samples": 0}, {"portraits": 0}])
def test_settings_that_cannot_be_made(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"at least 1|pixels|views"):
        BenchmarkSettings(**wrong)  # type: ignore[arg-type]


def test_lamps_point_where_they_say() -> None:
    for light in LIGHTS.values():
        for lamp in light.lamps:
            direction = lamp.direction
            assert np.isclose(np.linalg.norm(direction), 1.0)
            assert np.isclose(np.degrees(np.arcsin(direction[1])), lamp.elevation)
    key = LIGHTS["studio"].lamps[0]
    assert key.direction[0] > 0.0 and key.direction[2] > 0.0, "from the right of the picture, in front"
