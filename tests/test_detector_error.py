"""The learned covariance: its algebra, its file, its learning, and the shipped asset."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from damaged_npz import with_damaged_headers
from facewright.config import assets_dir
from facewright.errors import ModelFileInvalid
from facewright.face_model.base import FaceModel
from facewright.fitting.detector_error import FILE_NAME, DetectorError, Whitening, builtin_detector_error
from facewright.fitting.landmark_basis import LandmarkBasis
from facewright.fitting.landmark_symmetry import MIDLINE, OUTER_CANTHI, mirror_478
from facewright.fitting.pose import HeadAngles, rotation_from_angles
from facewright.training.detector_error import DetectorErrorSettings, learn_detector_error, residuals
from facewright.training.samples import Samples
from fit_model import builtin_model  # noqa: F401  (fixture)

EYELID, JAW = 159, 172


def _random(bins: int = 2, rank: int = 3) -> DetectorError:
    rng = np.random.default_rng(0)
    edges = np.linspace(0, 90, bins + 1)
    return DetectorError(edges, rng.uniform(0.5, 2, (bins, 478, 2)), rng.normal(size=(bins, 478, 2, rank)), 10)


def test_woodbury_equals_the_dense_inverse() -> None:
    rng = np.random.default_rng(1)
    whitening = Whitening(rng.uniform(0.5, 2, 40), rng.normal(size=(40, 5)))
    jacobian, residual = rng.normal(size=(40, 7)), rng.normal(size=40)
    inverse = np.linalg.inv(np.diag(whitening.sd**2) + whitening.low_rank @ whitening.low_rank.T)
    hessian, gradient, cost = whitening.normal_equations(jacobian, residual)
    assert np.allclose(hessian, jacobian.T @ inverse @ jacobian)
    assert np.allclose(gradient, jacobian.T @ inverse @ residual)
    assert cost == pytest.approx(residual @ inverse @ residual)
    assert whitening.squared_norm(residual) == pytest.approx(cost)


def test_without_low_rank_errors_are_independent() -> None:
    whitening = Whitening(np.array([1.0, 2.0]), np.zeros((2, 0)))
    assert whitening.squared_norm(np.array([1.0, 2.0])) == pytest.approx(2.0)


def test_weight_zero_point_one_enlarges_the_independent_part() -> None:
    whitening = Whitening(np.array([1.0]), np.zeros((1, 0))).weighted(np.array([0.25]))
    assert whitening.sd == pytest.approx([2.0])


def test_mirror_table() -> None:
    mirror = mirror_478()
    assert (mirror[mirror] == np.arange(478)).all()
    assert set(np.flatnonzero(mirror == np.arange(478))) == set(MIDLINE)
    assert mirror[OUTER_CANTHI[0]] == OUTER_CANTHI[1] and mirror[61] == 291 and mirror[468] == 473


def test_turning_the_other_way_mirrors_the_covariance() -> None:
    error = _random()
    landmark, other = np.array([33, 1, 61]), mirror_478()[[33, 1, 61]]
    one, two = error.whitening(landmark, 30.0, 0.0, 1.0), error.whitening(other, -30.0, 0.0, 1.0)
    flip = np.tile([-1.0, 1.0], 3)
    assert np.allclose(one.sd, two.sd)
    assert np.allclose(one.low_rank @ one.low_rank.T, np.outer(flip, flip) * (two.low_rank @ two.low_rank.T))


def test_yaw_chooses_the_bin() -> None:
    error = _random()
    landmark = np.arange(478)
    sds = [error.whitening(landmark, yaw, 0.0, 1.0).sd for yaw in (0.0, 44.9, 45.0, 89.0, 130.0)]
    assert np.allclose(sds[0], sds[1]) and np.allclose(sds[2], sds[3]) and np.allclose(sds[3], sds[4])
    assert not np.allclose(sds[1], sds[2])


def test_file_round_trip(tmp_path: Path) -> None:
    error = _random()
    error.save(tmp_path / "e.npz")
    again = DetectorError.load(tmp_path / "e.npz")
    assert again.renders == 10
    assert np.allclose(again.sd, error.sd, rtol=1e-3) and np.allclose(
        again.low_rank, error.low_rank, rtol=1e-3, atol=1e-4
    )


def test_bad_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("no")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    error = _random()
    np.savez(tmp_path / "shape.npz", yaw_edges=error.yaw_edges, sd=error.sd[:1], low_rank=error.low_rank, renders=1)
    _random().save(tmp_path / "whole.npz")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:2000])
    for name in ("missing", "text", "other", "shape", "cut"):
        with pytest.raises(ModelFileInvalid, match="detector error"):
            DetectorError.load(tmp_path / f"{name}.npz")


def test_damaged_headers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "error.npz"
    _random().save(path)
    for content in with_damaged_headers(path.read_bytes()):
        path.write_bytes(content)
        with pytest.raises(ModelFileInvalid, match=r"is not a detector error file: [^\n]+\.$"):
            DetectorError.load(path)


def test_asset_is_small_and_says_what_one_sees() -> None:
    """Lids are found better than the jaw, and everything worse when the head turns."""
    assert (assets_dir() / FILE_NAME).stat().st_size < 2_000_000
    error = builtin_detector_error()
    assert error.renders >= 1000
    total = np.sqrt(error.sd**2 + (error.low_rank**2).sum(-1)).mean(-1)  # (bins, 478)
    assert (total[:, EYELID] < 0.6 * total[:, JAW]).all()
    assert 0.5 < total[0, EYELID] < 2.0
    assert (np.diff(np.median(total[:, :468], axis=1)) > 0).all()


def _noisy_samples(model: FaceModel, count: int, rng: np.random.Generator) -> Samples:
    """Landmarks of random heads, all moved together by 3 mm (one correlated error), and 0.5 mm each on its own."""
    basis = LandmarkBasis(model)
    size, focal = 512.0, 900.0
    rows = []
    for _ in range(count):
        identity, expression = rng.normal(size=model.identity_dims), np.zeros(len(model.blendshape_names))
        rotation = rotation_from_angles(HeadAngles(rng.uniform(-40, 40), 0.0, 10.0))
        translation = np.array([0.0, 0.0, -900.0])
        points = basis.shape(identity, expression).points @ rotation.T + translation
        points[:, 0] += 3.0 * rng.normal()
        points += 0.5 * rng.normal(size=points.shape)
        landmarks = np.full((478, 3), 256.0)
        landmarks[basis.landmark, :2] = [256, 256] + focal * points[:, :2] * [1, -1] / -points[:, 2:]
        landmarks[basis.landmark, 2] = -points[:, 2]
        rows.append((identity, expression, rotation, translation, focal, size, landmarks, np.zeros((478, 3))))
    return Samples(*(np.array(column) for column in zip(*rows)))


def test_learning_finds_a_known_correlated_error(builtin_model: FaceModel) -> None:  # noqa: F811
    samples = _noisy_samples(builtin_model, 60, np.random.default_rng(2))
    error, yaw = residuals(builtin_model, samples)
    used = np.isfinite(error[0, :, 0])
    assert np.abs(yaw).max() > 30
    assert np.abs(error[:, used].mean(0)).max() < 2.0  # no bias was put in
    learned = learn_detector_error(builtin_model, samples, DetectorErrorSettings(yaw_edges=(0.0, 90.0), rank=1))
    # The one mode is the common shift: about 3 mm along the roll-free x (cos 10 degrees) for every landmark.
    shift = np.abs(learned.low_rank[0, used, 0, 0])
    assert np.allclose(shift, 3.0 * np.cos(np.radians(10)), atol=0.8)
    assert np.median(learned.sd[0, used, 0]) == pytest.approx(0.5, abs=0.2)
