"""NoW's protocol: closed forms, the minimum it seeks, and what must not matter."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.errors import MeshInvalid
from facewright.evaluation.metrics.face_crop import scan_points
from facewright.evaluation.metrics.face_regions import face_regions
from facewright.evaluation.metrics.now import NowResult, now_distances, now_scores, region_means
from facewright.evaluation.metrics.similarity import Similarity
from facewright.evaluation.surface import Surface, checked_surface
from scanned_face import bump, height, scanned_face, seven_points, shuffled, subdivided
from scipy.spatial.transform import Rotation

SEVEN = seven_points()
FACE = scanned_face()
# Another person: a shorter nose, a fuller cheek, a lower brow.
OTHER = scanned_face(relief=lambda x, y: bump((0, 0), -4, 12)(x, y) + bump((-40, -10), 5, 18)(x, y) + y / 40.0)
AWAY = Similarity(
    0.4, Rotation.from_euler("xyz", [10, 40, -70], degrees=True).as_matrix(), np.array([3.0, 9.0, 50])
)


def measured(prediction: Surface, truth: Surface = FACE, metrical: bool = False, **how: object) -> NowResult:
    return now_distances(prediction, SEVEN, scan_points(truth, SEVEN, **how), SEVEN, metrical=metrical)  # type: ignore[arg-type]


@pytest.mark.parametrize("sampling", ["vertices", "spread"])
def test_a_mesh_against_itself_is_zero_wherever_it_stands(sampling: str) -> None:
    points = scan_points(FACE, SEVEN, sampling)  # type: ignore[arg-type]
    result = now_distances(AWAY.apply_to(FACE), AWAY.apply(SEVEN), points, SEVEN)
    assert result.distances.max() < 1e-6
    assert result.normal_degrees.max() < 1e-3
    assert result.alignment.scale == pytest.approx(1.0 / 0.4, abs=1e-9)
    np.testing.assert_allclose(result.alignment.apply(AWAY.apply(SEVEN)), SEVEN, atol=1e-6)


def test_landmarks_that_are_a_little_wrong_do_not_matter() -> None:
    wrong = SEVEN + np.random.default_rng(0).normal(size=(7, 3)) * 2.0
    result = now_distances(FACE, wrong, scan_points(FACE, SEVEN), SEVEN)
    assert result.distances.max() < 1e-3


def sphere_cap(radius: float, cosine: float, count: int = 80) -> Surface:
    """Cap around +z of a sphere about the origin, down to ``cosine`` of the polar angle."""
    u, v = np.meshgrid(np.linspace(1e-4, np.arccos(cosine), count), 2 * np.pi * np.arange(count) / count)
    points = radius * np.stack([np.sin(u) * np.cos(v), np.sin(u) * np.sin(v), np.cos(u)], -1).reshape(-1, 3)
    grid = np.arange(count * count).reshape(count, count)
    turn = np.roll(grid, -1, 0)
    a, b, c, d = (g.ravel() for g in (grid[:, :-1], grid[:, 1:], turn[:, 1:], turn[:, :-1]))
    return checked_surface(points, np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]), "The cap")


def test_metrical_variant_sees_the_size_of_the_head() -> None:
    # A sphere 3 % too large: the distance at a point with normal n is e - t . n, where e is 3 mm and the shift t is
    # what least squares over the cap leaves free.
    radius, larger = 100.0, 1.03
    seven = np.array([[-60, 30], [-20, 30], [20, 30], [60, 30], [0, -30], [-20, -55], [20, -55.0]])
    seven = np.column_stack([seven, np.sqrt(radius**2 - (seven**2).sum(1))])
    points = scan_points(sphere_cap(radius, 0.5), seven)
    prediction = sphere_cap(larger * radius, -0.9, 160)
    normals = points.points / radius
    shift = np.linalg.lstsq(normals, np.full(len(normals), 3.0), rcond=None)[0]
    expected = np.abs(3.0 - normals @ shift).mean()
    metrical = now_distances(prediction, larger * seven, points, seven, metrical=True)
    assert metrical.alignment.scale == 1.0
    assert metrical.distances.mean() == pytest.approx(expected, rel=0.05)
    assert expected > 0.15
    relative = now_distances(prediction, larger * seven, points, seven)
    assert relative.alignment.scale == pytest.approx(1.0 / larger, rel=2e-3)
    assert np.median(relative.distances) < 0.03  # the spheres' facets


def test_metrical_size_of_a_whole_face() -> None:
    bigger = Similarity(1.03, np.eye(3), np.zeros(3))
    result = now_distances(bigger.apply_to(FACE), bigger.apply(SEVEN), scan_points(FACE, SEVEN), SEVEN)
    assert result.distances.max() < 1e-6
    points = scan_points(FACE, SEVEN)
    metrical = now_distances(bigger.apply_to(FACE), bigger.apply(SEVEN), points, SEVEN, metrical=True)
    assert metrical.alignment.scale == 1.0
    # At the rim, 70 mm from the middle, 3 % are 2 mm, of which the slope of the face takes its share.
    assert 0.15 < metrical.distances.mean() < 1.0


def test_a_bump_is_as_far_as_it_is_high() -> None:
    high, at = 2.0, (0.0, 50.0)
    points = scan_points(scanned_face(1.5, relief=bump(at, high, 4.0)), SEVEN, count=10_000)
    result = now_distances(scanned_face(1.5), SEVEN, points, SEVEN)
    beside = np.hypot(*(points.points[:, :2] - at).T)
    # Where the face leans, a bump in z is lower along the normal.
    level, right, above = height(*np.add(at, [[0.0, 0.0], [0.1, 0.0], [0.0, 0.1]]).T)
    lean = np.hypot(right - level, above - level) / 0.1
    assert result.distances[beside < 1.0].mean() == pytest.approx(high / np.sqrt(1.0 + lean**2), rel=0.05)
    assert result.distances[beside > 16.0].max() < 0.1


def test_slopes_give_their_angle() -> None:
    # Waves of slope 0.1 cos(x / 2): the mean of |slope| is 0.2 / pi, on a flat face 3.64 degrees. Vertices every
    # millimetre see sin(1 / 2) / (1 / 2) of it.
    flatter = [1.0, 1.0, 0.2]
    face = scanned_face(1.0)
    base = face.moved(face.vertices * flatter)
    waves = base.moved(base.vertices + np.outer(0.2 * np.sin(base.vertices[:, 0] / 2.0), [0.0, 0.0, 1.0]))
    result = now_distances(waves, SEVEN * flatter, scan_points(base, SEVEN * flatter), SEVEN * flatter)
    score = now_scores(result, result)["now_normal_deg"]
    assert score == pytest.approx(np.degrees(0.2 / np.pi) * np.sin(0.5) / 0.5, rel=0.05)


def test_order_and_density_do_not_matter() -> None:
    points = scan_points(FACE, SEVEN)
    plain = now_distances(OTHER, SEVEN, points, SEVEN)
    for same in (shuffled(OTHER), subdivided(OTHER)):
        result = now_distances(same, SEVEN, points, SEVEN)
        np.testing.assert_allclose(result.distances, plain.distances, atol=1e-4)
    # The truth's density: other points of the same surface, so a little chance.
    score = now_scores(plain, plain)
    finer = measured(OTHER, subdivided(FACE))
    for key, value in now_scores(finer, finer).items():
        assert value == pytest.approx(score[key], rel=0.05), key


def test_regions_share_out_the_distances() -> None:
    result = measured(OTHER)
    regions = face_regions(FACE, SEVEN)
    means = region_means(result, regions)
    assert set(means) <= {f"region_{name}" for name in regions}
    counts = {f"region_{name}": mask[result.measured.triangle].sum() for name, mask in regions.items()}
    total = sum(means[name] * counts[name] for name in means) / len(result.distances)
    assert total == pytest.approx(result.distances.mean())
    assert means["region_nose"] > means["region_chin"]  # the bump of -4 mm lies there


def test_bad_input_is_named() -> None:
    points = scan_points(FACE, SEVEN)
    with pytest.raises(MeshInvalid, match="The prediction needs seven"):
        now_distances(FACE, SEVEN[:6], points, SEVEN)
    with pytest.raises(MeshInvalid, match="The truth needs seven"):
        scan_points(FACE, SEVEN * np.nan)
    with pytest.raises(MeshInvalid, match="one line"):
        now_distances(FACE, np.outer(np.arange(7.0), np.ones(3)), points, SEVEN)
    for sampling in ("vertices", "spread"):
        with pytest.raises(MeshInvalid, match="The truth has 0 points"):
            scan_points(FACE, SEVEN + 500.0, sampling)  # type: ignore[arg-type]
