"""Skin or not: colours by construction, places on real portraits by eye."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from facewright.errors import MissingDependency
from facewright.photo.landmarks import LandmarkDetector
from facewright.texture.skin_mask import SkinMask, SkinMaskSettings, SkinModel, lip_colour, polygon_mask, skin_mask

SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
SETTINGS = SkinMaskSettings()


def test_shadow_and_gloss_are_skin_other_hues_are_not() -> None:
    tone = np.array([0.80, 0.62, 0.52])
    model = SkinModel(np.array([68.4, 13.9, 18.5]), np.eye(2) / 3.5**2, SETTINGS.lightness_sd, tone)
    shadow, gloss = tone * 0.6, 0.7 * tone + 0.3
    for skin in (tone, shadow, gloss):
        assert model.likelihood(np.array([[skin]], np.float32))[0, 0] > 0.5
    for other in ([0.2, 0.4, 0.8], [0.1, 0.07, 0.05], [0.8, 0.65, 0.30], [0.3, 0.6, 0.3]):
        assert model.likelihood(np.array([[other]], np.float32))[0, 0] < 0.4


def test_polygons_cover_pixel_centres() -> None:
    square = np.array([[2.0, 3], [7, 3], [7, 9], [2, 9]])
    mask = polygon_mask((12, 10), square)
    assert mask[3:9, 2:7].all() and mask.sum() <= 7 * 6


def mask_of(path: Path) -> tuple[np.ndarray, np.ndarray, SkinMask]:
    if not path.is_file():
        pytest.skip(f"{path} is not part of the repository")
    photo = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    try:
        landmarks = LandmarkDetector().faces(photo)[0].landmarks[:, :2]
    except MissingDependency as error:
        pytest.skip(f"the landmark networks are not here: {error}")
    low, high = landmarks[:468].min(0), landmarks[:468].max(0)
    margin = 0.6 * (high - low).max()
    x0, y0 = np.maximum(low - [margin, 1.5 * margin], 0).astype(int)
    x1, y1 = np.minimum(high + margin, photo.shape[1::-1]).astype(int)
    pixels, points = photo[y0:y1, x0:x1], landmarks - [x0, y0]
    # Where the head is: a disc around the face is enough here.
    y, x = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    middle, radius = points[:468].mean(0), 0.75 * (high - low).max()
    head = np.hypot(x - middle[0], y - middle[1]) < radius
    return pixels, points, skin_mask(pixels, points, head, SETTINGS)


def at(mask: np.ndarray, points: np.ndarray, landmark: int, up: float = 0.0) -> float:
    """The mask at a landmark, moved up by a part of the face's height."""
    place = points[landmark] + up * (points[10] - points[152])
    row, column = int(np.clip(place[1], 0, mask.shape[0] - 1)), int(np.clip(place[0], 0, mask.shape[1] - 1))
    return float(mask[row, column])


@pytest.mark.parametrize(
    "name",
    ["photos/astronaut.png", "photos/president_44.jpg", "photos/president_46.jpg"]
    + [f"heads_dev/dev{k:02d}_0/image.png" for k in (0, 2, 4, 6)],
)
def test_portraits(name: str) -> None:
    _, points, found = mask_of(SHARED / name)
    mask = found.mask
    for landmark in (4, 101, 330, 205, 425, 200, 199):  # nose, cheeks, beside the mouth, chin
        assert at(mask, points, landmark) > 0.6, landmark
    assert at(mask, points, 10, up=0.32) < 0.05  # the crown: hair in all of these
    assert at(mask, points, 152, up=-0.35) < 0.05  # below the chin: neck or collar
    for openings in (points[[33, 133]].mean(0), points[[362, 263]].mean(0)):
        assert mask[int(openings[1]), int(openings[0])] < 0.3  # eyes
    assert mask[0].max() < 0.05 and mask[:, 0].max() < 0.05 and mask[:, -1].max() < 0.05
    assert 0.4 < found.model.tone[0] / found.model.tone.sum() * 1.2 < 0.8  # skin is reddish on everybody


def test_a_fringe_is_not_forehead_and_takes_the_brow_with_it() -> None:
    _, points, found = mask_of(SHARED / "heads_dev" / "dev04_0" / "image.png")
    hidden, bare = at(found.mask, points, 105), at(found.mask, points, 334)
    assert min(hidden, bare) < 0.1 < 0.5 < max(hidden, bare)


def test_the_same_twice() -> None:
    pixels, points, found = mask_of(SHARED / "photos" / "astronaut.png")
    head = np.ones(pixels.shape[:2], bool)
    again = [skin_mask(pixels, points, head, SETTINGS).mask for _ in range(2)]
    np.testing.assert_array_equal(again[0], again[1])
    lips = lip_colour(pixels, points, found.model)
    assert lips[0] > lips[1] + 20 and lips[0] > lips[2] + 20
