"""Projection, visibility and the landmark warp against closed forms."""

from __future__ import annotations

import numpy as np
from facewright.fitting.camera import Camera
from facewright.mesh.topology import LandmarkEmbedding, Topology
from facewright.texture.unwrap import UnwrapSettings, facing, landmark_warp, photo_view, sample, visible

SETTINGS = UnwrapSettings()
SIZE = 400
CAMERA = Camera.centred((SIZE, SIZE), 800.0)


def sheet(count: int = 20, half: float = 60.0):
    """A flat sheet of count^2 quads facing +z, its topology, and 468 landmarks scattered on it."""
    x, y = np.meshgrid(np.linspace(-half, half, count + 1), np.linspace(-half, half, count + 1))
    points = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], 1)
    i = np.arange(count * (count + 1)).reshape(count, count + 1)[:, :count].ravel()
    quads = np.stack([i, i + 1, i + count + 2, i + count + 1], 1).astype(np.int32)
    uv = points[:, :2] / (2 * half) + 0.5
    topology = Topology(quads, uv[quads].astype(np.float32), np.zeros(len(quads), np.uint8))
    rng = np.random.default_rng(0)
    vertices = quads[rng.integers(0, len(quads), 468)][:, :3].astype(np.int64)
    embedding = LandmarkEmbedding(np.arange(468), vertices, rng.dirichlet([1, 1, 1], 468))
    return points, topology, embedding


def seen_landmarks(points, embedding):
    landmarks = np.zeros((478, 3))
    landmarks[:468, :2] = CAMERA.project(embedding.points(points))
    return landmarks


def view_of(points, topology, embedding, texture: int = 256, photo=None):
    photo = np.zeros((SIZE, SIZE, 3), np.uint8) if photo is None else photo
    return photo_view(photo, CAMERA, points, topology, seen_landmarks(points, embedding), texture, SETTINGS)


def test_view_and_photo_share_one_geometry() -> None:
    points, topology, embedding = sheet()
    points = points + np.array([3.0, -2.0, -500.0])
    y, x = np.mgrid[:SIZE, :SIZE]
    photo = np.stack([x / 2, y / 2, np.zeros_like(x)], -1).astype(np.uint8)  # a pixel's colour is its place
    for texture in (1024, 48):  # the second is coarser than the photo
        view = view_of(points, topology, embedding, texture, photo)
        np.testing.assert_allclose(view.from_photo(CAMERA.project(points)), view.points_px, atol=0.6)
        place = sample(view.pixels, view.points_px)[:, :2].astype(float) * 2 + 1
        assert np.abs(place - CAMERA.project(points)).max() < 3.5
    assert view.to_view[0] < 0.5 and view.pixels.shape[0] < SIZE / 2
    assert abs(view.px_per_mm / view.to_view[0] - 800 / 500) < 0.02
    # 120 mm in 48 texels at 1.6 pixels per mm.
    assert abs(view.px_per_texel - 4.0) < 0.05


def test_cosine_follows_the_tilt() -> None:
    points, topology, embedding = sheet()
    c, s = np.cos(np.radians(40)), np.sin(np.radians(40))
    tilted = points @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]]) + [0, 0, -5000.0]
    view = view_of(tilted, topology, embedding)
    np.testing.assert_allclose(view.cosine, c, atol=0.02)
    away = view_of(points[:, [0, 1, 2]] * [-1, 1, 1] + [0, 0, -500.0], topology, embedding)
    assert (away.cosine < -0.9).all()


def test_facing_is_a_monotone_step() -> None:
    cosine = np.linspace(-1, 1, 101)
    weight = facing(cosine, SETTINGS)
    assert (np.diff(weight) >= 0).all() and weight[0] == 0 and weight[-1] == 1
    assert facing(np.array(SETTINGS.cosine_none), SETTINGS) == 0
    assert facing(np.array(SETTINGS.cosine_full), SETTINGS) == 1


def test_a_sheet_hides_what_lies_behind() -> None:
    points, topology, embedding = sheet()
    behind = points * 0.5 + [0.0, 0.0, -530.0]
    both = np.concatenate([points + np.array([0, 0, -500.0]), behind])
    quads = np.concatenate([topology.quads, topology.quads + len(points)])
    double = Topology(
        quads.astype(np.int32), np.concatenate([topology.corner_uv] * 2), np.zeros(len(quads), np.uint8)
    )
    view = view_of(both, double, embedding)
    shown = visible(view, view.points_px, view.depth, SETTINGS)
    inner = (np.abs(points[:, :2]) < 55).all(1)  # the rim lies on the edge of the drawn sheet
    assert shown[: len(points)][inner].all()
    assert not shown[len(points) :].any()
    assert not visible(view, np.array([[-5.0, 10.0]]), np.array([1.0]), SETTINGS).any()


def test_warp_recovers_a_smooth_displacement() -> None:
    points, topology, embedding = sheet()
    points = points + np.array([0, 0, -500.0])
    view = view_of(points, topology, embedding)
    landmarks = seen_landmarks(points, embedding)
    place = landmarks[:468, :2]
    shift = np.stack([4 + 3 * np.sin(place[:, 1] / 60), -2 + 2 * np.cos(place[:, 0] / 50)], 1)
    landmarks[:468, :2] += shift
    found = landmark_warp(view, embedding, landmarks, SETTINGS)
    at = CAMERA.project(points)
    wanted = np.stack([4 + 3 * np.sin(at[:, 1] / 60), -2 + 2 * np.cos(at[:, 0] / 50)], 1) * view.to_view[0]
    error = np.linalg.norm(found - wanted, axis=1)
    assert error.mean() < 0.15 and np.quantile(error, 0.95) < 0.5
    # One mad landmark cannot tear the photo: its neighbours outvote it.
    landmarks[7, :2] += 60
    torn = landmark_warp(view, embedding, landmarks, SETTINGS)
    assert np.linalg.norm(torn - found, axis=1).max() < 30
    # Landmarks that are turned away count for nothing.
    away = view_of(points[:, [0, 1, 2]] * [-1, 1, 1], topology, embedding)
    assert (landmark_warp(away, embedding, landmarks, SETTINGS) == 0).all()


def test_sample_keeps_our_pixel_convention() -> None:
    image = np.arange(12, dtype=np.float32).reshape(3, 4)
    y, x = np.mgrid[:3, :4] + 0.5
    np.testing.assert_allclose(sample(image, np.stack([x, y], -1)), image, atol=1e-5)
    many = np.tile([[1.5, 1.5]], (70_000, 1))  # more than OpenCV allows in a row
    np.testing.assert_allclose(sample(image, many), image[1, 1], atol=1e-5)
    np.testing.assert_allclose(sample(image, np.array([[-9.0, 0.5]])), image[0, 0])
