"""Light from skin: closed forms of harmonics and transfer, known light found again."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.evaluation.pseudo.lighting import (
    LightingSettings,
    fit_lighting,
    open_transfer,
    shadowed_transfer,
    shine_lobes,
    sphere_directions,
    spherical_harmonics,
)

# A window at the upper left, warm, over a dim room: DC, y, z, x, then band 2.
KNOWN = np.array(
    [
        [1.6, 1.2, 0.9], [0.30, 0.28, 0.26], [0.50, 0.38, 0.30], [-0.40, -0.30, -0.20], [0.05, 0.04, 0.03],
        [0.06, 0.05, 0.05], [0.10, 0.06, 0.04], [-0.08, -0.06, -0.05], [0.04, 0.03, 0.02],
    ]
)  # fmt: skip


def frontal(count: int) -> np.ndarray:
    """Normals of what a camera sees of a ball."""
    normals = sphere_directions(2 * count)
    return normals[normals[:, 2] > 0.1]


def test_harmonics_are_orthonormal() -> None:
    values = spherical_harmonics(sphere_directions(20000))
    gram = values.T @ values * (4.0 * np.pi / 20000)
    np.testing.assert_allclose(gram, np.eye(9), atol=2e-3)


def test_transfer_of_uniform_and_of_distant_light() -> None:
    normals = frontal(200)
    # Radiance 1 from everywhere: L = sqrt(4 pi) in band 0, and white skin sends 1 back.
    uniform = np.zeros(9)
    uniform[0] = np.sqrt(4.0 * np.pi)
    np.testing.assert_allclose(open_transfer(normals) @ uniform, 1.0, atol=1e-12)
    # One lamp above, L = Y(up): bands 0 to 2 of the clamped cosine, 1/4 + cos/2 + 5/32 (3 cos^2 - 1), over pi.
    up = np.array([0.0, 1.0, 0.0])
    cosine = normals @ up
    expected = (0.25 + 0.5 * cosine + 5.0 / 32.0 * (3.0 * cosine**2 - 1.0)) / np.pi
    np.testing.assert_allclose(open_transfer(normals) @ spherical_harmonics(up), expected, atol=1e-12)


def test_a_wall_hides_half_of_the_sky() -> None:
    """A floor beside an endless wall sees half of the sky; what the wall hides, it gives back by the bounce."""
    far = 1e4
    vertices = np.array([[0.0, 0.0, 0.0], [0.0, -far, -far], [0.0, -far, far], [0.0, far, far], [0.0, far, -far]])
    triangles = np.array([[1, 2, 3], [1, 3, 4]])  # in the plane x = 0, turned to +x
    vertices[0] = [0.01, 0.0, 0.0]
    normals = np.tile([0.0, 1.0, 0.0], (5, 1))
    uniform = np.zeros(9)
    uniform[0] = np.sqrt(4.0 * np.pi)
    place = np.array([0])
    dark = shadowed_transfer(vertices, triangles, normals, place, LightingSettings(bounce=0.0))
    assert dark[0] @ uniform == pytest.approx(0.5, abs=0.02)
    lit = shadowed_transfer(vertices, triangles, normals, place, LightingSettings(bounce=0.4))
    assert lit[0] @ uniform == pytest.approx(0.5 + 0.5 * 0.4, abs=0.02)


def test_a_ball_hides_nothing_from_itself() -> None:
    points = sphere_directions(400)
    from scipy.spatial import ConvexHull

    hull = ConvexHull(points).simplices
    outward = np.cross(points[hull[:, 1]] - points[hull[:, 0]], points[hull[:, 2]] - points[hull[:, 0]])
    flip = np.einsum("tk,tk->t", outward, points[hull[:, 0]]) < 0
    hull[flip] = hull[flip][:, ::-1]
    found = shadowed_transfer(80.0 * points, hull, points, np.arange(400))
    np.testing.assert_allclose(found, open_transfer(points), atol=1e-12)


def test_known_light_is_found_under_stubble_and_spots() -> None:
    rng = np.random.default_rng(0)
    normals = frontal(2000)
    views = np.tile([0.0, 0.0, 1.0], (len(normals), 1))
    transfer = open_transfer(normals)
    colours = transfer @ KNOWN * np.exp(0.03 * rng.standard_normal((len(normals), 1)))
    colours[rng.random(len(normals)) < 0.15] *= 0.35
    found = fit_lighting(transfer, colours, np.ones(len(normals)), normals, views)
    clean = transfer @ KNOWN
    relative = np.abs(found.diffuse(transfer) / clean - 1.0)
    assert np.median(relative) < 0.02
    assert np.quantile(relative, 0.99) < 0.08
    # Band 1 of KNOWN by luminance, 0.2126 R + 0.7152 G + 0.0722 B: y 0.2828, z 0.3997, x -0.3140.
    main = np.array([-0.3140, 0.2828, 0.3997]) / np.linalg.norm([-0.3140, 0.2828, 0.3997])
    assert found.main_direction() @ main > np.cos(np.radians(6.0))
    # Stubble is no highlight.
    assert found.highlights(normals, views).max() < 0.02


def test_highlights_are_told_from_diffuse_light() -> None:
    normals = frontal(2000)
    views = np.tile([0.0, 0.0, 1.0], (len(normals), 1))
    transfer = open_transfer(normals)
    lamp = np.array([[-0.5, 0.6, np.sqrt(1.0 - 0.61)]])
    shine = 0.03 * shine_lobes(normals, views, lamp, (40.0,))[:, 0, 0]
    colours = transfer @ KNOWN + shine[:, None]
    found = fit_lighting(transfer, colours, np.ones(len(normals)), normals, views)
    again = found.highlights(normals, views)
    assert np.corrcoef(again, shine)[0, 1] > 0.9
    brightest = normals[again.argmax()]
    assert brightest @ normals[shine.argmax()] > np.cos(np.radians(10.0))


def test_no_skin_no_light() -> None:
    normals = frontal(10)
    with pytest.raises(ValueError, match="no skin"):
        fit_lighting(open_transfer(normals), np.ones((len(normals), 3)), np.zeros(len(normals)), normals, normals)
