"""The rasteriser against closed forms: coverage, hidden surfaces, perspective, odd input."""

from __future__ import annotations

import time

import numpy as np
import pytest
from facewright.mesh.raster import interpolate, rasterise


def brute_force(points, depth, triangles, width, height):
    """Every pixel against every triangle by edge functions; returns depth and the count of triangles per pixel."""
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    nearest = np.full((height, width), np.inf)
    count = np.zeros((height, width), dtype=int)
    for a, b, c in triangles:
        (ax, ay), (bx, by), (cx, cy) = points[[a, b, c]]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0:
            continue
        b1 = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area
        b2 = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area
        inside = (b1 >= 0) & (b2 >= 0) & (b1 + b2 <= 1)
        z = 1 / ((1 - b1 - b2) / depth[a] + b1 / depth[b] + b2 / depth[c])
        count += inside
        nearest = np.where(inside & (z < nearest), z, nearest)
    return nearest, count


def grid(n, width, height, seed=0, jitter=0.35):
    """(n + 1)^2 jittered points over the whole image and beyond, in 2 n^2 triangles of either diagonal."""
    rng = np.random.default_rng(seed)
    u, v = np.meshgrid(np.linspace(-0.1, 1.1, n + 1), np.linspace(-0.1, 1.1, n + 1))
    points = np.stack([u * width, v * height], -1).reshape(-1, 2)
    points += rng.uniform(-jitter, jitter, points.shape) * np.array([width, height]) / n
    i = np.arange(n * (n + 1)).reshape(n, n + 1)[:, :n].ravel()
    a, b, c, d = i, i + 1, i + n + 2, i + n + 1
    flip = rng.random(len(a)) < 0.5
    first = np.where(flip[:, None], np.stack([a, b, c], 1), np.stack([a, b, d], 1))
    second = np.where(flip[:, None], np.stack([a, c, d], 1), np.stack([b, c, d], 1))
    return points, np.concatenate([first, second])


@pytest.mark.parametrize("seed", range(4))
def test_a_sheet_has_no_cracks_and_no_double_pixels(seed: int) -> None:
    points, triangles = grid(40, 160, 120, seed)
    ones = np.ones(len(points))
    whole = rasterise(points, ones, triangles, 160, 120)
    assert (whole.triangle >= 0).all()
    # Each pixel belongs to exactly one triangle: drawn one by one, the areas add up to the image.
    single = sum(
        (rasterise(points, ones, triangles[k : k + 1], 160, 120).triangle >= 0).astype(int)
        for k in range(len(triangles))
    )
    assert (single == 1).all()


def test_vertices_on_pixel_centres_stay_watertight() -> None:
    x, y = np.meshgrid(np.arange(9) + 0.5, np.arange(9) + 0.5)
    points = np.stack([x, y], -1).reshape(-1, 2)
    i = np.arange(8 * 9).reshape(8, 9)[:, :8].ravel()
    triangles = np.concatenate([np.stack([i, i + 1, i + 10], 1), np.stack([i, i + 10, i + 9], 1)])
    drawn = [rasterise(points, np.ones(81), t[None], 10, 10).triangle >= 0 for t in triangles]
    count = np.sum(drawn, axis=0)
    assert (count[:8, :8] == 1).all()
    assert count.sum() == 64  # half open: the last row and column belong to nobody


@pytest.mark.parametrize("seed", range(3))
def test_hidden_surfaces_against_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.uniform(-10, 70, (90, 2))
    depth = rng.uniform(1, 10, 90)
    triangles = rng.integers(0, 90, (60, 3))
    raster = rasterise(points, depth, triangles, 60, 50)
    nearest, count = brute_force(points, depth, triangles, 60, 50)
    # No pixel centre lies on an edge (random reals), so coverage and depth must agree everywhere.
    assert ((raster.triangle >= 0) == (count > 0)).all()
    np.testing.assert_allclose(raster.depth, nearest.astype(np.float32), rtol=2e-6)


def test_perspective_correct_interpolation() -> None:
    # A plane in space seen at a slant: position at each pixel must be where the ray meets the plane.
    rng = np.random.default_rng(1)
    xy = rng.uniform(-1, 1, (60, 2))
    from scipy.spatial import Delaunay

    triangles = Delaunay(xy).simplices
    z = 3.0 + 1.2 * xy[:, 0] - 0.5 * xy[:, 1]
    world = np.column_stack([xy, z])
    f = 90.0
    points = np.column_stack([50 + f * world[:, 0] / z, 40 + f * world[:, 1] / z])
    raster = rasterise(points, z, triangles, 100, 80)
    seen = raster.triangle >= 0
    assert seen.sum() > 800
    position = interpolate(raster, triangles, world, background=np.nan)[seen]
    rows, columns = np.nonzero(seen)
    ray = np.column_stack([(columns + 0.5 - 50) / f, (rows + 0.5 - 40) / f, np.ones(len(rows))])
    t = 3.0 / (1.0 - 1.2 * ray[:, 0] + 0.5 * ray[:, 1])
    np.testing.assert_allclose(position, ray * t[:, None], atol=2e-5)
    np.testing.assert_allclose(raster.barycentric[seen].sum(1), 1.0, atol=1e-6)
    assert raster.barycentric.min() >= 0
    assert np.isnan(interpolate(raster, triangles, world[:, 0], background=np.nan)[~seen]).all()


def test_culling_keeps_what_faces_the_camera() -> None:
    # Counter-clockwise with y up is what faces us; in pixels y is down.
    facing = np.array([[2.0, 18], [18, 18], [10, 2]])
    depth = np.full(3, 5.0)
    for triangle, seen in (([0, 1, 2], True), ([0, 2, 1], False)):
        raster = rasterise(facing, depth, np.array([triangle]), 20, 20, cull_back=True)
        assert (raster.triangle >= 0).any() == seen


def test_behind_the_camera_and_not_finite_are_dropped() -> None:
    points = np.array([[0.0, 0], [30, 0], [0, 30], [np.nan, 0], [1e300, 5]])
    depth = np.array([1.0, 1, 1, 1, 1])
    assert (rasterise(points, np.array([1.0, 1, -2, 1, 1]), np.array([[0, 1, 2]]), 20, 20).triangle == -1).all()
    assert (rasterise(points, depth, np.array([[0, 1, 3]]), 20, 20).triangle == -1).all()
    with np.errstate(over="ignore", invalid="ignore"):
        rasterise(points, depth, np.array([[0, 1, 4]]), 20, 20)  # absurd, but must not raise
    empty = rasterise(points, depth, np.zeros((0, 3), dtype=int), 20, 20)
    assert np.isinf(empty.depth).all() and (empty.barycentric == 0).all()


def test_ties_go_to_the_lower_index_and_degenerates_draw_nothing() -> None:
    points = np.array([[1.0, 1], [19, 1], [1, 19]])
    same = rasterise(points, np.ones(3), np.array([[0, 1, 2], [1, 2, 0]]), 20, 20)
    assert set(np.unique(same.triangle)) == {-1, 0}
    line = np.array([[1.0, 1], [10, 10], [19, 19]])
    assert (rasterise(line, np.ones(3), np.array([[0, 1, 2], [0, 0, 2]]), 20, 20).triangle == -1).all()


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="points"):
        rasterise(np.zeros((3, 3)), np.ones(3), np.zeros((1, 3), int), 4, 4)
    with pytest.raises(ValueError, match="triangles"):
        rasterise(np.zeros((3, 2)), np.ones(3), np.zeros((1, 4), int), 4, 4)
    with pytest.raises(ValueError, match="pixels"):
        rasterise(np.zeros((3, 2)), np.ones(3), np.zeros((1, 3), int), 0, 4)


def test_ninety_thousand_triangles_take_a_quarter_of_a_second() -> None:
    points, triangles = grid(212, 800, 800, 5)
    assert len(triangles) > 89_000
    seconds = []
    for _ in range(4):
        start = time.process_time()  # one thread: what others do on the machine does not count
        rasterise(points, np.ones(len(points)), triangles, 800, 800)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.25, seconds
