"""NME and DACE: closed forms, the sum that is minimised, and what must not matter."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.errors import MeshInvalid, TopologyMismatch
from facewright.evaluation.metrics.dense_error import (
    densely_aligned_error,
    least_distance_similarity,
    normalised_mean_error,
)
from facewright.evaluation.metrics.face_crop import face_crop, scan_points
from facewright.evaluation.metrics.now import now_distances
from facewright.evaluation.metrics.similarity import IDENTITY, Similarity, similarity
from facewright.evaluation.surface import checked_surface
from scanned_face import bump, scanned_face, seven_points, shuffled, subdivided
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

SEVEN = seven_points()
FACE = scanned_face()
CROP = face_crop(SEVEN)
EYES = 90.0
HIGHER = np.array([0.0, 0.0, 30.0])
OTHER = scanned_face(relief=lambda x, y: bump((0, 0), -4, 12)(x, y) + bump((-40, -10), 5, 18)(x, y))
AWAY = Similarity(
    0.4, Rotation.from_euler("xyz", [10, 40, -70], degrees=True).as_matrix(), np.array([3.0, 9.0, 50])
)


def test_nme_is_zero_under_any_similarity() -> None:
    assert normalised_mean_error(AWAY.apply(FACE.vertices), FACE.vertices, EYES) < 1e-6


def test_nme_of_one_wrong_vertex_in_closed_form() -> None:
    # The sum of distances, not of squares, leaves all the others where they are: one of N is wrong by 9 mm.
    wrong = FACE.vertices.copy()
    wrong[1234] += [0.0, 0.0, 9.0]
    expected = 9.0 / len(wrong) / EYES
    assert normalised_mean_error(wrong, FACE.vertices, EYES) == pytest.approx(expected, rel=1e-2)
    face = np.ones(len(wrong), bool)
    face[1234] = False
    assert normalised_mean_error(wrong, FACE.vertices, EYES, face) < 1e-9


def test_the_sum_of_distances_is_least() -> None:
    rng = np.random.default_rng(2)
    source = rng.normal(size=(60, 3)) * 30.0
    target = AWAY.apply(source + rng.standard_t(2, size=(60, 3)))
    found = least_distance_similarity(source, target)

    def total(unknown: np.ndarray) -> float:
        move = Similarity(np.exp(unknown[6]), Rotation.from_rotvec(unknown[:3]).as_matrix(), unknown[3:6])
        return float(np.linalg.norm(move.after(found).apply(source) - target, axis=1).sum())

    best = minimize(
        total, np.zeros(7), method="Nelder-Mead", options={"maxiter": 4000, "xatol": 1e-9, "fatol": 1e-10}
    )
    assert total(np.zeros(7)) <= best.fun * (1.0 + 1e-5)
    squares = similarity(source, target, scaled=True)
    assert total(np.zeros(7)) < np.linalg.norm(squares.apply(source) - target, axis=1).sum()


def test_nme_refuses_what_does_not_correspond() -> None:
    with pytest.raises(TopologyMismatch, match="one topology"):
        normalised_mean_error(FACE.vertices[1:], FACE.vertices, EYES)
    for distance in (0.0, np.nan):
        with pytest.raises(MeshInvalid, match="outer corners"):
            normalised_mean_error(FACE.vertices, FACE.vertices, distance)


def test_dace_of_itself_is_zero_and_leaves_nothing_out() -> None:
    result = densely_aligned_error(AWAY.apply_to(FACE), AWAY.inverse(), FACE, CROP, EYES)
    assert result.dace < 1e-9
    assert result.share > 0.99
    np.testing.assert_allclose(result.alignment.apply(AWAY.apply(SEVEN)), SEVEN, atol=1e-6)


def test_dace_is_the_mean_distance_over_the_eyes() -> None:
    start = now_distances(OTHER, SEVEN, scan_points(FACE, SEVEN), SEVEN).alignment
    result = densely_aligned_error(OTHER, start, FACE, CROP, EYES)
    assert result.dace == pytest.approx(result.distances.mean() / EYES)
    assert 0.1 < result.distances.mean() < 2.0
    for same in (shuffled(OTHER), subdivided(OTHER)):
        assert densely_aligned_error(same, start, FACE, CROP, EYES).dace == pytest.approx(result.dace, rel=0.02)


def test_unreliable_matches_do_not_count() -> None:
    # A spike of 40 mm on the forehead: its tip is farther than 10 mm, its flanks are too steep.
    spiked = scanned_face(1.5, relief=bump((0.0, 55.0), 40.0, 3.0))
    result = densely_aligned_error(spiked, IDENTITY, FACE, CROP, EYES)
    assert result.share < 0.99
    assert result.distances.max() < 10.0
    assert result.dace * EYES < 0.2
    with pytest.raises(MeshInvalid, match="correspond"):
        densely_aligned_error(FACE.moved(FACE.vertices + HIGHER), IDENTITY, FACE, CROP, EYES)
    inside_out = checked_surface(FACE.vertices, FACE.triangles[:, ::-1], "The face")
    with pytest.raises(MeshInvalid, match="correspond"):
        densely_aligned_error(inside_out, IDENTITY, FACE, CROP, EYES)
