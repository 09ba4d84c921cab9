"""Points on the face's part of a surface."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.errors import MeshInvalid
from facewright.evaluation.metrics.face_crop import face_crop, scan_points
from facewright.evaluation.surface import Surface, checked_surface
from scanned_face import scanned_face, seven_points

SEVEN = seven_points()
FACE = scanned_face()


def test_crop_is_the_sphere_of_the_benchmark() -> None:
    # Bridge (0, 28), bottom (0, -12), eyes' corners 90 apart; the nose's length has a z of its own.
    crop = face_crop(SEVEN)
    bridge = (SEVEN[1] + SEVEN[2]) / 2.0
    np.testing.assert_allclose(crop.centre, 0.7 * SEVEN[4] + 0.3 * bridge, atol=1e-9)
    assert crop.radius == pytest.approx(0.7 * (90.0 + np.linalg.norm(bridge - SEVEN[4])))


def test_vertices_are_the_scans_own_and_spread_points_are_not_crowded() -> None:
    loose = checked_surface(np.vstack([FACE.vertices, SEVEN.mean(0)]), FACE.triangles, "The face")
    points = scan_points(loose, SEVEN, "vertices")
    inside = face_crop(SEVEN).contains(FACE.vertices)
    np.testing.assert_array_equal(points.points, FACE.vertices[inside])  # not the vertex that no triangle uses
    corners = FACE.triangles[points.triangle]
    assert (corners == np.flatnonzero(inside)[:, None]).any(1).all()
    assert points.weights.sum() == pytest.approx(1.0)

    fine = scanned_face(1.0, half=20.0)  # crowd the nose: the same surface there, four vertices for one
    even, crowded = (
        (np.abs(scan_points(face, SEVEN).points[:, :2]).max(1) < 18.0).mean()
        for face in (FACE, _joined(fine, FACE))
    )
    assert crowded == pytest.approx(even, rel=0.1)


def _joined(inner: Surface, outer: Surface) -> Surface:
    """The inner surface in a hole of the outer one."""
    middle = outer.vertices[outer.triangles].mean(1)
    kept = outer.triangles[np.abs(middle[:, :2]).max(1) > 20.0]
    return checked_surface(
        np.vstack([outer.vertices, inner.vertices]),
        np.vstack([kept, inner.triangles + len(outer.vertices)]),
        "The face",
    )


def test_bad_input_is_named() -> None:
    with pytest.raises(MeshInvalid, match="The truth needs seven"):
        scan_points(FACE, SEVEN * np.nan)
    for sampling in ("vertices", "spread"):
        with pytest.raises(MeshInvalid, match="The truth has 0 points"):
            scan_points(FACE, SEVEN + 500.0, sampling)  # type: ignore[arg-type]
