"""Warping a photo to a mesh: what should move moves there, the rest keeps its bits."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.errors import FitFailed
from facewright.evaluation.pseudo.warp import LINES, photo_to_mesh
from facewright.photo.landmark_sets import FACE_OVAL

SIZE = (400, 400)
ALL = np.ones(478, bool)


@pytest.fixture
def face() -> np.ndarray:
    """Landmarks of a made-up face of 120 x 160 px; the outline is an ellipse, the rest lies inside."""
    rng = np.random.default_rng(1)
    points = rng.uniform(-0.55, 0.55, (478, 2)) * [60.0, 80.0] + 200.0
    angle = np.linspace(0.0, 2.0 * np.pi, len(FACE_OVAL), endpoint=False)
    points[list(FACE_OVAL)] = 200.0 + np.stack([60.0 * np.sin(angle), -80.0 * np.cos(angle)], 1)
    return points


def test_nothing_to_do_changes_no_bit(face: np.ndarray) -> None:
    photo = np.random.default_rng(2).integers(0, 256, (400, 400, 3)).astype(np.uint8)
    warp = photo_to_mesh(face, face, ALL, SIZE)
    assert warp.largest_px() == 0.0
    np.testing.assert_array_equal(warp.apply(photo), photo)


def test_the_face_moves_and_the_corners_stay(face: np.ndarray) -> None:
    wanted = face + np.array([4.0, -3.0])
    warp = photo_to_mesh(face, wanted, ALL, SIZE)
    at = np.round(wanted[np.unique(LINES)] - 0.5).astype(int)
    np.testing.assert_allclose(warp.offset[at[:, 1], at[:, 0]], np.tile([-4.0, 3.0], (len(at), 1)), atol=0.3)
    assert not warp.offset[:50].any() and not warp.offset[:, :75].any()
    # A black dot on the photo's face turns up where the mesh has it.
    photo = np.full((400, 400, 3), 255, np.uint8)
    photo[198:203, 198:203] = 0
    row, column = np.argwhere(warp.apply(photo)[..., 0] < 128).mean(0)
    assert (column - 200.0, row - 200.0) == (pytest.approx(4.0, abs=0.4), pytest.approx(-3.0, abs=0.4))


def test_landmarks_that_are_not_known_pull_at_nothing(face: np.ndarray) -> None:
    wanted = face.copy()
    wanted[list(FACE_OVAL[:6])] += 30.0
    known = ALL.copy()
    known[list(FACE_OVAL[:6])] = False
    assert photo_to_mesh(face, wanted, known, SIZE).largest_px() < 0.05


def test_a_photo_that_would_fold_is_refused(face: np.ndarray) -> None:
    with pytest.raises(FitFailed, match="folded"):
        photo_to_mesh(face, 400.0 - face + [0.0, 90.0], ALL, SIZE)
