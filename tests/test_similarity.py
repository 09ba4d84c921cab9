"""Similarity transforms: what was applied is found again."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.errors import MeshInvalid
from facewright.evaluation.metrics.similarity import IDENTITY, Similarity, similarity
from scipy.spatial.transform import Rotation

RNG = np.random.default_rng(3)
POINTS = RNG.normal(size=(20, 3)) * [40.0, 30.0, 20.0]
MOVE = Similarity(
    1.7, Rotation.from_euler("xyz", [20, -50, 130], degrees=True).as_matrix(), np.array([5.0, -3, 80])
)


def test_scale_rotation_and_shift_are_recovered() -> None:
    found = similarity(POINTS, MOVE.apply(POINTS), scaled=True)
    assert found.scale == pytest.approx(1.7, abs=1e-12)
    np.testing.assert_allclose(found.rotation, MOVE.rotation, atol=1e-12)
    np.testing.assert_allclose(found.translation, MOVE.translation, atol=1e-10)


def test_without_scale_rotation_and_centre_are_still_right() -> None:
    found = similarity(POINTS, MOVE.apply(POINTS), scaled=False)
    assert found.scale == 1.0
    np.testing.assert_allclose(found.rotation, MOVE.rotation, atol=1e-12)
    np.testing.assert_allclose(found.apply(POINTS.mean(0)), MOVE.apply(POINTS.mean(0)), atol=1e-10)


def test_inverse_and_succession() -> None:
    np.testing.assert_allclose(MOVE.inverse().apply(MOVE.apply(POINTS)), POINTS, atol=1e-12)
    other = Similarity(0.5, Rotation.from_rotvec([0.1, 0.2, 0.3]).as_matrix(), np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(MOVE.after(other).apply(POINTS), MOVE.apply(other.apply(POINTS)), atol=1e-10)
    np.testing.assert_array_equal(IDENTITY.apply(POINTS), POINTS)


def test_a_mirror_image_is_met_by_a_rotation() -> None:
    found = similarity(POINTS, POINTS * [-1.0, 1.0, 1.0], scaled=True)
    assert np.linalg.det(found.rotation) == pytest.approx(1.0)
    # The stretched directions y and x stay, the flattest one pays: Umeyama's signs.
    assert np.linalg.norm(found.apply(POINTS) - POINTS * [-1.0, 1.0, 1.0]) > 10.0


def test_weights_choose_what_counts() -> None:
    target = MOVE.apply(POINTS)
    target[0] += 100.0
    weights = np.ones(20)
    weights[0] = 0.0
    found = similarity(POINTS, target, scaled=True, weights=weights)
    np.testing.assert_allclose(found.apply(POINTS[1:]), target[1:], atol=1e-9)
    # An integer weight is a repetition.
    weights = np.arange(1.0, 21.0)
    repeated = similarity(*(np.repeat(a, np.arange(1, 21), axis=0) for a in (POINTS, target)), scaled=True)
    weighted = similarity(POINTS, target, scaled=True, weights=weights)
    np.testing.assert_allclose(weighted.apply(POINTS), repeated.apply(POINTS), atol=1e-9)


def test_points_that_tell_nothing_are_refused() -> None:
    line = np.outer(np.arange(7.0), [1.0, 2.0, 3.0])
    with pytest.raises(MeshInvalid, match="one line"):
        similarity(line, POINTS[:7], scaled=True)
    with pytest.raises(MeshInvalid, match="correspond"):
        similarity(POINTS[:6], POINTS[:7], scaled=True)
    broken = POINTS.copy()
    broken[3, 1] = np.nan
    with pytest.raises(MeshInvalid, match="finite"):
        similarity(broken, POINTS, scaled=True)
