"""Predictions before the data's camera: every vertex keeps its pixel; depth is what the formulas say."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation_sets import true_face
from facewright.errors import MeshInvalid
from facewright.evaluation.case import AnyCamera, Prediction, WeakCamera
from facewright.evaluation.predictions.placing import area_centre, placed
from facewright.evaluation.surface import Surface, checked_surface
from facewright.fitting.camera import Camera
from numpy.typing import NDArray
from scanned_face import shuffled, subdivided

OWN_PINHOLE = Camera(256, 256, 500.0, 500.0, 120.0, 131.0)
OWN_WEAK = WeakCamera(256, 256, 1.25, 118.0, 140.0)
DATA_PINHOLE = Camera(256, 256, 1200.0, 1200.0, 128.0, 128.0)
DATA_WEAK = WeakCamera(256, 256, 2.0, 128.0, 128.0)


def square(depth: float, side: float = 100.0) -> Surface:
    """A square across the optical axis."""
    corners = 0.5 * side * np.array([[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [1.0, 1.0, 0.0], [-1.0, 1.0, 0.0]])
    return checked_surface(corners - [0.0, 0.0, depth], np.array([[0, 1, 2], [0, 2, 3]]), "The square")


def prism(depth: float) -> Surface:
    """Two squares, the second 20 mm behind the first."""
    front, back = square(depth), square(depth + 20.0)
    return Surface(
        np.concatenate([front.vertices, back.vertices]), np.concatenate([front.triangles, back.triangles + 4])
    )


def depths(surface: Surface) -> NDArray[np.float64]:
    return -np.unique(surface.vertices[:, 2].round(9))[::-1]


@pytest.mark.parametrize("data", [DATA_PINHOLE, DATA_WEAK])
@pytest.mark.parametrize("own", [OWN_PINHOLE, OWN_WEAK])
def test_every_vertex_keeps_its_pixel(own: AnyCamera, data: AnyCamera) -> None:
    surface = true_face(20.0, depth=400.0).surface
    result = placed(Prediction(surface, own), data)
    np.testing.assert_allclose(data.project(result.vertices), own.project(surface.vertices), atol=1e-9)
    assert result.triangles is surface.triangles


def test_pinhole_to_pinhole_keeps_size_and_relief() -> None:
    # Middle depth 510 at 500 px: 510 * 1200 / 500 = 1224 at 1200 px; the relief of 20 mm stays.
    result = placed(Prediction(prism(500.0), OWN_PINHOLE), DATA_PINHOLE)
    np.testing.assert_allclose(depths(result), [1214.0, 1234.0])
    # The front is 100 mm at 500 mm, 100 px; at 1214 mm and 1200 px that is 101.17 mm.
    assert np.ptp(result.vertices[:4, 0]) == pytest.approx(100.0 * 1214.0 / 1200.0)


def test_weak_to_pinhole_stands_where_its_size_says() -> None:
    # 1.25 px/mm at 1200 px: 960 mm in the middle, whatever z the mesh had.
    result = placed(Prediction(prism(0.0), OWN_WEAK), DATA_PINHOLE)
    np.testing.assert_allclose(depths(result), [950.0, 970.0])


def test_to_weak_keeps_proportions() -> None:
    # 1.25 px/mm seen at 2 px/mm is 0.625 of the size, in depth too.
    result = placed(Prediction(prism(0.0), OWN_WEAK), DATA_WEAK)
    np.testing.assert_allclose(depths(result), [0.0, 12.5], atol=1e-12)
    assert np.ptp(result.vertices[:4, 0]) == pytest.approx(62.5)
    # 500 px at 510 mm are 0.98 px/mm: 0.49 of the size.
    result = placed(Prediction(prism(500.0), OWN_PINHOLE), DATA_WEAK)
    assert np.diff(depths(result)) == pytest.approx(20.0 * 500.0 / 510.0 / 2.0)


def test_the_same_camera_and_none_change_nothing() -> None:
    surface = true_face(0.0, depth=500.0).surface
    for own, data in ((DATA_PINHOLE, DATA_PINHOLE), (None, DATA_PINHOLE), (None, DATA_WEAK), (OWN_PINHOLE, None)):
        assert placed(Prediction(surface, own), data) is surface


def test_size_of_a_face_hardly_depends_on_the_camera_model() -> None:
    """A face seen by a long lens and by orthography is the same face, to what perspective bends."""
    face = true_face(0.0, depth=900.0).surface
    far = Camera(256, 256, 3000.0, 3000.0, 128.0, 128.0)
    middle = area_centre(face)
    weak = WeakCamera(256, 256, 3000.0 / -middle[2], 128.0, 128.0)
    result = placed(Prediction(face, weak), far)
    np.testing.assert_allclose(result.vertices[:, 2], face.vertices[:, 2], atol=1e-9)
    # Orthography shows a place that is deeper by dz too large by dz / depth.
    nearer = np.abs(face.vertices[:, 2] - middle[2]) / -middle[2]
    off = np.abs(result.vertices - face.vertices)[:, :2].max(1)
    assert off.max() > 1.0 and (off <= 1.001 * nearer * np.abs(face.vertices[:, :2]).max(1) + 1e-9).all()


def test_order_and_density_of_vertices_do_not_matter() -> None:
    surface = true_face(15.0, depth=400.0).surface
    expected = placed(Prediction(surface, OWN_WEAK), DATA_PINHOLE)
    for other in (subdivided(surface), shuffled(surface)):
        result = placed(Prediction(other, OWN_WEAK), DATA_PINHOLE)
        np.testing.assert_allclose(area_centre(result), area_centre(expected), atol=0.02)
    lonely = Surface(np.concatenate([surface.vertices, [[0.0, 0.0, 9e9]]]), surface.triangles)
    result = placed(Prediction(lonely, OWN_PINHOLE), DATA_PINHOLE)
    expected = placed(Prediction(surface, OWN_PINHOLE), DATA_PINHOLE)
    np.testing.assert_allclose(result.vertices[:-1], expected.vertices)


def test_vertices_behind_a_camera_are_refused() -> None:
    with pytest.raises(MeshInvalid, match="4 of the mesh's 8 vertices lie behind its camera"):
        placed(Prediction(prism(-10.0), OWN_PINHOLE), DATA_PINHOLE)
    near = WeakCamera(256, 256, 200.0, 128.0, 128.0)  # of a mesh in decimetres: 1200 / 200 = 6 mm before the camera
    with pytest.raises(MeshInvalid, match="behind the data set's camera"):
        placed(Prediction(prism(0.0), near), DATA_PINHOLE)
    with pytest.raises(MeshInvalid, match="behind its camera"):
        placed(Prediction(prism(-500.0), None), DATA_PINHOLE)
