"""Heat maps: colours stand for millimetres, on the mesh and where the photograph shows the face."""

import cv2
import numpy as np
import pytest
from evaluation_report import CAMERA, face_surface, truth
from facewright.evaluation.case import Truth, WeakCamera
from facewright.evaluation.report import heat_map
from facewright.evaluation.report.colour_scale import RANGE_MM, TABLE, error_colours


def lightness(rgb: np.ndarray) -> np.ndarray:
    """(N, 3) sRGB to CIE L*, 0 to 100."""
    lab = cv2.cvtColor((rgb / 255.0).astype(np.float32)[:, None], cv2.COLOR_RGB2Lab)
    return lab[:, 0, 0]


def test_colours_get_darker_evenly_from_0_to_5_mm() -> None:
    level = lightness(TABLE)
    steps = -np.diff(level[::16])
    assert steps.min() > 0.6 * steps.mean() and steps.max() < 1.4 * steps.mean()
    assert level[0] > 90 and level[-1] < 20
    assert (error_colours(np.array([0.0, RANGE_MM, 9.0])) == TABLE[[0, -1, -1]]).all()


def test_distances_are_carried_to_vertices_near_points_only() -> None:
    x, y = (a.ravel() for a in np.mgrid[0:40:2.0, 0:40:2.0])
    points = np.stack([x, y, 0 * x], 1)
    vertices = np.array([[10.0, 10.0, 0.0], [11.0, 11.0, 0.0], [10.0, 10.0, 30.0], [80.0, 10.0, 0.0]])
    values = heat_map.distances_at(vertices, points, x)
    assert values[0] == pytest.approx(10.0, abs=0.01)
    assert values[1] == pytest.approx(11.0, abs=1e-6)  # midway between four points: their mean
    assert np.isnan(values[2:]).all()


def test_mesh_shows_measured_colours_and_clay_elsewhere() -> None:
    surface = face_surface()
    front, side = heat_map.mesh_views(surface, np.eye(3), surface.vertices)
    upper = surface.vertices[:, 1] > 0
    picture = heat_map.draw_mesh(front, np.where(upper, 2.5, np.nan))
    assert picture.shape == (*heat_map.SIZE[::-1], 4)
    height, width = picture.shape[:2]
    assert picture[2, 2, 3] == 0 and picture[height // 2, width // 2, 3] == 255
    above, below = picture[height // 3, width // 2, :3], picture[2 * height // 3, width // 2, :3]
    # Light scales all channels alike: the hue is the scale's.
    expected = error_colours(np.array([2.5]))[0] / 255.0
    assert above / above.max() == pytest.approx(expected / expected.max(), abs=0.03)
    assert below / below.max() == pytest.approx(np.array(heat_map.CLAY_RGB) / max(heat_map.CLAY_RGB), abs=0.03)
    assert (heat_map.draw_mesh(side, np.zeros(len(surface.vertices)))[..., 3] > 0).any()


def test_three_quarter_view_shows_the_subjects_left() -> None:
    surface = face_surface()
    left = np.where(surface.vertices[:, 0] > 0, 5.0, 0.0)
    front, side = (
        heat_map.draw_mesh(view, left) for view in heat_map.mesh_views(surface, np.eye(3), surface.vertices)
    )

    def dark_share(picture: np.ndarray) -> float:
        seen = picture[..., 3] == 255
        return float((lightness(picture[seen][:, :3]) < 25).mean())

    # Less than half from the front: the column of triangles in the middle blends from pale to dark.
    assert 0.42 < dark_share(front) < 0.5
    assert dark_share(side) > dark_share(front) + 0.15


@pytest.mark.parametrize("camera", [CAMERA, WeakCamera(96, 96, 160.0 / 400.0, 48.0, 48.0)])
def test_photo_is_coloured_where_the_camera_sees_the_face(camera) -> None:
    surface = face_surface()
    photo = np.full((96, 96, 3), (20, 120, 220), np.uint8)
    view = heat_map.photo_view(photo, surface, camera, surface.vertices)
    assert view.crop.shape == (*heat_map.SIZE[::-1], 3)
    picture = heat_map.draw_on_photo(view, np.full(len(surface.vertices), 5.0))
    opacity = heat_map.PHOTO_OPACITY
    expected = opacity * TABLE[-1].astype(float) + (1 - opacity) * np.array([20, 120, 220])
    assert picture[125, 100] == pytest.approx(expected, abs=1.0)
    assert (picture[2, 2] == (20, 120, 220)).all()
    untouched = heat_map.draw_on_photo(view, np.full(len(surface.vertices), np.nan))
    assert np.abs(untouched.astype(int) - view.crop).max() <= 1


def test_colours_lie_where_the_surface_projects() -> None:
    surface = face_surface()
    photo = np.zeros((96, 96, 3), np.uint8)
    tip = surface.vertices[:, 2].argmax()
    near = np.linalg.norm(surface.vertices - surface.vertices[tip], axis=1) < 25
    # A photo with a white dot at the projected place: crop and colours must agree about where it is.
    u, v = CAMERA.project(surface.vertices[tip])
    photo[int(v) - 1 : int(v) + 2, int(u) - 1 : int(u) + 2] = 255
    view = heat_map.photo_view(photo, surface, CAMERA, surface.vertices)
    dot = np.argwhere(view.crop[..., 0] > 128).mean(0)
    empty = view._replace(crop=np.zeros_like(view.crop))
    spot = heat_map.draw_on_photo(empty, np.where(near, 0.0, np.nan))[..., 0] > 60
    assert np.abs(np.argwhere(spot).mean(0) - dot).max() < 6


def test_axes_come_from_the_truth_or_its_landmarks() -> None:
    known = truth()
    turn = cv2.Rodrigues(np.array([0.1, 0.5, -0.2]))[0]
    assert (heat_map.head_axes(Truth(known.surface, None, None, turn)) == turn).all()
    turned = Truth(known.surface, known.seven @ turn.T, None, None)
    assert heat_map.head_axes(turned)[:, 0] @ turn[:, 0] > 0.99
    axes = heat_map.head_axes(turned)
    assert axes.T @ axes == pytest.approx(np.eye(3), abs=1e-9) and np.linalg.det(axes) == pytest.approx(1.0)
    assert (heat_map.head_axes(Truth(known.surface, None, None, None)) == np.eye(3)).all()


def test_mean_map_counts_what_is_finite() -> None:
    mean = heat_map.MeanMap()
    first, second = np.full((256, 256), 1.0), np.full((256, 256), -3.0)
    first[0, 0] = second[0, 1] = np.nan
    second[0, 0] = np.nan
    mean.add(first)
    mean.add(second)
    value = mean.value()
    assert np.isnan(value[0, 0]) and value[0, 1] == 1.0 and value[5, 5] == 2.0
    assert mean.count[0, 0] == 0 and mean.count[5, 5] == 2
