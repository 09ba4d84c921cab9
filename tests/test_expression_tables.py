"""The tables behind the Expressions panel: regions, sides, FACS, search, and how poses join. No bpy here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from facewright.face_model.base import ARKIT_NAMES
from facewright.face_model.key_expressions import KEY_EXPRESSION_NAMES

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # blender_addon from a checkout

from blender_addon.expressions.key_poses import POSES, STRONGEST, TIPS, label_of_pose, posed
from blender_addon.expressions.sides import (
    DIRECTIONS,
    FOLLOWER_OF,
    LEADER_OF,
    agreed,
    copied,
    mirror_name,
    mirrored,
)
from blender_addon.expressions.table import (
    REGION_OF,
    REGIONS,
    ROW_OF,
    describe,
    label_of,
    region_names,
    search,
)


def found(text: str) -> set[str]:
    return {name for region in search(text) for row in region.rows for name in row.names}


def test_every_blendshape_stands_in_one_row() -> None:
    listed = [name for region in REGIONS for row in region.rows for name in row.names]
    assert sorted(listed) == sorted(ARKIT_NAMES)
    assert set(region_names("ALL")) == set(ARKIT_NAMES)
    assert [region.label for region in REGIONS] == ["Eyes", "Brows", "Jaw", "Mouth", "Cheeks and Nose", "Tongue"]
    for name in ARKIT_NAMES:
        stem = {"EYES": "eye", "BROWS": "brow", "JAW": "jaw", "MOUTH": "mouth", "TONGUE": "tongue"}
        assert name.startswith(stem.get(REGION_OF[name], ("cheek", "nose"))), name


def test_a_row_holds_the_two_sides_of_one_movement() -> None:
    for region in REGIONS:
        assert len({row.label for row in region.rows}) == len(region.rows)
        for row in region.rows:
            if row.right:
                assert row.right.removesuffix("Right") == row.left.removesuffix("Left")
                assert row.names == (row.right, row.left)
            else:
                assert not row.left.endswith(("Left", "Right"))


@pytest.mark.parametrize(("name", "unit"), [
    ("browInnerUp", "1"), ("browOuterUpLeft", "2"), ("browDownRight", "4"), ("eyeWideLeft", "5"),
    ("cheekSquintLeft", "6"), ("noseSneerRight", "9"), ("mouthUpperUpLeft", "10"), ("mouthSmileLeft", "12"),
    ("mouthDimpleLeft", "14"), ("mouthFrownRight", "15"), ("mouthLowerDownLeft", "16"), ("mouthShrugLower", "17"),
    ("mouthPucker", "18"), ("mouthStretchLeft", "20"), ("mouthFunnel", "22"), ("mouthPressLeft", "24"),
    ("jawOpen", "26/27"), ("mouthRollUpper", "28"), ("jawForward", "29"), ("jawLeft", "30"),
    ("eyeBlinkLeft", "45"), ("mouthLeft", ""),
])  # fmt: skip
def test_action_units(name: str, unit: str) -> None:
    assert ROW_OF[name].unit == unit


def test_labels_fit_a_narrow_sidebar_and_say_what_they_are() -> None:
    for row in ROW_OF.values():
        assert len(label_of(row, facs=False)) <= 12 and len(label_of(row, facs=True)) <= 16, row
    smile = ROW_OF["mouthSmileLeft"]
    assert (label_of(smile, False), label_of(smile, True)) == ("Smile", "AU12 Smile")
    assert label_of(ROW_OF["mouthRight"], facs=True) == "Sideways"
    assert describe(smile) == (
        "Pulls the corner of the mouth up and back.\nARKit: mouthSmileRight and mouthSmileLeft\n"
        "FACS: AU12, Lip corner puller"
    )
    assert "FACS" not in describe(ROW_OF["mouthLeft"])


def test_search() -> None:
    assert found("") == set(ARKIT_NAMES)
    assert found("blink") == {"eyeBlinkLeft", "eyeBlinkRight"}
    assert found("mouthSmileLeft") == {"mouthSmileLeft", "mouthSmileRight"}  # rows stay whole
    assert found("AU12") == found("au 12") == found("lip CORNER pull") == found("smile")
    assert found("brow up") == {"browInnerUp", "browOuterUpLeft", "browOuterUpRight"}
    assert found("cheeks") == {name for name in ARKIT_NAMES if REGION_OF[name] == "CHEEKS_NOSE"}
    assert found("au62") == {name for name in ARKIT_NAMES if name.startswith(("eyeLookIn", "eyeLookOut"))}
    assert found("zygomatic") == set() and search("zygomatic") == ()


def test_mirror() -> None:
    assert all(mirror_name(mirror_name(name)) == name for name in ARKIT_NAMES)
    weights = {"jawLeft": 0.5, "jawOpen": 0.25, "eyeLookInLeft": 1.0, "mouthSmileLeft": 0.25,
               "mouthSmileRight": 0.75}  # fmt: skip
    assert mirrored(weights) == {
        "jawRight": 0.5, "jawOpen": 0.25, "eyeLookInRight": 1.0, "mouthSmileRight": 0.25, "mouthSmileLeft": 0.75,
    }  # fmt: skip
    assert mirrored(mirrored(weights)) == weights


def test_linked_pairs() -> None:
    assert len(LEADER_OF) == 18 and not DIRECTIONS & set(LEADER_OF)
    assert all(right.endswith("Right") and left.endswith("Left") for right, left in LEADER_OF.items())
    assert LEADER_OF["mouthSmileRight"] == "mouthSmileLeft"
    # Eyes look the same way: the left eye turning to its nose is the right eye turning away from it.
    assert LEADER_OF["eyeLookOutRight"] == "eyeLookInLeft" and LEADER_OF["eyeLookInRight"] == "eyeLookOutLeft"
    assert {FOLLOWER_OF[left]: left for left in FOLLOWER_OF} == LEADER_OF


def test_copy_one_side() -> None:
    weights = {
        "mouthSmileLeft": 0.75, "mouthSmileRight": 0.25, "jawLeft": 0.5, "jawRight": 0.0,
        "eyeLookInLeft": 0.5, "eyeLookInRight": 0.0, "eyeLookOutLeft": 0.0, "eyeLookOutRight": 0.125,
        "jawOpen": 1.0,
    }  # fmt: skip
    right = copied(weights, to_right=True)
    assert (right["mouthSmileLeft"], right["mouthSmileRight"]) == (0.75, 0.75)
    assert (right["eyeLookInLeft"], right["eyeLookOutRight"], right["eyeLookInRight"]) == (0.5, 0.5, 0.0)
    assert (right["jawLeft"], right["jawRight"], right["jawOpen"]) == (0.5, 0.0, 1.0)
    left = copied(weights, to_right=False)
    assert (left["mouthSmileLeft"], left["mouthSmileRight"]) == (0.25, 0.25)
    assert (left["eyeLookInLeft"], left["eyeLookOutRight"]) == (0.125, 0.125)


def test_agreed_weights_of_linked_sides() -> None:
    assert agreed({"mouthSmileLeft": 0.5, "mouthSmileRight": 0.25, "jawOpen": 1.0}, LEADER_OF) == {
        "mouthSmileLeft": 0.375, "jawOpen": 1.0,
    }  # fmt: skip
    assert agreed({"mouthSmileRight": 0.25}, LEADER_OF) == {"mouthSmileLeft": 0.25}
    assert agreed({"jawRight": 0.25}, LEADER_OF) == {"jawRight": 0.25}
    assert agreed({"mouthSmileRight": 0.25}, {}) == {"mouthSmileRight": 0.25}


def test_poses_replace_and_add() -> None:
    assert list(POSES) == list(KEY_EXPRESSION_NAMES) == list(TIPS)
    current = {"jawOpen": 0.5, "mouthSmileLeft": 0.25, "mouthSmileRight": 0.0, "tongueOut": 1.25}
    pose = {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8}
    half = posed(current, pose, 0.5)
    assert half == {"jawOpen": 0.0, "mouthSmileLeft": 0.4, "mouthSmileRight": 0.4, "tongueOut": 0.0}
    added = posed(current, pose, 1.0, add=True)
    # What the pose does not touch stays, even where an artist has widened the slider.
    assert added == {"jawOpen": 0.5, "mouthSmileLeft": 1.0, "mouthSmileRight": 0.8, "tongueOut": 1.25}
    assert posed(current, pose, 1.5)["mouthSmileLeft"] == 1.0
    assert posed(current, {"jawOpen": 0.5}, 9.0)["jawOpen"] == 0.5 * STRONGEST
    assert posed(current, pose, -1.0) == dict.fromkeys(current, 0.0)
    assert label_of_pose("lip_roll") == "Lip Roll"
