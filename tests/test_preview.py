"""The preview sheet: its layout, that it shows what it is given, that shading and overlay do what they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from facewright.fitting.camera import Camera
from facewright.head import preview as preview_module
from facewright.head.overlay import draw_mesh_on_photo, photo_crop
from facewright.head.preview import PhotoView, PreviewSettings, render_preview
from facewright.head.shading import EYE, SKIN, Studio, Surface, TextureSet, see, shade, to_srgb
from facewright.mesh.normals import vertex_normals
from small_head import NAMES, landmarks68, small_head

SETTINGS = PreviewSettings(width=640, view_height=180, expression_height=100, threads=1)
SKIN_RGB = (60, 160, 70)  # green skin cannot be confused with anything else on the sheet


def _photo() -> PhotoView:
    pixels = np.full((300, 240, 3), (20, 20, 90), np.uint8)
    camera = Camera.centred((240, 300), 420.0)
    return PhotoView(pixels, camera, np.eye(3), np.array([0.0, 0.0, -700.0]), np.zeros(len(NAMES)))


def _textures(skin: tuple[int, int, int] = SKIN_RGB) -> dict[str, np.ndarray]:
    colours = {"skin": skin, "eye": (230, 230, 230), "teeth": (220, 215, 200), "mouth": (150, 60, 60)}
    return {name: np.full((128, 128, 3), rgb, np.uint8) for name, rgb in colours.items()}


def _render(
    settings: PreviewSettings = SETTINGS, names: tuple[str, ...] = NAMES, **textures: tuple[int, int, int]
) -> np.ndarray:
    topology, head = small_head(48)
    places = landmarks68(topology, head)
    return render_preview(_photo(), topology, head, names, places, _textures(**textures), settings)


@pytest.fixture
def captions(monkeypatch: pytest.MonkeyPatch) -> None:
    row = (("jaw open", {"jawOpen": 1.0}), ("absent", {"mouthSmileLeft": 1.0}))
    monkeypatch.setattr(preview_module, "EXPRESSIONS", row)


def test_sheet(captions: None) -> None:
    sheet = _render()
    height = 2 * SETTINGS.margin + 2 * 180 + 100 + 2 * SETTINGS.gap
    assert sheet.shape == (height, 640, 3)
    assert sheet.dtype == np.uint8
    np.testing.assert_array_equal(sheet[2, 2], SETTINGS.page)
    width = (640 - 2 * SETTINGS.margin - 3 * SETTINGS.gap) // 4
    middle = [SETTINGS.margin + k * (width + SETTINGS.gap) + width // 2 for k in range(4)]
    upper, lower = SETTINGS.margin + 80, SETTINGS.margin + 180 + SETTINGS.gap + 80
    blue = sheet[upper, middle[0]].astype(int)
    assert blue[2] > blue[0] + 40, "the first cell is the photo"
    for column in middle[1:]:
        textured, clay = sheet[upper, column].astype(int), sheet[lower, column].astype(int)
        assert textured[1] > textured[0] + 30, "the upper row has the skin's colour"
        assert np.ptp(clay) < 14, "the lower row is grey"
    bottom = sheet[-SETTINGS.margin - 60, 320].astype(int)
    assert bottom[1] > bottom[0] + 20, "the only expression whose blendshapes exist fills the last row"


def test_same_input_same_bytes(captions: None) -> None:
    np.testing.assert_array_equal(_render(), _render(replace(SETTINGS, threads=2)))


def test_texture_reaches_the_picture(captions: None) -> None:
    red, green = _render(skin=(190, 40, 40)), _render()
    assert (red.astype(int) - green).reshape(-1, 3).max(0)[0] > 60


def test_head_without_known_expressions_has_no_third_row() -> None:
    sheet = _render(names=("one", "two"))
    assert sheet.shape[0] == 2 * SETTINGS.margin + 2 * 180 + SETTINGS.gap


def _seen(studio: Studio, yaw: float = 0.0):  # type: ignore[no-untyped-def]
    topology, head = small_head(48)
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    vertices = head.neutral @ turn.T - [0.0, 0.0, 900.0]
    normals = vertex_normals(head.neutral, topology.quads) @ turn.T
    camera = Camera.centred((200, 240), 700.0)
    return see(Surface.of(topology), vertices, normals, camera, studio), camera


def test_pixels_lie_on_the_surface() -> None:
    pixels, camera = _seen(Studio())
    np.testing.assert_allclose(np.linalg.norm(pixels.normal, axis=1), 1.0, atol=1e-5)
    rows, columns = np.divmod(pixels.place, camera.width)
    np.testing.assert_allclose(camera.project(pixels.position), np.stack([columns, rows], 1) + 0.5, atol=1e-2)
    skin = pixels.material == SKIN
    model = pixels.position[skin] + [0.0, 0.0, 900.0] - [0.0, -20.0, -70.0]
    np.testing.assert_allclose(np.linalg.norm(model / [75.0, 115.0, 92.0], axis=1), 1.0, atol=0.012)


def test_light_comes_from_the_key_side_and_cavities_are_darker() -> None:
    studio = Studio(fill=0.0, rim=0.0)
    pixels, camera = _seen(studio)
    light = shade(pixels, np.full((len(pixels.place), 3), 0.5, np.float32), studio)
    columns = pixels.place % camera.width
    skin = pixels.material == SKIN
    left, right = skin & (columns < 70), skin & (columns > 130)
    assert light[left].mean() > 1.2 * light[right].mean(), "the key light stands at the viewer's left"
    closed = shade(pixels._replace(openness=np.zeros_like(pixels.openness)), np.full_like(light, 0.5), studio)
    assert closed[skin].mean() < 0.6 * light[skin].mean()
    openness = pixels.openness[skin]
    assert openness.min() < 0.9 < np.median(openness), "skin beside the eyeballs is occluded, the rest is not"


def test_eyes_have_a_catch_light() -> None:
    studio = Studio()
    pixels, _ = _seen(studio)
    dark = np.zeros((len(pixels.place), 3), np.float32)
    light = shade(pixels, dark, studio)
    assert light[pixels.material == EYE].max() > 0.5 > light[pixels.material == SKIN].max()


def test_textures_are_sampled_where_uv_points() -> None:
    pixels, _ = _seen(Studio())
    image = np.zeros((256, 256, 3), np.uint8)
    image[..., 0] = np.arange(256)[None]  # u
    image[..., 1] = np.arange(256)[::-1, None]  # v, row 0 is the top
    colour = TextureSet({"skin": image}).sample(pixels, 1.0)
    skin = pixels.material == SKIN
    codes = to_srgb(colour[skin] * 0.6).astype(float)  # below the shoulder of the tone curve
    linear = ((np.clip(pixels.uv[skin] * 255, 0, 255) / 255 + 0.055) / 1.055) ** 2.4 * 0.6
    expected = 255 * (1.055 * linear ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(codes[:, :2], expected, atol=4.0)


def test_photo_crop_stays_inside_and_keeps_the_points() -> None:
    points = np.array([[300.0, 50.0], [420.0, 220.0]])
    left, top, scale = photo_crop(points, (640, 480), (200, 240))
    assert left >= 0
    assert top >= 0
    assert left + 200 / scale <= 640 + 1e-9
    inside = (points - [left, top]) * scale
    assert (inside >= 0).all()
    assert (inside <= [200, 240]).all()


def test_overlay_draws_where_the_head_is() -> None:
    topology, head = small_head(48)
    photo = _photo()
    crop, drawn = draw_mesh_on_photo(*photo, topology, head, (200, 250), -200.0)
    assert crop.shape == drawn.shape == (250, 200, 3)
    darker = crop.astype(float) * 0.86
    changed = np.abs(drawn - darker).max(2) > 12
    rows, columns = np.nonzero(changed)
    assert changed.mean() > 0.05
    vertices = head.neutral + photo.translation_mm
    projected = photo.camera.project(vertices)
    _, _, scale = photo_crop(projected, (240, 300), (200, 250))
    extent = np.ptp(projected, axis=0) * scale
    assert abs(np.ptp(columns) - extent[0]) < 6
    assert abs(np.ptp(rows) - extent[1]) < 6
