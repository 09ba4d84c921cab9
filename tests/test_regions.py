"""Regions: soft, symmetric, one place of the face to one region."""

from __future__ import annotations

import numpy as np
import pytest
from detail_heads import face_model
from facewright.dynamic_detail.activation import skin_vertices
from facewright.dynamic_detail.detail_maps import REGIONS
from facewright.dynamic_detail.regions import region_masks
from facewright.dynamic_detail.tension import skin_edges


@pytest.fixture(scope="module")
def masks() -> np.ndarray:
    model = face_model()
    return region_masks(model.topology, model.neutral(np.zeros(model.identity_dims)))


def test_shape_range_and_sum(masks: np.ndarray) -> None:
    assert masks.shape == (len(REGIONS), face_model().topology.vertex_count)
    assert masks.min() >= 0.0
    assert masks.sum(axis=0).max() <= 1.0 + 1e-6
    off_skin = np.setdiff1d(np.arange(masks.shape[1]), skin_vertices(face_model().topology))
    assert not masks[:, off_skin].any()


def test_symmetric(masks: np.ndarray) -> None:
    mirror = face_model().topology.mirror
    assert mirror is not None
    np.testing.assert_allclose(masks, masks[:, mirror], atol=1e-5)


@pytest.mark.parametrize(
    ("place", "region"),
    [
        ((0.0, 60.0), "forehead"), ((40.0, 50.0), "forehead"), ((5.0, 22.0), "glabella"), ((0.0, 2.0), "glabella"),
        ((32.0, -12.0), "eyes"), ((52.0, 2.0), "eyes"), ((38.0, 8.0), "eyes"), ((32.0, -42.0), "cheeks"),
        ((50.0, -35.0), "cheeks"), ((0.0, -68.0), "mouth"), ((24.0, -68.0), "mouth"), ((0.0, -100.0), "chin"),
    ],
)  # fmt: skip
def test_lines_belong_where_an_artist_looks_for_them(
    masks: np.ndarray, place: tuple[float, float], region: str
) -> None:
    model = face_model()
    mean = model.neutral(np.zeros(model.identity_dims))
    front = skin_vertices(model.topology)
    front = front[mean[front, 2] > -20.0]
    nearest = front[np.linalg.norm(mean[front, :2] - place, axis=1).argmin()]
    assert masks[REGIONS.index(region), nearest] > 0.7


def test_the_face_is_covered_and_ears_and_scalp_are_not(masks: np.ndarray) -> None:
    regions = face_model().topology.regions
    for name in ("lips", "lids_left", "lids_right", "chin", "brows_left"):
        skin = np.intersect1d(regions[name], skin_vertices(face_model().topology))
        front = masks[:, skin].sum(axis=0)
        assert np.percentile(front, 10) > 0.95, name
    assert np.median(masks[:, regions["ears"]].sum(axis=0)) < 0.05
    assert np.median(masks[:, regions["scalp"]].sum(axis=0)) < 0.05


def test_soft(masks: np.ndarray) -> None:
    """No region begins or ends within less than about 8 mm of skin."""
    model = face_model()
    edges = skin_edges(model.topology, model.neutral(np.zeros(model.identity_dims)))
    slope = np.abs(np.diff(masks[:, edges.ends], axis=2)[..., 0]) / np.maximum(edges.rest_mm, 0.1)
    assert slope.max() < 1.0 / 8.0
