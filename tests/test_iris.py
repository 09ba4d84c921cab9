"""Iris colours from drawn eyes with known colours, and from real ones."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from facewright.errors import MissingDependency
from facewright.photo.landmark_sets import LEFT_EYE_LOOP, LEFT_IRIS, RIGHT_EYE_LOOP, RIGHT_IRIS
from facewright.photo.landmarks import LandmarkDetector
from facewright.texture.iris import TYPICAL_BROWN, eye_colours

PHOTOS = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "photos"
WHITE = np.array([196, 186, 181])


def drawn_eyes(colour, white=WHITE, radius: float = 14.0, opening: float = 0.8):
    """A photo with two eyes: whites, irises of ``colour``, pupils, a highlight each; and its landmarks."""
    photo = np.full((200, 400, 3), (190, 150, 130), np.uint8)
    landmarks = np.zeros((478, 3))
    for centre, iris, loop in (((120, 100), RIGHT_IRIS, RIGHT_EYE_LOOP), ((280, 100), LEFT_IRIS, LEFT_EYE_LOOP)):
        angle = np.pi + np.arange(16) / 16 * 2 * np.pi
        half = np.array([2.6 * radius, opening * radius])
        outline = np.array(centre) + np.stack([np.cos(angle), np.sin(angle)], 1) * half
        landmarks[list(loop), :2] = outline
        ring = [(0, 0), (radius, 0), (0, -radius), (-radius, 0), (0, radius)]
        landmarks[list(iris), :2] = np.array(centre) + ring
        eye = np.zeros(photo.shape[:2], np.uint8)
        cv2.fillPoly(eye, [np.round(outline).astype(np.int32)], 1)
        inside = np.zeros_like(photo)
        inside[:] = white
        cv2.circle(inside, centre, round(radius), [int(v) for v in colour], -1)
        cv2.circle(inside, centre, round(0.4 * radius), (8, 8, 8), -1)
        cv2.circle(inside, (centre[0] + 6, centre[1] - 5), round(0.22 * radius), (255, 255, 255), -1)
        photo[eye > 0] = inside[eye > 0]
    return photo, landmarks


@pytest.mark.parametrize("colour", [(96, 66, 48), (110, 140, 170), (120, 130, 90), (60, 40, 30)])
@pytest.mark.parametrize("radius", [6.0, 14.0])
def test_known_colours(colour, radius: float) -> None:
    found = eye_colours(*drawn_eyes(colour, radius=radius))
    assert found.pixels > 12
    assert np.abs(found.iris.astype(int) - colour).max() <= 8
    assert found.light > 0.95


def test_the_whites_tell_how_dark_it_is() -> None:
    lit = eye_colours(*drawn_eyes((110, 140, 170)))
    photo, landmarks = drawn_eyes((110, 140, 170))
    # Two thirds of the light: linear values scaled, back to sRGB.
    linear = np.where(photo <= 10, photo / 255 / 12.92, ((photo / 255 + 0.055) / 1.055) ** 2.4) * 0.66
    dim = np.round((1.055 * np.maximum(linear, 1e-6) ** (1 / 2.4) - 0.055).clip(0, 1) * 255).astype(np.uint8)
    found = eye_colours(dim, landmarks)
    assert np.abs(found.iris.astype(int) - lit.iris).max() <= 8
    assert 0.8 < found.light < 0.97


def test_half_closed_eyes_are_enough_and_closed_ones_are_said_to_be() -> None:
    colour = (110, 140, 170)
    half = eye_colours(*drawn_eyes(colour, opening=0.45))
    assert np.abs(half.iris.astype(int) - colour).max() <= 10
    shut = eye_colours(*drawn_eyes(colour, opening=0.02))
    assert shut.pixels == 0 and tuple(shut.iris) == TYPICAL_BROWN


def test_eyes_outside_the_photo() -> None:
    photo, landmarks = drawn_eyes((110, 140, 170))
    landmarks[:, 0] += 1000
    assert eye_colours(photo, landmarks).pixels == 0


@pytest.mark.parametrize("name", ["astronaut.png", "president_44.jpg"])
def test_brown_eyes_of_portraits(name: str) -> None:
    path = PHOTOS / name
    if not path.is_file():
        pytest.skip("real photos are not part of the repository")
    photo = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    try:
        landmarks = LandmarkDetector().faces(photo)[0].landmarks
    except MissingDependency as error:
        pytest.skip(f"the landmark networks are not here: {error}")
    found = eye_colours(photo, landmarks)
    red, green, blue = (int(v) for v in found.iris)
    assert found.pixels > 12 and red > green and red > blue + 10 and 40 < red < 140
