"""FaceScape's protocol against the benchmark's own code, and against values worked out by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from facescape_pairs import (
    WEAK,
    Pair,
    circle,
    cut_crown,
    hats,
    lumpy_head,
    masks,
    profile,
    tube,
    whole_heads,
    without,
)
from facewright.errors import MeshInvalid
from facewright.evaluation.case import WeakCamera
from facewright.evaluation.metrics.facescape import (
    chamfer_distance,
    complete_rate,
    mean_normal_angle,
    mean_normal_error,
)
from facewright.evaluation.surface import Surface, checked_surface
from numpy.typing import NDArray

Array = NDArray[np.float64]
CENTRE = np.array([0.0, 0.0, -300.0])
UPRIGHT = np.eye(3)
# What the functions of the benchmark's code (github.com/zhuhao-nju/facescape, benchmark/code, commits 3bd350a and
# 3f1cb5a) gave for these very surfaces: optimize_Z with SLSQP, map_cyl, cylinder2mesh, compute_chamfer and
# compute_mne_full as published; trimesh 5.2 with embreex for rays, libigl in place of psbody.mesh for nearest
# points, and in place of pyrender's depth the first hit of a front face. Orthography ran as fswild with pupil_scale
# 125 (the surfaces divided by it), perspective as fslab (y and z negated, as OpenCV's camera wants).
# Columns: Chamfer Distance, Mean Normal Error, Complete Rate, shift in depth.
OFFICIAL = [
    (whole_heads, 1.4265287868, 0.0263597376, 0.9987036298, 38.9164794),
    (masks, 4.9614944432, 0.1090647532, 0.6330769952, -56.2158694),
    (hats, 3.6399107350, 0.1001533759, 0.4353384658, 33.3707696),
    (profile, 2.3016857071, 0.0526351261, 0.4757070485, 18.9642166),
    (cut_crown, 1.5036477102, 0.0524303836, 0.5404084726, 12.5008998),
]


def upright(truth: tuple[Array, NDArray[np.int64]], guess: tuple[Array, NDArray[np.int64]]) -> Pair:
    """Meshes in the head frame, before an orthographic camera."""
    surfaces = [checked_surface(vertices + CENTRE, faces, "a mesh") for vertices, faces in (truth, guess)]
    return Pair(surfaces[0], surfaces[1], WEAK, CENTRE, UPRIGHT)


@pytest.mark.parametrize(("make", "cd", "mne", "cr", "shift"), OFFICIAL)
def test_the_benchmarks_own_code_gives_the_same(
    make: Callable[[], Pair], cd: float, mne: float, cr: float, shift: float
) -> None:
    found = make().scores()
    assert found.cd == pytest.approx(cd, rel=1e-5)
    assert found.mne == pytest.approx(mne, rel=3e-3)  # a ray along an edge sees either triangle
    assert found.cr == pytest.approx(cr, abs=1e-4)
    assert found.depth_shift_mm == pytest.approx(shift, abs=1e-3)


def test_pupil_scale_is_a_unit_of_length() -> None:
    pair = profile()
    small = Pair(
        pair.truth.moved(pair.truth.vertices / 125.0),
        pair.predicted.moved(pair.predicted.vertices / 125.0),
        WeakCamera(256, 256, 128.0, 128.0, 128.0), pair.head_centre / 125.0, pair.head_rotation,
    )  # fmt: skip
    scaled, plain = small.scores(pupil_scale=125.0), pair.scores()
    assert scaled.scores() == pytest.approx(plain.scores(), rel=1e-3)
    np.testing.assert_allclose(scaled.aligned.vertices, plain.aligned.vertices, atol=1e-3)


@pytest.mark.parametrize("make", [whole_heads, hats])
def test_a_mesh_against_itself(make: Callable[[], Pair]) -> None:
    pair = make()
    found = pair._replace(predicted=pair.truth).scores()
    assert found.scores() == pytest.approx(
        {"cd": 0, "mne": 0, "normal_deg": 0, "cr": 1, "depth_shift_mm": 0}, abs=1e-6
    )
    assert np.nanmax(found.cylinder_error) < 1e-6


def test_depth_is_free() -> None:
    pair = whole_heads()
    found = pair._replace(predicted=pair.truth.moved(pair.truth.vertices + np.array([0.0, 0.0, 5.0]))).scores()
    assert found.depth_shift_mm == pytest.approx(5.0, abs=1e-4)
    assert found.cd < 1e-4
    assert found.cr == 1.0
    np.testing.assert_allclose(found.aligned.vertices, pair.truth.vertices, atol=1e-4)


def test_depth_of_the_same_projection_is_free_in_perspective() -> None:
    pair = masks()
    found = pair._replace(predicted=pair.truth.moved(pair.truth.vertices * 1.01)).scores()
    # The shift is the median of -0.01 depth, 5.7 mm; it is undone relative to the mean depth. Mean 569.8 and median
    # 567.5 mm are 0.4 % apart, so that 0.004 % of scale remain, 0.02 mm of 570.
    assert found.depth_shift_mm == pytest.approx(-5.675, abs=0.01)
    np.testing.assert_allclose(found.aligned.vertices, pair.truth.vertices * 1.00004, rtol=1e-5)
    assert found.cd < 0.02
    assert found.cr > 0.999


def test_a_step_sideways() -> None:
    truth, faces = tube(50, 2000)  # 1e5 vertices
    found = upright((truth, faces), (truth + np.array([3.0, 0.0, 0.0]), faces)).scores()
    # From a place at angle a on a circle of radius R to the circle moved by d: |sqrt(R^2 - 2 R d cos a + d^2) - R|,
    # about d |cos a|, whose mean is 2 d / pi. Differences of depth cancel. The normal turns by asin(d sin a / R).
    angle = circle(9999)
    distance = np.abs(np.sqrt(80.0**2 - 2 * 80.0 * 3.0 * np.cos(angle) + 9.0) - 80.0).mean()
    turn = np.degrees(np.abs(np.arcsin(3.0 * np.sin(angle) / 80.0))).mean()
    assert distance == pytest.approx(6.0 / np.pi, rel=1e-3)
    assert found.cd == pytest.approx(distance, rel=0.01)
    assert found.normal_deg == pytest.approx(turn, rel=0.01)
    assert found.cr == 1.0
    assert found.depth_shift_mm == pytest.approx(0.0, abs=0.02)


def test_three_percent_too_large() -> None:
    truth, faces = tube(50, 720)
    found = upright((truth, faces), (1.03 * truth, faces)).scores()
    # The larger tube is nearer by sqrt(R2^2 - x^2) - sqrt(R1^2 - x^2) at x, for |x| < R1 half of the time by more
    # than at R1 / 2.
    inner, outer = 80.0, 82.4
    shift = np.sqrt(outer**2 - inner**2 / 4) - np.sqrt(inner**2 * 3 / 4)
    assert found.depth_shift_mm == pytest.approx(shift, rel=0.02)
    # Moved back by that, the distance at angle a is | sqrt(R1^2 + 2 R1 s cos a + s^2) - R2 |, or |s cos a - 2.4|.
    distance = np.abs(np.sqrt(inner**2 + 2 * inner * shift * np.cos(circle(9999)) + shift**2) - outer).mean()
    assert found.cd == pytest.approx(distance, rel=0.01)
    assert found.cr == 1.0


def test_a_turned_normal() -> None:
    # A wall 80 mm before the axis, turned by 10 degrees about its vertical middle: its depth is right on average.
    across, up = np.meshgrid(np.linspace(-50.0, 50.0, 41), np.linspace(-60.0, 60.0, 41))
    wall = np.stack([across.reshape(-1), up.reshape(-1), np.full(across.size, 80.0)], -1)
    corner = (np.arange(40)[:, None] * 41 + np.arange(40)).reshape(-1)
    faces = np.concatenate(
        [np.stack([corner, corner + 1, corner + 42], 1), np.stack([corner, corner + 42, corner + 41], 1)]
    )
    sine, cosine = np.sin(np.radians(10.0)), np.cos(np.radians(10.0))
    other = np.stack([cosine * wall[:, 0], wall[:, 1], 80.0 - sine * wall[:, 0]], -1)
    found = upright((wall, faces), (other, faces)).scores()
    assert found.depth_shift_mm == pytest.approx(0.0, abs=0.1)
    assert found.normal_deg == pytest.approx(10.0, abs=1e-3)
    # (0, 0, 1) and (sin, 0, cos) plus one: (1, 1, 2) of length sqrt(6), and (1 + sin, 1, 1 + cos).
    official = np.arccos((1 + sine + 1 + 2 + 2 * cosine) / np.sqrt(6 * ((1 + sine) ** 2 + 1 + (1 + cosine) ** 2)))
    assert found.mne == pytest.approx(official, rel=1e-4)
    assert np.radians(10.0) / official == pytest.approx(2.7, abs=0.1)  # what the docstring says


def test_a_missing_half() -> None:
    truth, faces = tube(40, 400)
    half = without(truth, faces, truth[:, 0] < -1e-9)
    found = upright((truth, faces), (truth, half)).scores()
    # Columns 128 to 254 of 256 look to the subject's left; 255 looks along the cut.
    assert found.cr == pytest.approx(127.5 / 256, abs=0.51 / 256)
    assert found.cd < 1e-4
    assert found.normal_deg < 0.01  # column 255 sees either of two triangles


def test_chamfer_distance_is_symmetric() -> None:
    pair = masks()
    forth, back = chamfer_distance(pair.truth, pair.predicted), chamfer_distance(pair.predicted, pair.truth)
    assert forth.distance == pytest.approx(back.distance, rel=1e-12)
    np.testing.assert_array_equal(forth.from_first, back.from_second)


def test_chamfer_distance_weighs_vertices_not_meshes() -> None:
    # Three vertices 2 mm above a large triangle: 2 mm each; its own three corners are far from the small one.
    large = Surface(
        np.array([[0.0, 0.0, 0.0], [90.0, 0.0, 0.0], [0.0, 90.0, 0.0]]), np.array([[0, 1, 2]], np.int32)
    )
    small = Surface(large.vertices / 9.0 + np.array([0.0, 0.0, 2.0]), large.triangles)
    corners = np.array([2.0, np.hypot(80.0, 2.0), np.hypot(80.0, 2.0)])
    assert chamfer_distance(large, small).distance == pytest.approx((corners.sum() + 6.0) / 6.0)


def test_normals_that_are_equal_but_for_rounding_give_no_nan() -> None:
    normals = np.random.default_rng(0).normal(size=(10000, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    assert mean_normal_error(normals, normals) < 1e-7
    assert mean_normal_angle(normals, normals) < 1e-5


def test_complete_rate_counts_cells_of_the_truth() -> None:
    truth = np.array([[True, True], [True, False]])
    assert complete_rate(truth, np.array([[True, False], [False, True]])) == pytest.approx(1 / 3)


def test_order_and_triangulation_do_not_matter() -> None:
    pair, draw = masks(), np.random.default_rng(3)
    order = draw.permutation(len(pair.predicted.vertices))
    place = np.argsort(order)
    mixed = checked_surface(
        pair.predicted.vertices[order],
        draw.permutation(place[np.roll(pair.predicted.triangles, 1, axis=1)]),
        "mixed",
    )
    first, second = pair.scores().scores(), pair._replace(predicted=mixed).scores().scores()
    assert second == pytest.approx(first, rel=1e-3)
    # A tube's quads are flat, so that either diagonal gives the same surface.
    guess, faces = tube(60, 90)
    half = len(faces) // 2
    (a, b, c), d = faces[:half].T, faces[half:, 2]
    others = np.concatenate([np.stack([a, b, d], 1), np.stack([b, c, d], 1)])
    first, second = (upright(lumpy_head(150, 180), (guess, cut)).scores().scores() for cut in (faces, others))
    assert second == pytest.approx(first, rel=1e-3)


def test_density_does_not_matter() -> None:
    truth, (guess, faces) = lumpy_head(150, 180, nose_mm=16.0), lumpy_head(110, 130, lumps_mm=3.0)
    coarse = upright(truth, (guess, faces)).scores().scores()
    fine = upright(truth, subdivided(*subdivided(guess, faces))).scores()
    assert len(fine.aligned.vertices) > 2e5
    assert fine.scores() == pytest.approx(coarse, rel=0.01)


def subdivided(vertices: Array, triangles: NDArray[np.int64]) -> tuple[Array, NDArray[np.int64]]:
    """Every triangle cut into four of the same plane."""
    edges = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    unique, number = np.unique(edges, axis=0, return_inverse=True)
    middle = len(vertices) + number.reshape(-1, 3)
    a, b, c = triangles.T
    ab, bc, ca = middle.T
    parts = [np.stack(each, 1) for each in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))]
    return np.concatenate([vertices, vertices[unique].mean(1)]), np.concatenate(parts)


def test_what_cannot_be_compared_is_said() -> None:
    pair = whole_heads()
    with pytest.raises(MeshInvalid, match="does not cover the face in the photo"):
        pair._replace(
            predicted=pair.predicted.moved(pair.predicted.vertices + np.array([90000.0, 0.0, 0.0]))
        ).scores()
    with pytest.raises(MeshInvalid, match="not within 150 mm"):
        pair._replace(head_centre=pair.head_centre + np.array([0.0, 900.0, 0.0])).scores()
    # In the photo they overlap, but the truth is only the left half of the face and the guess the right one.
    truth, faces = tube(40, 400)
    left, right = (without(truth, faces, side * truth[:, 0] < 12.0) for side in (1.0, -1.0))
    sideways = upright((truth, left), (truth - [60.0, 0.0, 0.0], left))
    with pytest.raises(MeshInvalid, match="does not cover the face in the photo"):
        sideways._replace(predicted=checked_surface(truth + CENTRE, right, "right")).scores()


def test_the_maps_say_where_the_error_is() -> None:
    truth, faces = tube(50, 720)
    dented = truth.copy()
    dent = (np.abs(np.arctan2(truth[:, 0], -truth[:, 2])) < 0.5) & (np.abs(truth[:, 1]) < 30.0)
    dented[dent] *= [0.95, 1.0, 0.95]  # 4 mm, at the back of the head, where columns begin and end
    found = upright((truth, faces), (dented, faces)).scores()
    error = found.cylinder_error
    assert error.shape == found.cylinder_truth.shape == found.cylinder_predicted.shape == (256, 256)
    assert np.nanmax(error[:, 60:200]) < 1e-4
    assert error[128, 0] == pytest.approx(4.0, abs=0.05)
    assert found.cylinder_truth[128, 100] == pytest.approx(80.0, abs=0.01)
    assert np.isnan(error[0]).all()  # 150 mm up there is nothing
