"""Crease sets of the lower face: where they are, what makes them appear, that lips and slits stay free."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.displacement.crease_ground import SkinGround
from facewright.displacement.crease_set import CreaseSet
from facewright.displacement.creases_lower import LIP_EDGE, NASOLABIAL, STYLES, lower_creases
from facewright.displacement.mechanics import crease_depths, dynamic_maps
from facewright.displacement.settings import SkinSettings
from facewright.face_model.key_expressions import KEY_EXPRESSION_NAMES
from facewright.face_model.load import built_in_path, load_face_model
from facewright.mesh.texel_map import uv_sampler

SIZE = 512


@pytest.fixture(scope="module")
def ground() -> SkinGround:
    model = load_face_model(built_in_path())
    head = model.head(np.random.default_rng(5).normal(0.0, 0.8, model.identity_dims))
    return SkinGround.of(
        model.topology, head.neutral, head.blendshapes, model.blendshape_names, SIZE, SkinSettings(age=0.7, seed=2)
    )


@pytest.fixture(scope="module")
def sets(ground: SkinGround) -> dict[str, CreaseSet]:
    return {lines.name: lines for lines in lower_creases(ground)}


@pytest.fixture(scope="module")
def places() -> np.ndarray:
    """(S, S, 3) canonical mm."""
    model = load_face_model(built_in_path())
    return uv_sampler(model.topology, "skin", SIZE).image(model.neutral(np.zeros(model.identity_dims)))


def _depths(ground: SkinGround, lines: CreaseSet) -> dict[str, float]:
    """Greatest displacement by a set in each key expression, mm."""
    maps = np.abs(dynamic_maps(ground, [lines], crease_depths(ground, [lines])))
    return dict(zip(KEY_EXPRESSION_NAMES[1:], maps.max((1, 2)).tolist(), strict=True))


def test_all_sets_with_their_styles(sets: dict[str, CreaseSet]) -> None:
    sided = [f"{name}_{side}" for side in ("left", "right") for name in ("nasolabial", "cheek", "marionette")]
    assert set(sets) == {*sided, "perioral", "lips", "mentolabial", "chin", "neck"}
    for name, lines in sets.items():
        assert lines.style is STYLES[name.removesuffix("_left").removesuffix("_right")]
        assert lines.mask.max() > 0.5, name
        border = np.concatenate([lines.mask[0], lines.mask[-1], lines.mask[:, 0], lines.mask[:, -1]])
        assert border.max() < 0.2, f"{name} is cut off where it still shows"
        for field in (lines.phase, lines.depth, lines.wavelength_mm, lines.direction):
            assert np.isfinite(field).all()


def test_folds_run_along_their_curve(sets: dict[str, CreaseSet], places: np.ndarray) -> None:
    """The deepest line of the nasolabial fold lies within 1 mm of the curve, on either side of the face."""
    for word, sign in (("left", 1.0), ("right", -1.0)):
        lines = sets[f"nasolabial_{word}"]
        valley = (np.abs(lines.phase) < 0.03) & (lines.mask > 0.6)
        at = places[lines.rows, lines.columns][valley] * [sign, 1.0, 1.0]
        assert valley.sum() > 20
        assert at[:, 0].min() > 15.0, "on the right side of the face"
        knots = np.array(NASOLABIAL)
        expected = np.interp(-at[:, 1], -knots[:, 1], knots[:, 0])
        assert np.abs(at[:, 0] - expected).max() < 1.5


def test_muscles_that_make_them(ground: SkinGround, sets: dict[str, CreaseSet]) -> None:
    fold = _depths(ground, sets["nasolabial_left"])
    assert fold["smile"] > 0.3
    assert fold["grin"] > 0.3
    assert fold["brow_raiser"] < 0.01
    assert fold["eye_closed"] < 0.01
    chin = _depths(ground, sets["chin"])
    assert chin["chin_raiser"] > 0.1
    assert chin["anger"] > 0.5 * chin["chin_raiser"] > chin["smile"]
    assert chin["brow_raiser"] == chin["mouth_left"] == 0.0
    mouth = _depths(ground, sets["perioral"])
    assert mouth["lip_puckerer"] > 0.05
    assert mouth["brow_lower"] < 0.01
    assert _depths(ground, sets["mentolabial"])["chin_raiser"] > 0.2
    assert _depths(ground, sets["neck"])["mouth_stretch"] > 0.05


def test_age_deepens_parentheses_more_than_the_fold(ground: SkinGround, sets: dict[str, CreaseSet]) -> None:
    settings = SkinSettings(age=0.1, seed=2)
    assert settings.gain("x", STYLES["cheek"]) / ground.settings.gain("x", STYLES["cheek"]) < 0.6 * (
        settings.gain("x", STYLES["chin"]) / ground.settings.gain("x", STYLES["chin"])
    )


def test_lips_and_slits_stay_free(ground: SkinGround, sets: dict[str, CreaseSet], places: np.ndarray) -> None:
    """At most 5 um within 1 mm of the lips' slit; on the red nothing but its own shallow grooves."""
    every = list(sets.values())
    maps = dynamic_maps(ground, every, crease_depths(ground, every))
    model = load_face_model(built_in_path())
    near = uv_sampler(model.topology, "skin", SIZE).image(ground.frame.lip_mm) < 1.0
    assert near.sum() > 50
    assert np.abs(maps[:, near]).max() < 0.005
    others = [lines for name, lines in sets.items() if name != "lips"]
    maps = dynamic_maps(ground, others, crease_depths(ground, others))
    edge = np.array(LIP_EDGE)
    x, y = np.abs(places[..., 0]), places[..., 1]
    red = (y < np.interp(x, edge[:, 0], edge[:, 1]) - 0.5) & (y > np.interp(x, edge[:, 0], edge[:, 2]) + 0.5)
    red &= (x < 20.0) & (places[..., 2] > 10.0)
    assert red.sum() > 200
    assert np.abs(maps[:, red]).max() < 0.03


def test_deterministic_and_irregular(ground: SkinGround, sets: dict[str, CreaseSet]) -> None:
    for lines in lower_creases(ground):
        np.testing.assert_array_equal(lines.phase, sets[lines.name].phase)
        np.testing.assert_array_equal(lines.depth, sets[lines.name].depth)
    height = min(sets[f"nasolabial_{word}"].depth.shape[0] for word in ("left", "right"))
    spread = [np.std(sets[f"cheek_{word}"].depth) for word in ("left", "right")]
    assert height > 40
    assert min(spread) > 0.1
    assert spread[0] != spread[1], "both sides are irregular in ways of their own"
