"""Pores: their depth, where they may be, and that nothing shows how the UV square is cut."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from facewright.displacement.crease_set import PhotoEvidence
from facewright.displacement.pores import pore_layout, pores
from facewright.errors import TopologyMismatch
from facewright.face_model.base import FaceModel
from facewright.face_model.load import load_face_model
from facewright.mesh.texel_map import uv_sampler
from scipy.spatial import cKDTree

SIZE = 1024


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return load_face_model(None)


@pytest.fixture(scope="module")
def neutral(model: FaceModel) -> np.ndarray:
    return model.neutral(np.zeros(model.identity_dims))


@pytest.fixture(scope="module")
def made(model: FaceModel, neutral: np.ndarray) -> np.ndarray:
    return pores(model.topology, neutral, SIZE, seed=1)


def inside(model: FaceModel, *names: str, size: int = SIZE) -> np.ndarray:
    member = np.zeros(model.topology.vertex_count)
    for name in names:
        member[model.topology.regions[name]] = 1.0
    return uv_sampler(model.topology, "skin", size).image(member) > 0.99


def test_depth_on_the_face(model: FaceModel, made: np.ndarray) -> None:
    face = inside(model, "narrow_face") & ~inside(model, "lids_left", "lids_right", "lips")
    assert 0.015 < made[face].std() < 0.030
    assert abs(made[face].mean()) < 0.003
    assert -0.16 < made[face].min() < -0.06 and made[face].max() < 0.09
    # Pits: they go deeper than anything rises.
    assert -made[face].min() > 1.3 * made[face].max()
    nose, neck = inside(model, "nose"), inside(model, "neck")
    assert made[nose].std() > 1.5 * made[neck].std()


def test_none_on_lids_lips_and_scalp(model: FaceModel, made: np.ndarray) -> None:
    for name, border in (("lids_left", 1), ("lids_right", 1), ("lips", 15), ("scalp", 61)):
        inner = cv2.erode(inside(model, name).astype(np.uint8), np.ones((border, border))) > 0
        assert inner.any() and np.abs(made[inner]).max() < 0.003, name


def test_no_seam(model: FaceModel, neutral: np.ndarray, made: np.ndarray) -> None:
    # The back: both borders of the UV square are the same line of the head.
    np.testing.assert_allclose(made[:, 0], made[:, -1], atol=0.003)
    # The mid-line: steps across it are like those beside it.
    middle = SIZE // 2
    rows = inside(model, "forehead")[:, middle]
    across = np.abs(made[rows, middle] - made[rows, middle - 1]).mean()
    columns = middle + np.array([-40, -20, 20, 40])
    beside = np.mean([np.abs(made[rows, k + 1] - made[rows, k]).mean() for k in columns])
    assert 0.5 < across / beside < 1.6


def test_no_streaks(model: FaceModel, neutral: np.ndarray, made: np.ndarray) -> None:
    # Where the surface turns away from z its relief is as fine as in front: the same correlation over 0.5 mm of
    # surface along both directions of the lattice.
    points = uv_sampler(model.topology, "skin", SIZE).image(neutral)
    ratios = []
    for names in (("cheeks_left",), ("forehead",)):
        where = inside(model, *names)
        slopes = []
        for axis in (0, 1):
            step = np.linalg.norm(np.diff(points, axis=axis), axis=-1)
            change = np.diff(made, axis=axis)
            both = where[1:] & where[:-1] if axis == 0 else where[:, 1:] & where[:, :-1]
            slopes.append(np.sqrt(((change[both] / step[both]) ** 2).mean()))
        ratios.append(slopes[0] / slopes[1])
    assert all(0.7 < ratio < 1.4 for ratio in ratios)


def test_pores_keep_their_distance(model: FaceModel, neutral: np.ndarray, made: np.ndarray) -> None:
    deep = (made == cv2.erode(made, np.ones((3, 3)))) & (made < -0.05) & inside(model, "nose")
    points = uv_sampler(model.topology, "skin", SIZE).image(neutral)[deep]
    nearest = cKDTree(points).query(points, k=2)[0][:, 1]
    assert len(points) > 100
    assert np.quantile(nearest, 0.05) > 0.6  # thrown at 0.8 mm; a pit's deepest texel is up to half a texel off


def test_seed_size_and_skin(model: FaceModel, neutral: np.ndarray, made: np.ndarray) -> None:
    np.testing.assert_array_equal(pores(model.topology, neutral, SIZE, seed=1), made)
    thrown = pore_layout(model.topology, neutral, 1)
    np.testing.assert_array_equal(pores(model.topology, neutral, SIZE, seed=1, layout=thrown), made)
    old = pores(model.topology, neutral, SIZE, seed=1, age=1.2, layout=thrown)
    other = pores(model.topology, neutral, SIZE, seed=2)
    face = inside(model, "narrow_face") & ~inside(model, "lids_left", "lids_right", "lips")
    assert abs(np.corrcoef(other[face], made[face])[0, 1]) < 0.1
    rough = pores(model.topology, neutral, SIZE, seed=1, roughness=1.4)
    np.testing.assert_allclose(rough, 1.4 * made, atol=1e-6)
    assert old[face].std() > 1.1 * made[face].std()
    # The same pores at another size.
    fine = pores(model.topology, neutral, 2 * SIZE, seed=1)
    reduced = cv2.resize(fine, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    assert np.corrcoef(reduced[face], made[face])[0, 1] > 0.9


def test_what_a_sharp_photo_shows_is_not_repeated(model: FaceModel, neutral: np.ndarray) -> None:
    flat = np.zeros((SIZE, SIZE), np.float32)
    seen = PhotoEvidence(flat, np.ones_like(flat), 0.2, 0.45, True, 1.0)
    hidden = seen._replace(trust=flat)
    sharp, none = (pores(model.topology, neutral, SIZE, seed=1, evidence=e) for e in (seen, hidden))
    forehead = inside(model, "forehead")
    coarse = [cv2.GaussianBlur(relief, (0, 0), 5.0)[forehead].std() for relief in (sharp, none)]
    assert coarse[0] < 0.75 * coarse[1]
    assert sharp[forehead].std() > 0.7 * none[forehead].std()


def test_other_topologies_are_refused(model: FaceModel, neutral: np.ndarray) -> None:
    from dataclasses import replace

    with pytest.raises(TopologyMismatch):
        pores(replace(model.topology, lattice_size=0), neutral, 64)
