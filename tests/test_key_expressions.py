"""The table of the 20 key expressions."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.face_model.base import ARKIT_NAMES
from facewright.face_model.key_expressions import KEY_EXPRESSION_NAMES, KEY_EXPRESSIONS, key_expression_weights

FACESCAPE = """neutral smile mouth_stretch anger jaw_left jaw_right jaw_forward mouth_left mouth_right dimpler
    chin_raiser lip_puckerer lip_funneler sadness lip_roll grin cheek_blowing eye_closed brow_raiser
    brow_lower""".split()


def swapped(name: str) -> str:
    """The blendshape on the other side."""
    for side, other in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(side):
            return name.removesuffix(side) + other
    return name


def test_names_and_order_are_facescapes() -> None:
    assert list(KEY_EXPRESSION_NAMES) == FACESCAPE


def test_weights_are_of_known_blendshapes_and_between_0_and_1() -> None:
    for name, pose in KEY_EXPRESSIONS.items():
        assert set(pose) <= set(ARKIT_NAMES), name
        assert all(0.0 < weight <= 1.0 for weight in pose.values()), name
        # Every pose but the neutral has one blendshape near its full strength, or its own map could not show.
        assert max(pose.values(), default=0.0) >= 0.6 or name == "neutral", name
    assert KEY_EXPRESSIONS["neutral"] == {}


def test_only_sideways_expressions_are_asymmetric() -> None:
    poses = {name: dict(pose) for name, pose in KEY_EXPRESSIONS.items()}
    for name, pose in poses.items():
        mirrored = {swapped(blendshape): weight for blendshape, weight in pose.items()}
        assert mirrored == poses[swapped_key(name)], name
        assert (mirrored == pose) == (name.removesuffix("_left").removesuffix("_right") == name), name


def swapped_key(name: str) -> str:
    """The key expression on the other side."""
    return {"jaw_left": "jaw_right", "jaw_right": "jaw_left", "mouth_left": "mouth_right",
            "mouth_right": "mouth_left"}.get(name, name)  # fmt: skip


def test_matrix() -> None:
    weights = key_expression_weights()
    assert weights.shape == (20, 52) and weights.dtype == np.float64
    assert weights[FACESCAPE.index("jaw_left"), ARKIT_NAMES.index("jawLeft")] == 1.0
    assert weights[FACESCAPE.index("smile"), ARKIT_NAMES.index("mouthSmileRight")] == 0.9
    assert not weights[0].any()
    # No two poses are the same mixture: the weights must tell the 19 maps apart.
    unit = weights[1:] / np.linalg.norm(weights[1:], axis=1)[:, None]
    assert np.linalg.matrix_rank(weights[1:]) == 19
    assert (unit @ unit.T - np.eye(19)).max() < 0.85


def test_columns_follow_the_given_names() -> None:
    some = key_expression_weights(("jawOpen", "noSuchShape", "eyeBlinkLeft"))
    assert some.shape == (20, 3)
    assert some[FACESCAPE.index("mouth_stretch"), 0] == 1.0
    assert some[FACESCAPE.index("eye_closed"), 2] == 1.0
    assert not some[:, 1].any()


def test_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        KEY_EXPRESSIONS["smile"]["jawOpen"] = 1.0  # type: ignore[index]
