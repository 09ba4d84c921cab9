"""REALY's steps, and the numbers that the benchmark's own code gives."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.errors import MeshInvalid
from facewright.evaluation.metrics.face_regions import face_regions
from facewright.evaluation.metrics.realy import REGIONS, realy_scores, region_errors, seven_point_similarity
from facewright.evaluation.metrics.similarity import Similarity
from facewright.evaluation.surface import Surface
from scanned_face import bump, height, scanned_face, seven_points
from scipy.spatial.transform import Rotation

SEVEN = seven_points()
FACE = scanned_face(6.0, half=84.0)
AWAY = Similarity(
    0.4, Rotation.from_euler("xyz", [10, 40, -70], degrees=True).as_matrix(), np.array([3.0, 9.0, 50])
)


def keypoints_xy() -> np.ndarray:
    """(85, 2) places in the order of the 68 landmarks, and 17 more, each at a vertex of FACE."""
    jaw = [(x, -0.008 * (70.0**2 - x**2) - 35.0) for x in np.linspace(-70, 70, 17)]
    brows = [(side * x, 46.0) for side, xs in ((-1, (50, 42, 34, 26, 18)), (1, (18, 26, 34, 42, 50))) for x in xs]
    nose = [(0, 24), (0, 16), (0, 8), (0, 0)] + [(x, -12.0) for x in (-12, -6, 0, 6, 12)]
    eye = [(-15, 0), (-5, 5), (5, 5), (15, 0), (5, -5), (-5, -5)]
    eyes = [(x + side, y + 30.0) for side in (-30, 30) for x, y in eye]
    around = np.linspace(np.pi, -np.pi, 12, endpoint=False)
    lips = np.column_stack([26.0 * np.cos(around), 9.0 * np.sin(around) - 40.0])
    inner = lips[[0, 2, 3, 4, 6, 8, 9, 10]] * [0.8, 1.0]
    more = [(x, y) for x in (-54, -36, 36, 54) for y in (-24, 0, 60)] + [(x, 66) for x in (-24, -12, 0, 12, 24)]
    return 6.0 * np.round(np.vstack([jaw, brows, nose, eyes, lips, inner, more]) / 6.0)


def keypoints(relief: object = None) -> np.ndarray:
    x, y = keypoints_xy().T
    return np.column_stack([x, y, height(x, y) + (relief(x, y) if callable(relief) else 0.0)])


def scans(face: Surface) -> dict[str, Surface]:
    """The four regions as meshes of their own; the forehead's reaches over the eyes, as REALY's does."""
    masks = face_regions(face, SEVEN)
    names = {"nose": ("nose",), "mouth": ("mouth",), "forehead": ("forehead", "eyes"), "cheek": ("cheeks",)}
    found = {}
    for region, parts in names.items():
        used, triangles = np.unique(face.triangles[np.any([masks[p] for p in parts], 0)], return_inverse=True)
        found[region] = Surface(face.vertices[used], triangles.reshape(-1, 3).astype(np.int32))
    return found


def relief(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return bump((0, 0), -4, 12)(x, y) + bump((-40, -10), 5, 18)(x, y) + bump((10, 60), 3, 15)(x, y)


def without(*numbers: int) -> np.ndarray:
    """Keypoints of the face, of which some are not known."""
    points = keypoints()
    points[list(numbers)] = np.nan
    return points


OTHER = scanned_face(6.0, half=84.0, relief=relief)


def test_a_face_against_itself_is_zero_wherever_it_stands() -> None:
    errors = region_errors(AWAY.apply_to(FACE), AWAY.apply(keypoints()), scans(FACE), keypoints())
    scores = realy_scores(errors)
    assert set(scores) == {"realy", *(f"realy_{name}" for name in REGIONS)}
    assert all(score < 1e-6 for score in scores.values())


def test_keypoints_between_vertices_cost_a_little() -> None:
    # They pull the scan's nearest vertices to themselves: REALY's own doing, less on finer scans.
    between = keypoints() + np.array([0.0, 1.0, 0.0])
    errors = region_errors(FACE, between, scans(FACE), between)
    assert 0.01 < errors["nose"].mean < 1.0
    assert errors["cheek"].mean < 1e-6  # goes without keypoints
    mean = np.mean([errors[name].mean for name in REGIONS])
    assert realy_scores(errors)["realy"] == pytest.approx(mean)


def test_the_numbers_of_the_benchmarks_own_code() -> None:
    # The steps of utils/gICP.py, rICP.py, NICP.py and eval.py of github.com/czh-98/REALY at 13a1e81, run on these
    # meshes in units of 9 mm, with scipy's spsolve in place of CHOLMOD and libigl's nearest points.
    official = {"nose": 1.0817757, "mouth": 0.4284113, "forehead": 0.4155807, "cheek": 0.5858753}
    errors = region_errors(OTHER, keypoints(relief), scans(FACE), keypoints())
    for name, value in official.items():
        assert errors[name].mean == pytest.approx(value, rel=1e-5), name
        assert len(errors[name].distances) == len(errors[name].points)


def test_keypoints_beyond_the_usual_68_may_be_missing() -> None:
    errors = region_errors(AWAY.apply_to(FACE), AWAY.apply(without(*range(68, 85))), scans(FACE), keypoints())
    assert realy_scores(errors)["realy"] < 1e-6
    known = keypoints(relief)
    every = region_errors(OTHER, known, scans(FACE), keypoints())
    known[68:] = np.nan
    fewer = region_errors(OTHER, known, scans(FACE), keypoints())
    for name in ("mouth", "forehead"):
        assert fewer[name].mean == every[name].mean
    for name in ("nose", "cheek"):
        assert fewer[name].mean == pytest.approx(every[name].mean, rel=0.05), name
        assert fewer[name].mean != every[name].mean, name  # they do steer


def test_scale_is_the_ratio_of_absolute_coordinates() -> None:
    source = np.array([[1.0, 0, 0], [-1.0, 0, 0], [0, 1.0, 0], [0, -1.0, 0]])
    target = np.array([[2.0, 0, 1], [-2.0, 0, 1], [0, 3.0, -1], [0, -3.0, -1]])
    # Least squares would say (2 + 2 + 3 + 3) / 4: it does not see what is new in z.
    assert seven_point_similarity(source, target).scale == pytest.approx((2 + 2 + 3 + 3 + 4) / 4.0)


def test_bad_input_is_named() -> None:
    regions = scans(FACE)
    with pytest.raises(MeshInvalid, match="The prediction needs 85"):
        region_errors(FACE, keypoints()[:84], regions, keypoints())
    with pytest.raises(MeshInvalid, match="The truth lacks keypoint 0 of 85"):
        region_errors(FACE, keypoints(), regions, keypoints() * np.nan)
    with pytest.raises(MeshInvalid, match="The prediction lacks keypoint 30 of 85"):
        region_errors(FACE, without(30, 70), regions, keypoints())
    with pytest.raises(MeshInvalid, match="The truth lacks keypoint 70 of 85"):
        region_errors(FACE, keypoints(), regions, without(70))
    with pytest.raises(MeshInvalid, match="none of the nose, the cheek"):
        region_errors(FACE, keypoints(), {n: regions[n] for n in ("mouth", "forehead")}, keypoints())
