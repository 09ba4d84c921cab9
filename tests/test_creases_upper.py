"""Crease sets of the upper face: where they are and which expressions make them appear."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.displacement.crease_set import CreaseSet
from facewright.displacement.creases_eyes import FAN_CENTRE
from facewright.displacement.creases_upper import FROWN_GAP_MM, upper_creases
from facewright.displacement.map_quality import valleys
from facewright.displacement.mechanics import crease_depths, line_relief
from facewright.face_model.key_expressions import KEY_EXPRESSION_NAMES
from mechanics_heads import ground_of

SEED = 100
NAMES = {"forehead", "forehead_fine", "glabella", "glabella_fine", "nasion"} | {
    f"{name}_{side}"
    for side in ("left", "right")
    for name in ("crows_feet", "crows_feet_fine", "under_eye", "lid_furrow", "bunny")
}


@pytest.fixture(scope="module")
def sets() -> dict[str, CreaseSet]:
    return {lines.name: lines for lines in upper_creases(ground_of(SEED))}


@pytest.fixture(scope="module")
def places() -> np.ndarray:
    """(S, S, 3) canonical mm."""
    ground = ground_of(SEED)
    everywhere = slice(0, ground.size)
    return ground.frame.texels_of_vertices(ground.canonical, everywhere, everywhere, ground.size)


def test_all_sets_fade_out_inside_their_crop(sets: dict[str, CreaseSet]) -> None:
    assert set(sets) == NAMES
    for name, lines in sets.items():
        border = np.concatenate([lines.mask[0], lines.mask[-1], lines.mask[:, 0], lines.mask[:, -1]])
        assert border.max() < 0.05, name
        assert lines.mask.min() >= 0.0 and lines.mask.max() > 0.05, name
        for field in (lines.phase, lines.along_mm, lines.depth, lines.wavelength_mm, lines.direction):
            assert np.isfinite(field).all(), name
            assert field.dtype == np.float32, name


@pytest.mark.parametrize(
    ("name", "shown", "hidden"),
    [
        ("forehead", "brow_raiser", "smile"),
        ("forehead", "sadness", "brow_lower"),
        ("glabella", "anger", "brow_raiser"),
        ("glabella", "brow_lower", "smile"),
        ("crows_feet_left", "smile", "brow_raiser"),
        ("crows_feet_right", "grin", "jaw_forward"),
        ("under_eye_left", "smile", "lip_funneler"),
        ("bunny_left", "anger", "lip_roll"),
    ],
)
def test_expressions_that_make_them(sets: dict[str, CreaseSet], name: str, shown: str, hidden: str) -> None:
    depth = crease_depths(ground_of(SEED), [sets[name]])[0].max((1, 2))
    keys = KEY_EXPRESSION_NAMES[1:]
    assert depth[keys.index(shown)] > 0.05
    assert depth[keys.index(hidden)] < 0.5 * depth[keys.index(shown)]


def test_crows_feet_point_at_the_corner_of_the_eye(sets: dict[str, CreaseSet], places: np.ndarray) -> None:
    """Seen from the side, where the fan is laid out: phase hardly changes along a ray from its centre."""
    lines = sets["crows_feet_left"]
    at = places[lines.rows, lines.columns]
    x, y = at[..., 0] - FAN_CENTRE[0], at[..., 1] - FAN_CENTRE[1]
    inside = lines.mask > 0.5
    # Lines leave the centre: within the mask they cover the angles of a fan, some lines of it.
    assert 3.0 <= np.ptp(lines.phase[inside]) <= 8.0
    angle, radius = np.degrees(np.arctan2(y, x)), np.hypot(x, y)
    design = np.stack([angle[inside], radius[inside], np.ones(inside.sum())], 1)
    slopes = np.linalg.lstsq(design, lines.phase[inside], rcond=None)[0]
    assert slopes[0] > 0.05
    assert abs(slopes[1]) * 10.0 < 5.0 * slopes[0]


def test_two_frown_lines_with_a_ridge_between(sets: dict[str, CreaseSet], places: np.ndarray) -> None:
    lines = sets["glabella"]
    height, at = line_relief(lines), places[lines.rows, lines.columns]
    row = int(np.abs(at[:, at.shape[1] // 2, 1] - 19.0).argmin())
    found = at[row, valleys(height[row], 0.4), 0]
    assert len(found) == 2
    assert found[0] < -2.0 and found[1] > 2.0
    assert 0.6 * FROWN_GAP_MM < found[1] - found[0] < 1.5 * FROWN_GAP_MM


def test_forehead_lines_begin_above_the_brows_and_end_below_the_hairline(
    sets: dict[str, CreaseSet], places: np.ndarray
) -> None:
    lines = sets["forehead"]
    at = places[lines.rows, lines.columns][lines.mask > 0.3]
    assert at[:, 1].min() > 26.0 and at[:, 1].max() < 80.0
    assert np.abs(at[:, 0]).max() < 62.0
